//! What ends identity tokens before their time: people, locks, and passwords that change.

use reqwest::{Client, Method};
use serde_json::json;

use crate::account_rest::{access, call, with_app};
use crate::docker_identity::session;
use crate::rows::connect;
use crate::support::{Realm, claims, login, server};

const WRONG: [(&str, &str); 4] = [
    ("grant_type", "password"),
    ("service", "reg"),
    ("username", "alice"),
    ("password", "wrong"),
];

#[tokio::test]
async fn administrators_end_a_token_as_they_end_offline_sessions() {
    let realm = Realm::new().await;
    let consents = realm.user_path("/consents");
    for (method, path) in [
        ("DELETE", "/sessions/{}?isOffline=true".to_owned()),
        ("DELETE", format!("{consents}/reg")),
        ("POST", realm.user_path("/logout")),
        ("POST", "/logout-all".to_owned()),
    ] {
        let token = realm.docker_login("alice", "secret").await;
        let grants = realm.admin.get(&realm.path(&consents)).await.json;
        let expected = json!([{ "client": realm.registry, "key": "Offline Token" }]);
        assert_eq!(grants[0]["additionalGrants"], expected);
        realm.is_good(&token).await;
        // What is issued in the second of a logout goes on.
        second_after(&token).await;
        let path = realm.path(&path.replace("{}", &session(&token)));
        let answer = realm.admin.call(method.parse().unwrap(), &path, None).await;
        assert!(
            [200, 204].contains(&answer.status),
            "{path}: {}",
            answer.json
        );
        realm.is_refused(&token).await;
    }
}

