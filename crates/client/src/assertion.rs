//! Assertions that clients have signed in with: each works once.

use aws_lc_rs::digest::{SHA256, digest};
use sqlx::PgExecutor;
use store::Result;
use uuid::Uuid;

/// Takes a client's assertion by its `jti`; false when it has been taken before. `expires`: seconds, until when it could
/// be tried again.
///
/// # Errors
/// [`store::Error::Missing`] when the client is gone; [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn take(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    client: Uuid,
    jti: &str,
    expires: i64,
) -> Result<bool> {
    let done = sqlx::query(
        "insert into used_client_assertion (realm_id, client_id, id, expires) values ($1, $2, $3, $4) \
         on conflict do nothing",
    )
    .bind(realm)
    .bind(client)
    .bind(digest(&SHA256, jti.as_bytes()).as_ref())
    .bind(expires)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Forgets assertions that have expired, of all realms, up to `most`; how many. `now`: seconds.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn sweep(db: impl PgExecutor<'_>, now: i64, most: i64) -> Result<u64> {
    store::sweep!(db, "used_client_assertion", now, most).await
}
