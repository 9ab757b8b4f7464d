//! The server of this run, and the few calls that every test makes.

use std::sync::OnceLock;
use std::sync::mpsc::channel;

use protocol::{Protocols, State};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use server::app;
use server::settings::{Secret, Settings};
use store::dev_cluster::{DevCluster, Durability};

/// A server in this process.
pub struct Server {
    /// Its address, no slash at the end.
    pub url: String,
    /// The parts that its requests share.
    pub state: actix_web::web::Data<State>,
}

/// The server that tests share. It lives on a runtime of its own: each test's runtime ends with the test.
pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| start("shared", &server::protocols::PROTOCOLS, Settings::default()))
}

/// Another server, on a database of its own in the same cluster.
pub fn start(
    database: &'static str,
    protocols: &'static Protocols,
    mut settings: Settings,
) -> Server {
    settings.http.host = "127.0.0.1".to_owned();
    settings.http.port = 0;
    // Hundreds of tests hash passwords at once; what was judged and counted should be answered, too.
    settings.http.request_timeout = 60;
    settings.management = server::settings::Management {
        host: "127.0.0.1".to_owned(),
        port: 0,
    };
    settings.seal.key = Some(Secret::new(
        "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=".to_owned(),
    ));
    settings.outbound.allow_private.get_or_insert(true);
    settings.bootstrap.admin_username = Some("admin".to_owned());
    settings.bootstrap.admin_password = Some(Secret::new("admin".to_owned()));
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let options = cluster().database(database).await.unwrap();
            let running = app::build(settings, options, protocols).await.unwrap();
            running.ready().await.unwrap();
            let url = format!("http://localhost:{}", running.http.port());
            tell.send(Server {
                url,
                state: running.state.clone(),
            })
            .ok();
            std::future::pending::<()>().await;
        });
    });
    told.recv().expect("the server did not start")
}

/// One cluster a run. It is never dropped; Postgres ends with this process.
fn cluster() -> &'static DevCluster {
    static CLUSTER: OnceLock<DevCluster> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let temp = std::env::temp_dir();
        // Several runs may go on at once; what is left of one that has ended is of no use.
        for folder in std::fs::read_dir(&temp).unwrap().filter_map(Result::ok) {
            let name = folder.file_name().into_string().unwrap_or_default();
            let pid = name.strip_prefix("realmkeep-api-tests.");
            if pid.is_some_and(|pid| !std::path::Path::new("/proc").join(pid).exists()) {
                std::fs::remove_dir_all(folder.path()).ok();
            }
        }
        let dir = temp.join(format!("realmkeep-api-tests.{}", std::process::id()));
        DevCluster::start(&dir, None, Durability::None).unwrap()
    })
}

/// A caller of the admin API.
#[derive(Clone)]
pub struct Admin {
    http: Client,
    base: String,
    token: String,
}

impl Admin {
    /// The administrator of realm master.
    pub async fn master() -> Self {
        let server = server();
        let token = login(&server.url, "master", "admin", "admin").await;
        Self {
            http: Client::new(),
            base: server.url.clone(),
            token,
        }
    }

    /// Somebody with a token.
    pub fn with_token(token: &str) -> Self {
        Self {
            http: Client::new(),
            base: server().url.clone(),
            token: token.to_owned(),
        }
    }

    /// A call below `/admin/realms`; `path` begins with a slash, or is empty.
    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let url = format!("{}/admin/realms{path}", self.base);
        patiently(|| {
            let request = self.http.request(method.clone(), &url);
            let request = request.bearer_auth(&self.token);
            match &body {
                Some(body) => request.json(body),
                None => request,
            }
        })
        .await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.call(Method::PUT, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path, None).await
    }

    /// The body of a `GET` as it came.
    pub async fn bytes(&self, path: &str) -> Vec<u8> {
        let url = format!("{}/admin/realms{path}", self.base);
        let request = self.http.get(url).bearer_auth(&self.token);
        let response = request.send().await.unwrap();
        response.bytes().await.unwrap().to_vec()
    }

    /// Makes something and gives its id, the last part of `Location`.
    pub async fn create(&self, path: &str, body: Value) -> String {
        let answer = self.post(path, body).await;
        assert_eq!(answer.status, 201, "{path}: {}", answer.json);
        answer.location.rsplit('/').next().unwrap().to_owned()
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Null where the body is no JSON.
    pub json: Value,
    pub text: String,
    pub location: String,
    pub headers: reqwest::header::HeaderMap,
}

