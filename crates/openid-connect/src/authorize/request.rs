//! The authorization request (OpenID Connect Core 1.0 §3.1.2.1): read, and checked as far as it alone can be.

use std::collections::HashMap;

use client::Known;
use protocol::RealmContext;
use serde::{Deserialize, Serialize};

use crate::login_actions::action_token::Link;
use crate::scope::Scopes;

/// The longest parameter that is kept.
const MAX_PARAMETER: usize = 4000;

/// An authorization request whose client and redirect URI are good.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct AuthRequest {
    pub client_id: String,
    pub redirect_uri: String,
    #[serde(default)]
    pub response_type: ResponseType,
    #[serde(default)]
    pub response_mode: ResponseMode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<Challenge>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prompt: Vec<String>,
    /// Seconds since the last sign-in that the client puts up with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_hint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ui_locales: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr_values: Option<String>,
    /// OpenID Connect Core 1.0 §5.5, as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<String>,
    /// The required action that the application asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kc_action: Option<String>,
    /// Of no sign-in: what a link in an e-mail lets its reader do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
    /// Of a sign-in on behalf of a device: the id of its code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

/// RFC 7636 §4.3.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Challenge {
    pub challenge: String,
    pub method: Method,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Method {
    #[serde(rename = "plain")]
    Plain,
    S256,
}

impl Method {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::S256 => "S256",
        }
    }

    fn find(name: &str) -> Option<Self> {
        [Self::Plain, Self::S256]
            .into_iter()
            .find(|method| method.name() == name)
    }
}

/// What the client asks for. Tokens do not come by the front channel here (RFC 9700 §2.1.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ResponseType {
    #[default]
    Code,
    /// Only to sign the user in.
    None,
}

/// How the answer travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ResponseMode {
    #[default]
    Query,
    Fragment,
    FormPost,
}

impl ResponseMode {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Fragment => "fragment",
            Self::FormPost => "form_post",
        }
    }
}

/// What is wrong with a request, to be told to the client.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    pub error: &'static str,
    pub description: Option<String>,
}

impl Fault {
    pub(crate) fn new(error: &'static str) -> Self {
        Self {
            error,
            description: None,
        }
    }

    pub(crate) fn invalid(description: &str) -> Self {
        Self {
            error: "invalid_request",
            description: Some(description.to_owned()),
        }
    }
}

pub(crate) type Parameters = HashMap<String, String>;

/// Where to answer to, if the client may be answered there.
pub(crate) fn redirect_uri(
    ctx: &RealmContext,
    client: &Known,
    parameters: &Parameters,
) -> Option<String> {
    let uri = parameters.get("redirect_uri")?;
    (uri.len() <= MAX_PARAMETER && client::uri::may_redirect(&ctx.request.base, client, uri))
        .then(|| uri.clone())
}

impl AuthRequest {
    /// Where and how to tell the client, whatever else is wrong.
    pub(crate) fn address(client: &Known, redirect_uri: String, parameters: &Parameters) -> Self {
        // Answers of the types that are not spoken here are expected in the fragment.
        let front = parameters
            .get("response_type")
            .is_some_and(|kind| kind.split(' ').any(|part| part.ends_with("token")));
        let mode = match parameters.get("response_mode").map(String::as_str) {
            Some("fragment") => ResponseMode::Fragment,
            Some("form_post") => ResponseMode::FormPost,
            Some("query") => ResponseMode::Query,
            _ if front => ResponseMode::Fragment,
            _ => ResponseMode::Query,
        };
        Self {
            client_id: client.client_id.clone(),
            redirect_uri,
            response_mode: mode,
            state: parameters
                .get("state")
                .filter(|state| state.len() <= MAX_PARAMETER)
                .cloned(),
            ..Self::default()
        }
    }

    /// Reads the rest.
    ///
    /// # Errors
    /// The first fault, in the order in which Keycloak finds them.
    pub(crate) fn complete(
        mut self,
        client: &Known,
        parameters: &Parameters,
    ) -> Result<Self, Box<(Self, Fault)>> {
        match self.fill(client, parameters) {
            Ok(()) => Ok(self),
            Err(fault) => Err(Box::new((self, fault))),
        }
    }

