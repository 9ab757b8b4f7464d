//! Identity tokens: what registries' client programs keep instead of a password. Each has an offline session of its own.
//!
//! They end with that session: by whoever ends offline sessions, with the app password that they were got with, when the
//! user is disabled, and when the user's password changes (realm attribute `dockerV2.passwordChangeEndsTokens`). The last
//! two are triggers of the database.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sqlx::{FromRow as _, PgExecutor, Row as _};
use store::Result;
use uuid::Uuid;

use super::{ClientTimes, Part, Times};
use crate::{User, app_password};

/// Identity tokens that a user has with one client at most; the next one ends the one that was unused for longest.
pub const MAX: i64 = 100;
/// Seconds for which a token stays good once another has taken its place: its program may be asking with it right now.
pub const OVERLAP: i64 = 10;

/// What an identity token begins with.
#[derive(Clone, Copy, Debug)]
pub struct New<'a> {
    /// Whose it is.
    pub user: Uuid,
    /// The uuid of the client that it is for.
    pub client: Uuid,
    /// The app password that was given for it; without one it was the account's password.
    pub app_password: Option<Uuid>,
    /// Where the login comes from.
    pub ip: &'a str,
    /// Its `jti`.
    pub token: &'a str,
    /// The second at which it begins.
    pub now: i64,
    /// The millisecond at which the login began.
    pub since: i64,
}

