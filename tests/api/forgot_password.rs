//! A forgotten password is replaced by the link of an e-mail.

use serde_json::{Value, json};

use crate::browser::{Browser, app, auth_url, unescape};
use crate::mail_sink::{Sink, login, with_mail};
use crate::required_actions_login::{alice, change, ends, shows};
use crate::second_factor::{KEY, code, device, event, give};
use crate::support::{Answer, Realm, server};

const SENT: &str = "You should receive an email shortly with further instructions.";

/// A realm with a mail server and client `app`, where passwords may be forgotten.
async fn forgetful() -> (Realm, Sink) {
    let (realm, sink) = with_mail().await;
    app(&realm, json!({})).await;
    allow(&realm, true).await;
    (realm, sink)
}

async fn allow(realm: &Realm, allowed: bool) {
    let set = json!({ "resetPasswordAllowed": allowed });
    assert_eq!(realm.admin.put(&realm.path(""), set).await.status, 204);
}

/// Where the login form of a page leads those who forgot.
fn forgot(page: &Answer) -> Option<String> {
    let at = page.text.find("/login-actions/reset-credentials?")?;
    let start = page.text[..at].rfind('"').unwrap() + 1;
    let url = unescape(page.text[start..].split('"').next().unwrap());
    Some(match url.starts_with('/') {
        true => format!("{}{url}", server().url),
        false => url,
    })
}

/// Opens the form of those who forgot.
async fn open(browser: &mut Browser, realm: &Realm) -> Answer {
    let page = browser.get(&auth_url(&realm.name, "")).await;
    let page = browser.get(&forgot(&page).expect("no link")).await;
    shows(&page, "login-login-reset-password", "Forgot Your Password?");
    page
}

/// Asks for the e-mail of this name.
async fn ask(browser: &mut Browser, realm: &Realm, name: &str) -> Answer {
    let page = open(browser, realm).await;
    browser.submit(&page, &[("username", name)]).await
}

/// Presses the button of the page that a link leads to.
async fn press(browser: &mut Browser, link: &str) -> Answer {
    let (url, key) = link.split_once("?key=").unwrap();
    let answer = browser.post(url, &[("key", key)]).await;
    browser.follow(answer).await
}

async fn set(browser: &mut Browser, page: &Answer, new: &str) -> Answer {
    let form = [("password-new", new), ("password-confirm", new)];
    let answer = browser.submit(page, &form).await;
    browser.follow(answer).await
}

