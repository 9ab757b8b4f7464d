//! Admin events: what administrators did is kept where a realm wants it, without a secret.

use serde_json::{Value, json};

use crate::support::{Answer, Realm, claims, login, person, server, start};

const ON: &str = r#"{"adminEventsEnabled":true,"adminEventsDetailsEnabled":true}"#;

fn on() -> Value {
    serde_json::from_str(ON).unwrap()
}

impl Realm {
    /// A realm that keeps everything, and has told of nothing yet.
    pub async fn keeping_events() -> Self {
        let realm = Self::with(on()).await;
        realm.forget_events().await;
        realm
    }

    pub async fn forget_events(&self) {
        let cleared = self.admin.delete(&self.path("/admin-events")).await;
        assert_eq!(cleared.status, 204);
    }

    pub async fn admin_events(&self, query: &str) -> Vec<Value> {
        let answer = self
            .admin
            .get(&self.path(&format!("/admin-events{query}")))
            .await;
        assert_eq!(answer.status, 200, "{}", answer.json);
        answer.json.as_array().unwrap().clone()
    }

    /// The events since the last look, oldest first, in few words.
    pub async fn last_events(&self) -> String {
        let events = self.admin_events("").await;
        self.forget_events().await;
        let words: Vec<String> = events.iter().rev().map(words).collect();
        words.join("; ")
    }

    pub async fn carry_out(&self, method: &str, path: &str, body: Value) -> Answer {
        let method = method.parse().unwrap();
        let body = (!body.is_null()).then_some(body);
        let answer = self.admin.call(method, &self.path(path), body).await;
        assert!(
            answer.status < 300,
            "{path}: {} {}",
            answer.status,
            answer.text
        );
        answer
    }
}

fn words(event: &Value) -> String {
    let text = |name: &str| event[name].as_str().unwrap_or("-").to_owned();
    format!(
        "{} {} {}",
        text("operationType"),
        text("resourceType"),
        text("resourcePath")
    )
}

#[tokio::test]
async fn an_event_says_who_did_what_from_where_and_when() {
    let realm = Realm::with(json!({ "adminEventsEnabled": true })).await;
    realm.forget_events().await;
    let before = store::clock::now_ms();
    let bob = realm
        .admin
        .create(&realm.path("/users"), person("bob"))
        .await;
    let [event] = &realm.admin_events("").await[..] else {
        panic!("one event")
    };
    let token = login(&server().url, "master", "admin", "admin").await;
    let master = realm.admin.get("/master").await.json["id"].clone();
    let clients = realm.admin.get("/master/clients?clientId=admin-cli").await;
    assert_eq!(event["operationType"], "CREATE");
    assert_eq!(event["resourceType"], "USER");
    assert_eq!(event["resourcePath"], format!("users/{bob}"));
    assert_eq!(
        event["realmId"],
        realm.admin.get(&realm.path("")).await.json["id"]
    );
    assert_eq!(
        event["authDetails"],
        json!({ "realmId": master, "clientId": clients.json[0]["id"], "userId": claims(&token)["sub"], "ipAddress": "127.0.0.1" })
    );
    assert!(event.get("representation").is_none() && event["id"].is_string());
    let time = event["time"].as_i64().unwrap();
    assert!((before..=store::clock::now_ms()).contains(&time));
}

