//! The queries of groups.

use sqlx::types::Json;
use sqlx::{PgExecutor, Postgres, QueryBuilder};
use store::{Connection, Error, Result};
use uuid::Uuid;

use super::{Attributes, Group, GroupRepresentation, MAX_DEPTH, MAX_LISTED, check, too_deep};

/// `select` of a [`Group`] from `group_entity g` in realm `$1`, then the rest of the statement.
macro_rules! select_group {
    ($rest:literal) => {
        concat!(
            "select g.id, g.parent_id, g.name, g.description, g.attributes, \
             (with recursive up (parent_id, path) as (select g.parent_id, '/' || g.name union all \
             select p.parent_id, '/' || p.name || up.path from up join group_entity p on p.realm_id = $1 \
             and p.id = up.parent_id) select path from up where parent_id is null) as path, \
             (select count(*) from group_entity c where c.realm_id = $1 and c.parent_id = g.id) as sub_group_count, \
             (select coalesce(json_agg(json_build_array(k.client_id, r.name) order by r.name), '[]') \
             from group_role m join role r on r.realm_id = $1 and r.id = m.role_id \
             left join client k on k.realm_id = $1 and k.id = r.client_id \
             where m.realm_id = $1 and m.group_id = g.id) as roles from group_entity g ",
            $rest
        )
    };
}
pub(super) use select_group;

/// The ids of group `$2` and of all above it, as `up (id, parent_id)`.
macro_rules! with_up {
    ($rest:literal) => {
        concat!(
            "with recursive up (id, parent_id) as (select id, parent_id from group_entity where realm_id = $1 and id = $2 \
             union select p.id, p.parent_id from up join group_entity p on p.realm_id = $1 and p.id = up.parent_id) ",
            $rest
        )
    };
}

/// The group with this id.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Db`].
pub async fn find(db: impl PgExecutor<'_>, realm: Uuid, id: Uuid) -> Result<Option<Group>> {
    let sql = select_group!("where g.realm_id = $1 and g.id = $2");
    Ok(sqlx::query_as(sql)
        .bind(realm)
        .bind(id)
        .fetch_optional(db)
        .await?)
}

/// Among which groups to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Where {
    /// Those at the top.
    #[default]
    Top,
    /// Those directly in this one.
    In(Uuid),
    /// All of the realm.
    Anywhere,
}

/// What to look for.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Among which groups.
    pub among: Where,
    /// The name, or a part of it in any case: in [`Where::In`] its beginning, else any, as in Keycloak.
    pub name: Option<String>,
    /// The name has to be just this.
    pub exact: bool,
    /// Attributes and their values; all have to match.
    pub q: Vec<(String, String)>,
    /// How many to pass over.
    pub first: Option<i64>,
    /// At most [`MAX_LISTED`], which is also the default.
    pub max: Option<i64>,
}

/// The groups that match, ordered by name.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Db`].
pub async fn list(db: impl PgExecutor<'_>, realm: Uuid, search: &Search) -> Result<Vec<Group>> {
    if !is_storable(search) {
        return Ok(Vec::new());
    }
    let mut query = QueryBuilder::new(select_group!("where g.realm_id = $1"));
    bind_realm(&mut query, realm);
    filter(&mut query, search);
    query
        .push(" order by g.name, g.id offset ")
        .push_bind(search.first.unwrap_or(0).max(0));
    query.push(" limit ").push_bind(limit(search.max));
    Ok(query.build_query_as().fetch_all(db).await?)
}

/// How many groups match, whatever `first` and `max` say.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Db`].
pub async fn count(db: impl PgExecutor<'_>, realm: Uuid, search: &Search) -> Result<i64> {
    if !is_storable(search) {
        return Ok(0);
    }
    let mut query = QueryBuilder::new("select count(*) from group_entity g where g.realm_id = $1");
    bind_realm(&mut query, realm);
    filter(&mut query, search);
    Ok(query.build_query_scalar().fetch_one(db).await?)
}

