//! What applications let users do (`kc_action`).

use serde_json::json;

use crate::browser::{Browser, auth_url, parameter, redeem};
use crate::required_actions_login::{alice, change, demanding, ends, shows, sign_in, switch};
use crate::second_factor::{KEY, code, device, event, give};
use crate::support::{Answer, server, token};

#[tokio::test]
async fn a_new_password_may_sign_out_everywhere_else() {
    let realm = demanding(json!([]), json!({})).await;
    let refresh = async |form: &str| {
        let grant = [
            ("grant_type", "refresh_token"),
            ("client_id", "app"),
            ("refresh_token", form),
        ];
        token(&server().url, &realm.name, &grant).await.status
    };
    let mut elsewhere = Browser::new();
    let there = ends(&sign_in(&mut elsewhere, &realm, "&scope=openid").await);
    let there = redeem(&realm.name, &there, &[]).await.json["refresh_token"].clone();
    let mut browser = Browser::new();
    let here = ends(&sign_in(&mut browser, &realm, "&scope=openid").await);
    let here = redeem(&realm.name, &here, &[]).await.json["refresh_token"].clone();
    let page = browser
        .get(&auth_url(&realm.name, "&kc_action=UPDATE_PASSWORD"))
        .await;
    let page = browser.follow(page).await;
    let form = [
        ("password-new", "new"),
        ("password-confirm", "new"),
        ("logout-sessions", "on"),
    ];
    ends(&browser.submit(&page, &form).await);
    assert_eq!(refresh(there.as_str().unwrap()).await, 400);
    assert_eq!(
        refresh(here.as_str().unwrap()).await,
        200,
        "this one goes on"
    );
}

#[tokio::test]
async fn an_application_is_told_how_the_action_that_it_asked_for_ended() {
    let realm = demanding(json!([]), json!({})).await;
    let mut browser = Browser::new();
    let page = sign_in(&mut browser, &realm, "&kc_action=UPDATE_PASSWORD").await;
    shows(&page, "login-login-update-password", "cancel-aia");
    assert!(!page.text.contains("to activate your account"));
    let status = |answer: &Answer| {
        ends(answer);
        (
            parameter(answer, "kc_action"),
            parameter(answer, "kc_action_status").unwrap(),
        )
    };
    let named = |status: &str| (Some("UPDATE_PASSWORD".to_owned()), status.to_owned());
    assert_eq!(
        status(&browser.submit(&page, &[("cancel-aia", "true")]).await),
        named("cancelled")
    );
    assert_eq!(
        event(&realm, "CUSTOM_REQUIRED_ACTION_ERROR").await["error"],
        "rejected_by_user"
    );

    let ask = async |browser: &mut Browser, action: &str| {
        let page = browser
            .get(&auth_url(&realm.name, &format!("&kc_action={action}")))
            .await;
        browser.follow(page).await
    };
    let page = ask(&mut browser, "UPDATE_PASSWORD").await;
    let form = [("password-new", "secret"), ("password-confirm", "secret")];
    assert_eq!(
        status(&browser.submit(&page, &form).await),
        named("success")
    );
    for action in [
        "nope",
        "TERMS_AND_CONDITIONS",
        "VERIFY_PROFILE",
        "delete_credential:x:y",
        "delete_account",
        "webauthn-register",
    ] {
        let answer = ask(&mut browser, action).await;
        assert_eq!(status(&answer), (None, "error".to_owned()), "{action}");
    }
    change(&realm, json!({ "emailVerified": true })).await;
    assert_eq!(
        status(&ask(&mut browser, "VERIFY_EMAIL").await),
        (None, "success".to_owned())
    );

    // What the realm demands comes first and cannot be left.
    change(&realm, json!({ "requiredActions": ["UPDATE_PROFILE"] })).await;
    let page = ask(&mut browser, "UPDATE_PASSWORD").await;
    shows(&page, "login-login-update-profile", "firstName");
    assert!(!page.text.contains("cancel-aia"));
    let silent = browser
        .get(&auth_url(
            &realm.name,
            "&kc_action=UPDATE_PASSWORD&prompt=none",
        ))
        .await;
    assert_eq!(
        parameter(&silent, "error").as_deref(),
        Some("interaction_required")
    );
}

