//! The device grant (RFC 8628).

use reqwest::Client;
use serde_json::{Value, json};

use crate::browser::{Browser, action};
use crate::rows::connect;
use crate::support::{Answer, Realm, claims, server, token};

pub const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

pub async fn realm() -> Realm {
    let realm = Realm::with(json!({ "eventsEnabled": true })).await;
    device_client(&realm, "tv", json!({})).await;
    realm
}

pub async fn device_client(realm: &Realm, name: &str, attributes: Value) -> String {
    let mut rep = json!({
        "clientId": name, "publicClient": true,
        "attributes": { "oauth2.device.authorization.grant.enabled": "true" }
    });
    let more = attributes.as_object().unwrap().clone();
    rep["attributes"].as_object_mut().unwrap().extend(more);
    realm.admin.create(&realm.path("/clients"), rep).await
}

pub async fn begin(realm: &Realm, form: &[(&str, &str)]) -> Answer {
    let url = format!(
        "{}/realms/{}/protocol/openid-connect/auth/device",
        server().url,
        realm.name
    );
    Answer::read(Client::new().post(url).form(form).send().await.unwrap()).await
}

/// A device that has begun.
pub struct Device {
    pub code: String,
    pub user_code: String,
    pub complete: String,
}

pub async fn device(realm: &Realm, more: &[(&str, &str)]) -> Device {
    let form = [&[("client_id", "tv"), ("scope", "openid")], more].concat();
    let answer = begin(realm, &form).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let text = |name: &str| answer.json[name].as_str().unwrap().to_owned();
    Device {
        code: text("device_code"),
        user_code: text("user_code"),
        complete: text("verification_uri_complete"),
    }
}

pub async fn poll(realm: &Realm, device: &Device, more: &[(&str, &str)]) -> Answer {
    let own = [
        ("grant_type", GRANT),
        ("client_id", "tv"),
        ("device_code", &device.code),
    ];
    let form = [&own[..], more].concat();
    token(&server().url, &realm.name, &form).await
}

/// As if the device had waited.
pub async fn wait(realm: &Realm) {
    let sql = "update device_code d set last_poll = 0 from realm r where r.id = d.realm_id and r.name = $1";
    sqlx::query(sql)
        .bind(&realm.name)
        .execute(&mut connect().await)
        .await
        .unwrap();
}

pub fn refusal(answer: &Answer) -> (u16, &str, &str) {
    let text = |name: &str| answer.json[name].as_str().unwrap_or_default();
    (answer.status, text("error"), text("error_description"))
}

pub const PENDING: (u16, &str, &str) = (
    400,
    "authorization_pending",
    "The authorization request is still pending",
);
pub const UNKNOWN: (u16, &str, &str) = (400, "invalid_grant", "Device code not valid");

pub fn entry(realm: &Realm) -> String {
    format!("{}/realms/{}/device", server().url, realm.name)
}

/// From the page for the code on to the question, signing in where that is asked for.
pub async fn question(browser: &mut Browser, realm: &Realm, user_code: &str) -> Answer {
    let page = browser.get(&entry(realm)).await;
    assert!(page.text.contains("device_user_code"), "{}", page.text);
    let page = browser
        .submit(&page, &[("device_user_code", user_code)])
        .await;
    let mut page = browser.follow(page).await;
    if action(&page).contains("/login-actions/authenticate?") {
        page = browser
            .submit(&page, &[("username", "alice"), ("password", "secret")])
            .await;
        page = browser.follow(page).await;
    }
    assert!(
        action(&page).contains("/login-actions/consent?"),
        "{}",
        page.text
    );
    page
}

pub async fn approve(browser: &mut Browser, realm: &Realm, device: &Device) -> Answer {
    let page = question(browser, realm, &device.user_code).await;
    let answer = browser.submit(&page, &[("accept", "Yes")]).await;
    browser.follow(answer).await
}

