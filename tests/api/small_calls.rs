//! The small calls of the admin API: ending all sessions, caches, cluster nodes, and what this server does not have.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::people::forbidden;
use crate::rows::connect;
use crate::support::{Admin, Answer, Realm, login, server, token};

/// The id of one thing that a list holds under this query.
async fn id_of(realm: &Realm, path: &str) -> String {
    let list = realm.admin.get(&realm.path(path)).await.json;
    list[0]["id"].as_str().unwrap().to_owned()
}

async fn post(realm: &Realm, path: &str) -> Answer {
    realm.admin.post(&realm.path(path), Value::Null).await
}

fn error(answer: &Answer) -> (u16, String) {
    let text = answer.json["error"].as_str().unwrap_or_default();
    (answer.status, text.to_owned())
}

const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

#[tokio::test]
async fn logout_all_ends_every_session_and_every_token_made_before() {
    let realm = Realm::new().await;
    let boss = realm.administrator("boss", &["manage-users"]).await;
    let form = [
        ("grant_type", "password"),
        ("client_id", "admin-cli"),
        ("username", "alice"),
        ("password", "secret"),
    ];
    let alice = token(&server().url, &realm.name, &form).await.json;
    let users = realm.path("/users");
    assert_eq!(boss.get(&users).await.status, 200);

    let before = store::clock::now();
    let all = boss.post(&realm.path("/logout-all"), Value::Null).await;
    assert_eq!((all.status, all.json), (200, json!({})));
    let gone = boss.get(&users).await;
    assert_eq!(
        (gone.status, gone.json),
        (401, json!({ "error": "HTTP 401 Unauthorized" }))
    );
    let refresh = alice["refresh_token"].as_str().unwrap();
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "admin-cli"),
        ("refresh_token", refresh),
    ];
    let refused = token(&server().url, &realm.name, &form).await;
    assert_eq!(
        (refused.status, &refused.json["error"]),
        (400, &json!("invalid_grant"))
    );
    let not_before = realm.admin.get(&realm.path("")).await.json["notBefore"].as_i64();
    assert!(not_before.unwrap() >= before);
    let sessions = format!("/users/{}/sessions", realm.alice);
    assert_eq!(
        realm.admin.get(&realm.path(&sessions)).await.json,
        json!([])
    );

    let again = login(&server().url, &realm.name, "boss", "secret").await;
    assert_eq!(Admin::with_token(&again).get(&users).await.status, 200);
}

#[tokio::test]
async fn logout_all_of_one_realm_leaves_the_others_alone() {
    let (one, other) = (Realm::new().await, Realm::new().await);
    let boss = other.administrator("boss", &["manage-users"]).await;
    assert_eq!(post(&one, "/logout-all").await.status, 200);
    assert_eq!(boss.get(&other.path("/users")).await.status, 200);
    let refused = boss.post(&one.path("/logout-all"), Value::Null).await;
    assert_eq!((refused.status, refused.json), (403, forbidden()));
}

#[tokio::test]
async fn session_stats_count_the_sessions_of_each_client_that_has_some() {
    let realm = Realm::new().await;
    let stats = async || {
        realm
            .admin
            .get(&realm.path("/client-session-stats"))
            .await
            .json
    };
    assert_eq!(stats().await, json!([]));
    for _ in 0..2 {
        login(&server().url, &realm.name, "alice", "secret").await;
    }
    let client = id_of(&realm, "/clients?clientId=admin-cli").await;
    let counted = json!([{ "offline": "0", "clientId": "admin-cli", "active": "2", "id": client }]);
    assert_eq!(stats().await, counted);
    let of = format!("/clients/{client}");
    let count = realm
        .admin
        .get(&realm.path(&format!("{of}/session-count")))
        .await
        .json;
    assert_eq!(count, json!({ "count": 2 }));
    for (query, expected) in [
        ("", 2),
        ("?first=1", 1),
        ("?max=1", 1),
        ("?max=0", 0),
        ("?first=2", 0),
    ] {
        let list = realm
            .admin
            .get(&realm.path(&format!("{of}/user-sessions{query}")))
            .await;
        assert_eq!(list.json.as_array().unwrap().len(), expected, "{query}");
    }
}

