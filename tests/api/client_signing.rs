//! A client that signs who it is, for tests of that.

use serde_json::{Value, json};

use crate::jws::Pair;
use crate::support::{Answer, Realm, server, token};

pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A realm with a client `j` that signs with a key of its own, of kid `k`.
pub struct Signing {
    pub realm: Realm,
    pub pair: Pair,
    pub issuer: String,
}

impl Signing {
    pub async fn new(pair: Pair) -> Self {
        let realm = Realm::with(json!({ "eventsEnabled": true })).await;
        let issuer = format!("{}/realms/{}", server().url, realm.name);
        let it = Self {
            realm,
            pair,
            issuer,
        };
        it.client("j", json!({})).await;
        it
    }

    /// Another client with the same key, and these attributes beside it.
    pub async fn client(&self, name: &str, attributes: Value) -> String {
        let keys = json!({ "keys": [self.pair.jwk("k")] }).to_string();
        let mut all = json!({ "use.jwks.string": "true", "jwks.string": keys });
        let more = attributes.as_object().unwrap().clone();
        all.as_object_mut().unwrap().extend(more);
        let rep = json!({
            "clientId": name, "serviceAccountsEnabled": true, "clientAuthenticatorType": "client-jwt", "attributes": all
        });
        self.realm
            .admin
            .create(&self.realm.path("/clients"), rep)
            .await
    }

    pub fn header(&self) -> Value {
        json!({ "alg": self.pair.algorithm(), "kid": "k" })
    }

    /// Good claims of a client, with some changed; null takes one away.
    pub fn claims(&self, client: &str, changes: Value) -> Value {
        let now = store::clock::now();
        let mut claims = json!({
            "iss": client, "sub": client, "aud": self.issuer, "exp": now + 60, "iat": now,
            "jti": uuid::Uuid::new_v4().to_string()
        });
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                value => claims[name] = value.clone(),
            }
        }
        claims
    }

    pub fn good(&self, client: &str) -> String {
        self.pair
            .sign(&self.header(), &self.claims(client, json!({})))
    }

    pub async fn send(&self, form: &[(&str, &str)]) -> Answer {
        let mut all = vec![("grant_type", "client_credentials")];
        all.extend(form);
        token(&server().url, &self.realm.name, &all).await
    }

    pub async fn assert(&self, assertion: &str) -> Answer {
        self.send(&[
            ("client_assertion_type", TYPE),
            ("client_assertion", assertion),
        ])
        .await
    }

    /// The assertion is refused in these words.
    pub async fn refused(&self, assertion: &str, error: &str, text: &str) {
        let answer = self.assert(assertion).await;
        assert_eq!(
            (answer.status, answer.json),
            (400, json!({ "error": error, "error_description": text })),
        );
    }

    pub async fn last_event(&self) -> Value {
        let path = self.realm.path("/events?max=1");
        self.realm.admin.get(&path).await.json[0].clone()
    }
}
