//! Authorization codes (RFC 6749 §4.1.2): kept as digests, good once.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;
use sqlx::{PgExecutor, types::Json};
use store::Result;
use uuid::Uuid;

/// A code, as it is stored. `expires` in seconds.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Code {
    /// The uuid of the client that it was made for.
    pub client_id: Uuid,
    /// The session that it stands for.
    pub session_id: String,
    /// What the tokens depend on, as the protocol wrote it.
    #[sqlx(json)]
    pub request: Value,
    /// Until when it is good.
    pub expires: i64,
}

/// Whether a code was good.
#[derive(Clone, Debug, PartialEq)]
pub enum Taken {
    /// It was, and is not any more.
    First(Code),
    /// It has been used before: whoever got hold of its tokens may have stolen it.
    Again(Code),
    /// There is no such code, or no more.
    Unknown,
}

/// Stores a code.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn create(db: impl PgExecutor<'_>, realm: Uuid, text: &str, code: &Code) -> Result<()> {
    sqlx::query(
        "insert into authorization_code (realm_id, id, client_id, session_id, request, expires) \
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(realm)
    .bind(id(text))
    .bind(code.client_id)
    .bind(&code.session_id)
    .bind(Json(&code.request))
    .bind(code.expires)
    .execute(db)
    .await?;
    Ok(())
}

/// Uses a code at second `now`. Of many uses at once one is the first.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn take(db: impl PgExecutor<'_>, realm: Uuid, text: &str, now: i64) -> Result<Taken> {
    #[derive(sqlx::FromRow)]
    struct Row {
        #[sqlx(flatten)]
        code: Code,
        before: bool,
    }
    let row: Option<Row> = sqlx::query_as(
        "update authorization_code c set used = true from (select realm_id, id, used as before from authorization_code \
         where realm_id = $1 and id = $2 and expires > $3 for update) b where c.realm_id = b.realm_id and c.id = b.id \
         returning c.client_id, c.session_id, c.request, c.expires, b.before",
    )
    .bind(realm)
    .bind(id(text))
    .bind(now)
    .fetch_optional(db)
    .await?;
    Ok(match row {
        None => Taken::Unknown,
        Some(row) if row.before => Taken::Again(row.code),
        Some(row) => Taken::First(row.code),
    })
}

/// Forgets codes that are over, of all realms, up to `most`; how many. `now`: seconds.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn sweep(db: impl PgExecutor<'_>, now: i64, most: i64) -> Result<u64> {
    store::sweep!(db, "authorization_code", now, most).await
}

fn id(text: &str) -> Vec<u8> {
    digest(&SHA256, text.as_bytes()).as_ref().to_vec()
}
