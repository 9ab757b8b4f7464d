//! Clients in the admin API: who sees what of them, and what hangs on them. The exchanges one by one are in `wire`.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Admin, Answer, Realm, server};

pub fn text(answer: &Answer, member: &str) -> String {
    answer.json[member].as_str().unwrap_or_default().to_owned()
}

/// The path of the realm's `realm-management`.
pub async fn realm_management(realm: &Realm) -> String {
    let found = realm
        .admin
        .get(&realm.path("/clients?clientId=realm-management"))
        .await;
    realm.path(&format!(
        "/clients/{}",
        found.json[0]["id"].as_str().unwrap()
    ))
}

pub async fn new_client(realm: &Realm, rep: Value) -> String {
    let id = realm.admin.create(&realm.path("/clients"), rep).await;
    realm.path(&format!("/clients/{id}"))
}

pub const AUDIENCE: &str = "oidc-audience-mapper";

pub fn mapper(name: &str, config: Value) -> Value {
    json!({ "name": name, "protocol": "openid-connect", "protocolMapper": AUDIENCE, "config": config })
}

// ---- Secrets

#[tokio::test]
async fn who_may_only_view_clients_sees_no_secret() {
    let realm = Realm::new().await;
    let client = new_client(
        &realm,
        json!({ "clientId": "web", "secret": "hush-hush-hush" }),
    )
    .await;
    let viewer = realm.administrator("viewer", &["view-clients"]).await;
    let file = format!("{client}/installation/providers/keycloak-oidc-keycloak-json");
    for path in [client.clone(), realm.path("/clients"), file.clone()] {
        let seen = viewer.get(&path).await;
        assert_eq!(seen.status, 200, "{path}");
        assert!(
            !seen.text.contains("hush-hush-hush") && !seen.text.contains("\"secret\""),
            "{path}: {}",
            seen.text
        );
        assert!(
            realm.admin.get(&path).await.text.contains("hush-hush-hush"),
            "{path}"
        );
    }
    let secret = format!("{client}/client-secret");
    for method in [Method::GET, Method::POST] {
        assert_eq!(viewer.call(method, &secret, None).await.status, 403);
    }
    assert_eq!(
        realm.admin.get(&secret).await.json,
        json!({ "type": "secret", "value": "hush-hush-hush" })
    );
}

#[tokio::test]
async fn a_secret_written_back_masked_or_not_at_all_stays() {
    let realm = Realm::new().await;
    let client = new_client(&realm, json!({ "clientId": "web", "secret": "s3" })).await;
    let secret = format!("{client}/client-secret");
    for change in [
        json!({ "secret": "**********" }),
        json!({ "name": "n" }),
        json!({ "secret": "" }),
    ] {
        assert_eq!(
            realm.admin.put(&client, change.clone()).await.status,
            204,
            "{change}"
        );
        assert_eq!(
            text(&realm.admin.get(&secret).await, "value"),
            "s3",
            "{change}"
        );
    }
    let new = realm.admin.post(&secret, json!({})).await;
    assert_eq!(text(&new, "value").len(), 86);
    assert_eq!(realm.admin.get(&secret).await.json, new.json);
}

// ---- Permissions

#[tokio::test]
async fn who_may_only_look_for_clients_finds_none() {
    let realm = Realm::new().await;
    let caller = realm.administrator("finder", &["query-clients"]).await;
    assert_eq!(caller.get(&realm.path("/clients")).await.json, json!([]));
    let client = realm.path(&format!("/clients/{}", realm.registry));
    assert_eq!(caller.get(&client).await.status, 403);
    let nobody = realm.administrator("nobody", &["create-client"]).await;
    assert_eq!(nobody.get(&realm.path("/clients")).await.status, 403);
    assert_eq!(
        nobody
            .post(&realm.path("/clients"), json!({ "clientId": "x" }))
            .await
            .status,
        403
    );
}

#[tokio::test]
async fn who_may_not_change_clients_learns_nothing_about_ids() {
    let realm = Realm::new().await;
    let viewer = realm.administrator("viewer", &["view-clients"]).await;
    for id in [realm.registry.as_str(), "nosuch"] {
        let client = realm.path(&format!("/clients/{id}"));
        assert_eq!(
            viewer.put(&client, json!({ "name": "n" })).await.status,
            403
        );
        assert_eq!(viewer.delete(&client).await.status, 403);
        let models = format!("{client}/protocol-mappers/models");
        assert_eq!(
            viewer.post(&models, mapper("m", json!({}))).await.status,
            403
        );
    }
    assert_eq!(
        text(
            &viewer
                .get(&realm.path(&format!("/clients/{}", realm.registry)))
                .await,
            "clientId"
        ),
        "reg"
    );
}

