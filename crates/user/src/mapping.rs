//! Which roles a user holds, directly and through composites.

use std::collections::BTreeMap;

use realm::role::{Of, Role};
use sqlx::PgExecutor;
use store::{Connection, Result};
use uuid::Uuid;

use crate::{User, WriteError};

/// Roles that one listing gives at most.
const MAX_LISTED: i64 = realm::role::MAX_LISTED;

/// `select` of a [`Role`] from `role r`.
macro_rules! select_role {
    ($before:literal, $rest:literal) => {
        concat!(
            $before,
            "select r.id, r.client_id, r.name, r.description, r.attributes, exists (select from role_composite k \
             where k.realm_id = r.realm_id and k.parent_id = r.id) as composite from role r ",
            $rest
        )
    };
}

/// The ids of all roles of user `$2` in realm `$1`, as `held (id)`. `union` stops at a circle.
macro_rules! with_held {
    () => {
        "with recursive held (id) as (select m.role_id from user_role m where m.realm_id = $1 and m.user_id = $2 \
         union select c.child_id from held h join role_composite c on c.realm_id = $1 and c.parent_id = h.id) "
    };
}

/// `$3`: null for all roles; the nil uuid for realm roles; else a client's uuid.
fn of(which: Of) -> Option<Uuid> {
    match which {
        Of::All => None,
        Of::Realm => Some(Uuid::nil()),
        Of::Client(client) => Some(client),
    }
}

macro_rules! of_kind {
    ($rest:literal) => {
        concat!(
            "($3::uuid is null or coalesce(r.client_id, '00000000-0000-0000-0000-000000000000') = $3) ",
            $rest
        )
    };
}

/// The roles mapped to a user directly, ordered by name.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn direct(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    user: Uuid,
    which: Of,
) -> Result<Vec<Role>> {
    const SQL: &str = concat!(
        select_role!(
            "",
            "join user_role m on m.realm_id = r.realm_id and m.role_id = r.id where m.realm_id = $1 \
         and m.user_id = $2 and "
        ),
        of_kind!("order by r.name, r.id limit $4")
    );
    select(db, SQL, realm, user, which).await
}

/// The roles that could be mapped to a user and are not, ordered by name.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn available(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    user: Uuid,
    which: Of,
) -> Result<Vec<Role>> {
    const SQL: &str = concat!(
        select_role!(
            "",
            "where r.realm_id = $1 and not exists (select from user_role m where m.realm_id = $1 \
         and m.user_id = $2 and m.role_id = r.id) and "
        ),
        of_kind!("order by r.name, r.id limit $4")
    );
    select(db, SQL, realm, user, which).await
}

/// The roles that a user holds, directly or through composites, ordered by name.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn effective(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    user: Uuid,
    which: Of,
) -> Result<Vec<Role>> {
    const SQL: &str = concat!(
        with_held!(),
        select_role!(
            "",
            "where r.realm_id = $1 and r.id in (select id from held) and "
        ),
        of_kind!("order by r.name, r.id limit $4")
    );
    select(db, SQL, realm, user, which).await
}

async fn select(
    db: impl PgExecutor<'_>,
    sql: &'static str,
    realm: Uuid,
    user: Uuid,
    which: Of,
) -> Result<Vec<Role>> {
    Ok(sqlx::query_as(sql)
        .bind(realm)
        .bind(user)
        .bind(of(which))
        .bind(MAX_LISTED)
        .fetch_all(db)
        .await?)
}

/// The names of the roles that a user holds, as tokens carry them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoleNames {
    /// Realm roles.
    pub realm: Vec<String>,
    /// Client roles by clientId.
    pub clients: BTreeMap<String, Vec<String>>,
}

impl RoleNames {
    /// From clientId (none for a realm role) and name, in order.
    pub(crate) fn from_pairs(pairs: Vec<(Option<String>, String)>) -> Self {
        let mut names = Self::default();
        for (client, name) in pairs {
            match client {
                None => names.realm.push(name),
                Some(client) => names.clients.entry(client).or_default().push(name),
            }
        }
        names
    }
}

/// The names of all roles of user `u` in realm `$1`, as a JSON list of `[clientId or null, name]`: for statements that
/// read a user anyway and save a round trip.
macro_rules! names_of_user {
    () => {
        "(with recursive held (id) as (select m.role_id from user_role m where m.realm_id = $1 and m.user_id = u.id \
         union select c.child_id from held h join role_composite c on c.realm_id = $1 and c.parent_id = h.id) \
         select coalesce(json_agg(json_build_array(n.client_id, n.name)), '[]') from (select c.client_id, r.name \
         from held h join role r on r.realm_id = $1 and r.id = h.id \
         left join client c on c.realm_id = $1 and c.id = r.client_id order by r.name limit 10000) n)"
    };
}
pub(crate) use names_of_user;

