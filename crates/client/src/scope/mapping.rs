//! Scope mappings: the roles that a client without `fullScopeAllowed`, or a client scope, lets into tokens. They give
//! nobody a role: a token carries roles that its user holds.

use realm::role::{MAX_LISTED, Of, Role};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::Result;
use crate::mapper::Owner;

/// `select` of a [`Role`] from `role r` of realm `$1`: all where `$4`, else realm roles or those of client `$5`.
macro_rules! select_role {
    ($before:literal, $where:literal) => {
        concat!(
            $before,
            "select r.id, r.client_id, r.name, r.description, r.attributes, exists (select from role_composite k \
             where k.realm_id = r.realm_id and k.parent_id = r.id) as composite from role r where r.realm_id = $1 \
             and ($4 or r.client_id = $5 or ($5::uuid is null and r.client_id is null)) and ",
            $where,
            " order by r.name, r.id limit $6"
        )
    };
}

/// The roles mapped to an owner, ordered by name.
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn direct(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    owner: Owner,
    of: Of,
) -> Result<Vec<Role>> {
    const SQL: &str = select_role!(
        "",
        "r.id in (select m.role_id from scope_mapping m where m.realm_id = $1 \
         and (m.client_id = $2 or m.client_scope_id = $3))"
    );
    select(db, SQL, realm, owner, of).await
}

/// The roles that could be mapped to an owner and are not, ordered by name. A client's own roles need no mapping.
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn available(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    owner: Owner,
    of: Of,
) -> Result<Vec<Role>> {
    const SQL: &str = select_role!(
        "",
        "($2::uuid is null or r.client_id is distinct from $2) and r.id not in (select m.role_id from scope_mapping m \
         where m.realm_id = $1 and (m.client_id = $2 or m.client_scope_id = $3))"
    );
    select(db, SQL, realm, owner, of).await
}

/// The roles that an owner lets through: those mapped to it, a client's own, and all that these contain; by name.
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn effective(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    owner: Owner,
    of: Of,
) -> Result<Vec<Role>> {
    // `union` drops what was seen, so a circle of roles ends.
    const SQL: &str = select_role!(
        "with recursive held (id) as (select m.role_id from scope_mapping m where m.realm_id = $1 \
         and (m.client_id = $2 or m.client_scope_id = $3) union select o.id from role o where o.realm_id = $1 \
         and o.client_id = $2 union select c.child_id from held h join role_composite c on c.realm_id = $1 \
         and c.parent_id = h.id) ",
        "r.id in (select id from held)"
    );
    select(db, SQL, realm, owner, of).await
}

async fn select(
    db: impl PgExecutor<'_>,
    sql: &'static str,
    realm: Uuid,
    owner: Owner,
    of: Of,
) -> Result<Vec<Role>> {
    let (client, scope) = owner.columns();
    let roles_of = match of {
        Of::Client(client) => Some(client),
        Of::All | Of::Realm => None,
    };
    Ok(sqlx::query_as(sql)
        .bind(realm)
        .bind(client)
        .bind(scope)
        .bind(of == Of::All)
        .bind(roles_of)
        .bind(MAX_LISTED)
        .fetch_all(db)
        .await?)
}

/// Maps roles to an owner; those that it has already stay.
///
/// # Errors
/// [`crate::Error::Missing`] when the owner or a role is not there.
pub async fn add(db: impl PgExecutor<'_>, realm: Uuid, owner: Owner, roles: &[Uuid]) -> Result<()> {
    let pairs: Vec<_> = roles.iter().map(|role| (owner, *role)).collect();
    insert_many(db, realm, &pairs).await
}

/// Maps many roles in one statement; those that are mapped already stay.
///
/// # Errors
/// As [`add`].
pub async fn insert_many(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    mappings: &[(Owner, Uuid)],
) -> Result<()> {
    let (clients, scopes): (Vec<_>, Vec<_>) =
        mappings.iter().map(|(owner, _)| owner.columns()).unzip();
    sqlx::query(
        "insert into scope_mapping (realm_id, client_id, client_scope_id, role_id) \
         select $1, * from unnest($2::uuid[], $3::uuid[], $4::uuid[]) on conflict do nothing",
    )
    .bind(realm)
    .bind(clients)
    .bind(scopes)
    .bind(mappings.iter().map(|(_, role)| *role).collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(())
}

/// Takes roles from an owner; those that it does not have do not matter.
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn remove(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    owner: Owner,
    roles: &[Uuid],
) -> Result<()> {
    let (client, scope) = owner.columns();
    sqlx::query(
        "delete from scope_mapping where realm_id = $1 and (client_id = $2 or client_scope_id = $3) \
         and role_id = any($4)",
    )
    .bind(realm)
    .bind(client)
    .bind(scope)
    .bind(roles)
    .execute(db)
    .await?;
    Ok(())
}

/// A scope mapping by names, as realm files have it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Named {
    /// The clientId of the client that lets the role through; none where a client scope does.
    pub client: Option<String>,
    /// The name of the client scope that lets the role through; none where a client does.
    pub client_scope: Option<String>,
    /// The clientId of the role's client; none for a realm role.
    pub role_client: Option<String>,
    /// The role's name.
    pub role: String,
}

/// All scope mappings of a realm, ordered by owner and role.
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn all(db: impl PgExecutor<'_>, realm: Uuid) -> Result<Vec<Named>> {
    Ok(sqlx::query_as(
        "select c.client_id as client, s.name as client_scope, o.client_id as role_client, r.name as role \
         from scope_mapping m join role r on r.realm_id = m.realm_id and r.id = m.role_id \
         left join client c on c.realm_id = m.realm_id and c.id = m.client_id \
         left join client_scope s on s.realm_id = m.realm_id and s.id = m.client_scope_id \
         left join client o on o.realm_id = r.realm_id and o.id = r.client_id \
         where m.realm_id = $1 order by 1, 2, 3, 4",
    )
    .bind(realm)
    .fetch_all(db)
    .await?)
}
