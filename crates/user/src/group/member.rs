//! Who is in a group, and which groups every new user joins.

use std::collections::HashMap;

use sqlx::PgExecutor;
use store::{Connection, Result};
use uuid::Uuid;

use super::sql::{limit, select_group};
use super::{Group, find_by_paths};
use crate::{User, WriteError};

/// Lets a user join groups; those that it is in already do not matter.
///
/// # Errors
/// [`store::Error::Missing`] when the user or a group is not there.
pub async fn join(db: impl PgExecutor<'_>, realm: Uuid, user: Uuid, groups: &[Uuid]) -> Result<()> {
    sqlx::query(
        "insert into user_group (realm_id, user_id, group_id) select $1, $2, unnest($3::uuid[]) on conflict do nothing",
    )
    .bind(realm)
    .bind(user)
    .bind(groups)
    .execute(db)
    .await?;
    Ok(())
}

/// Lets a user join the groups with these paths.
///
/// # Errors
/// [`WriteError::UnknownGroup`] when one of them is not there.
pub(crate) async fn join_by_path(
    tx: &mut Connection,
    realm: Uuid,
    user: Uuid,
    paths: &[String],
) -> Result<(), WriteError> {
    let found = find_by_paths(&mut *tx, realm, paths).await?;
    let groups = known(paths, found)?;
    Ok(join(tx, realm, user, &groups).await?)
}

/// What [`find_by_paths`] found for `paths`, when it is all of them.
///
/// # Errors
/// [`WriteError::UnknownGroup`] with the first that is not there.
pub fn known(paths: &[String], found: Vec<Option<Uuid>>) -> Result<Vec<Uuid>, WriteError> {
    let unknown = |path: &String| WriteError::UnknownGroup(path.clone());
    let pairs = paths.iter().zip(found);
    pairs
        .map(|(path, id)| id.ok_or_else(|| unknown(path)))
        .collect()
}

/// Takes a user out of a group; one that it is not in does not matter.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn leave(db: impl PgExecutor<'_>, realm: Uuid, user: Uuid, group: Uuid) -> Result<()> {
    sqlx::query("delete from user_group where realm_id = $1 and user_id = $2 and group_id = $3")
        .bind(realm)
        .bind(user)
        .bind(group)
        .execute(db)
        .await?;
    Ok(())
}

/// The users directly in a group, ordered by name; at most [`crate::search::MAX_LISTED`].
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn members(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    group: Uuid,
    first: i64,
    max: i64,
) -> Result<Vec<User>> {
    let sql = crate::select_user!(
        "from user_group m join user_entity u on u.realm_id = m.realm_id and u.id = m.user_id \
         where m.realm_id = $1 and m.group_id = $2 order by u.username offset $3 limit $4"
    );
    Ok(sqlx::query_as(sql)
        .bind(realm)
        .bind(group)
        .bind(first.max(0))
        .bind(max.clamp(0, crate::search::MAX_LISTED))
        .fetch_all(db)
        .await?)
}

/// The `like` pattern for a part of a name; what cannot be stored is part of none.
fn pattern(part: Option<&str>) -> Option<String> {
    part.map(|part| {
        let part = crate::search::escape(part);
        if store::text::storable(&part) {
            format!("%{part}%")
        } else {
            String::new()
        }
    })
}

/// The groups that a user is directly in, ordered by name; `part` of the name in any case.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn list_of_user(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    user: Uuid,
    part: Option<&str>,
    first: i64,
    max: Option<i64>,
) -> Result<Vec<Group>> {
    let sql = select_group!(
        "join user_group o on o.realm_id = $1 and o.group_id = g.id and o.user_id = $2 where g.realm_id = $1 \
         and ($3::text is null or lower(g.name collate \"default\") like lower($3)) order by g.name, g.id offset $4 limit $5"
    );
    Ok(sqlx::query_as(sql)
        .bind(realm)
        .bind(user)
        .bind(pattern(part))
        .bind(first.max(0))
        .bind(limit(max))
        .fetch_all(db)
        .await?)
}

/// How many groups a user is directly in.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn count_of_user(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    user: Uuid,
    part: Option<&str>,
) -> Result<i64> {
    Ok(sqlx::query_scalar(
        "select count(*) from user_group o join group_entity g on g.realm_id = $1 and g.id = o.group_id \
         where o.realm_id = $1 and o.user_id = $2 and ($3::text is null or lower(g.name collate \"default\") like lower($3))",
    )
    .bind(realm)
    .bind(user)
    .bind(pattern(part))
    .fetch_one(db)
    .await?)
}

/// The groups that every new user joins, ordered by name.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn default_groups(db: impl PgExecutor<'_>, realm: Uuid) -> Result<Vec<Group>> {
    let sql = select_group!(
        "join default_group d on d.realm_id = $1 and d.group_id = g.id where g.realm_id = $1 \
         order by g.name, g.id limit $2"
    );
    Ok(sqlx::query_as(sql)
        .bind(realm)
        .bind(super::MAX_LISTED)
        .fetch_all(db)
        .await?)
}

/// Lets every new user join a group from now on.
///
/// # Errors
/// [`store::Error::Missing`] when the group is not there.
pub async fn add_default(db: impl PgExecutor<'_>, realm: Uuid, group: Uuid) -> Result<()> {
    sqlx::query(
        "insert into default_group (realm_id, group_id) values ($1, $2) on conflict do nothing",
    )
    .bind(realm)
    .bind(group)
    .execute(db)
    .await?;
    Ok(())
}

/// New users do not join a group any more.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn remove_default(db: impl PgExecutor<'_>, realm: Uuid, group: Uuid) -> Result<()> {
    sqlx::query("delete from default_group where realm_id = $1 and group_id = $2")
        .bind(realm)
        .bind(group)
        .execute(db)
        .await?;
    Ok(())
}

/// Makes these groups, and no others, those that every new user joins.
///
/// # Errors
/// [`store::Error::Missing`] when one of them is not there.
pub async fn set_default(tx: &mut Connection, realm: Uuid, groups: &[Uuid]) -> Result<()> {
    sqlx::query("delete from default_group where realm_id = $1 and group_id <> all($2)")
        .bind(realm)
        .bind(groups)
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "insert into default_group (realm_id, group_id) select $1, unnest($2::uuid[]) on conflict do nothing",
    )
    .bind(realm)
    .bind(groups)
    .execute(tx)
    .await?;
    Ok(())
}

/// The paths of the groups that every new user joins, in order, of those of the realms that have any.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn default_paths(
    db: impl PgExecutor<'_>,
    realms: &[Uuid],
) -> Result<HashMap<Uuid, Vec<String>>> {
    let rows: Vec<(Uuid, String)> = sqlx::query_as(
        "with recursive up (realm_id, parent_id, path) as (select d.realm_id, g.parent_id, '/' || g.name \
         from default_group d join group_entity g on g.realm_id = d.realm_id and g.id = d.group_id \
         where d.realm_id = any($1) union all select u.realm_id, p.parent_id, '/' || p.name || u.path from up u \
         join group_entity p on p.realm_id = u.realm_id and p.id = u.parent_id) \
         select realm_id, path from up where parent_id is null order by path",
    )
    .bind(realms)
    .fetch_all(db)
    .await?;
    let mut paths: HashMap<Uuid, Vec<String>> = HashMap::new();
    for (realm, path) in rows {
        paths.entry(realm).or_default().push(path);
    }
    Ok(paths)
}
