//! A realm as its file: the admin API gives out parts of it with secrets masked, the command line all of it.
//!
//! Everything is ordered by bytes, never by a database's collation, so that the same realm gives the same file.

use std::collections::{BTreeMap, HashMap};

use client::scope::{link, mapping};
use client::{Client, ClientRepresentation, Filter, MAX_LISTED, secret};
use realm::json::Raw;
use realm::role::{self, Composites, Role, RoleRepresentation};
use realm::{Realm, RealmRepresentation, localization, required_action};
use serde_json::{Map, Value, json};
use store::Connection;
use user::GroupRepresentation;
use user::export::{Names, Which};
use uuid::Uuid;

use super::identity_providers;
use crate::{HttpError, State};

/// The version of Keycloak whose files these are.
pub const FILE_VERSION: &str = "26.7.3";

/// What of a realm goes into its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Clients, and the service accounts of those that have one.
    pub clients: bool,
    /// Groups and roles; those of clients with the clients.
    pub groups_and_roles: bool,
    /// Secrets, hashes and private keys in clear, and no users: those are written page by page.
    pub whole: bool,
}

impl Parts {
    /// All, for the realm's own administrator at the command line.
    pub const WHOLE: Self = Self {
        clients: true,
        groups_and_roles: true,
        whole: true,
    };
}

/// What is known of a realm before the first of its users is written.
pub struct Exported {
    /// All but the users; with masked secrets also the service accounts.
    pub rep: RealmRepresentation,
    /// What users hold and are in, by name.
    pub names: Names,
}

/// The settings of a realm as the admin API shows them: secrets stay behind their masks.
#[must_use]
pub fn settings(realm: &Realm) -> RealmRepresentation {
    RealmRepresentation {
        id: Some(realm.public_id.clone()),
        realm: Some(realm.name.clone()),
        enabled: Some(realm.enabled),
        not_before: Some(realm.not_before),
        default_role: Some(json!({
            "id": realm.default_role,
            "name": realm.default_role_name,
            "description": "${role_default-roles}",
            "composite": true,
            "clientRole": false,
            "containerId": realm.public_id,
        })),
        required_actions: None,
        ..realm.rep.clone()
    }
}

/// Reads a realm for its file. `db` is in a transaction that sees one state of the database.
///
/// # Errors
/// From the database; when a secret does not open on this node.
pub async fn export(
    state: &State,
    db: &mut Connection,
    realm: &Realm,
    parts: Parts,
) -> Result<Exported, HttpError> {
    let mut rep = settings(realm);
    let components = if parts.whole {
        realm::export::reveal_smtp(&mut *db, &state.sealer, realm.id, &mut rep).await?;
        realm::export::components(&mut *db, &state.sealer, realm).await?
    } else {
        realm::export::masked_components(&mut *db, realm).await?
    };
    rep.components = Some(json!(components));
    rep.required_actions = Some(json!(required_action::list(&realm.rep)));
    rep.localization_texts = Some(json!(localization::all(&mut *db, realm.id).await?));
    rep.keycloak_version = Some(FILE_VERSION.to_owned());
    let (providers, mappers) =
        identity_providers::export(&mut *db, &state.sealer, realm.id, parts.whole).await?;
    rep.identity_providers = Some(providers);
    rep.identity_provider_mappers = Some(mappers);

    let clients = clients(&mut *db, realm.id).await?;
    let mut groups = user::group::export_tree(&mut *db, realm.id).await?;
    sort_groups(&mut groups);
    let names = Names::read(&mut *db, realm.id, &groups).await?;
    scopes(&mut *db, realm.id, &mut rep, parts.clients).await?;
    if parts.groups_and_roles {
        rep.roles = Some(roles(&mut *db, realm, &clients, parts.clients).await?);
        let mut defaults = user::group::default_groups(&mut *db, realm.id).await?;
        defaults.sort_by(|a, b| a.path.cmp(&b.path));
        rep.default_groups = Some(defaults.into_iter().map(|group| group.path).collect())
            .filter(|paths: &Vec<String>| !paths.is_empty());
        rep.groups = Some(json!(groups));
    }
    if parts.clients {
        let mut reps = Vec::new();
        for client in &clients {
            reps.push(client_rep(state, client, parts.whole)?);
        }
        rep.clients = Some(json!(reps));
        if !parts.whole {
            rep.users = service_accounts(&mut *db, realm, &names, parts).await?;
        }
    }
    Ok(Exported { rep, names })
}