/// Begins the session of an identity token; its id. None when the user was disabled, the password changed or the app
/// password deleted while the login went on.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn begin(db: impl PgExecutor<'_>, realm: Uuid, new: New<'_>) -> Result<Option<String>> {
    let id = URL_SAFE_NO_PAD.encode(*realm::seal::random::<18>()?);
    // The user's row is held, so that whoever disables the user ends this session, too.
    let begun = sqlx::query(
        "with holder as (select id from user_entity where realm_id = $1 and id = $4 and enabled for share), \
         beyond as (delete from offline_session where realm_id = $1 and session_id in (select session_id \
         from offline_session where realm_id = $1 and user_id = $4 and client_id = $3 and token is not null \
         order by last_refresh desc, session_id offset $9)) \
         insert into offline_session (realm_id, session_id, client_id, user_id, ip_address, started, client_started, \
         last_refresh, remember_me, notes, sso, token, credential_id) select $1, $2, $3, id, $5, $6, $6, $6, false, '{}', \
         false, $7, $8 from holder where $8 is not null or exists (select from credential p where p.realm_id = $1 \
         and p.user_id = $4 and p.type = 'password' and not (p.created_date > $10 and p.created_date <= $11))",
    )
    .bind(realm)
    .bind(&id)
    .bind(new.client)
    .bind(new.user)
    .bind(new.ip)
    .bind(new.now)
    .bind(new.token)
    .bind(new.app_password)
    .bind(MAX - 1)
    .bind(new.since)
    .bind(store::clock::now_ms())
    .execute(db)
    .await
    .map_err(store::Error::from);
    match begun {
        Ok(done) => Ok((done.rows_affected() > 0).then_some(id)),
        // The client or the app password.
        Err(store::Error::Missing(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What somebody who comes with an identity token finds.
#[derive(Clone, Debug)]
pub struct Found {
    /// The user as it is now.
    pub user: User,
    /// When the session began and was last refreshed.
    pub times: Times,
    /// Until this second wrong passwords have locked the user; 0 without any.
    pub locked_until: i64,
    /// The app password that the token was got with.
    pub app_password: Option<Uuid>,
    /// The millisecond at which that expires.
    expires: Option<i64>,
    token: String,
    previous: Option<(String, i64)>,
}

/// How a token stands in its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is the one that counts.
    Current,
    /// Another has taken its place a moment ago.
    Overlapping,
    /// Another has taken its place: whoever uses it has a copy, or somebody else has.
    Replaced,
}

impl Found {
    /// How the token of this `jti` stands at second `now`.
    #[must_use]
    pub fn standing(&self, token: &str, now: i64) -> Standing {
        match &self.previous {
            _ if self.token == token => Standing::Current,
            Some((previous, until)) if previous == token && now < *until => Standing::Overlapping,
            _ => Standing::Replaced,
        }
    }

    /// The `jti` of the token that counts.
    #[must_use]
    pub fn current(&self) -> &str {
        &self.token
    }

    /// Whether the app password that the token was got with has expired at this millisecond.
    #[must_use]
    pub fn is_expired(&self, now: i64) -> bool {
        self.expires.is_some_and(|date| date <= now)
    }
}

/// The session of an identity token of a user, with all that decides whether it is good. One round trip.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn find(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    user: Uuid,
    part: Part<'_>,
) -> Result<Option<Found>> {
    const SQL: &str = crate::select_user!(
        ", o.started, o.client_started, o.last_refresh, o.token, o.previous_token, o.previous_until, o.credential_id, \
         c.credential_data, coalesce(f.failed_login_not_before, 0) as locked_until from offline_session o \
         join user_entity u on u.realm_id = o.realm_id and u.id = o.user_id \
         left join login_failure f on f.realm_id = o.realm_id and f.user_id = o.user_id \
         left join credential c on c.realm_id = o.realm_id and c.id = o.credential_id \
         where o.realm_id = $1 and o.session_id = $2 and o.client_id = $3 and o.user_id = $4 and o.token is not null"
    );
    if !store::text::storable(part.session) {
        return Ok(None);
    }
    let row = sqlx::query(SQL)
        .bind(realm)
        .bind(part.session)
        .bind(part.client)
        .bind(user)
        .fetch_optional(db)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let last_refresh = row.try_get("last_refresh")?;
    let until: Option<i64> = row.try_get("previous_until")?;
    let data: Option<String> = row.try_get("credential_data")?;
    let data: app_password::Data = data
        .and_then(|data| serde_json::from_str(&data).ok())
        .unwrap_or_default();
    Ok(Some(Found {
        user: User::from_row(&row)?,
        times: Times {
            started: row.try_get("started")?,
            last_refresh,
            client: Some(ClientTimes {
                started: row.try_get("client_started")?,
                last_refresh,
            }),
            remember_me: false,
            offline: true,
        },
        locked_until: row.try_get("locked_until")?,
        app_password: row.try_get("credential_id")?,
        expires: data.expiration_date,
        token: row.try_get("token")?,
        previous: row
            .try_get::<Option<String>, _>("previous_token")?
            .zip(until),
    }))
}

/// Notes that a session was refreshed at second `now`, unless that was noted after second `before`: of many uses at once
/// one writes.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn touch(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    part: Part<'_>,
    (before, now): (i64, i64),
) -> Result<()> {
    sqlx::query(
        "update offline_session set last_refresh = $5 where realm_id = $1 and session_id = $2 and client_id = $3 \
         and last_refresh <= $4",
    )
    .bind(realm)
    .bind(part.session)
    .bind(part.client)
    .bind(before)
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}

/// Lets a token (its `jti`) take the place of another at second `now`; whether it did. Not of one that no longer counts, nor
/// while the one before that is still good: a program in which several rotate at once would lose both.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn rotate(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    part: Part<'_>,
    (old, new): (&str, &str),
    now: i64,
) -> Result<bool> {
    let done = sqlx::query(
        "update offline_session set token = $5, previous_token = $4, previous_until = $6 + $7, \
         last_refresh = greatest(last_refresh, $6) \
         where realm_id = $1 and session_id = $2 and client_id = $3 and token = $4 \
         and coalesce(previous_until, 0) <= $6",
    )
    .bind(realm)
    .bind(part.session)
    .bind(part.client)
    .bind(old)
    .bind(new)
    .bind(now)
    .bind(OVERLAP)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}
