//! The claims of access, ID and refresh tokens, as seen on Keycloak 26.7.3.

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use user::User;
use user::mapping::RoleNames;
use uuid::Uuid;

use crate::{grants::Asked, mappers, scope::Scopes};

/// What the claims are about. `now` in seconds since 1970.
pub(crate) struct About<'a> {
    pub asked: &'a Asked<'a>,
    pub user: &'a User,
    /// None for a client's own service account.
    pub session_id: Option<&'a str>,
    pub scopes: &'a Scopes,
    pub roles: &'a RoleNames,
    pub now: i64,
}

pub(crate) fn access(about: &About<'_>, exp: i64) -> Map<String, Value> {
    let client = about.asked.client;
    let mut claims = base(about, exp, "Bearer");
    session(about, &mut claims);
    set(&mut claims, "scope", about.scopes.named());
    // Keycloak's "lightweight" tokens: the admin API looks everything else up by `sub`.
    if client.attribute("client.use.lightweight.access.token.enabled") == Some("true") {
        return claims;
    }
    if about.scopes.has("acr") {
        set(&mut claims, "acr", "1");
    }
    let origins: Vec<_> = client
        .web_origins()
        .iter()
        .filter(|origin| *origin != "+")
        .collect();
    if about.scopes.has("web-origins") && !origins.is_empty() {
        claims.insert("allowed-origins".to_owned(), json!(origins));
    }
    let mut audience = Vec::new();
    if about.scopes.has("roles") {
        let clients: BTreeMap<&String, Value> = about
            .roles
            .clients
            .iter()
            .filter(|(name, _)| client.full_scope_allowed() || **name == client.client_id)
            .map(|(name, roles)| (name, json!({ "roles": roles })))
            .collect();
        audience.extend(
            clients
                .keys()
                .filter(|name| ***name != client.client_id)
                .map(|name| (*name).clone()),
        );
        if client.full_scope_allowed() && !about.roles.realm.is_empty() {
            claims.insert(
                "realm_access".to_owned(),
                json!({ "roles": about.roles.realm }),
            );
        }
        if !clients.is_empty() {
            claims.insert("resource_access".to_owned(), json!(clients));
        }
    }
    profile(about, &mut claims);
    mappers::apply(about, &mut claims, &mut audience, mappers::Token::Access);
    match audience.as_slice() {
        [] => {}
        [one] => set(&mut claims, "aud", one.as_str()),
        several => {
            claims.insert("aud".to_owned(), json!(several));
        }
    }
    claims
}

/// OpenID Connect Core 1.0 §2.
pub(crate) fn id(about: &About<'_>, exp: i64, access_token: &str) -> Map<String, Value> {
    let mut claims = base(about, exp, "ID");
    set(&mut claims, "aud", about.asked.client.client_id.as_str());
    session(about, &mut claims);
    set(&mut claims, "acr", "1");
    let hash = digest::digest(&digest::SHA256, access_token.as_bytes());
    set(
        &mut claims,
        "at_hash",
        URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16]),
    );
    profile(about, &mut claims);
    mappers::apply(about, &mut claims, &mut Vec::new(), mappers::Token::Id);
    claims
}

pub(crate) fn refresh(about: &About<'_>, exp: i64) -> Map<String, Value> {
    let mut claims = base(about, exp, "Refresh");
    set(&mut claims, "aud", about.asked.ctx.issuer());
    session(about, &mut claims);
    set(&mut claims, "scope", about.scopes.all());
    claims
}

fn base(about: &About<'_>, exp: i64, typ: &str) -> Map<String, Value> {
    let mut claims = Map::new();
    claims.insert("exp".to_owned(), json!(exp));
    claims.insert("iat".to_owned(), json!(about.now));
    set(&mut claims, "jti", Uuid::new_v4().to_string());
    set(&mut claims, "iss", about.asked.ctx.issuer());
    set(&mut claims, "sub", about.user.id.to_string());
    set(&mut claims, "typ", typ);
    set(&mut claims, "azp", about.asked.client.client_id.as_str());
    claims
}

fn session(about: &About<'_>, claims: &mut Map<String, Value>) {
    if let Some(id) = about.session_id {
        set(claims, "sid", id);
    }
}

/// What Keycloak notes in the session of a client's own service account.
fn note(about: &About<'_>, name: &str) -> Option<String> {
    if about.session_id.is_some() {
        return None;
    }
    let asked = about.asked;
    match name {
        "client_id" => Some(asked.client.client_id.clone()),
        "clientHost" | "clientAddress" => Some(asked.ctx.request.ip.to_string()),
        _ => None,
    }
}

/// The claims of the scopes `profile` and `email` (OpenID Connect Core 1.0 §5.4).
fn profile(about: &About<'_>, claims: &mut Map<String, Value>) {
    let user = about.user;
    if about.scopes.has("service_account") {
        for name in ["clientHost", "clientAddress", "client_id"] {
            if let Some(value) = note(about, name) {
                set(claims, name, value);
            }
        }
    }
    if about.scopes.has("email") {
        claims.insert("email_verified".to_owned(), json!(user.email_verified));
        if let Some(email) = &user.email {
            set(claims, "email", email.as_str());
        }
    }
    if about.scopes.has("profile") {
        set(claims, "preferred_username", user.username.as_str());
        let names: Vec<&str> = [&user.first_name, &user.last_name]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        if !names.is_empty() {
            set(claims, "name", names.join(" "));
        }
        for (claim, value) in [
            ("given_name", &user.first_name),
            ("family_name", &user.last_name),
        ] {
            if let Some(value) = value {
                set(claims, claim, value.as_str());
            }
        }
    }
}

fn set(claims: &mut Map<String, Value>, name: &str, value: impl Into<String>) {
    claims.insert(name.to_owned(), Value::String(value.into()));
}