#[tokio::test]
async fn the_client_that_administers_a_realm_is_changed_by_nobody() {
    let realm = Realm::new().await;
    let master = realm
        .admin
        .get(&format!("/master/clients?clientId={}-realm", realm.name))
        .await;
    let in_master = format!("/master/clients/{}", master.json[0]["id"].as_str().unwrap());
    for client in [realm_management(&realm).await, in_master] {
        let before = realm.admin.get(&client).await;
        assert_eq!(
            before.json["access"],
            json!({ "view": true, "configure": false, "manage": false })
        );
        let calls = [
            (Method::PUT, String::new(), json!({ "name": "mine" })),
            (Method::DELETE, String::new(), Value::Null),
            (Method::POST, "/client-secret".to_owned(), Value::Null),
            (
                Method::POST,
                "/protocol-mappers/models".to_owned(),
                mapper("m", json!({})),
            ),
            (
                Method::POST,
                "/protocol-mappers/add-models".to_owned(),
                json!([mapper("m", json!({}))]),
            ),
            (Method::POST, "/roles".to_owned(), json!({ "name": "mine" })),
        ];
        for (method, below, body) in calls {
            let answer = realm
                .admin
                .call(method.clone(), &format!("{client}{below}"), Some(body))
                .await;
            assert_eq!(answer.status, 403, "{method} {below}");
            assert_eq!(text(&answer, "error"), "HTTP 403 Forbidden");
        }
        assert_eq!(realm.admin.get(&client).await.json, before.json);
    }
}

#[tokio::test]
async fn nobody_makes_a_client_of_master_that_a_later_realm_would_be_administered_by() {
    let realm = Realm::new().await;
    let admin = &realm.admin;
    let later = format!("{}-later", realm.name);
    let rep = json!({ "clientId": format!("{later}-realm") });
    assert_eq!(admin.post("/master/clients", rep.clone()).await.status, 400);
    let id = admin
        .create("/master/clients", json!({ "clientId": later }))
        .await;
    let client = format!("/master/clients/{id}");
    assert_eq!(admin.put(&client, rep.clone()).await.status, 400);
    assert_eq!(text(&admin.get(&client).await, "clientId"), later);
    assert_eq!(admin.delete(&client).await.status, 204);
    assert_eq!(
        admin.post(&realm.path("/clients"), rep).await.status,
        201,
        "only master is about realms"
    );
}

// ---- One realm and another

#[tokio::test]
async fn a_client_of_another_realm_is_as_unknown_as_one_that_is_nowhere() {
    let (realm, other) = (Realm::new().await, Realm::new().await);
    let below_other = other.path(&format!("/clients/{}", other.registry));
    let mappers = other
        .admin
        .get(&format!("{below_other}/protocol-mappers/models"))
        .await;
    let model = mappers.json[0]["id"].as_str().unwrap();
    other
        .admin
        .create(&format!("{below_other}/roles"), json!({ "name": "push" }))
        .await;
    let before = other.admin.get(&below_other).await.json;

    let get = Method::GET;
    let calls = [
        (get.clone(), String::new()),
        (Method::PUT, String::new()),
        (Method::DELETE, String::new()),
        (get.clone(), "/client-secret".to_owned()),
        (Method::POST, "/client-secret".to_owned()),
        (
            get.clone(),
            "/installation/providers/docker-v2-jwks".to_owned(),
        ),
        (get.clone(), "/service-account-user".to_owned()),
        (get.clone(), "/session-count".to_owned()),
        (get.clone(), "/user-sessions".to_owned()),
        (get.clone(), "/offline-session-count".to_owned()),
        (get.clone(), "/offline-sessions".to_owned()),
        (get.clone(), "/docker-v2/x".to_owned()),
        (get.clone(), "/protocol-mappers/models".to_owned()),
        (Method::POST, "/protocol-mappers/models".to_owned()),
        (Method::POST, "/protocol-mappers/add-models".to_owned()),
        (
            get.clone(),
            "/protocol-mappers/protocol/docker-v2".to_owned(),
        ),
        (get.clone(), format!("/protocol-mappers/models/{model}")),
        (Method::PUT, format!("/protocol-mappers/models/{model}")),
        (Method::DELETE, format!("/protocol-mappers/models/{model}")),
        (get.clone(), "/roles".to_owned()),
        (Method::POST, "/roles".to_owned()),
        (get.clone(), "/roles/push".to_owned()),
        (Method::PUT, "/roles/push".to_owned()),
        (Method::DELETE, "/roles/push".to_owned()),
        (get.clone(), "/roles/push/users".to_owned()),
        (get.clone(), "/roles/push/groups".to_owned()),
        (get.clone(), "/roles/push/composites".to_owned()),
        (Method::POST, "/roles/push/composites".to_owned()),
        (Method::DELETE, "/roles/push/composites".to_owned()),
    ];
    for caller in [
        realm.admin.clone(),
        realm.administrator("boss", &["realm-admin"]).await,
    ] {
        for (method, below) in &calls {
            let body = (*method != get).then(|| json!({ "name": "x" }));
            let strange = realm.path(&format!("/clients/{}{below}", other.registry));
            let nowhere = realm.path(&format!("/clients/{}{below}", uuid::Uuid::new_v4()));
            let strange = caller.call(method.clone(), &strange, body.clone()).await;
            let nowhere = caller.call(method.clone(), &nowhere, body).await;
            assert_eq!(
                (strange.status, &strange.text),
                (nowhere.status, &nowhere.text),
                "{method} {below}"
            );
            assert_eq!(
                (nowhere.status, text(&nowhere, "error").as_str()),
                (404, "Could not find client"),
                "{method} {below}"
            );
        }
    }
    assert_eq!(other.admin.get(&below_other).await.json, before);

    // A mapper of the realm's other client is unknown below this one.
    let models = realm.path(&format!(
        "/clients/{}/protocol-mappers/models/{model}",
        realm.registry
    ));
    assert_eq!(
        text(&realm.admin.get(&models).await, "error"),
        "Model not found"
    );
}

