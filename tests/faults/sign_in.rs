//! Logins over several nodes, and through the end of a node or of the database.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use serde_json::{Value, json};
use testkit::http::{Request, Response};

use crate::chance::Chance;
use crate::invariants::wait_for_silence;
use crate::node::{Node, Setup};
use crate::postgres::{Database, Postgres, Stop};
use crate::process::{say, signal, until};
use crate::window::{CALLBACK, Form, Window, action, auth_path, code, post};
use crate::{RECOVERY, SLACK, SPREAD, alone, beside, postgres};

mod crash;
pub mod races;

const REALM: &str = "login";
const PASSWORD: &str = "wonderland-1";
const APP: [(&str, &str); 2] = [("client_id", "app"), ("client_secret", "s3")];
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Two nodes that are one server to browsers and clients.
struct Pair {
    database: Database,
    a: Node,
    b: Node,
}

impl Pair {
    fn new(settings: Value) -> Self {
        let database = postgres::shared().database();
        let a = Node::start(&database);
        let b = Setup::start(&database).option("--hostname", &a.url).ready();
        realm(&a, settings);
        Self { database, a, b }
    }

    fn nodes(&self) -> [&Node; 2] {
        [&self.a, &self.b]
    }
}

/// The realm of these tests: alice, and a client `app` that may do all that they need. Returns alice's id.
fn realm(node: &Node, settings: Value) -> String {
    let mut rep = json!({"realm": REALM, "enabled": true});
    let more = settings.as_object().unwrap().clone();
    rep.as_object_mut().unwrap().extend(more);
    node.create("", &rep);
    client(node, "app", json!({}));
    node.user(REALM, "alice", PASSWORD)
}

fn client(node: &Node, id: &str, more: Value) -> String {
    let mut rep = json!({
        "clientId": id, "secret": "s3", "redirectUris": [CALLBACK], "directAccessGrantsEnabled": true,
        "attributes": {"oauth2.device.authorization.grant.enabled": "true"},
    });
    let more = more.as_object().unwrap().clone();
    rep.as_object_mut().unwrap().extend(more);
    node.create(&format!("/{REALM}/clients"), &rep)
}

fn endpoint(path: &str) -> String {
    format!("/realms/{REALM}/protocol/openid-connect/{path}")
}

fn call(node: &Node, path: &str, client: &Form<'_>, form: &Form<'_>) -> Response {
    let request = post(&endpoint(path), &[client, form].concat());
    request.send(&node.url).unwrap()
}

fn redemption(code: &str) -> [(&str, &str); 3] {
    [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
    ]
}

fn redeem(node: &Node, code: &str) -> Response {
    call(node, "token", &APP, &redemption(code))
}

fn refresh(node: &Node, token: &str) -> Response {
    let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
    call(node, "token", &APP, &form)
}

fn userinfo(node: &Node, token: &str) -> u16 {
    let request = Request::new("GET", endpoint("userinfo")).bearer(token);
    request.send(&node.url).unwrap().status
}

/// What introspection says of a client's own refresh token.
fn is_active(node: &Node, client: &Form<'_>, token: &str) -> bool {
    let form = [("token", token), ("token_type_hint", "refresh_token")];
    let answer = call(node, "token/introspect", client, &form);
    answer.json()["active"].as_bool().unwrap()
}

/// What the token endpoint gave.
struct Tokens(Value);

impl Tokens {
    #[track_caller]
    fn of(answer: &Response) -> Self {
        assert_eq!(answer.status, 200, "{}", answer.text());
        Self(answer.json())
    }

    fn get(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap()
    }

    /// Whether a node takes them: all of them or none.
    fn live_at(&self, node: &Node) -> bool {
        let live = is_active(node, &APP, self.get("refresh_token"));
        let seen = userinfo(node, self.get("access_token"));
        assert_eq!(seen, if live { 200 } else { 401 });
        let refreshed = refresh(node, self.get("refresh_token"));
        assert_eq!(refreshed.status == 200, live, "{}", refreshed.text());
        live
    }
}

#[track_caller]
fn is_grant_refused(answer: &Response) {
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(answer.json()["error"], "invalid_grant");
}

fn credentials() -> [(&'static str, &'static str); 2] {
    [("username", "alice"), ("password", PASSWORD)]
}

/// Opens the login page at one node and sends the form to another; what comes of it.
fn sign_in(window: &mut Window, page: &Node, form: &Node, client: &str) -> Response {
    let page = window.get(page, &auth_path(REALM, client, "openid"));
    assert_eq!(page.status, 200, "{}", page.text());
    window.submit(form, &page, &credentials())
}

fn login(window: &mut Window, node: &Node) -> Tokens {
    let code = code(&sign_in(window, node, node, "app"));
    Tokens::of(&redeem(node, &code))
}

