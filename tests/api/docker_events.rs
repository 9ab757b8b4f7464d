//! The events of docker tokens: each that goes out, and each that is refused.

use reqwest::Client;
use serde_json::{Value, json};
use sqlx::Connection as _;

use crate::rows::connect;
use crate::support::{Answer, Realm, claims, patiently, person};

const PULL: &str = "&scope=repository:a/b:pull";

impl Realm {
    /// The events of these types, newest first; the rest of the query may follow.
    async fn kept_events(&self, query: &str) -> Vec<Value> {
        let answer = self
            .admin
            .get(&self.path(&format!("/events?type={query}")))
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json.as_array().unwrap().clone()
    }

    /// The only event of a type.
    async fn only_event(&self, kind: &str) -> Value {
        let mut events = self.kept_events(kind).await;
        assert_eq!(events.len(), 1, "{events:?}");
        events.remove(0)
    }

    /// A docker login with which one event is left, of this type.
    async fn docker_leaves(&self, user: &str, password: &str, kind: &str) -> (Answer, Value) {
        let cleared = self.admin.delete(&self.path("/events")).await;
        assert_eq!(cleared.status, 204);
        let answer = self.docker(user, password, PULL).await;
        (answer, self.only_event(kind).await)
    }

    async fn add_rule(&self, name: &str, config: Value) {
        let mapper = json!({
            "name": name, "protocol": "docker-v2", "protocolMapper": "docker-v2-access-rule-mapper", "config": config,
        });
        let path = self.path(&format!(
            "/clients/{}/protocol-mappers/models",
            self.registry
        ));
        self.admin.create(&path, mapper).await;
    }

    /// Leaves to the registry the rules that it is given.
    async fn without_allow_all(&self) {
        let path = self.path(&format!(
            "/clients/{}/protocol-mappers/models",
            self.registry
        ));
        for mapper in self.admin.get(&path).await.json.as_array().unwrap() {
            let id = mapper["id"].as_str().unwrap();
            self.admin.delete(&format!("{path}/{id}")).await;
        }
    }
}

async fn realm() -> Realm {
    Realm::with(json!({ "eventsEnabled": true })).await
}

#[tokio::test]
async fn a_token_leaves_who_got_what_by_which_rules() {
    let realm = realm().await;
    realm.without_allow_all().await;
    let rule = |subject: &str, actions: &str| json!({ "subject": subject, "repository": "a/**", "actions": actions });
    realm
        .add_rule("may pull", rule("authenticated", "pull"))
        .await;
    realm
        .add_rule("alice pushes", rule("user:alice", "push"))
        .await;
    realm.add_rule("idle", rule("user:bob", "delete")).await;
    let scope = "repository:a/b:pull,push,delete repository:c:pull";
    let query = "&scope=repository:a/b:pull,push,delete&scope=repository:c:pull";
    let answer = realm.docker("alice", "secret", query).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let token = claims(answer.json["token"].as_str().unwrap());
    let event = realm.only_event("LOGIN").await;
    assert_eq!(
        (&event["clientId"], &event["userId"], &event["error"]),
        (&json!("reg"), &json!(realm.alice), &Value::Null)
    );
    let details = &event["details"];
    let mut expected = json!({
        "auth_method": "docker-v2", "credential_type": "password", "username": "alice", "scope": scope,
        "rules": "alice pushes##may pull", "token_id": token["jti"], "access": details["access"],
    });
    if let Some(program) = details.get("client_program") {
        expected["client_program"] = program.clone();
    }
    assert_eq!(details, &expected);
    let access: Value = serde_json::from_str(details["access"].as_str().unwrap()).unwrap();
    assert_eq!(access, token["access"]);
    let granted = json!([{ "type": "repository", "name": "a/b", "actions": ["pull", "push"] }]);
    assert_eq!(access, granted);
}

#[tokio::test]
async fn nothing_granted_is_told_as_well() {
    let realm = realm().await;
    realm.without_allow_all().await;
    let (answer, event) = realm.docker_leaves("alice", "secret", "LOGIN").await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        (&event["details"]["access"], &event["details"]["rules"]),
        (&json!("[]"), &json!(""))
    );
}

