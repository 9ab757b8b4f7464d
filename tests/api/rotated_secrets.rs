//! A regenerated secret leaves the one before good for a while: seen and ended by who may manage clients.

use serde_json::{Value, json};

use crate::client_signing::Signing;
use crate::forge;
use crate::jws::Pair;
use crate::support::{Answer, Realm, server, token};

const ROTATED: &str = "client.secret.rotated";

/// A realm with a robot that keeps its secrets for a minute, and the path of that client.
async fn robot() -> (Realm, String) {
    let realm = Realm::new().await;
    let robot = json!({
        "clientId": "ci", "secret": "the first one", "serviceAccountsEnabled": true,
        "attributes": { "client.secret.rotated.seconds": "60" },
    });
    let id = realm.admin.create(&realm.path("/clients"), robot).await;
    let path = realm.path(&format!("/clients/{id}"));
    (realm, path)
}

async fn regenerate(realm: &Realm, client: &str) -> String {
    let answer = realm
        .admin
        .post(&format!("{client}/client-secret"), Value::Null)
        .await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    answer.json["value"].as_str().unwrap().to_owned()
}

/// Whether the robot gets in by this secret: at the token endpoint, and as the user of a docker client.
async fn gets_in(realm: &Realm, secret: &str) -> bool {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "ci"),
        ("client_secret", secret),
    ];
    let tokens = token(&server().url, &realm.name, &form).await.status;
    let docker = realm.docker("service-account-ci", secret, "").await.status;
    assert!(
        matches!((tokens, docker), (200, 200) | (401, 401)),
        "{tokens} {docker}"
    );
    tokens == 200
}

fn has_none(answer: &Answer) {
    let none = json!({ "error": "Client does not have a rotated secret" });
    assert_eq!((answer.status, &answer.json), (404, &none));
}

#[tokio::test]
async fn both_secrets_are_good_until_the_one_before_is_ended() {
    let (realm, client) = robot().await;
    let rotated = format!("{client}/client-secret/rotated");
    assert!(gets_in(&realm, "the first one").await);
    has_none(&realm.admin.get(&rotated).await);

    let new = regenerate(&realm, &client).await;
    assert!(gets_in(&realm, "the first one").await && gets_in(&realm, &new).await);
    assert!(!gets_in(&realm, "the first on").await);
    let answer = realm.admin.get(&rotated).await;
    let before = json!({ "type": "secret", "value": "the first one" });
    assert_eq!((answer.status, answer.json), (200, before));

    assert_eq!(realm.admin.delete(&rotated).await.status, 204);
    assert!(!gets_in(&realm, "the first one").await && gets_in(&realm, &new).await);
    has_none(&realm.admin.get(&rotated).await);
    // As in Keycloak, whether there is one or not.
    assert_eq!(realm.admin.delete(&rotated).await.status, 204);
}

#[tokio::test]
async fn without_the_attribute_and_after_its_time_the_secret_before_is_no_good() {
    let (realm, client) = robot().await;
    let rotated = format!("{client}/client-secret/rotated");
    let set = async |name: &str, value: &str| {
        let change = json!({ "attributes": { name: value } });
        realm.admin.put(&client, change).await.status
    };
    let first = regenerate(&realm, &client).await;
    let now = store::clock::now().to_string();
    assert_eq!(
        set("client.secret.rotated.expiration.time", &now).await,
        204
    );
    assert!(!gets_in(&realm, "the first one").await && gets_in(&realm, &first).await);
    has_none(&realm.admin.get(&rotated).await);

    assert_eq!(set("client.secret.rotated.seconds", "x").await, 400);
    assert_eq!(set("client.secret.rotated.seconds", "").await, 204);
    let second = regenerate(&realm, &client).await;
    assert!(!gets_in(&realm, &first).await && gets_in(&realm, &second).await);
    has_none(&realm.admin.get(&rotated).await);
}

