//! What ends a token before its time, at the next call: on the admin API, at the refresh grant, at both logins.

use serde_json::{Value, json};

use crate::forge;
use crate::support::{Admin, Answer, Realm, claims, login, person, server, token};

/// An administrator who has logged in by a client of the realm's own.
struct Guest {
    realm: Realm,
    user: String,
    client: String,
    access: String,
    refresh: String,
}

const LOGIN: [(&str, &str); 4] = [
    ("grant_type", "password"),
    ("client_id", "tool"),
    ("username", "boss"),
    ("password", "secret"),
];

impl Guest {
    async fn with(settings: Value) -> Self {
        let realm = Realm::with(settings).await;
        realm.administrator("boss", &["realm-admin"]).await;
        let tool =
            json!({ "clientId": "tool", "protocol": "openid-connect", "publicClient": true });
        let client = realm.admin.create(&realm.path("/clients"), tool).await;
        let answer = token(&server().url, &realm.name, &LOGIN).await;
        let text = |name: &str| answer.json[name].as_str().unwrap().to_owned();
        let (access, refresh) = (text("access_token"), text("refresh_token"));
        let user = claims(&access)["sub"].as_str().unwrap().to_owned();
        let guest = Self {
            realm,
            user,
            client,
            access,
            refresh,
        };
        assert_eq!(guest.admin().await, 200);
        guest
    }

    async fn new() -> Self {
        Self::with(json!({})).await
    }

    async fn admin(&self) -> u16 {
        Admin::with_token(&self.access)
            .get(&self.realm.path("/users"))
            .await
            .status
    }

    async fn refresh(&self) -> Answer {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", "tool"),
            ("refresh_token", &self.refresh),
        ];
        token(&server().url, &self.realm.name, &form).await
    }

    async fn put(&self, path: &str, body: Value) {
        let answer = self.realm.admin.put(&self.realm.path(path), body).await;
        assert_eq!(answer.status, 204, "{}", answer.json);
    }

    /// The access token is worth nothing, and the refresh token is answered so.
    async fn is_out(&self, status: u16, error: &str, text: &str) {
        assert_eq!(self.admin().await, 401, "{text}");
        let answer = self.refresh().await;
        assert_eq!(
            (answer.status, &answer.json),
            (
                status,
                &json!({ "error": error, "error_description": text })
            )
        );
    }
}

#[tokio::test]
async fn a_disabled_users_tokens_end_at_once_and_no_door_opens() {
    let guest = Guest::new().await;
    guest
        .put(
            &format!("/users/{}", guest.user),
            json!({ "enabled": false }),
        )
        .await;
    guest.is_out(400, "invalid_grant", "User disabled").await;
    assert_eq!(
        token(&server().url, &guest.realm.name, &LOGIN).await.json["error"],
        "invalid_grant"
    );
    assert_eq!(guest.realm.docker("boss", "secret", "").await.status, 401);
}

#[tokio::test]
async fn a_deleted_users_tokens_end_at_once() {
    let guest = Guest::new().await;
    let path = guest.realm.path(&format!("/users/{}", guest.user));
    assert_eq!(guest.realm.admin.delete(&path).await.status, 204);
    guest
        .is_out(400, "invalid_grant", "Session not active")
        .await;
    // Nor do they come back with a user of the same name.
    guest
        .realm
        .admin
        .create(&guest.realm.path("/users"), person("boss"))
        .await;
    guest
        .is_out(400, "invalid_grant", "Session not active")
        .await;
}

#[tokio::test]
async fn a_role_that_is_taken_away_is_gone_at_the_next_call() {
    let guest = Guest::new().await;
    let found = guest
        .realm
        .admin
        .get(&guest.realm.path("/clients?clientId=realm-management"))
        .await;
    let client = found.json[0]["id"].as_str().unwrap();
    let path = guest.realm.path(&format!(
        "/users/{}/role-mappings/clients/{client}",
        guest.user
    ));
    let roles = guest.realm.admin.get(&path).await.json;
    let taken = guest
        .realm
        .admin
        .call(reqwest::Method::DELETE, &path, Some(roles))
        .await;
    assert_eq!(taken.status, 204);
    assert_eq!(guest.admin().await, 403);
}

#[tokio::test]
async fn the_tokens_of_a_disabled_or_deleted_client_end_at_once() {
    let refused = "Invalid client or Invalid client credentials";
    let guest = Guest::new().await;
    guest
        .put(
            &format!("/clients/{}", guest.client),
            json!({ "enabled": false }),
        )
        .await;
    guest.is_out(401, "invalid_client", refused).await;
    guest
        .put(
            &format!("/clients/{}", guest.client),
            json!({ "enabled": true }),
        )
        .await;
    assert_eq!(guest.admin().await, 200);
    let path = guest.realm.path(&format!("/clients/{}", guest.client));
    assert_eq!(guest.realm.admin.delete(&path).await.status, 204);
    guest.is_out(401, "invalid_client", refused).await;
    // A new client of that name does not revive them: the session knew the old one.
    let tool = json!({ "clientId": "tool", "protocol": "openid-connect", "publicClient": true });
    guest
        .realm
        .admin
        .create(&guest.realm.path("/clients"), tool)
        .await;
    assert_eq!(
        guest.refresh().await.json["error_description"],
        "Session doesn't have required client"
    );

    // The registry's client likewise.
    let registry = format!("/clients/{}", guest.realm.registry);
    guest.put(&registry, json!({ "enabled": false })).await;
    assert_eq!(
        guest.realm.docker("alice", "secret", "").await.json["error"],
        "invalid_client"
    );
}

