//! What is recorded where codes and tokens are traded in and shown; as `token_events`.

use serde_json::{Value, json};

use crate::browser::{Browser, CALLBACK, CHALLENGE, VERIFIER, parameter};
use crate::support::{Realm, claims, server, token};
use crate::token_events::{realm, refused, told};

async fn code(realm: &Realm, query: &str) -> String {
    let answer = Browser::new()
        .sign_in(
            &realm.name,
            &format!("&scope=openid{query}"),
            "alice",
            "secret",
        )
        .await;
    parameter(&answer, "code").unwrap_or_else(|| panic!("{}", answer.text))
}

#[tokio::test]
async fn a_code_leaves_what_became_of_it() {
    let realm = realm().await;
    let kind = "CODE_TO_TOKEN_ERROR";
    fn trade<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let mut form = vec![("grant_type", "authorization_code")];
        if !more.iter().any(|(name, _)| *name == "client_id") {
            form.push(("client_id", "app"));
        }
        if !more.iter().any(|(name, _)| *name == "redirect_uri") {
            form.push(("redirect_uri", CALLBACK));
        }
        form.extend(more);
        form
    }
    let details = |session: Option<&str>, reason: Option<&str>| {
        let mut details =
            json!({ "grant_type": "authorization_code", "client_auth_method": "client-secret" });
        if let Some(session) = session {
            details["code_id"] = json!(session);
        }
        if let Some(reason) = reason {
            details["reason"] = json!(reason);
        }
        details
    };
    let good = code(&realm, "").await;
    let (answer, event) = told(&realm, &trade(&[("code", &good)])).await;
    let event = event.unwrap();
    let text = |name: &str| claims(answer.json[name].as_str().unwrap());
    let session = text("access_token")["sid"].as_str().unwrap().to_owned();
    assert_eq!(event["type"], "CODE_TO_TOKEN");
    assert_eq!(
        (&event["userId"], &event["sessionId"]),
        (&json!(realm.alice), &json!(session))
    );
    assert_eq!(
        event["details"],
        json!({
            "grant_type": "authorization_code", "client_auth_method": "client-secret", "scope": answer.json["scope"],
            "code_id": session, "token_id": text("access_token")["jti"], "refresh_token_type": "Refresh",
            "refresh_token_id": text("refresh_token")["jti"]
        })
    );
    let form = trade(&[("code", &good)]);
    refused(
        &realm,
        &form,
        kind,
        json!("app"),
        "invalid_code",
        details(Some(&session), None),
    )
    .await;
    let form = trade(&[("code", "x")]);
    refused(
        &realm,
        &form,
        kind,
        json!("app"),
        "invalid_code",
        details(None, None),
    )
    .await;
    let missing = details(None, Some("Missing parameter: code"));
    refused(
        &realm,
        &trade(&[]),
        kind,
        json!("app"),
        "invalid_code",
        missing,
    )
    .await;

    let pkce = format!("&code_challenge={CHALLENGE}&code_challenge_method=S256");
    let wrong = "w".repeat(50);
    for (query, more, error, reason) in [
        (
            "",
            vec![("client_id", "c"), ("client_secret", "s")],
            "invalid_client",
            "Auth error: Found different client_id in clientSession".to_owned(),
        ),
        (
            "",
            vec![("redirect_uri", "http://app.test/other")],
            "invalid_redirect_uri",
            format!(
                "Parameter 'redirect_uri' did not match originally saved redirect URI used in initial OIDC request. \
                 Saved redirectUri: {CALLBACK}, redirectUri parameter: http://app.test/other"
            ),
        ),
        (
            &pkce,
            vec![],
            "code_verifier_missing",
            "PKCE code verifier not specified".to_owned(),
        ),
        (
            &pkce,
            vec![("code_verifier", &*wrong)],
            "pkce_verification_failed",
            "Code mismatch".to_owned(),
        ),
        (
            &pkce,
            vec![("code_verifier", "short")],
            "invalid_code_verifier",
            "Invalid code verifier".to_owned(),
        ),
        (
            "",
            vec![("code_verifier", VERIFIER)],
            "invalid_code_verifier",
            "PKCE code verifier specified but challenge not present in authorization".to_owned(),
        ),
    ] {
        let code = code(&realm, query).await;
        let session = code.split('.').nth(1).unwrap();
        let mut more = more;
        more.push(("code", &code));
        let client = more
            .iter()
            .find(|(name, _)| *name == "client_id")
            .map_or("app", |(_, client)| client);
        let details = details(Some(session), Some(&reason));
        let event = refused(&realm, &trade(&more), kind, json!(client), error, details).await;
        assert_eq!(event["userId"], json!(realm.alice), "{error}");
    }
}