/// Fills `$1`, which the text names already: the builder only numbers what it pushes.
fn bind_realm(query: &mut QueryBuilder<Postgres>, realm: Uuid) {
    query.push(" and g.realm_id = ").push_bind(realm);
}

pub(super) fn limit(max: Option<i64>) -> i64 {
    max.unwrap_or(MAX_LISTED).clamp(0, MAX_LISTED)
}

fn is_storable(search: &Search) -> bool {
    let pairs = search.q.iter().flat_map(|(name, value)| [name, value]);
    let mut texts = search.name.iter().chain(pairs);
    texts.all(|text| store::text::storable(text))
}

fn filter(query: &mut QueryBuilder<Postgres>, search: &Search) {
    match search.among {
        Where::Top => drop(query.push(" and g.parent_id is null")),
        Where::In(parent) => drop(query.push(" and g.parent_id = ").push_bind(parent)),
        Where::Anywhere => {}
    }
    match &search.name {
        Some(name) if search.exact => drop(query.push(" and g.name = ").push_bind(name.clone())),
        Some(name) => {
            let part = crate::search::escape(name);
            let pattern = match search.among {
                Where::In(_) => format!("{part}%"),
                Where::Top | Where::Anywhere => format!("%{part}%"),
            };
            query
                .push(" and lower(g.name collate \"default\") like lower(")
                .push_bind(pattern)
                .push(")");
        }
        None => {}
    }
    for (name, value) in search.q.iter().take(crate::search::MAX_WORDS) {
        let wanted = Attributes::from([(name.clone(), vec![value.clone()])]);
        query.push(" and g.attributes @> ").push_bind(Json(wanted));
    }
}