/// The names of all roles that a user holds, directly or through composites, each list ordered.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn effective_names(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    user: Uuid,
) -> Result<RoleNames> {
    const SQL: &str = concat!(
        with_held!(),
        "select c.client_id, r.name from held h join role r on r.realm_id = $1 and r.id = h.id \
         left join client c on c.realm_id = $1 and c.id = r.client_id order by r.name limit $3"
    );
    let rows: Vec<(Option<String>, String)> = sqlx::query_as(SQL)
        .bind(realm)
        .bind(user)
        .bind(MAX_LISTED)
        .fetch_all(db)
        .await?;
    Ok(RoleNames::from_pairs(rows))
}

/// Whether a user holds a role, directly or through composites.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn holds(db: impl PgExecutor<'_>, realm: Uuid, user: Uuid, role: Uuid) -> Result<bool> {
    const SQL: &str = concat!(
        with_held!(),
        "select exists (select from held where id = $3)"
    );
    Ok(sqlx::query_scalar(SQL)
        .bind(realm)
        .bind(user)
        .bind(role)
        .fetch_one(db)
        .await?)
}

/// The users to whom a role is mapped directly, ordered by name; at most [`crate::search::MAX_LISTED`].
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn holders(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    role: Uuid,
    first: i64,
    max: i64,
) -> Result<Vec<User>> {
    let sql = crate::select_user!(
        "from user_role m join user_entity u on u.realm_id = m.realm_id and u.id = m.user_id \
         where m.realm_id = $1 and m.role_id = $2 order by u.username offset $3 limit $4"
    );
    Ok(sqlx::query_as(sql)
        .bind(realm)
        .bind(role)
        .bind(first.max(0))
        .bind(max.clamp(0, crate::search::MAX_LISTED))
        .fetch_all(db)
        .await?)
}

/// Maps roles to a user; those that it has already stay.
///
/// # Errors
/// [`store::Error::Missing`] when the user or a role is not there.
pub async fn add(db: impl PgExecutor<'_>, realm: Uuid, user: Uuid, roles: &[Uuid]) -> Result<()> {
    sqlx::query(
        "insert into user_role (realm_id, user_id, role_id) select $1, $2, unnest($3::uuid[]) on conflict do nothing",
    )
    .bind(realm)
    .bind(user)
    .bind(roles)
    .execute(db)
    .await?;
    Ok(())
}

/// Takes roles from a user; those that it does not have do not matter.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn remove(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    user: Uuid,
    roles: &[Uuid],
) -> Result<()> {
    sqlx::query("delete from user_role where realm_id = $1 and user_id = $2 and role_id = any($3)")
        .bind(realm)
        .bind(user)
        .bind(roles)
        .execute(db)
        .await?;
    Ok(())
}

/// Maps roles by name, each with its client's clientId or none.
///
/// # Errors
/// [`WriteError::Limit`] when one of them is not there.
pub(crate) async fn add_by_name(
    tx: &mut Connection,
    realm: Uuid,
    user: Uuid,
    roles: &[(Option<String>, String)],
) -> Result<(), WriteError> {
    let (clients, names): (Vec<Option<&str>>, Vec<&str>) = roles
        .iter()
        .map(|(client, name)| (client.as_deref(), name.as_str()))
        .unzip();
    if !names
        .iter()
        .chain(clients.iter().flatten())
        .all(|text| store::text::storable(text))
    {
        return Err(WriteError::Limit("Role not found".to_owned()));
    }
    let unknown: Option<String> = sqlx::query_scalar(
        "with wanted as (select w.client, w.name, r.id from unnest($3::text[], $4::text[]) w (client, name) \
         left join client c on c.realm_id = $1 and c.client_id = w.client \
         left join role r on r.realm_id = $1 and r.name = w.name and r.client_id is not distinct from c.id \
         and (w.client is null) = (c.id is null)), \
         done as (insert into user_role (realm_id, user_id, role_id) select distinct $1::uuid, $2::uuid, id from wanted \
         where id is not null on conflict do nothing) select name from wanted where id is null limit 1",
    )
    .bind(realm)
    .bind(user)
    .bind(clients)
    .bind(names)
    .fetch_optional(tx)
    .await?;
    match unknown {
        None => Ok(()),
        Some(name) => Err(WriteError::Limit(format!("Role {name} not found"))),
    }
}
