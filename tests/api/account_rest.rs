//! Keycloak's account REST API.

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::browser::app;
use crate::support::{Answer, Realm, patiently, person, server, token};

/// Calls `…/account{path}` with a token, as a program does.
pub async fn call(
    realm: &str,
    method: Method,
    path: &str,
    token: &str,
    body: Option<Value>,
) -> Answer {
    let url = format!("{}/realms/{realm}/account{path}", server().url);
    patiently(|| {
        let request = Client::new()
            .request(method.clone(), &url)
            .header("accept", "application/json")
            .bearer_auth(token);
        match &body {
            Some(body) => request.json(body),
            None => request,
        }
    })
    .await
}

pub async fn tokens(realm: &Realm, user: &str, scope: &str) -> Value {
    let form = [
        ("grant_type", "password"),
        ("client_id", "app"),
        ("username", user),
        ("password", "secret"),
        ("scope", scope),
    ];
    let answer = token(&server().url, &realm.name, &form).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    answer.json
}

pub async fn access(realm: &Realm, user: &str) -> String {
    tokens(realm, user, "openid").await["access_token"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// A realm with client `app` for tokens and client `other` for consents.
pub async fn with_app() -> Realm {
    let realm = Realm::with(json!({ "eventsEnabled": true })).await;
    let other = json!({ "clientId": "other", "publicClient": true });
    realm.admin.create(&realm.path("/clients"), other).await;
    app(
        &realm,
        json!({ "name": "App & Co", "baseUrl": "http://app.test/" }),
    )
    .await;
    realm
}

#[tokio::test]
async fn each_role_opens_what_it_opens_in_keycloak() {
    const ROLES: [&str; 6] = [
        "view-profile",
        "manage-account",
        "view-applications",
        "view-consent",
        "manage-consent",
        "view-groups",
    ];
    let realm = with_app().await;
    let clients = realm
        .admin
        .get(&realm.path("/clients?clientId=account"))
        .await
        .json;
    let client = clients[0]["id"].as_str().unwrap().to_owned();
    let default = realm
        .admin
        .get(&realm.path(&format!("/roles/default-roles-{}", realm.name)))
        .await
        .json;
    let bearer = async |role: Option<&str>| {
        let name = role.unwrap_or("nobody");
        let user = realm
            .admin
            .create(&realm.path("/users"), person(name))
            .await;
        let mappings = realm.path(&format!("/users/{user}/role-mappings"));
        let gone = realm
            .admin
            .call(
                Method::DELETE,
                &format!("{mappings}/realm"),
                Some(json!([default])),
            )
            .await;
        assert_eq!(gone.status, 204);
        if let Some(role) = role {
            let role = realm
                .admin
                .get(&realm.path(&format!("/clients/{client}/roles/{role}")))
                .await
                .json;
            let given = realm
                .admin
                .post(&format!("{mappings}/clients/{client}"), json!([role]))
                .await;
            assert_eq!(given.status, 204);
        }
        access(&realm, name).await
    };
    let profile = |name: &str| json!({"username": name, "firstName": "A", "lastName": "B", "email": format!("{name}@example.test")});
    // Statuses for the roles in the order of ROLES, as Keycloak 26.7.3 gives them.
    let table: [(Method, &str, [u16; 6]); 17] = [
        (Method::GET, "", [200, 200, 403, 403, 403, 403]),
        (Method::POST, "", [403, 204, 403, 403, 403, 403]),
        (Method::GET, "/sessions", [200, 200, 403, 403, 403, 403]),
        (
            Method::GET,
            "/sessions/devices",
            [200, 200, 403, 403, 403, 403],
        ),
        (
            Method::DELETE,
            "/sessions/x",
            [403, 204, 403, 403, 403, 403],
        ),
        (Method::DELETE, "/sessions", [403, 204, 403, 403, 403, 403]),
        (Method::GET, "/credentials", [200, 200, 403, 403, 403, 403]),
        (
            Method::DELETE,
            "/credentials/x",
            [403, 404, 403, 403, 403, 403],
        ),
        (
            Method::PUT,
            "/credentials/x/label",
            [403, 404, 403, 403, 403, 403],
        ),
        (Method::GET, "/applications", [403, 200, 200, 403, 403, 403]),
        (
            Method::GET,
            "/applications/other/consent",
            [403, 204, 403, 204, 204, 403],
        ),
        (
            Method::POST,
            "/applications/other/consent",
            [403, 200, 403, 403, 200, 403],
        ),
        (
            Method::DELETE,
            "/applications/other/consent",
            [403, 204, 403, 403, 204, 403],
        ),
        (
            Method::GET,
            "/supportedLocales",
            [200, 200, 200, 200, 200, 200],
        ),
        (Method::GET, "/groups", [403, 200, 403, 403, 403, 200]),
        (
            Method::GET,
            "/linked-accounts",
            [200, 200, 403, 403, 403, 403],
        ),
        (Method::GET, "/resources", [403, 403, 403, 403, 403, 403]),
    ];
    let body = |method: &Method, path: &str, name: &str| match (method.as_str(), path) {
        ("POST", "") => Some(profile(name)),
        ("POST", _) => Some(json!({ "grantedScopes": [] })),
        ("PUT", _) => Some(json!("label")),
        _ => None,
    };
    for (place, role) in ROLES.into_iter().enumerate() {
        let bearer = bearer(Some(role)).await;
        for (method, path, statuses) in &table {
            let answer = call(
                &realm.name,
                method.clone(),
                path,
                &bearer,
                body(method, path, role),
            )
            .await;
            assert_eq!(
                answer.status, statuses[place],
                "{role}: {method} {path}: {}",
                answer.text
            );
        }
    }
    let nobody = bearer(None).await;
    for (method, path, _) in &table {
        let answer = call(
            &realm.name,
            method.clone(),
            path,
            &nobody,
            body(method, path, "nobody"),
        )
        .await;
        assert_eq!(
            (answer.status, &answer.json),
            (401, &json!({"error": "HTTP 401 Unauthorized"})),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn tokens_that_are_not_for_the_account_are_refused() {
    let (realm, other) = (with_app().await, with_app().await);
    let tokens = tokens(&realm, "alice", "openid").await;
    let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
    for bad in [
        "",
        "x",
        &text("id_token"),
        &text("refresh_token"),
        &access(&other, "alice").await,
    ] {
        let answer = call(&realm.name, Method::GET, "", bad, None).await;
        assert_eq!(
            (answer.status, &answer.json),
            (401, &json!({"error": "HTTP 401 Unauthorized"})),
            "{bad}"
        );
    }
    let good = text("access_token");
    assert_eq!(
        call(&realm.name, Method::GET, "", &good, None).await.status,
        200
    );
    // Without the scope that names the audience it is not for here.
    let scopes = realm.admin.get(&realm.path("/client-scopes")).await.json;
    let roles = scopes
        .as_array()
        .unwrap()
        .iter()
        .find(|scope| scope["name"] == "roles")
        .unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let clients = realm
        .admin
        .get(&realm.path("/clients?clientId=app"))
        .await
        .json;
    let client = clients[0]["id"].as_str().unwrap();
    let path = realm.path(&format!("/clients/{client}/default-client-scopes/{roles}"));
    assert_eq!(realm.admin.delete(&path).await.status, 204);
    let bare = access(&realm, "alice").await;
    assert_eq!(
        call(&realm.name, Method::GET, "", &bare, None).await.status,
        401
    );
}

#[tokio::test]
async fn a_profile_is_read_and_written_as_in_keycloak() {
    let realm = with_app().await;
    let bearer = access(&realm, "alice").await;
    let get = async |query: &str| call(&realm.name, Method::GET, query, &bearer, None).await;
    let profile = get("").await;
    assert_eq!(profile.headers["cache-control"], "no-cache");
    assert_eq!(
        (
            &profile.json["id"],
            &profile.json["username"],
            &profile.json["email"],
            &profile.json["emailVerified"]
        ),
        (
            &json!(realm.alice),
            &json!("alice"),
            &json!("alice@example.test"),
            &json!(false)
        )
    );
    let attributes = profile.json["userProfileMetadata"]["attributes"]
        .as_array()
        .unwrap();
    let username = attributes
        .iter()
        .find(|attribute| attribute["name"] == "username")
        .unwrap();
    assert_eq!(
        (&username["readOnly"], &username["required"]),
        (&json!(true), &json!(true))
    );
    let email = attributes
        .iter()
        .find(|attribute| attribute["name"] == "email")
        .unwrap();
    assert_eq!(
        (&email["readOnly"], &email["required"]),
        (&json!(false), &json!(true))
    );
    assert!(get("?userProfileMetadata=false").await.json["userProfileMetadata"].is_null());

    let post = async |body: Value| call(&realm.name, Method::POST, "", &bearer, Some(body)).await;
    let bad =
        post(json!({"firstName": "", "lastName": "BB", "email": "bad", "username": "alice"})).await;
    assert_eq!(bad.status, 400);
    assert_eq!(
        bad.json,
        json!({"errors": [
            {"field": "email", "errorMessage": "error-invalid-email", "params": ["${email}", "bad"]},
            {"field": "firstName", "errorMessage": "error-user-attribute-required", "params": ["${firstName}"]},
        ]})
    );
    let renamed = post(
        json!({"firstName": "A", "lastName": "B", "email": "a@example.test", "username": "bob"}),
    )
    .await;
    assert_eq!(renamed.status, 400);
    assert_eq!(
        renamed.json["errors"][1]["errorMessage"],
        "readOnlyUsernameMessage"
    );
    for odd in [
        json!([]),
        json!({"nope": 1}),
        json!("x"),
        json!({"attributes": 5}),
    ] {
        assert_eq!(post(odd.clone()).await.status, 400, "{odd}");
    }
    realm
        .admin
        .create(&realm.path("/users"), person("bob"))
        .await;
    let taken = post(json!({"firstName": "A", "lastName": "B", "email": "bob@example.test"})).await;
    assert_eq!(
        (taken.status, &taken.json["errorMessage"]),
        (409, &json!("emailExistsMessage"))
    );
    let good = post(json!({"username": "alice", "firstName": "AA", "lastName": "BB", "email": "alice@example.test", "enabled": false})).await;
    assert_eq!(good.status, 204, "{}", good.text);
    let user = realm
        .admin
        .get(&realm.path(&format!("/users/{}", realm.alice)))
        .await
        .json;
    assert_eq!(
        (&user["firstName"], &user["enabled"]),
        (&json!("AA"), &json!(true))
    );
    let events = realm
        .admin
        .get(&realm.path("/events?type=UPDATE_PROFILE"))
        .await
        .json;
    assert_eq!(
        (&events[0]["clientId"], &events[0]["userId"]),
        (&json!("account"), &json!(realm.alice))
    );
    assert_eq!(events[0]["details"]["context"], "ACCOUNT");
    assert_eq!(events[0]["details"]["updated_first_name"], "AA");
}

#[tokio::test]
async fn pages_of_other_origins_ask_only_where_the_client_names_them() {
    let realm = with_app().await;
    let bearer = access(&realm, "alice").await;
    let url = format!("{}/realms/{}/account", server().url, realm.name);
    let ask = async |origin: &str| {
        let request = || {
            Client::new()
                .get(&url)
                .header("accept", "application/json")
                .header("origin", origin)
                .bearer_auth(&bearer)
        };
        patiently(request).await
    };
    let good = ask("http://app.test").await;
    assert_eq!(
        (
            good.status,
            good.headers["access-control-allow-origin"]
                .to_str()
                .unwrap()
        ),
        (200, "http://app.test")
    );
    let bad = ask("http://evil.test").await;
    assert_eq!(
        (bad.status, &bad.json),
        (403, &json!({"error": "Invalid origin"}))
    );
    assert!(!bad.headers.contains_key("access-control-allow-origin"));
}