#[test]
fn a_login_begun_on_one_node_is_finished_on_another_and_what_ends_on_one_is_dead_on_both() {
    let _beside = beside();
    let Pair { a, b, .. } = Pair::new(json!({}));
    let users = a.admin("GET", &format!("/{REALM}/users"), None).json();
    let alice = users[0]["id"].as_str().unwrap().to_owned();
    type Way<'a> = (&'a str, &'a dyn Fn(&Tokens));
    let ways: [Way<'_>; 4] = [
        ("logout by the client", &|tokens| {
            let form = [("refresh_token", tokens.get("refresh_token"))];
            assert_eq!(call(&a, "logout", &APP, &form).status, 204);
        }),
        ("the session deleted", &|tokens| {
            let session = tokens.get("session_state");
            a.admin("DELETE", &format!("/{REALM}/sessions/{session}"), None);
        }),
        ("logout of the user", &|_| {
            a.admin("POST", &format!("/{REALM}/users/{alice}/logout"), None);
        }),
        ("the token revoked", &|tokens| {
            let form = [("token", tokens.get("refresh_token"))];
            assert_eq!(call(&a, "revoke", &APP, &form).status, 200);
        }),
    ];
    for (way, end) in ways {
        let mut window = Window::default();
        let code = code(&sign_in(&mut window, &a, &b, "app"));
        let tokens = Tokens::of(&redeem(&a, &code));
        assert!(tokens.live_at(&a) && tokens.live_at(&b));
        let again = window.get(&b, &auth_path(REALM, "app", "openid"));
        assert_eq!(again.status, 302, "signed in on both");
        end(&tokens);
        assert!(!tokens.live_at(&b), "{way}: goes on on B");
        assert!(!tokens.live_at(&a), "{way}: goes on on A");
        if way != "the token revoked" {
            let again = window.get(&b, &auth_path(REALM, "app", "openid"));
            assert_eq!(again.status, 200, "{way}: the browser is still signed in");
        }
    }
    let mut window = Window::default();
    let tokens = login(&mut window, &b);
    let path = format!(
        "{}?id_token_hint={}",
        endpoint("logout"),
        tokens.get("id_token")
    );
    assert!(window.get(&a, &path).status < 400);
    assert!(!tokens.live_at(&b), "logout by the browser: goes on on B");
}

#[test]
fn a_consent_taken_back_or_a_client_disabled_on_one_node_ends_its_tokens_on_the_other() {
    let _alone = alone();
    let Pair { a, b, .. } = Pair::new(json!({}));
    let users = a.admin("GET", &format!("/{REALM}/users"), None).json();
    let alice = users[0]["id"].as_str().unwrap();
    let asking = client(&a, "asking", json!({"consentRequired": true}));
    let own = [("client_id", "asking"), ("client_secret", "s3")];
    let mut window = Window::default();
    let mut granted = |must_ask: bool| {
        window.cookies.clear();
        let answer = sign_in(&mut window, &a, &b, "asking");
        let page = window.follow(&a, answer);
        let asks = page.status == 200 && action(&page.text()).contains("/login-actions/consent?");
        assert_eq!(asks, must_ask, "{}", page.text());
        let answer = match asks {
            true => window.submit(&b, &page, &[("accept", "Yes")]),
            false => page,
        };
        let answer = call(&a, "token", &own, &redemption(&code(&answer)));
        Tokens::of(&answer)
    };
    let refresh = |tokens: &Tokens| {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", tokens.get("refresh_token")),
        ];
        call(&b, "token", &own, &form).status
    };
    granted(true);
    let tokens = granted(false);
    assert_eq!(refresh(&tokens), 200);
    let path = format!("/{REALM}/users/{alice}/consents/asking");
    a.admin("DELETE", &path, None);
    assert_eq!(refresh(&tokens), 400, "the consent is gone");
    assert_eq!(userinfo(&b, tokens.get("access_token")), 401);

    let tokens = granted(true);
    assert!(is_active(&b, &own, tokens.get("refresh_token")));
    let path = format!("/{REALM}/clients/{asking}");
    let disabled = json!({"clientId": "asking", "enabled": false});
    a.admin("PUT", &path, Some(&disabled));
    let (_, took) = until("client disabled", Duration::from_secs(10), || {
        let dead = refresh(&tokens) != 200
            && userinfo(&b, tokens.get("access_token")) == 401
            && window.get(&b, &auth_path(REALM, "asking", "openid")).status == 400;
        dead.then_some(())
    });
    say(&format!(
        "client disabled: on the other node after {took:?}"
    ));
    assert!(
        took <= SPREAD + SLACK,
        "client disabled: only after {took:?}"
    );
}
