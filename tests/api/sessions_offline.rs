//! Sessions that go on when the user has gone (scope `offline_access`).

use serde_json::{Value, json};

use crate::apps::{APP, Apps, WEB};
use crate::browser::{Browser, parameter, redeem};
use crate::support::Admin;

const OFFLINE: &str = "openid offline_access";

#[tokio::test]
async fn an_offline_token_has_no_end_and_outlives_the_session() {
    let apps = Apps::new().await;
    let tokens = apps.login(APP, OFFLINE).await;
    assert_eq!(tokens.json["refresh_expires_in"], 0);
    assert_eq!(tokens.json["scope"], "openid profile email offline_access");
    assert_eq!(tokens.claim("refresh_token", "typ"), "Offline");
    assert_eq!(tokens.claim("refresh_token", "exp"), Value::Null);
    let id = tokens.claim("access_token", "jti");
    assert!(id.as_str().unwrap().starts_with("ofrtro:"), "{id}");

    assert!(
        apps.sessions().await.is_empty(),
        "it began for nothing else"
    );
    let listed = apps.offline_sessions(&apps.app).await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["id"], tokens.session());
    assert_eq!(listed[0]["clients"], json!({ &apps.app: "app" }));

    let again = apps.refreshed(APP, tokens.refresh()).await;
    assert_eq!(again.json["refresh_expires_in"], 0);
    assert_eq!(again.claim("refresh_token", "typ"), "Offline");
    let id = again.claim("access_token", "jti");
    assert!(id.as_str().unwrap().starts_with("ofrtrt:"), "{id}");
    assert_eq!(apps.userinfo(again.access()).await, "200");

    // It is good for refreshing and for nothing else.
    assert_eq!(
        apps.userinfo(again.refresh()).await,
        "Token verification failed"
    );
    let bearer = Admin::with_token(again.refresh());
    assert_eq!(bearer.get(&apps.realm.path("")).await.status, 401);
}

#[tokio::test]
async fn tokens_of_an_ended_session_are_worth_nothing_but_offline_ones_are() {
    let apps = Apps::new().await;
    apps.name_web().await;
    let mut window = Browser::new();
    let mut enter = async |scope: &str| {
        let query = format!("&scope={}", scope.replace(' ', "+"));
        let page = window
            .get(&crate::browser::auth_url(&apps.realm.name, &query))
            .await;
        let answer = match page.status {
            302 => page,
            _ => {
                window
                    .submit(&page, &[("username", "alice"), ("password", "secret")])
                    .await
            }
        };
        let code = parameter(&answer, "code").unwrap();
        let answer = redeem(&apps.realm.name, &code, &[]).await;
        crate::apps::Tokens { json: answer.json }
    };
    let online = enter("openid").await;
    let offline = enter(OFFLINE).await;
    assert_eq!(online.session(), offline.session(), "one sign-in");
    let id = offline.claim("access_token", "jti");
    assert!(id.as_str().unwrap().starts_with("ofrtac:"), "{id}");
    assert_eq!(apps.sessions().await.len(), 1);

    let path = apps.realm.path(&format!("/sessions/{}", online.session()));
    assert_eq!(apps.realm.admin.delete(&path).await.status, 204);
    assert_eq!(
        apps.userinfo(online.access()).await,
        "user_session_not_found"
    );
    apps.is_refused(APP, online.refresh(), "Session not active")
        .await;
    assert_eq!(apps.userinfo(offline.access()).await, "200");
    apps.refreshed(APP, offline.refresh()).await;

    assert_eq!(apps.realm.admin.delete(&path).await.status, 404);
    let path = format!("{path}?isOffline=true");
    assert_eq!(apps.realm.admin.delete(&path).await.status, 204);
    let answer = apps.realm.admin.delete(&path).await;
    assert_eq!(
        (answer.status, answer.json),
        (404, json!({ "error": "Sesssion not found" }))
    );
    assert_eq!(
        apps.userinfo(offline.access()).await,
        "user_session_not_found"
    );
    apps.is_refused(APP, offline.refresh(), "Offline user session not found")
        .await;
}

