//! The end of sessions, and what is left to tell of it.

use sqlx::PgExecutor;
use store::Result;
use uuid::Uuid;

/// Sessions of a realm that are told of at most when all end at once.
const MAX_TOLD: i64 = 10_000;

/// A session that is over.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Ended {
    /// Its id.
    pub id: String,
    /// Whose it was.
    pub user_id: Uuid,
    /// The clients that took part, by `clientId`.
    pub clients: Vec<String>,
}

/// Sessions that end; `$1` is the realm.
macro_rules! end {
    ($which:literal, $told:literal) => {
        concat!(
            "with gone as (delete from user_session where realm_id = $1 ",
            $which,
            " returning id, user_id) select g.id, g.user_id, t.clients from gone g cross join lateral \
             (select coalesce(array_agg(c.client_id order by c.client_id), '{}') as clients from client_session k \
             join client c on c.realm_id = k.realm_id and c.id = k.client_id \
             where k.realm_id = $1 and k.session_id = g.id ",
            $told
        )
    };
}

/// Ends a session; none if there was none. Whoever ends one tells of it: `protocol::session`.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn end(db: impl PgExecutor<'_>, realm: Uuid, id: &str) -> Result<Option<Ended>> {
    if !store::text::storable(id) {
        return Ok(None);
    }
    Ok(sqlx::query_as(end!("and id = $2", ") t"))
        .bind(realm)
        .bind(id)
        .fetch_optional(db)
        .await?)
}

/// Ends all sessions of a user.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn end_all_of_user(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    user: Uuid,
) -> Result<Vec<Ended>> {
    Ok(sqlx::query_as(end!("and user_id = $2", ") t"))
        .bind(realm)
        .bind(user)
        .fetch_all(db)
        .await?)
}

/// Ends all sessions of a realm. There may be very many, so only those come back of which a client wants to be told,
/// ten thousand at most.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn end_all(db: impl PgExecutor<'_>, realm: Uuid) -> Result<Vec<Ended>> {
    let sql = end!(
        "",
        "and c.settings -> 'attributes' ? 'backchannel.logout.url') t where t.clients <> '{}' limit $2"
    );
    Ok(sqlx::query_as(sql)
        .bind(realm)
        .bind(MAX_TOLD)
        .fetch_all(db)
        .await?)
}
