//! Identity tokens: what docker keeps instead of a password, and how long it is good.

use reqwest::Client;
use serde_json::{Value, json};

use crate::docker_form::is_double;
use crate::rows::connect;
use crate::support::{Admin, Answer, Realm, claims, patiently, server, token};

const REFUSED: &str = "The identity token is not good any more. Log in again.";
const SCOPE: (&str, &str) = ("scope", "repository:a:pull");

impl Realm {
    /// What `docker login` asks, and keeps.
    pub async fn docker_login(&self, user: &str, password: &str) -> String {
        let query = [
            ("service", "reg"),
            ("offline_token", "true"),
            ("account", user),
            ("client_id", "docker"),
        ];
        let url = self.docker_url();
        let request = || Client::new().get(&url).query(&query);
        let answer = patiently(|| request().basic_auth(user, Some(password))).await;
        assert_eq!(answer.status, 200, "{}", answer.json);
        let mut names: Vec<_> = answer.json.as_object().unwrap().keys().collect();
        names.sort();
        assert_eq!(names, ["expires_in", "issued_at", "refresh_token", "token"]);
        answer.json["refresh_token"].as_str().unwrap().to_owned()
    }

    /// What docker asks with it.
    pub async fn refresh(&self, token: &str, more: &[(&str, &str)]) -> Answer {
        let mut form = vec![
            ("grant_type", "refresh_token"),
            ("service", "reg"),
            ("client_id", "docker"),
            SCOPE,
            ("refresh_token", token),
        ];
        for (name, value) in more {
            form.retain(|(known, _)| known != name);
            form.push((name, value));
        }
        self.form(&form).await
    }

    pub async fn is_good(&self, token: &str) {
        let answer = self.refresh(token, &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.json);
    }

    pub async fn is_refused(&self, token: &str) {
        let answer = self.refresh(token, &[]).await;
        assert_eq!(answer.status, 401, "{}", answer.json);
        let asked = json!([{ "type": "repository", "name": "a", "actions": ["pull"] }]);
        is_double(&answer, "invalid_grant", "UNAUTHORIZED", REFUSED, asked);
    }

    pub async fn identity_sessions(&self) -> Vec<Value> {
        let path = format!("/users/{}/offline-sessions/{}", self.alice, self.registry);
        let list = self.admin.get(&self.path(&path)).await.json;
        list.as_array().unwrap().clone()
    }

    pub async fn alter(&self, path: &str, change: Value) {
        let answer = self.admin.put(&self.path(path), change).await;
        assert_eq!(answer.status, 204, "{}", answer.json);
    }

    pub fn user_path(&self, below: &str) -> String {
        format!("/users/{}{below}", self.alice)
    }

    /// Lets so many seconds pass for the identity tokens of the realm.
    pub async fn let_pass(&self, seconds: i64) {
        let sql = "update offline_session o set started = started - $2, client_started = client_started - $2, \
                   last_refresh = last_refresh - $2, previous_until = previous_until - $2 from realm r \
                   where r.id = o.realm_id and r.name = $1";
        let mut db = connect().await;
        let done = sqlx::query(sql).bind(&self.name).bind(seconds);
        assert!(done.execute(&mut db).await.unwrap().rows_affected() > 0);
    }

    pub async fn number(&self, sql: &'static str) -> i64 {
        let mut db = connect().await;
        let number = sqlx::query_scalar(sql).bind(&self.name);
        number.fetch_one(&mut db).await.unwrap()
    }
}

/// The id of the session of an identity token.
pub fn session(token: &str) -> String {
    claims(token)["sid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn docker_login_gets_a_token_that_is_good_again_and_again_and_never_rotated() {
    let realm = Realm::new().await;
    let token = realm.docker_login("alice", "secret").await;
    let held = claims(&token);
    assert_eq!(held["typ"], "Identity");
    assert_eq!(
        (&held["azp"], &held["sub"]),
        (&json!("reg"), &json!(realm.alice))
    );
    assert_eq!(held.get("exp"), None);
    for _ in 0..3 {
        let answer = realm.refresh(&token, &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.json);
        assert_eq!(answer.json.get("refresh_token"), None);
        assert_eq!(answer.json["scope"], "repository:a:pull");
        let access = claims(answer.json["access_token"].as_str().unwrap());
        assert_eq!(
            (&access["sub"], &access["typ"]),
            (&json!("alice"), &json!("Bearer"))
        );
    }
    let listed = realm.identity_sessions().await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["id"], session(&token));
    assert_eq!(listed[0]["clients"], json!({ &realm.registry: "reg" }));
    let sessions = realm
        .admin
        .get(&realm.path(&realm.user_path("/sessions")))
        .await;
    assert_eq!(sessions.json, json!([]), "no other session");
}