#[tokio::test]
async fn an_offline_token_of_an_administrator_opens_the_admin_api() {
    let apps = Apps::new().await;
    apps.realm.administrator("boss", &["view-users"]).await;
    let form = [
        ("grant_type", "password"),
        ("username", "boss"),
        ("password", "secret"),
        ("scope", OFFLINE),
    ];
    let tokens = apps.token(APP, &form).await.json;
    let admin = Admin::with_token(tokens["access_token"].as_str().unwrap());
    let users = apps.realm.path("/users");
    assert_eq!(admin.get(&users).await.status, 200);
    let out = apps.realm.path("/logout-all");
    assert_eq!(apps.realm.admin.post(&out, json!({})).await.status, 200);
    assert_eq!(
        admin.get(&users).await.status,
        401,
        "that ends offline ones, too"
    );
}

#[tokio::test]
async fn who_may_not_have_offline_access_gets_no_session_at_all() {
    let apps = Apps::new().await;
    let tokens = apps.login(APP, OFFLINE).await;
    let (admin, realm) = (&apps.realm.admin, &apps.realm);
    let role = admin.get(&realm.path("/roles/offline_access")).await.json;
    let default = realm.path(&format!("/roles/default-roles-{}/composites", realm.name));
    let taken = admin
        .call(reqwest::Method::DELETE, &default, Some(json!([role])))
        .await;
    assert_eq!(taken.status, 204, "{}", taken.json);

    let text = "Offline tokens not allowed for the user or client";
    let answer = apps.ask(APP, OFFLINE).await;
    let expected = json!({ "error": "not_allowed", "error_description": text });
    assert_eq!((answer.status, answer.json), (400, expected));
    assert!(apps.sessions().await.is_empty());
    let text = "Offline session invalid because offline access not granted anymore";
    apps.is_refused(APP, tokens.refresh(), text).await;
    assert_eq!(admin.post(&default, json!([role])).await.status, 204);
    apps.refreshed(APP, tokens.refresh()).await;

    let scopes = admin.get(&realm.path("/client-scopes")).await.json;
    let mut scopes = scopes.as_array().unwrap().iter();
    let scope = scopes
        .find(|scope| scope["name"] == "offline_access")
        .unwrap();
    let path = format!(
        "/clients/{}/optional-client-scopes/{}",
        apps.app,
        scope["id"].as_str().unwrap()
    );
    assert_eq!(admin.delete(&realm.path(&path)).await.status, 204);
    assert_eq!(apps.ask(APP, OFFLINE).await.json["error"], "invalid_scope");
    apps.is_refused(APP, tokens.refresh(), text).await;
}

#[tokio::test]
async fn offline_sessions_are_listed_and_counted_by_user_and_by_client() {
    let apps = Apps::new().await;
    let (first, second) = (
        apps.login(WEB, OFFLINE).await,
        apps.login(WEB, OFFLINE).await,
    );
    apps.login(WEB, "openid").await;
    let get = async |path: &str| {
        let answer = apps.realm.admin.get(&apps.realm.path(path)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.json);
        answer.json
    };
    let web = format!("/clients/{}", apps.web);
    assert_eq!(
        get(&format!("{web}/offline-session-count")).await,
        json!({ "count": 2 })
    );
    assert_eq!(
        get(&format!("{web}/session-count")).await,
        json!({ "count": 1 })
    );
    let listed = get(&format!("{web}/offline-sessions")).await;
    let mut ids: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["id"])
        .collect();
    ids.sort_by_key(|id| id.to_string());
    let mut expected = [first.session(), second.session()];
    expected.sort_unstable();
    assert_eq!(ids, expected);
    let page = get(&format!("{web}/offline-sessions?first=1&max=5")).await;
    assert_eq!(page.as_array().unwrap().len(), 1);
    assert_eq!(apps.offline_sessions(&apps.app).await, [] as [Value; 0]);
    let stats = get("/client-session-stats").await;
    assert_eq!(
        stats,
        json!([{ "id": apps.web, "clientId": "web", "active": "1", "offline": "2" }])
    );
    let found = async |query: &str| {
        let found = get(&format!("/ui-ext/sessions?first=0&max=10{query}")).await;
        let kinds = found
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["type"].as_str().unwrap().to_owned());
        kinds.collect::<Vec<_>>()
    };
    assert_eq!(found("").await, ["REGULAR", "OFFLINE", "OFFLINE"]);
    assert_eq!(
        found("&type=OFFLINE&search=ali").await,
        ["OFFLINE", "OFFLINE"]
    );
    assert_eq!(found("&type=OFFLINE&search=nobody").await, [] as [&str; 0]);
    assert_eq!(found("&type=REGULAR").await, ["REGULAR"]);

    let missing = format!("/users/{}/offline-sessions/web", apps.realm.alice);
    let answer = apps.realm.admin.get(&apps.realm.path(&missing)).await;
    assert_eq!(
        (answer.status, answer.json),
        (404, json!({ "error": "Client not found" }))
    );
}