#[tokio::test]
async fn a_device_gets_tokens_once_somebody_has_let_it_in() {
    let realm = realm().await;
    let answer = begin(&realm, &[("client_id", "tv"), ("scope", "openid")]).await;
    let json = &answer.json;
    assert_eq!(
        (answer.status, &json["expires_in"], &json["interval"]),
        (200, &json!(600), &json!(5))
    );
    assert_eq!(
        answer.headers["cache-control"],
        "no-store, must-revalidate, max-age=0"
    );
    assert_eq!(json["verification_uri"], entry(&realm));
    let user_code = json["user_code"].as_str().unwrap();
    assert_eq!(
        json["verification_uri_complete"],
        format!("{}?user_code={user_code}", entry(&realm))
    );
    assert_eq!((user_code.len(), user_code.find('-')), (9, Some(4)));

    let device = device(&realm, &[]).await;
    assert_eq!(refusal(&poll(&realm, &device, &[]).await), PENDING);
    assert_eq!(
        refusal(&poll(&realm, &device, &[]).await),
        (400, "slow_down", "Slow down")
    );
    let mut browser = Browser::new();
    let typed = device.user_code.to_lowercase().replace('-', " ");
    let page = question(&mut browser, &realm, &typed).await;
    assert!(page.text.contains("Grant Access to tv"), "{}", page.text);
    let answer = browser.submit(&page, &[("accept", "Yes")]).await;
    assert_eq!(
        (answer.status, answer.location.clone()),
        (302, format!("{}/status", entry(&realm)))
    );
    let done = browser.follow(answer).await;
    assert!(
        done.text
            .contains("You may close this browser window and go back to your device."),
        "{}",
        done.text
    );

    wait(&realm).await;
    let tokens = poll(&realm, &device, &[]).await;
    assert_eq!(tokens.status, 200, "{}", tokens.text);
    let access = claims(tokens.json["access_token"].as_str().unwrap());
    assert_eq!(
        (&access["sub"], &access["azp"], &access["acr"]),
        (&json!(realm.alice), &json!("tv"), &json!("1"))
    );
    assert!(
        access["jti"].as_str().unwrap().starts_with("onrtdg:"),
        "{access}"
    );
    assert!(tokens.json["id_token"].is_string() && tokens.json["refresh_token"].is_string());
    assert_eq!(refusal(&poll(&realm, &device, &[]).await), UNKNOWN);
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "tv"),
        (
            "refresh_token",
            tokens.json["refresh_token"].as_str().unwrap(),
        ),
    ];
    assert_eq!(token(&server().url, &realm.name, &form).await.status, 200);

    let again = browser.get(&device.complete).await;
    assert!(
        again.text.contains("Invalid code, please try again."),
        "{}",
        again.text
    );
    let path =
        realm.path("/events?type=OAUTH2_DEVICE_CODE_TO_TOKEN&type=OAUTH2_DEVICE_VERIFY_USER_CODE");
    let events = realm.admin.get(&path).await.json;
    assert_eq!(events[0]["type"], "OAUTH2_DEVICE_CODE_TO_TOKEN");
    assert_eq!(
        (&events[0]["userId"], &events[0]["details"]["grant_type"]),
        (&json!(realm.alice), &json!(GRANT))
    );
    assert_eq!(events[0]["sessionId"], events[0]["details"]["code_id"]);
    assert_eq!(
        (&events[1]["clientId"], &events[1]["details"]["scope"]),
        (&json!("tv"), &json!("openid"))
    );
}

#[tokio::test]
async fn a_device_that_is_not_let_in_is_told() {
    let realm = realm().await;
    let device = device(&realm, &[]).await;
    let mut browser = Browser::new();
    let page = question(&mut browser, &realm, &device.user_code).await;
    let answer = browser.submit(&page, &[("cancel", "No")]).await;
    assert_eq!(
        answer.location,
        format!("{}/status?error=access_denied", entry(&realm))
    );
    let page = browser.follow(answer).await;
    assert!(
        page.text
            .contains("Consent denied for connecting the device."),
        "{}",
        page.text
    );
    for _ in 0..2 {
        wait(&realm).await;
        let text = "The end user denied the authorization request";
        assert_eq!(
            refusal(&poll(&realm, &device, &[]).await),
            (400, "access_denied", text)
        );
    }
    let again = browser.get(&device.complete).await;
    assert!(
        again.text.contains("Invalid code, please try again."),
        "{}",
        again.text
    );
}

