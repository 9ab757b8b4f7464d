//! What introspection says of tokens of each kind (RFC 7662).

use serde_json::{Value, json};

use crate::apps::{APP, Apps, WEB};

const REFRESH: Option<&str> = Some("refresh_token");

fn inactive() -> Value {
    json!({ "active": false })
}

#[tokio::test]
async fn a_client_sees_its_own_refresh_and_id_tokens_and_nobody_elses() {
    let apps = Apps::new().await;
    for (scope, typ) in [("openid", "Refresh"), ("openid offline_access", "Offline")] {
        let (own, foreign) = (apps.login(WEB, scope).await, apps.login(APP, scope).await);
        let seen = apps.introspect(own.refresh(), REFRESH).await;
        for (name, value) in [
            ("active", json!(true)),
            ("token_type", json!(typ)),
            ("typ", json!(typ)),
            ("client_id", json!("web")),
            ("username", json!("alice")),
            ("sub", json!(apps.realm.alice)),
            ("sid", json!(own.session())),
            ("scope", own.claim("refresh_token", "scope")),
            ("exp", own.claim("refresh_token", "exp")),
            ("preferred_username", json!("alice")),
            ("aud", json!([own.claim("refresh_token", "iss"), "account"])),
        ] {
            assert_eq!(seen[name], value, "{name}");
        }
        let seen = apps.introspect(own.text("id_token"), None).await;
        assert_eq!(
            (&seen["active"], &seen["token_type"]),
            (&json!(true), &json!("ID"))
        );
        assert_eq!(seen["aud"], json!(["web", "account"]));
        for (token, hint) in [
            (own.refresh(), None),
            (own.access(), REFRESH),
            (own.text("id_token"), REFRESH),
            (foreign.refresh(), REFRESH),
            (foreign.text("id_token"), None),
            ("garbage", REFRESH),
        ] {
            assert_eq!(apps.introspect(token, hint).await, inactive());
        }
    }
}

#[tokio::test]
async fn a_token_says_what_the_mappers_would_let_it_say_now() {
    let apps = Apps::new().await;
    let before = apps.login(WEB, "openid").await;
    apps.name_web().await;
    assert_eq!(
        apps.introspect(before.access(), None).await,
        inactive(),
        "it was not for web"
    );
    let path = apps
        .realm
        .path(&format!("/clients/{}/protocol-mappers/models", apps.web));
    for (name, access, introspection) in [("told", "false", "true"), ("kept", "true", "false")] {
        let mapper = json!({
            "name": name, "protocol": "openid-connect", "protocolMapper": "oidc-hardcoded-claim-mapper",
            "config": {
                "claim.name": name, "claim.value": "x", "jsonType.label": "String", "access.token.claim": access,
                "introspection.token.claim": introspection,
            },
        });
        apps.realm.admin.create(&path, mapper).await;
    }
    let tokens = apps.login(WEB, "openid").await;
    assert_eq!(tokens.claim("access_token", "kept"), "x");
    let user = apps.realm.path(&format!("/users/{}", apps.realm.alice));
    let answer = apps
        .realm
        .admin
        .put(&user, json!({ "firstName": "Alicia" }))
        .await;
    assert_eq!(answer.status, 204);
    let seen = apps.introspect(tokens.access(), None).await;
    assert_eq!(
        (
            &seen["told"],
            &seen["kept"],
            &seen["given_name"],
            &seen["jti"]
        ),
        (
            &json!("x"),
            &Value::Null,
            &json!("Alicia"),
            &tokens.claim("access_token", "jti")
        )
    );
}

#[tokio::test]
async fn a_light_token_is_described_in_full_to_its_audience() {
    let apps = Apps::new().await;
    apps.name_web().await;
    let light = json!({ "client.use.lightweight.access.token.enabled": "true" });
    apps.set_client(&apps.web, light).await;
    let tokens = apps.login(WEB, "openid").await;
    let id = tokens.claim("access_token", "jti");
    assert!(id.as_str().unwrap().starts_with("onltro:"), "{id}");
    assert_eq!(tokens.claim("access_token", "email"), Value::Null);
    let seen = apps.introspect(tokens.access(), None).await;
    assert_eq!(
        (&seen["active"], &seen["aud"], &seen["email"]),
        (
            &json!(true),
            &json!(["web", "account"]),
            &json!("alice@example.test")
        )
    );
}