#[tokio::test]
async fn nothing_below_clients_answers_without_a_token() {
    let realm = Realm::new().await;
    let client = realm.path(&format!("/clients/{}", realm.registry));
    let nobody = Admin::with_token("no.token.atall");
    for below in [
        "",
        "/client-secret",
        "/installation/providers/docker-v2-jwks",
        "/protocol-mappers/models",
        "/roles",
        "/docker-v2/x",
    ] {
        assert_eq!(
            nobody.get(&format!("{client}{below}")).await.status,
            401,
            "{below}"
        );
    }
}

// ---- Sessions, installation files

#[tokio::test]
async fn a_login_counts_as_a_session_of_its_client() {
    let realm = Realm::new().await;
    let found = realm
        .admin
        .get(&realm.path("/clients?clientId=admin-cli"))
        .await;
    let client = realm.path(&format!(
        "/clients/{}",
        found.json[0]["id"].as_str().unwrap()
    ));
    let count = format!("{client}/session-count");
    assert_eq!(realm.admin.get(&count).await.json, json!({ "count": 0 }));
    crate::support::login(&server().url, &realm.name, "alice", "secret").await;
    assert_eq!(realm.admin.get(&count).await.json, json!({ "count": 1 }));
    let sessions = realm
        .admin
        .get(&format!("{client}/user-sessions"))
        .await
        .json;
    assert_eq!(
        (
            &sessions[0]["username"],
            sessions[0]["clients"].as_object().unwrap().len()
        ),
        (&json!("alice"), 1)
    );
    let none = realm
        .admin
        .get(&format!("{client}/user-sessions?first=1"))
        .await;
    assert_eq!(none.json, json!([]));
    let offline = realm
        .admin
        .get(&format!("{client}/offline-session-count"))
        .await;
    assert_eq!(offline.json, json!({ "count": 0 }));
}

#[tokio::test]
async fn keycloak_json_says_what_kind_of_client_it_is_for() {
    let realm = Realm::new().await;
    let shown = async |rep: Value| {
        let client = new_client(&realm, rep).await;
        let path = format!("{client}/installation/providers/keycloak-oidc-keycloak-json");
        realm.admin.get(&path).await.json
    };
    let file = |more: Value| {
        let mut file = json!({
            "realm": realm.name, "auth-server-url": format!("{}/", server().url), "ssl-required": "external",
            "confidential-port": 0,
        });
        file.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        file
    };
    assert_eq!(
        shown(json!({ "clientId": "web", "secret": "s3" })).await,
        file(json!({ "resource": "web", "credentials": { "secret": "s3" } }))
    );
    assert_eq!(
        shown(json!({ "clientId": "pub", "publicClient": true })).await,
        file(json!({ "resource": "pub", "public-client": true }))
    );
    assert_eq!(
        shown(json!({ "clientId": "api", "bearerOnly": true })).await,
        file(json!({ "resource": "api", "bearer-only": true }))
    );

    let registry = realm.path(&format!(
        "/clients/{}/installation/providers/keycloak-oidc-keycloak-json",
        realm.registry
    ));
    let other = realm.admin.get(&registry).await;
    assert_eq!(
        (other.status, text(&other, "error").as_str()),
        (404, "Unknown Provider")
    );
}
