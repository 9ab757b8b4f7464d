//! Action tokens that have acted: each does so once.

use sqlx::PgExecutor;
use store::Result;
use uuid::Uuid;

/// Whether a token has acted already.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn is_used(db: impl PgExecutor<'_>, realm: Uuid, id: Uuid) -> Result<bool> {
    Ok(sqlx::query_scalar(
        "select exists (select from used_action_token where realm_id = $1 and id = $2)",
    )
    .bind(realm)
    .bind(id)
    .fetch_one(db)
    .await?)
}

/// Takes a token to act by; false when it has been taken before. `expires`: seconds.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn take(db: impl PgExecutor<'_>, realm: Uuid, id: Uuid, expires: i64) -> Result<bool> {
    let done = sqlx::query(
        "insert into used_action_token (realm_id, id, expires) values ($1, $2, $3) on conflict do nothing",
    )
    .bind(realm)
    .bind(id)
    .bind(expires)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Lets a token act that was taken and did not.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn give_back(db: impl PgExecutor<'_>, realm: Uuid, id: Uuid) -> Result<()> {
    sqlx::query("delete from used_action_token where realm_id = $1 and id = $2")
        .bind(realm)
        .bind(id)
        .execute(db)
        .await?;
    Ok(())
}

/// Marks the user's e-mail address as verified, which ends the demand for that, unless the address is another one now.
/// Whether it was the address.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn verify_email(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    user: Uuid,
    email: &str,
) -> Result<bool> {
    let done = sqlx::query(
        "update user_entity set email_verified = true, required_actions = array_remove(required_actions, 'VERIFY_EMAIL') \
         where realm_id = $1 and id = $2 and email = $3",
    )
    .bind(realm)
    .bind(user)
    .bind(email)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Forgets tokens that have expired, of all realms, up to `most`; how many. `now`: seconds.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn sweep(db: impl PgExecutor<'_>, now: i64, most: i64) -> Result<u64> {
    store::sweep!(db, "used_action_token", now, most).await
}
