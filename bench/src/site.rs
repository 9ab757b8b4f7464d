//! A server under load, ours or Keycloak: what is made in it beforehand, and the requests it gets. Both are driven by the same calls.

use std::net::{SocketAddr, ToSocketAddrs as _};

use anyhow::{Context as _, Result, bail, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::http::{Answer, Connection, request};

pub const REALM: &str = "bench";
pub const PASSWORD: &str = "correct horse battery";
/// People that log in.
pub const USERS: usize = 64;

/// The secret of client `machine`.
const SECRET: &str = "the-secret-of-a-machine";
const CALLBACK: &str = "http://app.test/cb";
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

/// Where a server is, and who administers it.
#[derive(Clone)]
pub struct Site {
    pub address: SocketAddr,
    pub host: String,
    /// Path before `/realms`.
    base: String,
    admin: (String, String),
    /// Its process, when it is on this machine and ours.
    pub pid: Option<u32>,
}

impl Site {
    pub fn ours(port: u16, pid: u32) -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            host: format!("localhost:{port}"),
            base: String::new(),
            admin: ("admin".to_owned(), "admin".to_owned()),
            pid: Some(pid),
        }
    }

    /// The Keycloak that `KEYCLOAK_URL` names (`http://host:port[/path]`), its administrator from
    /// `KC_BOOTSTRAP_ADMIN_USERNAME` and `KC_BOOTSTRAP_ADMIN_PASSWORD`, else admin/admin.
    pub fn keycloak() -> Result<Option<Self>> {
        let Ok(url) = std::env::var("KEYCLOAK_URL") else {
            return Ok(None);
        };
        let rest = url
            .trim_end_matches('/')
            .strip_prefix("http://")
            .context("KEYCLOAK_URL must begin with http://")?;
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let address = host
            .to_socket_addrs()
            .ok()
            .and_then(|mut all| all.find(|a| std::net::TcpStream::connect(a).is_ok()))
            .with_context(|| format!("nobody answers at KEYCLOAK_URL {url}"))?;
        let or_admin = |name| std::env::var(name).unwrap_or_else(|_| "admin".to_owned());
        Ok(Some(Self {
            address,
            host: host.to_owned(),
            base: path.to_owned(),
            admin: (
                or_admin("KC_BOOTSTRAP_ADMIN_USERNAME"),
                or_admin("KC_BOOTSTRAP_ADMIN_PASSWORD"),
            ),
            pid: None,
        }))
    }

    /// A realm with a registry's client and people with passwords; whatever was there of it before goes.
    pub async fn prepare(&self) -> Result<()> {
        let mut admin = Admin::login(self).await?;
        admin
            .call("DELETE", &format!("/{REALM}"), &Value::Null, &[204, 404])
            .await?;
        admin
            .call(
                "POST",
                "",
                &json!({ "realm": REALM, "enabled": true }),
                &[201],
            )
            .await?;
        let registry = json!({ "clientId": "registry", "protocol": "docker-v2", "enabled": true });
        admin
            .call("POST", &format!("/{REALM}/clients"), &registry, &[201])
            .await?;
        for number in 0..USERS {
            let user = json!({
                "username": format!("user{number}"), "enabled": true, "emailVerified": true,
                "email": format!("user{number}@example.org"), "firstName": "A", "lastName": "User",
                "credentials": [{ "type": "password", "value": PASSWORD, "temporary": false }]
            });
            admin
                .call("POST", &format!("/{REALM}/users"), &user, &[201])
                .await?;
        }
        Ok(())
    }

    /// Takes away what [`Site::prepare`] made.
    pub async fn clear(&self) -> Result<()> {
        Admin::login(self)
            .await?
            .call("DELETE", &format!("/{REALM}"), &Value::Null, &[204])
            .await
            .map(drop)
    }

    /// What a registry's client sends: the password of a user, for pushing to a repository.
    pub fn docker_token(&self, user: usize) -> Vec<u8> {
        let basic = STANDARD.encode(format!("user{user}:{PASSWORD}"));
        self.get(
            &format!(
                "/realms/{REALM}/protocol/docker-v2/auth?account=user{user}&scope=repository%3Asamalba%2Fmy-app%3Apull%2Cpush&service=registry"
            ),
            &[("Authorization", &format!("Basic {basic}"))],
        )
    }

    pub fn certs(&self) -> Vec<u8> {
        self.get(
            &format!("/realms/{REALM}/protocol/openid-connect/certs"),
            &[],
        )
    }

    pub fn discovery(&self) -> Vec<u8> {
        self.get(
            &format!("/realms/{REALM}/.well-known/openid-configuration"),
            &[],
        )
    }

    /// Logs one user in after the other, and asks for each of these sessions to be refreshed.
    pub async fn refreshes(&self, sessions: usize) -> Result<Vec<Vec<u8>>> {
        let mut connection = Connection::open(self.address).await?;
        let mut requests = Vec::new();
        for user in 0..sessions {
            let login = format!(
                "grant_type=password&client_id=admin-cli&scope=openid&username=user{user}&password={}",
                PASSWORD.replace(' ', "+")
            );
            let answer = connection.send(&self.token(REALM, &login)).await?;
            let tokens = json_of(&connection, &answer, &[200])?;
            let refresh = text(&tokens, "refresh_token")?;
            requests.push(self.token(
                REALM,
                &format!("grant_type=refresh_token&client_id=admin-cli&refresh_token={refresh}"),
            ));
        }
        Ok(requests)
    }

    /// Clients that people and machines sign in with: `app` (public, for codes and passwords), `machine` (with a secret,
    /// for itself), and both may look at each other's tokens.
    pub async fn prepare_sign_in(&self) -> Result<()> {
        let mut admin = Admin::login(self).await?;
        let audience = json!({ "name": "audience", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper",
            "config": { "included.client.audience": "machine", "access.token.claim": "true" } });
        for client in [
            json!({ "clientId": "app", "publicClient": true, "directAccessGrantsEnabled": true, "standardFlowEnabled": true,
                "redirectUris": [CALLBACK], "protocolMappers": [audience] }),
            json!({ "clientId": "machine", "secret": SECRET, "serviceAccountsEnabled": true }),
        ] {
            admin
                .call("POST", &format!("/{REALM}/clients"), &client, &[201])
                .await?;
        }
        Ok(())
    }

    pub fn client_credentials(&self) -> Vec<u8> {
        self.token(
            REALM,
            &format!("grant_type=client_credentials&client_id=machine&client_secret={SECRET}"),
        )
    }

    pub fn password_grant(&self, user: usize) -> Vec<u8> {
        let password = PASSWORD.replace(' ', "+");
        self.token(
            REALM,
            &format!("grant_type=password&client_id=app&scope=openid&username=user{user}&password={password}"),
        )
    }

    /// Logs users in, one after the other; their answers of the token endpoint.
    pub async fn tokens(&self, sessions: usize) -> Result<Vec<Value>> {
        let mut connection = Connection::open(self.address).await?;
        let mut tokens = Vec::new();
        for user in 0..sessions {
            let answer = connection.send(&self.password_grant(user)).await?;
            tokens.push(json_of(&connection, &answer, &[200])?);
        }
        Ok(tokens)
    }

    pub fn refresh(&self, tokens: &Value) -> Result<Vec<u8>> {
        let token = text(tokens, "refresh_token")?;
        let form = format!("grant_type=refresh_token&client_id=app&refresh_token={token}");
        Ok(self.token(REALM, &form))
    }

    pub fn introspection(&self, tokens: &Value) -> Result<Vec<u8>> {
        let token = text(tokens, "access_token")?;
        Ok(request(
            "POST",
            &self.host,
            &format!(
                "{}/realms/{REALM}/protocol/openid-connect/token/introspect",
                self.base
            ),
            &[FORM],
            &format!("client_id=machine&client_secret={SECRET}&token={token}"),
        ))
    }

    pub fn userinfo(&self, tokens: &Value) -> Result<Vec<u8>> {
        let bearer = format!("Bearer {}", text(tokens, "access_token")?);
        Ok(self.get(
            &format!("/realms/{REALM}/protocol/openid-connect/userinfo"),
            &[("Authorization", &bearer)],
        ))
    }

    /// The login page of client `app`.
    pub fn login_page(&self) -> Vec<u8> {
        self.get(
            &format!("/realms/{REALM}/protocol/openid-connect/auth?client_id=app&response_type=code&scope=openid&redirect_uri={CALLBACK}"),
            &[],
        )
    }

    /// Sends a user's password to where the login page says.
    pub fn login_form(&self, target: &str, cookies: &str, user: usize) -> Vec<u8> {
        let body = format!(
            "username=user{user}&password={}",
            PASSWORD.replace(' ', "+")
        );
        request(
            "POST",
            &self.host,
            target,
            &[FORM, ("Cookie", cookies)],
            &body,
        )
    }

    pub fn redemption(&self, code: &str) -> Vec<u8> {
        let form = format!(
            "grant_type=authorization_code&client_id=app&redirect_uri={CALLBACK}&code={code}"
        );
        self.token(REALM, &form)
    }

    /// A path that answers 200 only when realms are served.
    pub fn first(&self) -> Vec<u8> {
        self.get("/realms/master/protocol/openid-connect/certs", &[])
    }

    fn get(&self, path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
        request(
            "GET",
            &self.host,
            &format!("{}{path}", self.base),
            headers,
            "",
        )
    }

    fn token(&self, realm: &str, form: &str) -> Vec<u8> {
        request(
            "POST",
            &self.host,
            &format!("{}/realms/{realm}/protocol/openid-connect/token", self.base),
            &[FORM],
            form,
        )
    }
}