#[tokio::test]
async fn each_write_is_told_as_keycloak_tells_it() {
    let realm = Realm::keeping_events().await;
    let id = async |path: &str| {
        let found = realm.carry_out("GET", path, Value::Null).await.json;
        (found["id"].as_str().unwrap().to_owned(), found)
    };
    let told = async |method: &str, path: &str, body: Value, expected: &str| {
        realm.carry_out(method, path, body).await;
        let events = realm.last_events().await;
        assert_eq!(
            format!("{expected} {}", path.trim_start_matches('/')),
            events
        );
    };
    // Where the path told is not that of the call.
    let told_of = async |method: &str, path: &str, body: Value, expected: &str| {
        realm.carry_out(method, path, body).await;
        assert_eq!(realm.last_events().await, expected);
    };
    let (none, named) = (Value::Null, |name: &str| json!({ "name": name }));
    let user = format!("/users/{}", realm.alice);
    let client = format!("/clients/{}", realm.registry);

    told("PUT", &user, json!({ "firstName": "A" }), "UPDATE USER").await;
    let password = json!({ "type": "password", "value": "secret" });
    told(
        "PUT",
        &format!("{user}/reset-password"),
        password,
        "ACTION USER",
    )
    .await;
    told(
        "POST",
        &format!("{user}/logout"),
        none.clone(),
        "ACTION USER",
    )
    .await;

    told_of(
        "POST",
        "/roles",
        named("a/b"),
        "CREATE REALM_ROLE roles/a/b",
    )
    .await;
    let (role_id, role) = id("/roles/a%2Fb").await;
    told(
        "PUT",
        &format!("/roles-by-id/{role_id}"),
        named("ab"),
        "UPDATE REALM_ROLE",
    )
    .await;
    let mapped = format!("{user}/role-mappings/realm");
    told("POST", &mapped, json!([role]), "CREATE REALM_ROLE_MAPPING").await;
    told(
        "DELETE",
        &mapped,
        json!([role]),
        "DELETE REALM_ROLE_MAPPING",
    )
    .await;

    let roles = format!("{client}/roles");
    let made = format!("CREATE CLIENT_ROLE {}/pull", &roles[1..]);
    told_of("POST", &roles, named("pull"), &made).await;
    let (pull_id, pull) = id(&format!("{roles}/pull")).await;
    let composites = format!("/roles-by-id/{pull_id}/composites");
    told("POST", &composites, json!([role]), "CREATE CLIENT_ROLE").await;
    let mapped = format!("{user}/role-mappings{client}");
    told("POST", &mapped, json!([pull]), "CREATE CLIENT_ROLE_MAPPING").await;
    told("DELETE", "/roles/ab", none.clone(), "DELETE REALM_ROLE").await;

    told(
        "PUT",
        &client,
        json!({ "description": "d" }),
        "UPDATE CLIENT",
    )
    .await;
    told(
        "POST",
        &format!("{client}/client-secret"),
        none.clone(),
        "ACTION CLIENT",
    )
    .await;
    let node = format!("CREATE CLUSTER_NODE {}/nodes/n1", &client[1..]);
    told_of(
        "POST",
        &format!("{client}/nodes"),
        json!({ "node": "n1" }),
        &node,
    )
    .await;
    told(
        "DELETE",
        &format!("{client}/nodes/n1"),
        none.clone(),
        "DELETE CLUSTER_NODE",
    )
    .await;
    let mapper = json!([{ "name": "m", "protocol": "docker-v2", "protocolMapper": "docker-v2-allow-all-mapper", "config": {} }]);
    let add = format!("{client}/protocol-mappers/add-models");
    told("POST", &add, mapper, "CREATE PROTOCOL_MAPPER").await;

    told_of("PUT", "", json!({ "displayName": "d" }), "UPDATE REALM -").await;
    told("POST", "/logout-all", none.clone(), "ACTION REALM").await;
    let failures = "/attack-detection/brute-force/users";
    told(
        "DELETE",
        failures,
        none.clone(),
        "DELETE USER_LOGIN_FAILURE",
    )
    .await;
    told("DELETE", &client, none.clone(), "DELETE CLIENT").await;
    told("DELETE", &user, none, "DELETE USER").await;
}

