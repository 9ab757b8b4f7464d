//! What an administrator and people who log in do at a node.

use serde_json::{Value, json};
use testkit::http::{Request, Response};

use crate::node::Node;

/// The client id of the docker-v2 client that [`Node::registry`] makes.
pub const SERVICE: &str = "registry";

/// What the token endpoint answers to a password that is not taken, whatever the reason.
pub const REFUSED: u16 = 400;

impl Node {
    /// An access token of the administrator, kept for later calls.
    pub fn token(&self) -> String {
        let mut token = self.token.lock().unwrap();
        token
            .get_or_insert_with(|| testkit::admin_token(&self.url))
            .clone()
    }

    /// Lets master's access tokens live an hour, and takes such a one.
    pub fn long_token(&self) -> String {
        self.admin(
            "PUT",
            "/master",
            Some(&json!({"accessTokenLifespan": 3600})),
        );
        *self.token.lock().unwrap() = None;
        self.token()
    }

    /// One call of the admin REST API; `path` is below `/admin/realms`.
    pub fn try_admin(&self, method: &str, path: &str, body: Option<&Value>) -> Response {
        let request = Request::new(method, format!("/admin/realms{path}")).bearer(&self.token());
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        request
            .send(&self.url)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}\n{}", self.log()))
    }

    /// One call that has to succeed.
    pub fn admin(&self, method: &str, path: &str, body: Option<&Value>) -> Response {
        let answer = self.try_admin(method, path, body);
        assert!(
            answer.status < 300,
            "{method} {path}: {} {}",
            answer.status,
            answer.text()
        );
        answer
    }

    /// Creates something and returns its id.
    pub fn create(&self, path: &str, body: &Value) -> String {
        let answer = self.admin("POST", path, Some(body));
        answer
            .header("Location")
            .unwrap()
            .rsplit('/')
            .next()
            .unwrap()
            .to_owned()
    }

    pub fn realm(&self, name: &str) {
        self.create("", &json!({"realm": name, "enabled": true}));
    }

    pub fn user(&self, realm: &str, name: &str, password: &str) -> String {
        self.create(&format!("/{realm}/users"), &user(name, password))
    }

    /// Makes a docker-v2 client.
    pub fn registry(&self, realm: &str) -> String {
        self.create(
            &format!("/{realm}/clients"),
            &json!({"clientId": SERVICE, "protocol": "docker-v2"}),
        )
    }

    /// Adds a signing key of this priority.
    pub fn rotate(&self, realm: &str, priority: u32) -> String {
        let id = self.admin("GET", &format!("/{realm}"), None).json()["id"].clone();
        let component = json!({
            "name": format!("rsa-{priority}"),
            "providerId": "rsa-generated",
            "providerType": "org.keycloak.keys.KeyProvider",
            "parentId": id,
            "config": {"priority": [priority.to_string()]},
        });
        self.create(&format!("/{realm}/components"), &component)
    }

    /// The password grant of a realm's `admin-cli`.
    pub fn login(&self, realm: &str, user: &str, password: &str) -> Response {
        let form = password_form(user, password);
        Request::new(
            "POST",
            format!("/realms/{realm}/protocol/openid-connect/token"),
        )
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(form)
        .send(&self.url)
        .unwrap_or_else(|error| panic!("login: {error}\n{}", self.log()))
    }

    /// A docker login.
    pub fn docker(&self, realm: &str, user: &str, password: &str) -> Response {
        docker_request(realm, user, password)
            .send(&self.url)
            .unwrap_or_else(|error| panic!("docker login: {error}\n{}", self.log()))
    }

    /// The key ids that a realm publishes.
    pub fn kids(&self, realm: &str) -> Vec<String> {
        let answer = self.get(&format!("/realms/{realm}/protocol/openid-connect/certs"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let keys = answer.json()["keys"].clone();
        keys.as_array()
            .unwrap()
            .iter()
            .map(|key| key["kid"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The issuer that discovery names.
    pub fn issuer(&self, realm: &str) -> String {
        let answer = self.get(&format!("/realms/{realm}/.well-known/openid-configuration"));
        answer.json()["issuer"].as_str().unwrap().to_owned()
    }
}

/// A user who can log in.
pub fn user(name: &str, password: &str) -> Value {
    json!({
        "username": name,
        "enabled": true,
        "email": format!("{name}@example.org"),
        "firstName": name,
        "lastName": "Example",
        "credentials": [{"type": "password", "value": password, "temporary": false}],
    })
}

/// The body of a password grant.
pub fn password_form(user: &str, password: &str) -> String {
    format!("grant_type=password&client_id=admin-cli&username={user}&password={password}")
}

/// A docker login, to be sent.
pub fn docker_request(realm: &str, user: &str, password: &str) -> Request {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    let credentials = BASE64_STANDARD.encode(format!("{user}:{password}"));
    Request::new("GET", docker_path(realm)).header("Authorization", format!("Basic {credentials}"))
}

/// Where a docker login goes.
pub fn docker_path(realm: &str) -> String {
    format!(
        "/realms/{realm}/protocol/docker-v2/auth?service={SERVICE}&scope=repository:app:pull,push"
    )
}
