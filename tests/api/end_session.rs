//! Logout by a browser: who is asked, what ends, and where the browser goes then.

use serde_json::{Value, json};

use crate::browser::{Browser, action, app, auth_url, parameter, redeem};
use crate::support::{Answer, Realm, claims, server, token};

pub const BYE: &str = "http://app.test/bye";

pub struct Signed {
    pub browser: Browser,
    pub tokens: Value,
}

impl Signed {
    /// Alice, signed in to `app`, which sends people to [`BYE`] and below `/out/`.
    pub async fn in_to(realm: &Realm) -> Self {
        let mut browser = Browser::new();
        let back = browser
            .sign_in(&realm.name, "&scope=openid", "alice", "secret")
            .await;
        let code = parameter(&back, "code").unwrap();
        let tokens = redeem(&realm.name, &code, &[]).await.json;
        Self { browser, tokens }
    }

    pub fn hint(&self) -> String {
        format!(
            "id_token_hint={}",
            self.tokens["id_token"].as_str().unwrap()
        )
    }

    pub async fn log_out(&mut self, realm: &Realm, query: &str) -> Answer {
        self.browser.get(&logout_url(realm, query)).await
    }

    /// Whether the session goes on, for its tokens and for its browser.
    pub async fn lives(&mut self, realm: &Realm) -> bool {
        let refresh = self.tokens["refresh_token"].as_str().unwrap();
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", "app"),
            ("refresh_token", refresh),
        ];
        let refreshed = token(&server().url, &realm.name, &form).await.status == 200;
        let silent = self
            .browser
            .get(&auth_url(&realm.name, "&prompt=none"))
            .await;
        let known = parameter(&silent, "code").is_some();
        assert_eq!(refreshed, known, "{}", silent.location);
        known
    }
}

pub fn logout_url(realm: &Realm, query: &str) -> String {
    format!(
        "{}/realms/{}/protocol/openid-connect/logout?{query}",
        server().url,
        realm.name
    )
}

pub async fn realm() -> Realm {
    let realm = Realm::with(json!({ "eventsEnabled": true })).await;
    let attributes =
        json!({ "post.logout.redirect.uris": format!("{BYE}##http://app.test/out/*") });
    app(
        &realm,
        json!({ "attributes": attributes, "baseUrl": "http://app.test/home" }),
    )
    .await;
    realm
}

/// The last event of logouts: type, error, and details.
pub async fn last_event(realm: &Realm) -> (Value, Value, Value) {
    let events = realm
        .admin
        .get(&realm.path("/events?type=LOGOUT&type=LOGOUT_ERROR"))
        .await
        .json;
    let last = &events[0];
    (
        last["type"].clone(),
        last["error"].clone(),
        last["details"].clone(),
    )
}

