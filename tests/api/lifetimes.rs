//! How long tokens and sessions last, and the setting that moves each.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::apps::{APP, Apps, Tokens, WEB};
use crate::browser::{Browser, action, app, auth_url};
use crate::forge;
use crate::support::{Realm, claims};

fn lasts(tokens: &Tokens, token: &str) -> i64 {
    let time = |name| tokens.claim(token, name).as_i64().unwrap();
    time("exp") - time("iat")
}

/// Settings of the realm, attributes of the client, and how long the access and the refresh token last then.
type Case = (Value, Value, i64, i64);

#[tokio::test]
async fn each_setting_moves_its_lifetime_and_nothing_outlives_its_session() {
    let none = || json!({});
    let cases: Vec<Case> = vec![
        (none(), none(), 300, 1800),
        (json!({ "accessTokenLifespan": 120 }), none(), 120, 1800),
        (json!({ "accessTokenLifespan": 7200 }), none(), 7200, 1800),
        (json!({ "ssoSessionIdleTimeout": 600 }), none(), 300, 600),
        (json!({ "ssoSessionMaxLifespan": 400 }), none(), 300, 400),
        (json!({ "ssoSessionMaxLifespan": 200 }), none(), 200, 200),
        (json!({ "clientSessionIdleTimeout": 500 }), none(), 300, 500),
        (json!({ "clientSessionMaxLifespan": 450 }), none(), 300, 450),
        (json!({ "clientSessionMaxLifespan": 200 }), none(), 200, 200),
        (
            json!({ "ssoSessionMaxLifespanRememberMe": 100, "ssoSessionIdleTimeoutRememberMe": 100 }),
            none(),
            300,
            1800,
        ),
        (none(), json!({ "access.token.lifespan": "150" }), 150, 1800),
        (
            none(),
            json!({ "access.token.lifespan": "-1" }),
            36000,
            1800,
        ),
        (
            none(),
            json!({ "access.token.lifespan": "soon" }),
            300,
            1800,
        ),
        (
            none(),
            json!({ "client.session.idle.timeout": "700" }),
            300,
            700,
        ),
        (
            json!({ "clientSessionIdleTimeout": 200 }),
            json!({ "client.session.idle.timeout": "0" }),
            300,
            200,
        ),
        (
            none(),
            json!({ "client.session.max.lifespan": "100" }),
            100,
            100,
        ),
        (
            json!({ "clientSessionMaxLifespan": 200 }),
            json!({ "client.session.max.lifespan": "1000", "access.token.lifespan": "-1" }),
            1000,
            1000,
        ),
    ];
    for (settings, attributes, access, refresh) in cases {
        let apps = Apps::with(settings.clone()).await;
        apps.set_client(&apps.web, attributes.clone()).await;
        let tokens = apps.login(WEB, "openid").await;
        let seen = (
            lasts(&tokens, "access_token"),
            lasts(&tokens, "id_token"),
            lasts(&tokens, "refresh_token"),
        );
        assert_eq!(seen, (access, access, refresh), "{settings} {attributes}");
        assert_eq!(tokens.json["expires_in"], access);
        assert_eq!(tokens.json["refresh_expires_in"], refresh);
    }
}

#[tokio::test]
async fn a_refreshed_token_lasts_no_longer_than_what_is_left_of_the_session() {
    let apps = Apps::with(json!({ "ssoSessionMaxLifespan": 2000 })).await;
    let tokens = apps.login(APP, "openid").await;
    apps.age(1700).await;
    let tokens = apps.refreshed(APP, tokens.refresh()).await;
    for token in ["access_token", "refresh_token"] {
        let left = lasts(&tokens, token);
        assert!((290..=300).contains(&left), "{token} {left}");
    }
    apps.age(300).await;
    apps.is_refused(APP, tokens.refresh(), "Session not active")
        .await;
}

#[tokio::test]
async fn a_session_past_its_limits_is_dead_before_it_is_swept() {
    let apps = Apps::new().await;
    apps.name_web().await;
    let cases: [(Value, &str); 4] = [
        (json!({ "ssoSessionIdleTimeout": 50 }), "Session not active"),
        (json!({ "ssoSessionMaxLifespan": 50 }), "Session not active"),
        (
            json!({ "clientSessionIdleTimeout": 50 }),
            "Client session not active",
        ),
        (
            json!({ "clientSessionMaxLifespan": 50 }),
            "Client session not active",
        ),
    ];
    for (settings, text) in cases {
        let tokens = apps.login(WEB, "openid").await;
        apps.age(50).await;
        assert_eq!(apps.userinfo(tokens.access()).await, "200");
        apps.set(settings.clone()).await;
        assert_eq!(
            apps.userinfo(tokens.access()).await,
            "user_session_not_found",
            "{settings}"
        );
        assert_eq!(
            apps.introspect(tokens.access(), None).await["active"],
            false,
            "{settings}"
        );
        apps.is_refused(WEB, tokens.refresh(), text).await;
        let listed = apps.sessions().await;
        assert_eq!(
            listed.is_empty(),
            text == "Session not active",
            "{settings}: {listed:?}"
        );
        let back = json!({
            "ssoSessionIdleTimeout": 1800, "ssoSessionMaxLifespan": 36000, "clientSessionIdleTimeout": 0,
            "clientSessionMaxLifespan": 0,
        });
        apps.set(back).await;
        apps.sign_out().await;
        apps.set(json!({ "notBefore": 0 })).await;
    }
}

