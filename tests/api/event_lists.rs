//! The lists of admin events and what is kept in them: filters, expiry, configuration.

use serde_json::{Value, json};

use crate::rows::{connect, execute};
use crate::support::Realm;

#[tokio::test]
async fn the_list_is_narrowed_by_every_filter() {
    let realm = Realm::keeping_events().await;
    let boss = realm.administrator("boss", &["manage-realm"]).await;
    realm.forget_events().await;
    realm
        .carry_out(
            "PUT",
            &format!("/users/{}", realm.alice),
            json!({ "firstName": "A" }),
        )
        .await;
    boss.create(&realm.path("/roles"), json!({ "name": "r1" }))
        .await;
    realm
        .carry_out("POST", "/roles", json!({ "name": "r2" }))
        .await;
    let all = realm.admin_events("?direction=asc").await;
    assert_eq!(all.len(), 3);
    let auth = |at: usize, name: &str| all[at]["authDetails"][name].as_str().unwrap().to_owned();
    let time = |at: usize| all[at]["time"].as_i64().unwrap();
    let of = async |query: &str| -> Vec<String> {
        let events = realm.admin_events(query).await;
        let path = |event: &Value| event["resourcePath"].as_str().unwrap().to_owned();
        events.iter().map(path).collect()
    };
    let user = format!("users/{}", realm.alice);
    let user = user.as_str();
    for (query, expected) in [
        ("".to_owned(), vec!["roles/r2", "roles/r1", user]),
        ("?direction=desc&max=1".to_owned(), vec!["roles/r2"]),
        (
            "?direction=asc&first=1".to_owned(),
            vec!["roles/r1", "roles/r2"],
        ),
        ("?max=0".to_owned(), vec![]),
        (
            "?max=-1&first=-1".to_owned(),
            vec!["roles/r2", "roles/r1", user],
        ),
        ("?operationTypes=UPDATE".to_owned(), vec![user]),
        (
            "?operationTypes=UPDATE&operationTypes=CREATE&max=2".to_owned(),
            vec!["roles/r2", "roles/r1"],
        ),
        (
            "?operationTypes=".to_owned(),
            vec!["roles/r2", "roles/r1", user],
        ),
        ("?resourceTypes=USER".to_owned(), vec![user]),
        ("?resourceTypes=CUSTOM".to_owned(), vec![]),
        (
            "?resourcePath=roles/*".to_owned(),
            vec!["roles/r2", "roles/r1"],
        ),
        ("?resourcePath=*ser*".to_owned(), vec![user]),
        ("?resourcePath=roles".to_owned(), vec![]),
        ("?resourcePath=roles/r1".to_owned(), vec!["roles/r1"]),
        ("?resourcePath=ROLES/*".to_owned(), vec![]),
        ("?resourcePath=roles/r1%5C".to_owned(), vec![]),
        (format!("?authUser={}", auth(1, "userId")), vec!["roles/r1"]),
        (
            format!("?authRealm={}", auth(0, "realmId")),
            vec!["roles/r2", user],
        ),
        (
            format!("?authClient={}", auth(1, "clientId")),
            vec!["roles/r1"],
        ),
        (
            "?authIpAddress=127.0.0.1&max=1".to_owned(),
            vec!["roles/r2"],
        ),
        ("?authIpAddress=10.0.0.1".to_owned(), vec![]),
        ("?authUser=nobody".to_owned(), vec![]),
        ("?dateFrom=2020-01-01&max=1".to_owned(), vec!["roles/r2"]),
        ("?dateTo=2020-01-01".to_owned(), vec![]),
        (
            format!("?dateTo={}&dateFrom={}&max=1", time(2), time(2)),
            vec!["roles/r2"],
        ),
    ] {
        assert_eq!(of(&query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn a_filter_that_means_nothing_is_refused() {
    let realm = Realm::new().await;
    for (query, status, text) in [
        ("operationTypes=ZZ", 400, "Unknown operation type"),
        ("operationTypes=create", 400, "Unknown operation type"),
        ("resourceTypes=ZZ", 400, "Unknown resource type"),
        (
            "direction=up",
            400,
            "Invalid value for sortDirection, expected value is asc or desc",
        ),
        (
            "dateFrom=x",
            400,
            "Invalid value for 'dateFrom', expected format is yyyy-MM-dd or an Epoch timestamp",
        ),
        (
            "dateTo=2026-02-30",
            400,
            "Invalid value for 'dateTo', expected format is yyyy-MM-dd or an Epoch timestamp",
        ),
        ("max=x", 404, "HTTP 404 Not Found"),
        ("first=x", 404, "HTTP 404 Not Found"),
        ("resourcePath=%00", 400, "A query parameter is not readable"),
    ] {
        let answer = realm
            .admin
            .get(&realm.path(&format!("/admin-events?{query}")))
            .await;
        assert_eq!(
            (answer.status, &answer.json),
            (status, &json!({ "error": text })),
            "{query}"
        );
    }
    let long = format!("/admin-events?resourcePath={}", "x".repeat(501));
    assert_eq!(realm.admin.get(&realm.path(&long)).await.status, 400);
}

#[tokio::test]
async fn events_of_one_realm_are_seen_and_deleted_in_that_realm_alone() {
    let (one, other) = (Realm::keeping_events().await, Realm::keeping_events().await);
    one.carry_out("POST", "/roles", json!({ "name": "r" }))
        .await;
    assert_eq!(other.admin_events("").await, Vec::<Value>::new());
    other.forget_events().await;
    assert_eq!(one.last_events().await, "CREATE REALM_ROLE roles/r");
}

#[tokio::test]
async fn events_go_when_they_are_older_than_the_realm_keeps_them() {
    let realm = Realm::keeping_events().await;
    let odd = Realm::keeping_events().await;
    for (realm, expiration) in [(&realm, "60"), (&odd, "soon")] {
        let attributes = json!({ "attributes": { "adminEventsExpiration": expiration } });
        realm.carry_out("PUT", "", attributes).await;
        realm
            .carry_out("POST", "/roles", json!({ "name": "r" }))
            .await;
        execute(
            "update admin_event e set time = time - 61000 from realm r where r.id = e.realm_id and r.name = $1 \
             and e.resource_type = 'REALM'",
            &realm.name,
        )
        .await;
    }
    let mut db = connect().await;
    realm::admin_event::sweep(&mut db, store::clock::now())
        .await
        .unwrap();
    assert_eq!(realm.last_events().await, "CREATE REALM_ROLE roles/r");
    assert_eq!(
        odd.last_events().await,
        "UPDATE REALM -; CREATE REALM_ROLE roles/r"
    );
}

#[tokio::test]
async fn who_may_not_view_events_sees_none_and_who_only_views_deletes_none() {
    let realm = Realm::keeping_events().await;
    let viewer = realm.administrator("viewer", &["view-events"]).await;
    let manager = realm.administrator("manager", &["manage-users"]).await;
    let path = realm.path("/admin-events");
    assert_eq!(viewer.get(&path).await.status, 200);
    assert_eq!(viewer.delete(&path).await.status, 403);
    assert_eq!(manager.get(&path).await.status, 403);
}

#[tokio::test]
async fn the_events_config_keeps_what_is_not_sent_but_the_two_that_keycloak_resets() {
    let realm = Realm::new().await;
    let config = "/events/config";
    let all = json!({ "eventsEnabled": true, "eventsExpiration": 60, "eventsListeners": ["jboss-logging", "email", "email"],
        "enabledEventTypes": ["LOGIN", "ZZ", "LOGIN"], "adminEventsEnabled": true, "adminEventsDetailsEnabled": true });
    realm.carry_out("PUT", config, all).await;
    let kept = json!({ "eventsEnabled": true, "eventsExpiration": 60, "eventsListeners": ["jboss-logging", "email"],
        "enabledEventTypes": ["LOGIN", "ZZ"], "adminEventsEnabled": true, "adminEventsDetailsEnabled": true });
    assert_eq!(realm.carry_out("GET", config, Value::Null).await.json, kept);
    realm.carry_out("PUT", config, json!({})).await;
    let kept = json!({ "eventsEnabled": false, "eventsListeners": ["jboss-logging", "email"],
        "enabledEventTypes": ["LOGIN", "ZZ"], "adminEventsEnabled": true, "adminEventsDetailsEnabled": true });
    assert_eq!(realm.carry_out("GET", config, Value::Null).await.json, kept);
    let whole = realm.admin.get(&realm.path("")).await.json;
    assert!(whole.get("eventsExpiration").is_none(), "{whole}");
    for (body, text) in [
        (
            json!({ "eventsListeners": ["zz"] }),
            json!({ "error": "Unknown event listener" }),
        ),
        (
            json!([]),
            json!({ "error": "unknown_error", "error_description": "Cannot parse the JSON" }),
        ),
        (
            json!({ "eventsExpiration": "x" }),
            json!({ "error": "unknown_error", "error_description": "Cannot parse the JSON" }),
        ),
    ] {
        let answer = realm.admin.put(&realm.path(config), body).await;
        assert_eq!((answer.status, answer.json), (400, text));
    }
}

#[tokio::test]
async fn that_they_are_turned_on_and_off_is_told() {
    let realm = Realm::new().await;
    let config = "/events/config";
    realm
        .carry_out("PUT", config, json!({ "adminEventsEnabled": true }))
        .await;
    assert_eq!(realm.last_events().await, "UPDATE REALM events/config");
    realm
        .carry_out("PUT", config, json!({ "adminEventsEnabled": false }))
        .await;
    assert_eq!(realm.last_events().await, "UPDATE REALM events/config");
    realm
        .carry_out("PUT", "", json!({ "displayName": "x" }))
        .await;
    assert_eq!(realm.last_events().await, "");
    realm
        .carry_out("PUT", "", json!({ "adminEventsEnabled": true }))
        .await;
    assert_eq!(realm.last_events().await, "UPDATE REALM -");
}
