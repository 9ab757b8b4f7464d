//! Robots: clients that log in at a registry as their service account.

use serde_json::json;

use crate::support::{Answer, Realm, claims, server};

const SCOPE: &str = "&scope=repository:a:pull,push";

impl Realm {
    pub async fn robot_refused(&self, user: &str, password: &str) {
        let answer = self.docker(user, password, SCOPE).await;
        assert_eq!(answer.status, 401, "{user}: {}", answer.json);
        assert_eq!(
            answer.json["errors"][0]["message"], "Invalid username or password.",
            "{user}"
        );
    }

    pub async fn robot_admitted(&self, user: &str, password: &str) -> Answer {
        let answer = self.docker(user, password, SCOPE).await;
        assert_eq!(answer.status, 200, "{user}: {}", answer.json);
        answer
    }
}

#[tokio::test]
async fn a_client_logs_in_as_its_service_account_with_its_secret() {
    let realm = Realm::with(json!({ "eventsEnabled": true })).await;
    realm.robot("CI").await;
    for name in [
        "service-account-CI",
        "service-account-ci",
        "Service-Account-ci",
    ] {
        let answer = realm.robot_admitted(name, "robot-secret").await;
        let claims = claims(answer.json["token"].as_str().unwrap());
        assert_eq!(claims["sub"], "service-account-ci");
        assert_eq!(claims["aud"], "reg");
        assert_eq!(
            claims["access"],
            json!([{ "type": "repository", "name": "a", "actions": ["pull", "push"] }])
        );
    }
    let event = realm.newest_event("LOGIN").await;
    assert_eq!(event["details"]["credential_type"], "client-secret");
    assert_eq!(event["details"]["username"], "service-account-ci");
    assert_eq!(event["clientId"], "reg");
}

#[tokio::test]
async fn a_rule_names_a_robot_through_its_user() {
    let realm = Realm::new().await;
    realm.robot("ci").await;
    realm.robot("other").await;
    let mappers = realm.path(&format!(
        "/clients/{}/protocol-mappers/models",
        realm.registry
    ));
    for mapper in realm.admin.get(&mappers).await.json.as_array().unwrap() {
        let path = format!("{mappers}/{}", mapper["id"].as_str().unwrap());
        realm.admin.delete(&path).await;
    }
    let rule = json!({
        "name": "ci", "protocol": "docker-v2", "protocolMapper": "docker-v2-access-rule-mapper",
        "config": { "subject": "user:service-account-ci", "repository": "a", "actions": "pull##push" },
    });
    realm.admin.create(&mappers, rule).await;
    for (robot, access) in [
        (
            "ci",
            json!([{ "type": "repository", "name": "a", "actions": ["pull", "push"] }]),
        ),
        ("other", json!([])),
    ] {
        let name = format!("service-account-{robot}");
        let answer = realm.robot_admitted(&name, "robot-secret").await;
        let claims = claims(answer.json["token"].as_str().unwrap());
        assert_eq!(claims["access"], access, "{robot}");
    }
}