    fn fill(&mut self, client: &Known, parameters: &Parameters) -> Result<(), Fault> {
        let get = |name: &str| {
            parameters
                .get(name)
                .filter(|value| !value.is_empty() && value.len() <= MAX_PARAMETER)
                .cloned()
        };
        let mut kinds: Vec<&str> = parameters
            .get("response_type")
            .ok_or_else(|| Fault::invalid("Missing parameter: response_type"))?
            .split_whitespace()
            .collect();
        kinds.sort_unstable();
        self.response_type = match kinds.as_slice() {
            ["code"] => ResponseType::Code,
            ["none"] => ResponseType::None,
            _ => return Err(Fault::new("unsupported_response_type")),
        };
        let mode = parameters.get("response_mode").map(String::as_str);
        if mode.is_some_and(|mode| !["query", "fragment", "form_post"].contains(&mode)) {
            return Err(Fault::invalid("Invalid parameter: response_mode"));
        }
        if !client.standard_flow_enabled() {
            return Err(Fault {
                error: "unauthorized_client",
                description: Some(
                    "Client is not allowed to initiate browser login with given response_type. \
                     Standard flow is disabled for the client."
                        .to_owned(),
                ),
            });
        }
        self.scope = parameters.get("scope").cloned();
        if let Some(text) = &self.scope
            && (text.len() > MAX_PARAMETER || Scopes::requested(client, Some(text)).is_err())
        {
            return Err(Fault {
                error: "invalid_scope",
                description: Some(format!("Invalid scopes: {text}")),
            });
        }
        self.challenge = challenge(client, parameters)?;
        for (name, value) in [("state", &self.state), ("nonce", &get("nonce"))] {
            if parameters.get(name).is_some_and(|given| !given.is_empty()) && value.is_none() {
                return Err(Fault::invalid(&format!("Invalid parameter: {name}")));
            }
        }
        self.nonce = get("nonce");
        self.prompt = get("prompt")
            .unwrap_or_default()
            .split_whitespace()
            .filter(|word| ["none", "login", "consent", "select_account", "create"].contains(word))
            .map(str::to_owned)
            .collect();
        self.max_age = match get("max_age") {
            None => client
                .attribute("default.max.age")
                .and_then(|text| text.parse().ok()),
            Some(text) => Some(
                text.parse()
                    .ok()
                    .filter(|seconds: &i64| *seconds >= 0)
                    .ok_or_else(|| Fault::invalid("Invalid parameter: max_age"))?,
            ),
        };
        self.login_hint = get("login_hint");
        self.ui_locales = get("ui_locales");
        self.acr_values = get("acr_values");
        self.claims = get("claims");
        self.kc_action = get("kc_action");
        Ok(())
    }

    /// Whether the client wants this (OpenID Connect Core 1.0 §3.1.2.1 `prompt`).
    pub(crate) fn prompts(&self, word: &str) -> bool {
        self.prompt.iter().any(|known| known == word)
    }
}

/// RFC 7636 §4.4.1, and what the client's settings ask for.
pub(crate) fn challenge(
    client: &Known,
    parameters: &Parameters,
) -> Result<Option<Challenge>, Fault> {
    let wanted = client
        .attribute("pkce.code.challenge.method")
        .and_then(Method::find);
    let given = parameters.get("code_challenge_method").map(String::as_str);
    let challenge = parameters.get("code_challenge");
    if let Some(wanted) = wanted {
        let given =
            given.ok_or_else(|| Fault::invalid("Missing parameter: code_challenge_method"))?;
        if given != wanted.name() {
            return Err(Fault::invalid(
                "Invalid parameter: code challenge method is not matching the configured one",
            ));
        }
    }
    let Some(challenge) = challenge else {
        if given.is_some() || wanted.is_some() {
            return Err(Fault::invalid("Missing parameter: code_challenge"));
        }
        return Ok(None);
    };
    let method = match given {
        None => Method::Plain,
        Some(name) => Method::find(name)
            .ok_or_else(|| Fault::invalid("Invalid parameter: code_challenge_method"))?,
    };
    if !is_code_text(challenge) {
        return Err(Fault::invalid("Invalid parameter: code_challenge"));
    }
    Ok(Some(Challenge {
        challenge: challenge.clone(),
        method,
    }))
}

/// What a verifier or a challenge may be made of (RFC 7636 §4.1).
pub(crate) fn is_code_text(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
}
