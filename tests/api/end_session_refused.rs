//! Logout by a browser: what ends nothing and leads nowhere.

use serde_json::json;

use crate::browser::{Browser, CALLBACK, action};
use crate::end_session::{BYE, Signed, last_event, logout_url, realm, says};
use crate::support::{server, token};

#[tokio::test]
async fn no_other_browser_answers_the_question() {
    let realm = realm().await;
    let mut alice = Signed::in_to(&realm).await;
    let page = alice.log_out(&realm, "client_id=app").await;
    // A page of an attacker knows its own question, and makes the user's browser answer it.
    let theirs = Browser::new()
        .get(&logout_url(&realm, "client_id=app"))
        .await;
    let sent = alice.browser.submit(&theirs, &[]).await;
    says(&sent, 400, "login-error", "Logout failed");
    // Without the cookie, with a code of nobody, with none, and by a link.
    let url = action(&page);
    says(
        &Browser::new().submit(&page, &[]).await,
        400,
        "login-error",
        "Logout failed",
    );
    says(
        &alice.browser.post(&url, &[("session_code", "x")]).await,
        400,
        "login-error",
        "Logout failed",
    );
    says(
        &alice.browser.post(&url, &[]).await,
        400,
        "login-error",
        "Logout failed",
    );
    says(
        &alice.browser.get(&url).await,
        400,
        "login-error",
        "Logout failed",
    );
    let token = alice.tokens["refresh_token"].as_str().unwrap().to_owned();
    says(
        &alice.browser.post(&url, &[("session_code", &token)]).await,
        400,
        "login-error",
        "Logout failed",
    );
    let (kind, error, details) = last_event(&realm).await;
    assert_eq!(
        (kind, error),
        (json!("LOGOUT_ERROR"), json!("session_expired"))
    );
    assert_eq!(
        details,
        json!({ "reason": "Failed verification during logout." })
    );
    assert!(alice.lives(&realm).await);
}

#[tokio::test]
async fn a_hint_of_another_session_is_no_leave_to_end_this_one() {
    let realm = realm().await;
    let (mut first, mut second) = (Signed::in_to(&realm).await, Signed::in_to(&realm).await);
    let query = format!("{}&post_logout_redirect_uri={BYE}", first.hint());
    let page = second.log_out(&realm, &query).await;
    says(
        &page,
        200,
        "login-logout-confirm",
        "Do you want to log out?",
    );
    assert!(first.lives(&realm).await && second.lives(&realm).await);
    let done = second.browser.submit(&page, &[]).await;
    assert_eq!((done.status, done.location.as_str()), (302, BYE));
    assert!(!first.lives(&realm).await && !second.lives(&realm).await);
}

#[tokio::test]
async fn hints_that_are_no_id_token_of_this_realm_and_client_end_nothing() {
    let realm = realm().await;
    let other = json!({ "clientId": "other", "publicClient": true, "redirectUris": ["http://other.test/*"] });
    realm.admin.create(&realm.path("/clients"), other).await;
    let mut alice = Signed::in_to(&realm).await;
    let of = |name: &str| alice.tokens[name].as_str().unwrap().to_owned();
    let (id, access, refresh) = (of("id_token"), of("access_token"), of("refresh_token"));
    let form = [
        ("grant_type", "password"),
        ("client_id", "admin-cli"),
        ("username", "admin"),
        ("password", "admin"),
        ("scope", "openid"),
    ];
    let master = token(&server().url, "master", &form).await.json;
    let (head, rest) = id.split_once('.').unwrap();
    let (body, signature) = rest.split_once('.').unwrap();
    for hint in [
        "x".to_owned(),
        "a.b.c".to_owned(),
        access,
        refresh,
        master["id_token"].as_str().unwrap().to_owned(),
        format!("{head}.{body}."),
        // {"alg":"none"}
        format!("eyJhbGciOiJub25lIn0.{body}."),
        format!(
            "{head}.{body}.{}",
            signature.chars().rev().collect::<String>()
        ),
        format!("{id}&client_id=other"),
    ] {
        let answer = alice
            .log_out(
                &realm,
                &format!("id_token_hint={hint}&post_logout_redirect_uri={BYE}"),
            )
            .await;
        says(
            &answer,
            400,
            "login-error",
            "Invalid parameter: id_token_hint",
        );
        let (kind, error, _) = last_event(&realm).await;
        assert_eq!(
            (kind, error),
            (json!("LOGOUT_ERROR"), json!("invalid_token"))
        );
    }
    assert!(alice.lives(&realm).await);
}

#[tokio::test]
async fn nobody_is_sent_to_a_place_that_the_client_does_not_name() {
    let realm = realm().await;
    let mut alice = Signed::in_to(&realm).await;
    for uri in [
        "http://evil.test/",
        "http://app.test/bye/",
        "http://app.test/bye?x",
        "http://app.test/out/..%2fx",
        "http://app.test@evil.test/bye",
        "http://app.test%5c@evil.test/bye",
        "//evil.test/bye",
        "javascript:alert(1)",
        "http://app.test/out/%250d%250aSet-Cookie:x=y",
        "http://app.test/out/%0d%0aSet-Cookie:x=y",
        CALLBACK,
    ] {
        let hint = alice.hint();
        for query in ["client_id=app", hint.as_str()] {
            let query = format!("{query}&post_logout_redirect_uri={uri}");
            let answer = alice.log_out(&realm, &query).await;
            says(&answer, 400, "login-error", "Invalid redirect uri");
        }
    }
    let (_, error, details) = last_event(&realm).await;
    assert_eq!(
        (error, details),
        (
            json!("invalid_redirect_uri"),
            json!({ "redirect_uri": CALLBACK })
        )
    );
    let lost = alice
        .log_out(&realm, &format!("post_logout_redirect_uri={BYE}"))
        .await;
    says(
        &lost,
        400,
        "login-error",
        "Missing parameters: id_token_hint",
    );
    let unknown = alice
        .log_out(
            &realm,
            &format!("client_id=no&post_logout_redirect_uri={BYE}"),
        )
        .await;
    says(&unknown, 400, "login-error", "Invalid redirect uri");
    assert!(alice.lives(&realm).await);
}
