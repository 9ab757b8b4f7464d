//! Second factors: one-time codes and recovery codes, at the login form and at the token endpoint.

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use crate::browser::{Browser, action, app, parameter};
use crate::support::{Answer, Realm, person};

/// The key of the devices that these tests import.
pub const KEY: &str = "JlRQdbWVVmueS79BlnMI";

/// The one-time code of a key, `off` steps of half a minute from now.
pub fn code(key: &str, off: i64) -> String {
    let step = store::clock::now() / 30 + off;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[19] & 15);
    let number = u32::from_be_bytes(tag[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// A device as an export of Keycloak has it.
pub fn device(key: &str, label: &str) -> Value {
    let data = r#"{"subType":"totp","digits":6,"counter":0,"period":30,"algorithm":"HmacSHA1"}"#;
    json!({
        "type": "otp", "userLabel": label, "credentialData": data,
        "secretData": json!({ "value": key }).to_string()
    })
}

/// Gives alice credentials beside her password.
pub async fn give(realm: &Realm, credentials: Value) {
    let path = realm.path(&format!("/users/{}", realm.alice));
    let put = realm
        .admin
        .put(&path, json!({ "credentials": credentials }))
        .await;
    assert_eq!(put.status, 204, "{}", put.json);
}

/// Twelve recovery codes as Keycloak writes them: `CODE0001` and so on.
fn recovery_codes() -> Value {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let codes: Vec<Value> = (1..=12)
        .map(|number| {
            let text = format!("CODE{number:08}");
            let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, text.as_bytes());
            json!({ "number": number, "encodedHashedValue": STANDARD.encode(hash) })
        })
        .collect();
    let data = json!({ "algorithm": "SHA-512", "totalCodes": 12, "remainingCodes": 12 });
    json!({
        "type": "recovery-authn-codes", "userLabel": "Recovery codes", "credentialData": data.to_string(),
        "secretData": json!({ "codes": codes }).to_string()
    })
}

/// A realm that counts failures and keeps events, with client `app`.
pub async fn guarded(settings: Value) -> Realm {
    let mut rep = json!({
        "bruteForceProtected": true, "failureFactor": 5, "waitIncrementSeconds": 600,
        "quickLoginCheckMilliSeconds": 0, "eventsEnabled": true
    });
    rep.as_object_mut()
        .unwrap()
        .extend(settings.as_object().unwrap().clone());
    let realm = Realm::with(rep).await;
    app(&realm, json!({})).await;
    realm
}

pub async fn failures(realm: &Realm) -> i64 {
    let path = format!("/attack-detection/brute-force/users/{}", realm.alice);
    let status = realm.admin.get(&realm.path(&path)).await.json;
    status["numFailures"].as_i64().unwrap()
}

/// The newest event of a type.
pub async fn event(realm: &Realm, kind: &str) -> Value {
    let path = realm.path(&format!("/events?type={kind}&max=1"));
    realm.admin.get(&path).await.json[0].clone()
}

pub async fn sign_in(browser: &mut Browser, realm: &Realm) -> Answer {
    browser
        .sign_in(&realm.name, "&scope=openid", "alice", "secret")
        .await
}

#[track_caller]
pub fn says(page: &Answer, id: &str, text: &str) {
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(
        page.text.contains(id) && page.text.contains(text),
        "{}",
        page.text
    );
}

#[tokio::test]
async fn whoever_has_a_device_is_asked_for_its_code_and_each_code_lets_in_once() {
    let realm = guarded(json!({})).await;
    give(&realm, json!([device(KEY, "phone")])).await;
    let mut browser = Browser::new();
    let page = sign_in(&mut browser, &realm).await;
    says(&page, "login-login-otp", "One-time code");
    let right = code(KEY, 0);
    let page = browser.submit(&page, &[("otp", "")]).await;
    says(&page, "login-login-otp", "Invalid authenticator code.");
    assert!(
        !page.text.contains("id=\"kc-otp-credential-0\""),
        "there is but one device"
    );
    let done = browser.submit(&page, &[("otp", &right)]).await;
    assert_eq!(done.status, 302, "{}", done.text);
    assert!(parameter(&done, "code").is_some(), "{}", done.location);
    let login = event(&realm, "LOGIN").await;
    assert!(
        login["details"]["selected_credential_id"].is_string(),
        "{login}"
    );
    let failed = event(&realm, "LOGIN_ERROR").await;
    assert_eq!(failed["error"], "invalid_user_credentials");
    assert_eq!(
        failed["details"]["selected_credential_id"],
        login["details"]["selected_credential_id"]
    );
    assert_eq!(failed["userId"], json!(realm.alice));

    let mut other = Browser::new();
    let page = sign_in(&mut other, &realm).await;
    let page = other.submit(&page, &[("otp", &right)]).await;
    says(&page, "login-login-otp", "Invalid authenticator code.");
    let done = other.submit(&page, &[("otp", &code(KEY, 1))]).await;
    assert_eq!(done.status, 302, "{}", done.text);
}

#[tokio::test]
async fn of_several_devices_the_chosen_one_counts() {
    let realm = guarded(json!({})).await;
    let other = "BBBBBBBBBBBBBBBBBBBB";
    give(
        &realm,
        json!([device(KEY, "phone"), device(other, "<b>pad</b>")]),
    )
    .await;
    let mut browser = Browser::new();
    let page = sign_in(&mut browser, &realm).await;
    says(&page, "kc-otp-credential-1", "phone");
    assert!(!page.text.contains("<b>pad"), "{}", page.text);
    let ids: Vec<String> = page
        .text
        .split("name=\"selectedCredentialId\" value=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 2);
    let right = code(other, 0);
    for wrong in [ids[0].as_str(), "", "nonsense", &realm.alice] {
        let page = browser
            .submit(&page, &[("otp", &right), ("selectedCredentialId", wrong)])
            .await;
        says(&page, "login-login-otp", "Invalid authenticator code.");
        if failures(&realm).await == 4 {
            break;
        }
    }
    let form = [
        ("otp", right.as_str()),
        ("selectedCredentialId", ids[1].as_str()),
    ];
    let done = browser.submit(&page, &form).await;
    assert_eq!(done.status, 302, "{}", done.text);
    assert_eq!(
        failures(&realm).await,
        0,
        "a whole login forgets the failures"
    );
}

#[tokio::test]
async fn a_recovery_code_is_another_way_in() {
    let realm = guarded(json!({})).await;
    give(&realm, json!([device(KEY, "phone"), recovery_codes()])).await;
    let mut browser = Browser::new();
    let page = sign_in(&mut browser, &realm).await;
    says(&page, "login-login-otp", "Try Another Way");
    let page = browser.submit(&page, &[("tryAnotherWay", "on")]).await;
    says(
        &page,
        "login-select-authenticator",
        "Recovery Authentication Code",
    );
    let execution = page
        .text
        .split("name=\"authenticationExecution\" value=\"")
        .nth(2)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let page = browser
        .submit(&page, &[("authenticationExecution", &execution)])
        .await;
    let page = browser.follow(page).await;
    says(
        &page,
        "login-login-recovery-authn-code-input",
        "Recovery code #1",
    );
    // The page has a second form, whose hidden input is not this one's.
    let url = action(&page);
    let page = browser
        .post(&url, &[("recoveryCodeInput", "CODE00000002")])
        .await;
    says(
        &page,
        "recovery-authn-code-input",
        "Invalid recovery authentication code",
    );
    let failed = event(&realm, "LOGIN_ERROR").await;
    assert_eq!(failed["details"]["credential_type"], "recovery-authn-codes");
    let done = browser
        .post(&url, &[("recoveryCodeInput", "code-0000-0001")])
        .await;
    assert_eq!(done.status, 302, "{}", done.text);
    assert!(parameter(&done, "code").is_some());
    let login = event(&realm, "LOGIN").await;
    assert_eq!(login["details"]["credential_type"], "recovery-authn-codes");
    let known = realm
        .admin
        .get(&realm.path(&format!("/users/{}/credentials", realm.alice)))
        .await
        .json;
    let list = known
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["type"] == "recovery-authn-codes");
    assert_eq!(
        list.unwrap()["credentialData"],
        r#"{"algorithm":"SHA-512","totalCodes":12,"remainingCodes":11}"#
    );
}

#[tokio::test]
async fn an_administrator_takes_second_factors_away() {
    let realm = guarded(json!({})).await;
    give(&realm, json!([device(KEY, "phone"), recovery_codes()])).await;
    let path = realm.path(&format!("/users/{}", realm.alice));
    assert_eq!(realm.admin.get(&path).await.json["totp"], true);
    let known = realm.admin.get(&format!("{path}/credentials")).await.json;
    for credential in known.as_array().unwrap() {
        assert_eq!(credential.get("secretData"), None, "{credential}");
        if credential["type"] != "password" {
            let id = credential["id"].as_str().unwrap();
            let gone = realm
                .admin
                .delete(&format!("{path}/credentials/{id}"))
                .await;
            assert_eq!(gone.status, 204);
        }
    }
    assert_eq!(realm.admin.get(&path).await.json["totp"], false);
    let done = sign_in(&mut Browser::new(), &realm).await;
    assert_eq!(done.status, 302, "{}", done.text);
}

#[tokio::test]
async fn a_device_that_goes_while_its_code_is_asked_for_lets_nobody_in() {
    let realm = guarded(json!({})).await;
    give(&realm, json!([device(KEY, "phone")])).await;
    let mut browser = Browser::new();
    let page = sign_in(&mut browser, &realm).await;
    let path = realm.path(&format!("/users/{}/credentials", realm.alice));
    let known = realm.admin.get(&path).await.json;
    let id = known
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["type"] == "otp")
        .unwrap()["id"]
        .clone();
    realm
        .admin
        .delete(&format!("{path}/{}", id.as_str().unwrap()))
        .await;
    let answer = browser.submit(&page, &[("otp", &code(KEY, 0))]).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert!(answer.location.is_empty());
}

