//! User sessions, and the clients that take part in them.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sqlx::{FromRow as _, PgExecutor, Row as _, types::Json};
use store::{Connection, Result};
use uuid::Uuid;

use crate::User;
use crate::mapping::RoleNames;

/// Sessions that one listing gives at most.
const MAX_LISTED: i64 = 1000;
/// `last_refresh` is written when it is at least this old, in seconds: every refresh of a busy client need not write.
const REFRESH_GRAIN: i64 = 5;

/// A session of a user. Times in seconds.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Session {
    /// 24 characters.
    pub id: String,
    /// Whose it is.
    pub user_id: Uuid,
    /// The user's name.
    pub username: String,
    /// Where the login came from.
    pub ip_address: String,
    /// When it began.
    pub started: i64,
    /// When a token was last refreshed.
    pub last_refresh: i64,
    /// Whether the user asked to be remembered.
    pub remember_me: bool,
    /// The clients that take part: uuid to clientId.
    #[sqlx(json)]
    pub clients: BTreeMap<Uuid, String>,
}

macro_rules! select_session {
    ($rest:literal) => {
        concat!(
            "select s.id, s.user_id, u.username, s.ip_address, s.started, s.last_refresh, s.remember_me, \
             coalesce((select jsonb_object_agg(c.id, c.client_id) from client_session k join client c \
             on c.realm_id = k.realm_id and c.id = k.client_id where k.realm_id = s.realm_id and k.session_id = s.id), \
             '{}') as clients from user_session s join user_entity u on u.realm_id = s.realm_id and u.id = s.user_id ",
            $rest
        )
    };
}

mod search;
pub use search::search;

/// What a refresh finds.
#[derive(Clone, Debug, PartialEq)]
pub struct Refreshed {
    /// The user as it is now.
    pub user: User,
    /// The names of all roles that it holds now.
    pub roles: RoleNames,
    /// When the session began, in seconds.
    pub started: i64,
    /// When it was refreshed before, in seconds.
    pub last_refresh: i64,
    /// When the client joined it, in seconds.
    pub client_started: i64,
    /// Whether the user asked to be remembered.
    pub remember_me: bool,
    /// Until this second wrong passwords have locked the user; 0 without any.
    pub locked_until: i64,
}

/// Begins a session of a user at a client (its uuid) at second `now`; its id.
///
/// # Errors
/// [`store::Error::Missing`] when the user or the client is gone.
pub async fn create(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    user: Uuid,
    client: Uuid,
    ip: &str,
    now: i64,
) -> Result<String> {
    let id = URL_SAFE_NO_PAD.encode(*realm::seal::random::<18>()?);
    sqlx::query(
        "with s as (insert into user_session (realm_id, id, user_id, ip_address, started, last_refresh) \
         values ($1, $2, $3, $4, $5, $5) returning id) \
         insert into client_session (realm_id, session_id, client_id, started) select $1, id, $6, $5 from s",
    )
    .bind(realm)
    .bind(&id)
    .bind(user)
    .bind(ip)
    .bind(now)
    .bind(client)
    .execute(db)
    .await?;
    Ok(id)
}

/// Lets another client take part in a session; whether there is such a session.
///
/// # Errors
/// [`store::Error::Missing`] when the client is gone.
pub async fn join(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    session: &str,
    client: Uuid,
    now: i64,
) -> Result<bool> {
    let done = sqlx::query(
        "insert into client_session (realm_id, session_id, client_id, started) select realm_id, id, $3, $4 \
         from user_session where realm_id = $1 and id = $2 on conflict (realm_id, session_id, client_id) \
         do update set started = client_session.started",
    )
    .bind(realm)
    .bind(session)
    .bind(client)
    .bind(now)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Why a session cannot be refreshed, or what was found.
#[derive(Clone, Debug, PartialEq)]
pub enum Refresh {
    /// It goes on.
    Active(Box<Refreshed>),
    /// There is no such session, or it is older or longer idle than was asked for: `Session not active`.
    Gone,
    /// The client does not take part (any more): `Session doesn't have required client`.
    WithoutClient,
}

/// How long a session may go on. Seconds.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Since the last refresh.
    pub idle: i64,
    /// Since the start.
    pub lifespan: i64,
}

