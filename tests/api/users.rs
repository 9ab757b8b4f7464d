//! Users, their credentials and sessions, beyond what the wire files show.

use serde_json::{Value, json};

use crate::people::People;

const UNKNOWN: &str = "11111111-2222-3333-4444-555555555555";

#[tokio::test]
async fn logging_a_user_out_ends_sessions_and_tokens() {
    let realm = People::new().await;
    let boss = realm.holder("boss", "realm-admin").await;
    let boss_api = realm.login("boss").await;
    assert_eq!(boss_api.get("/users").await.status, 200);
    assert_eq!(
        realm
            .api
            .send("POST", &format!("/users/{boss}/logout"), &Value::Null)
            .await
            .status,
        204
    );
    assert_eq!(boss_api.get("/users").await.status, 401);
    assert_eq!(
        realm.api.get(&format!("/users/{boss}/sessions")).await.json,
        json!([])
    );
    assert!(
        realm.api.get(&format!("/users/{boss}")).await.json["notBefore"]
            .as_i64()
            .unwrap()
            > 0
    );
}

#[tokio::test]
async fn a_session_is_shown_and_can_be_ended_alone() {
    let realm = People::new().await;
    let boss = realm.holder("boss", "realm-admin").await;
    let (first, second) = (realm.login("boss").await, realm.login("boss").await);
    let sessions = realm.api.get(&format!("/users/{boss}/sessions")).await.json;
    let sessions = sessions.as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    let own = |api: &str| {
        sessions
            .iter()
            .find(|session| session["id"] == api)
            .unwrap()
    };
    let session = own(&first.session);
    assert_eq!(
        (&session["username"], &session["userId"]),
        (&json!("boss"), &json!(boss))
    );
    assert_eq!(
        (&session["rememberMe"], &session["transientUser"]),
        (&json!(false), &json!(false))
    );
    assert!(
        session["start"].as_i64().unwrap() > 1_000_000_000_000,
        "milliseconds"
    );
    assert_eq!(
        session["clients"]
            .as_object()
            .unwrap()
            .values()
            .collect::<Vec<_>>(),
        [&json!("admin-cli")]
    );

    let path = format!("/sessions/{}", first.session);
    assert_eq!(
        realm.api.send("DELETE", &path, &Value::Null).await.status,
        204
    );
    let again = realm.api.send("DELETE", &path, &Value::Null).await;
    assert_eq!(
        (again.status, again.json),
        (404, json!({ "error": "Sesssion not found" }))
    );
    assert_eq!(first.get("/users").await.status, 401);
    assert_eq!(second.get("/users").await.status, 200);
}

#[tokio::test]
async fn roles_of_a_new_user_are_ignored_and_unknown_groups_refused() {
    let realm = People::new().await;
    let body = json!({
        "username": "eager", "realmRoles": ["offline_access"], "clientRoles": { "realm-management": ["realm-admin"] },
    });
    assert_eq!(realm.api.send("POST", "/users", &body).await.status, 201);
    let found = realm.api.get("/users?username=eager").await.json;
    let mappings = realm
        .api
        .get(&format!(
            "/users/{}/role-mappings",
            found[0]["id"].as_str().unwrap()
        ))
        .await
        .json;
    assert_eq!(mappings["realmMappings"].as_array().unwrap().len(), 1);
    assert_eq!(mappings["clientMappings"], Value::Null);

    let body = json!({ "username": "member", "groups": ["/nobody"] });
    let answer = realm.api.send("POST", "/users", &body).await;
    assert_eq!(
        (answer.status, answer.json),
        (400, json!({ "errorMessage": "Group /nobody not found" }))
    );
    assert_eq!(
        realm.api.get("/users/count?username=member").await.json,
        json!(0)
    );
}

#[tokio::test]
async fn a_label_is_bounded_plain_text() {
    let realm = People::new().await;
    let user = realm.user("bob").await;
    let credentials = realm
        .api
        .get(&format!("/users/{user}/credentials"))
        .await
        .json;
    let path = format!(
        "/users/{user}/credentials/{}/userLabel",
        credentials[0]["id"].as_str().unwrap()
    );
    assert_eq!(
        realm.api.put_text(&path, "Bobs Schlüssel").await.status,
        204
    );
    for (label, status) in [
        ("x".repeat(256), 400),
        ("x".repeat(5000), 413),
        ("two\nlines".to_owned(), 400),
    ] {
        assert_eq!(
            realm.api.put_text(&path, &label).await.status,
            status,
            "{} bytes",
            label.len()
        );
    }
    assert_eq!(realm.api.send("PUT", &path, &json!("x")).await.status, 415);
    let credentials = realm
        .api
        .get(&format!("/users/{user}/credentials"))
        .await
        .json;
    assert_eq!(credentials[0]["userLabel"], "Bobs Schlüssel");
    assert_eq!(
        (
            credentials[0].get("secretData"),
            credentials[0].get("value")
        ),
        (None, None)
    );
}