#[tokio::test]
async fn a_session_is_no_offline_session() {
    let realm = Realm::new().await;
    login(&server().url, &realm.name, "alice", "secret").await;
    let session = id_of(&realm, &format!("/users/{}/sessions", realm.alice)).await;
    let delete = async |query: &str| {
        let path = realm.path(&format!("/sessions/{session}{query}"));
        error(&realm.admin.delete(&path).await)
    };
    let gone = (404, "Sesssion not found".to_owned());
    assert_eq!(delete("?isOffline=true").await, gone);
    assert_eq!(delete("?isOffline=false").await.0, 204);
    assert_eq!(delete("").await, gone);
}

#[tokio::test]
async fn clearing_a_cache_lets_the_realm_be_read_again() {
    for cache in ["realm", "user", "keys", "crl"] {
        let realm = Realm::new().await;
        let shown = async || realm.admin.get(&realm.path("")).await.json["displayName"].clone();
        assert_eq!(shown().await, Value::Null);
        // Behind the back of the trigger that tells the nodes of every change.
        let mut db = connect().await;
        sqlx::query("set session_replication_role = replica")
            .execute(&mut db)
            .await
            .unwrap();
        sqlx::query(
            "update realm set settings = settings || '{\"displayName\":\"new\"}' where name = $1",
        )
        .bind(&realm.name)
        .execute(&mut db)
        .await
        .unwrap();
        assert_eq!(
            post(&realm, &format!("/clear-{cache}-cache")).await.status,
            204
        );
        assert_eq!(shown().await, json!("new"), "{cache}");
    }
}

#[tokio::test]
async fn nobody_is_called_when_revocations_are_pushed_or_nodes_are_tested() {
    let realm = Realm::new().await;
    let of = format!("/clients/{}", realm.registry);
    for path in [
        "/push-revocation".to_owned(),
        format!("{of}/push-revocation"),
    ] {
        let answer = post(&realm, &path).await;
        assert_eq!((answer.status, answer.json), (200, json!({})), "{path}");
    }
    let tested = realm
        .admin
        .get(&realm.path(&format!("{of}/test-nodes-available")))
        .await;
    assert_eq!((tested.status, tested.json), (200, json!({})));
    for path in ["push-revocation", "nodes/x"] {
        let path = format!("/clients/{NOBODY}/{path}");
        let answer = match path.ends_with('x') {
            true => realm.admin.delete(&realm.path(&path)).await,
            false => post(&realm, &path).await,
        };
        assert_eq!(error(&answer), (404, "Could not find client".to_owned()));
    }
}

#[tokio::test]
async fn nodes_of_a_client_come_and_go_by_name() {
    let realm = Realm::new().await;
    let of = realm.path(&format!("/clients/{}", realm.registry));
    let nodes = async || realm.admin.get(&of).await.json["registeredNodes"].clone();
    let add = async |body: Value| realm.admin.post(&format!("{of}/nodes"), body).await;
    for (body, status) in [
        (json!({ "node": "n 1" }), 204),
        (json!({ "node": 2, "more": "x" }), 204),
        (json!({}), 400),
        (json!({ "node": "a/b" }), 400),
        (json!({ "node": null }), 400),
        (json!({ "node": ["x"] }), 400),
        (json!([]), 400),
        (json!({ "node": "x".repeat(300) }), 400),
        (json!({ "node": "a\u{0}b" }), 400),
    ] {
        let answer = add(body.clone()).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text);
    }
    let missing = add(json!({})).await;
    assert_eq!(
        error(&missing),
        (400, "Node not found in params".to_owned())
    );
    let known = nodes().await;
    assert_eq!(
        known.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["2", "n 1"]
    );
    assert!(known["2"].as_i64().unwrap() <= store::clock::now());
    let remove = async |name: &str| realm.admin.delete(&format!("{of}/nodes/{name}")).await;
    assert_eq!(remove("n%201").await.status, 204);
    assert_eq!(
        error(&remove("n%201").await),
        (404, "Client does not have node ".to_owned())
    );
    assert_eq!(remove("2").await.status, 204);
}

