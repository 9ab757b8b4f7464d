//! Offline sessions (OpenID Connect Core 1.0 §11): a client goes on acting for a user who has gone.
//! Each row is one client's part; those with one session id are shown as one session.

use sqlx::PgExecutor;
use store::Result;
use uuid::Uuid;

use super::{ClientTimes, MAX_LISTED, Session, Times};

macro_rules! select_offline {
    ($rest:literal) => {
        concat!(
            "select s.session_id as id, s.user_id, u.username, s.ip_address, s.started, s.last_refresh, s.remember_me, \
             s.auth_time, s.notes, (select jsonb_object_agg(c.id, c.client_id) from offline_session k join client c \
             on c.realm_id = k.realm_id and c.id = k.client_id where k.realm_id = s.realm_id \
             and k.session_id = s.session_id) as clients from offline_session s \
             join user_entity u on u.realm_id = s.realm_id and u.id = s.user_id ",
            $rest
        )
    };
}

/// Begins the offline session of a client (its uuid) that takes part in a session at second `now`, or goes on with it. A session that
/// began for nothing else ends. None when there is no such session.
///
/// # Errors
/// [`store::Error::Missing`] when the user or the client is gone.
pub async fn begin(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    session: &str,
    client: Uuid,
    now: i64,
) -> Result<Option<Times>> {
    let begun: Option<(i64, bool)> = sqlx::query_as(
        "with begun as (insert into offline_session as o (realm_id, session_id, client_id, user_id, ip_address, started, \
         client_started, last_refresh, auth_time, remember_me, notes, sso, claims) select s.realm_id, s.id, k.client_id, s.user_id, \
         s.ip_address, $4, $4, $4, s.auth_time, s.remember_me, s.notes, k.sso, k.claims from user_session s join client_session k \
         on k.realm_id = s.realm_id and k.session_id = s.id and k.client_id = $3 where s.realm_id = $1 and s.id = $2 \
         on conflict (realm_id, session_id, client_id) do update set client_started = $4, last_refresh = $4, \
         auth_time = excluded.auth_time, notes = excluded.notes, sso = excluded.sso, claims = excluded.claims returning session_id, started, remember_me), \
         over as (delete from user_session s using begun where s.realm_id = $1 and s.id = begun.session_id \
         and s.until_offline) select started, remember_me from begun",
    )
    .bind(realm)
    .bind(session)
    .bind(client)
    .bind(now)
    .fetch_optional(db)
    .await?;
    Ok(begun.map(|(started, remember_me)| Times {
        started,
        last_refresh: now,
        client: Some(ClientTimes {
            started: now,
            last_refresh: now,
        }),
        remember_me,
        offline: true,
    }))
}

/// The offline session with this id, as the client that was last refreshed sees it.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn find(db: impl PgExecutor<'_>, realm: Uuid, id: &str) -> Result<Option<Session>> {
    if !store::text::storable(id) {
        return Ok(None);
    }
    let sql = select_offline!(
        "where s.realm_id = $1 and s.session_id = $2 order by s.last_refresh desc, s.client_id limit 1"
    );
    Ok(sqlx::query_as(sql)
        .bind(realm)
        .bind(id)
        .fetch_optional(db)
        .await?)
}

/// The offline sessions that a user has with a client (its uuid), newest first, a thousand at most.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn list(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    user: Uuid,
    client: Uuid,
) -> Result<Vec<Session>> {
    let sql = select_offline!(
        "where s.realm_id = $1 and s.user_id = $2 and s.client_id = $3 order by s.started desc, s.session_id limit $4"
    );
    Ok(sqlx::query_as(sql)
        .bind(realm)
        .bind(user)
        .bind(client)
        .bind(MAX_LISTED)
        .fetch_all(db)
        .await?)
}

/// The offline sessions that users have with a client (its uuid), newest first, from `first` on, a thousand at most.
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
    let sql = select_offline!(
        "where s.realm_id = $1 and s.client_id = $2 order by s.started desc, s.session_id offset $3 limit $4"
    );
    Ok(sqlx::query_as(sql)
        .bind(realm)
        .bind(client)
        .bind(first.max(0))
        .bind(max.clamp(0, MAX_LISTED))
        .fetch_all(db)
        .await?)
}

/// How many offline sessions users have with a client (its uuid).
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn count_of_client(db: impl PgExecutor<'_>, realm: Uuid, client: Uuid) -> Result<i64> {
    Ok(sqlx::query_scalar(
        "select count(*) from offline_session where realm_id = $1 and client_id = $2",
    )
    .bind(realm)
    .bind(client)
    .fetch_one(db)
    .await?)
}

/// The clients (their uuids and clientIds) that have an offline session of a user, by clientId, a thousand at most.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn clients_of_user(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    user: Uuid,
) -> Result<Vec<(Uuid, String)>> {
    Ok(sqlx::query_as(
        "select c.id, c.client_id from client c where c.realm_id = $1 and c.id in (select client_id from offline_session \
         where realm_id = $1 and user_id = $2) order by c.client_id limit $3",
    )
    .bind(realm)
    .bind(user)
    .bind(MAX_LISTED)
    .fetch_all(db)
    .await?)
}

/// Ends an offline session, of all its clients; whether there was one.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn delete(db: impl PgExecutor<'_>, realm: Uuid, id: &str) -> Result<bool> {
    if !store::text::storable(id) {
        return Ok(false);
    }
    let done = sqlx::query("delete from offline_session where realm_id = $1 and session_id = $2")
        .bind(realm)
        .bind(id)
        .execute(db)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Ends all offline sessions that a user has with a client (its uuid); how many there were.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn delete_of_user(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    user: Uuid,
    client: Uuid,
) -> Result<u64> {
    let done = sqlx::query(
        "delete from offline_session where realm_id = $1 and user_id = $2 and client_id = $3",
    )
    .bind(realm)
    .bind(user)
    .bind(client)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Ends all offline sessions of a realm; how many parts of clients there were.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn delete_all(db: impl PgExecutor<'_>, realm: Uuid) -> Result<u64> {
    let done = sqlx::query("delete from offline_session where realm_id = $1")
        .bind(realm)
        .execute(db)
        .await?;
    Ok(done.rows_affected())
}
