//! What Keycloak's admin console asks beside the admin API.

use serde_json::{Value, json};

use crate::support::{Admin, Realm, login, person, server, token};

pub async fn get(realm: &Realm, path: &str) -> Value {
    let answer = realm
        .admin
        .get(&realm.path(&format!("/ui-ext{path}")))
        .await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.json
}

#[tokio::test]
async fn realm_names_are_those_that_the_caller_administers() {
    let realm = Realm::with(json!({ "displayName": "Mine" })).await;
    let other = Realm::new().await;
    let path = |search: &str| realm.path(&format!("/ui-ext/realms/names?search={search}"));
    let whole = realm.name.to_uppercase();
    let found = realm.admin.get(&path(&whole)).await.json;
    assert_eq!(
        found,
        json!([{ "name": realm.name, "displayName": "Mine" }])
    );
    // Asked under whatever realm.
    let below_another = other.path(&format!("/ui-ext/realms/names?search={}", realm.name));
    assert_eq!(realm.admin.get(&below_another).await.json, found);
    assert_eq!(get(&realm, "/realms/names?max=0").await, json!([]));
    assert_eq!(
        get(&realm, "/realms/names?max=2")
            .await
            .as_array()
            .unwrap()
            .len(),
        2
    );

    let viewer = realm.administrator("viewer", &["view-users"]).await;
    assert_eq!(viewer.get(&path("")).await.json, found);
    assert_eq!(viewer.get(&path("master")).await.json, json!([]));
    let nobody = Admin::with_token(&login(&server().url, &realm.name, "alice", "secret").await);
    assert_eq!(nobody.get(&path("")).await.json, json!([]));
}

#[tokio::test]
async fn a_user_of_master_sees_the_names_of_the_realms_whose_roles_it_holds() {
    let (mine, other) = (Realm::new().await, Realm::new().await);
    let name = format!("u-{}", mine.name);
    let user = mine.admin.create("/master/users", person(&name)).await;
    let client = format!("/master/clients?clientId={}-realm", mine.name);
    let client = mine.admin.get(&client).await.json[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let role = mine
        .admin
        .get(&format!("/master/clients/{client}/roles/view-users"))
        .await
        .json;
    let mappings = format!("/master/users/{user}/role-mappings/clients/{client}");
    assert_eq!(mine.admin.post(&mappings, json!([role])).await.status, 204);
    let caller = Admin::with_token(&login(&server().url, "master", &name, "secret").await);
    let names = caller.get(&mine.path("/ui-ext/realms/names")).await.json;
    assert_eq!(names, json!([{ "name": mine.name }]));
    let names = caller.get(&other.path("/ui-ext/realms/names")).await.json;
    assert_eq!(names, json!([{ "name": mine.name }]));
    assert_eq!(
        mine.admin
            .delete(&format!("/master/users/{user}"))
            .await
            .status,
        204
    );
}

#[tokio::test]
async fn the_settings_page_saves_realm_and_profile_together() {
    let realm = Realm::new().await;
    let path = realm.path("/ui-ext");
    let mut profile = realm.admin.get(&realm.path("/users/profile")).await.json;
    profile["unmanagedAttributePolicy"] = json!("ENABLED");
    let both = json!({ "displayName": "Shown", "upConfig": profile });
    assert_eq!(realm.admin.put(&path, both).await.status, 204);
    assert_eq!(
        realm.admin.get(&realm.path("")).await.json["displayName"],
        "Shown"
    );
    assert_eq!(
        realm.admin.get(&realm.path("/users/profile")).await.json,
        profile
    );

    // One that is refused changes nothing of the other.
    let bad = json!({ "displayName": "Lost", "upConfig": { "attributes": [] } });
    let refused = realm.admin.put(&path, bad).await;
    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.json["errorMessage"],
        "[The attribute 'username' can not be removed, The attribute 'email' can not be removed]"
    );
    assert_eq!(
        realm.admin.get(&realm.path("")).await.json["displayName"],
        "Shown"
    );
    let unknown = realm
        .admin
        .put(&path, json!({ "displayName": "X", "nope": 1 }))
        .await;
    assert_eq!(
        unknown.json["error"],
        "Invalid json representation for UIRealmRepresentation. Unrecognized field \"nope\" at line 1 column 28."
    );
    for bad in [json!([]), json!("x"), json!({ "upConfig": 1 }), Value::Null] {
        assert_eq!(
            realm.admin.put(&path, bad.clone()).await.status,
            400,
            "{bad}"
        );
    }
}