#[tokio::test]
async fn a_credential_moves_behind_another() {
    let realm = Realm::new().await;
    let of = format!("/users/{}/credentials", realm.alice);
    let password = id_of(&realm, &of).await;
    let (first, second) = (Uuid::new_v4(), Uuid::new_v4());
    let mut db = connect().await;
    for (id, priority) in [(first, 1000), (second, 2000)] {
        sqlx::query(
            "insert into credential (realm_id, id, user_id, type, created_date, priority, credential_data, secret_data) \
             select id, $2, $3, 'otp', 0, $4, '{}', '' from realm where name = $1",
        )
        .bind(&realm.name)
        .bind(id)
        .bind(realm.alice.parse::<Uuid>().unwrap())
        .bind(priority)
        .execute(&mut db)
        .await
        .unwrap();
    }
    let (first, second) = (first.to_string(), second.to_string());
    let order = async || -> Vec<String> {
        let list = realm.admin.get(&realm.path(&of)).await.json;
        let id = |credential: &Value| credential["id"].as_str().unwrap().to_owned();
        list.as_array().unwrap().iter().map(id).collect()
    };
    let moved = async |id: &str, previous: &str| {
        error(&post(&realm, &format!("{of}/{id}/moveAfter/{previous}")).await)
    };
    assert_eq!(
        order().await,
        [&password, &first, &second].map(Clone::clone)
    );
    assert_eq!(moved(&password, &second).await.0, 204);
    assert_eq!(
        order().await,
        [&first, &second, &password].map(Clone::clone)
    );
    assert_eq!(moved(&second, &password).await.0, 204);
    assert_eq!(moved(&first, &first).await.0, 204);
    assert_eq!(moved(&first, NOBODY).await.0, 204);
    assert_eq!(
        order().await,
        [&first, &password, &second].map(Clone::clone)
    );
    let unknown = (404, "Credential not found".to_owned());
    assert_eq!(moved(NOBODY, &first).await, unknown);
    assert_eq!(moved("x", &first).await, unknown);
}

#[tokio::test]
async fn a_user_has_no_consent_to_take_back() {
    let realm = Realm::new().await;
    let revoke = async |user: &str, client: &str| {
        let path = realm.path(&format!("/users/{user}/consents/{client}"));
        error(&realm.admin.delete(&path).await)
    };
    let text = |text: &str| (404, text.to_owned());
    assert_eq!(
        revoke(&realm.alice, "reg").await,
        text("Consent nor offline token not found")
    );
    assert_eq!(revoke(&realm.alice, "nope").await, text("Client not found"));
    assert_eq!(revoke(NOBODY, "reg").await, text("User not found"));
}

#[tokio::test]
async fn what_this_server_does_not_have_says_so() {
    let realm = Realm::new().await;
    let impersonate = post(&realm, &format!("/users/{}/impersonation", realm.alice)).await;
    assert_eq!(
        error(&impersonate),
        (
            501,
            "impersonation is not available on this server".to_owned()
        )
    );
    let nobody = post(&realm, &format!("/users/{NOBODY}/impersonation")).await;
    assert_eq!(error(&nobody), (404, "User not found".to_owned()));
    let feature = json!({ "error": "Feature not enabled", "error_description": "For more on this error consult the server log." });
    for path in [
        "/users-management-permissions".to_owned(),
        format!("/clients/{}/management/permissions", realm.registry),
        "/roles/offline_access/management/permissions".to_owned(),
    ] {
        let read = realm.admin.get(&realm.path(&path)).await;
        let written = realm
            .admin
            .put(&realm.path(&path), json!({ "enabled": true }))
            .await;
        assert_eq!((read.status, &read.json), (501, &feature));
        assert_eq!((written.status, &written.json), (501, &feature));
    }
}

#[tokio::test]
async fn the_types_below_a_component_are_asked_for_by_type() {
    let realm = Realm::new().await;
    let component = id_of(&realm, "/components?type=org.keycloak.keys.KeyProvider").await;
    let ask = async |id: &str, query: &str| {
        let path = format!("/components/{id}/sub-component-types{query}");
        realm.admin.get(&realm.path(&path)).await
    };
    let keys = ask(&component, "?type=org.keycloak.keys.KeyProvider").await;
    let ids = keys
        .json
        .as_array()
        .unwrap()
        .iter()
        .map(|kind| kind["id"].as_str().unwrap());
    assert!(ids.collect::<Vec<_>>().contains(&"rsa-generated"));
    assert_eq!(
        error(&ask(&component, "").await),
        (400, "must specify a subtype".to_owned())
    );
    assert_eq!(ask(&component, "?type=zz").await.status, 400);
    let missing = (404, "Could not find parent component".to_owned());
    assert_eq!(error(&ask(NOBODY, "?type=x").await), missing);
    assert_eq!(error(&ask("x", "").await), missing);
}