#[tokio::test]
async fn logging_out_ends_the_offline_session_whose_token_is_given() {
    let apps = Apps::new().await;
    let (kept, ended) = (
        apps.login(WEB, OFFLINE).await,
        apps.login(WEB, OFFLINE).await,
    );
    for _ in 0..2 {
        let form = [("refresh_token", ended.refresh())];
        assert_eq!(apps.post("logout", WEB, &form).await.status, 204);
    }
    assert_eq!(
        apps.userinfo(ended.access()).await,
        "user_session_not_found"
    );
    apps.is_refused(WEB, ended.refresh(), "Offline user session not found")
        .await;
    apps.refreshed(WEB, kept.refresh()).await;
}

#[tokio::test]
async fn a_disabled_users_offline_session_waits_and_a_deleted_users_is_gone() {
    let apps = Apps::new().await;
    let tokens = apps.login(APP, OFFLINE).await;
    let path = apps.realm.path(&format!("/users/{}", apps.realm.alice));
    let enable = async |enabled: bool| {
        let answer = apps
            .realm
            .admin
            .put(&path, json!({ "enabled": enabled }))
            .await;
        assert_eq!(answer.status, 204);
    };
    enable(false).await;
    apps.is_refused(APP, tokens.refresh(), "User disabled")
        .await;
    assert_eq!(apps.userinfo(tokens.access()).await, "User disabled");
    enable(true).await;
    apps.refreshed(APP, tokens.refresh()).await;
    assert_eq!(apps.realm.admin.delete(&path).await.status, 204);
    apps.is_refused(APP, tokens.refresh(), "Offline user session not found")
        .await;
    assert_eq!(
        apps.userinfo(tokens.access()).await,
        "user_session_not_found"
    );
}

#[tokio::test]
async fn an_offline_session_ends_by_its_own_limits() {
    let apps =
        Apps::with(json!({ "ssoSessionMaxLifespan": 100, "ssoSessionIdleTimeout": 100 })).await;
    let tokens = apps.login(APP, OFFLINE).await;
    apps.age(2_591_000).await;
    let tokens = apps.refreshed(APP, tokens.refresh()).await;
    apps.age(2_592_000).await;
    apps.is_refused(APP, tokens.refresh(), "Offline session not active")
        .await;
    assert_eq!(
        apps.userinfo(tokens.access()).await,
        "user_session_not_found"
    );
    assert!(apps.offline_sessions(&apps.app).await.is_empty());

    apps.set(
        json!({ "offlineSessionMaxLifespanEnabled": true, "offlineSessionMaxLifespan": 4000 }),
    )
    .await;
    let tokens = apps.login(APP, OFFLINE).await;
    assert_eq!(tokens.json["refresh_expires_in"], 4000);
    apps.age(3000).await;
    let tokens = apps.refreshed(APP, tokens.refresh()).await;
    let left = tokens.json["refresh_expires_in"].as_i64().unwrap();
    assert!((990..=1000).contains(&left), "{left}");

    apps.set_client(
        &apps.app,
        json!({ "client.offline.session.idle.timeout": "60" }),
    )
    .await;
    let tokens = apps.login(APP, OFFLINE).await;
    assert_eq!(tokens.json["refresh_expires_in"], 60);
    apps.age(60).await;
    apps.is_refused(APP, tokens.refresh(), "Client session not active")
        .await;
}