#[tokio::test]
async fn search_parameters_that_make_no_sense_are_bounded() {
    let realm = People::new().await;
    // One user: alice.
    for (query, expected) in [
        ("max=99999999999", (404, None)),
        ("first=x", (404, None)),
        ("first=-5&max=-1", (200, Some(1))),
        ("max=2147483647", (200, Some(1))),
        ("q=%5C", (200, Some(1))),
        ("q=nothing", (200, Some(1))),
        ("q=colour:red", (200, Some(0))),
        ("idpAlias=elsewhere", (200, Some(0))),
        ("search=id:nosuch", (200, Some(0))),
        ("search=%27%3B--", (200, Some(0))),
        ("username=%00", (400, None)),
    ] {
        let answer = realm.api.get(&format!("/users?{query}")).await;
        let found = answer.json.as_array().map(Vec::len);
        assert_eq!((answer.status, found), expected, "{query}");
    }
}

#[tokio::test]
async fn a_service_account_is_shown_by_id_and_not_in_lists() {
    let realm = People::new().await;
    let body = json!({ "clientId": "robot", "serviceAccountsEnabled": true });
    assert_eq!(realm.api.send("POST", "/clients", &body).await.status, 201);
    let found = realm
        .api
        .get("/users?username=service-account-robot&exact=true")
        .await
        .json;
    let id = found[0]["id"].as_str().unwrap();
    assert_eq!(
        realm.api.get(&format!("/users/{id}")).await.json["username"],
        "service-account-robot"
    );
    let listed = realm.api.get("/users").await.json;
    assert_eq!(
        (listed.as_array().unwrap().len(), &listed[0]["username"]),
        (1, &json!("alice"))
    );
    assert_eq!(realm.api.get("/users/count").await.json, json!(1));
}

#[tokio::test]
async fn the_profile_is_keycloaks_default() {
    let realm = People::new().await;
    let user = realm.user("bob").await;
    let profile = realm.api.get("/users/profile").await.json;
    let names: Vec<_> = profile["attributes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["username", "email", "firstName", "lastName"]);
    let metadata = realm.api.get("/users/profile/metadata").await.json;
    assert_eq!(metadata["attributes"][0]["readOnly"], false);
    let of_user = realm
        .api
        .get(&format!("/users/{user}?userProfileMetadata=true"))
        .await
        .json;
    assert_eq!(
        of_user["userProfileMetadata"]["attributes"][0]["readOnly"],
        true
    );
}

#[tokio::test]
async fn what_no_user_has_is_answered_empty() {
    let realm = People::new().await;
    let user = realm.user("bob").await;
    for (path, expected) in [
        ("consents", json!([])),
        ("federated-identity", json!([])),
        ("configured-user-storage-credential-types", json!([])),
        ("unmanagedAttributes", json!({})),
        ("groups", json!([])),
        ("groups/count", json!({ "count": 0 })),
    ] {
        let answer = realm.api.get(&format!("/users/{user}/{path}")).await;
        assert_eq!((answer.status, answer.json), (200, expected), "{path}");
        assert_eq!(
            realm
                .api
                .get(&format!("/users/{UNKNOWN}/{path}"))
                .await
                .status,
            404,
            "{path}"
        );
    }
    for method in ["PUT", "DELETE"] {
        let answer = realm
            .api
            .send(
                method,
                &format!("/users/{user}/groups/{UNKNOWN}"),
                &Value::Null,
            )
            .await;
        assert_eq!(
            (answer.status, answer.json),
            (404, json!({ "error": "Group not found" })),
            "{method}"
        );
    }
    let answer = realm
        .api
        .get(&format!("/users/{user}/offline-sessions/{UNKNOWN}"))
        .await;
    assert_eq!(
        (answer.status, answer.json),
        (404, json!({ "error": "Client not found" }))
    );
}
