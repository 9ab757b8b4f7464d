//! What discovery promises is there.

use reqwest::{Client, Method};
use serde_json::json;

use crate::support::{Answer, Realm, server};

async fn document(realm: &Realm) -> Answer {
    let url = format!(
        "{}/realms/{}/.well-known/openid-configuration",
        server().url,
        realm.name
    );
    Answer::read(Client::new().get(url).send().await.unwrap()).await
}

#[tokio::test]
async fn every_endpoint_that_is_listed_exists() {
    let realm = Realm::new().await;
    let document = document(&realm).await.json;
    let endpoints: Vec<(&String, &str)> = document
        .as_object()
        .unwrap()
        .iter()
        .filter_map(|(name, value)| Some((name, value.as_str()?)))
        .filter(|(_, url)| url.contains("/protocol/"))
        .collect();
    assert_eq!(endpoints.len(), 10, "{endpoints:?}");
    for (name, url) in endpoints {
        let found = |method| Client::new().request(method, url).send();
        let (get, post) = (
            found(Method::GET).await.unwrap(),
            found(Method::POST).await.unwrap(),
        );
        for answer in [&get, &post] {
            assert_ne!(answer.status(), 404, "{name}");
        }
        assert!(get.status() != 405 || post.status() != 405, "{name}");
    }
}

#[tokio::test]
async fn the_scopes_are_those_of_the_realm() {
    let realm = Realm::new().await;
    let listed = async || document(&realm).await.json["scopes_supported"].clone();
    let has =
        |scopes: &serde_json::Value, name: &str| scopes.as_array().unwrap().contains(&json!(name));
    let before = listed().await;
    assert_eq!(before[0], "openid");
    for name in ["profile", "email", "offline_access", "roles"] {
        assert!(has(&before, name), "{before}");
    }
    for (name, attributes) in [
        ("mine", json!({})),
        (
            "hidden",
            json!({ "include.in.openid.provider.metadata": "false" }),
        ),
    ] {
        let scope = json!({ "name": name, "protocol": "openid-connect", "attributes": attributes });
        realm
            .admin
            .create(&realm.path("/client-scopes"), scope)
            .await;
    }
    let after = listed().await;
    assert!(has(&after, "mine") && !has(&after, "hidden"), "{after}");
}

#[tokio::test]
async fn a_disabled_realm_is_still_described_and_an_unchanged_document_is_not_sent_again() {
    let realm = Realm::with(json!({ "enabled": false })).await;
    let first = document(&realm).await;
    assert_eq!(first.status, 200);
    let issuer = format!("{}/realms/{}", server().url, realm.name);
    assert_eq!(first.json["issuer"], issuer);
    let url = format!("{issuer}/.well-known/oauth-authorization-server");
    let request = Client::new()
        .get(url)
        .header("If-None-Match", &first.headers["etag"]);
    assert_eq!(request.send().await.unwrap().status(), 304);
}
