//! The claims of access, ID and refresh tokens, as seen on Keycloak 26.7.3.

use std::net::IpAddr;

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use client::Known;
use serde_json::{Map, Value, json};
use user::User;
use user::mapping::RoleNames;
use uuid::Uuid;

use crate::mappers::{self, Token};
use crate::scope::Scopes;

/// The client attribute that makes access tokens short: the admin API looks everything else up.
pub(crate) const LIGHTWEIGHT: &str = "client.use.lightweight.access.token.enabled";

/// What the claims are about. `now` in seconds since 1970.
pub(crate) struct About<'a> {
    pub issuer: &'a str,
    pub ip: IpAddr,
    pub client: &'a Known,
    pub user: &'a User,
    /// None for a client's own service account.
    pub session_id: Option<&'a str>,
    /// Those in force: [`Scopes::permitted`].
    pub scopes: &'a Scopes<'a>,
    /// Those that the token may carry: [`Scopes::roles`].
    pub roles: &'a RoleNames,
    /// The paths of the user's groups: [`mappers::groups`].
    pub groups: &'a [String],
    pub now: i64,
}

impl About<'_> {
    /// What Keycloak notes in the session of a client's own service account.
    pub(crate) fn note(&self, name: &str) -> Option<String> {
        if self.session_id.is_some() {
            return None;
        }
        match name {
            "client_id" => Some(self.client.client_id.clone()),
            "clientHost" | "clientAddress" => Some(self.ip.to_string()),
            _ => None,
        }
    }
}

pub(crate) fn access(about: &About<'_>, exp: i64, id: &str) -> Map<String, Value> {
    let client = about.client;
    let mut claims = base(about, exp, "Bearer", id);
    if about.session_id.is_none() {
        set(&mut claims, "sub", about.user.id.to_string());
    }
    session(about, &mut claims);
    set(&mut claims, "scope", about.scopes.named());
    let token = if client.attribute(LIGHTWEIGHT) == Some("true") {
        // The admin API looks everything else up by this; Keycloak does so by the session.
        set(&mut claims, "sub", about.user.id.to_string());
        Token::Lightweight
    } else {
        Token::Access
    };
    let mut audience = Vec::new();
    mappers::apply(about, &mut claims, &mut audience, token);
    set_audience(&mut claims, audience);
    claims
}

fn set_audience(claims: &mut Map<String, Value>, audience: Vec<String>) {
    let mut once: Vec<String> = Vec::new();
    for name in audience {
        if !once.contains(&name) {
            once.push(name);
        }
    }
    match once.as_slice() {
        [] => {}
        [one] => set(claims, "aud", one.as_str()),
        several => drop(claims.insert("aud".to_owned(), json!(several))),
    }
}

/// OpenID Connect Core 1.0 §2.
pub(crate) fn id(about: &About<'_>, exp: i64, access_token: Option<&str>) -> Map<String, Value> {
    let mut claims = base(about, exp, "ID", &Uuid::new_v4().to_string());
    set(&mut claims, "sub", about.user.id.to_string());
    session(about, &mut claims);
    if let Some(access_token) = access_token {
        let hash = digest::digest(&digest::SHA256, access_token.as_bytes());
        let half = URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16]);
        set(&mut claims, "at_hash", half);
    }
    let mut audience = vec![about.client.client_id.clone()];
    mappers::apply(about, &mut claims, &mut audience, Token::Id);
    set_audience(&mut claims, audience);
    claims
}

/// OpenID Connect Core 1.0 §5.3.2.
pub(crate) fn userinfo(about: &About<'_>) -> Map<String, Value> {
    let mut claims = Map::new();
    set(&mut claims, "sub", about.user.id.to_string());
    mappers::apply(about, &mut claims, &mut Vec::new(), Token::Userinfo);
    claims
}

pub(crate) fn refresh(about: &About<'_>, exp: i64, id: &str) -> Map<String, Value> {
    let mut claims = base(about, exp, "Refresh", id);
    set(&mut claims, "sub", about.user.id.to_string());
    set(&mut claims, "aud", about.issuer);
    session(about, &mut claims);
    set(&mut claims, "scope", about.scopes.all());
    claims
}

fn base(about: &About<'_>, exp: i64, typ: &str, id: &str) -> Map<String, Value> {
    let mut claims = Map::new();
    claims.insert("exp".to_owned(), json!(exp));
    claims.insert("iat".to_owned(), json!(about.now));
    set(&mut claims, "jti", id);
    set(&mut claims, "iss", about.issuer);
    set(&mut claims, "typ", typ);
    set(&mut claims, "azp", about.client.client_id.as_str());
    claims
}

fn session(about: &About<'_>, claims: &mut Map<String, Value>) {
    if let Some(id) = about.session_id {
        set(claims, "sid", id);
    }
}

fn set(claims: &mut Map<String, Value>, name: &str, value: impl Into<String>) {
    claims.insert(name.to_owned(), Value::String(value.into()));
}