#[tokio::test]
async fn no_token_is_active_without_its_session_user_and_client() {
    let apps = Apps::new().await;
    apps.name_web().await;
    let user = format!("/users/{}", apps.realm.alice);
    let web = format!("/clients/{}", apps.web);
    let changes: [(&str, Value, Value); 4] = [
        (
            &user,
            json!({ "enabled": false }),
            json!({ "enabled": true }),
        ),
        (
            "",
            json!({ "notBefore": 2_000_000_000 }),
            json!({ "notBefore": 0 }),
        ),
        (
            &web,
            json!({ "notBefore": 2_000_000_000 }),
            json!({ "notBefore": 0 }),
        ),
        (
            "",
            json!({ "ssoSessionIdleTimeout": 1, "offlineSessionIdleTimeout": 1 }),
            json!({ "ssoSessionIdleTimeout": 1800 }),
        ),
    ];
    let tokens = apps.login(WEB, "openid").await;
    apps.age(10).await;
    let all = [
        (tokens.access(), None),
        (tokens.text("id_token"), None),
        (tokens.refresh(), REFRESH),
    ];
    let put = async |path: &str, change: &Value| {
        let answer = apps
            .realm
            .admin
            .put(&apps.realm.path(path), change.clone())
            .await;
        assert_eq!(answer.status, 204, "{path} {change}: {}", answer.json);
    };
    for (path, away, back) in &changes {
        put(path, away).await;
        for (token, hint) in all {
            assert_eq!(apps.introspect(token, hint).await, inactive(), "{away}");
        }
        put(path, back).await;
        for (token, hint) in all {
            assert_eq!(apps.introspect(token, hint).await["active"], true, "{back}");
        }
    }
    let path = apps.realm.path(&format!("/sessions/{}", tokens.session()));
    assert_eq!(apps.realm.admin.delete(&path).await.status, 204);
    for (token, hint) in all {
        assert_eq!(apps.introspect(token, hint).await, inactive());
    }
}

#[tokio::test]
async fn who_may_not_ask_is_told_so() {
    let apps = Apps::new().await;
    let refused = |text: &str| json!({ "error": "invalid_request", "error_description": text });
    let ask = async |client, form: &[(&str, &str)]| {
        let answer = apps.post("token/introspect", client, form).await;
        (answer.status, answer.json)
    };
    assert_eq!(
        ask(APP, &[("token", "x")]).await,
        (403, refused("Client not allowed."))
    );
    assert_eq!(ask(WEB, &[]).await, (400, refused("Token not provided.")));
    for hint in ["bogus", ""] {
        let form = [("token", "x"), ("token_type_hint", hint)];
        assert_eq!(
            ask(WEB, &form).await,
            (400, refused("Unsupported token type."))
        );
    }
    assert_eq!(ask(WEB, &[("token", "")]).await, (200, inactive()));
}

#[tokio::test]
async fn introspections_are_kept_as_events_only_where_a_realm_names_them() {
    let apps = Apps::with(json!({ "eventsEnabled": true })).await;
    let tokens = apps.login(WEB, "openid").await;
    let kinds = async || {
        let events = apps.realm.admin.get(&apps.realm.path("/events")).await.json;
        let kinds = events
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["type"].as_str().unwrap().to_owned());
        kinds.collect::<Vec<_>>()
    };
    apps.introspect(tokens.text("id_token"), None).await;
    assert_eq!(kinds().await, ["LOGIN"]);
    let named = json!({ "enabledEventTypes": ["INTROSPECT_TOKEN", "INTROSPECT_TOKEN_ERROR"] });
    apps.set(named).await;
    apps.introspect(tokens.text("id_token"), None).await;
    apps.introspect("garbage", None).await;
    assert_eq!(
        kinds().await,
        ["INTROSPECT_TOKEN_ERROR", "INTROSPECT_TOKEN", "LOGIN"]
    );
}

#[tokio::test]
async fn a_token_of_another_realm_is_active_at_none_but_its_own() {
    let (one, other) = (Apps::new().await, Apps::new().await);
    for scope in ["openid", "openid offline_access"] {
        let tokens = one.login(WEB, scope).await;
        for (token, hint) in [
            (tokens.access(), None),
            (tokens.text("id_token"), None),
            (tokens.refresh(), REFRESH),
        ] {
            assert_eq!(other.introspect(token, hint).await, inactive());
        }
        assert_eq!(
            one.introspect(tokens.text("id_token"), None).await["active"],
            true
        );
        other
            .is_refused(WEB, tokens.refresh(), "Invalid refresh token")
            .await;
        assert_eq!(
            other.userinfo(tokens.access()).await,
            "Token verification failed"
        );
        let answer = other
            .post("revoke", WEB, &[("token", tokens.refresh())])
            .await;
        assert_eq!(answer.json["error"], "invalid_token");
        one.refreshed(WEB, tokens.refresh()).await;
    }
}
