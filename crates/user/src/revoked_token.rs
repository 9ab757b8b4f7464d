//! Access tokens that were taken back before their time (RFC 7009).

use sqlx::PgExecutor;
use store::Result;
use uuid::Uuid;

/// Takes back the token with this `jti`, which is good until second `expires`; whether it had not been taken back before.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn create(db: impl PgExecutor<'_>, realm: Uuid, id: &str, expires: i64) -> Result<bool> {
    let done = sqlx::query(
        "insert into revoked_token (realm_id, id, expires) values ($1, $2, $3) on conflict do nothing",
    )
    .bind(realm)
    .bind(id)
    .bind(expires)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Forgets tokens that have expired, of all realms, up to `most`; how many. `now`: seconds.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn sweep(db: impl PgExecutor<'_>, now: i64, most: i64) -> Result<u64> {
    store::sweep!(db, "revoked_token", now, most).await
}
