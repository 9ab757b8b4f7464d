//! Roles by name, as tokens and realm files have them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use realm::role::NewRole;
use sqlx::PgExecutor;
use store::{Connection, Result};
use uuid::Uuid;

use super::MAX_LISTED;
use crate::WriteError;

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
        concat!(
            "(with ",
            crate::mapping::held_by_user!("u.id"),
            "select coalesce(json_agg(json_build_array(n.client_id, n.name)), '[]') from (select c.client_id, r.name \
             from held h join role r on r.realm_id = $1 and r.id = h.id \
             left join client c on c.realm_id = $1 and c.id = r.client_id order by r.name limit 10000) n)"
        )
    };
}
pub(crate) use names_of_user;

/// The names of all roles that a user holds, directly, through groups or through composites, each list ordered.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn effective_names(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    user: Uuid,
) -> Result<RoleNames> {
    const SQL: &str = concat!(
        "with ",
        super::held_by_user!("$2"),
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

/// A role by name, as far as it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Found {
    /// The client that it names; none for a realm role, and for a client that is not there.
    pub client: Option<Uuid>,
    /// The role.
    pub role: Option<Uuid>,
}

/// Looks for roles by name, each with its client's clientId or none; one answer for each, in order.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn find_by_names(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    names: &[(Option<String>, String)],
) -> Result<Vec<Found>> {
    // What the database cannot hold is the name of nothing.
    let storable = |text: &str| Some(text.to_owned()).filter(|text| store::text::storable(text));
    let (clients, names): (Vec<Option<String>>, Vec<Option<String>>) = names
        .iter()
        .map(|(client, name)| match client {
            None => (None, storable(name)),
            Some(client) => (storable(client).or(Some(String::new())), storable(name)),
        })
        .unzip();
    Ok(sqlx::query_as(
        "select c.id as client, coalesce(r.id, k.id) as role \
         from unnest($2::text[], $3::text[]) with ordinality w (client, name, number) \
         left join client c on c.realm_id = $1 and c.client_id = w.client \
         left join role r on r.realm_id = $1 and r.client_id is null and r.name = w.name and w.client is null \
         left join role k on k.realm_id = $1 and k.client_id = c.id and k.name = w.name order by w.number",
    )
    .bind(realm)
    .bind(clients)
    .bind(names)
    .fetch_all(db)
    .await?)
}

/// The ids of roles by name, each with its client's clientId or none. Roles that are not there are made, as Keycloak's
/// imports do.
///
/// # Errors
/// [`WriteError::Limit`] when a client is not there; [`WriteError::Store`] with `Invalid` for an impossible name.
pub(crate) async fn find_or_create(
    tx: &mut Connection,
    realm: Uuid,
    names: BTreeSet<(Option<String>, String)>,
) -> Result<HashMap<(Option<String>, String), Uuid>, WriteError> {
    let names: Vec<_> = names.into_iter().collect();
    let found = find_by_names(&mut *tx, realm, &names).await?;
    let (mut ids, mut new) = (HashMap::new(), Vec::new());
    for ((client, name), found) in names.into_iter().zip(found) {
        if let (Some(client), None) = (&client, found.client) {
            return Err(WriteError::Limit(format!(
                "Unable to find client role mappings for client: {client}"
            )));
        }
        let id = found.role.unwrap_or_else(|| {
            let role = NewRole {
                id: Uuid::new_v4(),
                client_id: found.client,
                name: name.clone(),
                ..NewRole::default()
            };
            let id = role.id;
            new.push(role);
            id
        });
        ids.insert((client, name), id);
    }
    if !new.is_empty() {
        realm::role::insert_many(&mut *tx, realm, &new).await?;
    }
    Ok(ids)
}

/// Maps roles by name to groups (their ids), each with its client's clientId or none. Roles that are not there are made.
///
/// # Errors
/// As [`find_or_create`].
pub(crate) async fn add_to_groups(
    tx: &mut Connection,
    realm: Uuid,
    roles: &[(Uuid, Option<String>, String)],
) -> Result<(), WriteError> {
    let names = roles
        .iter()
        .map(|(_, client, name)| (client.clone(), name.clone()))
        .collect();
    let ids = find_or_create(&mut *tx, realm, names).await?;
    let pairs = roles.iter().filter_map(|(group, client, name)| {
        Some((*group, *ids.get(&(client.clone(), name.clone()))?))
    });
    let (groups, roles): (Vec<Uuid>, Vec<Uuid>) = pairs.unzip();
    sqlx::query(
        "insert into group_role (realm_id, group_id, role_id) select $1, * from unnest($2::uuid[], $3::uuid[]) \
         on conflict do nothing",
    )
    .bind(realm)
    .bind(groups)
    .bind(roles)
    .execute(tx)
    .await?;
    Ok(())
}