#[tokio::test]
async fn the_list_of_users_tells_who_is_locked_out() {
    let realm = Realm::with(json!({ "bruteForceProtected": true, "failureFactor": 1 })).await;
    realm
        .admin
        .create(&realm.path("/users"), person("bob"))
        .await;
    for _ in 0..2 {
        let form = [
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", "alice"),
            ("password", "wrong"),
        ];
        assert_eq!(token(&server().url, &realm.name, &form).await.status, 400);
    }
    let users = get(
        &realm,
        "/brute-force-user?first=0&max=11&briefRepresentation=true",
    )
    .await;
    let of = |at: usize| {
        (
            users[at]["username"].clone(),
            users[at]["bruteForceStatus"].clone(),
        )
    };
    let (alice, status) = of(0);
    assert_eq!(alice, "alice");
    assert_eq!(status["disabled"], true);
    assert!(status["numFailures"].as_i64().unwrap() >= 1);
    assert_eq!(status["lastIPFailure"], "127.0.0.1");
    let never =
        json!({ "numFailures": 0, "disabled": false, "lastIPFailure": "n/a", "lastFailure": 0 });
    assert_eq!(of(1), (json!("bob"), never));
    assert!(users[0].get("totp").is_none());
    let whole = get(&realm, "/brute-force-user?search=bob").await;
    assert_eq!(whole.as_array().unwrap().len(), 1);
    assert_eq!(whole[0]["totp"], false);
}

#[tokio::test]
async fn sessions_are_found_by_user_address_and_client() {
    let realm = Realm::new().await;
    realm
        .admin
        .create(&realm.path("/users"), person("bob"))
        .await;
    for user in ["alice", "bob", "bob"] {
        login(&server().url, &realm.name, user, "secret").await;
    }
    let sessions = get(&realm, "/sessions").await;
    let sessions = sessions.as_array().unwrap();
    assert_eq!(sessions.len(), 3);
    assert_eq!(sessions[0]["type"], "REGULAR");
    assert!(
        sessions[0]["clients"]
            .as_object()
            .unwrap()
            .values()
            .any(|client| client == "admin-cli")
    );
    let (client, _) = sessions[0]["clients"]
        .as_object()
        .unwrap()
        .iter()
        .next()
        .unwrap();
    for (query, count) in [
        ("?search=bo", 2),
        ("?search=BO", 0),
        ("?search=127.0", 3),
        ("?search=admin-", 3),
        ("?search=nobody", 0),
        ("?type=ALL&first=1&max=1", 1),
        ("?type=OFFLINE", 0),
        ("?max=0", 0),
    ] {
        let found = get(&realm, &format!("/sessions{query}")).await;
        assert_eq!(found.as_array().unwrap().len(), count, "{query}");
        let separator = if query.is_empty() { '?' } else { '&' };
        let of_client = get(
            &realm,
            &format!("/sessions/client{query}{separator}clientId={client}"),
        )
        .await;
        assert_eq!(of_client, found, "{query}");
    }
    let odd = realm
        .admin
        .get(&realm.path("/ui-ext/sessions?type=zz"))
        .await;
    assert_eq!(odd.status, 404);
    let unknown = realm
        .admin
        .get(&realm.path("/ui-ext/sessions/client?clientId=web"))
        .await;
    assert_eq!(unknown.json, json!({ "error": "Could not find client" }));
}

#[tokio::test]
async fn flows_listeners_and_info_are_as_the_console_takes_them() {
    let realm = Realm::new().await;
    let info = json!({ "userProfileProvidersEnabled": false });
    assert_eq!(get(&realm, "/info").await, info);
    let listeners = json!([{ "id": "jboss-logging" }, { "id": "email" }]);
    assert_eq!(get(&realm, "/available-event-listeners").await, listeners);
    let flows = get(&realm, "/authentication-management/flows").await;
    assert_eq!(
        flows[0]["usedBy"],
        json!({ "type": "DEFAULT", "values": ["browser"] })
    );
    let id = flows[0]["id"].as_str().unwrap();
    let clients = format!("/authentication-management/clients/{id}?first=0&max=10&search=");
    assert_eq!(get(&realm, &clients).await, json!([]));
    let odd = realm
        .admin
        .get(&realm.path(&format!("/ui-ext/authentication-management/zz/{id}")))
        .await;
    assert_eq!(
        (odd.status, odd.json),
        (400, json!({ "error": "Invalid type" }))
    );
    let actions = get(&realm, "/authentication-management/required-actions").await;
    assert_eq!(actions[0]["alias"], "TERMS_AND_CONDITIONS");
    assert_eq!(actions[0]["configurable"], false);
}
