//! A token brings no more of its user's rights than its client lets through.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::people::People;
use crate::support::{Admin, person, server, token};

async fn signed_in(realm: &str, client: &str, user: &str, scope: &str) -> Admin {
    let form = [
        ("grant_type", "password"),
        ("client_id", client),
        ("username", user),
        ("password", "secret"),
        ("scope", scope),
    ];
    let answer = token(&server().url, realm, &form).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    Admin::with_token(answer.json["access_token"].as_str().unwrap())
}

fn client(full: bool) -> Value {
    json!({ "clientId": if full { "full" } else { "limited" }, "publicClient": true,
            "directAccessGrantsEnabled": true, "fullScopeAllowed": full })
}

#[tokio::test]
async fn an_administrator_administers_through_a_limited_client_what_it_lets_through() {
    let realm = People::new().await;
    realm.holder("boss", "realm-admin").await;
    let (api, path) = (&realm.api, realm.api.path());
    let name = path.trim_start_matches('/');
    let mut ids = Vec::new();
    for full in [true, false] {
        let made = api.send("POST", "/clients", &client(full)).await;
        assert_eq!(made.status, 201, "{}", made.json);
        ids.push(made.location.rsplit('/').next().unwrap().to_owned());
    }
    let users = format!("{path}/users");
    let full = signed_in(name, "full", "boss", "openid").await;
    assert_eq!(full.get(&users).await.status, 200);
    let limited = signed_in(name, "limited", "boss", "openid").await;
    for all in [
        "",
        path,
        &users,
        &format!("{path}/clients"),
        &format!("{path}/keys"),
    ] {
        assert_eq!(limited.get(all).await.status, 403, "{all}");
    }

    // By a scope that the client may ask for.
    let scope = json!({ "name": "people", "protocol": "openid-connect" });
    let scope = api.send("POST", "/client-scopes", &scope).await;
    let scope = scope.location.rsplit('/').next().unwrap().to_owned();
    let management = realm.client("realm-management").await;
    let role = json!([realm.management_role("view-users").await]);
    let mapping = format!("/client-scopes/{scope}/scope-mappings/clients/{management}");
    assert_eq!(api.send("POST", &mapping, &role).await.status, 204);
    let link = format!("/clients/{}/optional-client-scopes/{scope}", ids[1]);
    assert_eq!(api.send("PUT", &link, &Value::Null).await.status, 204);
    assert_eq!(limited.get(&users).await.status, 403);
    let asked = signed_in(name, "limited", "boss", "openid people").await;
    assert_eq!(asked.get(&users).await.status, 200);
    assert_eq!(asked.post(&users, person("new")).await.status, 403);
    assert_eq!(asked.get(&format!("{path}/clients")).await.status, 403);

    // By the client itself; what is in force now counts.
    let mapping = format!("/clients/{}/scope-mappings/clients/{management}", ids[1]);
    let role = json!([realm.management_role("manage-users").await]);
    assert_eq!(api.send("POST", &mapping, &role).await.status, 204);
    assert_eq!(limited.post(&users, person("new")).await.status, 201);
    assert_eq!(limited.get(&format!("{path}/clients")).await.status, 403);
}

#[tokio::test]
async fn the_administrator_of_the_server_is_nobody_through_a_limited_client() {
    let admin = Admin::master().await;
    let name = format!("limited-{}", Uuid::new_v4().simple());
    let mut rep = client(false);
    rep["clientId"] = json!(name);
    let id = admin.create("/master/clients", rep).await;
    let form = [
        ("grant_type", "password"),
        ("client_id", name.as_str()),
        ("username", "admin"),
        ("password", "admin"),
    ];
    let answer = token(&server().url, "master", &form).await;
    let limited = Admin::with_token(answer.json["access_token"].as_str().unwrap());
    assert_eq!(limited.get("").await.status, 403);
    assert_eq!(limited.get("/master/users").await.status, 403);
    let made = limited
        .post("", json!({ "realm": format!("{name}-r") }))
        .await;
    assert_eq!(made.status, 403);
    assert_eq!(
        admin.delete(&format!("/master/clients/{id}")).await.status,
        204
    );
}
