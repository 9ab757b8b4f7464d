//! What users have to do before a login goes on.

use serde_json::{Value, json};

use crate::browser::{Browser, app, auth_url, parameter};
use crate::second_factor::event;
use crate::support::{Answer, Realm, server, token};

/// A realm that keeps events, with client `app`; alice has to do these.
pub async fn demanding(actions: Value, settings: Value) -> Realm {
    let mut rep = json!({ "eventsEnabled": true });
    rep.as_object_mut()
        .unwrap()
        .extend(settings.as_object().unwrap().clone());
    let realm = Realm::with(rep).await;
    app(&realm, json!({})).await;
    change(&realm, json!({ "requiredActions": actions })).await;
    realm
}

pub async fn change(realm: &Realm, rep: Value) {
    let path = realm.path(&format!("/users/{}", realm.alice));
    let put = realm.admin.put(&path, rep).await;
    assert_eq!(put.status, 204, "{}", put.json);
}

pub async fn alice(realm: &Realm) -> Value {
    let path = realm.path(&format!("/users/{}", realm.alice));
    realm.admin.get(&path).await.json
}

/// Gives the password; the first page after it.
pub async fn sign_in(browser: &mut Browser, realm: &Realm, query: &str) -> Answer {
    let answer = browser.sign_in(&realm.name, query, "alice", "secret").await;
    browser.follow(answer).await
}

#[track_caller]
pub fn shows(page: &Answer, id: &str, text: &str) {
    assert_eq!(page.status, 200, "{}", page.text);
    let id = format!("data-page-id=\"{id}\"");
    assert!(
        page.text.contains(&id) && page.text.contains(text),
        "{text}: {}",
        page.text
    );
}

#[track_caller]
pub fn ends(answer: &Answer) -> String {
    assert_eq!(answer.status, 302, "{}", answer.text);
    parameter(answer, "code").unwrap_or_else(|| panic!("no code in {}", answer.location))
}

pub async fn switch(realm: &Realm, alias: &str, change: Value) {
    let path = realm.path(&format!("/authentication/required-actions/{alias}"));
    let mut action = realm.admin.get(&path).await.json;
    action
        .as_object_mut()
        .unwrap()
        .extend(change.as_object().unwrap().clone());
    assert_eq!(realm.admin.put(&path, action).await.status, 204);
}

#[tokio::test]
async fn a_password_is_changed_before_the_login_goes_on() {
    let policy = json!({ "passwordPolicy": "length(4)" });
    let realm = demanding(json!(["UPDATE_PASSWORD"]), policy).await;
    let mut browser = Browser::new();
    let page = sign_in(&mut browser, &realm, "").await;
    shows(
        &page,
        "login-login-update-password",
        "You need to change your password to activate your account.",
    );
    assert!(!page.text.contains("cancel-aia"));
    for (new, same, text, error) in [
        ("", "", "Please specify password.", "password_missing"),
        (
            "abcd",
            "abce",
            "Passwords don&#39;t match.",
            "password_confirm_error",
        ),
        (
            "abc",
            "abc",
            "Invalid password: minimum length 4.",
            "password_rejected",
        ),
    ] {
        let form = [("password-new", new), ("password-confirm", same)];
        let again = browser.submit(&page, &form).await;
        shows(&again, "login-login-update-password", text);
        let failed = event(&realm, "UPDATE_PASSWORD_ERROR").await;
        assert_eq!(failed["error"], error);
        assert_eq!(
            failed["details"]["custom_required_action"],
            "UPDATE_PASSWORD"
        );
        assert_eq!(
            event(&realm, "UPDATE_CREDENTIAL_ERROR").await["error"],
            error
        );
    }
    // Leaving is for those whom an application has sent.
    let left = browser.submit(&page, &[("cancel-aia", "true")]).await;
    shows(
        &left,
        "login-login-update-password",
        "Please specify password.",
    );
    let form = [("password-new", "abcd"), ("password-confirm", "abcd")];
    ends(&browser.submit(&page, &form).await);
    assert_eq!(alice(&realm).await["requiredActions"], json!([]));
    for kind in ["UPDATE_PASSWORD", "UPDATE_CREDENTIAL"] {
        let done = event(&realm, kind).await;
        assert_eq!(done["details"]["credential_type"], "password");
        assert_eq!(done["details"]["username"], "alice");
    }
    let wrong = Browser::new()
        .sign_in(&realm.name, "", "alice", "secret")
        .await;
    shows(&wrong, "login-login", "Invalid username or password.");
    ends(
        &Browser::new()
            .sign_in(&realm.name, "", "alice", "abcd")
            .await,
    );
}

