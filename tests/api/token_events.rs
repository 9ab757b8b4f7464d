//! What is recorded of token requests: types, errors and details are Keycloak's.

use serde_json::{Value, json};

use crate::browser::{CALLBACK, app};
use crate::support::{Answer, Realm, claims, server, token};

const TYPES: [&str; 14] = [
    "LOGIN",
    "LOGIN_ERROR",
    "CLIENT_LOGIN",
    "CLIENT_LOGIN_ERROR",
    "CODE_TO_TOKEN",
    "CODE_TO_TOKEN_ERROR",
    "REFRESH_TOKEN",
    "REFRESH_TOKEN_ERROR",
    "INTROSPECT_TOKEN",
    "INTROSPECT_TOKEN_ERROR",
    "REVOKE_GRANT",
    "REVOKE_GRANT_ERROR",
    "USER_INFO_REQUEST",
    "USER_INFO_REQUEST_ERROR",
];

/// A realm that keeps all of these, with clients `app` (public), `c` (secret `s`), `off`, `bo`, `consent` and `none`.
pub async fn realm() -> Realm {
    let realm = Realm::with(json!({ "eventsEnabled": true, "enabledEventTypes": TYPES })).await;
    app(&realm, json!({})).await;
    for (name, more) in [
        (
            "c",
            json!({ "serviceAccountsEnabled": true, "redirectUris": [CALLBACK] }),
        ),
        ("off", json!({ "enabled": false })),
        ("bo", json!({ "bearerOnly": true })),
        ("consent", json!({ "consentRequired": true })),
        ("none", json!({ "directAccessGrantsEnabled": false })),
    ] {
        let mut rep = json!({ "clientId": name, "secret": "s", "directAccessGrantsEnabled": true });
        rep.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        realm.admin.create(&realm.path("/clients"), rep).await;
    }
    realm
}

/// Sends a token request; its answer, and the event that it left.
pub async fn told(realm: &Realm, form: &[(&str, &str)]) -> (Answer, Option<Value>) {
    let path = realm.path("/events");
    assert_eq!(realm.admin.delete(&path).await.status, 204);
    let answer = token(&server().url, &realm.name, form).await;
    let events = realm.admin.get(&path).await.json;
    let events = events.as_array().unwrap();
    assert!(events.len() < 2, "{events:?}");
    (answer, events.first().cloned())
}

/// The request is refused, and left this event, which is given back: type, client, error and details.
pub async fn refused(
    realm: &Realm,
    form: &[(&str, &str)],
    kind: &str,
    client: Value,
    error: &str,
    details: Value,
) -> Value {
    let (answer, event) = told(realm, form).await;
    assert!(
        (400..500).contains(&answer.status),
        "{form:?}: {}",
        answer.json
    );
    let event = event.unwrap_or_else(|| panic!("{form:?} left no event"));
    assert_eq!(
        (
            &event["type"],
            &event["clientId"],
            &event["error"],
            &event["details"]
        ),
        (&json!(kind), &client, &json!(error), &details),
        "{form:?}"
    );
    event
}

#[tokio::test]
async fn a_client_that_is_not_let_in_leaves_an_event_of_its_grant() {
    let realm = realm().await;
    for (grant, kind) in [
        ("password", "LOGIN_ERROR"),
        ("client_credentials", "CLIENT_LOGIN_ERROR"),
        ("authorization_code", "CODE_TO_TOKEN_ERROR"),
        ("refresh_token", "REFRESH_TOKEN_ERROR"),
    ] {
        let details = json!({ "grant_type": grant });
        for (client, secret, error) in [
            (Some("nobody"), None, "client_not_found"),
            (None, None, "client_not_found"),
            (Some("off"), Some("s"), "client_disabled"),
            (Some("c"), Some("wrong"), "invalid_client_credentials"),
            (Some("c"), None, "invalid_client_credentials"),
        ] {
            let mut form = vec![("grant_type", grant)];
            form.extend(client.map(|client| ("client_id", client)));
            form.extend(secret.map(|secret| ("client_secret", secret)));
            refused(&realm, &form, kind, json!(client), error, details.clone()).await;
        }
        // The registry's client that the realm has: its secret is looked at first.
        let form = [
            ("grant_type", grant),
            ("client_id", "bo"),
            ("client_secret", "s"),
        ];
        let (answer, event) = told(&realm, &form).await;
        assert_eq!((answer.status, event), (400, None));
    }
    for form in [vec![], vec![("grant_type", "nosuch"), ("client_id", "c")]] {
        assert_eq!(told(&realm, &form).await.1, None);
    }
}