#[tokio::test]
async fn everybody_is_asked_for_every_device() {
    let realm = realm().await;
    let mut browser = Browser::new();
    for _ in 0..2 {
        let device = device(&realm, &[]).await;
        approve(&mut browser, &realm, &device).await;
        wait(&realm).await;
        assert_eq!(poll(&realm, &device, &[]).await.status, 200);
    }
    // By the link, too: following it grants nothing yet.
    let device = device(&realm, &[]).await;
    let page = browser.get(&device.complete).await;
    let page = browser.follow(page).await;
    assert!(
        action(&page).contains("/login-actions/consent?"),
        "{}",
        page.text
    );
    assert_eq!(refusal(&poll(&realm, &device, &[]).await), PENDING);
}

#[tokio::test]
async fn of_many_polls_at_once_one_gets_tokens() {
    let realm = realm().await;
    let device = device(&realm, &[]).await;
    approve(&mut Browser::new(), &realm, &device).await;
    let polls = (0..20).map(|_| poll(&realm, &device, &[]));
    let answers = futures_util::future::join_all(polls).await;
    let granted = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(granted, 1);
    let refused = answers.iter().filter(|answer| answer.status == 400).count();
    assert_eq!(refused, 19);

    // Nor when none of them is too early.
    let device = self::device(&realm, &[]).await;
    approve(&mut Browser::new(), &realm, &device).await;
    let sql = "update device_code d set \"interval\" = 0 from realm r where r.id = d.realm_id and r.name = $1";
    sqlx::query(sql)
        .bind(&realm.name)
        .execute(&mut connect().await)
        .await
        .unwrap();
    let polls = (0..20).map(|_| poll(&realm, &device, &[]));
    let answers = futures_util::future::join_all(polls).await;
    let granted = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(granted, 1);
    let refused = answers.iter().filter(|answer| answer.status == 400).count();
    assert_eq!(refused, 19);
    wait(&realm).await;
    assert_eq!(refusal(&poll(&realm, &device, &[]).await), UNKNOWN);
}

#[tokio::test]
async fn two_people_cannot_let_in_the_same_device() {
    let realm = realm().await;
    let bob = realm
        .admin
        .create(&realm.path("/users"), crate::support::person("bob"))
        .await;
    let device = device(&realm, &[]).await;
    let (mut first, mut second) = (Browser::new(), Browser::new());
    let one = question(&mut first, &realm, &device.user_code).await;
    let page = second.get(&device.complete).await;
    let page = second.follow(page).await;
    let page = second
        .submit(&page, &[("username", "bob"), ("password", "secret")])
        .await;
    let two = second.follow(page).await;
    let answer = second.submit(&two, &[("accept", "Yes")]).await;
    assert!(
        answer.location.ends_with("/device/status"),
        "{}",
        answer.location
    );
    let late = first.submit(&one, &[("accept", "Yes")]).await;
    assert!(
        !late.location.ends_with("/device/status"),
        "{}",
        late.location
    );
    let tokens = poll(&realm, &device, &[]).await;
    assert_eq!(
        claims(tokens.json["access_token"].as_str().unwrap())["sub"],
        bob
    );
}

#[tokio::test]
async fn a_user_who_may_not_sign_in_any_more_lets_nothing_in() {
    let realm = realm().await;
    let device = device(&realm, &[]).await;
    approve(&mut Browser::new(), &realm, &device).await;
    let path = realm.path(&format!("/users/{}", realm.alice));
    assert_eq!(
        realm
            .admin
            .put(&path, json!({ "enabled": false }))
            .await
            .status,
        204
    );
    assert_eq!(
        refusal(&poll(&realm, &device, &[]).await),
        (400, "invalid_grant", "User disabled")
    );
    assert_eq!(
        realm
            .admin
            .put(&path, json!({ "enabled": true }))
            .await
            .status,
        204
    );
    assert_eq!(
        realm
            .admin
            .call(reqwest::Method::POST, &format!("{path}/logout"), None)
            .await
            .status,
        204
    );
    wait(&realm).await;
    assert_eq!(
        poll(&realm, &device, &[]).await.json["error"],
        "invalid_grant"
    );
    assert_eq!(realm.admin.delete(&path).await.status, 204);
    wait(&realm).await;
    assert_eq!(refusal(&poll(&realm, &device, &[]).await), UNKNOWN);
}
