//! Writing clients in the admin API: their service accounts and mappers, and that what is refused leaves nothing behind.

use reqwest::Method;
use serde_json::{Value, json};

use crate::clients::{AUDIENCE, mapper, new_client, text};
use crate::support::Realm;

// ---- Service accounts

#[tokio::test]
async fn a_service_account_follows_its_client() {
    let realm = Realm::new().await;
    let admin = &realm.admin;
    let client = new_client(
        &realm,
        json!({ "clientId": "Svc", "serviceAccountsEnabled": true }),
    )
    .await;
    let account = format!("{client}/service-account-user");

    let made = admin.get(&account).await;
    assert_eq!(
        (made.status, text(&made, "username").as_str()),
        (200, "service-account-svc")
    );
    assert_eq!(made.json["enabled"], true);
    let user = realm.path(&format!("/users/{}", text(&made, "id")));
    let roles = admin.get(&format!("{user}/role-mappings/realm")).await;
    assert_eq!(
        roles.json[0]["name"],
        format!("default-roles-{}", realm.name)
    );

    let renamed = admin
        .put(
            &client,
            json!({ "clientId": "Other", "description": "keeps the rest" }),
        )
        .await;
    assert_eq!(renamed.status, 204);
    let after = admin.get(&account).await;
    assert_eq!(
        (text(&after, "id"), text(&after, "username").as_str()),
        (text(&made, "id"), "service-account-other")
    );

    assert_eq!(
        admin
            .put(&client, json!({ "serviceAccountsEnabled": false }))
            .await
            .status,
        204
    );
    let none = admin.get(&account).await;
    assert_eq!(none.status, 400);
    assert_eq!(
        text(&none, "error"),
        "Service account not enabled for the client 'Other'"
    );
    assert_eq!(admin.get(&user).await.status, 404);

    assert_eq!(
        admin
            .put(&client, json!({ "serviceAccountsEnabled": true }))
            .await
            .status,
        204
    );
    let again = admin.get(&account).await;
    assert_eq!(text(&again, "username"), "service-account-other");
    assert_ne!(text(&again, "id"), text(&made, "id"));

    assert_eq!(admin.delete(&client).await.status, 204);
    let user = realm.path(&format!("/users/{}", text(&again, "id")));
    assert_eq!(admin.get(&user).await.status, 404);
}

#[tokio::test]
async fn a_client_whose_service_account_cannot_be_named_is_409_and_not_written() {
    let realm = Realm::new().await;
    let admin = &realm.admin;
    let taken = json!({ "username": "service-account-taken", "enabled": true });
    admin.create(&realm.path("/users"), taken).await;

    let rep = json!({ "clientId": "taken", "serviceAccountsEnabled": true });
    let answer = admin.post(&realm.path("/clients"), rep).await;
    assert_eq!(
        (answer.status, text(&answer, "errorMessage").as_str()),
        (409, "Client taken already exists")
    );
    assert_eq!(
        admin.get(&realm.path("/clients?clientId=taken")).await.json,
        json!([])
    );

    let other = new_client(
        &realm,
        json!({ "clientId": "other", "serviceAccountsEnabled": true }),
    )
    .await;
    let answer = admin.put(&other, json!({ "clientId": "taken" })).await;
    assert_eq!(
        (answer.status, text(&answer, "errorMessage").as_str()),
        (409, "Client already exists")
    );
    assert_eq!(text(&admin.get(&other).await, "clientId"), "other");
}

// ---- Writing

#[tokio::test]
async fn a_change_that_is_refused_changes_nothing() {
    let realm = Realm::new().await;
    let client = new_client(&realm, json!({ "clientId": "web", "name": "before" })).await;
    for change in [
        json!({ "name": "after", "clientId": "reg" }),
        json!({ "name": "after", "redirectUris": ["javascript:1"] }),
        json!({ "name": "after", "protocol": "nosuch" }),
        json!({ "name": "after", "clientId": "x".repeat(256) }),
        json!({ "name": "after", "protocolMappers": [mapper("m", json!({})), mapper("m", json!({}))] }),
        json!({ "name": "after", "protocolMappers": [{ "name": "m", "protocol": "openid-connect", "protocolMapper": "zz" }] }),
    ] {
        let answer = realm.admin.put(&client, change.clone()).await;
        assert!((400..=409).contains(&answer.status), "{change}");
        assert!(
            answer.json["error_description"].is_string(),
            "{}",
            answer.text
        );
        assert_eq!(
            text(&realm.admin.get(&client).await, "name"),
            "before",
            "{change}"
        );
    }
}