#[tokio::test]
async fn actions_come_in_the_order_of_the_realm_and_only_those_that_are_switched_on() {
    let all = json!([
        "UPDATE_PASSWORD",
        "CONFIGURE_TOTP",
        "UPDATE_PROFILE",
        "TERMS_AND_CONDITIONS"
    ]);
    let realm = demanding(all, json!({})).await;
    let mut browser = Browser::new();
    let page = sign_in(&mut browser, &realm, "").await;
    shows(
        &page,
        "login-login-update-profile",
        "You need to update your user profile",
    );
    let form = [
        ("email", "alice@example.test"),
        ("firstName", "A"),
        ("lastName", "B"),
    ];
    let next = browser.submit(&page, &form).await;
    let page = browser.follow(next).await;
    shows(&page, "login-login-config-totp", "totpSecret");

    switch(&realm, "CONFIGURE_TOTP", json!({ "enabled": false })).await;
    let page = sign_in(&mut Browser::new(), &realm, "").await;
    shows(&page, "login-login-update-password", "password-new");
    switch(&realm, "TERMS_AND_CONDITIONS", json!({ "enabled": true })).await;
    let page = sign_in(&mut Browser::new(), &realm, "").await;
    shows(&page, "login-terms", "Terms and Conditions");
}

#[tokio::test]
async fn the_page_of_another_action_than_the_next_is_not_shown_and_its_form_not_taken() {
    let realm = demanding(json!(["UPDATE_PASSWORD", "UPDATE_PROFILE"]), json!({})).await;
    let mut browser = Browser::new();
    let page = sign_in(&mut browser, &realm, "").await;
    let url = crate::browser::action(&page).replace("UPDATE_PROFILE", "UPDATE_PASSWORD");
    let form = [("password-new", "new"), ("password-confirm", "new")];
    let answer = browser.post(&url, &form).await;
    assert_eq!(answer.status, 302, "{}", answer.text);
    let answer = browser.follow(answer).await;
    shows(&answer, "login-login-update-profile", "firstName");
    let (start, rest) = url.split_once("session_code=").unwrap();
    let without_code = format!("{start}{}", rest.split_once('&').unwrap().1);
    let answer = browser.get(&without_code).await;
    shows(&answer, "login-login-page-expired", "Page has expired");
    let stale = crate::browser::action(&page).replace("session_code=", "session_code=x");
    let answer = browser
        .post(&stale, &[("email", ""), ("firstName", "x")])
        .await;
    assert_eq!(answer.status, 302);
    // In another browser the form is worth nothing.
    let answer = Browser::new()
        .post(&crate::browser::action(&page), &form)
        .await;
    assert_ne!(answer.status, 200);
    let after = alice(&realm).await;
    assert_eq!(
        (&after["firstName"], &after["requiredActions"]),
        (
            &json!("alice"),
            &json!(["UPDATE_PASSWORD", "UPDATE_PROFILE"])
        )
    );
}

#[tokio::test]
async fn no_code_is_given_before_all_actions_are_done() {
    let realm = demanding(json!(["UPDATE_PASSWORD"]), json!({})).await;
    let mut browser = Browser::new();
    sign_in(&mut browser, &realm, "").await;
    for query in ["", "&prompt=none"] {
        let answer = browser.get(&auth_url(&realm.name, query)).await;
        assert_eq!(parameter(&answer, "code"), None, "{}", answer.location);
    }
    // Whoever is signed in already has to do it as well.
    change(&realm, json!({ "requiredActions": [] })).await;
    let mut browser = Browser::new();
    ends(&sign_in(&mut browser, &realm, "").await);
    change(&realm, json!({ "requiredActions": ["UPDATE_PASSWORD"] })).await;
    let silent = browser.get(&auth_url(&realm.name, "&prompt=none")).await;
    assert_eq!(
        parameter(&silent, "error").as_deref(),
        Some("interaction_required")
    );
    let page = browser.get(&auth_url(&realm.name, "")).await;
    let page = browser.follow(page).await;
    shows(&page, "login-login-update-password", "password-new");
    ends(
        &browser
            .submit(&page, &[("password-new", "n"), ("password-confirm", "n")])
            .await,
    );
}

