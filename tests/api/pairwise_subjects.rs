//! Subjects that differ from sector to sector (OpenID Connect Core 1.0 §8.1), as seen on Keycloak.

use serde_json::json;

use crate::listener::Listener;
use crate::oidc_mappers::Mapped;
use crate::support::{Answer, server, token};

#[tokio::test]
async fn a_pairwise_subject_is_keycloaks_and_the_tokens_still_work() {
    let it = Mapped::new(json!({})).await;
    let config = json!({ "pairwiseSubAlgorithmSalt": "salt" });
    it.mapper("w", "oidc-sha256-pairwise-sub-mapper", config)
        .await;
    let got = it.sign_in().await;
    let sub = got.access["sub"].as_str().unwrap();
    assert_ne!(sub, it.realm.alice);
    for told in [&got.id, &got.refresh, &got.userinfo] {
        assert_eq!(told["sub"], sub);
    }
    let refreshed = it.refresh(&got).await;
    assert_eq!(refreshed.access["sub"], sub);
    // A name-based uuid (version 3) of RFC 9562.
    assert_eq!(uuid::Uuid::parse_str(sub).unwrap().get_version_num(), 3);
    let path = format!(
        "/clients/{}/evaluate-scopes/generate-example-userinfo?scope=openid&userId={}",
        it.app, it.realm.alice
    );
    assert_eq!(
        it.realm.admin.get(&it.realm.path(&path)).await.json["sub"],
        sub
    );
    let events = it
        .realm
        .admin
        .get(&it.realm.path("/events?type=LOGIN&max=1"))
        .await
        .json;
    assert_eq!(events[0]["userId"], json!(it.realm.alice));

    // A client's own account has no session by which to find it.
    let rep = json!({ "clientId": "robot", "secret": "s", "serviceAccountsEnabled": true,
                      "redirectUris": ["http://app.test/*"],
                      "protocolMappers": [{ "name": "w", "protocol": "openid-connect",
                        "protocolMapper": "oidc-sha256-pairwise-sub-mapper", "config": { "pairwiseSubAlgorithmSalt": "s" } }] });
    it.realm.admin.create(&it.realm.path("/clients"), rep).await;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "robot"),
        ("client_secret", "s"),
        ("scope", "openid"),
    ];
    let answer = token(&server().url, &it.realm.name, &form).await;
    let access = answer.json["access_token"].as_str().unwrap();
    let url = format!(
        "{}/realms/{}/protocol/openid-connect/userinfo",
        server().url,
        it.realm.name
    );
    let told = reqwest::Client::new()
        .get(url)
        .bearer_auth(access)
        .send()
        .await
        .unwrap();
    let told = Answer::read(told).await;
    assert_eq!(
        told.json["preferred_username"], "service-account-robot",
        "{}",
        told.text
    );
}

#[tokio::test]
async fn a_pairwise_mapper_needs_one_sector() {
    let refused = |error: &str, text: &str| json!({ "error": error, "error_description": text });
    let several = "Without a configured Sector Identifier URI, client redirect URIs must not contain multiple host components.";
    let none = "Client redirect URIs must contain a valid host component.";
    for (uris, expected) in [
        (json!(["http://app.test/*"]), None),
        (
            json!([
                "http://app.test/*",
                "https://app.test/x",
                "http://app.test:8080/y"
            ]),
            None,
        ),
        (json!(["*"]), None),
        (json!(["app://x"]), None),
        (
            json!(["http://app.test/*", "http://b.test/*"]),
            Some(several),
        ),
        (json!([]), Some(none)),
        (json!(["/rel/*"]), Some(none)),
    ] {
        let it = Mapped::new(json!({ "redirectUris": uris })).await;
        let answer = it
            .try_mapper("w", "oidc-sha256-pairwise-sub-mapper", json!({}))
            .await;
        match expected {
            Some(text) => assert_eq!(
                (answer.status, answer.json),
                (400, refused(text, text)),
                "{uris}"
            ),
            None => {
                assert_eq!(answer.status, 201, "{uris}: {}", answer.json);
                let path = format!("/clients/{}/protocol-mappers/models", it.app);
                let made = it.realm.admin.get(&it.realm.path(&path)).await.json;
                let salt = made[0]["config"]["pairwiseSubAlgorithmSalt"]
                    .as_str()
                    .unwrap();
                assert_eq!(salt.len(), 36, "{uris}");
            }
        }
    }

    let it = Mapped::new(json!({ "redirectUris": ["http://a.test/*", "http://b.test/*"] })).await;
    let body = |uris: &str| {
        let length = uris.len();
        format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{uris}")
            .into_bytes()
    };
    let both = Listener::saying(body(r#"["http://a.test/*","http://b.test/*"]"#)).await;
    let one = Listener::saying(body(r#"["http://a.test/*"]"#)).await;
    let nothing = Listener::answering("404 Not Found").await;
    let sector = |url: &str| json!({ "sectorIdentifierUri": url });
    let fetched = "Failed to get redirect URIs from the Sector Identifier URI.";
    for (url, error, text) in [
        (
            "nonsense",
            "Invalid Sector Identifier URI.",
            "Malformed Sector Identifier URI.",
        ),
        (nothing.url.as_str(), fetched, fetched),
        (
            one.url.as_str(),
            "Client redirect URIs does not match redirect URIs fetched from the Sector Identifier URI.",
            "Client redirect URIs does not match redirect URIs fetched from the Sector Identifier URI.",
        ),
    ] {
        let answer = it
            .try_mapper("w", "oidc-sha256-pairwise-sub-mapper", sector(url))
            .await;
        assert_eq!(
            (answer.status, answer.json),
            (400, refused(error, text)),
            "{url}"
        );
    }
    it.mapper("w", "oidc-sha256-pairwise-sub-mapper", sector(&both.url))
        .await;
}