/// The groups to which a role is mapped directly, ordered by name; at most [`MAX_LISTED`].
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Db`].
pub async fn list_with_role(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    role: Uuid,
    first: i64,
    max: Option<i64>,
) -> Result<Vec<Group>> {
    let sql = select_group!(
        "join group_role o on o.realm_id = $1 and o.group_id = g.id and o.role_id = $2 where g.realm_id = $1 \
         order by g.name, g.id offset $3 limit $4"
    );
    Ok(sqlx::query_as(sql)
        .bind(realm)
        .bind(role)
        .bind(first.max(0))
        .bind(limit(max))
        .fetch_all(db)
        .await?)
}

/// How deep a group is: 1 at the top, 0 when it is not there.
pub(super) async fn depth(db: impl PgExecutor<'_>, realm: Uuid, id: Uuid) -> Result<usize> {
    let depth: i64 = sqlx::query_scalar(with_up!("select count(*) from up"))
        .bind(realm)
        .bind(id)
        .fetch_one(db)
        .await?;
    Ok(usize::try_from(depth).unwrap_or(usize::MAX))
}

/// Stores a group in `parent`, or at the top; its id. Its roles and what is below it in `rep` do not count, as in Keycloak.
///
/// # Errors
/// [`Error::Duplicate`] `group_name_key`; [`Error::Missing`] when `parent` is not there; [`Error::Invalid`] over a bound.
pub async fn create(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    parent: Option<Uuid>,
    rep: &GroupRepresentation,
) -> Result<Uuid> {
    check(rep)?;
    let id = Uuid::new_v4();
    let done = sqlx::query(with_up!(
        "insert into group_entity (realm_id, id, parent_id, name, description, attributes) \
         select $1, $3, $2, $4, $5, $6 where (select count(*) from up) < $7"
    ))
    .bind(realm)
    .bind(parent)
    .bind(id)
    .bind(&rep.name)
    .bind(&rep.description)
    .bind(Json(rep.attributes.clone().unwrap_or_default()))
    .bind(i64::try_from(MAX_DEPTH).unwrap_or(i64::MAX))
    .execute(db)
    .await?;
    if done.rows_affected() == 0 {
        return Err(too_deep());
    }
    Ok(id)
}

/// Writes name and description, and attributes where there are any; whether the group was there.
///
/// # Errors
/// [`Error::Duplicate`] `group_name_key`; [`Error::Invalid`] over a bound.
pub async fn update(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    id: Uuid,
    rep: &GroupRepresentation,
) -> Result<bool> {
    check(rep)?;
    let done = sqlx::query(
        "update group_entity set name = $3, description = $4, attributes = coalesce($5, attributes) \
         where realm_id = $1 and id = $2",
    )
    .bind(realm)
    .bind(id)
    .bind(&rep.name)
    .bind(&rep.description)
    .bind(rep.attributes.as_ref().map(Json))
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Deletes a group with all below it; whether it was there.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Db`].
pub async fn delete(db: impl PgExecutor<'_>, realm: Uuid, id: Uuid) -> Result<bool> {
    let done = sqlx::query("delete from group_entity where realm_id = $1 and id = $2")
        .bind(realm)
        .bind(id)
        .execute(db)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Moves a group with all below it into `parent`, or to the top; whether it was there. Moves of one realm take turns, so
/// that two of them cannot make a circle.
///
/// # Errors
/// [`Error::Duplicate`] `group_name_key`; [`Error::Missing`] when `parent` is not there; [`Error::Invalid`] when it is
/// below the group, or for too great a depth.
pub async fn move_to(
    tx: &mut Connection,
    realm: Uuid,
    id: Uuid,
    parent: Option<Uuid>,
) -> Result<bool> {
    sqlx::query("select from realm where id = $1 for no key update")
        .bind(realm)
        .execute(&mut *tx)
        .await?;
    if let Some(parent) = parent.filter(|parent| *parent != id) {
        let (circle, height, depth): (bool, i32, i64) = sqlx::query_as(with_up!(
            ", down (id, height) as (select $3::uuid, 1 union all select c.id, d.height + 1 from down d \
             join group_entity c on c.realm_id = $1 and c.parent_id = d.id) \
             select exists (select from up where id = $3), (select max(height) from down), (select count(*) from up)"
        ))
        .bind(realm)
        .bind(parent)
        .bind(id)
        .fetch_one(&mut *tx)
        .await?;
        if circle {
            return Err(Error::Invalid(
                "A group cannot be moved into a group below it".to_owned(),
            ));
        }
        if i64::from(height) + depth > i64::try_from(MAX_DEPTH).unwrap_or(i64::MAX) {
            return Err(too_deep());
        }
    }
    // Into itself: it stays where it is, as in Keycloak.
    let done = sqlx::query(
        "update group_entity set parent_id = case when $3 = id then parent_id else $3 end \
         where realm_id = $1 and id = $2",
    )
    .bind(realm)
    .bind(id)
    .bind(parent)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// The roles that the members of these groups hold by them: mapped to the groups or to one above. Not what those contain.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Db`].
pub async fn role_ids(db: impl PgExecutor<'_>, realm: Uuid, groups: &[Uuid]) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar(
        "with recursive up (id, parent_id) as (select id, parent_id from group_entity where realm_id = $1 \
         and id = any($2) union select p.id, p.parent_id from up join group_entity p on p.realm_id = $1 \
         and p.id = up.parent_id) \
         select distinct m.role_id from up join group_role m on m.realm_id = $1 and m.group_id = up.id",
    )
    .bind(realm)
    .bind(groups)
    .fetch_all(db)
    .await?)
}

/// The ids of a group and of all below it.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Db`].
pub async fn with_all_below(db: impl PgExecutor<'_>, realm: Uuid, id: Uuid) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar(
        "with recursive down (id) as (select $2::uuid union select c.id from down d join group_entity c \
         on c.realm_id = $1 and c.parent_id = d.id) select id from down",
    )
    .bind(realm)
    .bind(id)
    .fetch_all(db)
    .await?)
}