#[tokio::test]
async fn what_changes_nothing_is_not_told() {
    let realm = Realm::keeping_events().await;
    let user = format!("/users/{}", realm.alice);
    let credentials = realm
        .carry_out("GET", &format!("{user}/credentials"), Value::Null)
        .await;
    let id = credentials.json[0]["id"].as_str().unwrap();
    realm
        .carry_out(
            "POST",
            &format!("{user}/credentials/{id}/moveToFirst"),
            Value::Null,
        )
        .await;
    realm.carry_out("DELETE", "/events", Value::Null).await;
    let refused = realm
        .admin
        .post(&realm.path("/users"), person("alice"))
        .await;
    assert_eq!(refused.status, 409);
    let nobody = realm.administrator("nobody", &[]).await;
    realm.forget_events().await;
    assert_eq!(
        nobody.post(&realm.path("/users"), person("x")).await.status,
        403
    );
    assert_eq!(realm.admin_events("").await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_realm_that_does_not_want_them_keeps_none() {
    let realm = Realm::new().await;
    realm
        .carry_out("PUT", "", json!({ "displayName": "x" }))
        .await;
    assert_eq!(realm.admin_events("").await, Vec::<Value>::new());
}

#[tokio::test]
async fn details_are_what_was_sent_without_what_nobody_may_read_again() {
    let realm = Realm::keeping_events().await;
    let user = json!({ "username": "carol", "enabled": true, "credentials": [{ "type": "password", "value": "hush-hush" }] });
    realm.carry_out("POST", "/users", user).await;
    let representation =
        |events: &[Value]| events[0]["representation"].as_str().unwrap().to_owned();
    assert_eq!(
        representation(&realm.admin_events("?max=1").await),
        r#"{"username":"carol","enabled":true}"#
    );
    let client = json!({ "clientId": "tool", "secret": "hush-hush" });
    realm.carry_out("POST", "/clients", client).await;
    assert_eq!(
        representation(&realm.admin_events("?max=1").await),
        r#"{"clientId":"tool","secret":"**********"}"#
    );
    let smtp =
        json!({ "host": "mail.example.test", "from": "a@example.test", "password": "hush-hush" });
    realm
        .carry_out("PUT", "", json!({ "smtpServer": smtp }))
        .await;
    let password = json!({ "type": "password", "value": "hush-hush" });
    let reset = format!("/users/{}/reset-password", realm.alice);
    realm.carry_out("PUT", &reset, password).await;
    assert!(
        realm.admin_events("?max=1").await[0]
            .get("representation")
            .is_none()
    );
    let provider = json!({ "name": "k", "providerId": "rsa", "providerType": "org.keycloak.keys.KeyProvider",
        "config": { "privateKey": [crate::forge::PEM], "priority": ["1"] } });
    realm.carry_out("POST", "/components", provider).await;
    realm
        .carry_out(
            "POST",
            &format!("/clients/{}/client-secret", realm.registry),
            Value::Null,
        )
        .await;
    let events = realm.admin_events("").await;
    assert_eq!(events.len(), 6);
    let all = json!(events).to_string();
    for secret in ["hush-hush", "PRIVATE KEY"] {
        assert!(!all.contains(secret), "{all}");
    }

    realm
        .carry_out("DELETE", &format!("/users/{}", realm.alice), Value::Null)
        .await;
    let told = representation(&realm.admin_events("?max=1").await);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told, json!({ "id": realm.alice, "username": "alice" }));
}

#[tokio::test]
async fn a_long_body_is_told_without_its_details() {
    let realm = Realm::keeping_events().await;
    let uris: Vec<String> = (0..100)
        .map(|at| format!("https://{at}.example.test/{}", "x".repeat(1000)))
        .collect();
    let client = format!("/clients/{}", realm.registry);
    realm
        .carry_out("PUT", &client, json!({ "redirectUris": uris }))
        .await;
    let events = realm.admin_events("").await;
    assert_eq!(words(&events[0]), format!("UPDATE CLIENT {}", &client[1..]));
    assert!(events[0].get("representation").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_realm_that_comes_or_goes_is_told_where_its_maker_is_at_home() {
    let server = tokio::task::spawn_blocking(|| {
        start(
            "admin_events",
            &server::protocols::PROTOCOLS,
            server::settings::Settings::default(),
        )
    });
    let server = server.await.unwrap();
    let token = login(&server.url, "master", "admin", "admin").await;
    let http = reqwest::Client::new();
    let call = async |method: &str, path: &str, body: Value| {
        let url = format!("{}/admin/realms{path}", server.url);
        let request = http
            .request(method.parse().unwrap(), url)
            .bearer_auth(&token);
        Answer::read(request.json(&body).send().await.unwrap()).await
    };
    call("PUT", "/master/events/config", on()).await;
    let mut new = on();
    new["realm"] = json!("a b");
    assert_eq!(call("POST", "", new).await.status, 201);
    assert_eq!(call("DELETE", "/a%20b", Value::Null).await.status, 204);
    let events = call("GET", "/master/admin-events?max=2", Value::Null)
        .await
        .json;
    let told: Vec<_> = events.as_array().unwrap().iter().map(words).collect();
    assert_eq!(told, ["DELETE REALM a b", "CREATE REALM a b"]);
    assert_eq!(
        events[0]["realmId"],
        call("GET", "/master", Value::Null).await.json["id"]
    );
}

#[test]
fn every_write_says_what_it_is_or_that_nobody_is_told() {
    server();
    let routes = admin::routes();
    let writes = routes.iter().filter(|(method, _)| *method != "GET");
    let silent: Vec<_> = writes
        .filter(|(method, path)| admin::admin_event_of(method, path).is_none())
        .collect();
    assert!(silent.is_empty(), "what are these? {silent:?}");
}

#[tokio::test]
async fn an_administrator_of_the_realm_is_told_by_the_ids_of_his_own_realm() {
    let realm = Realm::keeping_events().await;
    let boss = realm.administrator("boss", &["manage-realm"]).await;
    let id = realm
        .admin
        .get(&realm.path("/users?username=boss"))
        .await
        .json[0]["id"]
        .clone();
    realm.forget_events().await;
    boss.create(&realm.path("/roles"), json!({ "name": "r" }))
        .await;
    let event = &realm.admin_events("").await[0];
    assert_eq!(event["authDetails"]["userId"], id);
    assert_eq!(event["authDetails"]["realmId"], event["realmId"]);
}
