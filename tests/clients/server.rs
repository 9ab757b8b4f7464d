//! The identity server under test, and what an administrator does there.

use std::{
    path::PathBuf,
    process::Command,
    sync::{LazyLock, OnceLock},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::{Certificate, Method, StatusCode};
use serde_json::{Value, json};
use store::dev_cluster::DevCluster;
use tokio::runtime::Runtime;

use crate::{
    pki,
    process::{Folder, Service, free_port},
};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// A running server: ours, or with `KEYCLOAK_URL` a Keycloak with the docker feature.
pub struct Server {
    pub url: String,
    /// Where it speaks TLS with the certificate of [`pki`].
    pub https: Option<String>,
    pub keycloak: bool,
    http: reqwest::Client,
    _service: Option<Service>,
}

/// An answer, read whole.
pub struct Answer {
    pub status: StatusCode,
    pub location: String,
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// The server of this run, started by the first test that needs it.
pub fn server() -> &'static Server {
    static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();
    SERVER
        .get_or_init(Server::start)
        .as_ref()
        .unwrap_or_else(|error| panic!("no server to test: {error}"))
}

impl Server {
    fn start() -> Result<Self, String> {
        let pki = pki::pki();
        let http = reqwest::Client::builder()
            .tls_certs_merge([Certificate::from_pem(pki.ca_pem.as_bytes()).unwrap()])
            .no_proxy()
            .build()
            .unwrap();
        if let Ok(url) = std::env::var("KEYCLOAK_URL") {
            return Ok(Self {
                url: url.trim_end_matches('/').to_owned(),
                https: None,
                keycloak: true,
                http,
                _service: None,
            });
        }
        let (port, management, tls) = (free_port(), free_port(), free_port());
        let folder = Folder::new();
        let mut command = Command::new(binary()?);
        command
            .args(["start-dev", "--http-host", "127.0.0.1"])
            .args(["--http-port", &port.to_string()])
            .args(["--management-port", &management.to_string()])
            .arg("--data-dir")
            .arg(folder.join("data"))
            .env("KC_HTTPS_PORT", tls.to_string())
            .env("KC_HTTPS_CERTIFICATE_FILE", &pki.certificate)
            .env("KC_HTTPS_CERTIFICATE_KEY_FILE", &pki.key);
        let mut service = Service::start(folder, command);
        let ready = format!("http://localhost:{management}/health/ready");
        service.wait(|_| answers(&http, &ready))?;
        Ok(Self {
            url: format!("http://localhost:{port}"),
            https: Some(format!("https://localhost:{tls}")),
            keycloak: false,
            http,
            _service: Some(service),
        })
    }

    /// Whether an address answers 200, of any server.
    pub fn answers(&self, url: &str) -> Option<()> {
        answers(&self.http, url)
    }

    /// Sends a request; `bearer` and `body` where given.
    pub fn send(&self, method: Method, url: &str, bearer: &str, body: Option<&Value>) -> Answer {
        let mut request = self.http.request(method, url);
        if !bearer.is_empty() {
            request = request.bearer_auth(bearer);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        read(request)
    }

    /// An access token of the administrator, good at the base that issued it. Keycloak's live a
    /// minute, so each call takes its own.
    fn token(&self, base: &str) -> String {
        self.token_at(base, "admin-cli")
    }

    /// The same by another public client of master.
    pub fn token_at(&self, base: &str, client: &str) -> String {
        let url = format!("{base}/realms/master/protocol/openid-connect/token");
        let (user, password) = administrator();
        let answer = read(self.http.post(url).form(&[
            ("grant_type", "password"),
            ("client_id", client),
            ("username", &user),
            ("password", &password),
        ]));
        assert_eq!(answer.status, 200, "admin's token: {}", answer.body);
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// One call of the admin REST API, which has to succeed; `path` is below `/admin/realms`.
    pub fn admin(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let url = format!("{}/admin/realms{path}", self.url);
        let answer = self.send(method.clone(), &url, &self.token(&self.url), body);
        assert!(
            answer.status.is_success(),
            "{method} {path}: {} {}",
            answer.status,
            answer.body
        );
        answer
    }

    /// What the docker endpoint of a realm says to a user.
    pub fn docker_token(&self, realm: &str, user: &str, password: &str, scope: &str) -> Answer {
        self.docker_token_of(SERVICE, realm, Some((user, password)), scope)
    }

    /// The same of another service, to a user or to nobody.
    pub fn docker_token_of(
        &self,
        service: &str,
        realm: &str,
        user: Option<(&str, &str)>,
        scope: &str,
    ) -> Answer {
        let url = format!("{}/realms/{realm}/protocol/docker-v2/auth", self.url);
        let mut request = self.http.get(url);
        if let Some((user, password)) = user {
            request = request.basic_auth(user, Some(password));
        }
        read(request.query(&[("service", service), ("scope", scope)]))
    }

    /// Sends a form without credentials.
    pub fn form(&self, url: &str, form: &[(&str, &str)]) -> Answer {
        read(self.http.post(url).form(form))
    }

    /// Changes something in the database behind a server of ours.
    pub fn sql(&self, sql: &str) {
        let service = self._service.as_ref().unwrap();
        let data = service.folder().join("data");
        RUNTIME.block_on(async {
            let database = DevCluster::running(&data, "realmkeep").unwrap();
            let mut database = database.connect().await.unwrap();
            let sql = sqlx::AssertSqlSafe(sql.to_owned());
            sqlx::query(sql).execute(&mut database).await.unwrap();
        });
    }

    /// Fetches without credentials.
    pub fn get(&self, url: &str, bearer: &str) -> Answer {
        self.send(Method::GET, url, bearer, None)
    }
}

fn answers(http: &reqwest::Client, url: &str) -> Option<()> {
    let answer = RUNTIME.block_on(http.get(url).send()).ok()?;
    (answer.status() == 200).then_some(())
}

fn read(request: reqwest::RequestBuilder) -> Answer {
    RUNTIME.block_on(async {
        let answer = request.send().await.unwrap();
        let location = answer.headers().get("location");
        Answer {
            status: answer.status(),
            location: location
                .map(|value| value.to_str().unwrap().to_owned())
                .unwrap_or_default(),
            body: answer.text().await.unwrap(),
        }
    })
}

/// The server's program: `REALMKEEP_BIN`, or the one built beside the tests.
pub fn binary() -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os("REALMKEEP_BIN") {
        return Ok(path.into());
    }
    let tests = std::env::current_exe().unwrap();
    let path = tests.ancestors().nth(2).unwrap().join("realmkeep");
    match path.is_file() {
        true => Ok(path),
        false => Err("cargo build -p realmkeep-server makes it".into()),
    }
}

/// The administrator's name and password: those of `start-dev`, or of the Keycloak under test by
/// `KEYCLOAK_ADMIN` and `KEYCLOAK_PASSWORD`.
pub fn administrator() -> (String, String) {
    let value = |name| std::env::var(name).unwrap_or_else(|_| "admin".into());
    (value("KEYCLOAK_ADMIN"), value("KEYCLOAK_PASSWORD"))
}

/// The client id that every registry here has, the same in all realms.
pub const SERVICE: &str = "registry";

/// A realm with one docker-v2 client, made by the admin REST API; goes when it is dropped.
pub struct Realm {
    pub name: String,
    client: String,
}

impl Realm {
    /// Makes the realm and its client; the name starts with `prefix` and is like no other.
    pub fn new(prefix: &str) -> Self {
        let client = json!({"clientId": SERVICE, "protocol": "docker-v2", "enabled": true});
        Self::of(prefix, json!({"clients": [client]}))
    }

    /// The same of a realm file, in which the registry is the client `registry`.
    pub fn of(prefix: &str, mut file: Value) -> Self {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let name = format!("{prefix}-{}", &id[..8]);
        file["realm"] = json!(name);
        file["enabled"] = json!(true);
        server().admin(Method::POST, "", Some(&file));
        let path = format!("/{name}/clients?clientId={SERVICE}");
        let clients = server().admin(Method::GET, &path, None).json();
        let client = clients[0]["id"].as_str().unwrap().to_owned();
        Self { name, client }
    }

    /// Creates something and returns its id.
    fn create(&self, what: &str, body: &Value) -> String {
        let path = format!("/{}/{what}", self.name);
        let answer = server().admin(Method::POST, &path, Some(body));
        answer.location.rsplit('/').next().unwrap().to_owned()
    }

    /// Adds a user who can log in.
    pub fn user(&self, name: &str, password: &str) {
        let body = json!({
            "username": name,
            "enabled": true,
            "email": format!("{name}@{}.example", self.name),
            "firstName": name,
            "lastName": "Example",
            "credentials": [{"type": "password", "value": password, "temporary": false}],
        });
        self.create("users", &body);
    }

    /// Changes the client.
    pub fn change_client(&self, change: &Value) {
        let path = format!("/{}/clients/{}", self.name, self.client);
        server().admin(Method::PUT, &path, Some(change));
    }

    /// What an installation provider of the client says to a caller at `base`.
    pub fn installation(&self, base: &str, provider: &str) -> String {
        let (realm, client) = (&self.name, &self.client);
        let url = format!(
            "{base}/admin/realms/{realm}/clients/{client}/installation/providers/{provider}"
        );
        let answer = server().send(Method::GET, &url, &server().token(base), None);
        assert_eq!(answer.status, 200, "{provider}: {}", answer.body);
        answer.body
    }

    /// The certificates that a registry of this realm trusts, as PEM.
    pub fn trust(&self) -> String {
        match server().keycloak {
            false => self.installation(&server().url, "docker-v2-ca-bundle"),
            // Keycloak has no such file; its users copy the certificate of the active key.
            true => {
                let keys = self.keys();
                let active = &keys["active"]["RS256"];
                let mut keys = keys["keys"].as_array().unwrap().iter();
                let key = keys.find(|key| key["kid"] == *active).unwrap();
                let der = BASE64_STANDARD.decode(key["certificate"].as_str().unwrap());
                pki::pem("CERTIFICATE", &der.unwrap())
            }
        }
    }

    /// `GET /admin/realms/{realm}/keys`.
    pub fn keys(&self) -> Value {
        let path = format!("/{}/keys", self.name);
        server().admin(Method::GET, &path, None).json()
    }

    /// The id of the key that signs with an algorithm.
    pub fn active(&self, algorithm: &str) -> String {
        let kid = &self.keys()["active"][algorithm];
        kid.as_str().unwrap().to_owned()
    }

    /// Adds a key of higher priority, and returns the id of the key that signs from now on.
    pub fn rotate(&self, priority: u32) -> String {
        self.rotate_as("RS256", "rsa-generated", priority)
    }

    /// The same with a key of this algorithm from this provider.
    pub fn rotate_as(&self, algorithm: &str, provider: &str, priority: u32) -> String {
        let realm = server().admin(Method::GET, &format!("/{}", self.name), None);
        let component = json!({
            "name": format!("{provider}-{priority}"),
            "providerId": provider,
            "providerType": "org.keycloak.keys.KeyProvider",
            "parentId": realm.json()["id"],
            "config": {"priority": [priority.to_string()]},
        });
        self.create("components", &component);
        self.active(algorithm)
    }
}

impl Drop for Realm {
    fn drop(&mut self) {
        let path = format!("/{}", self.name);
        let delete = || server().admin(Method::DELETE, &path, None);
        // A second panic while a test fails would end the whole run.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(delete));
    }
}
