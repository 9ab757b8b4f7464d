//! Cross-origin requests: who may read what, and that no cookie speaks for an administrator.

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::browser::{Browser, app};
use crate::support::{Answer, Realm, patiently, server};

const APP: &str = "http://app.test";
const EVIL: &str = "http://evil.test";
const HEADERS: &str = "Origin, Access-Control-Request-Method, X-Requested-With, Accept, \
     Access-Control-Request-Headers, DPoP, Content-Type, Authorization";

async fn call(request: RequestBuilder) -> Answer {
    patiently(|| request.try_clone().unwrap()).await
}

fn url(realm: &Realm, path: &str) -> String {
    format!("{}/realms/{}{path}", server().url, realm.name)
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer
        .headers
        .get(name)
        .map(|value| value.to_str().unwrap())
}

/// The origin that may read the answer; if there is one, with credentials.
fn reader(answer: &Answer) -> Option<&str> {
    let origin = header(answer, "access-control-allow-origin");
    let credentials = header(answer, "access-control-allow-credentials");
    assert_eq!(credentials, origin.map(|_| "true"));
    origin
}

fn password(realm: &Realm, client: &str, password: &str, origin: &str) -> RequestBuilder {
    let form = [
        ("grant_type", "password"),
        ("client_id", client),
        ("username", "alice"),
        ("password", password),
        ("scope", "openid"),
    ];
    let request = Client::new().post(url(realm, "/protocol/openid-connect/token"));
    request.form(&form).header("Origin", origin)
}

async fn realm_with(origins: Value) -> Realm {
    let realm = Realm::new().await;
    app(&realm, json!({ "webOrigins": origins })).await;
    realm
}

#[tokio::test]
async fn preflights_are_answered_for_every_origin() {
    let realm = Realm::new().await;
    for (path, methods) in [
        ("/protocol/openid-connect/token", "POST, OPTIONS"),
        ("/protocol/openid-connect/revoke", "POST, OPTIONS"),
        ("/protocol/openid-connect/userinfo", "GET, HEAD, OPTIONS"),
        ("/protocol/openid-connect/logout", "GET, HEAD, OPTIONS"),
        ("/protocol/openid-connect/certs", "GET"),
        ("/.well-known/openid-configuration", "GET"),
        ("/.well-known/oauth-authorization-server", "GET"),
        ("", "GET"),
    ] {
        let request = Client::new().request(Method::OPTIONS, url(&realm, path));
        let request = request.header("Access-Control-Request-Method", "POST");
        let answer = call(request.header("Origin", "http://any.test")).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, ""), "{path}");
        assert_eq!(reader(&answer), Some("http://any.test"), "{path}");
        assert_eq!(
            header(&answer, "access-control-allow-methods"),
            Some(methods),
            "{path}"
        );
        assert_eq!(
            header(&answer, "access-control-allow-headers"),
            Some(HEADERS),
            "{path}"
        );
        assert_eq!(
            header(&answer, "access-control-max-age"),
            Some("3600"),
            "{path}"
        );
    }
    let introspect = url(&realm, "/protocol/openid-connect/token/introspect");
    let request = Client::new().request(Method::OPTIONS, introspect);
    let answer = call(request.header("Origin", "http://any.test")).await;
    assert_eq!(
        (answer.status, header(&answer, "allow")),
        (200, Some("HEAD, POST, OPTIONS"))
    );
    assert_eq!(reader(&answer), None);
}

#[tokio::test]
async fn answers_are_read_by_the_origins_that_the_client_names() {
    let own = server().url.clone();
    for (origins, origin, expected) in [
        (json!([APP]), APP, Some(APP)),
        (json!([APP]), EVIL, None),
        (json!([APP]), "http://APP.test", None),
        (json!([APP]), "http://app.test/", None),
        (json!([APP]), "http://app.test:80", None),
        (json!([APP]), "http://app.test.evil.test", None),
        (json!([APP]), "null", None),
        (json!([APP]), "*", None),
        (json!(["+"]), APP, Some(APP)),
        (json!(["+"]), EVIL, None),
        (
            json!(["http://b.test", "+"]),
            "http://b.test",
            Some("http://b.test"),
        ),
        (json!(["*"]), EVIL, Some(EVIL)),
        (json!(["-"]), APP, None),
    ] {
        let realm = realm_with(origins.clone()).await;
        let answer = call(password(&realm, "app", "secret", origin)).await;
        assert_eq!(reader(&answer), expected, "{origins} {origin}");
        if expected.is_some() {
            assert_eq!(answer.status, 200);
            let exposed = header(&answer, "access-control-expose-headers");
            assert_eq!(exposed, Some("Access-Control-Allow-Methods"));
        } else {
            assert_eq!(
                (answer.status, answer.json),
                (403, json!({ "error": "Invalid origin" }))
            );
        }
        // Pages of this server itself need no leave.
        let answer = call(password(&realm, "app", "secret", &own)).await;
        let listed = origins == json!(["*"]);
        assert_eq!(
            (answer.status, reader(&answer)),
            (200, listed.then_some(own.as_str()))
        );
    }
}