#[tokio::test]
async fn a_form_gets_one_by_access_type_offline_only() {
    let realm = Realm::new().await;
    let form = [
        ("grant_type", "password"),
        ("service", "reg"),
        ("username", "alice"),
        ("password", "secret"),
        ("access_type", "online"),
    ];
    assert_eq!(realm.form(&form).await.json.get("refresh_token"), None);
    let mut form = form;
    form[4].1 = "offline";
    let answer = realm.form(&form).await.json;
    realm
        .is_good(answer["refresh_token"].as_str().unwrap())
        .await;
    for query in ["", "&offline_token=false", "&offline_token=1"] {
        let answer = realm.docker("alice", "secret", query).await;
        assert_eq!(answer.json.get("refresh_token"), None, "{query}");
    }
    let url = format!("{}?service=reg&offline_token=true", realm.docker_url());
    let head = Client::new().head(url).basic_auth("alice", Some("secret"));
    assert_eq!(head.send().await.unwrap().status(), 200);
    assert_eq!(
        realm.identity_sessions().await.len(),
        1,
        "nobody sees it by HEAD"
    );
}

#[tokio::test]
async fn programs_that_know_only_basic_come_in_with_it() {
    let realm = Realm::new().await;
    let token = realm.docker_login("alice", "secret").await;
    for name in ["<token>", ""] {
        let answer = realm
            .docker(name, &token, "&scope=repository:a:pull&offline_token=true")
            .await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.json);
        assert_eq!(answer.json.get("refresh_token"), None);
        let access = claims(answer.json["token"].as_str().unwrap());
        assert_eq!(access["sub"], "alice");
    }
    let answer = realm.docker("alice", &token, "").await;
    assert_eq!(answer.status, 401, "it is no password");
    let answer = realm.docker("<token>", "a.b.c", "").await;
    assert_eq!(
        (answer.status, &answer.json["errors"][0]["message"]),
        (401, &json!(REFUSED))
    );
}

#[tokio::test]
async fn a_token_is_good_for_its_registry_and_its_realm_only() {
    let realm = Realm::new().await;
    let token = realm.docker_login("alice", "secret").await;
    let other = json!({ "clientId": "other", "protocol": "docker-v2" });
    realm.admin.create(&realm.path("/clients"), other).await;
    let answer = realm.refresh(&token, &[("service", "other")]).await;
    assert_eq!(
        (answer.status, &answer.json["error_description"]),
        (401, &json!(REFUSED))
    );
    let elsewhere = Realm::new().await;
    elsewhere.is_refused(&token).await;
    for odd in [
        "x",
        "a.b.c",
        "",
        &token[..token.len() - 2],
        &format!("{token}x"),
    ] {
        let answer = realm.refresh(odd, &[]).await;
        assert!([400, 401].contains(&answer.status), "{odd}");
    }
    realm.is_good(&token).await;
}

#[tokio::test]
async fn neither_refresh_token_is_good_at_the_other_protocol() {
    let realm = Realm::new().await;
    let identity = realm.docker_login("alice", "secret").await;
    for form in [
        &[
            ("grant_type", "refresh_token"),
            ("client_id", "admin-cli"),
            ("refresh_token", &identity),
        ][..],
        &[
            ("grant_type", "refresh_token"),
            ("client_id", "reg"),
            ("refresh_token", &identity),
        ],
    ] {
        let answer = token(&server().url, &realm.name, form).await;
        assert!([400, 401].contains(&answer.status), "{}", answer.json);
        assert!(answer.json.get("access_token").is_none());
    }
    assert_eq!(
        Admin::with_token(&identity)
            .get(&realm.path(""))
            .await
            .status,
        401
    );

    let password = [
        ("grant_type", "password"),
        ("client_id", "admin-cli"),
        ("username", "alice"),
        ("password", "secret"),
        ("scope", "openid offline_access"),
    ];
    let tokens = token(&server().url, &realm.name, &password).await.json;
    for name in ["refresh_token", "access_token", "id_token"] {
        realm.is_refused(tokens[name].as_str().unwrap()).await;
    }
    // Nor is what a registry takes.
    let docker = realm.docker("alice", "secret", "").await.json;
    realm.is_refused(docker["token"].as_str().unwrap()).await;
    realm.is_good(&identity).await;
}

#[tokio::test]
async fn a_token_is_good_until_it_was_idle_too_long() {
    let realm = Realm::with(json!({ "offlineSessionIdleTimeout": 100_000 })).await;
    let token = realm.docker_login("alice", "secret").await;
    for _ in 0..5 {
        realm.let_pass(90_000).await;
        realm.is_good(&token).await;
    }
    realm.let_pass(100_000).await;
    realm.is_refused(&token).await;
}

#[tokio::test]
async fn a_token_ends_with_the_maximal_lifespan_where_there_is_one() {
    let realm = Realm::with(json!({
        "offlineSessionMaxLifespanEnabled": true, "offlineSessionMaxLifespan": 3600
    }))
    .await;
    let token = realm.docker_login("alice", "secret").await;
    realm.let_pass(3500).await;
    realm.is_good(&token).await;
    realm.let_pass(100).await;
    realm.is_refused(&token).await;

    let client = format!("/clients/{}", realm.registry);
    let attributes = json!({ "attributes": { "client.offline.session.idle.timeout": "50" } });
    realm.alter(&client, attributes).await;
    let token = realm.docker_login("alice", "secret").await;
    realm.let_pass(40).await;
    realm.is_good(&token).await;
    realm.let_pass(50).await;
    realm.is_refused(&token).await;
}

