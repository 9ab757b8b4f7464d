//! Codes that are guessed, used twice, or tried by whoever knows the password.

use serde_json::json;

use crate::browser::Browser;
use crate::second_factor::{KEY, code, device, event, failures, give, guarded, says, sign_in};
use crate::support::{Answer, Realm, server, token};

async fn grant(realm: &Realm, password: &str, more: &[(&str, &str)]) -> Answer {
    let mut form = vec![
        ("grant_type", "password"),
        ("client_id", "app"),
        ("username", "alice"),
        ("password", password),
    ];
    form.extend(more);
    token(&server().url, &realm.name, &form).await
}

#[tokio::test]
async fn a_password_grant_wants_the_code_with_the_password() {
    let realm = guarded(json!({})).await;
    give(
        &realm,
        json!([device(KEY, "phone"), device("BBBBBBBBBBBBBBBBBBBB", "pad")]),
    )
    .await;
    let right = code(KEY, 0);
    let refused =
        json!({ "error": "invalid_grant", "error_description": "Invalid user credentials" });
    let wrong_password = grant(&realm, "wrong", &[("totp", &right)]).await;
    for more in [vec![], vec![("totp", "000000")], vec![("totp", "x")]] {
        let answer = grant(&realm, "secret", &more).await;
        assert_eq!((answer.status, &answer.json), (400, &refused), "{more:?}");
        assert_eq!(
            (answer.status, &answer.text),
            (wrong_password.status, &wrong_password.text)
        );
    }
    assert_eq!(failures(&realm).await, 4, "each of them counts");
    assert_eq!(
        grant(&realm, "secret", &[("totp", &right)]).await.status,
        200
    );
    assert_eq!(failures(&realm).await, 0);
    assert_eq!(
        grant(&realm, "secret", &[("totp", &right)]).await.status,
        400,
        "used"
    );
    assert_eq!(
        grant(&realm, "secret", &[("otp", &code(KEY, 1))])
            .await
            .status,
        200
    );
    let failed = event(&realm, "LOGIN_ERROR").await;
    assert_eq!(
        (
            &failed["error"],
            &failed["details"]["username"],
            &failed["details"]["grant_type"]
        ),
        (
            &json!("invalid_user_credentials"),
            &json!("alice"),
            &json!("password")
        )
    );
}

#[tokio::test]
async fn of_many_grants_with_one_code_at_once_one_succeeds() {
    let realm = guarded(json!({ "failureFactor": 100 })).await;
    give(&realm, json!([device(KEY, "phone")])).await;
    let right = code(KEY, 0);
    let form = [("totp", right.as_str())];
    let answers =
        futures_util::future::join_all((0..20).map(|_| grant(&realm, "secret", &form))).await;
    let good = answers.iter().filter(|answer| answer.status == 200);
    assert_eq!(good.count(), 1);
}

#[tokio::test]
async fn whoever_knows_the_password_has_no_more_tries_for_it() {
    let realm = guarded(json!({})).await;
    give(&realm, json!([device(KEY, "phone")])).await;
    let mut browser = Browser::new();
    for number in 1..=5 {
        // The right password in between does not set the count back.
        let page = sign_in(&mut browser, &realm).await;
        says(&page, "login-login-otp", "One-time code");
        let page = browser.submit(&page, &[("otp", "000000")]).await;
        says(&page, "login-login-otp", "Invalid authenticator code.");
        assert_eq!(failures(&realm).await, number);
        browser = Browser::new();
        assert_eq!(realm.docker("alice", "secret", "").await.status, 401);
    }
    let page = sign_in(&mut browser, &realm).await;
    says(&page, "login-login\"", "Invalid username or password.");
    assert_eq!(
        event(&realm, "LOGIN_ERROR").await["error"],
        "user_temporarily_disabled"
    );
}

#[tokio::test]
async fn a_right_code_while_locked_is_answered_as_a_wrong_one_and_is_not_spent() {
    let realm = guarded(json!({ "failureFactor": 2 })).await;
    give(&realm, json!([device(KEY, "phone")])).await;
    let mut browser = Browser::new();
    let page = sign_in(&mut browser, &realm).await;
    for _ in 0..2 {
        browser.submit(&page, &[("otp", "000000")]).await;
    }
    let right = code(KEY, 1);
    let locked = browser.submit(&page, &[("otp", &right)]).await;
    says(&locked, "login-login-otp", "Invalid authenticator code.");
    let path = format!("/attack-detection/brute-force/users/{}", realm.alice);
    assert_eq!(realm.admin.delete(&realm.path(&path)).await.status, 204);
    let done = browser.submit(&page, &[("otp", &right)]).await;
    assert_eq!(done.status, 302, "{}", done.text);
}

#[tokio::test]
async fn a_disabled_user_does_not_get_in_by_a_code() {
    let realm = guarded(json!({})).await;
    give(&realm, json!([device(KEY, "phone")])).await;
    let mut browser = Browser::new();
    let page = sign_in(&mut browser, &realm).await;
    let path = realm.path(&format!("/users/{}", realm.alice));
    realm.admin.put(&path, json!({ "enabled": false })).await;
    let answer = browser.submit(&page, &[("otp", &code(KEY, 0))]).await;
    assert_ne!(answer.status, 302, "{}", answer.location);
}