#[tokio::test]
async fn errors_are_read_by_whom_they_may_be_read() {
    let realm = realm_with(json!([APP])).await;
    let wrong = call(password(&realm, "app", "wrong", APP)).await;
    assert_eq!((wrong.status, reader(&wrong)), (400, Some(APP)));
    // Whether the password is right is nothing that another page may find out.
    let theirs = call(password(&realm, "app", "wrong", EVIL)).await;
    assert_eq!((theirs.status, reader(&theirs)), (403, None));
    let unknown = call(password(&realm, "unknown", "secret", EVIL)).await;
    assert_eq!((unknown.status, reader(&unknown)), (401, Some(EVIL)));
}

#[tokio::test]
async fn userinfo_revocation_and_logout_ask_the_same() {
    let realm = realm_with(json!([APP])).await;
    let tokens = call(password(&realm, "app", "secret", APP)).await.json;
    let access = tokens["access_token"].as_str().unwrap();
    let userinfo = url(&realm, "/protocol/openid-connect/userinfo");
    let ask = |origin: &str| Client::new().get(&userinfo).header("Origin", origin);
    for (origin, expected) in [
        (APP, (200, Some(APP))),
        (EVIL, (403, None)),
        ("null", (403, None)),
    ] {
        let answer = call(ask(origin).bearer_auth(access)).await;
        assert_eq!((answer.status, reader(&answer)), expected);
    }
    for request in [ask(EVIL), ask(EVIL).bearer_auth("x")] {
        let answer = call(request).await;
        assert_eq!((answer.status, reader(&answer)), (401, Some(EVIL)));
        let exposed = header(&answer, "access-control-expose-headers");
        assert_eq!(
            exposed,
            Some("Access-Control-Allow-Methods, WWW-Authenticate")
        );
    }
    for (path, name, status) in [("revoke", "token", 200), ("logout", "refresh_token", 400)] {
        let form = [("client_id", "app"), (name, "x")];
        let request = Client::new().post(url(&realm, &format!("/protocol/openid-connect/{path}")));
        for (origin, expected) in [(APP, (status, Some(APP))), (EVIL, (403, None))] {
            let answer = call(
                request
                    .try_clone()
                    .unwrap()
                    .form(&form)
                    .header("Origin", origin),
            )
            .await;
            assert_eq!(
                (answer.status, reader(&answer)),
                expected,
                "{path} {origin}"
            );
        }
    }
}

#[tokio::test]
async fn public_documents_are_read_by_all_and_pages_by_none() {
    let realm = realm_with(json!([APP])).await;
    for path in [
        "",
        "/.well-known/openid-configuration",
        "/protocol/openid-connect/certs",
    ] {
        let answer = call(Client::new().get(url(&realm, path)).header("Origin", EVIL)).await;
        assert_eq!(
            (answer.status, reader(&answer)),
            (200, Some(EVIL)),
            "{path}"
        );
    }
    for path in [
        "/protocol/openid-connect/logout",
        "/protocol/openid-connect/auth?client_id=app&response_type=code&redirect_uri=http://app.test/cb",
        "/protocol/openid-connect/login-status-iframe.html",
    ] {
        let answer = call(Client::new().get(url(&realm, path)).header("Origin", APP)).await;
        assert_eq!((answer.status, reader(&answer)), (200, None), "{path}");
    }
}

#[tokio::test]
async fn cookies_never_authenticate_the_admin_api() {
    let realm = realm_with(json!(["*"])).await;
    let mut browser = Browser::new();
    browser.sign_in(&realm.name, "", "alice", "secret").await;
    let cookies: Vec<_> = browser
        .cookies
        .iter()
        .map(|(n, v)| format!("{n}={v}"))
        .collect();
    let path = format!("{}/admin/realms/{}/users", server().url, realm.name);
    for origin in [server().url.as_str(), EVIL, "null"] {
        for content in [
            "application/json",
            "text/plain",
            "application/x-www-form-urlencoded",
        ] {
            let request = Client::new().post(&path).header("Origin", origin);
            let request = request
                .header("Cookie", cookies.join("; "))
                .header("Content-Type", content);
            let answer = call(request.body("{\"username\":\"mallory\"}")).await;
            assert_eq!(answer.status, 401, "{origin} {content}");
            assert_eq!(reader(&answer), None);
        }
    }
    let known = realm
        .admin
        .get(&realm.path("/users?username=mallory"))
        .await;
    assert_eq!(known.json, json!([]));
}