/// A connection with the administrator's token. Good for a minute, as that token is.
pub struct Admin<'a> {
    site: &'a Site,
    connection: Connection,
    bearer: String,
}

impl<'a> Admin<'a> {
    pub async fn login(site: &'a Site) -> Result<Self> {
        let (name, password) = &site.admin;
        let form =
            format!("grant_type=password&client_id=admin-cli&username={name}&password={password}");
        let mut connection = Connection::open(site.address).await?;
        let answer = connection.send(&site.token("master", &form)).await?;
        let tokens = json_of(&connection, &answer, &[200])?;
        let bearer = format!("Bearer {}", text(&tokens, "access_token")?);
        Ok(Self {
            site,
            connection,
            bearer,
        })
    }

    /// Requests with this token, for whoever sends them.
    pub fn caller(&self) -> Caller {
        Caller {
            site: self.site.clone(),
            bearer: self.bearer.clone(),
        }
    }

    /// A call below `/admin/realms`.
    ///
    /// # Errors
    /// When the answer has none of the statuses given.
    pub async fn call(
        &mut self,
        method: &str,
        path: &str,
        body: &Value,
        statuses: &[u16],
    ) -> Result<Value> {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let request = self.caller().request(method, path, &body);
        let answer = self.connection.send(&request).await?;
        json_of(&self.connection, &answer, statuses)
            .with_context(|| format!("{method} {path} at {}", self.site.host))
    }
}

/// An administrator's token, and where it is good.
#[derive(Clone)]
pub struct Caller {
    site: Site,
    bearer: String,
}

impl Caller {
    /// How long the token is, in bytes.
    pub fn token_length(&self) -> usize {
        self.bearer.len() - "Bearer ".len()
    }

    /// The bytes of a request below `/admin/realms`.
    pub fn request(&self, method: &str, path: &str, body: &str) -> Vec<u8> {
        request(
            method,
            &self.site.host,
            &format!("{}/admin/realms{path}", self.site.base),
            &[
                ("Authorization", &self.bearer),
                ("Content-Type", "application/json"),
            ],
            body,
        )
    }
}

fn json_of(connection: &Connection, answer: &Answer, statuses: &[u16]) -> Result<Value> {
    let body = connection.body(answer);
    ensure!(
        statuses.contains(&answer.status),
        "answered {}: {}",
        answer.status,
        String::from_utf8_lossy(body)
    );
    Ok(serde_json::from_slice(body).unwrap_or_default())
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str> {
    match value[name].as_str() {
        Some(text) => Ok(text),
        None => bail!("no {name} in {value}"),
    }
}
