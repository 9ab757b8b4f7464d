//! Going on with a session: what a refresh reads, and what it writes.

use serde_json::{Map, Value};
use sqlx::PgExecutor;
use store::Result;
use uuid::Uuid;

use super::{Limits, Over, Times};
use crate::User;
use crate::holder::{self, Kind, Presented};
use crate::mapping::RoleNames;

/// A client's part in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// The session's id.
    pub session: &'a str,
    /// The client's uuid.
    pub client: Uuid,
    /// Whether it goes on when the user's other sessions end.
    pub offline: bool,
}

/// What somebody who goes on with a session finds.
#[derive(Clone, Debug, PartialEq)]
pub struct Resumed {
    /// The user as it is now.
    pub user: User,
    /// The names of all roles that it holds now.
    pub roles: RoleNames,
    /// When the session and the client's part in it began and were last refreshed.
    pub times: Times,
    /// When the user last signed in by a browser, in seconds; none after a password grant.
    pub auth_time: Option<i64>,
    /// What mappers tell of the sign-in, such as `amr`.
    pub notes: Map<String, Value>,
    /// Whether the client got in by a sign-in that was there already.
    pub sso: bool,
    /// The `claims` parameter of the client's authorization request, where it was kept.
    pub claims: Option<String>,
    /// Until this second wrong passwords have locked the user; 0 without any.
    pub locked_until: i64,
}

/// The session, if it is good for the client at second `now`, with its user and the names of all their roles. One round trip.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn resume(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    part: Part<'_>,
    limits: &Limits,
    now: i64,
) -> Result<std::result::Result<Box<Resumed>, Over>> {
    let presented = Presented {
        id: "",
        user: None,
        client: part.client,
        session: Some(part.session),
        kind: if part.offline {
            Kind::Offline
        } else {
            Kind::Online
        },
    };
    let Some(found) = holder::find_whole(db, realm, &presented, false).await? else {
        return Ok(Err(Over::Missing));
    };
    let Some(times) = found.holder.session else {
        return Ok(Err(Over::Missing));
    };
    Ok(limits.check(&times, now).map(|()| {
        Box::new(Resumed {
            user: found.user,
            roles: found.roles,
            times,
            auth_time: found.auth_time,
            notes: found.notes,
            sso: found.sso,
            claims: found.claims,
            locked_until: found.locked_until,
        })
    }))
}

/// Keeps the `claims` parameter of a client's authorization request with its part in a session.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn keep_claims(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    session: &str,
    client: Uuid,
    claims: &str,
) -> Result<()> {
    sqlx::query(
        "update client_session set claims = $4 where realm_id = $1 and session_id = $2 and client_id = $3",
    )
    .bind(realm)
    .bind(session)
    .bind(client)
    .bind(claims)
    .execute(db)
    .await?;
    Ok(())
}

/// Notes that a session was refreshed at second `now`.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn touch(db: impl PgExecutor<'_>, realm: Uuid, part: Part<'_>, now: i64) -> Result<()> {
    // The session before the client's part in it, as where sessions end: two who take rows in another order wait for each other.
    let sql = if part.offline {
        "update offline_session set last_refresh = greatest(last_refresh, $4) \
         where realm_id = $1 and session_id = $2 and client_id = $3"
    } else {
        "with s as (update user_session set last_refresh = greatest(last_refresh, $4) where realm_id = $1 and id = $2 \
         returning id) update client_session k set last_refresh = greatest(k.last_refresh, $4) from s \
         where k.realm_id = $1 and k.session_id = s.id and k.client_id = $3"
    };
    sqlx::query(sql)
        .bind(realm)
        .bind(part.session)
        .bind(part.client)
        .bind(now)
        .execute(db)
        .await?;
    Ok(())
}

/// A use of a refresh token in a realm where each is good a limited number of times.
#[derive(Clone, Copy, Debug)]
pub struct Use<'a> {
    /// What the tokens that come from one sign-in share.
    pub chain: &'a str,
    /// How many tokens of the chain came before it.
    pub generation: i64,
    /// Its `jti`.
    pub token: &'a str,
    /// How often it may be used after the first time.
    pub max_reuse: i64,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Used {
    /// It was good; the session was refreshed.
    Good,
    /// It was used too often.
    TooOften,
    /// A later token of its chain has been used, or another one of its generation.
    Stale,
    /// The client does not take part (any more).
    WithoutClient,
}

/// Uses a refresh token and notes that its session was refreshed at second `now`, in one statement: of many uses at once
/// as many are good as may be.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn use_token(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    part: Part<'_>,
    token: Use<'_>,
    now: i64,
) -> Result<Used> {
    // Sessions first, see `touch`; whoever has the row of the client's part has its chains.
    macro_rules! statement {
        ($part:literal, $chain:literal) => {
            concat!(
                $part,
                " insert into ",
                $chain,
                " as c (realm_id, session_id, client_id, id, generation, token, uses) \
                 select $1, $2, $3, $5, $6, $7, 1 from part on conflict (realm_id, session_id, client_id, id) do update set \
                 uses = case when c.generation < $6 then 1 when c.generation = $6 and c.token = $7 then c.uses + 1 \
                 else c.uses end, token = case when c.generation < $6 then $7 else c.token end, \
                 generation = greatest(c.generation, $6) returning generation = $6 and token = $7, uses - 1 <= $8"
            )
        };
    }
    const ONLINE: &str = statement!(
        "with s as (update user_session set last_refresh = greatest(last_refresh, $4) where realm_id = $1 and id = $2 \
         returning id), part as (update client_session k set last_refresh = greatest(k.last_refresh, $4) from s \
         where k.realm_id = $1 and k.session_id = s.id and k.client_id = $3 returning 1)",
        "refresh_chain"
    );
    const OFFLINE: &str = statement!(
        "with part as (update offline_session set last_refresh = greatest(last_refresh, $4) \
         where realm_id = $1 and session_id = $2 and client_id = $3 returning 1)",
        "offline_refresh_chain"
    );
    let sql = if part.offline { OFFLINE } else { ONLINE };
    let row: Option<(bool, bool)> = sqlx::query_as(sql)
        .bind(realm)
        .bind(part.session)
        .bind(part.client)
        .bind(now)
        .bind(token.chain)
        .bind(token.generation)
        .bind(token.token)
        .bind(token.max_reuse)
        .fetch_optional(db)
        .await?;
    Ok(match row {
        None => Used::WithoutClient,
        Some((true, true)) => Used::Good,
        Some((true, false)) => Used::TooOften,
        Some((false, _)) => Used::Stale,
    })
}