async fn clients(db: &mut Connection, realm: Uuid) -> Result<Vec<Client>, HttpError> {
    let mut clients = Vec::new();
    loop {
        let first = i64::try_from(clients.len()).unwrap_or(i64::MAX);
        let page = client::list(&mut *db, realm, Filter::All, Some(first), None).await?;
        let last = i64::try_from(page.len()).is_ok_and(|read| read < MAX_LISTED);
        clients.extend(page);
        if last {
            break;
        }
    }
    clients.sort_by(|a, b| a.client_id.cmp(&b.client_id));
    Ok(clients)
}

fn client_rep(
    state: &State,
    client: &Client,
    reveal: bool,
) -> Result<ClientRepresentation, HttpError> {
    let mut rep = if reveal {
        let plain = secret::reveal(&state.sealer, client)?;
        let mut rep = client.to_rep(plain.as_deref().map(String::as_str), None);
        if let Some(before) = secret::reveal_rotated(&state.sealer, client)? {
            let attributes = rep.attributes.get_or_insert_default();
            attributes.insert(secret::ROTATED.to_owned(), before.to_string());
        }
        rep
    } else {
        client.to_rep(client.secret.as_ref().map(|_| secret::MASK), None)
    };
    match &mut rep.protocol_mappers {
        Some(mappers) => mappers.sort_by(|a, b| a.name.cmp(&b.name)),
        // Without the member a new client gets those that its protocol gives.
        None if gives_mappers(state, client) => rep.protocol_mappers = Some(Vec::new()),
        None => {}
    }
    Ok(rep)
}

fn gives_mappers(state: &State, client: &Client) -> bool {
    let protocol = state.protocols.get(&client.protocol);
    protocol.is_some_and(|protocol| protocol.builtin_mappers().iter().any(|one| one.default))
}

fn sort_groups(groups: &mut [GroupRepresentation]) {
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    for group in groups {
        if let Some(roles) = &mut group.realm_roles {
            roles.sort();
        }
        for roles in group.client_roles.iter_mut().flatten() {
            roles.1.sort();
        }
        sort_groups(group.sub_groups.as_deref_mut().unwrap_or_default());
    }
}

/// Roles with what they are composed of, by name.
async fn roles(
    db: &mut Connection,
    realm: &Realm,
    clients: &[Client],
    of_clients: bool,
) -> Result<Value, HttpError> {
    let (mut roles, mut pairs) = role::all(db, realm.id).await?;
    let client_ids: HashMap<Uuid, &str> = clients
        .iter()
        .map(|client| (client.id, client.client_id.as_str()))
        .collect();
    roles.sort_by(|a, b| a.name.cmp(&b.name));
    let owner = |role: &Role| {
        role.client_id
            .map(|id| client_ids.get(&id).copied().unwrap_or_default())
    };
    let by_id: HashMap<Uuid, &Role> = roles.iter().map(|role| (role.id, role)).collect();
    pairs.sort_by_key(|(_, child)| by_id.get(child).map(|role| (owner(role), &role.name)));
    let mut composites: HashMap<Uuid, Composites> = HashMap::new();
    for (parent, child) in pairs {
        let Some(child) = by_id.get(&child) else {
            continue;
        };
        let parts = composites.entry(parent).or_default();
        match owner(child) {
            None => parts.realm.get_or_insert_default().push(child.name.clone()),
            Some(client) => {
                let of_client = parts.client.get_or_insert_default();
                of_client
                    .entry(client.to_owned())
                    .or_default()
                    .push(child.name.clone());
            }
        }
    }
    let mut of_realm: Vec<RoleRepresentation> = Vec::new();
    let mut of_client: BTreeMap<&str, Vec<RoleRepresentation>> = BTreeMap::new();
    if of_clients {
        of_client.extend(
            client_ids
                .values()
                .map(|client_id| (*client_id, Vec::new())),
        );
    }
    for role in &roles {
        let rep = RoleRepresentation {
            composites: composites.remove(&role.id),
            ..role.to_rep(realm, false)
        };
        match owner(role) {
            None => of_realm.push(rep),
            Some(client) if of_clients => of_client.entry(client).or_default().push(rep),
            Some(_) => {}
        }
    }
    let mut members = Map::new();
    members.insert("realm".to_owned(), json!(of_realm));
    if of_clients {
        members.insert("client".to_owned(), json!(of_client));
    }
    Ok(Value::Object(members))
}

