//! Which client scopes new clients of a realm get, and which a client has: always (default), or when it asks (optional).

use sqlx::PgExecutor;
use uuid::Uuid;

use super::MAX_LISTED;
use crate::Result;

/// A client scope that a client has, or that new ones get.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Link {
    /// The scope's id.
    pub id: Uuid,
    /// The scope's name.
    pub name: String,
    /// The protocol whose clients may have it.
    pub protocol: String,
    /// Always, else when asked for.
    pub is_default: bool,
}

/// What new clients of a realm get, in the order in which it was set.
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn defaults(db: impl PgExecutor<'_>, realm: Uuid) -> Result<Vec<Link>> {
    Ok(sqlx::query_as(
        "select s.id, s.name, s.protocol, d.is_default from default_client_scope d \
         join client_scope s on s.realm_id = d.realm_id and s.id = d.scope_id where d.realm_id = $1 \
         order by d.position limit $2",
    )
    .bind(realm)
    .bind(MAX_LISTED)
    .fetch_all(db)
    .await?)
}

/// Lets new clients of a realm have scopes, in this order.
///
/// # Errors
/// [`crate::Error::Duplicate`] `default_client_scope_pkey` for one that they get already; [`crate::Error::Missing`].
pub async fn add_defaults(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    scopes: &[(Uuid, bool)],
) -> Result<()> {
    sqlx::query(
        "insert into default_client_scope (realm_id, scope_id, is_default) select $1, n.id, n.is_default \
         from unnest($2::uuid[], $3::bool[]) with ordinality n (id, is_default, position) order by n.position",
    )
    .bind(realm)
    .bind(scopes.iter().map(|(id, _)| *id).collect::<Vec<_>>())
    .bind(scopes.iter().map(|(_, default)| *default).collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(())
}

/// New clients of a realm get a scope no longer.
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn remove_default(db: impl PgExecutor<'_>, realm: Uuid, scope: Uuid) -> Result<()> {
    sqlx::query("delete from default_client_scope where realm_id = $1 and scope_id = $2")
        .bind(realm)
        .bind(scope)
        .execute(db)
        .await?;
    Ok(())
}

/// What a client has, in the order in which it was given.
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn of_client(db: impl PgExecutor<'_>, realm: Uuid, client: Uuid) -> Result<Vec<Link>> {
    Ok(sqlx::query_as(
        "select s.id, s.name, s.protocol, l.is_default from client_scope_client l \
         join client_scope s on s.realm_id = l.realm_id and s.id = l.scope_id \
         where l.realm_id = $1 and l.client_id = $2 order by l.position limit $3",
    )
    .bind(realm)
    .bind(client)
    .bind(MAX_LISTED)
    .fetch_all(db)
    .await?)
}

/// Gives a client a scope. As in Keycloak nothing happens when it has it in either way, or speaks another protocol.
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn add(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    client: Uuid,
    scope: Uuid,
    is_default: bool,
) -> Result<()> {
    sqlx::query(
        "insert into client_scope_client (realm_id, client_id, scope_id, is_default) \
         select c.realm_id, c.id, s.id, $4 from client c \
         join client_scope s on s.realm_id = c.realm_id and s.id = $3 and s.protocol = c.protocol \
         where c.realm_id = $1 and c.id = $2 on conflict do nothing",
    )
    .bind(realm)
    .bind(client)
    .bind(scope)
    .bind(is_default)
    .execute(db)
    .await?;
    Ok(())
}

/// Takes a scope from a client, in whichever way it has it.
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn remove(db: impl PgExecutor<'_>, realm: Uuid, client: Uuid, scope: Uuid) -> Result<()> {
    sqlx::query(
        "delete from client_scope_client where realm_id = $1 and client_id = $2 and scope_id = $3",
    )
    .bind(realm)
    .bind(client)
    .bind(scope)
    .execute(db)
    .await?;
    Ok(())
}

/// Gives a client the default scope of this name, or takes it away; where there is none, nothing happens.
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn set_by_name(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    client: Uuid,
    name: &str,
    there: bool,
) -> Result<()> {
    let sql = if there {
        "insert into client_scope_client (realm_id, client_id, scope_id, is_default) \
         select c.realm_id, c.id, s.id, true from client c \
         join client_scope s on s.realm_id = c.realm_id and s.name = $3 and s.protocol = c.protocol \
         where c.realm_id = $1 and c.id = $2 on conflict do nothing"
    } else {
        "delete from client_scope_client l using client_scope s where l.realm_id = $1 and l.client_id = $2 \
         and s.realm_id = l.realm_id and s.id = l.scope_id and s.name = $3"
    };
    sqlx::query(sql)
        .bind(realm)
        .bind(client)
        .bind(name)
        .execute(db)
        .await?;
    Ok(())
}