/// Waits for the second after the one in which a token was issued.
async fn second_after(token: &str) {
    let issued = claims(token)["iat"].as_i64().unwrap();
    while store::clock::now() <= issued {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn not_before_of_user_realm_and_registry_ends_tokens() {
    let realm = Realm::new().await;
    for path in ["", &format!("/clients/{}", realm.registry)] {
        let token = realm.docker_login("alice", "secret").await;
        let later = claims(&token)["iat"].as_i64().unwrap() + 1;
        realm.alter(path, json!({ "notBefore": later })).await;
        realm.is_refused(&token).await;
        realm.alter(path, json!({ "notBefore": 0 })).await;
        realm.is_good(&token).await;
    }
}

#[tokio::test]
async fn who_is_disabled_has_to_log_in_again() {
    let realm = Realm::new().await;
    let token = realm.docker_login("alice", "secret").await;
    let user = realm.user_path("");
    realm.alter(&user, json!({ "firstName": "Alice" })).await;
    realm.is_good(&token).await;
    realm.alter(&user, json!({ "enabled": false })).await;
    realm.is_refused(&token).await;
    realm.alter(&user, json!({ "enabled": true })).await;
    realm.is_refused(&token).await;
    assert!(realm.identity_sessions().await.is_empty());
    realm
        .is_good(&realm.docker_login("alice", "secret").await)
        .await;
}

#[tokio::test]
async fn a_lock_for_good_ends_tokens_and_one_that_passes_stops_them() {
    let locked =
        json!({ "bruteForceProtected": true, "failureFactor": 2, "permanentLockout": true });
    let realm = Realm::with(locked).await;
    let token = realm.docker_login("alice", "secret").await;
    for _ in 0..2 {
        realm.form(&WRONG).await;
    }
    realm.is_refused(&token).await;
    let user = realm.user_path("");
    realm.alter(&user, json!({ "enabled": true })).await;
    realm.is_refused(&token).await;

    let realm = Realm::with(json!({ "bruteForceProtected": true, "failureFactor": 2 })).await;
    let token = realm.docker_login("alice", "secret").await;
    for _ in 0..2 {
        realm.form(&WRONG).await;
    }
    let answer = realm.refresh(&token, &[]).await;
    let text = "Invalid username or password.";
    assert_eq!(
        (answer.status, &answer.json["error_description"]),
        (401, &json!(text))
    );
    let path = format!("/attack-detection/brute-force/users/{}", realm.alice);
    assert_eq!(realm.admin.delete(&realm.path(&path)).await.status, 204);
    realm.is_good(&token).await;
}

#[tokio::test]
async fn a_token_ends_with_its_user_and_with_its_registry() {
    let realm = Realm::new().await;
    let count = "select count(*) from offline_session o join realm r on r.id = o.realm_id where r.name = $1";
    let token = realm.docker_login("alice", "secret").await;
    let path = realm.path(&format!("/clients/{}", realm.registry));
    realm
        .alter(
            &format!("/clients/{}", realm.registry),
            json!({ "enabled": false }),
        )
        .await;
    let answer = realm.refresh(&token, &[]).await;
    assert_eq!(
        (answer.status, &answer.json["error"]),
        (400, &json!("invalid_client"))
    );
    realm
        .alter(
            &format!("/clients/{}", realm.registry),
            json!({ "enabled": true }),
        )
        .await;
    realm.is_good(&token).await;
    assert_eq!(realm.admin.delete(&path).await.status, 204);
    assert_eq!(realm.number(count).await, 0);
    let again = json!({ "id": realm.registry, "clientId": "reg", "protocol": "docker-v2" });
    assert_eq!(
        realm
            .admin
            .post(&realm.path("/clients"), again)
            .await
            .status,
        201
    );
    realm.is_refused(&token).await;

    let token = realm.docker_login("alice", "secret").await;
    let path = realm.path(&realm.user_path(""));
    assert_eq!(realm.admin.delete(&path).await.status, 204);
    assert_eq!(realm.number(count).await, 0);
    realm.is_refused(&token).await;
}

#[tokio::test]
async fn every_way_to_another_password_ends_tokens() {
    let realm = Realm::new().await;
    let user = realm.user_path("");
    let password = |value: &str| json!({ "type": "password", "value": value, "temporary": false });
    let token = realm.docker_login("alice", "secret").await;
    realm
        .alter(&format!("{user}/reset-password"), password("second"))
        .await;
    realm.is_refused(&token).await;

    let token = realm.docker_login("alice", "second").await;
    realm
        .alter(&user, json!({ "credentials": [password("third")] }))
        .await;
    realm.is_refused(&token).await;

    // One that comes with its hash stands beside the other.
    let token = realm.docker_login("alice", "third").await;
    let mut db = connect().await;
    let sql = "select c.credential_data, convert_from(c.secret_data, 'UTF8') from credential c join realm r                on r.id = c.realm_id where r.name = $1 and c.type = 'password'";
    let (data, secret): (String, String) = sqlx::query_as(sql)
        .bind(&realm.name)
        .fetch_one(&mut db)
        .await
        .unwrap();
    let hashed = json!({ "type": "password", "credentialData": data, "secretData": secret });
    realm.alter(&user, json!({ "credentials": [hashed] })).await;
    realm.is_refused(&token).await;

    let token = realm.docker_login("alice", "third").await;
    let credentials = realm
        .admin
        .get(&realm.path(&format!("{user}/credentials")))
        .await
        .json;
    let id = credentials[0]["id"].as_str().unwrap();
    let label = realm.path(&format!("{user}/credentials/{id}/userLabel"));
    let label = format!("{}/admin/realms{label}", server().url);
    let master = login(&server().url, "master", "admin", "admin").await;
    let request = Client::new().put(&label).bearer_auth(master);
    let request = request.header("content-type", "text/plain").body("mine");
    assert_eq!(request.send().await.unwrap().status(), 204);
    realm.is_good(&token).await;
    let path = realm.path(&format!("{user}/credentials/{id}"));
    assert_eq!(realm.admin.delete(&path).await.status, 204);
    realm.is_refused(&token).await;
}

#[tokio::test]
async fn tokens_survive_another_password_where_the_realm_says_so() {
    let attributes = json!({ "attributes": { "dockerV2.passwordChangeEndsTokens": "false" } });
    let realm = Realm::with(attributes).await;
    let token = realm.docker_login("alice", "secret").await;
    let path = realm.user_path("/reset-password");
    realm
        .alter(&path, json!({ "type": "password", "value": "second" }))
        .await;
    realm.is_good(&token).await;
    let attributes = json!({ "attributes": { "dockerV2.passwordChangeEndsTokens": "true" } });
    realm.alter("", attributes).await;
    realm.is_good(&token).await;
    realm
        .alter(&path, json!({ "type": "password", "value": "third" }))
        .await;
    realm.is_refused(&token).await;
}

#[tokio::test]
async fn a_token_got_with_an_app_password_lives_and_ends_with_it() {
    let realm = Realm::new().await;
    let path = realm.path(&realm.user_path("/app-passwords"));
    let made = realm.admin.post(&path, json!({ "label": "laptop" })).await;
    assert_eq!(made.status, 201, "{}", made.json);
    let token = realm
        .docker_login("alice", made.json["value"].as_str().unwrap())
        .await;
    let change = json!({ "type": "password", "value": "second", "temporary": false });
    realm
        .alter(&realm.user_path("/reset-password"), change)
        .await;
    realm.is_good(&token).await;
    let id = made.json["id"].as_str().unwrap();
    let path = realm.path(&realm.user_path(&format!("/credentials/{id}")));
    assert_eq!(realm.admin.delete(&path).await.status, 204);
    realm.is_refused(&token).await;
    assert!(realm.identity_sessions().await.is_empty());
}

#[tokio::test]
async fn a_token_got_with_an_app_password_expires_with_it() {
    let realm = Realm::new().await;
    let path = realm.path(&realm.user_path("/app-passwords"));
    let expires = store::clock::now_ms() + 3_600_000;
    let made = realm
        .admin
        .post(&path, json!({ "label": "x", "expirationDate": expires }))
        .await;
    let token = realm
        .docker_login("alice", made.json["value"].as_str().unwrap())
        .await;
    realm.is_good(&token).await;
    let sql = "update credential c set credential_data = jsonb_set(credential_data::jsonb, '{expirationDate}', '1')::text                from realm r where r.id = c.realm_id and r.name = $1 and c.type = 'app-password'";
    let mut db = connect().await;
    sqlx::query(sql)
        .bind(&realm.name)
        .execute(&mut db)
        .await
        .unwrap();
    realm.is_refused(&token).await;
}

#[tokio::test]
async fn its_owner_sees_the_registry_on_the_account_page_and_ends_it_there() {
    let realm = with_app().await;
    let token = realm.docker_login("alice", "secret").await;
    let own = access(&realm, "alice").await;
    let listed = call(&realm.name, Method::GET, "/applications", &own, None).await;
    let listed = listed.json.as_array().unwrap().clone();
    let registry = listed.iter().find(|one| one["clientId"] == "reg").unwrap();
    assert_eq!(registry["offlineAccess"], true, "{registry}");
    let path = "/applications/reg/consent";
    let answer = call(&realm.name, Method::DELETE, path, &own, None).await;
    assert_eq!(answer.status, 204, "{}", answer.json);
    realm.is_refused(&token).await;
}

#[tokio::test]
async fn its_owner_ends_it_by_another_password_on_the_account_page() {
    let realm = Realm::new().await;
    let token = realm.docker_login("alice", "secret").await;
    let user = realm.user_path("");
    let change = json!({ "requiredActions": ["UPDATE_PASSWORD"] });
    realm.alter(&user, change).await;
    let mut browser = crate::browser::Browser::new();
    let url = format!("{}/realms/{}/account", server().url, realm.name);
    let page = browser.get(&url).await;
    let page = browser.follow(page).await;
    let name = [("username", "alice"), ("password", "secret")];
    let page = browser.submit(&page, &name).await;
    let page = browser.follow(page).await;
    let new = [
        ("password-new", "second"),
        ("password-confirm", "second"),
        ("logout-sessions", "on"),
    ];
    let done = browser.submit(&page, &new).await;
    assert_eq!(browser.follow(done).await.status, 200);
    realm
        .is_good(&realm.docker_login("alice", "second").await)
        .await;
    realm.is_refused(&token).await;
}

#[tokio::test]
async fn of_a_hundred_and_one_tokens_the_idlest_ends() {
    let realm = Realm::new().await;
    let first = realm.docker_login("alice", "secret").await;
    let second = realm.docker_login("alice", "secret").await;
    let sql = "insert into offline_session (realm_id, session_id, client_id, user_id, ip_address, started, client_started,                last_refresh, remember_me, notes, sso, token) select realm_id, 'more-' || n, client_id, user_id, ip_address,                started, client_started, last_refresh, remember_me, notes, sso, 'more-' || n from offline_session o                join realm r on r.id = o.realm_id cross join generate_series(1, 98) n where r.name = $1 and session_id = $2";
    let mut db = connect().await;
    let insert = sqlx::query(sql).bind(&realm.name).bind(session(&second));
    insert.execute(&mut db).await.unwrap();
    realm.let_pass(100).await;
    realm.is_good(&first).await;
    let third = realm.docker_login("alice", "secret").await;
    let fourth = realm.docker_login("alice", "secret").await;
    assert_eq!(realm.identity_sessions().await.len(), 100);
    for token in [&first, &third, &fourth] {
        realm.is_good(token).await;
    }
}
