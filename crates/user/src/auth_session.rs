//! Logins in progress: one row for each browser tab in which somebody is signing in.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Map, Value};
use sqlx::{PgExecutor, types::Json};
use store::Result;
use uuid::Uuid;

/// Tabs that one browser may sign in with at once.
const MAX_TABS: i64 = 300;

/// A login in progress. `expires` in seconds.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct AuthSession {
    /// The browser's: what its cookie holds.
    pub root_id: String,
    /// The tab's, among those of the browser.
    pub tab_id: String,
    /// Which step a form has to belong to.
    pub session_code: String,
    /// The client's uuid.
    pub client_id: Uuid,
    /// What was asked for, as the protocol wrote it.
    #[sqlx(json)]
    pub request: Value,
    /// Whoever has given the right password.
    pub user_id: Option<Uuid>,
    /// What the steps remember.
    #[sqlx(json)]
    pub notes: Map<String, Value>,
    /// When it is too late to go on.
    pub expires: i64,
}

/// Begins a login. A browser that has begun very many loses those that would end first.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn create(db: impl PgExecutor<'_>, realm: Uuid, new: &AuthSession) -> Result<()> {
    sqlx::query(
        "with surplus as (delete from auth_session where realm_id = $1 and root_id = $2 and tab_id in \
         (select tab_id from auth_session where realm_id = $1 and root_id = $2 order by expires desc offset $9)) \
         insert into auth_session (realm_id, root_id, tab_id, session_code, client_id, request, user_id, notes, expires) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $10)",
    )
    .bind(realm)
    .bind(digest_of(&new.root_id))
    .bind(&new.tab_id)
    .bind(&new.session_code)
    .bind(new.client_id)
    .bind(Json(&new.request))
    .bind(new.user_id)
    .bind(Json(&new.notes))
    .bind(MAX_TABS - 1)
    .bind(new.expires)
    .execute(db)
    .await?;
    Ok(())
}

/// The login of a tab, unless it is over at second `now`.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn find(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    root: &str,
    tab: &str,
    now: i64,
) -> Result<Option<AuthSession>> {
    if !store::text::storable(root) || !store::text::storable(tab) {
        return Ok(None);
    }
    let found: Option<AuthSession> = sqlx::query_as(
        "select root_id, tab_id, session_code, client_id, request, user_id, notes, expires from auth_session \
         where realm_id = $1 and root_id = $2 and tab_id = $3 and expires > $4",
    )
    .bind(realm)
    .bind(digest_of(root))
    .bind(tab)
    .bind(now)
    .fetch_optional(db)
    .await?;
    Ok(found.map(|found| AuthSession {
        root_id: root.to_owned(),
        ..found
    }))
}

/// Writes what a step has changed (`session_code`, `user_id`, `notes`), if the login still stands at the step of
/// `session_code`; whether it did. Of two forms sent at once one goes on.
///
/// # Errors
/// [`store::Error::Missing`] when the user is gone.
pub async fn update(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    session_code: &str,
    changed: &AuthSession,
) -> Result<bool> {
    let done = sqlx::query(
        "update auth_session set session_code = $5, user_id = $6, notes = $7 \
         where realm_id = $1 and root_id = $2 and tab_id = $3 and session_code = $4",
    )
    .bind(realm)
    .bind(digest_of(&changed.root_id))
    .bind(&changed.tab_id)
    .bind(session_code)
    .bind(&changed.session_code)
    .bind(changed.user_id)
    .bind(Json(&changed.notes))
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Ends a login; whether there was one. Whoever gets true may finish it.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn delete(db: impl PgExecutor<'_>, realm: Uuid, root: &str, tab: &str) -> Result<bool> {
    let done = sqlx::query(
        "delete from auth_session where realm_id = $1 and root_id = $2 and tab_id = $3",
    )
    .bind(realm)
    .bind(digest_of(root))
    .bind(tab)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Forgets logins that are over, of all realms, up to `most`; how many. `now`: seconds.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn sweep(db: impl PgExecutor<'_>, now: i64, most: i64) -> Result<u64> {
    store::sweep!(db, "auth_session", now, most).await
}

/// Ends the logins of a user that wait at a later step: what was given to get there is not good any more.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn end_all_of_user(db: impl PgExecutor<'_>, realm: Uuid, user: Uuid) -> Result<()> {
    sqlx::query("delete from auth_session where realm_id = $1 and user_id = $2")
        .bind(realm)
        .bind(user)
        .execute(db)
        .await?;
    Ok(())
}

/// The same for all users of a realm.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn end_all(db: impl PgExecutor<'_>, realm: Uuid) -> Result<()> {
    sqlx::query("delete from auth_session where realm_id = $1 and user_id is not null")
        .bind(realm)
        .execute(db)
        .await?;
    Ok(())
}

/// Moves all tabs of a browser to a new root id.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn rename_root(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    root: &str,
    new: &str,
) -> Result<()> {
    sqlx::query("update auth_session set root_id = $3 where realm_id = $1 and root_id = $2")
        .bind(realm)
        .bind(digest_of(root))
        .bind(digest_of(new))
        .execute(db)
        .await?;
    Ok(())
}

/// What the database holds in the place of a root id: whoever reads it there cannot go on with the login.
fn digest_of(root: &str) -> String {
    let hash = digest(&SHA256, root.as_bytes());
    hash.as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