#[tokio::test]
async fn what_is_no_robot_gets_one_answer_whatever_is_wrong_with_it() {
    let realm = Realm::with(json!({ "eventsEnabled": true })).await;
    let change = async |client: &str, change| {
        let path = realm.path(&format!("/clients/{client}"));
        assert_eq!(realm.admin.put(&path, change).await.status, 204);
    };
    let disabled = realm.robot("disabled").await;
    change(
        &disabled,
        json!({ "clientId": "disabled", "enabled": false }),
    )
    .await;
    let public = realm.robot("public").await;
    change(
        &public,
        json!({ "clientId": "public", "publicClient": true }),
    )
    .await;
    let off = realm.robot("off").await;
    change(
        &off,
        json!({ "clientId": "off", "serviceAccountsEnabled": false }),
    )
    .await;
    let keyed = realm.robot("keyed").await;
    change(
        &keyed,
        json!({ "clientId": "keyed", "clientAuthenticatorType": "client-jwt" }),
    )
    .await;
    let barred = realm.robot("barred").await;
    let path = realm.path(&format!("/clients/{barred}/service-account-user"));
    let user = realm.admin.get(&path).await.json;
    let path = realm.path(&format!("/users/{}", user["id"].as_str().unwrap()));
    let answer = realm.admin.put(&path, json!({ "enabled": false })).await;
    assert_eq!(answer.status, 204, "{}", answer.json);
    realm.robot("good").await;
    let other = json!({ "clientId": "other", "serviceAccountsEnabled": true, "secret": "another" });
    realm.admin.create(&realm.path("/clients"), other).await;

    realm
        .robot_admitted("service-account-good", "robot-secret")
        .await;
    for (name, password, error) in [
        ("good", "wrong", "invalid_client_credentials"),
        ("good", "", "invalid_client_credentials"),
        ("good", "another", "invalid_client_credentials"),
        ("good", "**********", "invalid_client_credentials"),
        ("keyed", "robot-secret", "invalid_client_credentials"),
        ("disabled", "robot-secret", "client_disabled"),
        ("public", "robot-secret", "invalid_client"),
        ("barred", "robot-secret", "user_disabled"),
        ("off", "robot-secret", "user_not_found"),
        ("nobody", "robot-secret", "user_not_found"),
        ("", "robot-secret", "user_not_found"),
    ] {
        let name = format!("service-account-{name}");
        realm.robot_refused(&name, password).await;
        let event = realm.newest_event("LOGIN_ERROR").await;
        assert_eq!(event["error"], error, "{name}");
        assert_eq!(event["details"]["credential_type"], "client-secret");
        assert_eq!(event["details"]["username"], name);
    }
    // Only at a registry, and only by its whole name.
    realm.robot_refused("good", "robot-secret").await;
}

#[tokio::test]
async fn nobody_can_lock_a_robot_out() {
    let realm = Realm::with(json!({
        "bruteForceProtected": true, "failureFactor": 2, "permanentLockout": true, "maxTemporaryLockouts": 0,
    }))
    .await;
    let client = realm.robot("ci").await;
    for _ in 0..6 {
        realm.robot_refused("service-account-ci", "wrong").await;
        let form = [
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", "service-account-ci"),
            ("password", "wrong"),
        ];
        let answer = crate::support::token(&server().url, &realm.name, &form).await;
        assert_eq!(answer.json["error"], "invalid_grant");
    }
    realm
        .robot_admitted("service-account-ci", "robot-secret")
        .await;
    let path = realm.path(&format!("/clients/{client}/service-account-user"));
    let user = realm.admin.get(&path).await.json;
    let id = user["id"].as_str().unwrap();
    let path = realm.path(&format!("/attack-detection/brute-force/users/{id}"));
    assert_eq!(realm.admin.get(&path).await.json["numFailures"], 0);
}

#[tokio::test]
async fn a_person_who_is_called_like_a_robot_logs_in_with_a_password() {
    let realm = Realm::new().await;
    let person = crate::support::person("service-account-anna");
    realm.admin.create(&realm.path("/users"), person).await;
    realm.robot_admitted("service-account-anna", "secret").await;
    realm.robot_refused("service-account-anna", "wrong").await;
}

#[tokio::test]
async fn a_secret_that_was_replaced_is_good_no_more() {
    let realm = Realm::new().await;
    let client = realm.robot("ci").await;
    realm
        .robot_admitted("service-account-ci", "robot-secret")
        .await;
    let path = realm.path(&format!("/clients/{client}/client-secret"));
    let secret = realm.admin.post(&path, json!({})).await.json["value"].clone();
    realm
        .robot_refused("service-account-ci", "robot-secret")
        .await;
    realm
        .robot_admitted("service-account-ci", secret.as_str().unwrap())
        .await;
}