#[tokio::test]
async fn a_disabled_realms_tokens_end_at_once_and_come_back_with_it() {
    let guest = Guest::new().await;
    guest.put("", json!({ "enabled": false })).await;
    guest
        .is_out(403, "access_denied", "Realm not enabled")
        .await;
    let docker = guest.realm.docker("alice", "secret", "").await;
    assert_eq!(
        (docker.status, docker.json),
        (
            400,
            json!({ "error": "invalid_request", "error_description": "Realm not enabled" })
        )
    );
    guest.put("", json!({ "enabled": true })).await;
    assert_eq!(
        (guest.admin().await, guest.refresh().await.status),
        (200, 200)
    );
}

#[tokio::test]
async fn the_tokens_of_a_deleted_realm_are_worth_nothing_even_in_a_new_one_of_its_name() {
    let guest = Guest::new().await;
    let admin = &guest.realm.admin;
    assert_eq!(admin.delete(&guest.realm.path("")).await.status, 204);
    assert_eq!(guest.admin().await, 401);
    let answer = guest.refresh().await;
    assert_eq!(
        (answer.status, answer.json),
        (404, json!({ "error": "Realm does not exist" }))
    );
    let rep = json!({ "realm": guest.realm.name, "enabled": true, "clients": [{ "clientId": "tool", "publicClient": true }] });
    assert_eq!(admin.post("", rep).await.status, 201);
    assert_eq!(guest.admin().await, 401);
    assert_eq!(guest.refresh().await.json["error"], "invalid_grant");
}

#[tokio::test]
async fn a_pushed_not_before_ends_older_tokens_of_realm_and_client() {
    let guest = Guest::new().await;
    let issued = claims(&guest.access)["iat"].as_i64().unwrap();
    guest.put("", json!({ "notBefore": issued + 1 })).await;
    guest.is_out(400, "invalid_grant", "Stale token").await;
    guest.put("", json!({ "notBefore": 0 })).await;
    assert_eq!(guest.admin().await, 200);
    guest
        .put(
            &format!("/clients/{}", guest.client),
            json!({ "notBefore": issued + 1 }),
        )
        .await;
    guest.is_out(400, "invalid_grant", "Stale token").await;
}

#[tokio::test]
async fn an_ended_session_ends_its_tokens_and_no_others() {
    let guest = Guest::new().await;
    let other = login(&server().url, &guest.realm.name, "boss", "secret").await;
    let session = claims(&guest.access)["sid"].as_str().unwrap().to_owned();
    let path = guest.realm.path(&format!("/sessions/{session}"));
    assert_eq!(guest.realm.admin.delete(&path).await.status, 204);
    guest
        .is_out(400, "invalid_grant", "Session not active")
        .await;
    assert_eq!(
        Admin::with_token(&other)
            .get(&guest.realm.path("/users"))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn tokens_of_a_disabled_or_deleted_key_end_at_once_those_of_a_passive_one_live_on() {
    let realm = Realm::new().await;
    let component = forge::import(&realm).await;
    realm.administrator("boss", &["realm-admin"]).await;
    let access = login(&server().url, &realm.name, "boss", "secret").await;
    let caller = Admin::with_token(&access);
    let path = realm.path(&format!("/components/{component}"));
    let seen = async || caller.get(&realm.path("/users")).await.status;
    assert_eq!(seen().await, 200);
    for (member, value, status) in [
        ("active", "false", 200),
        ("enabled", "false", 401),
        ("enabled", "true", 200),
        ("active", "true", 200),
    ] {
        let mut config = realm.admin.get(&path).await.json["config"].clone();
        config[member] = json!([value]);
        assert_eq!(
            realm
                .admin
                .put(&path, json!({ "config": config }))
                .await
                .status,
            204
        );
        assert_eq!(seen().await, status, "{member} {value}");
    }
    assert_eq!(realm.admin.delete(&path).await.status, 204);
    assert_eq!(seen().await, 401);
    // Logins go on with the key that is left.
    login(&server().url, &realm.name, "boss", "secret").await;
}

#[tokio::test]
async fn a_locked_user_is_refused_at_every_door_until_the_lock_is_taken_away() {
    let guest = Guest::with(
        json!({ "bruteForceProtected": true, "failureFactor": 2, "waitIncrementSeconds": 600 }),
    )
    .await;
    for _ in 0..2 {
        assert_eq!(guest.realm.docker("boss", "wrong", "").await.status, 401);
    }
    assert_eq!(guest.realm.docker("boss", "secret", "").await.status, 401);
    let answer = token(&server().url, &guest.realm.name, &LOGIN).await;
    assert_eq!(
        (answer.status, &answer.json["error_description"]),
        (400, &json!("Invalid user credentials"))
    );
    let answer = guest.refresh().await;
    assert_eq!(
        (answer.status, &answer.json["error_description"]),
        (400, &json!("User temporarily disabled"))
    );

    let path = format!("/attack-detection/brute-force/users/{}", guest.user);
    assert_eq!(
        guest
            .realm
            .admin
            .delete(&guest.realm.path(&path))
            .await
            .status,
        204
    );
    assert_eq!(guest.refresh().await.status, 200);
    assert_eq!(guest.realm.docker("boss", "secret", "").await.status, 200);
}