#[tokio::test]
async fn assertions_by_the_secret_before_are_good_as_long() {
    let it = Signing::new(Pair::es256()).await;
    let first = "0123456789012345678901234567890123456789";
    let rep = json!({
        "clientId": "s", "serviceAccountsEnabled": true, "clientAuthenticatorType": "client-secret-jwt", "secret": first,
        "attributes": { "client.secret.rotated.seconds": "60" },
    });
    let id = it.realm.admin.create(&it.realm.path("/clients"), rep).await;
    let client = it.realm.path(&format!("/clients/{id}"));
    let second = regenerate(&it.realm, &client).await;
    let status = async |secret: &str| {
        let claims = it.claims("s", json!({})).to_string();
        let assertion = forge::mac(&json!({ "alg": "HS256" }), &claims, secret.as_bytes());
        it.assert(&assertion).await.status
    };
    assert_eq!((status(first).await, status(&second).await), (200, 200));
    let rotated = format!("{client}/client-secret/rotated");
    assert_eq!(it.realm.admin.delete(&rotated).await.status, 204);
    assert_eq!((status(first).await, status(&second).await), (400, 200));
}

#[tokio::test]
async fn only_who_may_manage_clients_sees_the_secret_before() {
    let (realm, client) = robot().await;
    regenerate(&realm, &client).await;
    let rotated = format!("{client}/client-secret/rotated");
    let viewer = realm.administrator("viewer", &["view-clients"]).await;
    assert_eq!(viewer.get(&rotated).await.status, 403);
    assert_eq!(viewer.delete(&rotated).await.status, 403);
    let manager = realm.administrator("manager", &["manage-clients"]).await;
    assert_eq!(manager.get(&rotated).await.json["value"], "the first one");
    for admin in [&viewer, &manager, &realm.admin] {
        for path in [client.clone(), realm.path("/clients?clientId=ci")] {
            let shown = admin.get(&path).await;
            assert!(!shown.text.contains("the first one"), "{}", shown.text);
            assert!(
                shown.text.contains("client.secret.rotated.expiration.time"),
                "{}",
                shown.text
            );
        }
    }
    // A service account with more rights than the manager has: knowing its secret would be having them.
    let account = realm
        .admin
        .get(&format!("{client}/service-account-user"))
        .await;
    let account = account.json["id"].as_str().unwrap().to_owned();
    let management = realm
        .admin
        .get(&realm.path("/clients?clientId=realm-management"))
        .await;
    let management = management.json[0]["id"].as_str().unwrap().to_owned();
    let role = realm.path(&format!("/clients/{management}/roles/realm-admin"));
    let role = json!([realm.admin.get(&role).await.json]);
    let held = realm.path(&format!(
        "/users/{account}/role-mappings/clients/{management}"
    ));
    assert_eq!(realm.admin.post(&held, role).await.status, 204);
    assert_eq!(manager.get(&rotated).await.status, 403);
    assert_eq!(manager.delete(&rotated).await.status, 403);
    assert_eq!(realm.admin.get(&rotated).await.status, 200);
}

#[tokio::test]
async fn a_realm_file_brings_the_secret_before_and_a_change_brings_none() {
    let (realm, client) = robot().await;
    let ends = (store::clock::now() + 60).to_string();
    let attributes = json!({ ROTATED: "smuggled", "client.secret.rotated.expiration.time": ends });
    let changed = realm
        .admin
        .put(&client, json!({ "attributes": attributes }))
        .await;
    assert_eq!(changed.status, 204);
    assert!(!gets_in(&realm, "smuggled").await);
    has_none(
        &realm
            .admin
            .get(&format!("{client}/client-secret/rotated"))
            .await,
    );

    let name = format!("r-{}", uuid::Uuid::new_v4().simple());
    let file = json!({ "realm": name, "enabled": true, "clients": [{
        "clientId": "ci", "secret": "present", "serviceAccountsEnabled": true,
        "attributes": { ROTATED: "past", "client.secret.rotated.expiration.time": ends },
    }]});
    let made = realm.admin.post("", file).await;
    assert_eq!(made.status, 201, "{}", made.text);
    for (secret, status) in [("present", 200), ("past", 200), ("other", 401)] {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", "ci"),
            ("client_secret", secret),
        ];
        let answer = token(&server().url, &name, &form).await;
        assert_eq!(answer.status, status, "{secret}: {}", answer.text);
    }
    let found = realm
        .admin
        .get(&format!("/{name}/clients?clientId=ci"))
        .await;
    assert!(!found.text.contains("\"past\""), "{}", found.text);
}