#[tokio::test]
async fn of_many_creations_at_once_of_one_client_id_one_wins() {
    let realm = Realm::new().await;
    let path = realm.path("/clients");
    let rep = json!({ "clientId": "web", "serviceAccountsEnabled": true });
    let answers =
        futures_util::future::join_all((0..8).map(|_| realm.admin.post(&path, rep.clone()))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
    for refused in answers.iter().filter(|answer| answer.status == 409) {
        assert_eq!(text(refused, "errorMessage"), "Client web already exists");
    }
}

#[tokio::test]
async fn an_id_that_another_client_has_is_409() {
    let realm = Realm::new().await;
    let rep = json!({ "clientId": "other", "id": realm.registry });
    let answer = realm.admin.post(&realm.path("/clients"), rep).await;
    assert_eq!(
        (answer.status, text(&answer, "errorMessage").as_str()),
        (409, "Client other already exists")
    );
}

#[tokio::test]
async fn a_body_that_is_no_client_is_400() {
    let realm = Realm::new().await;
    let client = realm.path(&format!("/clients/{}", realm.registry));
    for body in [
        None,
        Some(Value::Null),
        Some(json!([])),
        Some(json!("x")),
        Some(json!({ "clientId": 7 })),
    ] {
        for (method, path) in [
            (Method::POST, realm.path("/clients")),
            (Method::PUT, client.clone()),
        ] {
            let answer = realm.admin.call(method.clone(), &path, body.clone()).await;
            assert_eq!(answer.status, 400, "{method} {body:?}: {}", answer.text);
            assert_eq!(text(&answer, "error_description"), "Cannot parse the JSON");
        }
    }
}

#[tokio::test]
async fn a_client_takes_its_roles_and_mappers_with_it() {
    let realm = Realm::new().await;
    let admin = &realm.admin;
    let client = new_client(&realm, json!({ "clientId": "web" })).await;
    let id = client.rsplit('/').next().unwrap().to_owned();
    admin
        .create(&format!("{client}/roles"), json!({ "name": "push" }))
        .await;
    let role = admin.get(&format!("{client}/roles/push")).await.json;
    let mapping = realm.path(&format!("/users/{}/role-mappings", realm.alice));
    let held = format!("{mapping}/clients/{id}");
    assert_eq!(admin.post(&held, json!([role])).await.status, 204);
    assert_eq!(admin.get(&held).await.json[0]["name"], "push");

    assert_eq!(admin.delete(&client).await.status, 204);
    let by_id = realm.path(&format!("/roles-by-id/{}", role["id"].as_str().unwrap()));
    assert_eq!(
        text(&admin.get(&by_id).await, "error"),
        "Could not find role with id"
    );
    assert_eq!(admin.get(&mapping).await.json.get("clientMappings"), None);
}

// ---- Mappers

#[tokio::test]
async fn a_mapper_is_completed_as_keycloak_completes_it() {
    let realm = Realm::new().await;
    let config = json!({ "included.custom.audience": "reg", "access.token.claim": "true" });
    let completed = json!({
        "included.custom.audience": "reg", "access.token.claim": "true", "introspection.token.claim": "true",
    });
    let client = new_client(
        &realm,
        json!({ "clientId": "web", "protocolMappers": [mapper("first", config.clone())] }),
    )
    .await;
    let models = format!("{client}/protocol-mappers/models");
    let id = realm.admin.create(&models, mapper("second", config)).await;
    let listed = realm.admin.get(&models).await.json;
    assert_eq!(listed[0]["config"], completed);
    assert_eq!(
        realm.admin.get(&format!("{models}/{id}")).await.json["config"],
        completed
    );
    let change = mapper("renamed", json!({ "included.custom.audience": "r2" }));
    assert_eq!(
        realm
            .admin
            .put(&format!("{models}/{id}"), change)
            .await
            .status,
        204
    );
    let changed = realm.admin.get(&format!("{models}/{id}")).await.json;
    assert_eq!(
        changed,
        json!({ "id": id, "name": "second", "protocol": "openid-connect", "protocolMapper": AUDIENCE,
                "consentRequired": false, "config": { "included.custom.audience": "r2" } })
    );
}

#[tokio::test]
async fn of_several_mappers_all_are_added_or_none() {
    let realm = Realm::new().await;
    let client = new_client(&realm, json!({ "clientId": "web" })).await;
    let (all, models) = (
        format!("{client}/protocol-mappers/add-models"),
        format!("{client}/protocol-mappers/models"),
    );
    let two = json!([mapper("a", json!({})), mapper("b", json!({}))]);
    assert_eq!(realm.admin.post(&all, two).await.status, 204);

    let again = realm
        .admin
        .post(
            &all,
            json!([mapper("c", json!({})), mapper("a", json!({}))]),
        )
        .await;
    assert_eq!(again.status, 409);
    assert_eq!(
        text(&again, "error_description"),
        "Protocol mapper name must be unique per protocol"
    );
    let unknown = json!([mapper("c", json!({})), { "name": "d", "protocol": "docker-v2", "protocolMapper": AUDIENCE }]);
    assert_eq!(
        text(&realm.admin.post(&all, unknown).await, "error"),
        "ProtocolMapper provider not found"
    );
    let names: Vec<String> = realm
        .admin
        .get(&models)
        .await
        .json
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["a", "b"]);
}
