//! What a user still has to do before the next login.

use serde_json::json;
use sqlx::{PgExecutor, types::Json};
use store::Result;
use uuid::Uuid;

/// Where it is kept when a user has agreed with the terms; seconds, as in Keycloak.
const TERMS: &str = "terms_and_conditions";

/// Ends the demand for an action; whether there is such a user.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn done(db: impl PgExecutor<'_>, realm: Uuid, user: Uuid, alias: &str) -> Result<bool> {
    let done = sqlx::query(
        "update user_entity set required_actions = array_remove(required_actions, $3) where realm_id = $1 and id = $2",
    )
    .bind(realm)
    .bind(user)
    .bind(alias)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Notes that a user has agreed with the terms at second `now`, which ends the demand for that; whether there is one.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn agree(db: impl PgExecutor<'_>, realm: Uuid, user: Uuid, now: i64) -> Result<bool> {
    let done = sqlx::query(
        "update user_entity set attributes = attributes || $3, \
         required_actions = array_remove(required_actions, 'TERMS_AND_CONDITIONS') where realm_id = $1 and id = $2",
    )
    .bind(realm)
    .bind(user)
    .bind(Json(json!({ TERMS: [now.to_string()] })))
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}
