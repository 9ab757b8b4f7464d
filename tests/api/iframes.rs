//! The pages that applications hold in hidden frames. What their scripts do is seen in a browser: `tests/clients`.

use aws_lc_rs::digest::{SHA256, SHA384, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use reqwest::Client;
use serde_json::json;

use crate::browser::{Browser, app, parameter};
use crate::support::{Answer, Realm, server};

async fn get(realm: &Realm, path: &str) -> Answer {
    let url = format!(
        "{}/realms/{}/protocol/openid-connect/{path}",
        server().url,
        realm.name
    );
    Answer::read(Client::new().get(url).send().await.unwrap()).await
}

#[tokio::test]
async fn the_frames_may_be_framed_and_run_their_own_script_only() {
    let realm = Realm::new().await;
    for path in [
        "login-status-iframe.html",
        "3p-cookies/step1.html",
        "3p-cookies/step2.html",
    ] {
        let page = get(&realm, path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.headers.get("x-frame-options").is_none(), "{path}");
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(!policy.contains("frame-ancestors"), "{policy}");
        let (_, script) = page.text.split_once("<script>").unwrap();
        let (script, _) = script.split_once("</script>").unwrap();
        let hash = STANDARD.encode(digest(&SHA256, script.as_bytes()));
        assert!(
            policy.contains(&format!("script-src 'sha256-{hash}';")),
            "{path}: {policy}"
        );
        assert_eq!(page.headers["content-type"], "text/html;charset=utf-8");
    }
    // Everything else stays unframed.
    let other = get(&realm, "certs").await;
    assert_eq!(other.headers["x-frame-options"], "SAMEORIGIN");
    assert_eq!(get(&realm, "3p-cookies/step3.html").await.status, 404);
}

#[tokio::test]
async fn only_origins_of_the_client_learn_whether_its_session_goes_on() {
    let realm = Realm::new().await;
    app(&realm, json!({ "webOrigins": ["http://app.test"] })).await;
    let disabled = json!({ "clientId": "off", "enabled": false, "publicClient": true, "webOrigins": ["http://app.test"] });
    realm.admin.create(&realm.path("/clients"), disabled).await;
    for (query, expected) in [
        ("client_id=app&origin=http://app.test".to_owned(), 204),
        (format!("client_id=app&origin={}", server().url), 204),
        ("client_id=app&origin=http://evil.test".to_owned(), 403),
        (
            "client_id=app&origin=http://app.test.evil.test".to_owned(),
            403,
        ),
        ("client_id=app&origin=http".to_owned(), 403),
        ("client_id=app&origin=".to_owned(), 403),
        ("client_id=app".to_owned(), 403),
        ("client_id=unknown&origin=http://app.test".to_owned(), 403),
        ("client_id=off&origin=http://app.test".to_owned(), 403),
        (String::new(), 403),
    ] {
        let answer = get(&realm, &format!("login-status-iframe.html/init?{query}")).await;
        assert_eq!(
            (answer.status, answer.text.as_str()),
            (expected, ""),
            "{query}"
        );
    }
}

#[tokio::test]
async fn the_session_cookie_holds_what_the_frame_compares() {
    let realm = Realm::new().await;
    app(&realm, json!({})).await;
    let mut browser = Browser::new();
    let back = browser.sign_in(&realm.name, "", "alice", "secret").await;
    let session = parameter(&back, "session_state").unwrap();
    let expected = URL_SAFE.encode(digest(&SHA384, session.as_bytes()));
    assert_eq!(
        browser.cookies["KEYCLOAK_SESSION"].trim_matches('"'),
        expected
    );
}
