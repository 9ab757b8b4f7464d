//! Groups with all below them: realm files, partial imports and exports, and the way down to what a search found.

use std::collections::HashMap;

use sqlx::PgExecutor;
use sqlx::types::Json;
use store::{Connection, Result};
use uuid::Uuid;

use super::{Attributes, Group, GroupRepresentation, MAX_DEPTH, MAX_LISTED, check, too_deep};
use crate::{WriteError, mapping};

/// The groups of a realm at the top, each with all below it, as an export holds them: attributes and roles, no counts.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn export_tree(db: impl PgExecutor<'_>, realm: Uuid) -> Result<Vec<GroupRepresentation>> {
    let sql = super::sql::select_group!("where g.realm_id = $1 order by g.name, g.id");
    let groups: Vec<Group> = sqlx::query_as(sql).bind(realm).fetch_all(db).await?;
    Ok(nest(groups, &|group| group.to_rep(false)))
}

/// These groups (their ids) and all above them, as a tree; `show` makes the representation of each.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn with_ancestors(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    ids: &[Uuid],
    show: &dyn Fn(&Group) -> GroupRepresentation,
) -> Result<Vec<GroupRepresentation>> {
    const SQL: &str = concat!(
        "with recursive found (id, parent_id) as (select id, parent_id from group_entity where realm_id = $1 \
         and id = any($2) union select p.id, p.parent_id from found c join group_entity p on p.realm_id = $1 \
         and p.id = c.parent_id) ",
        super::sql::select_group!(
            "where g.realm_id = $1 and g.id in (select id from found) order by g.name, g.id limit $3"
        )
    );
    let groups = sqlx::query_as(SQL)
        .bind(realm)
        .bind(ids)
        .bind(MAX_LISTED)
        .fetch_all(db)
        .await?;
    Ok(nest(groups, show))
}

/// Puts each group below its parent, in the order in which they come.
fn nest(
    groups: Vec<Group>,
    show: &dyn Fn(&Group) -> GroupRepresentation,
) -> Vec<GroupRepresentation> {
    fn below(
        parent: Option<Uuid>,
        children: &mut HashMap<Option<Uuid>, Vec<Group>>,
        show: &dyn Fn(&Group) -> GroupRepresentation,
    ) -> Vec<GroupRepresentation> {
        let groups = children.remove(&parent).unwrap_or_default();
        groups
            .iter()
            .map(|group| GroupRepresentation {
                sub_groups: Some(below(Some(group.id), children, show)),
                ..show(group)
            })
            .collect()
    }
    let mut children: HashMap<Option<Uuid>, Vec<Group>> = HashMap::new();
    for group in groups {
        children.entry(group.parent_id).or_default().push(group);
    }
    below(None, &mut children, show)
}

/// The roles that these groups and all below them map, by name: clientId or none, and name.
#[must_use]
pub fn role_names(groups: &[GroupRepresentation]) -> Vec<(Option<String>, String)> {
    let mut names = Vec::new();
    let mut left: Vec<&GroupRepresentation> = groups.iter().collect();
    while let Some(group) = left.pop() {
        names.extend(own_role_names(group));
        left.extend(group.sub_groups.iter().flatten());
    }
    names
}

fn own_role_names(group: &GroupRepresentation) -> impl Iterator<Item = (Option<String>, String)> {
    let realm = group.realm_roles.iter().flatten();
    let clients = group.client_roles.iter().flatten();
    let clients = clients.flat_map(|(client, names)| {
        names
            .iter()
            .map(|name| (Some(client.clone()), name.clone()))
    });
    realm.map(|name| (None, name.clone())).chain(clients)
}

/// The rows that trees of groups become.
#[derive(Default)]
struct Rows<'a> {
    ids: Vec<Uuid>,
    parents: Vec<Option<Uuid>>,
    names: Vec<&'a str>,
    descriptions: Vec<Option<&'a str>>,
    attributes: Vec<Json<Attributes>>,
    roles: Vec<(Uuid, Option<String>, String)>,
}

impl<'a> Rows<'a> {
    fn add(
        &mut self,
        parent: Option<Uuid>,
        depth: usize,
        groups: &'a [GroupRepresentation],
    ) -> Result<()> {
        if depth > MAX_DEPTH && !groups.is_empty() {
            return Err(too_deep());
        }
        for group in groups {
            check(group)?;
            let given = group.id.as_deref().and_then(|id| id.parse().ok());
            let id = given.unwrap_or_else(Uuid::new_v4);
            self.ids.push(id);
            self.parents.push(parent);
            self.names.push(group.name.as_deref().unwrap_or_default());
            self.descriptions.push(group.description.as_deref());
            self.attributes
                .push(Json(group.attributes.clone().unwrap_or_default()));
            let roles = own_role_names(group);
            self.roles
                .extend(roles.map(|(client, name)| (id, client, name)));
            self.add(
                Some(id),
                depth + 1,
                group.sub_groups.as_deref().unwrap_or_default(),
            )?;
        }
        Ok(())
    }
}

/// Stores groups and all below them, in `parent` or at the top, with their roles: a few statements whatever their number.
/// The ids of `groups`, in order; an `id` that is a uuid is kept. Roles that are not there are made, as in Keycloak.
///
/// # Errors
/// [`WriteError::Store`] with `Duplicate("group_name_key")` or `group_entity_pkey`, or `Invalid` over a bound;
/// [`WriteError::Limit`] when the client of a role is not there.
pub async fn insert_tree(
    tx: &mut Connection,
    realm: Uuid,
    parent: Option<Uuid>,
    groups: &[GroupRepresentation],
) -> Result<Vec<Uuid>, WriteError> {
    let depth = match parent {
        Some(parent) => super::sql::depth(&mut *tx, realm, parent).await?,
        None => 0,
    };
    let mut rows = Rows::default();
    rows.add(parent, depth + 1, groups)?;
    sqlx::query(
        "insert into group_entity (realm_id, id, parent_id, name, description, attributes) \
         select $1, * from unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::jsonb[])",
    )
    .bind(realm)
    .bind(&rows.ids)
    .bind(&rows.parents)
    .bind(&rows.names)
    .bind(&rows.descriptions)
    .bind(&rows.attributes)
    .execute(&mut *tx)
    .await?;
    let top = |(id, above): (&Uuid, &Option<Uuid>)| (*above == parent).then_some(*id);
    let ids = rows.ids.iter().zip(&rows.parents).filter_map(top).collect();
    if !rows.roles.is_empty() {
        mapping::add_to_groups(tx, realm, &rows.roles).await?;
    }
    Ok(ids)
}
