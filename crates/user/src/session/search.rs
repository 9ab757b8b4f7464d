//! The sessions of a realm, as the admin console looks for them.

use sqlx::PgExecutor;
use store::Result;
use uuid::Uuid;

use super::{MAX_LISTED, Session};

/// The sessions of a realm, of one client (its uuid) or all, in the order of their ids, a thousand at most. `search`: a part
/// of the user's name, of the address or of a client's id.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn search(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    client: Option<Uuid>,
    search: &str,
    first: i64,
    max: i64,
) -> Result<Vec<Session>> {
    let sql = select_session!(
        "where s.realm_id = $1 and ($2::uuid is null or exists (select from client_session t where t.realm_id = $1 \
         and t.session_id = s.id and t.client_id = $2)) and ($3 = '' or strpos(u.username, $3) > 0 \
         or strpos(s.ip_address, $3) > 0 or exists (select from client_session t join client c on c.realm_id = t.realm_id \
         and c.id = t.client_id where t.realm_id = $1 and t.session_id = s.id and strpos(c.client_id, $3) > 0)) \
         order by s.id offset $4 limit $5"
    );
    Ok(sqlx::query_as(sql)
        .bind(realm)
        .bind(client)
        .bind(search)
        .bind(first.max(0))
        .bind(max.clamp(0, MAX_LISTED))
        .fetch_all(db)
        .await?)
}