/// Refreshes a session at second `now`: one statement checks that it is alive and that the client (its uuid) takes part,
/// and reads the user and the names of all its roles; a second moves `last_refresh`, unless that was moved a moment ago.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn refresh(
    db: &store::Pool,
    realm: Uuid,
    session: &str,
    client: Uuid,
    limits: Limits,
    now: i64,
) -> Result<Refresh> {
    const SQL: &str = concat!(
        crate::select_user!(
            ", s.started, s.last_refresh, k.started as client_started, s.remember_me, \
             coalesce(f.failed_login_not_before, 0) as locked_until, "
        ),
        crate::mapping::names_of_user!(),
        " as roles from user_session s join user_entity u on u.realm_id = s.realm_id and u.id = s.user_id \
         left join client_session k on k.realm_id = s.realm_id and k.session_id = s.id and k.client_id = $3 \
         left join login_failure f on f.realm_id = u.realm_id and f.user_id = u.id \
         where s.realm_id = $1 and s.id = $2 and s.last_refresh > $4 - $5 and s.started > $4 - $6"
    );
    let row = sqlx::query(SQL)
        .bind(realm)
        .bind(session)
        .bind(client)
        .bind(now)
        .bind(limits.idle)
        .bind(limits.lifespan)
        .fetch_optional(db)
        .await?;
    let Some(row) = row else {
        return Ok(Refresh::Gone);
    };
    let Some(client_started) = row.try_get("client_started")? else {
        return Ok(Refresh::WithoutClient);
    };
    let last_refresh: i64 = row.try_get("last_refresh")?;
    if last_refresh <= now - REFRESH_GRAIN {
        sqlx::query(
            "update user_session set last_refresh = $3 where realm_id = $1 and id = $2 and last_refresh < $3",
        )
        .bind(realm)
        .bind(session)
        .bind(now)
        .execute(db)
        .await?;
    }
    let Json(roles): Json<Vec<(Option<String>, String)>> = row.try_get("roles")?;
    Ok(Refresh::Active(Box::new(Refreshed {
        user: User::from_row(&row)?,
        roles: RoleNames::from_pairs(roles),
        started: row.try_get("started")?,
        last_refresh,
        client_started,
        remember_me: row.try_get("remember_me")?,
        locked_until: row.try_get("locked_until")?,
    })))
}

/// The session with this id, and its clients.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn find(db: impl PgExecutor<'_>, realm: Uuid, id: &str) -> Result<Option<Session>> {
    if !store::text::storable(id) {
        return Ok(None);
    }
    let sql = select_session!("where s.realm_id = $1 and s.id = $2");
    Ok(sqlx::query_as(sql)
        .bind(realm)
        .bind(id)
        .fetch_optional(db)
        .await?)
}

/// The sessions of a user, newest first, a thousand at most.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn list(db: impl PgExecutor<'_>, realm: Uuid, user: Uuid) -> Result<Vec<Session>> {
    let sql = select_session!(
        "where s.realm_id = $1 and s.user_id = $2 order by s.started desc, s.id limit $3"
    );
    Ok(sqlx::query_as(sql)
        .bind(realm)
        .bind(user)
        .bind(MAX_LISTED)
        .fetch_all(db)
        .await?)
}

/// The sessions that a client (its uuid) takes part in, newest first, from `first` on, a thousand at most.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn list_of_client(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    client: Uuid,
    first: i64,
    max: i64,
) -> Result<Vec<Session>> {
    let sql = select_session!(
        "where s.realm_id = $1 and exists (select from client_session t where t.realm_id = $1 and t.session_id = s.id \
         and t.client_id = $2) order by s.started desc, s.id offset $3 limit $4"
    );
    Ok(sqlx::query_as(sql)
        .bind(realm)
        .bind(client)
        .bind(first.max(0))
        .bind(max.clamp(0, MAX_LISTED))
        .fetch_all(db)
        .await?)
}