fn cleared(answer: &Answer) -> Vec<String> {
    let cookies = answer.headers.get_all("set-cookie").iter();
    let mut names: Vec<String> = cookies
        .map(|cookie| cookie.to_str().unwrap())
        .filter(|cookie| cookie.contains("=;") && cookie.contains("Max-Age=0"))
        .map(|cookie| cookie.split('=').next().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

pub fn says(answer: &Answer, status: u16, id: &str, text: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert!(
        answer.text.contains(&format!("data-page-id=\"{id}\"")),
        "{}",
        answer.text
    );
    assert!(answer.text.contains(text), "{}", answer.text);
    assert!(answer.location.is_empty());
}

#[tokio::test]
async fn an_id_token_of_the_browsers_session_ends_it_without_a_question() {
    let realm = realm().await;
    let mut alice = Signed::in_to(&realm).await;
    let query = format!(
        "{}&post_logout_redirect_uri={BYE}&state=s%201%26x",
        alice.hint()
    );
    let answer = alice.log_out(&realm, &query).await;
    assert_eq!(answer.status, 302, "{}", answer.text);
    assert_eq!(answer.location, format!("{BYE}?state=s+1%26x"));
    assert_eq!(cleared(&answer), ["KEYCLOAK_IDENTITY", "KEYCLOAK_SESSION"]);
    assert!(!alice.lives(&realm).await);
    let (kind, error, details) = last_event(&realm).await;
    assert_eq!((kind, error), (json!("LOGOUT"), Value::Null));
    assert_eq!(details, json!({ "redirect_uri": BYE }));

    // Again: there is nothing to end, and the way back is open all the same.
    let again = alice.log_out(&realm, &query).await;
    assert_eq!((again.status, again.location), (302, answer.location));
    assert_eq!(last_event(&realm).await.1, "session_expired");
}

#[tokio::test]
async fn without_a_place_to_go_the_page_says_that_it_is_done() {
    let realm = realm().await;
    let mut alice = Signed::in_to(&realm).await;
    let query = alice.hint();
    let answer = alice.log_out(&realm, &query).await;
    says(&answer, 200, "login-info", "You are logged out");
    assert!(
        answer.text.contains("href=\"http://app.test/home\""),
        "{}",
        answer.text
    );
    assert!(!alice.lives(&realm).await);
}

#[tokio::test]
async fn a_post_is_as_good_as_a_get_and_no_cookie_is_needed() {
    let realm = realm().await;
    let alice = Signed::in_to(&realm).await;
    let hint = alice.tokens["id_token"].as_str().unwrap();
    let form = [
        ("id_token_hint", hint),
        ("post_logout_redirect_uri", "http://app.test/out/x?y#z"),
        ("state", "p"),
    ];
    let mut stranger = Browser::new();
    let answer = stranger.post(&logout_url(&realm, ""), &form).await;
    assert_eq!(
        (answer.status, answer.location.as_str()),
        (302, "http://app.test/out/x?y&state=p#z")
    );
    let mut alice = alice;
    assert!(!alice.lives(&realm).await);
}

#[tokio::test]
async fn an_expired_id_token_is_a_good_hint() {
    let realm = realm().await;
    realm
        .admin
        .put(&realm.path(""), json!({ "accessTokenLifespan": 1 }))
        .await;
    let mut alice = Signed::in_to(&realm).await;
    let exp = claims(alice.tokens["id_token"].as_str().unwrap())["exp"]
        .as_i64()
        .unwrap();
    while store::clock::now() <= exp {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let query = alice.hint();
    says(
        &alice.log_out(&realm, &query).await,
        200,
        "login-info",
        "You are logged out",
    );
}

#[tokio::test]
async fn without_a_hint_the_user_is_asked_and_only_the_answer_ends_the_session() {
    let realm = realm().await;
    for query in [
        "",
        "client_id=app",
        "redirect_uri=http://app.test/bye",
        "client_id=unknown",
        "id_token_hint=",
    ] {
        let mut alice = Signed::in_to(&realm).await;
        let page = alice.log_out(&realm, query).await;
        says(
            &page,
            200,
            "login-logout-confirm",
            "Do you want to log out?",
        );
        let client = if query == "client_id=app" {
            "app"
        } else {
            "account"
        };
        let action = action(&page);
        assert!(
            action.contains(&format!(
                "/logout/logout-confirm?client_id={client}&tab_id="
            )),
            "{action}"
        );
        assert!(alice.lives(&realm).await, "{query}");
        let done = alice
            .browser
            .submit(&page, &[("confirmLogout", "Logout")])
            .await;
        says(&done, 200, "login-info", "You are logged out");
        assert_eq!(cleared(&done), ["KEYCLOAK_IDENTITY", "KEYCLOAK_SESSION"]);
        assert!(!alice.lives(&realm).await, "{query}");
    }
}

#[tokio::test]
async fn after_the_question_the_browser_goes_where_the_client_wanted() {
    let realm = realm().await;
    let mut alice = Signed::in_to(&realm).await;
    let query = format!("client_id=app&post_logout_redirect_uri={BYE}&state=s2");
    let page = alice.log_out(&realm, &query).await;
    says(
        &page,
        200,
        "login-logout-confirm",
        "Do you want to log out?",
    );
    let done = alice.browser.submit(&page, &[]).await;
    assert_eq!(
        (done.status, done.location),
        (302, format!("{BYE}?state=s2"))
    );
    assert!(!alice.lives(&realm).await);
    // Nobody to be asked.
    let answer = Browser::new().get(&logout_url(&realm, &query)).await;
    assert_eq!(
        (answer.status, answer.location),
        (302, format!("{BYE}?state=s2"))
    );
}

#[tokio::test]
async fn the_page_speaks_the_language_that_the_client_wants() {
    let realm = realm().await;
    let languages =
        json!({ "internationalizationEnabled": true, "supportedLocales": ["en", "de"] });
    realm.admin.put(&realm.path(""), languages).await;
    let mut alice = Signed::in_to(&realm).await;
    let page = alice.log_out(&realm, "client_id=app&ui_locales=de").await;
    says(&page, 200, "login-logout-confirm", "<html lang=\"de\"");
    let done = alice.browser.submit(&page, &[]).await;
    says(&done, 200, "login-info", "<html lang=\"de\"");
}

#[tokio::test]
async fn clients_that_want_it_are_called_by_the_browser() {
    let realm = realm().await;
    let front = json!({
        "clientId": "front", "name": "The <Front>", "publicClient": true, "redirectUris": ["*"], "frontchannelLogout": true,
        "attributes": {
            "frontchannel.logout.url": "http://front.test/out?a=b", "frontchannel.logout.session.required": "true"
        }
    });
    realm.admin.create(&realm.path("/clients"), front).await;
    let mut alice = Signed::in_to(&realm).await;
    let sso = auth_url(&realm.name, "").replace("client_id=app", "client_id=front");
    assert_eq!(alice.browser.get(&sso).await.status, 302);
    let query = format!("{}&post_logout_redirect_uri={BYE}&state=z", alice.hint());
    let page = alice.log_out(&realm, &query).await;
    says(
        &page,
        200,
        "login-frontchannel-logout",
        "You are logging out from following apps",
    );
    let sid = alice.tokens["session_state"].as_str().unwrap();
    let issuer = format!("{}/realms/{}", server().url, realm.name);
    let issuer = issuer.replace(':', "%3A").replace('/', "%2F");
    let url = format!("http://front.test/out?a=b&sid={sid}&iss={issuer}");
    let text = crate::browser::unescape(&page.text);
    assert!(text.contains(&format!("<iframe src=\"{url}\"")), "{text}");
    assert!(!page.text.contains("<Front>"), "{}", page.text);
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.contains("frame-src 'self' http://front.test;"),
        "{policy}"
    );
    assert_eq!(page.headers["refresh"], format!("3; url={BYE}?state=z"));
    assert!(text.contains(&format!("href=\"{BYE}?state=z\"")), "{text}");
    assert!(!alice.lives(&realm).await);
}