#[tokio::test]
async fn a_refresh_leaves_which_token_became_which() {
    let realm = realm().await;
    let form = [
        ("grant_type", "password"),
        ("client_id", "app"),
        ("username", "alice"),
        ("password", "secret"),
        ("scope", "openid"),
    ];
    let first = token(&server().url, &realm.name, &form).await.json;
    let old = first["refresh_token"].as_str().unwrap();
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "app"),
        ("refresh_token", old),
    ];
    let (answer, event) = told(&realm, &form).await;
    let event = event.unwrap();
    let text = |name: &str| claims(answer.json[name].as_str().unwrap());
    assert_eq!(event["type"], "REFRESH_TOKEN");
    assert_eq!(
        (&event["userId"], &event["sessionId"]),
        (&json!(realm.alice), &claims(old)["sid"])
    );
    let mut details = event["details"].clone();
    let age = details
        .as_object_mut()
        .unwrap()
        .remove("age_of_refresh_token")
        .unwrap();
    assert!(age.as_str().unwrap().parse::<i64>().unwrap() >= 0);
    assert_eq!(
        details,
        json!({
            "grant_type": "refresh_token", "client_auth_method": "client-secret", "scope": answer.json["scope"],
            "token_id": text("access_token")["jti"], "updated_refresh_token_id": text("refresh_token")["jti"],
            "refresh_token_id": claims(old)["jti"], "refresh_token_type": "Refresh", "refresh_token_sub": realm.alice,
            "access_token_expiration_time": "300"
        })
    );

    let details = |reason: &str| json!({ "grant_type": "refresh_token", "client_auth_method": "client-secret", "reason": reason });
    let kind = "REFRESH_TOKEN_ERROR";
    let invalid = "Invalid refresh token";
    for bad in ["x", first["access_token"].as_str().unwrap()] {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", "app"),
            ("refresh_token", bad),
        ];
        refused(
            &realm,
            &form,
            kind,
            json!("app"),
            "invalid_token",
            details(invalid),
        )
        .await;
    }
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "c"),
        ("client_secret", "s"),
        ("refresh_token", old),
    ];
    let other = details("Invalid refresh token. Token client and authorized client don't match");
    refused(&realm, &form, kind, json!("c"), "invalid_token", other).await;
    let session = claims(old)["sid"].as_str().unwrap().to_owned();
    let path = realm.path(&format!("/sessions/{session}"));
    assert_eq!(realm.admin.delete(&path).await.status, 204);
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "app"),
        ("refresh_token", old),
    ];
    let mut gone = details("Session not active");
    for (name, value) in [
        ("refresh_token_id", claims(old)["jti"].clone()),
        ("refresh_token_type", json!("Refresh")),
        ("refresh_token_sub", json!(realm.alice)),
    ] {
        gone[name] = value;
    }
    refused(&realm, &form, kind, json!("app"), "invalid_token", gone).await;
}

#[tokio::test]
async fn userinfo_leaves_who_was_told_of_or_why_nobody() {
    let realm = realm().await;
    let form = [
        ("grant_type", "password"),
        ("client_id", "app"),
        ("username", "alice"),
        ("password", "secret"),
        ("scope", "openid"),
    ];
    let good = token(&server().url, &realm.name, &form).await.json;
    let good = good["access_token"].as_str().unwrap();
    let bare = token(&server().url, &realm.name, &form[..4]).await.json;
    let bare = bare["access_token"].as_str().unwrap();
    let url = format!(
        "{}/realms/{}/protocol/openid-connect/userinfo",
        server().url,
        realm.name
    );
    let method = "validate_access_token";
    for (text, status, kind, error, details) in [
        (
            Some(good),
            200,
            "USER_INFO_REQUEST",
            Value::Null,
            json!({ "auth_method": method, "username": "alice", "signature_required": "false" }),
        ),
        (
            None,
            401,
            "USER_INFO_REQUEST_ERROR",
            json!("invalid_token"),
            json!({ "auth_method": method, "reason": "Missing token" }),
        ),
        (
            Some(bare),
            403,
            "USER_INFO_REQUEST_ERROR",
            json!("access_denied"),
            json!({ "auth_method": method, "reason": "Missing openid scope" }),
        ),
    ] {
        let path = realm.path("/events");
        assert_eq!(realm.admin.delete(&path).await.status, 204);
        let request = reqwest::Client::new().get(&url);
        let request = match text {
            Some(text) => request.bearer_auth(text),
            None => request,
        };
        assert_eq!(request.send().await.unwrap().status(), status);
        let events = realm.admin.get(&path).await.json;
        let event = &events[0];
        assert_eq!(
            (&event["type"], &event["error"], &event["details"]),
            (&json!(kind), &error, &details)
        );
    }
}
