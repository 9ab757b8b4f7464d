//! The queries of client scopes.

use std::collections::HashMap;

use sqlx::types::Json;
use sqlx::{FromRow as _, PgExecutor, Row as _};
use uuid::Uuid;

use super::{ClientScope, KnownScope, MAX_LISTED, Roles};
use crate::{Made, Result};

/// A scope and its mappers, of `client_scope s`.
macro_rules! columns {
    () => {
        "s.id, s.name, s.description, s.protocol, s.attributes, coalesce((select json_agg(json_build_object('id', m.id, \
         'name', m.name, 'protocol', m.protocol, 'protocol_mapper', m.protocol_mapper, \
         'consent_required', m.consent_required, 'config', m.config) order by m.name) from protocol_mapper m \
         where m.realm_id = s.realm_id and m.client_scope_id = s.id), '[]') as mappers "
    };
}

/// The client scope with this id.
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn find(db: impl PgExecutor<'_>, realm: Uuid, id: Uuid) -> Result<Option<ClientScope>> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        "from client_scope s where s.realm_id = $1 and s.id = $2"
    );
    Ok(sqlx::query_as(SQL)
        .bind(realm)
        .bind(id)
        .fetch_optional(db)
        .await?)
}

/// The client scopes of a realm, by name; at most [`MAX_LISTED`].
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn list(db: impl PgExecutor<'_>, realm: Uuid) -> Result<Vec<ClientScope>> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        "from client_scope s where s.realm_id = $1 order by s.name limit $2"
    );
    Ok(sqlx::query_as(SQL)
        .bind(realm)
        .bind(MAX_LISTED)
        .fetch_all(db)
        .await?)
}

/// The client scopes of a realm by name, with all that tokens need of them; at most [`MAX_LISTED`].
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn known(db: impl PgExecutor<'_>, realm: Uuid) -> Result<HashMap<String, KnownScope>> {
    // `union` drops what was seen, so a circle of roles ends.
    const SQL: &str = concat!(
        "select ",
        columns!(),
        ", (with recursive held (id) as (select m.role_id from scope_mapping m where m.realm_id = $1 \
         and m.client_scope_id = s.id union select c.child_id from held h join role_composite c on c.realm_id = $1 \
         and c.parent_id = h.id) select coalesce(json_agg(json_build_array(c.client_id, r.name)), '[]') from held h \
         join role r on r.realm_id = $1 and r.id = h.id left join client c on c.realm_id = $1 and c.id = r.client_id) \
         as roles from client_scope s where s.realm_id = $1 order by s.name limit $2"
    );
    let rows = sqlx::query(SQL)
        .bind(realm)
        .bind(MAX_LISTED)
        .fetch_all(db)
        .await?;
    let scopes = rows.iter().map(|row| {
        let scope = ClientScope::from_row(row)?;
        let Json(roles): Json<Roles> = row.try_get("roles")?;
        let made = Made::default();
        Ok((scope.name.clone(), KnownScope { scope, roles, made }))
    });
    Ok(scopes.collect::<sqlx::Result<_>>()?)
}

/// Stores a client scope with its mappers, in one statement.
///
/// # Errors
/// [`crate::Error::Duplicate`] `client_scope_name_key`, or `client_scope_pkey` for an id that is taken, or
/// `protocol_mapper_scope_name_key`, `protocol_mapper_pkey` for its mappers.
pub async fn create(db: impl PgExecutor<'_>, realm: Uuid, scope: &ClientScope) -> Result<()> {
    insert_many(db, realm, std::slice::from_ref(scope)).await
}

/// Stores many client scopes with their mappers in one statement; all or none.
///
/// # Errors
/// As [`create`].
pub async fn insert_many(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    scopes: &[ClientScope],
) -> Result<()> {
    let mappers: Vec<_> = scopes
        .iter()
        .flat_map(|scope| scope.mappers.iter().map(move |mapper| (scope.id, mapper)))
        .collect();
    sqlx::query(
        "with new_scope as (insert into client_scope (realm_id, id, name, description, protocol, attributes) \
         select $1, * from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::jsonb[])) \
         insert into protocol_mapper \
         (realm_id, client_scope_id, id, name, protocol, protocol_mapper, consent_required, config) \
         select $1, * from unnest($7::uuid[], $8::uuid[], $9::text[], $10::text[], $11::text[], $12::bool[], \
         $13::jsonb[])",
    )
    .bind(realm)
    .bind(scopes.iter().map(|scope| scope.id).collect::<Vec<_>>())
    .bind(scopes.iter().map(|scope| scope.name.as_str()).collect::<Vec<_>>())
    .bind(scopes.iter().map(|scope| scope.description.as_deref()).collect::<Vec<_>>())
    .bind(scopes.iter().map(|scope| scope.protocol.as_str()).collect::<Vec<_>>())
    .bind(scopes.iter().map(|scope| Json(&scope.attributes)).collect::<Vec<_>>())
    .bind(mappers.iter().map(|(scope, _)| *scope).collect::<Vec<_>>())
    .bind(mappers.iter().map(|(_, mapper)| mapper.id).collect::<Vec<_>>())
    .bind(mappers.iter().map(|(_, mapper)| mapper.name.as_str()).collect::<Vec<_>>())
    .bind(mappers.iter().map(|(_, mapper)| mapper.protocol.as_str()).collect::<Vec<_>>())
    .bind(mappers.iter().map(|(_, mapper)| mapper.protocol_mapper.as_str()).collect::<Vec<_>>())
    .bind(mappers.iter().map(|(_, mapper)| mapper.consent_required).collect::<Vec<_>>())
    .bind(mappers.iter().map(|(_, mapper)| Json(&mapper.config)).collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(())
}

/// Writes all but the id and the mappers; whether the scope was there.
///
/// # Errors
/// [`crate::Error::Duplicate`] `client_scope_name_key`.
pub async fn update(db: impl PgExecutor<'_>, realm: Uuid, scope: &ClientScope) -> Result<bool> {
    let done = sqlx::query(
        "update client_scope set name = $3, description = $4, protocol = $5, attributes = $6 \
         where realm_id = $1 and id = $2",
    )
    .bind(realm)
    .bind(scope.id)
    .bind(&scope.name)
    .bind(&scope.description)
    .bind(&scope.protocol)
    .bind(Json(&scope.attributes))
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Deletes a client scope with its mappers and mappings, and takes it from all clients; whether it was there.
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn delete(db: impl PgExecutor<'_>, realm: Uuid, id: Uuid) -> Result<bool> {
    let done = sqlx::query("delete from client_scope where realm_id = $1 and id = $2")
        .bind(realm)
        .bind(id)
        .execute(db)
        .await?;
    Ok(done.rows_affected() > 0)
}
