//! Tokens that a client gives back (RFC 7009).

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::apps::{APP, Apps, WEB};
use crate::rows;
use crate::support::{Admin, Answer, login, server};

fn seen(answer: &Answer) -> (u16, &Value) {
    (answer.status, &answer.json)
}

fn error(code: &str, text: &str) -> Value {
    json!({ "error": code, "error_description": text })
}

#[tokio::test]
async fn a_revoked_access_token_is_worth_nothing_and_its_refresh_token_goes_on() {
    let apps = Apps::new().await;
    apps.name_web().await;
    let (revoked, other) = (
        apps.login(WEB, "openid").await,
        apps.login(WEB, "openid").await,
    );
    assert_eq!(
        apps.introspect(revoked.access(), None).await["active"],
        true
    );
    for _ in 0..2 {
        let answer = apps
            .post("revoke", WEB, &[("token", revoked.access())])
            .await;
        assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    }
    assert_eq!(
        apps.introspect(revoked.access(), None).await,
        json!({ "active": false })
    );
    assert_eq!(
        apps.userinfo(revoked.access()).await,
        "Token verification failed"
    );
    assert_eq!(apps.userinfo(other.access()).await, "200");
    let again = apps.refreshed(WEB, revoked.refresh()).await;
    assert_eq!(apps.userinfo(again.access()).await, "200");
}

#[tokio::test]
async fn a_revoked_access_token_does_not_open_the_admin_api() {
    let apps = Apps::new().await;
    apps.realm.administrator("boss", &["view-users"]).await;
    let access = login(&server().url, &apps.realm.name, "boss", "secret").await;
    let (boss, users) = (Admin::with_token(&access), apps.realm.path("/users"));
    assert_eq!(boss.get(&users).await.status, 200);
    let client = &[("client_id", "admin-cli")];
    let answer = apps.post("revoke", client, &[("token", &access)]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(boss.get(&users).await.status, 401);
}

#[tokio::test]
async fn a_revoked_refresh_token_ends_the_clients_part_in_the_session() {
    let apps = Apps::new().await;
    for scope in ["openid", "openid offline_access"] {
        let (revoked, other) = (apps.login(WEB, scope).await, apps.login(WEB, scope).await);
        let answer = apps
            .post("revoke", WEB, &[("token", revoked.refresh())])
            .await;
        assert_eq!((answer.status, answer.text.as_str()), (200, ""));
        assert_eq!(
            apps.userinfo(revoked.access()).await,
            "user_session_not_found"
        );
        assert_eq!(apps.refresh(WEB, revoked.refresh()).await.status, 400);
        assert_eq!(apps.userinfo(other.access()).await, "200");
        apps.refreshed(WEB, other.refresh()).await;
        for token in [revoked.refresh(), revoked.access()] {
            let answer = apps.post("revoke", WEB, &[("token", token)]).await;
            assert_eq!(
                seen(&answer),
                (200, &error("invalid_token", "Invalid token"))
            );
        }
    }
    let listed = apps.sessions().await;
    assert_eq!(
        listed.len(),
        1,
        "the session ends with its last client: {listed:?}"
    );
}

#[tokio::test]
async fn a_service_accounts_token_can_be_revoked() {
    let apps = Apps::new().await;
    let form = [("grant_type", "client_credentials"), ("scope", "openid")];
    let answer = apps.token(WEB, &form).await.json;
    let access = answer["access_token"].as_str().unwrap();
    assert_eq!(apps.userinfo(access).await, "200");
    assert_eq!(
        apps.post("revoke", WEB, &[("token", access)]).await.status,
        200
    );
    assert_eq!(apps.userinfo(access).await, "Token verification failed");
}

#[tokio::test]
async fn what_cannot_be_revoked_is_refused_in_keycloaks_words() {
    let apps = Apps::new().await;
    let (own, foreign) = (
        apps.login(WEB, "openid").await,
        apps.login(APP, "openid").await,
    );
    let before = rows::snapshot(&apps.realm.name).await;
    type Case<'a> = (&'a [(&'a str, &'a str)], u16, Value);
    let cases: [Case<'_>; 7] = [
        (&[], 400, error("invalid_request", "Token not provided")),
        (
            &[("token", "garbage")],
            200,
            error("invalid_token", "Invalid token"),
        ),
        (
            &[("token", "")],
            200,
            error("invalid_token", "Invalid token"),
        ),
        (
            &[("token", own.text("id_token"))],
            400,
            error("unsupported_token_type", "Unsupported token type"),
        ),
        (
            &[("token", foreign.access())],
            400,
            error("invalid_request", "Unmatching clients"),
        ),
        (
            &[("token", foreign.refresh())],
            400,
            error("invalid_request", "Unmatching clients"),
        ),
        (
            &[("token", "a"), ("token", "b")],
            400,
            error("invalid_request", "duplicated parameter"),
        ),
    ];
    for (form, status, body) in &cases {
        let answer = apps.post("revoke", WEB, form).await;
        assert_eq!(seen(&answer), (*status, body), "{form:?}");
    }
    let answer = apps.post("revoke", &[], &[("token", own.access())]).await;
    let text = "Invalid client or Invalid client credentials";
    assert_eq!(seen(&answer), (401, &error("invalid_client", text)));
    let wrong = &[("client_id", "web"), ("client_secret", "no")];
    let answer = apps.post("revoke", wrong, &[("token", own.access())]).await;
    assert_eq!(seen(&answer), (401, &error("unauthorized_client", text)));
    let answer = Answer::read(Client::new().get(apps.url("revoke")).send().await.unwrap()).await;
    assert_eq!(
        seen(&answer),
        (405, &json!({ "error": "HTTP 405 Method Not Allowed" }))
    );
    assert_eq!(rows::snapshot(&apps.realm.name).await, before);
    for tokens in [&own, &foreign] {
        assert_eq!(apps.userinfo(tokens.access()).await, "200");
    }
}

