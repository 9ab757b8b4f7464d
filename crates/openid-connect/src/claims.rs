//! The claims of access, ID and refresh tokens, as seen on Keycloak 26.7.3.

use std::net::IpAddr;

use client::Known;
use protocol::access::Access;
use protocol::{RealmContext, pairwise};
use serde_json::{Map, Value, json};
use user::User;
use user::group::Belonging;
use user::holder::Whole;
use user::mapping::RoleNames;
use uuid::Uuid;

use crate::grants::session::Chain;
use crate::mappers::types::NONCE;
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
    /// The user's groups: [`mappers::groups`].
    pub groups: &'a [Belonging],
    /// The `claims` parameter of the authorization request (OpenID Connect Core 1.0 §5.5).
    pub requested: Option<Value>,
    /// What the authorization request asks the ID token to carry.
    pub nonce: Option<&'a str>,
    /// When the user signed in with a browser.
    pub auth_time: Option<i64>,
    /// Whether the session was there before this client asked: nobody has proven anything to this client.
    pub sso: bool,
    /// What the session remembers of the sign-in.
    pub notes: Option<&'a Map<String, Value>>,
    pub now: i64,
}

impl<'a> About<'a> {
    /// What is known of a token that has come back.
    pub(crate) fn of_token(
        ctx: &RealmContext,
        issuer: &'a str,
        (access, whole): (&'a Access, &'a Whole),
        scopes: &'a Scopes<'a>,
        roles: &'a RoleNames,
    ) -> Self {
        Self {
            issuer,
            ip: ctx.request.ip,
            client: &access.client,
            user: &whole.user,
            session_id: access.session.as_deref(),
            scopes,
            roles,
            groups: &whole.groups,
            nonce: None,
            auth_time: whole.auth_time,
            sso: whole.sso,
            requested: requested(whole.claims.as_deref()),
            notes: Some(&whole.notes),
            now: store::clock::now(),
        }
    }

    /// What the user is called at the client.
    pub(crate) fn subject(&self) -> Uuid {
        let mapper = pairwise::mapper(self.client);
        mapper.map_or(self.user.id, |mapper| {
            pairwise::subject(self.client, mapper, self.user.id)
        })
    }

    /// What Keycloak notes in a session: when it began, or whose service account has it.
    pub(crate) fn note(&self, name: &str) -> Option<String> {
        if self.session_id.is_some() || self.notes.is_some() {
            let auth_time = self.auth_time.filter(|_| name == "AUTH_TIME");
            let note = || self.notes?.get(name)?.as_str().map(str::to_owned);
            return auth_time.map(|time| time.to_string()).or_else(note);
        }
        match name {
            "client_id" => Some(self.client.client_id.clone()),
            "clientHost" | "clientAddress" => Some(self.ip.to_string()),
            _ => None,
        }
    }
}

/// The `claims` parameter, if it can be read.
pub(crate) fn requested(text: Option<&str>) -> Option<Value> {
    serde_json::from_str(text?).ok()
}

pub(crate) fn access(about: &About<'_>, exp: i64, id: &str) -> Map<String, Value> {
    let client = about.client;
    let mut claims = base(about, exp, "Bearer", id);
    if about.session_id.is_none() {
        set(&mut claims, "sub", about.subject().to_string());
    }
    session(about, &mut claims);
    set(&mut claims, "scope", about.scopes.named());
    let token = if client.attribute(LIGHTWEIGHT) == Some("true") {
        // The admin API looks everything else up by this; Keycloak does so by the session.
        set(&mut claims, "sub", about.subject().to_string());
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

/// OpenID Connect Core 1.0 §2; `at_hash` as §3.1.3.6 has it.
pub(crate) fn id(about: &About<'_>, exp: i64, at_hash: Option<String>) -> Map<String, Value> {
    let mut claims = base(about, exp, "ID", &Uuid::new_v4().to_string());
    set(&mut claims, "sub", about.subject().to_string());
    session(about, &mut claims);
    if let Some(nonce) = about.nonce {
        set(&mut claims, "nonce", nonce);
    }
    if let Some(at_hash) = at_hash {
        set(&mut claims, "at_hash", at_hash);
    }
    let mut audience = vec![about.client.client_id.clone()];
    mappers::apply(about, &mut claims, &mut audience, Token::Id);
    set_audience(&mut claims, audience);
    claims
}

/// OpenID Connect Core 1.0 §5.3.2.
pub(crate) fn userinfo(about: &About<'_>) -> Map<String, Value> {
    let mut claims = Map::new();
    set(&mut claims, "sub", about.subject().to_string());
    mappers::apply(about, &mut claims, &mut Vec::new(), Token::Userinfo);
    // It is about the sign-in and not about the user, so Keycloak leaves it out whatever the mapper says.
    claims.remove("auth_time");
    claims
}

/// RFC 7662 §2.2: what a token says for itself, and what the mappers would let an access token say now.
pub(crate) fn introspection(about: &About<'_>, token: &Map<String, Value>) -> Map<String, Value> {
    let own = |name: &&str| Some(((*name).to_owned(), token.get(*name)?.clone()));
    let mut claims: Map<String, Value> = [
        "exp", "iat", "jti", "iss", "sub", "typ", "azp", "nonce", "sid", "scope",
    ]
    .iter()
    .filter_map(own)
    .collect();
    let mut audience = match token.get("aud") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(several)) => {
            let several = several.iter().filter_map(Value::as_str);
            several.map(str::to_owned).collect()
        }
        _ => Vec::new(),
    };
    mappers::apply(about, &mut claims, &mut audience, Token::Introspection);
    set_audience(&mut claims, audience);
    claims
}

/// What is new in a refresh token.
pub(crate) struct Refresh<'a> {
    pub id: &'a str,
    pub typ: &'static str,
    /// None for as long as the session.
    pub exp: Option<i64>,
    /// That of the access token.
    pub audience: Option<&'a Value>,
    /// All that were granted.
    pub scope: String,
    /// Where it stands, in realms that count its uses.
    pub chain: Option<Chain>,
}

pub(crate) fn refresh(about: &About<'_>, new: &Refresh<'_>) -> Map<String, Value> {
    let mut claims = base(about, new.exp.unwrap_or_default(), new.typ, new.id);
    if new.exp.is_none() {
        claims.remove("exp");
    }
    set(&mut claims, "sub", about.subject().to_string());
    set(&mut claims, "aud", about.issuer);
    session(about, &mut claims);
    set(&mut claims, "scope", new.scope.as_str());
    if let Some(audience) = new.audience {
        claims.insert("aud_x".to_owned(), audience.clone());
    }
    set(&mut claims, "prov", "default");
    if let Some(nonce) = about.nonce
        && mappers::any(about.client, about.scopes, NONCE)
    {
        set(&mut claims, "nonce", nonce);
    }
    if let Some(chain) = &new.chain {
        set(&mut claims, "reuse_id", chain.id.as_str());
        if chain.generation > 0 {
            claims.insert("reuse_generation".to_owned(), json!(chain.generation));
        }
    }
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
