//! Authorization requests that clients push ahead of the browser (RFC 9126), kept as long as a browser needs to come.

use std::collections::HashMap;

use aws_lc_rs::digest::{SHA256, digest};
use sqlx::{PgExecutor, types::Json};
use uuid::Uuid;

use crate::Result;

/// Stores a request of a client (its uuid) under its URI, until second `expires`.
///
/// # Errors
/// [`crate::Error::Missing`] when the client is gone.
pub async fn create(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    uri: &str,
    client: Uuid,
    parameters: &HashMap<String, String>,
    expires: i64,
) -> Result<()> {
    sqlx::query(
        "insert into pushed_authorization_request (realm_id, id, client_id, parameters, expires) \
         values ($1, $2, $3, $4, $5)",
    )
    .bind(realm)
    .bind(id(uri))
    .bind(client)
    .bind(Json(parameters))
    .bind(expires)
    .execute(db)
    .await?;
    Ok(())
}

/// Uses the request that a client (its uuid) has pushed, at second `now`. Of many uses at once one gets it.
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn take(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    uri: &str,
    client: Uuid,
    now: i64,
) -> Result<Option<HashMap<String, String>>> {
    let parameters: Option<Json<_>> = sqlx::query_scalar(
        "delete from pushed_authorization_request where realm_id = $1 and id = $2 and client_id = $3 \
         and expires > $4 returning parameters",
    )
    .bind(realm)
    .bind(id(uri))
    .bind(client)
    .bind(now)
    .fetch_optional(db)
    .await?;
    Ok(parameters.map(|Json(parameters)| parameters))
}

/// Forgets requests that nobody has come for, of all realms, up to `most`; how many. `now`: seconds.
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn sweep(db: impl PgExecutor<'_>, now: i64, most: i64) -> Result<u64> {
    store::sweep!(db, "pushed_authorization_request", now, most).await
}

fn id(uri: &str) -> Vec<u8> {
    digest(&SHA256, uri.as_bytes()).as_ref().to_vec()
}