#[tokio::test]
async fn the_access_of_a_hundred_scopes_is_kept_whole() {
    let realm = realm().await;
    let scopes: Vec<String> = (0..100)
        .map(|n| format!("repository:{n}/{}:pull,push", "x".repeat(50)))
        .collect();
    let query: String = scopes
        .iter()
        .map(|scope| format!("&scope={scope}"))
        .collect();
    let answer = realm.docker("alice", "secret", &query).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let event = realm.only_event("LOGIN").await;
    assert_eq!(event["details"]["scope"], scopes.join(" "));
    let access: Value = serde_json::from_str(event["details"]["access"].as_str().unwrap()).unwrap();
    assert_eq!(access.as_array().unwrap().len(), 100);
    assert_eq!(
        access,
        claims(answer.json["token"].as_str().unwrap())["access"]
    );
}

#[tokio::test]
async fn a_token_says_with_what_it_was_got() {
    let realm = realm().await;
    realm
        .add_rule(
            "all",
            json!({ "subject": "anonymous", "repository": "a/**", "actions": "pull" }),
        )
        .await;
    let robot = json!({ "clientId": "ci", "secret": "s", "serviceAccountsEnabled": true });
    realm.admin.create(&realm.path("/clients"), robot).await;
    let (id, app_password) = realm.new_app_password(json!({ "label": "laptop" })).await;
    for (user, password, means) in [
        ("alice", "secret", "password"),
        ("alice", app_password.as_str(), "app-password"),
        ("service-account-ci", "s", "client-secret"),
    ] {
        let (answer, event) = realm.docker_leaves(user, password, "LOGIN").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let details = &event["details"];
        assert_eq!(details["credential_type"], means);
        let token = claims(answer.json["token"].as_str().unwrap());
        assert_eq!(
            (&details["token_id"], &details["username"]),
            (&token["jti"], &token["sub"])
        );
        let selected = (means == "app-password").then_some(id.as_str());
        assert_eq!(details["selected_credential_id"].as_str(), selected);
    }

    realm.admin.delete(&realm.path("/events")).await;
    let url = format!("{}?service=reg{PULL}", realm.docker_url());
    let answer = patiently(|| Client::new().get(&url)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let event = realm.only_event("LOGIN").await;
    assert_eq!(event["details"]["credential_type"], "none");
    assert_eq!(
        (event.get("userId"), event["details"].get("username")),
        (None, None)
    );

    let identity = realm.docker_login("alice", "secret").await;
    realm.admin.delete(&realm.path("/events")).await;
    realm.is_good(&identity).await;
    let event = realm.only_event("REFRESH_TOKEN").await;
    assert_eq!(event["details"]["credential_type"], "identity-token");
    assert_eq!(event["userId"], realm.alice);
}

#[tokio::test]
async fn a_refusal_leaves_what_was_tried_and_asked() {
    let realm = realm().await;
    let robot = json!({ "clientId": "ci", "secret": "s", "serviceAccountsEnabled": true });
    realm.admin.create(&realm.path("/clients"), robot).await;
    let (_, app_password) = realm.new_app_password(json!({ "label": "laptop" })).await;
    let (_, for_others) = realm
        .new_app_password(json!({ "label": "x", "clients": ["other"] }))
        .await;
    realm
        .admin
        .create(&realm.path("/users"), person("bob"))
        .await;
    for (user, password, means, error) in [
        ("alice", "wrong", "password", "invalid_user_credentials"),
        ("nobody", "wrong", "password", "user_not_found"),
        (
            "bob",
            &app_password,
            "app-password",
            "invalid_user_credentials",
        ),
        ("nobody", &app_password, "app-password", "user_not_found"),
        (
            "alice",
            &for_others,
            "app-password",
            "app_password_not_for_client",
        ),
        (
            "service-account-ci",
            "wrong",
            "client-secret",
            "invalid_client_credentials",
        ),
        (
            "service-account-no",
            "wrong",
            "client-secret",
            "user_not_found",
        ),
        (
            "service-account-ci",
            "eyJhbGciOiJSUzI1NiJ9.e30.e30",
            "ci-token",
            "",
        ),
    ] {
        let (answer, event) = realm.docker_leaves(user, password, "LOGIN_ERROR").await;
        assert_eq!(answer.status, 401, "{user}: {}", answer.text);
        let details = &event["details"];
        for (name, value) in [
            ("auth_method", "docker-v2"),
            ("credential_type", means),
            ("username", user),
            ("scope", "repository:a/b:pull"),
        ] {
            assert_eq!(details[name], value, "{user}: {event}");
        }
        assert_eq!(event["clientId"], "reg");
        let told = event["error"].as_str().unwrap();
        assert!(told == error || error.is_empty(), "{user}: {told}");
        assert_eq!(details.get("token_id"), None);
        assert!(!event.to_string().contains(password), "{event}");
    }
    realm.admin.delete(&realm.path("/events")).await;
    realm.is_refused("e30.e30.e30").await;
    let event = realm.only_event("REFRESH_TOKEN_ERROR").await;
    assert_eq!(event["error"], "invalid_token");
    assert_eq!(event["details"]["credential_type"], "identity-token");
    assert_eq!(event["details"]["scope"], "repository:a:pull");
}

#[tokio::test]
async fn they_are_found_by_type_user_and_client() {
    let realm = realm().await;
    let bob = realm
        .admin
        .create(&realm.path("/users"), person("bob"))
        .await;
    for (user, password) in [("alice", "secret"), ("alice", "wrong"), ("bob", "secret")] {
        realm.docker(user, password, PULL).await;
    }
    let alice = realm.alice.as_str();
    for (query, expected) in [
        ("LOGIN".to_owned(), 2),
        ("LOGIN&type=LOGIN_ERROR".to_owned(), 3),
        (format!("LOGIN&user={alice}"), 1),
        (format!("LOGIN_ERROR&user={alice}"), 1),
        (format!("LOGIN&user={bob}&client=reg"), 1),
        ("LOGIN&client=reg".to_owned(), 2),
        ("LOGIN&client=other".to_owned(), 0),
        ("REFRESH_TOKEN".to_owned(), 0),
    ] {
        assert_eq!(realm.kept_events(&query).await.len(), expected, "{query}");
    }
}

#[tokio::test]
async fn only_what_a_realm_wants_is_kept_and_tokens_go_out_all_the_same() {
    let chosen = json!({ "eventsEnabled": true, "enabledEventTypes": ["LOGIN_ERROR"] });
    for (settings, errors) in [(json!({}), 0), (chosen, 1)] {
        let realm = Realm::with(settings).await;
        let identity = realm.docker_login("alice", "secret").await;
        realm.is_good(&identity).await;
        assert_eq!(realm.docker("alice", "wrong", PULL).await.status, 401);
        assert_eq!(realm.kept_events("LOGIN&type=REFRESH_TOKEN").await.len(), 0);
        assert_eq!(realm.kept_events("LOGIN_ERROR").await.len(), errors);
    }
}

#[tokio::test]
async fn no_token_goes_out_whose_event_cannot_be_kept() {
    let realm = realm().await;
    assert_eq!(realm.docker("alice", "secret", PULL).await.status, 200);
    let mut db = connect().await;
    let mut lock = db.begin().await.unwrap();
    sqlx::query(
        "select from event_chain c join realm r on r.id = c.realm_id where r.name = $1 for update of c",
    )
    .bind(&realm.name)
    .execute(&mut *lock)
    .await
    .unwrap();
    let url = format!("{}?service=reg{PULL}", realm.docker_url());
    let request = Client::new().get(&url).basic_auth("alice", Some("secret"));
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    assert!(!answer.text().await.unwrap().contains("token\":"));
    lock.commit().await.unwrap();
    assert_eq!(realm.docker("alice", "secret", PULL).await.status, 200);
    assert_eq!(realm.kept_events("LOGIN").await.len(), 2);
}