#[tokio::test]
async fn an_application_lets_a_user_take_a_device_away() {
    let realm = demanding(json!([]), json!({})).await;
    give(&realm, json!([device(KEY, "phone")])).await;
    let mut browser = Browser::new();
    let page = sign_in(&mut browser, &realm, "").await;
    ends(&browser.submit(&page, &[("otp", &code(KEY, 0))]).await);
    let path = realm.path(&format!("/users/{}/credentials", realm.alice));
    let known = realm.admin.get(&path).await.json;
    let id = |kind: &str| {
        let known = known
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["type"] == kind);
        known.unwrap()["id"].as_str().unwrap().to_owned()
    };
    let ask = |id: &str| auth_url(&realm.name, &format!("&kc_action=delete_credential:{id}"));
    let page = browser.get(&ask(&id("password"))).await;
    assert_ne!(browser.follow(page).await.status, 200, "a password stays");
    let page = browser.get(&ask(&id("otp"))).await;
    let page = browser.follow(page).await;
    shows(&page, "login-delete-credential", "phone");
    let done = browser.submit(&page, &[("accept", "yes")]).await;
    ends(&done);
    assert_eq!(
        parameter(&done, "kc_action").as_deref(),
        Some("delete_credential")
    );
    assert_eq!(alice(&realm).await["totp"], false);
    for kind in ["REMOVE_CREDENTIAL", "REMOVE_TOTP"] {
        assert_eq!(
            event(&realm, kind).await["details"]["credential_user_label"],
            "phone"
        );
    }
}

#[tokio::test]
async fn users_delete_their_account_if_the_realm_and_their_roles_let_them() {
    let realm = demanding(json!([]), json!({})).await;
    switch(&realm, "delete_account", json!({ "enabled": true })).await;
    let mut browser = Browser::new();
    let page = sign_in(&mut browser, &realm, "&kc_action=delete_account").await;
    assert_eq!(page.status, 403, "{}", page.text);
    assert!(
        page.text
            .contains("You do not have enough permissions to delete your own account")
    );

    let clients = realm
        .admin
        .get(&realm.path("/clients?clientId=account"))
        .await
        .json;
    let client = clients[0]["id"].as_str().unwrap();
    let path = realm.path(&format!("/clients/{client}/roles/delete-account"));
    let role = realm.admin.get(&path).await.json;
    let path = realm.path(&format!(
        "/users/{}/role-mappings/clients/{client}",
        realm.alice
    ));
    assert_eq!(realm.admin.post(&path, json!([role])).await.status, 204);
    let mut browser = Browser::new();
    let code = ends(&sign_in(&mut browser, &realm, "&scope=openid").await);
    let tokens = redeem(&realm.name, &code, &[]).await.json;
    // However fresh the sign-in is, this wants the password again.
    let page = browser
        .get(&auth_url(&realm.name, "&kc_action=delete_account"))
        .await;
    shows(&page, "login-login", "Please re-authenticate to continue");
    let page = browser.submit(&page, &[("password", "secret")]).await;
    let page = browser.follow(page).await;
    shows(&page, "login-delete-account-confirm", "cannot be restored");
    let gone = browser.submit(&page, &[]).await;
    shows(&gone, "login-info", "User deleted successfully");
    assert!(!browser.cookies.contains_key("KEYCLOAK_IDENTITY"));
    let path = realm.path(&format!("/users/{}", realm.alice));
    assert_eq!(realm.admin.get(&path).await.status, 404);
    assert_eq!(
        event(&realm, "DELETE_ACCOUNT").await["userId"],
        json!(realm.alice)
    );
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "app"),
        ("refresh_token", refresh),
    ];
    assert_eq!(token(&server().url, &realm.name, &form).await.status, 400);
}

#[tokio::test]
async fn an_old_sign_in_is_renewed_before_an_application_changes_a_password() {
    let realm = demanding(json!([]), json!({})).await;
    let mut browser = Browser::new();
    ends(&sign_in(&mut browser, &realm, "").await);
    sqlx::query("update user_session set started = started - 400, auth_time = auth_time - 400 where user_id::text = $1")
        .bind(&realm.alice)
        .execute(&mut crate::rows::connect().await)
        .await
        .unwrap();
    ends(&browser.get(&auth_url(&realm.name, "")).await);
    let page = browser
        .get(&auth_url(&realm.name, "&kc_action=UPDATE_PASSWORD"))
        .await;
    shows(&page, "login-login", "Please re-authenticate to continue");
    let page = browser.submit(&page, &[("password", "secret")]).await;
    let page = browser.follow(page).await;
    shows(&page, "login-login-update-password", "cancel-aia");
}