/// How many sessions a client (its uuid) takes part in.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn count_of_client(db: impl PgExecutor<'_>, realm: Uuid, client: Uuid) -> Result<i64> {
    Ok(sqlx::query_scalar(
        "select count(*) from client_session where realm_id = $1 and client_id = $2",
    )
    .bind(realm)
    .bind(client)
    .fetch_one(db)
    .await?)
}

/// The sessions of each client of the realm that has any: uuid, clientId, number.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn count_by_client(
    db: impl PgExecutor<'_>,
    realm: Uuid,
) -> Result<Vec<(Uuid, String, i64)>> {
    Ok(sqlx::query_as(
        "select c.id, c.client_id, count(*) from client_session k join client c on c.realm_id = k.realm_id \
         and c.id = k.client_id where k.realm_id = $1 group by c.id, c.client_id order by c.client_id limit $2",
    )
    .bind(realm)
    .bind(MAX_LISTED)
    .fetch_all(db)
    .await?)
}

/// Ends a session; whether there was one.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn delete(db: impl PgExecutor<'_>, realm: Uuid, id: &str) -> Result<bool> {
    if !store::text::storable(id) {
        return Ok(false);
    }
    let done = sqlx::query("delete from user_session where realm_id = $1 and id = $2")
        .bind(realm)
        .bind(id)
        .execute(db)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Takes a client (its uuid) out of a session; whether it took part.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn leave(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    session: &str,
    client: Uuid,
) -> Result<bool> {
    let done = sqlx::query(
        "delete from client_session where realm_id = $1 and session_id = $2 and client_id = $3",
    )
    .bind(realm)
    .bind(session)
    .bind(client)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Ends all sessions of a user; how many there were.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn delete_all_of_user(db: impl PgExecutor<'_>, realm: Uuid, user: Uuid) -> Result<u64> {
    let done = sqlx::query("delete from user_session where realm_id = $1 and user_id = $2")
        .bind(realm)
        .bind(user)
        .execute(db)
        .await?;
    Ok(done.rows_affected())
}

/// Ends all sessions of a realm; how many there were.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn delete_all(db: impl PgExecutor<'_>, realm: Uuid) -> Result<u64> {
    let done = sqlx::query("delete from user_session where realm_id = $1")
        .bind(realm)
        .execute(db)
        .await?;
    Ok(done.rows_affected())
}

/// Deletes sessions of all realms that are over by their realm's settings (`ssoSessionIdleTimeout`,
/// `ssoSessionMaxLifespan`; the longer ones of remembered sessions where set), `limit` at most; how many it deleted.
/// Call again while that is `limit`. Nodes that sweep at once do not wait for each other.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn sweep(tx: &mut Connection, now: i64, limit: i64) -> Result<u64> {
    let done = sqlx::query(
        "with realms as (select id, (settings ->> 'ssoSessionIdleTimeout')::bigint as idle, \
         (settings ->> 'ssoSessionMaxLifespan')::bigint as lifespan, \
         coalesce((settings ->> 'ssoSessionIdleTimeoutRememberMe')::bigint, 0) as idle_remembered, \
         coalesce((settings ->> 'ssoSessionMaxLifespanRememberMe')::bigint, 0) as lifespan_remembered from realm) \
         delete from user_session where (realm_id, id) in (select s.realm_id, s.id from user_session s \
         join realms r on r.id = s.realm_id where s.last_refresh <= $1 - least(case when s.remember_me \
         and r.idle_remembered > 0 then r.idle_remembered else coalesce(r.idle, $3) end, case when s.remember_me \
         and r.lifespan_remembered > 0 then r.lifespan_remembered else coalesce(r.lifespan, $4) end) \
         or s.started <= $1 - case when s.remember_me and r.lifespan_remembered > 0 then r.lifespan_remembered \
         else coalesce(r.lifespan, $4) end order by s.last_refresh limit $2 for update of s skip locked)",
    )
    .bind(now)
    .bind(limit)
    .bind(DEFAULT_IDLE)
    .bind(DEFAULT_LIFESPAN)
    .execute(tx)
    .await?;
    Ok(done.rows_affected())
}

/// Keycloak's defaults, in seconds.
const DEFAULT_IDLE: i64 = 1800;
const DEFAULT_LIFESPAN: i64 = 36000;
