//! An issuer of CI tokens within the test: it publishes its configuration and its keys, and counts who asks.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::jws::Pair;
use crate::support::{Answer, Realm, server};

/// What is asked for next is answered so; mutable while it runs.
#[derive(Default)]
struct Told {
    /// Path → status line and body.
    answers: Vec<(String, String, String)>,
    asked: Vec<String>,
}

/// An issuer, with a key whose id is `k`.
pub struct Issuer {
    pub url: String,
    pub pair: Pair,
    told: Arc<Mutex<Told>>,
}

impl Issuer {
    pub async fn new() -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://127.0.0.1:{}", socket.local_addr().unwrap().port());
        let told = Arc::<Mutex<Told>>::default();
        let shared = Arc::clone(&told);
        tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                tokio::spawn(converse(stream, Arc::clone(&shared)));
            }
        });
        let issuer = Self {
            url,
            pair: Pair::es256(),
            told,
        };
        issuer.configuration(&issuer.url);
        issuer.keys(&json!([issuer.pair.jwk("k")]));
        issuer
    }

    /// Says in its configuration that it is this issuer.
    pub fn configuration(&self, issuer: &str) {
        let body = json!({ "issuer": issuer, "jwks_uri": format!("{}/keys", self.url) });
        self.answer(
            "/.well-known/openid-configuration",
            "200 OK",
            &body.to_string(),
        );
    }

    pub fn keys(&self, keys: &Value) {
        self.answer("/keys", "200 OK", &json!({ "keys": keys }).to_string());
    }

    /// What a path answers from now on; the status line may be followed by headers.
    pub fn answer(&self, path: &str, status: &str, body: &str) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.answers.retain(|(known, ..)| known != path);
        told.answers
            .push((path.to_owned(), status.to_owned(), body.to_owned()));
    }

    /// The paths that were asked for so far.
    pub fn asked(&self) -> Vec<String> {
        self.told.lock().unwrap().asked.clone()
    }

    /// The claims of a job on the main branch of `org/app`, with changes; null takes one away.
    pub fn claims(&self, realm: &Realm, change: Value) -> Value {
        let now = store::clock::now();
        let mut claims = json!({
            "iss": self.url, "aud": audience(realm), "sub": "repo:org/app:ref:refs/heads/main", "exp": now + 300,
            "iat": now, "nbf": now, "jti": uuid::Uuid::new_v4(), "repository": "org/app", "ref": "refs/heads/main",
        });
        let members = claims.as_object_mut().unwrap();
        for (name, value) in change.as_object().unwrap() {
            members.insert(name.clone(), value.clone());
            if value.is_null() {
                members.remove(name);
            }
        }
        claims
    }

    pub fn header(&self) -> Value {
        json!({ "alg": "ES256", "kid": "k", "typ": "JWT" })
    }

    pub fn token(&self, realm: &Realm, change: Value) -> String {
        self.pair.sign(&self.header(), &self.claims(realm, change))
    }
}

/// Whom tokens are for where nothing else is said.
pub fn audience(realm: &Realm) -> String {
    format!("{}/realms/{}", server().url, realm.name)
}

async fn converse(mut stream: TcpStream, told: Arc<Mutex<Told>>) -> Option<()> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let text = String::from_utf8(bytes).ok()?;
    let path = text.split(' ').nth(1)?.to_owned();
    let (status, body) = {
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        told.asked.push(path.clone());
        let found = told.answers.iter().find(|(known, ..)| *known == path);
        let found = found.map(|(_, status, body)| (status.clone(), body.clone()));
        found.unwrap_or_else(|| ("404 Not Found".to_owned(), String::new()))
    };
    if status == "silence" {
        std::future::pending::<()>().await;
    }
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(body.as_bytes()).await.ok()?;
    stream.shutdown().await.ok()
}

impl Realm {
    /// A client with a service account; its uuid. Its secret is `robot-secret`.
    pub async fn robot(&self, client_id: &str) -> String {
        let rep = json!({ "clientId": client_id, "serviceAccountsEnabled": true, "secret": "robot-secret" });
        self.admin.create(&self.path("/clients"), rep).await
    }

    /// Trusts an issuer, by an identity provider of this alias and config.
    pub async fn trust(&self, issuer: &Issuer, alias: &str, config: Value) {
        let mut all = json!({ "issuer": issuer.url });
        let members = all.as_object_mut().unwrap();
        members.extend(config.as_object().unwrap().clone());
        let rep = json!({ "alias": alias, "providerId": "oidc", "config": all });
        let path = self.path("/identity-provider/instances");
        self.admin.create(&path, rep).await;
    }

    /// Lets tokens with these claims, through the provider of this alias, stand for a robot.
    pub async fn vouch(&self, alias: &str, robot: &str, claims: Value) -> Answer {
        let rep = json!({
            "name": uuid::Uuid::new_v4(), "identityProviderAlias": alias,
            "identityProviderMapper": "docker-v2-robot-idp-mapper",
            "config": { "claims": claims.to_string(), "serviceAccount": robot },
        });
        let path = self.path(&format!("/identity-provider/instances/{alias}/mappers"));
        self.admin.post(&path, rep).await
    }

    /// The newest event of a type.
    pub async fn newest_event(&self, kind: &str) -> Value {
        let path = self.path(&format!("/events?type={kind}&max=1"));
        self.admin.get(&path).await.json[0].clone()
    }
}
