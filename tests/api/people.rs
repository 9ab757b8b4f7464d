//! Users of a test's realm, as those who call and those who are called about.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Admin, Answer, Realm, claims, login, person, server};

/// The body of every refusal of the permission gate.
pub fn forbidden() -> Value {
    json!({ "error": "HTTP 403 Forbidden" })
}

/// The admin API of one realm, for one caller; paths begin below the realm.
pub struct Api {
    admin: Admin,
    token: String,
    path: String,
    /// The caller's id.
    pub user: String,
    /// The caller's session.
    pub session: String,
}

impl Api {
    fn new(token: String, realm: &Realm) -> Self {
        let claims = claims(&token);
        let text = |name: &str| claims[name].as_str().unwrap().to_owned();
        Self {
            admin: Admin::with_token(&token),
            path: realm.path(""),
            user: text("sub"),
            session: text("sid"),
            token,
        }
    }

    /// The path of the realm below `/admin/realms`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The caller's access token.
    pub fn token(&self) -> &str {
        &self.token
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &Value::Null).await
    }

    /// A call; null is no body.
    pub async fn send(&self, method: &str, path: &str, body: &Value) -> Answer {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let body = (!body.is_null()).then(|| body.clone());
        self.admin
            .call(method, &format!("{}{path}", self.path), body)
            .await
    }

    /// `PUT` of plain text.
    pub async fn put_text(&self, path: &str, text: &str) -> Answer {
        let url = format!("{}/admin/realms{}{path}", server().url, self.path);
        let request = reqwest::Client::new()
            .put(url)
            .bearer_auth(&self.token)
            .header("Content-Type", "text/plain");
        Answer::read(request.body(text.to_owned()).send().await.unwrap()).await
    }
}

/// A realm with people in it.
pub struct People {
    realm: Realm,
    /// The administrator of the server.
    pub api: Api,
}

impl People {
    pub async fn new() -> Self {
        let realm = Realm::new().await;
        let api = Api::new(
            login(&server().url, "master", "admin", "admin").await,
            &realm,
        );
        Self { realm, api }
    }

    /// A new user's id.
    pub async fn user(&self, name: &str) -> String {
        self.realm
            .admin
            .create(&self.realm.path("/users"), person(name))
            .await
    }

    /// A new user's id, with one role of `realm-management`.
    pub async fn holder(&self, name: &str, role: &str) -> String {
        let user = self.user(name).await;
        let client = self.client("realm-management").await;
        let path = format!("/users/{user}/role-mappings/clients/{client}");
        let role = self.management_role(role).await;
        let answer = self.api.send("POST", &path, &json!([role])).await;
        assert_eq!(answer.status, 204, "{}", answer.json);
        user
    }

    pub async fn login(&self, name: &str) -> Api {
        Api::new(
            login(&server().url, &self.realm.name, name, "secret").await,
            &self.realm,
        )
    }

    /// A user of master with one role of master's client for this realm.
    pub async fn delegate(&self, role: &str) -> Api {
        let admin = &self.realm.admin;
        let name = format!("{}-{role}", self.realm.name);
        let user = admin.create("/master/users", person(&name)).await;
        let clients = admin
            .get(&format!(
                "/master/clients?clientId={}-realm",
                self.realm.name
            ))
            .await;
        let client = clients.json[0]["id"].as_str().unwrap();
        let role = admin
            .get(&format!("/master/clients/{client}/roles/{role}"))
            .await
            .json;
        let path = format!("/master/users/{user}/role-mappings/clients/{client}");
        assert_eq!(admin.post(&path, json!([role])).await.status, 204);
        Api::new(
            login(&server().url, "master", &name, "secret").await,
            &self.realm,
        )
    }

    /// The uuid of a client.
    pub async fn client(&self, client_id: &str) -> String {
        let found = self
            .api
            .get(&format!("/clients?clientId={client_id}"))
            .await;
        found.json[0]["id"].as_str().unwrap().to_owned()
    }

    /// A role of `realm-management`.
    pub async fn management_role(&self, name: &str) -> Value {
        let client = self.client("realm-management").await;
        self.api
            .get(&format!("/clients/{client}/roles/{name}"))
            .await
            .json
    }
}