#[tokio::test]
async fn a_password_grant_leaves_a_login_or_why_there_was_none() {
    let realm = realm().await;
    let password = |client: &'static str, more: &[(&'static str, &'static str)]| {
        let mut form = vec![("grant_type", "password"), ("client_id", client)];
        form.extend(more);
        form
    };
    let good = [
        ("username", "alice"),
        ("password", "secret"),
        ("scope", "openid"),
    ];
    let (answer, event) = told(&realm, &password("app", &good)).await;
    let event = event.unwrap();
    let text = |name: &str| claims(answer.json[name].as_str().unwrap());
    assert_eq!(event["type"], "LOGIN");
    assert_eq!(event["userId"], json!(realm.alice));
    assert_eq!(event["sessionId"], text("access_token")["sid"]);
    assert_eq!(
        event["details"],
        json!({
            "auth_method": "openid-connect", "grant_type": "password", "client_auth_method": "client-secret",
            "username": "alice", "scope": answer.json["scope"], "token_id": text("access_token")["jti"],
            "refresh_token_id": text("refresh_token")["jti"], "refresh_token_type": "Refresh"
        })
    );

    let details = |method: &str, more: Value| {
        let mut details = json!({
            "auth_method": method, "grant_type": "password", "client_auth_method": "client-secret"
        });
        details
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        details
    };
    let early = |reason: &str| details("oauth_credentials", json!({ "reason": reason }));
    let user = |name: &str| details("openid-connect", json!({ "username": name }));
    let secret = ("client_secret", "s");
    for (form, client, error, details) in [
        (
            password("none", &[secret]),
            "none",
            "not_allowed",
            early("Client not allowed for direct access grants"),
        ),
        (
            password("consent", &[secret]),
            "consent",
            "consent_denied",
            early("Client requires user consent"),
        ),
        (
            password("app", &[("scope", "nosuch")]),
            "app",
            "invalid_request",
            early("Invalid scopes: nosuch"),
        ),
        (
            password("app", &[]),
            "app",
            "user_not_found",
            details("openid-connect", json!({})),
        ),
        (
            password("app", &[("username", "nobody"), ("password", "x")]),
            "app",
            "user_not_found",
            user("nobody"),
        ),
        (
            password("app", &[("username", "alice"), ("password", "x")]),
            "app",
            "invalid_user_credentials",
            user("alice"),
        ),
    ] {
        refused(&realm, &form, "LOGIN_ERROR", json!(client), error, details).await;
    }
}

#[tokio::test]
async fn a_service_account_leaves_a_client_login() {
    let realm = realm().await;
    let own = |client: &'static str, more: &[(&'static str, &'static str)]| {
        let mut form = vec![("grant_type", "client_credentials"), ("client_id", client)];
        form.extend(more);
        form
    };
    let (answer, event) = told(&realm, &own("c", &[("client_secret", "s")])).await;
    let event = event.unwrap();
    assert_eq!(event["type"], "CLIENT_LOGIN");
    assert!(event.get("sessionId").is_none() && event["userId"].is_string());
    assert_eq!(
        event["details"],
        json!({
            "grant_type": "client_credentials", "client_auth_method": "client-secret", "scope": answer.json["scope"],
            "username": "service-account-c", "token_id": claims(answer.json["access_token"].as_str().unwrap())["jti"]
        })
    );
    let details = |reason: &str| {
        json!({
            "grant_type": "client_credentials", "client_auth_method": "client-secret", "reason": reason
        })
    };
    let kind = "CLIENT_LOGIN_ERROR";
    let public = details("Public client not allowed to retrieve service account");
    refused(
        &realm,
        &own("app", &[]),
        kind,
        json!("app"),
        "invalid_client",
        public,
    )
    .await;
    let without = details("Client not enabled to retrieve service account");
    let form = own("none", &[("client_secret", "s")]);
    refused(
        &realm,
        &form,
        kind,
        json!("none"),
        "invalid_client",
        without,
    )
    .await;
    let mut scope = details("Invalid scopes: nosuch");
    scope["username"] = json!("service-account-c");
    let form = own("c", &[("client_secret", "s"), ("scope", "nosuch")]);
    refused(&realm, &form, kind, json!("c"), "invalid_request", scope).await;
}

#[tokio::test]
async fn a_secret_stays_out_of_events_and_is_not_counted_against_anybody() {
    let realm = realm().await;
    for _ in 0..5 {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", "c"),
            ("client_secret", "hunter2"),
        ];
        let (answer, event) = told(&realm, &form).await;
        assert_eq!(answer.status, 401);
        assert!(!event.unwrap().to_string().contains("hunter2"));
    }
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "c"),
        ("client_secret", "s"),
    ];
    assert_eq!(told(&realm, &form).await.0.status, 200);
}
