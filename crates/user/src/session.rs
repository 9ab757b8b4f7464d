//! User sessions, and the clients that take part in them.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use sqlx::{PgExecutor, types::Json};
use store::Result;
use uuid::Uuid;

/// Sessions that one listing gives at most.
const MAX_LISTED: i64 = 1000;

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
    /// When the user last signed in by a browser; none after a password grant.
    pub auth_time: Option<i64>,
    /// What mappers tell of the sign-in, such as `amr`.
    #[sqlx(json)]
    pub notes: Map<String, Value>,
    /// The clients that take part: uuid to clientId.
    #[sqlx(json)]
    pub clients: BTreeMap<Uuid, String>,
}

impl Session {
    /// When it began and was last refreshed, without any client's part.
    #[must_use]
    pub fn times(&self, offline: bool) -> Times {
        Times {
            started: self.started,
            last_refresh: self.last_refresh,
            client: None,
            remember_me: self.remember_me,
            offline,
        }
    }
}

macro_rules! select_session {
    ($rest:literal) => {
        concat!(
            "select s.id, s.user_id, u.username, s.ip_address, s.started, s.last_refresh, s.remember_me, \
             s.auth_time, s.notes, coalesce((select jsonb_object_agg(c.id, c.client_id) from client_session k join client c \
             on c.realm_id = k.realm_id and c.id = k.client_id where k.realm_id = s.realm_id and k.session_id = s.id), \
             '{}') as clients from user_session s join user_entity u on u.realm_id = s.realm_id and u.id = s.user_id ",
            $rest
        )
    };
}

pub mod browser;
mod end;
pub mod identity;
mod limits;
pub mod offline;
mod refresh;
mod search;
mod sweep;
pub use end::{Ended, end, end_all, end_all_of_user};
pub use limits::{ClientTimes, Limits, Over, Span, Times};
pub use refresh::{Part, Resumed, Use, Used, keep_claims, resume, touch, use_token};
pub use search::{Found, Search, search};
pub use sweep::{sweep, sweep_offline, sweep_parts};

/// What a session begins with.
#[derive(Clone, Debug)]
pub struct New<'a> {
    /// Whose it is.
    pub user: Uuid,
    /// The uuid of the client that the user signs in to.
    pub client: Uuid,
    /// Where the login comes from.
    pub ip: &'a str,
    /// Seconds.
    pub now: i64,
    /// When the user signed in by a browser, in seconds; none for a password grant.
    pub auth_time: Option<i64>,
    /// Whether the user asked to be remembered.
    pub remember_me: bool,
    /// What mappers tell of the sign-in, such as `amr`.
    pub notes: Map<String, Value>,
    /// The client asks for offline access: where nothing else uses the session, it ends when the offline one begins.
    pub until_offline: bool,
}

/// Begins a session of a user at a client; its id.
///
/// # Errors
/// [`store::Error::Missing`] when the user or the client is gone.
pub async fn create(db: impl PgExecutor<'_>, realm: Uuid, new: New<'_>) -> Result<String> {
    let id = URL_SAFE_NO_PAD.encode(*realm::seal::random::<18>()?);
    sqlx::query(
        "with s as (insert into user_session (realm_id, id, user_id, ip_address, started, last_refresh, auth_time, \
         remember_me, notes, until_offline) values ($1, $2, $3, $4, $5, $5, $7, $8, $9, $10) returning id) \
         insert into client_session (realm_id, session_id, client_id, started) select $1, id, $6, $5 from s",
    )
    .bind(realm)
    .bind(&id)
    .bind(new.user)
    .bind(new.ip)
    .bind(new.now)
    .bind(new.client)
    .bind(new.auth_time)
    .bind(new.remember_me)
    .bind(Json(new.notes))
    .bind(new.until_offline)
    .execute(db)
    .await?;
    Ok(id)
}

/// The user of a session signed in again at second `now`; whether there is such a session.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn reauthenticated(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    session: &str,
    now: i64,
) -> Result<bool> {
    let done =
        sqlx::query("update user_session set auth_time = $3 where realm_id = $1 and id = $2")
            .bind(realm)
            .bind(session)
            .bind(now)
            .execute(db)
            .await?;
    Ok(done.rows_affected() > 0)
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
        "with s as (update user_session set until_offline = false where realm_id = $1 and id = $2 returning id) \
         insert into client_session (realm_id, session_id, client_id, started) select $1, id, $3, $4 from s \
         on conflict (realm_id, session_id, client_id) do update set started = client_session.started",
    )
    .bind(realm)
    .bind(session)
    .bind(client)
    .bind(now)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
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

/// How many sessions a client takes part in.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ClientCount {
    /// The client's uuid.
    pub id: Uuid,
    /// Its clientId.
    pub client_id: String,
    /// Sessions that end with the user's sign-in.
    pub active: i64,
    /// Sessions that go on.
    pub offline: i64,
}

/// The numbers of sessions of each client of the realm that has any.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn count_by_client(db: impl PgExecutor<'_>, realm: Uuid) -> Result<Vec<ClientCount>> {
    Ok(sqlx::query_as(
        "select c.id, c.client_id, coalesce(k.number, 0) as active, coalesce(o.number, 0) as offline from \
         (select client_id, count(*) as number from client_session where realm_id = $1 group by client_id) k full join \
         (select client_id, count(*) as number from offline_session where realm_id = $1 group by client_id) o \
         on o.client_id = k.client_id join client c on c.realm_id = $1 and c.id = coalesce(k.client_id, o.client_id) \
         order by c.client_id limit $2",
    )
    .bind(realm)
    .bind(MAX_LISTED)
    .fetch_all(db)
    .await?)
}

/// Takes a client out of a session, which others may use on; whether it took part.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn leave(db: impl PgExecutor<'_>, realm: Uuid, part: Part<'_>) -> Result<bool> {
    let sql = if part.offline {
        "delete from offline_session where realm_id = $1 and session_id = $2 and client_id = $3"
    } else {
        "delete from client_session where realm_id = $1 and session_id = $2 and client_id = $3"
    };
    let done = sqlx::query(sql)
        .bind(realm)
        .bind(part.session)
        .bind(part.client)
        .execute(db)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// The same, for an offline session also of the one that it came from; that one ends with its last client.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn revoke(db: impl PgExecutor<'_>, realm: Uuid, part: Part<'_>) -> Result<()> {
    sqlx::query(
        "with o as (delete from offline_session where $4 and realm_id = $1 and session_id = $2 and client_id = $3), \
         s as (select id from user_session where realm_id = $1 and id = $2 for update), \
         k as (delete from client_session k using s where k.realm_id = $1 and k.session_id = s.id and k.client_id = $3) \
         delete from user_session u using s where u.realm_id = $1 and u.id = s.id and not exists (select from client_session t \
         where t.realm_id = $1 and t.session_id = s.id and t.client_id <> $3)",
    )
    .bind(realm)
    .bind(part.session)
    .bind(part.client)
    .bind(part.offline)
    .execute(db)
    .await?;
    Ok(())
}
