//! The queries of roles.

use sqlx::PgExecutor;
use sqlx::types::Json;
use uuid::Uuid;

use super::{MAX_LISTED, NewRole, Of, Role, check};
use crate::Result;

/// What every query of roles begins with.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select r.id, r.client_id, r.name, r.description, r.attributes, exists (select from role_composite c \
             where c.realm_id = r.realm_id and c.parent_id = r.id) as composite from role r ",
            $rest
        )
    };
}

/// The role with this id.
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn find(db: impl PgExecutor<'_>, realm: Uuid, id: Uuid) -> Result<Option<Role>> {
    let sql = select!("where r.realm_id = $1 and r.id = $2");
    Ok(sqlx::query_as(sql)
        .bind(realm)
        .bind(id)
        .fetch_optional(db)
        .await?)
}

/// Those of the roles with these ids that there are, ordered by name.
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn find_many(db: impl PgExecutor<'_>, realm: Uuid, ids: &[Uuid]) -> Result<Vec<Role>> {
    let sql = select!("where r.realm_id = $1 and r.id = any($2) order by r.name, r.id");
    Ok(sqlx::query_as(sql)
        .bind(realm)
        .bind(ids)
        .fetch_all(db)
        .await?)
}

/// The role of this name among the realm roles, or the roles of `client`.
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn find_by_name(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    client: Option<Uuid>,
    name: &str,
) -> Result<Option<Role>> {
    if !store::text::storable(name) {
        return Ok(None);
    }
    // Two texts, as no index answers `is not distinct from`.
    let query = match client {
        Some(client) => sqlx::query_as(select!(
            "where r.realm_id = $1 and r.name = $2 and r.client_id = $3"
        ))
        .bind(realm)
        .bind(name)
        .bind(client),
        None => sqlx::query_as(select!(
            "where r.realm_id = $1 and r.name = $2 and r.client_id is null"
        ))
        .bind(realm)
        .bind(name),
    };
    Ok(query.fetch_optional(db).await?)
}

/// The realm roles, or the roles of `client`, ordered by name; `search` is part of the name or the description, in any
/// case. Absent or negative `first` and `max` mean no bound of the caller's; ours is [`MAX_LISTED`].
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn list(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    client: Option<Uuid>,
    search: Option<&str>,
    first: Option<i64>,
    max: Option<i64>,
) -> Result<Vec<Role>> {
    let search = search.map(str::to_lowercase);
    if search
        .as_deref()
        .is_some_and(|text| !store::text::storable(text))
    {
        return Ok(Vec::new());
    }
    let sql = if client.is_some() {
        select!(
            "where r.realm_id = $1 and r.client_id = $5 and ($2::text is null or strpos(lower(r.name), $2) > 0 \
             or strpos(lower(r.description), $2) > 0) order by r.name offset $3 limit $4"
        )
    } else {
        select!(
            "where r.realm_id = $1 and r.client_id is null and ($2::text is null or strpos(lower(r.name), $2) > 0 \
             or strpos(lower(r.description), $2) > 0) order by r.name offset $3 limit $4"
        )
    };
    let max = max
        .filter(|max| *max >= 0)
        .unwrap_or(MAX_LISTED)
        .min(MAX_LISTED);
    let mut query = sqlx::query_as(sql)
        .bind(realm)
        .bind(search)
        .bind(first.unwrap_or(0).max(0))
        .bind(max);
    if let Some(client) = client {
        query = query.bind(client);
    }
    Ok(query.fetch_all(db).await?)
}

/// Stores one role.
///
/// # Errors
/// [`crate::Error::Duplicate`] `role_name_key`; [`crate::Error::Missing`] when its client is gone;
/// [`crate::Error::Invalid`] over a bound.
pub async fn create(db: impl PgExecutor<'_>, realm: Uuid, role: &NewRole) -> Result<()> {
    insert_many(db, realm, std::slice::from_ref(role)).await
}

