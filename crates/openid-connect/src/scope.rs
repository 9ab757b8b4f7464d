//! Client scopes as far as tokens need them: which a request may have, and which a token names.

use client::Client;
use protocol::{HttpError, ScopeTemplate};

const fn always(name: &'static str) -> ScopeTemplate {
    ScopeTemplate {
        name,
        default: true,
    }
}

const fn on_request(name: &'static str) -> ScopeTemplate {
    ScopeTemplate {
        name,
        default: false,
    }
}

/// In the order in which Keycloak lists them on a new client.
pub(crate) const REALM_SCOPES: &[ScopeTemplate] = &[
    always("web-origins"),
    always("acr"),
    always("roles"),
    always("profile"),
    always("basic"),
    always("email"),
    on_request("address"),
    on_request("phone"),
    on_request("organization"),
    on_request("offline_access"),
    on_request("microprofile-jwt"),
];

/// Scopes that work without being named in a token (`include.in.token.scope=false` in Keycloak).
const UNNAMED: &[&str] = &["web-origins", "acr", "roles", "basic", "service_account"];

/// The scopes of a request, allowed and in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scopes {
    openid: bool,
    names: Vec<String>,
}

impl Scopes {
    /// The client's default scopes and those asked for.
    ///
    /// # Errors
    /// 400 `invalid_scope` when one is asked for that the client does not have.
    pub(crate) fn requested(client: &Client, asked: Option<&str>) -> Result<Self, HttpError> {
        let asked = asked.unwrap_or_default();
        let mut names: Vec<String> = client.default_client_scopes().to_vec();
        let mut openid = false;
        for name in asked.split(' ').filter(|name| !name.is_empty()) {
            if name == "openid" {
                openid = true;
            } else if names.iter().any(|known| known == name) {
            } else if client
                .optional_client_scopes()
                .iter()
                .any(|known| known == name)
                && name != "offline_access"
            {
                names.push(name.to_owned());
            } else {
                return Err(HttpError::oauth(
                    400,
                    "invalid_scope",
                    &format!("Invalid scopes: {asked}"),
                ));
            }
        }
        Ok(Self { openid, names })
    }

    /// Reads what [`Scopes::all`] wrote, leaving out what the client has lost since.
    pub(crate) fn remembered(client: &Client, text: &str) -> Self {
        let has = |name: &&str| {
            client
                .default_client_scopes()
                .iter()
                .chain(client.optional_client_scopes())
                .any(|known| known == name)
        };
        Self {
            openid: text.split(' ').any(|name| name == "openid"),
            names: text.split(' ').filter(has).map(str::to_owned).collect(),
        }
    }

    /// What a refresh asks for, which is not more than it had.
    ///
    /// # Errors
    /// 400 `invalid_scope`.
    pub(crate) fn narrowed(&self, client: &Client, asked: Option<&str>) -> Result<Self, HttpError> {
        let Some(asked) = asked else {
            return Ok(self.clone());
        };
        let requested = Self::requested(client, Some(asked))?;
        if requested.openid && !self.openid
            || requested
                .names
                .iter()
                .any(|name| !self.names.contains(name))
        {
            return Err(HttpError::oauth(
                400,
                "invalid_scope",
                &format!("Invalid scopes: {asked}"),
            ));
        }
        Ok(requested)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    pub(crate) fn openid(&self) -> bool {
        self.openid
    }

    /// All of them, for the refresh token.
    pub(crate) fn all(&self) -> String {
        self.text(|_| true)
    }

    /// Those that an access token names.
    pub(crate) fn named(&self) -> String {
        self.text(|name| !UNNAMED.contains(&name))
    }

    fn text(&self, which: impl Fn(&str) -> bool) -> String {
        let openid = self.openid.then_some("openid");
        let names = self
            .names
            .iter()
            .map(String::as_str)
            .filter(|name| which(name));
        openid
            .into_iter()
            .chain(names)
            .collect::<Vec<_>>()
            .join(" ")
    }
}
