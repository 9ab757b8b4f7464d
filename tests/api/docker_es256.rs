//! Docker tokens signed with ES256: the key, its certificate, and what a registry can trust.

use serde_json::{Value, json};

use crate::support::{Realm, claims};
use crate::x509;

const ALGORITHM: &str = "docker-v2.signature.alg";

impl Realm {
    async fn set(&self, attributes: Value) -> (u16, Value) {
        let client = self.path(&format!("/clients/{}", self.registry));
        let change = json!({ "attributes": attributes });
        let answer = self.admin.put(&client, change).await;
        (answer.status, answer.json)
    }

    async fn signed(&self) -> String {
        let answer = self
            .docker("alice", "secret", "&scope=repository:a:pull")
            .await;
        assert_eq!(answer.status, 200, "{}", answer.json);
        answer.json["token"].as_str().unwrap().to_owned()
    }

    async fn installed(&self, file: &str) -> crate::support::Answer {
        let path = format!("/clients/{}/installation/providers/{file}", self.registry);
        self.admin.get(&self.path(&path)).await
    }

    /// The realm's ES256 keys as an administrator sees them.
    async fn es256_keys(&self) -> Vec<Value> {
        let keys = self.admin.get(&self.path("/keys")).await.json;
        let keys = keys["keys"].as_array().unwrap().iter();
        keys.filter(|key| key["algorithm"] == "ES256")
            .cloned()
            .collect()
    }
}

#[tokio::test]
async fn the_realm_gets_its_key_on_first_use_and_registries_can_trust_it() {
    let realm = Realm::new().await;
    let (before, bundle) = (
        realm.signed().await,
        realm.installed("docker-v2-ca-bundle").await.text,
    );
    assert!(realm.es256_keys().await.is_empty());
    assert_eq!(realm.set(json!({ ALGORITHM: "ES256" })).await.0, 204);
    assert!(realm.es256_keys().await.is_empty());

    let token = realm.signed().await;
    let header = x509::header(&token);
    assert_eq!(
        (&header["alg"], &header["typ"]),
        (&json!("ES256"), &json!("JWT"))
    );
    assert_eq!(header["kid"].as_str().unwrap().split(':').count(), 12);
    assert_eq!(claims(&token)["access"][0]["actions"], json!(["pull"]));
    let jwks = realm.installed("docker-v2-jwks").await.json;
    for token in [&token, &before] {
        assert!(x509::is_trusted(token, &bundle));
        assert!(x509::is_signed_by(token, &jwks, true));
    }
    assert_eq!(realm.installed("docker-v2-ca-bundle").await.text, bundle);
    let keys = realm.es256_keys().await;
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0]["certificate"], header["x5c"][0]);

    // The key stays, and so does the other for whoever asks for it.
    let again = realm.signed().await;
    assert_eq!(x509::header(&again), header);
    assert_eq!(realm.set(json!({ ALGORITHM: "RS256" })).await.0, 204);
    assert_eq!(x509::header(&realm.signed().await), x509::header(&before));
}

#[tokio::test]
async fn of_many_first_tokens_at_once_all_have_the_same_key_and_certificate() {
    let realm = Realm::new().await;
    assert_eq!(realm.set(json!({ ALGORITHM: "ES256" })).await.0, 204);
    let tokens = futures_util::future::join_all((0..12).map(|_| realm.signed())).await;
    for token in &tokens {
        assert_eq!(x509::header(token), x509::header(&tokens[0]));
    }
    assert_eq!(realm.es256_keys().await.len(), 1);
}

#[tokio::test]
async fn a_new_key_signs_at_once_and_chains_to_the_same_bundle() {
    let realm = Realm::new().await;
    assert_eq!(realm.set(json!({ ALGORITHM: "ES256" })).await.0, 204);
    let bundle = realm.installed("docker-v2-ca-bundle").await.text;
    let mut tokens = vec![realm.signed().await];
    for (priority, generate) in [(200, "false"), (201, "true")] {
        let component = json!({
            "name": format!("ec {priority}"), "providerId": "ecdsa-generated",
            "providerType": "org.keycloak.keys.KeyProvider",
            "config": { "priority": [priority.to_string()], "ecdsaEllipticCurveKey": ["P-256"],
                "ecGenerateCertificate": [generate] }
        });
        realm
            .admin
            .create(&realm.path("/components"), component)
            .await;
        tokens.push(realm.signed().await);
    }
    let jwks = realm.installed("docker-v2-jwks").await.json;
    for token in &tokens {
        assert!(x509::is_trusted(token, &bundle));
        assert!(x509::is_signed_by(token, &jwks, true));
    }
    let kids: std::collections::BTreeSet<String> = tokens
        .iter()
        .map(|token| x509::header(token)["kid"].to_string())
        .collect();
    assert_eq!(kids.len(), 3);
}

#[tokio::test]
async fn a_key_without_x5c_needs_no_certificate() {
    let realm = Realm::new().await;
    let attributes = json!({ ALGORITHM: "ES256", "docker-v2.x5c": "false" });
    assert_eq!(realm.set(attributes).await.0, 204);
    let token = realm.signed().await;
    assert!(x509::header(&token).get("x5c").is_none());
    let jwks = realm.installed("docker-v2-jwks").await.json;
    assert!(x509::is_signed_by(&token, &jwks, true));
    assert!(realm.es256_keys().await[0].get("certificate").is_none());
}

#[tokio::test]
async fn other_algorithms_are_refused_when_the_client_is_written() {
    let realm = Realm::new().await;
    for wrong in ["HS256", "es256", "none", "RS512", "ES384"] {
        let (status, body) = realm.set(json!({ ALGORITHM: wrong })).await;
        assert_eq!(status, 400, "{wrong}");
        let text = body["error_description"].as_str().unwrap();
        assert_eq!(text, "docker-v2.signature.alg is RS256 or ES256");
        let client = json!({ "clientId": "other", "protocol": "docker-v2", "attributes": { ALGORITHM: wrong } });
        let made = realm.admin.post(&realm.path("/clients"), client).await;
        assert_eq!(made.status, 400, "{wrong}");
    }
    assert_eq!(realm.set(json!({ ALGORITHM: "" })).await.0, 204);
    assert_eq!(x509::header(&realm.signed().await)["alg"], "RS256");
}