/// Stores many roles in one statement; all or none.
///
/// # Errors
/// As [`create`].
pub async fn insert_many(db: impl PgExecutor<'_>, realm: Uuid, roles: &[NewRole]) -> Result<()> {
    for role in roles {
        check(&role.name, role.description.as_deref(), &role.attributes)?;
    }
    sqlx::query(
        "insert into role (realm_id, id, client_id, name, description, attributes) \
         select $1, * from unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::jsonb[])",
    )
    .bind(realm)
    .bind(roles.iter().map(|role| role.id).collect::<Vec<_>>())
    .bind(roles.iter().map(|role| role.client_id).collect::<Vec<_>>())
    .bind(
        roles
            .iter()
            .map(|role| role.name.as_str())
            .collect::<Vec<_>>(),
    )
    .bind(
        roles
            .iter()
            .map(|role| role.description.as_deref())
            .collect::<Vec<_>>(),
    )
    .bind(
        roles
            .iter()
            .map(|role| Json(&role.attributes))
            .collect::<Vec<_>>(),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Writes name, description and attributes; whether the role was there.
///
/// # Errors
/// [`crate::Error::Duplicate`] `role_name_key`; [`crate::Error::Invalid`] over a bound.
pub async fn update(db: impl PgExecutor<'_>, realm: Uuid, role: &Role) -> Result<bool> {
    check(&role.name, role.description.as_deref(), &role.attributes)?;
    let done = sqlx::query(
        "update role set name = $3, description = $4, attributes = $5 where realm_id = $1 and id = $2",
    )
    .bind(realm)
    .bind(role.id)
    .bind(&role.name)
    .bind(&role.description)
    .bind(Json(&role.attributes))
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Deletes the role with all its mappings and compositions; whether it was there. The realm's default role is the
/// caller's to refuse.
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn delete(db: impl PgExecutor<'_>, realm: Uuid, id: Uuid) -> Result<bool> {
    let done = sqlx::query("delete from role where realm_id = $1 and id = $2")
        .bind(realm)
        .bind(id)
        .execute(db)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// The roles that `parent` directly contains, ordered by name.
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn composites(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    parent: Uuid,
    of: Of,
) -> Result<Vec<Role>> {
    let sql = select!(
        "join role_composite rc on rc.realm_id = r.realm_id and rc.child_id = r.id \
         where rc.realm_id = $1 and rc.parent_id = $2 and ($3 or r.client_id is not distinct from $4) \
         order by r.name, r.id limit $5"
    );
    let client = match of {
        Of::Client(client) => Some(client),
        Of::All | Of::Realm => None,
    };
    Ok(sqlx::query_as(sql)
        .bind(realm)
        .bind(parent)
        .bind(of == Of::All)
        .bind(client)
        .bind(MAX_LISTED)
        .fetch_all(db)
        .await?)
}

/// These roles and all that they contain, at any depth, ordered by name.
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn expand(db: impl PgExecutor<'_>, realm: Uuid, ids: &[Uuid]) -> Result<Vec<Role>> {
    // `union` drops what was seen, so a circle of roles ends.
    let sql = concat!(
        "with recursive held (id) as (select unnest($2::uuid[]) union \
         select c.child_id from held join role_composite c on c.realm_id = $1 and c.parent_id = held.id) ",
        select!("where r.realm_id = $1 and r.id in (select id from held) order by r.name, r.id")
    );
    Ok(sqlx::query_as(sql)
        .bind(realm)
        .bind(ids)
        .fetch_all(db)
        .await?)
}

/// Adds roles to a composite; those already in it are left.
///
/// # Errors
/// [`crate::Error::Missing`] when the composite or one of the roles is not in this realm: none is added then.
pub async fn add_composites(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    parent: Uuid,
    children: &[Uuid],
) -> Result<()> {
    let pairs: Vec<_> = children.iter().map(|child| (parent, *child)).collect();
    insert_composites(db, realm, &pairs).await
}

/// Adds many (composite, contained role) pairs in one statement.
///
/// # Errors
/// [`crate::Error::Missing`] when one of the roles is not in this realm: none is added then.
pub async fn insert_composites(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    pairs: &[(Uuid, Uuid)],
) -> Result<()> {
    sqlx::query(
        "insert into role_composite (realm_id, parent_id, child_id) \
         select $1, * from unnest($2::uuid[], $3::uuid[]) on conflict do nothing",
    )
    .bind(realm)
    .bind(pairs.iter().map(|(parent, _)| *parent).collect::<Vec<_>>())
    .bind(pairs.iter().map(|(_, child)| *child).collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(())
}

/// Takes roles out of a composite.
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn remove_composites(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    parent: Uuid,
    children: &[Uuid],
) -> Result<()> {
    sqlx::query(
        "delete from role_composite where realm_id = $1 and parent_id = $2 and child_id = any($3)",
    )
    .bind(realm)
    .bind(parent)
    .bind(children)
    .execute(db)
    .await?;
    Ok(())
}

/// All roles of a realm with what each directly contains, as pairs of ids; for exports.
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn all(
    db: &mut store::Connection,
    realm: Uuid,
) -> Result<(Vec<Role>, Vec<(Uuid, Uuid)>)> {
    let roles = sqlx::query_as(select!("where r.realm_id = $1"))
        .bind(realm)
        .fetch_all(&mut *db)
        .await?;
    let pairs =
        sqlx::query_as("select parent_id, child_id from role_composite where realm_id = $1")
            .bind(realm)
            .fetch_all(db)
            .await?;
    Ok((roles, pairs))
}