impl Answer {
    pub async fn read(response: Response) -> Self {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let location = headers
            .get("location")
            .map(|l| l.to_str().unwrap().to_owned())
            .unwrap_or_default();
        let text = response.text().await.unwrap();
        Self {
            status,
            json: serde_json::from_str(&text).unwrap_or_default(),
            text,
            location,
            headers,
        }
    }
}

/// A realm of one test's own, with a registry client `reg` and a user `alice` whose password is `secret`.
pub struct Realm {
    pub name: String,
    pub admin: Admin,
    pub alice: String,
    pub registry: String,
}

impl Realm {
    pub async fn new() -> Self {
        Self::with(json!({})).await
    }

    /// With settings of its own.
    pub async fn with(settings: Value) -> Self {
        let admin = Admin::master().await;
        let name = format!("r-{}", uuid::Uuid::new_v4().simple());
        let mut rep = json!({ "realm": name, "enabled": true });
        rep.as_object_mut()
            .unwrap()
            .extend(settings.as_object().unwrap().clone());
        let made = admin.post("", rep).await;
        assert_eq!(made.status, 201, "{}", made.json);
        let alice = admin
            .create(&format!("/{name}/users"), person("alice"))
            .await;
        let registry = admin
            .create(
                &format!("/{name}/clients"),
                json!({ "clientId": "reg", "protocol": "docker-v2" }),
            )
            .await;
        Self {
            name,
            admin,
            alice,
            registry,
        }
    }

    /// A path below the realm in the admin API.
    pub fn path(&self, below: &str) -> String {
        format!("/{}{below}", self.name)
    }

    /// Another user, with password `secret` and these roles of `realm-management`; an [`Admin`] with a token of theirs.
    pub async fn administrator(&self, name: &str, roles: &[&str]) -> Admin {
        let id = self.admin.create(&self.path("/users"), person(name)).await;
        let clients = self
            .admin
            .get(&self.path("/clients?clientId=realm-management"))
            .await;
        let client = clients.json[0]["id"].as_str().unwrap().to_owned();
        let mut reps = Vec::new();
        for role in roles {
            reps.push(
                self.admin
                    .get(&self.path(&format!("/clients/{client}/roles/{role}")))
                    .await
                    .json,
            );
        }
        let path = self.path(&format!("/users/{id}/role-mappings/clients/{client}"));
        assert_eq!(self.admin.post(&path, Value::Array(reps)).await.status, 204);
        Admin::with_token(&login(&server().url, &self.name, name, "secret").await)
    }

    /// A docker token request; `query` after `service=reg`.
    pub async fn docker(&self, user: &str, password: &str, query: &str) -> Answer {
        self.docker_by(&Client::new(), user, password, query).await
    }

    /// The same by a client that is there already: to make one takes long, and the server waits for nobody who has
    /// connected and says nothing.
    pub async fn docker_by(
        &self,
        client: &Client,
        user: &str,
        password: &str,
        query: &str,
    ) -> Answer {
        let url = format!(
            "{}/realms/{}/protocol/docker-v2/auth?service=reg{query}",
            server().url,
            self.name
        );
        let request = client.get(url).basic_auth(user, Some(password));
        Answer::read(request.send().await.unwrap()).await
    }
}

/// A user with a whole profile and password `secret`.
pub fn person(name: &str) -> Value {
    json!({
        "username": name, "enabled": true, "email": format!("{name}@example.test"), "firstName": name, "lastName": "Test",
        "credentials": [{ "type": "password", "value": "secret", "temporary": false }]
    })
}

/// An access token by the password grant of `admin-cli`.
pub async fn login(base: &str, realm: &str, user: &str, password: &str) -> String {
    let answer = token(
        base,
        realm,
        &[
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", user),
            ("password", password),
        ],
    )
    .await;
    assert_eq!(answer.status, StatusCode::OK.as_u16(), "{}", answer.json);
    answer.json["access_token"].as_str().unwrap().to_owned()
}

/// A call of the token endpoint.
pub async fn token(base: &str, realm: &str, form: &[(&str, &str)]) -> Answer {
    let url = format!("{base}/realms/{realm}/protocol/openid-connect/token");
    patiently(|| Client::new().post(&url).form(form)).await
}

/// Sends a request. While other tests keep all hashing busy it is told to come again, and does.
pub async fn patiently(request: impl Fn() -> RequestBuilder) -> Answer {
    loop {
        let answer = Answer::read(request().send().await.unwrap()).await;
        if answer.status != 503 {
            return answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}

/// The claims of a token, unverified.
pub fn claims(token: &str) -> Value {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let body = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap()
}