#[tokio::test]
async fn terms_are_agreed_with_or_the_application_is_told() {
    let realm = demanding(json!(["TERMS_AND_CONDITIONS"]), json!({})).await;
    switch(&realm, "TERMS_AND_CONDITIONS", json!({ "enabled": true })).await;
    let mut browser = Browser::new();
    let page = sign_in(&mut browser, &realm, "&state=st").await;
    shows(&page, "login-terms", "kc-decline");
    let declined = browser.submit(&page, &[("cancel", "")]).await;
    assert_eq!(
        (
            parameter(&declined, "error").unwrap().as_str(),
            parameter(&declined, "error_description").unwrap().as_str()
        ),
        ("access_denied", "termsAndConditionsDeclined")
    );
    assert_eq!(parameter(&declined, "state").as_deref(), Some("st"));
    assert_eq!(
        event(&realm, "CUSTOM_REQUIRED_ACTION_ERROR").await["error"],
        "rejected_by_user"
    );
    let page = sign_in(&mut browser, &realm, "").await;
    ends(&browser.submit(&page, &[("accept", "")]).await);
    assert!(
        alice(&realm).await["attributes"].is_null(),
        "nobody sees it who may not"
    );
    let kept: (bool,) = sqlx::query_as(
        "select attributes ? 'terms_and_conditions' from user_entity where id::text = $1",
    )
    .bind(&realm.alice)
    .fetch_one(&mut crate::rows::connect().await)
    .await
    .unwrap();
    assert!(kept.0);
    assert_eq!(
        event(&realm, "CUSTOM_REQUIRED_ACTION").await["details"]["custom_required_action"],
        "TERMS_AND_CONDITIONS"
    );
}

#[tokio::test]
async fn a_password_that_is_too_old_is_changed() {
    let realm = demanding(
        json!([]),
        json!({ "passwordPolicy": "forceExpiredPasswordChange(10)" }),
    )
    .await;
    ends(&sign_in(&mut Browser::new(), &realm, "").await);
    sqlx::query("update credential set created_date = created_date - 11 * 86400000::bigint where user_id::text = $1")
        .bind(&realm.alice)
        .execute(&mut crate::rows::connect().await)
        .await
        .unwrap();
    let form = [
        ("grant_type", "password"),
        ("client_id", "app"),
        ("username", "alice"),
        ("password", "secret"),
    ];
    let refused = token(&server().url, &realm.name, &form).await;
    assert_eq!(
        refused.json["error_description"],
        "Account is not fully set up"
    );
    let mut browser = Browser::new();
    let page = sign_in(&mut browser, &realm, "").await;
    shows(&page, "login-login-update-password", "password-new");
    ends(
        &browser
            .submit(&page, &[("password-new", "n"), ("password-confirm", "n")])
            .await,
    );
    ends(&Browser::new().sign_in(&realm.name, "", "alice", "n").await);
}

#[tokio::test]
async fn an_action_that_the_realm_asks_of_new_users_comes_with_their_first_login() {
    let realm = demanding(json!([]), json!({})).await;
    switch(&realm, "CONFIGURE_TOTP", json!({ "defaultAction": true })).await;
    realm
        .admin
        .create(&realm.path("/users"), crate::support::person("bob"))
        .await;
    let mut browser = Browser::new();
    let answer = browser.sign_in(&realm.name, "", "bob", "secret").await;
    let page = browser.follow(answer).await;
    shows(&page, "login-login-config-totp", "totpSecret");
}