#[tokio::test]
async fn a_refresh_is_written_down_at_most_once_a_minute() {
    let realm = Realm::new().await;
    let token = realm.docker_login("alice", "secret").await;
    let last = "select o.last_refresh from offline_session o join realm r on r.id = o.realm_id where r.name = $1";
    realm.let_pass(50).await;
    let before = realm.number(last).await;
    realm.is_good(&token).await;
    assert_eq!(realm.number(last).await, before);
    realm.let_pass(10).await;
    realm.is_good(&token).await;
    assert!(realm.number(last).await >= before + 50);
}

#[tokio::test]
async fn who_has_something_to_do_first_is_told_where() {
    let realm = Realm::new().await;
    let token = realm.docker_login("alice", "secret").await;
    let user = realm.user_path("");
    realm
        .alter(&user, json!({ "requiredActions": ["UPDATE_PROFILE"] }))
        .await;
    let answer = realm.refresh(&token, &[]).await;
    let text = format!(
        "Account is not fully set up. Sign in at {}/realms/{}/account first.",
        server().url,
        realm.name
    );
    assert_eq!(
        (answer.status, &answer.json["error_description"]),
        (401, &json!(text))
    );
    realm.alter(&user, json!({ "requiredActions": [] })).await;
    realm.is_good(&token).await;
}

#[tokio::test]
async fn what_a_token_grants_is_decided_at_each_refresh() {
    let realm = Realm::new().await;
    let token = realm.docker_login("alice", "secret").await;
    assert_eq!(
        realm.refresh(&token, &[]).await.json["scope"],
        "repository:a:pull"
    );
    let path = format!("/clients/{}/protocol-mappers/models", realm.registry);
    let mappers = realm.admin.get(&realm.path(&path)).await.json;
    let id = mappers[0]["id"].as_str().unwrap();
    let gone = realm
        .admin
        .delete(&realm.path(&format!("{path}/{id}")))
        .await;
    assert_eq!(gone.status, 204);
    let answer = realm.refresh(&token, &[]).await;
    assert_eq!((answer.status, &answer.json["scope"]), (200, &json!("")));
    let access = claims(answer.json["access_token"].as_str().unwrap());
    assert_eq!(access["access"], json!([]));
}

#[tokio::test]
async fn events_tell_of_every_token() {
    let realm = Realm::with(json!({ "eventsEnabled": true })).await;
    let token = realm.docker_login("alice", "secret").await;
    realm.is_good(&token).await;
    let rotated = realm
        .refresh(&token, &[("access_type", "offline")])
        .await
        .json;
    realm.let_pass(20).await;
    realm.is_refused(&token).await;
    let events = async |kind: &str| {
        let path = realm.path(&format!("/events?type={kind}"));
        realm.admin.get(&path).await.json
    };
    let (id, session) = (claims(&token)["jti"].clone(), session(&token));
    let logins = events("LOGIN").await;
    assert_eq!(logins[0]["sessionId"], session);
    assert_eq!(logins[0]["details"]["refresh_token_id"], id);
    assert_eq!(logins[0]["details"]["credential_type"], "password");

    let refreshes = events("REFRESH_TOKEN").await;
    assert_eq!(refreshes.as_array().map(Vec::len), Some(2), "{refreshes}");
    for event in refreshes.as_array().unwrap() {
        assert_eq!(
            (&event["clientId"], &event["userId"]),
            (&json!("reg"), &json!(realm.alice))
        );
        assert_eq!(event["sessionId"], session);
        let details = &event["details"];
        for (name, value) in [
            ("auth_method", "docker-v2"),
            ("credential_type", "identity-token"),
            ("client_program", "docker"),
            ("username", "alice"),
            ("scope", "repository:a:pull"),
            ("refresh_token_type", "Identity"),
        ] {
            assert_eq!(details[name], value, "{name}");
        }
        assert_eq!(details["refresh_token_id"], id);
        assert!(details["token_id"].is_string());
    }
    let new = claims(rotated["refresh_token"].as_str().unwrap())["jti"].clone();
    assert_eq!(refreshes[0]["details"]["updated_refresh_token_id"], new);

    let refused = events("REFRESH_TOKEN_ERROR").await;
    assert_eq!(refused[0]["error"], "invalid_token");
    assert_eq!(refused[0]["sessionId"], session);
    let reason = "The token had been replaced by another; its session has ended";
    assert_eq!(refused[0]["details"]["reason"], reason);
    assert!(!refreshes.to_string().contains(&token) && !refused.to_string().contains(&token));
}