#[tokio::test]
async fn a_security_key_alone_lets_nobody_in_by_the_form() {
    let realm = guarded(json!({})).await;
    let key = json!({ "type": "webauthn", "credentialData": "{}", "secretData": "{}" });
    give(&realm, json!([key])).await;
    let page = sign_in(&mut Browser::new(), &realm).await;
    says(&page, "login-login\"", "protected by a security key");
}

#[tokio::test]
async fn a_code_of_one_user_does_not_let_in_another() {
    let realm = guarded(json!({})).await;
    give(&realm, json!([device(KEY, "phone")])).await;
    let mut bob = person("bob");
    let credentials = bob["credentials"].as_array_mut().unwrap();
    credentials.push(device("BBBBBBBBBBBBBBBBBBBB", "pad"));
    realm.admin.create(&realm.path("/users"), bob).await;
    let known = realm
        .admin
        .get(&realm.path(&format!("/users/{}/credentials", realm.alice)))
        .await;
    let known = known
        .json
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["type"] == "otp")
        .unwrap()
        .clone();
    let mut browser = Browser::new();
    let page = browser.sign_in(&realm.name, "", "bob", "secret").await;
    let form = [
        ("otp", code(KEY, 0)),
        (
            "selectedCredentialId",
            known["id"].as_str().unwrap().to_owned(),
        ),
    ];
    let form: Vec<(&str, &str)> = form
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let page = browser.submit(&page, &form).await;
    says(&page, "login-login-otp", "Invalid authenticator code.");
}