#[tokio::test]
async fn pages_of_the_clients_origins_may_revoke_and_others_may_not() {
    let apps = Apps::new().await;
    let send = async |origin: &str, token: &str| {
        let form = [
            ("client_id", "web"),
            ("client_secret", "s3"),
            ("token", token),
        ];
        let request = Client::new()
            .post(apps.url("revoke"))
            .header("Origin", origin);
        Answer::read(request.form(&form).send().await.unwrap()).await
    };
    let tokens = apps.login(WEB, "openid").await;
    let answer = send("http://evil.test", tokens.access()).await;
    assert_eq!(seen(&answer), (403, &json!({ "error": "Invalid origin" })));
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
    assert_eq!(apps.userinfo(tokens.access()).await, "200");
    let answer = send("http://web.test", tokens.access()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.headers["access-control-allow-origin"],
        "http://web.test"
    );
    let request = Client::new().request(Method::OPTIONS, apps.url("revoke"));
    let answer = Answer::read(
        request
            .header("Origin", "http://evil.test")
            .send()
            .await
            .unwrap(),
    )
    .await;
    assert_eq!(
        answer.headers["access-control-allow-methods"],
        "POST, OPTIONS"
    );
}

#[tokio::test]
async fn revocations_are_told_in_events() {
    let apps = Apps::with(json!({ "eventsEnabled": true })).await;
    let tokens = apps.login(WEB, "openid").await;
    for token in ["garbage", tokens.access(), tokens.refresh()] {
        apps.post("revoke", WEB, &[("token", token)]).await;
    }
    let path = apps
        .realm
        .path("/events?type=REVOKE_GRANT&type=REVOKE_GRANT_ERROR");
    let events = apps.realm.admin.get(&path).await.json;
    let method = ("client_auth_method", json!("client-secret"));
    let details = |more: &[(&str, Value)]| {
        let all = more.iter().cloned().chain([method.clone()]);
        Value::Object(all.map(|(name, value)| (name.to_owned(), value)).collect())
    };
    let expected = [
        (
            "REVOKE_GRANT",
            json!(tokens.session()),
            Value::Null,
            details(&[
                ("refresh_token_id", tokens.claim("refresh_token", "jti")),
                ("refresh_token_type", json!("Refresh")),
                ("revoked_client", json!("web")),
            ]),
        ),
        (
            "REVOKE_GRANT",
            Value::Null,
            Value::Null,
            details(&[("token_id", tokens.claim("access_token", "jti"))]),
        ),
        (
            "REVOKE_GRANT_ERROR",
            Value::Null,
            json!("invalid_token"),
            details(&[]),
        ),
    ];
    for (event, (kind, session, error, details)) in events.as_array().unwrap().iter().zip(expected)
    {
        let seen = (
            &event["type"],
            &event["sessionId"],
            &event["error"],
            &event["details"],
        );
        assert_eq!(seen, (&json!(kind), &session, &error, &details));
        assert_eq!(event["clientId"], "web");
    }
}
