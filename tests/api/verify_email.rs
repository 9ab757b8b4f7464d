//! E-mail addresses that are verified in the course of a login.

use serde_json::json;

use crate::browser::{Browser, action, app};
use crate::mail_sink::{Sink, with_mail};
use crate::required_actions_login::{alice, change, demanding, ends, shows, sign_in};
use crate::second_factor::event;
use crate::support::{Answer, Realm};

/// A realm with a mail server and client `app`.
async fn mailing() -> (Realm, Sink) {
    let (realm, sink) = with_mail().await;
    app(&realm, json!({})).await;
    (realm, sink)
}

/// Presses the button of the page that a link leads to.
async fn press(browser: &mut Browser, link: &str) -> Answer {
    let page = browser.get(link).await;
    assert_eq!(page.status, 200, "{}", page.text);
    let (url, key) = link.split_once("?key=").unwrap();
    let answer = browser.post(url, &[("key", key)]).await;
    browser.follow(answer).await
}

#[tokio::test]
async fn an_address_is_verified_by_a_link_and_the_login_goes_on() {
    let (realm, mut sink) = mailing().await;
    let put = realm
        .admin
        .put(&realm.path(""), json!({ "verifyEmail": true }))
        .await;
    assert_eq!(put.status, 204);
    let mut browser = Browser::new();
    let page = sign_in(&mut browser, &realm, "").await;
    shows(&page, "login-login-verify-email", "alice@example.test");
    let letter = sink.letter().await;
    assert!(
        letter.text.contains("Subject: Verify email"),
        "{}",
        letter.text
    );
    assert_eq!(
        event(&realm, "SEND_VERIFY_EMAIL").await["details"]["email"],
        "alice@example.test"
    );
    let again = browser.submit(&page, &[]).await;
    shows(
        &again,
        "login-login-verify-email",
        "before resending the verification email.",
    );
    ends(&press(&mut browser, &letter.link()).await);
    assert_eq!(alice(&realm).await["emailVerified"], true);
    assert_eq!(
        event(&realm, "VERIFY_EMAIL").await["details"]["email"],
        "alice@example.test"
    );
}

#[tokio::test]
async fn a_link_that_is_followed_elsewhere_signs_nobody_in_there() {
    let (realm, mut sink) = mailing().await;
    change(&realm, json!({ "requiredActions": ["VERIFY_EMAIL"] })).await;
    let mut browser = Browser::new();
    let page = sign_in(&mut browser, &realm, "").await;
    let link = sink.letter().await.link();
    let mut other = Browser::new();
    let done = press(&mut other, &link).await;
    shows(&done, "login-info", "Your email address has been verified.");
    assert!(!other.cookies.contains_key("KEYCLOAK_IDENTITY"));
    let url = action(&page);
    let (start, rest) = url.split_once("session_code=").unwrap();
    let reloaded = browser
        .get(&format!("{start}{}", rest.split_once('&').unwrap().1))
        .await;
    ends(&browser.follow(reloaded).await);
}

#[tokio::test]
async fn without_a_mail_server_a_page_says_that_no_mail_went_out() {
    let realm = demanding(json!(["VERIFY_EMAIL"]), json!({})).await;
    let page = sign_in(&mut Browser::new(), &realm, "").await;
    assert_eq!(page.status, 500);
    assert!(
        page.text
            .contains("Failed to send email, please try again later."),
        "{}",
        page.text
    );
    assert_eq!(
        event(&realm, "SEND_VERIFY_EMAIL_ERROR").await["error"],
        "email_send_failed"
    );
}
