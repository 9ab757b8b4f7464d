//! A realm with two applications, and what they do with the tokens of its users.

use reqwest::Client;
use serde_json::{Value, json};

use crate::support::{Answer, Realm, claims, patiently, server, token};
use crate::{browser, rows};

/// How a client says who it is.
pub type Auth = &'static [(&'static str, &'static str)];
/// The public client.
pub const APP: Auth = &[("client_id", "app")];
/// The confidential client.
pub const WEB: Auth = &[("client_id", "web"), ("client_secret", "s3")];

/// See above.
pub struct Apps {
    pub realm: Realm,
    pub app: String,
    pub web: String,
}

/// What the token endpoint gave.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub json: Value,
}

impl Tokens {
    pub fn text(&self, name: &str) -> &str {
        self.json[name]
            .as_str()
            .unwrap_or_else(|| panic!("no {name} in {}", self.json))
    }

    pub fn access(&self) -> &str {
        self.text("access_token")
    }

    pub fn refresh(&self) -> &str {
        self.text("refresh_token")
    }

    pub fn session(&self) -> &str {
        self.text("session_state")
    }

    pub fn claim(&self, token: &str, name: &str) -> Value {
        claims(self.text(token))[name].clone()
    }
}

impl Apps {
    pub async fn new() -> Self {
        Self::with(json!({})).await
    }

    /// With settings of the realm's own.
    pub async fn with(settings: Value) -> Self {
        let realm = Realm::with(settings).await;
        let app = browser::app(&realm, json!({})).await;
        let web = json!({
            "clientId": "web", "secret": "s3", "redirectUris": [browser::CALLBACK], "directAccessGrantsEnabled": true,
            "serviceAccountsEnabled": true, "webOrigins": ["http://web.test"],
        });
        let web = realm.admin.create(&realm.path("/clients"), web).await;
        Self { realm, app, web }
    }

    /// Changes settings of the realm.
    pub async fn set(&self, settings: Value) {
        let answer = self.realm.admin.put(&self.realm.path(""), settings).await;
        assert_eq!(answer.status, 204, "{}", answer.json);
    }

    /// Changes attributes of a client.
    pub async fn set_client(&self, client: &str, attributes: Value) {
        let path = self.realm.path(&format!("/clients/{client}"));
        let answer = self
            .realm
            .admin
            .put(&path, json!({ "attributes": attributes }))
            .await;
        assert_eq!(answer.status, 204, "{}", answer.json);
    }

    /// A call of the token endpoint.
    pub async fn token(&self, client: Auth, more: &[(&str, &str)]) -> Answer {
        token(&server().url, &self.realm.name, &[client, more].concat()).await
    }

    /// Alice's tokens by a password grant.
    pub async fn login(&self, client: Auth, scope: &str) -> Tokens {
        let answer = self.ask(client, scope).await;
        assert_eq!(answer.status, 200, "{}", answer.json);
        Tokens { json: answer.json }
    }

    /// The answer to such a request.
    pub async fn ask(&self, client: Auth, scope: &str) -> Answer {
        let form = [
            ("grant_type", "password"),
            ("username", "alice"),
            ("password", "secret"),
            ("scope", scope),
        ];
        self.token(client, &form).await
    }

    pub async fn refresh(&self, client: Auth, refresh: &str) -> Answer {
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
        self.token(client, &form).await
    }

    /// The tokens of a refresh that is answered.
    pub async fn refreshed(&self, client: Auth, refresh: &str) -> Tokens {
        let answer = self.refresh(client, refresh).await;
        assert_eq!(answer.status, 200, "{}", answer.json);
        Tokens { json: answer.json }
    }

    /// Says that a refresh is refused, and how.
    pub async fn is_refused(&self, client: Auth, refresh: &str, text: &str) {
        let answer = self.refresh(client, refresh).await;
        let expected = json!({ "error": "invalid_grant", "error_description": text });
        assert_eq!((answer.status, answer.json), (400, expected));
    }

    pub fn url(&self, path: &str) -> String {
        let (base, realm) = (&server().url, &self.realm.name);
        format!("{base}/realms/{realm}/protocol/openid-connect/{path}")
    }

    /// A call of an endpoint with a form.
    pub async fn post(&self, path: &str, client: Auth, more: &[(&str, &str)]) -> Answer {
        let form = [client, more].concat();
        patiently(|| Client::new().post(self.url(path)).form(&form)).await
    }

    /// What userinfo says of an access token: 200, or the error's description.
    pub async fn userinfo(&self, access: &str) -> String {
        let request = || Client::new().get(self.url("userinfo")).bearer_auth(access);
        let answer = patiently(request).await;
        match answer.headers.get("www-authenticate") {
            None => answer.status.to_string(),
            Some(challenge) => {
                let text = challenge.to_str().unwrap();
                let text = text
                    .split("error_description=\"")
                    .nth(1)
                    .unwrap_or_default();
                text.trim_end_matches('"').to_owned()
            }
        }
    }

    /// What introspection says to client `web`.
    pub async fn introspect(&self, token: &str, hint: Option<&str>) -> Value {
        let mut form = vec![("token", token)];
        form.extend(hint.map(|hint| ("token_type_hint", hint)));
        let answer = self.post("token/introspect", WEB, &form).await;
        assert_eq!(answer.status, 200, "{}", answer.json);
        answer.json
    }

    /// Lets client `web` be in the audience of its own access tokens.
    pub async fn name_web(&self) {
        let mapper = json!({
            "name": "web", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper",
            "config": { "included.client.audience": "web", "access.token.claim": "true" },
        });
        let path = format!("/clients/{}/protocol-mappers/models", self.web);
        self.realm
            .admin
            .create(&self.realm.path(&path), mapper)
            .await;
    }

    /// Makes all sessions of the realm older, and longer unused.
    pub async fn age(&self, seconds: i64) {
        let mut db = rows::connect().await;
        for sql in [
            "update user_session s set started = started - $2, last_refresh = last_refresh - $2 from realm r \
             where r.id = s.realm_id and r.name = $1",
            "update client_session s set started = started - $2, last_refresh = last_refresh - $2 from realm r \
             where r.id = s.realm_id and r.name = $1",
            "update offline_session s set started = started - $2, client_started = client_started - $2, \
             last_refresh = last_refresh - $2 from realm r where r.id = s.realm_id and r.name = $1",
        ] {
            let query = sqlx::query(sql).bind(&self.realm.name).bind(seconds);
            query.execute(&mut db).await.unwrap();
        }
    }

    /// Alice's sessions, as the admin API lists them.
    pub async fn sessions(&self) -> Vec<Value> {
        let path = format!("/users/{}/sessions", self.realm.alice);
        let answer = self.realm.admin.get(&self.realm.path(&path)).await;
        answer.json.as_array().unwrap().clone()
    }

    /// The same with a client, offline.
    pub async fn offline_sessions(&self, client: &str) -> Vec<Value> {
        let path = format!("/users/{}/offline-sessions/{client}", self.realm.alice);
        let answer = self.realm.admin.get(&self.realm.path(&path)).await;
        answer.json.as_array().unwrap().clone()
    }

    /// Ends alice's sessions; her older tokens end with them.
    pub async fn sign_out(&self) {
        let path = self
            .realm
            .path(&format!("/users/{}/logout", self.realm.alice));
        let answer = self.realm.admin.post(&path, Value::Null).await;
        assert_eq!(answer.status, 204);
    }
}
