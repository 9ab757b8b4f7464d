//! Second factors, and profiles, that are set up in the course of a login.

use serde_json::json;

use crate::browser::{Browser, action};
use crate::required_actions_login::{alice, change, demanding, ends, shows, sign_in};
use crate::second_factor::{KEY, code, device, event, give};
use crate::support::{Answer, server};

/// The value of a hidden input.
fn hidden(page: &Answer, name: &str) -> String {
    let (_, rest) = page
        .text
        .split_once(&format!("name=\"{name}\" value=\""))
        .unwrap();
    rest.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_device_is_set_up_by_its_first_code() {
    let realm = demanding(json!(["CONFIGURE_TOTP"]), json!({})).await;
    let mut browser = Browser::new();
    let page = sign_in(&mut browser, &realm, "").await;
    shows(
        &page,
        "login-login-config-totp",
        "You need to set up Mobile Authenticator",
    );
    assert!(page.text.contains("<svg"), "the code to scan");
    let secret = hidden(&page, "totpSecret");
    let reloaded = browser
        .get(&format!(
            "{}/realms/{}/login-actions/required-action?{}",
            server().url,
            realm.name,
            action(&page)
                .split_once("execution")
                .map(|(_, rest)| format!("execution{rest}"))
                .unwrap()
        ))
        .await;
    assert_eq!(
        hidden(&reloaded, "totpSecret"),
        secret,
        "the same key when the page is loaded again"
    );
    for (form, text) in [
        (vec![("totp", "")], "Please specify authenticator code."),
        (vec![("totp", "000000")], "Invalid authenticator code."),
    ] {
        let again = browser.submit(&page, &form).await;
        shows(&again, "login-login-config-totp", text);
    }
    // A key that the form brings does not count.
    let forged = [("totp", code(KEY, 0)), ("totpSecret", KEY.to_owned())];
    let forged: Vec<(&str, &str)> = forged
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    shows(
        &browser.submit(&page, &forged).await,
        "login-login-config-totp",
        "Invalid authenticator code.",
    );
    let first = code(&secret, 0);
    ends(
        &browser
            .submit(&page, &[("totp", &first), ("userLabel", "phone")])
            .await,
    );
    let after = alice(&realm).await;
    assert_eq!(
        (&after["requiredActions"], &after["totp"]),
        (&json!([]), &json!(true))
    );
    for kind in ["UPDATE_TOTP", "UPDATE_CREDENTIAL"] {
        assert_eq!(
            event(&realm, kind).await["details"]["credential_type"],
            "otp"
        );
    }
    let mut other = Browser::new();
    let page = sign_in(&mut other, &realm, "").await;
    shows(&page, "login-login-otp", "One-time code");
    let page = other.submit(&page, &[("otp", &first)]).await;
    shows(&page, "login-login-otp", "Invalid authenticator code.");
    ends(&other.submit(&page, &[("otp", &code(&secret, 1))]).await);
}

#[tokio::test]
async fn a_second_device_needs_a_name_of_its_own() {
    let realm = demanding(json!(["CONFIGURE_TOTP"]), json!({})).await;
    give(&realm, json!([device(KEY, "phone")])).await;
    let mut browser = Browser::new();
    let page = sign_in(&mut browser, &realm, "").await;
    let page = browser.submit(&page, &[("otp", &code(KEY, 0))]).await;
    let page = browser.follow(page).await;
    let secret = hidden(&page, "totpSecret");
    for (label, text) in [
        ("", "Please specify device name."),
        ("phone", "Device already exists with the same name"),
    ] {
        let again = browser
            .submit(&page, &[("totp", &code(&secret, 0)), ("userLabel", label)])
            .await;
        shows(&again, "login-login-config-totp", text);
    }
    ends(
        &browser
            .submit(&page, &[("totp", &code(&secret, 0)), ("userLabel", "pad")])
            .await,
    );
}

#[tokio::test]
async fn recovery_codes_are_those_that_were_shown() {
    let realm = demanding(json!(["CONFIGURE_RECOVERY_AUTHN_CODES"]), json!({})).await;
    let mut browser = Browser::new();
    let page = sign_in(&mut browser, &realm, "").await;
    shows(
        &page,
        "login-login-recovery-authn-code-config",
        "Recovery Authentication Codes",
    );
    let shown = hidden(&page, "generatedRecoveryAuthnCodes");
    let codes: Vec<&str> = shown.split(',').collect();
    assert_eq!(codes.len(), 12);
    let forged = ["AAAAAAAAAAAA"; 12].join(",");
    let form = [
        ("generatedRecoveryAuthnCodes", forged.as_str()),
        ("kcRecoveryCodesConfirmationCheck", "on"),
    ];
    ends(&browser.submit(&page, &form).await);
    assert_eq!(
        event(&realm, "UPDATE_CREDENTIAL").await["details"]["credential_type"],
        "recovery-authn-codes"
    );
    let mut other = Browser::new();
    let page = sign_in(&mut other, &realm, "").await;
    shows(
        &page,
        "login-login-recovery-authn-code-input",
        "Recovery code #1",
    );
    let page = other
        .submit(&page, &[("recoveryCodeInput", "AAAAAAAAAAAA")])
        .await;
    shows(
        &page,
        "login-login-recovery-authn-code-input",
        "Invalid recovery authentication code",
    );
    ends(
        &other
            .submit(&page, &[("recoveryCodeInput", codes[0])])
            .await,
    );
}

#[tokio::test]
async fn an_incomplete_profile_is_completed_first() {
    let realm = demanding(json!([]), json!({})).await;
    change(&realm, json!({ "lastName": "", "emailVerified": true })).await;
    realm
        .admin
        .create(&realm.path("/users"), crate::support::person("bob"))
        .await;
    let mut browser = Browser::new();
    let page = sign_in(&mut browser, &realm, "").await;
    shows(
        &page,
        "login-login-update-profile",
        "Please specify this field.",
    );
    assert_eq!(
        event(&realm, "VERIFY_PROFILE").await["details"]["fields_to_update"],
        "lastName"
    );
    for (form, text) in [
        (
            vec![("email", "nope"), ("firstName", "A"), ("lastName", "B")],
            "Invalid email address.",
        ),
        (
            vec![
                ("email", "bob@example.test"),
                ("firstName", "A"),
                ("lastName", "B"),
            ],
            "Email already exists.",
        ),
        (
            vec![
                ("email", "a@example.test"),
                ("firstName", "<i>\"A"),
                ("lastName", ""),
            ],
            "Please specify this field.",
        ),
    ] {
        let again = browser.submit(&page, &form).await;
        shows(&again, "login-login-update-profile", text);
        assert!(!again.text.contains("<i>"), "{}", again.text);
    }
    let form = [
        ("email", "new@example.test"),
        ("firstName", "Al"),
        ("lastName", "B"),
        ("username", "root"),
        ("bogus", "1"),
    ];
    ends(&browser.submit(&page, &form).await);
    let after = alice(&realm).await;
    assert_eq!(
        (
            &after["username"],
            &after["email"],
            &after["lastName"],
            &after["emailVerified"]
        ),
        (
            &json!("alice"),
            &json!("new@example.test"),
            &json!("B"),
            &json!(false)
        )
    );
    assert_eq!(after.get("attributes"), None);
    let details = event(&realm, "UPDATE_PROFILE").await["details"].clone();
    assert_eq!(
        (
            &details["context"],
            &details["previous_email"],
            &details["updated_email"],
            &details["updated_last_name"]
        ),
        (
            &json!("UPDATE_PROFILE"),
            &json!("alice@example.test"),
            &json!("new@example.test"),
            &json!("B")
        )
    );
    assert_eq!(details.get("previous_last_name"), None);
}
