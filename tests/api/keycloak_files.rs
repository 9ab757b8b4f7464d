//! Realms of Keycloak's own exports, and what its imports do to roles and accounts.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::realms::{docker, fresh};
use crate::support::{Admin, claims, login, server};

/// A small export of a Keycloak 26.7.3 (`kc.sh export`), under another name.
fn of_keycloak(name: &str) -> Value {
    let text = include_str!("keycloak_export.json").replace("from-keycloak", name);
    let mut file: Value = serde_json::from_str(&text).unwrap();
    file["id"] = json!(Uuid::new_v4());
    file
}

#[tokio::test]
async fn an_export_of_keycloak_keeps_its_ids_keys_hashes_groups_and_scopes() {
    let admin = Admin::master().await;
    let name = fresh();
    let file = of_keycloak(&name);
    let made = admin.post("", file.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let get = async |path: &str| admin.get(&format!("/{name}{path}")).await.json;

    let realm = get("").await;
    assert_eq!(realm["defaultRole"]["id"], file["defaultRole"]["id"]);
    for role in file["roles"]["client"]["realm-management"]
        .as_array()
        .unwrap()
    {
        let found = get(&format!("/roles-by-id/{}", role["id"].as_str().unwrap())).await;
        assert_eq!(found["name"], role["name"]);
    }
    let keys = get("/keys").await;
    let components = file["components"]["org.keycloak.keys.KeyProvider"]
        .as_array()
        .unwrap();
    assert_eq!(keys["keys"].as_array().unwrap().len(), components.len());
    for key in keys["keys"].as_array().unwrap() {
        let from = components
            .iter()
            .find(|c| c["id"] == key["providerId"])
            .unwrap();
        let config = &from["config"];
        if let Some(certificate) = config.get("certificate") {
            assert_eq!(key["certificate"], certificate[0], "{from}");
        }
        let public = config
            .get("ecdsaPublicKey")
            .or(config.get("eddsaPublicKey"));
        if let Some(public) = public {
            assert_eq!(key["publicKey"], public[0], "{from}");
        }
        if let Some(kid) = config.get("kid") {
            assert_eq!(key["kid"], kid[0], "{from}");
        }
    }
    assert_eq!(keys["active"].as_object().unwrap().len(), 7, "{keys}");
    let shown = get("/components?type=org.keycloak.keys.KeyProvider")
        .await
        .to_string();
    assert!(
        !shown.contains("rivateKey\":[\"M") && !shown.contains("\"secret\":"),
        "{shown}"
    );

    let ann = get(&format!(
        "/users/{}/groups",
        file["users"][0]["id"].as_str().unwrap()
    ))
    .await;
    assert_eq!(ann[0]["path"], "/devs/core");
    let token = login(&server().url, &name, "ann", "ann-password").await;
    assert_eq!(claims(&token)["sub"], file["users"][0]["id"]);
    // By her roles of the file.
    let ann = Admin::with_token(&token);
    assert_eq!(ann.get(&format!("/{name}/users")).await.status, 200);
    let docker = docker(&name, "ann", "ann-password").await;
    assert_eq!(
        (docker.status, &docker.json["expires_in"]),
        (200, &json!(44)),
        "{}",
        docker.text
    );
    let web = file["clients"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["clientId"] == "web")
        .unwrap();
    let found = get(&format!("/clients/{}", web["id"].as_str().unwrap())).await;
    assert_eq!(found["secret"], "made-up-web-secret");
    assert_eq!(
        found["defaultClientScopes"].as_array().unwrap().len(),
        web["defaultClientScopes"].as_array().unwrap().len()
    );
    assert_eq!(get("/default-groups").await[0]["path"], "/everyone");
    let optional = get("/default-optional-client-scopes").await;
    assert!(
        optional
            .as_array()
            .unwrap()
            .iter()
            .any(|scope| scope["name"] == "team"),
        "{optional}"
    );
}

#[tokio::test]
async fn the_composites_of_a_file_replace_those_that_a_new_realm_would_have() {
    let admin = Admin::master().await;
    let name = fresh();
    let role = format!("default-roles-{name}");
    let file = json!({ "realm": name, "roles": { "realm": [
        { "name": role, "composite": true, "composites": { "realm": ["uma_authorization"] } }
    ] } });
    assert_eq!(admin.post("", file).await.status, 201);
    let contained = admin
        .get(&format!("/{name}/roles/{role}/composites"))
        .await
        .json;
    assert_eq!(contained.as_array().unwrap().len(), 1, "{contained}");
    assert_eq!(contained[0]["name"], "uma_authorization");
}

#[tokio::test]
async fn another_role_can_be_the_default_role() {
    let admin = Admin::master().await;
    let name = fresh();
    let file = json!({
        "realm": name, "defaultRole": { "name": "everybody" }, "users": [{ "username": "u-named" }],
        "roles": { "realm": [{ "name": "everybody", "composite": true, "composites": { "realm": ["offline_access"] } }] }
    });
    assert_eq!(admin.post("", file).await.status, 201);
    assert_eq!(
        admin.get(&format!("/{name}")).await.json["defaultRole"]["name"],
        "everybody"
    );
    let roles = admin.get(&format!("/{name}/roles")).await.json;
    assert_eq!(roles.as_array().unwrap().len(), 3, "{roles}");
    // Who comes in a file without roles has none, not even the default role.
    let user = admin
        .get(&format!("/{name}/users?username=u-named"))
        .await
        .json[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        admin
            .get(&format!("/{name}/users/{user}/role-mappings"))
            .await
            .json,
        json!({})
    );
}

#[tokio::test]
async fn clients_of_a_file_get_the_service_accounts_that_it_left_out() {
    let admin = Admin::master().await;
    let name = fresh();
    let file = json!({ "realm": name, "clients": [{ "clientId": "robot", "serviceAccountsEnabled": true }] });
    assert_eq!(admin.post("", file).await.status, 201);
    let client = admin
        .get(&format!("/{name}/clients?clientId=robot"))
        .await
        .json[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let account = admin
        .get(&format!("/{name}/clients/{client}/service-account-user"))
        .await;
    assert_eq!(
        account.json["username"], "service-account-robot",
        "{}",
        account.text
    );
}
