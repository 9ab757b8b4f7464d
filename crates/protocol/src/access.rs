//! Access tokens that come back to this server: at the admin API, at userinfo, at introspection. Which are good is said here.

use std::sync::Arc;

use client::Known;
use realm::Realm;
use serde::Deserialize;
use user::holder::Holder;
use user::mapping::RoleNames;
use uuid::Uuid;

use crate::{HttpError, State, token};

/// The algorithms of the keys that may sign access and ID tokens.
pub const ALGORITHMS: &[&str] = &["RS256", "ES256", "EdDSA"];
/// How far ahead of ours the clock of another node may be, in seconds.
const SKEW: i64 = 60;

/// A good access token.
pub struct Access {
    /// Whose it is.
    pub user: Uuid,
    /// The client that it was made for.
    pub client: Arc<Known>,
    /// Its session, where it has one.
    pub session: Option<String>,
    /// The scopes that it names.
    pub scope: String,
}

impl Access {
    /// Of the roles that the user holds now, those that this token brings: all, or what its client and the scopes that
    /// it has let through.
    #[must_use]
    pub fn brings(&self, mut held: RoleNames) -> RoleNames {
        let client = &self.client;
        if client.full_scope_allowed() {
            return held;
        }
        let asked = |name: &&String| self.scope.split(' ').any(|known| known == name.as_str());
        let optional = client.optional_client_scopes().iter().filter(asked);
        let names = client.default_client_scopes().iter().chain(optional);
        let scopes: Vec<_> = names.filter_map(|name| client.scopes.get(name)).collect();
        let passes = |owner: Option<&String>, name: &String| {
            let role = (owner.cloned(), name.clone());
            client.roles.contains(&role) || scopes.iter().any(|scope| scope.roles.contains(&role))
        };
        held.realm.retain(|name| passes(None, name));
        for (owner, names) in &mut held.clients {
            names.retain(|name| passes(Some(owner), name));
        }
        held.clients.retain(|_, names| !names.is_empty());
        held
    }
}

/// The claims that decide: times in whole seconds, none twice; anything else is no token of ours.
#[derive(Deserialize)]
struct Claims {
    exp: i64,
    iat: i64,
    #[serde(default)]
    nbf: i64,
    iss: String,
    sub: Option<Uuid>,
    typ: String,
    azp: String,
    sid: Option<String>,
    #[serde(default)]
    scope: String,
}

/// Why a token is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Not ours, out of date, of another kind, or of a client that is gone or disabled.
    Token,
    /// Its session is over, or its user gone or disabled.
    Session,
}

/// Reads an access token of a realm, by an issuer that `is_issuer` takes for the realm's, and looks up whether its
/// client, user and session are still there.
///
/// # Errors
/// From the database.
pub async fn open(
    state: &State,
    realm: &Realm,
    token: &str,
    is_issuer: impl Fn(&str) -> bool,
) -> Result<Result<Access, Refused>, HttpError> {
    let read = match read(state, realm, token, is_issuer).await? {
        Ok(read) => read,
        Err(refused) => return Ok(Err(refused)),
    };
    let session = read.claims.sid.as_deref();
    let holder = user::holder::find(&state.pool, realm.id, read.user, session).await?;
    Ok(read.held_by(holder))
}

/// The same with the names of the roles that the user holds now.
///
/// # Errors
/// From the database.
pub async fn open_with_roles(
    state: &State,
    realm: &Realm,
    token: &str,
    is_issuer: impl Fn(&str) -> bool,
) -> Result<Result<(Access, RoleNames), Refused>, HttpError> {
    let read = match read(state, realm, token, is_issuer).await? {
        Ok(read) => read,
        Err(refused) => return Ok(Err(refused)),
    };
    let session = read.claims.sid.as_deref();
    let found = user::holder::find_with_roles(&state.pool, realm.id, read.user, session).await?;
    let (holder, roles) = found.unzip();
    let held = read.held_by(holder);
    Ok(held.map(|access| (access, roles.unwrap_or_default())))
}

/// A token that is good as far as it says itself.
struct Read {
    claims: Claims,
    client: Arc<Known>,
    user: Uuid,
}

async fn read(
    state: &State,
    realm: &Realm,
    token: &str,
    is_issuer: impl Fn(&str) -> bool,
) -> Result<Result<Read, Refused>, HttpError> {
    let Some(claims) = token::open::<Claims>(realm, token, ALGORITHMS) else {
        return Ok(Err(Refused::Token));
    };
    let now = store::clock::now();
    if claims.typ != "Bearer"
        || !is_issuer(&claims.iss)
        || claims.exp <= now
        || claims.nbf > now
        || claims.iat > now + SKEW
    {
        return Ok(Err(Refused::Token));
    }
    let client = state.clients.get(&state.pool, realm, &claims.azp).await?;
    let Some(client) = client.filter(|client| {
        let not_before = client.settings.not_before.unwrap_or(0);
        client.enabled && claims.iat >= realm.not_before.max(not_before)
    }) else {
        return Ok(Err(Refused::Token));
    };
    // A client without the scope `basic` gets tokens that do not say whose they are.
    let user = match (claims.sub, &claims.sid) {
        (Some(user), _) => Some(user),
        (None, Some(id)) => user::session::find(&state.pool, realm.id, id)
            .await?
            .map(|session| session.user_id),
        (None, None) => None,
    };
    let Some(user) = user else {
        return Ok(Err(Refused::Session));
    };
    Ok(Ok(Read {
        claims,
        client,
        user,
    }))
}

impl Read {
    /// The token, if its user and session are still there for it.
    fn held_by(self, holder: Option<Holder>) -> Result<Access, Refused> {
        let is_live = |holder: Holder| {
            holder.enabled && holder.session_live && self.claims.iat >= holder.not_before
        };
        if !holder.is_some_and(is_live) {
            return Err(Refused::Session);
        }
        Ok(Access {
            user: self.user,
            client: self.client,
            session: self.claims.sid,
            scope: self.claims.scope,
        })
    }
}