#[tokio::test]
async fn a_client_that_goes_on_keeps_its_part_in_the_session() {
    let apps = Apps::with(json!({ "clientSessionIdleTimeout": 100 })).await;
    let mut tokens = apps.login(APP, "openid").await;
    for _ in 0..3 {
        apps.age(90).await;
        tokens = apps.refreshed(APP, tokens.refresh()).await;
    }
    apps.age(100).await;
    apps.is_refused(APP, tokens.refresh(), "Client session not active")
        .await;
}

#[tokio::test]
async fn who_asked_to_be_remembered_is_remembered_for_longer_while_anybody_is() {
    let settings = json!({
        "rememberMe": true, "ssoSessionIdleTimeoutRememberMe": 7200, "ssoSessionMaxLifespanRememberMe": 90000,
    });
    let apps = Apps::with(settings).await;
    let mut window = crate::browser::Browser::new();
    let page = window
        .get(&crate::browser::auth_url(&apps.realm.name, "&scope=openid"))
        .await;
    let form = [
        ("username", "alice"),
        ("password", "secret"),
        ("rememberMe", "on"),
    ];
    let answer = window.submit(&page, &form).await;
    let code = crate::browser::parameter(&answer, "code").unwrap();
    let answer = crate::browser::redeem(&apps.realm.name, &code, &[]).await;
    let tokens = Tokens { json: answer.json };
    assert_eq!(tokens.json["refresh_expires_in"], 7200);
    apps.age(7000).await;
    assert_eq!(apps.userinfo(tokens.access()).await, "200");
    let tokens = apps.refreshed(APP, tokens.refresh()).await;
    apps.set(json!({ "rememberMe": false })).await;
    assert_ne!(apps.userinfo(tokens.access()).await, "200");
    apps.is_refused(APP, tokens.refresh(), "Session not active")
        .await;
}

#[tokio::test]
async fn a_client_without_refresh_tokens_gets_none() {
    let apps = Apps::new().await;
    apps.set_client(&apps.app, json!({ "use.refresh.tokens": "false" }))
        .await;
    for scope in ["openid", "openid offline_access"] {
        let tokens = apps.login(APP, scope).await;
        assert_eq!(tokens.json["refresh_expires_in"], 0);
        assert_eq!(tokens.json.get("refresh_token"), None);
        assert_eq!(apps.userinfo(tokens.access()).await, "200");
    }
}

#[tokio::test]
async fn a_service_account_may_have_a_session_and_refresh_tokens() {
    let apps = Apps::new().await;
    let form = [("grant_type", "client_credentials"), ("scope", "openid")];
    let plain = Tokens {
        json: apps.token(WEB, &form).await.json,
    };
    assert_eq!(plain.json.get("refresh_token"), None);
    assert_eq!(plain.json.get("session_state"), None);
    let id = plain.claim("access_token", "jti");
    assert!(id.as_str().unwrap().starts_with("trrtcc:"), "{id}");

    let attributes = json!({ "client_credentials.use_refresh_token": "true" });
    apps.set_client(&apps.web, attributes).await;
    let tokens = Tokens {
        json: apps.token(WEB, &form).await.json,
    };
    let id = tokens.claim("access_token", "jti");
    assert!(id.as_str().unwrap().starts_with("onrtcc:"), "{id}");
    assert_eq!(tokens.json["refresh_expires_in"], 1800);
    let again = apps.refreshed(WEB, tokens.refresh()).await;
    for tokens in [&tokens, &again] {
        assert_eq!(tokens.claim("access_token", "client_id"), "web");
        assert_eq!(tokens.claim("access_token", "clientAddress"), "127.0.0.1");
    }
    let offline = [
        ("grant_type", "client_credentials"),
        ("scope", "openid offline_access"),
    ];
    let offline = Tokens {
        json: apps.token(WEB, &offline).await.json,
    };
    assert_eq!(offline.claim("refresh_token", "typ"), "Offline");
    apps.refreshed(WEB, offline.refresh()).await;
}

#[tokio::test]
async fn a_login_is_begun_again_for_a_day_after_its_end_and_no_longer() {
    let key = [7; 32];
    let config = json!({ "algorithm": ["HS256"], "kid": ["known"], "secret": [URL_SAFE_NO_PAD.encode(key)] });
    let realm = Realm::with(json!({
        "accessCodeLifespanLogin": 600,
        "components": { "org.keycloak.keys.KeyProvider": [
            { "name": "known", "providerId": "hmac-generated", "config": config }
        ] }
    }))
    .await;
    app(&realm, json!({})).await;
    let mut browser = Browser::new();
    let page = browser.get(&auth_url(&realm.name, "")).await;
    let restart = browser.cookies["KC_RESTART"].clone();
    let own = claims(&restart);
    let ahead = own["exp"].as_i64().unwrap() - store::clock::now();
    assert!((86_900..=87_000).contains(&ahead), "{ahead}");

    let header = json!({ "alg": "HS256", "kid": "known" });
    let ending = |exp: Value| {
        let mut changed = own.clone();
        changed["exp"] = exp;
        forge::mac(&header, &changed.to_string(), &key)
    };
    let now = store::clock::now();
    for (cookie, good) in [
        (restart, true),
        (ending(json!(now + 100)), true),
        (ending(json!(now - 1)), false),
        (ending(Value::Null), false),
    ] {
        browser.cookies.clear();
        browser.cookies.insert("KC_RESTART".to_owned(), cookie);
        let answer = browser.post(&action(&page), &[("username", "alice")]).await;
        assert_eq!(
            answer.status == 400,
            !good,
            "{}: {}",
            answer.status,
            answer.text
        );
    }
}