/// The event of this type and these details, once it is there.
async fn event_of(realm: &Realm, kind: &str, name: &str, value: &str) -> Value {
    for _ in 0..200 {
        let path = realm.path(&format!("/events?type={kind}"));
        let events = realm.admin.get(&path).await.json;
        let found = events.as_array().unwrap().iter();
        if let Some(event) = found.clone().find(|event| event["details"][name] == value) {
            return event.clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("no {kind} with {name} {value}");
}

#[track_caller]
fn refused(page: &Answer, text: &str) {
    assert_eq!(page.status, 400, "{}", page.text);
    assert!(page.text.contains(text), "{}", page.text);
}

#[tokio::test]
async fn a_new_password_is_set_by_the_link_once_and_the_user_signs_in_with_it() {
    let (realm, mut sink) = forgetful().await;
    let mut browser = Browser::new();
    let page = ask(&mut browser, &realm, "Alice@example.test").await;
    shows(&page, "login-login", SENT);
    let letter = sink.letter().await;
    assert!(
        letter.text.contains("Subject: Reset password"),
        "{}",
        letter.text
    );
    assert!(letter.text.contains("within 5 minutes"), "{}", letter.text);
    let sent = event_of(&realm, "SEND_RESET_PASSWORD", "email", "alice@example.test").await;
    assert_eq!(sent["userId"], realm.alice);
    assert_eq!(sent["clientId"], "app");
    let link = letter.link();
    let page = browser.get(&link).await;
    assert!(page.text.contains("Update Password"), "{}", page.text);
    let page = press(&mut browser, &link).await;
    shows(&page, "login-login-update-password", "");
    let done = set(&mut browser, &page, "remembered").await;
    shows(&done, "login-info", "Your account has been updated.");
    assert!(
        !browser.cookies.contains_key("KEYCLOAK_IDENTITY"),
        "nobody is signed in by a link"
    );
    assert_eq!(event(&realm, "RESET_PASSWORD").await["userId"], realm.alice);
    assert_eq!(
        event(&realm, "UPDATE_PASSWORD").await["userId"],
        realm.alice
    );
    assert_eq!(login(&realm, "secret").await.status, 400);

    let at = done
        .text
        .find("/login-actions/authenticate?")
        .expect("no way back");
    let start = done.text[..at].rfind('"').unwrap() + 1;
    let back = unescape(done.text[start..].split('"').next().unwrap());
    let page = browser.get(&back).await;
    let form = [("username", "alice"), ("password", "remembered")];
    ends(&browser.submit(&page, &form).await);

    refused(&browser.get(&link).await, "This link is not valid any more");
    refused(
        &press(&mut browser, &link).await,
        "This link is not valid any more",
    );
}

#[tokio::test]
async fn whoever_is_named_the_answer_is_the_same_and_only_a_user_with_an_address_gets_an_e_mail() {
    let (realm, mut sink) = forgetful().await;
    let people = realm.path("/users");
    for user in [
        json!({ "username": "mute", "enabled": true }),
        json!({ "username": "off", "enabled": false, "email": "off@example.test" }),
    ] {
        realm.admin.create(&people, user).await;
    }
    let mut pages = Vec::new();
    for name in ["alice", "alice", "mute", "off", "nobody"] {
        let mut browser = Browser::new();
        let page = ask(&mut browser, &realm, name).await;
        shows(&page, "login-login", SENT);
        let plain = page.text.replace(&format!("value=\"{name}\""), "");
        // Codes and tabs differ from page to page.
        let plain: Vec<String> = plain
            .split(['?', '&', '"', ';'])
            .filter(|part| !part.starts_with("session_code=") && !part.starts_with("tab_id="))
            .map(str::to_owned)
            .collect();
        pages.push(plain);
    }
    for page in &pages[1..] {
        assert_eq!(*page, pages[0]);
    }
    let letter = sink.letter().await;
    assert!(
        letter.text.contains("alice@example.test"),
        "{}",
        letter.text
    );
    for (name, error) in [
        ("nobody", "user_not_found"),
        ("mute", "invalid_email"),
        ("off", "user_disabled"),
    ] {
        let event = event_of(&realm, "RESET_PASSWORD_ERROR", "username", name).await;
        assert_eq!(event["error"], error, "{name}");
    }
    assert!(
        sink.letters.try_recv().is_err(),
        "one e-mail a minute, to alice"
    );
    let path = realm.path("/events?type=SEND_RESET_PASSWORD");
    let sent = realm.admin.get(&path).await.json;
    assert_eq!(sent.as_array().unwrap().len(), 1);

    let mut browser = Browser::new();
    let page = ask(&mut browser, &realm, " ").await;
    shows(
        &page,
        "login-login-reset-password",
        "Please specify username.",
    );
}

#[tokio::test]
async fn a_link_ends_with_a_change_of_address_or_password_or_of_the_realms_mind() {
    let (realm, mut sink) = forgetful().await;
    ask(&mut Browser::new(), &realm, "alice").await;
    let link = sink.letter().await.link();
    let mut browser = Browser::new();
    assert_eq!(browser.get(&link).await.status, 200);
    allow(&realm, false).await;
    refused(&browser.get(&link).await, "Reset Credential not allowed");
    allow(&realm, true).await;
    change(&realm, json!({ "email": "other@example.test" })).await;
    refused(
        &press(&mut browser, &link).await,
        "This link is not valid any more",
    );
    change(&realm, json!({ "email": "alice@example.test" })).await;
    let open = press(&mut browser, &link).await;
    shows(&open, "login-login-update-password", "");
    let path = realm.path(&format!("/users/{}/reset-password", realm.alice));
    let new = json!({ "type": "password", "value": "found again" });
    assert_eq!(realm.admin.put(&path, new).await.status, 204);
    refused(
        &press(&mut browser, &link).await,
        "This link is not valid any more",
    );
    let late = set(&mut browser, &open, "too late").await;
    // A new password ends what was under way, the page of the link among it.
    refused(&late, "");
    assert_eq!(login(&realm, "found again").await.status, 200);
}

#[tokio::test]
async fn the_second_factor_is_asked_for_after_a_new_password_as_before() {
    let (realm, mut sink) = forgetful().await;
    give(&realm, json!([device(KEY, "phone")])).await;
    let mut browser = Browser::new();
    ask(&mut browser, &realm, "alice").await;
    let page = press(&mut browser, &sink.letter().await.link()).await;
    shows(&page, "login-login-update-password", "");
    let done = set(&mut browser, &page, "remembered").await;
    shows(&done, "login-info", "Your account has been updated.");
    let page = browser
        .sign_in(&realm.name, "", "alice", "remembered")
        .await;
    shows(&page, "login-login-otp", "One-time code");
    ends(&browser.submit(&page, &[("otp", &code(KEY, 0))]).await);
    assert_eq!(alice(&realm).await["totp"], true);
}

#[tokio::test]
async fn where_the_realm_does_not_allow_it_there_is_neither_link_nor_form() {
    let (realm, mut sink) = forgetful().await;
    let mut browser = Browser::new();
    let page = browser.get(&auth_url(&realm.name, "")).await;
    let url = forgot(&page).expect("no link");
    let form = browser.get(&url).await;
    allow(&realm, false).await;
    refused(&browser.get(&url).await, "Reset Credential not allowed");
    let post = browser.submit(&form, &[("username", "alice")]).await;
    refused(&post, "Reset Credential not allowed");
    assert_eq!(
        event(&realm, "RESET_PASSWORD_ERROR").await["error"],
        "not_allowed"
    );
    let page = browser.get(&auth_url(&realm.name, "")).await;
    assert_eq!(forgot(&page), None);
    assert!(sink.letters.try_recv().is_err());
}

#[tokio::test]
async fn the_form_is_taken_only_from_its_own_browser_and_once() {
    let (realm, mut sink) = forgetful().await;
    let mut browser = Browser::new();
    let page = open(&mut browser, &realm).await;
    let strange = Browser::new().submit(&page, &[("username", "alice")]).await;
    refused(&strange, "");
    let first = browser.submit(&page, &[("username", "nobody")]).await;
    shows(&first, "login-login", SENT);
    let again = browser.submit(&page, &[("username", "alice")]).await;
    assert_eq!(again.status, 302, "{}", again.text);
    event_of(&realm, "RESET_PASSWORD_ERROR", "username", "nobody").await;
    assert!(sink.letters.try_recv().is_err());
}
