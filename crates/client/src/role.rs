//! Roles of clients, with the client that each is of.

use sqlx::{FromRow, PgExecutor};
use uuid::Uuid;

use crate::Result;
use realm::role::MAX_LISTED;

/// A role of a client.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct ClientRole {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// The client's uuid.
    pub client: Uuid,
    /// The client's `clientId`.
    pub client_id: String,
}

/// The client roles of a realm but `except`, by clientId and name. `search`: a part of either, whatever the case.
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn search(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    except: &[Uuid],
    search: &str,
    first: i64,
    max: i64,
) -> Result<Vec<ClientRole>> {
    Ok(sqlx::query_as(
        "select r.id, r.name, r.description, c.id as client, c.client_id from role r \
         join client c on c.realm_id = r.realm_id and c.id = r.client_id where r.realm_id = $1 and not r.id = any($2) \
         and ($3 = '' or strpos(lower(r.name), lower($3)) > 0 or strpos(lower(c.client_id), lower($3)) > 0) \
         order by c.client_id, r.name offset $4 limit $5",
    )
    .bind(realm)
    .bind(except)
    .bind(search)
    .bind(first.max(0))
    .bind(max.clamp(0, MAX_LISTED))
    .fetch_all(db)
    .await?)
}