/// Client scopes, which of them new clients get, and the roles that scopes and clients let through.
async fn scopes(
    db: &mut Connection,
    realm: Uuid,
    rep: &mut RealmRepresentation,
    of_clients: bool,
) -> Result<(), HttpError> {
    let mut scopes = client::scope::list(&mut *db, realm).await?;
    scopes.sort_by(|a, b| a.name.cmp(&b.name));
    for scope in &mut scopes {
        scope.mappers.sort_by(|a, b| a.name.cmp(&b.name));
    }
    let reps: Vec<_> = scopes.iter().map(client::ClientScope::to_rep).collect();
    rep.client_scopes = Some(json!(reps));
    let links = link::defaults(&mut *db, realm).await?;
    let names = |always: bool| {
        let links = links.iter().filter(|link| link.is_default == always);
        Some(json!(links.map(|link| &link.name).collect::<Vec<_>>()))
    };
    rep.default_default_client_scopes = names(true);
    rep.default_optional_client_scopes = names(false);

    type Owned = BTreeMap<(Option<String>, Option<String>), Vec<String>>;
    let mut by_role_owner: BTreeMap<Option<String>, Owned> = BTreeMap::new();
    for found in mapping::all(db, realm).await? {
        if found.client.is_some() && !of_clients {
            continue;
        }
        let owned = by_role_owner.entry(found.role_client).or_default();
        let roles = owned.entry((found.client, found.client_scope)).or_default();
        roles.push(found.role);
    }
    let listed = |owned: Owned| {
        let mappings = owned.into_iter().map(|((client, scope), mut roles)| {
            roles.sort();
            match client {
                Some(client) => json!({ "client": client, "roles": roles }),
                None => json!({ "clientScope": scope, "roles": roles }),
            }
        });
        mappings.collect::<Vec<_>>()
    };
    rep.scope_mappings = by_role_owner
        .remove(&None)
        .map(|owned| json!(listed(owned)));
    let of_client_roles: BTreeMap<_, _> = by_role_owner
        .into_iter()
        .filter_map(|(client, owned)| Some((client?, listed(owned))))
        .collect();
    rep.client_scope_mappings = Some(of_client_roles)
        .filter(|mappings| !mappings.is_empty())
        .map(|mappings| json!(mappings));
    Ok(())
}

/// The users that go with clients.
async fn service_accounts(
    db: &mut Connection,
    realm: &Realm,
    names: &Names,
    parts: Parts,
) -> Result<Option<Raw>, HttpError> {
    let mut accounts = Vec::new();
    let mut after = None;
    loop {
        let page = user::export::page(
            &mut *db,
            None,
            realm.id,
            names,
            Which::ServiceAccounts,
            after,
        )
        .await?;
        after = page
            .last()
            .and_then(|user| user.id.as_deref()?.parse().ok());
        accounts.extend(page);
        if after.is_none() {
            break;
        }
    }
    if !parts.groups_and_roles {
        for account in &mut accounts {
            account.realm_roles = None;
            account.client_roles = None;
            account.groups = None;
        }
    }
    accounts.sort_by(|a, b| a.username.cmp(&b.username));
    Ok(Some(accounts)
        .filter(|accounts| !accounts.is_empty())
        .and_then(|accounts| Raw::of(&accounts)))
}
