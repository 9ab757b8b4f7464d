//! What an access token says of its holder: to whoever holds it, and to the clients that it is meant for.

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use crate::support::{Answer, Realm, server, token};

fn endpoint(realm: &Realm, path: &str) -> String {
    format!(
        "{}/realms/{}/protocol/openid-connect{path}",
        server().url,
        realm.name
    )
}

async fn ask(request: RequestBuilder) -> Answer {
    Answer::read(request.send().await.unwrap()).await
}

/// A realm with a public client `app`, and alice's tokens at it.
async fn signed_in(scope: &str) -> (Realm, Value) {
    let realm = Realm::new().await;
    let app = json!({
        "clientId": "app", "publicClient": true, "directAccessGrantsEnabled": true, "webOrigins": ["http://app.test"],
    });
    realm.admin.create(&realm.path("/clients"), app).await;
    let answer = token(
        &server().url,
        &realm.name,
        &[
            ("grant_type", "password"),
            ("client_id", "app"),
            ("username", "alice"),
            ("password", "secret"),
            ("scope", scope),
        ],
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    (realm, answer.json)
}

fn challenge(answer: &Answer) -> &str {
    answer.headers["www-authenticate"].to_str().unwrap()
}

#[tokio::test]
async fn userinfo_gives_the_claims_of_the_tokens_scopes_by_header_and_by_form() {
    let (realm, tokens) = signed_in("openid").await;
    let access = tokens["access_token"].as_str().unwrap();
    let expected = json!({
        "sub": realm.alice, "email_verified": false, "name": "alice Test", "preferred_username": "alice",
        "given_name": "alice", "family_name": "Test", "email": "alice@example.test",
    });
    let url = endpoint(&realm, "/userinfo");
    for request in [
        Client::new().get(&url).bearer_auth(access),
        Client::new().post(&url).bearer_auth(access),
        Client::new().post(&url).form(&[("access_token", access)]),
    ] {
        let answer = ask(request).await;
        assert_eq!((answer.status, &answer.json), (200, &expected));
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
    for (origin, status) in [("http://app.test", 200), ("http://evil.test", 403)] {
        let request = Client::new().get(&url).bearer_auth(access);
        let answer = ask(request.header("Origin", origin)).await;
        assert_eq!(answer.status, status);
        let allowed = answer.headers.get("access-control-allow-origin");
        assert_eq!(allowed.is_some(), status == 200);
    }
}

#[tokio::test]
async fn userinfo_refuses_every_other_token_with_a_challenge_that_says_why() {
    let (realm, tokens) = signed_in("openid").await;
    let url = endpoint(&realm, "/userinfo");
    let name = &realm.name;
    let invalid = format!(
        "Bearer realm=\"{name}\", error=\"invalid_token\", error_description=\"Token verification failed\""
    );
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let id = tokens["id_token"].as_str().unwrap();
    for wrong in ["garbage", refresh, id] {
        let answer = ask(Client::new().get(&url).bearer_auth(wrong)).await;
        assert_eq!(
            (answer.status, challenge(&answer)),
            (401, invalid.as_str()),
            "{wrong}"
        );
        assert_eq!(answer.text, "");
    }
    let answer = ask(Client::new().get(&url)).await;
    assert_eq!(answer.status, 401);
    assert_eq!(challenge(&answer), format!("Bearer realm=\"{name}\""));

    // Another realm's token, good as it is there.
    let (_, foreign) = signed_in("openid").await;
    let foreign = foreign["access_token"].as_str().unwrap();
    let answer = ask(Client::new().get(&url).bearer_auth(foreign)).await;
    assert_eq!((answer.status, challenge(&answer)), (401, invalid.as_str()));

    let access = tokens["access_token"].as_str().unwrap();
    let out = realm.path(&format!("/users/{}/logout", realm.alice));
    assert_eq!(realm.admin.post(&out, Value::Null).await.status, 204);
    let answer = ask(Client::new().get(&url).bearer_auth(access)).await;
    assert_eq!(answer.status, 401);
    assert!(challenge(&answer).ends_with("error_description=\"user_session_not_found\""));
}

#[tokio::test]
async fn userinfo_wants_the_scope_openid() {
    let (realm, tokens) = signed_in("profile").await;
    let access = tokens["access_token"].as_str().unwrap();
    let request = Client::new().get(endpoint(&realm, "/userinfo"));
    let answer = ask(request.bearer_auth(access)).await;
    let expected = format!(
        "Bearer realm=\"{}\", error=\"insufficient_scope\", error_description=\"Missing openid scope\"",
        realm.name
    );
    assert_eq!(
        (answer.status, challenge(&answer)),
        (403, expected.as_str())
    );
}

#[tokio::test]
async fn introspection_is_for_the_clients_that_a_token_names_as_its_audience() {
    let (realm, tokens) = signed_in("openid").await;
    let url = endpoint(&realm, "/token/introspect");
    let api = json!({ "clientId": "api", "secret": "s3" });
    realm.admin.create(&realm.path("/clients"), api).await;
    let introspect = async |client: &[(&str, &str)], token: &str| {
        let mut form = client.to_vec();
        form.push(("token", token));
        ask(Client::new().post(&url).form(&form)).await
    };
    let api: &[_] = &[("client_id", "api"), ("client_secret", "s3")];
    let access = tokens["access_token"].as_str().unwrap();
    for token in [access, "garbage"] {
        let answer = introspect(api, token).await;
        assert_eq!(
            (answer.status, answer.json),
            (200, json!({ "active": false }))
        );
    }

    let app = realm.admin.get(&realm.path("/clients?clientId=app")).await;
    let app = app.json[0]["id"].as_str().unwrap();
    let mapper = json!({
        "name": "for api", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper",
        "config": { "included.client.audience": "api", "access.token.claim": "true" },
    });
    let mappers = realm.path(&format!("/clients/{app}/protocol-mappers/models"));
    realm.admin.create(&mappers, mapper).await;
    let named = token(
        &server().url,
        &realm.name,
        &[
            ("grant_type", "password"),
            ("client_id", "app"),
            ("username", "alice"),
            ("password", "secret"),
        ],
    )
    .await;
    let named = named.json["access_token"].as_str().unwrap();
    let answer = introspect(api, named).await;
    for (member, value) in [
        ("active", json!(true)),
        ("client_id", json!("app")),
        ("username", json!("alice")),
        ("token_type", json!("Bearer")),
        ("sub", json!(realm.alice)),
    ] {
        assert_eq!(answer.json[member], value, "{member}");
    }
    let out = realm.path(&format!("/users/{}/logout", realm.alice));
    assert_eq!(realm.admin.post(&out, Value::Null).await.status, 204);
    assert_eq!(
        introspect(api, named).await.json,
        json!({ "active": false })
    );

    for (client, status, error, text) in [
        (
            &[("client_id", "api"), ("client_secret", "wrong")][..],
            401,
            "invalid_client",
            "Client authentication failed.",
        ),
        (
            &[("client_id", "app")],
            403,
            "invalid_request",
            "Client not allowed.",
        ),
        (
            &[],
            401,
            "invalid_client",
            "Invalid client or Invalid client credentials",
        ),
    ] {
        let answer = introspect(client, named).await;
        assert_eq!(
            (answer.status, answer.json),
            (status, json!({ "error": error, "error_description": text }))
        );
    }
    let answer = ask(Client::new().post(&url).form(api)).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json["error_description"], "Token not provided.");
}

#[tokio::test]
async fn a_disabled_realm_tells_nobody_of_its_users() {
    let (realm, tokens) = signed_in("openid").await;
    let access = tokens["access_token"].as_str().unwrap();
    let off = json!({ "enabled": false });
    assert_eq!(realm.admin.put(&realm.path(""), off).await.status, 204);
    let (http, url) = (Client::new(), endpoint(&realm, "/userinfo"));
    for request in [http.get(&url), http.post(&url)] {
        let answer = ask(request.bearer_auth(access)).await;
        assert_eq!(
            (answer.status, &answer.json["error"]),
            (403, &json!("access_denied"))
        );
    }
}
