//! The session of a browser that has signed in: what decides whether it goes on without a password.

use serde_json::{Map, Value};
use sqlx::types::Json;
use sqlx::{FromRow as _, PgExecutor, Row as _};
use store::Result;
use uuid::Uuid;

use super::Span;
use crate::User;

/// A session and whose it is. Times in seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct BrowserSession {
    /// Its id.
    pub id: String,
    /// When it began.
    pub started: i64,
    /// When a token was last refreshed, or another client signed in to.
    pub last_refresh: i64,
    /// When the user last gave a password.
    pub auth_time: Option<i64>,
    /// Whether the user asked to be remembered.
    pub remember_me: bool,
    /// What mappers tell of the sign-in.
    pub notes: Map<String, Value>,
    /// The user as it is now.
    pub user: User,
}

/// The session with this id and its user; for the caller to say whether it is too old.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn find(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    id: &str,
) -> Result<Option<BrowserSession>> {
    const SQL: &str = crate::select_user!(
        ", s.id as session_id, s.started, s.last_refresh, s.auth_time, s.remember_me, s.notes \
         from user_session s join user_entity u on u.realm_id = s.realm_id and u.id = s.user_id \
         where s.realm_id = $1 and s.id = $2"
    );
    if !store::text::storable(id) {
        return Ok(None);
    }
    let row = sqlx::query(SQL)
        .bind(realm)
        .bind(id)
        .fetch_optional(db)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let Json(notes) = row.try_get("notes")?;
    Ok(Some(BrowserSession {
        id: row.try_get("session_id")?,
        started: row.try_get("started")?,
        last_refresh: row.try_get("last_refresh")?,
        auth_time: row.try_get("auth_time")?,
        remember_me: row.try_get("remember_me")?,
        notes,
        user: User::from_row(&row)?,
    }))
}

/// Lets a client (its uuid) take part from second `now` on, or go on to while its part is not over by `limits`, and
/// marks the session as used; with `again`, the user has just given a password once more. Whether there is such a session.
///
/// # Errors
/// [`store::Error::Missing`] when the client is gone.
pub async fn enter(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    session: &str,
    client: Uuid,
    now: i64,
    limits: Span,
    again: Option<&Map<String, Value>>,
) -> Result<bool> {
    let done = sqlx::query(
        "with s as (update user_session set last_refresh = greatest(last_refresh, $4), until_offline = false, \
         auth_time = case when $5 then $4 else auth_time end, notes = case when $5 then $6 else notes end \
         where realm_id = $1 and id = $2 returning id) \
         insert into client_session (realm_id, session_id, client_id, started, sso) select $1, id, $3, $4, not $5 from s \
         on conflict (realm_id, session_id, client_id) do update set started = case when client_session.started > $7 \
         and greatest(client_session.started, client_session.last_refresh) > $8 then client_session.started \
         else excluded.started end, last_refresh = greatest(client_session.last_refresh, excluded.started), \
         sso = excluded.sso, claims = null",
    )
    .bind(realm)
    .bind(session)
    .bind(client)
    .bind(now)
    .bind(again.is_some())
    .bind(Json(again.cloned().unwrap_or_default()))
    .bind(now.saturating_sub(limits.lifespan))
    .bind(now.saturating_sub(limits.idle))
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}
