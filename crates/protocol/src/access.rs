//! Tokens that come back to this server: at the admin API, at userinfo, at introspection. Which are good is said here.

use std::sync::Arc;

use client::Known;
use realm::Realm;
use serde::Deserialize;
use user::holder::{Holder, Kind, Presented, Whole};
use user::mapping::RoleNames;
use uuid::Uuid;

use crate::{HttpError, State, lifetime, pairwise, token};

/// The algorithms of the keys that may sign access and ID tokens.
pub const ALGORITHMS: &[&str] = &realm::key::SIGNATURES;
/// How far ahead of ours the clock of another node may be, in seconds.
const SKEW: i64 = 60;
/// The algorithms of the keys that may sign refresh tokens, which nobody else reads.
pub const REFRESH_ALGORITHMS: &[&str] = &["HS512", "HS384", "HS256"];
/// How the `jti` of an access token begins that belongs to an offline session.
pub const OFFLINE_PREFIX: &str = "of";

/// A good token.
pub struct Access {
    /// Its `jti`.
    pub id: String,
    /// Until which second it is good; none for as long as its session.
    pub expires: Option<i64>,
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

/// What a token is for; its `typ`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// `Bearer`.
    Access,
    /// `ID`.
    Id,
    /// `Refresh`, or `Offline` for one of an offline session.
    Refresh,
}

/// The claims that decide: times in whole seconds, none twice; anything else is no token of ours.
#[derive(Deserialize)]
struct Claims {
    /// None in tokens of offline sessions that may go on for ever.
    exp: Option<i64>,
    iat: i64,
    #[serde(default)]
    nbf: i64,
    #[serde(default)]
    jti: String,
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
    /// Its client is disabled.
    Client,
    /// Its user is disabled.
    User,
    /// Its user's tokens of that time were taken back.
    Stale,
    /// Its session is over, or its user gone.
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
    let read = match read(state, realm, token, &[Type::Access], is_issuer).await? {
        Ok(read) => read,
        Err(refused) => return Ok(Err(refused)),
    };
    let holder = user::holder::find(&state.pool, realm.id, &read.presented()).await?;
    Ok(read.held_by(realm, holder))
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
    let read = match read(state, realm, token, &[Type::Access], is_issuer).await? {
        Ok(read) => read,
        Err(refused) => return Ok(Err(refused)),
    };
    let presented = read.presented();
    let found = user::holder::find_with_roles(&state.pool, realm.id, &presented).await?;
    let (holder, roles) = found.unzip();
    let held = read.held_by(realm, holder);
    Ok(held.map(|access| (access, roles.unwrap_or_default())))
}

/// The same for a token of any of these types, with all that a token made now would say; the paths of the user's groups
/// where `groups` says so of the client and the scopes that the token names.
///
/// # Errors
/// From the database.
pub async fn open_whole(
    state: &State,
    realm: &Realm,
    token: &str,
    types: &[Type],
    is_issuer: impl Fn(&str) -> bool,
    groups: impl Fn(&Known, &str) -> bool,
) -> Result<Result<(Access, Whole), Refused>, HttpError> {
    let read = match read(state, realm, token, types, is_issuer).await? {
        Ok(read) => read,
        Err(refused) => return Ok(Err(refused)),
    };
    let groups = groups(&read.client, &read.claims.scope);
    let presented = read.presented();
    let found = user::holder::find_whole(&state.pool, realm.id, &presented, groups).await?;
    let Some(whole) = found else {
        return Ok(Err(Refused::Session));
    };
    let held = read.held_by(realm, Some(whole.holder.clone()));
    Ok(held.map(|access| (access, whole)))
}

/// A token that is good as far as it says itself.
struct Read {
    claims: Claims,
    user: Option<Uuid>,
    client: Arc<Known>,
    kind: Kind,
    now: i64,
}

async fn read(
    state: &State,
    realm: &Realm,
    token: &str,
    types: &[Type],
    is_issuer: impl Fn(&str) -> bool,
) -> Result<Result<Read, Refused>, HttpError> {
    let refresh = types.contains(&Type::Refresh);
    let algorithms = if refresh {
        REFRESH_ALGORITHMS
    } else {
        ALGORITHMS
    };
    let Some(claims) = token::open::<Claims>(realm, token, algorithms) else {
        return Ok(Err(Refused::Token));
    };
    let (typ, kind) = match claims.typ.as_str() {
        "Bearer" if claims.jti.starts_with(OFFLINE_PREFIX) => (Type::Access, Kind::Offline),
        "Bearer" => (Type::Access, Kind::Online),
        "ID" => (Type::Id, Kind::Either),
        "Refresh" => (Type::Refresh, Kind::Online),
        "Offline" => (Type::Refresh, Kind::Offline),
        _ => return Ok(Err(Refused::Token)),
    };
    let now = store::clock::now();
    let endless = (typ, kind) == (Type::Refresh, Kind::Offline);
    if !types.contains(&typ)
        || !is_issuer(&claims.iss)
        || claims.exp.map_or(!endless, |exp| exp <= now)
        || claims.nbf > now
        || claims.iat > now + SKEW
    {
        return Ok(Err(Refused::Token));
    }
    let client = state.clients.get(&state.pool, realm, &claims.azp).await?;
    let Some(client) = client else {
        return Ok(Err(Refused::Token));
    };
    if claims.iat
        < realm
            .not_before
            .max(client.settings.not_before.unwrap_or(0))
    {
        return Ok(Err(Refused::Token));
    }
    if !client.enabled {
        return Ok(Err(Refused::Client));
    }
    // A client without the scope `basic` gets tokens that do not say whose they are, others say it in their own way.
    let user = match (&claims.sid, pairwise::mapper(&client)) {
        (_, None) => claims.sub,
        (Some(_), Some(_)) => None,
        (None, Some(_)) => user::find_service_account(&state.pool, realm.id, client.id)
            .await?
            .map(|user| user.id),
    };
    if user.is_none() && claims.sid.is_none() {
        return Ok(Err(Refused::Session));
    }
    Ok(Ok(Read {
        claims,
        user,
        client,
        kind,
        now,
    }))
}

impl Read {
    fn presented(&self) -> Presented<'_> {
        Presented {
            id: &self.claims.jti,
            user: self.user,
            client: self.client.id,
            session: self.claims.sid.as_deref(),
            kind: self.kind,
        }
    }

    /// The token, if its user and session are still there for it.
    fn held_by(self, realm: &Realm, holder: Option<Holder>) -> Result<Access, Refused> {
        let holder = holder.ok_or(Refused::Session)?;
        if holder.revoked {
            return Err(Refused::Token);
        }
        if self.claims.sid.is_some() {
            let times = holder.session.ok_or(Refused::Session)?;
            lifetime::limits(realm, Some(&self.client))
                .check(&times, self.now)
                .map_err(|_| Refused::Session)?;
            if self.kind != Kind::Either && self.claims.iat < times.began() {
                return Err(Refused::Token);
            }
        }
        if !holder.enabled {
            return Err(Refused::User);
        }
        if self.claims.iat < holder.not_before {
            return Err(Refused::Stale);
        }
        Ok(Access {
            id: self.claims.jti,
            expires: self.claims.exp,
            user: holder.user,
            client: self.client,
            session: self.claims.sid,
            scope: self.claims.scope,
        })
    }
}
