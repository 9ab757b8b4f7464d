//! Partial import: resources that are added to a realm, all of them or none.
//!
//! Order, results and texts are Keycloak's. What the caller may not hand out he does not import either: the roles that all
//! of it gives to somebody, and those that it takes from somebody, go to the permission gate before the commit.

mod identity_providers;
mod roles;
mod users;

use std::collections::HashSet;

use client::{Client, ClientRepresentation};
use realm::Realm;
use realm::identity_provider::{
    IdentityProviderMapperRepresentation, IdentityProviderRepresentation,
};
use realm::json::Raw;
use realm::role;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Connection, Error};
use user::group::{self, GroupRepresentation};
use user::mapping::of_service_accounts;
use user::{WriteError, known};
use uuid::Uuid;

use super::client_defaults::complete_import;
use super::contents::Roles;
use super::import::{add_service_accounts, duplicate};
use super::write_error;
use crate::{HttpError, State};

/// What happens to a resource that is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Policy {
    /// The whole import is refused.
    #[default]
    Fail,
    /// It stays as it is.
    Skip,
    /// It is deleted, and made anew.
    Overwrite,
}

/// PartialImportRepresentation. Members that are not listed are passed over, as in Keycloak.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PartialImport {
    if_resource_exists: Option<Policy>,
    users: Option<Raw>,
    clients: Option<Vec<ClientRepresentation>>,
    roles: Option<Value>,
    groups: Option<Vec<GroupRepresentation>>,
    identity_providers: Option<Vec<IdentityProviderRepresentation>>,
    identity_provider_mappers: Option<Vec<IdentityProviderMapperRepresentation>>,
}

impl PartialImport {
    /// Whether it says whom the realm trusts.
    #[must_use]
    pub fn has_identity_providers(&self) -> bool {
        let any = |count: Option<usize>| count.is_some_and(|count| count > 0);
        any(self.identity_providers.as_ref().map(Vec::len))
            || any(self.identity_provider_mappers.as_ref().map(Vec::len))
    }
}

/// What became of a resource.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    /// `ADDED`, `SKIPPED` or `OVERWRITTEN`.
    pub action: &'static str,
    /// `CLIENT`, `REALM_ROLE`, `CLIENT_ROLE`, `IDP`, `IDP_MAPPER`, `GROUP` or `USER`.
    pub resource_type: &'static str,
    /// Its name.
    pub resource_name: String,
    /// Its id; of a client's role that of the client, as in Keycloak.
    pub id: Uuid,
}

/// What became of all.
#[derive(Debug, Serialize)]
pub struct Outcome {
    overwritten: usize,
    added: usize,
    skipped: usize,
    results: Vec<Imported>,
}

const ADDED: &str = "ADDED";
const SKIPPED: &str = "SKIPPED";
const OVERWRITTEN: &str = "OVERWRITTEN";

/// An import under way.
struct Work<'a> {
    state: &'a State,
    realm: &'a Realm,
    policy: Policy,
    results: Vec<Imported>,
    /// Roles that somebody gets or loses by it.
    roles: Vec<Uuid>,
    /// The clients that it makes.
    clients: Vec<Uuid>,
    /// The clientIds of the clients that every realm has.
    built_in: HashSet<String>,
}

/// Imports into a realm. `permit` says whether the caller may give and take these roles.
///
/// # Errors
/// In Keycloak's words: 409 for what is there already under [`Policy::Fail`], 400 and 412 for what makes no sense.
pub async fn import(
    state: &State,
    realm: &Realm,
    import: PartialImport,
    permit: impl AsyncFnOnce(&mut Connection, &[Uuid]) -> Result<(), HttpError>,
) -> Result<Outcome, HttpError> {
    let mut work = Work {
        state,
        realm,
        policy: import.if_resource_exists.unwrap_or_default(),
        results: Vec::new(),
        roles: Vec::new(),
        clients: Vec::new(),
        built_in: templates(state)?,
    };
    let given = Roles::read(import.roles.as_ref()).map_err(|_| unreadable())?;
    // Users are hashed before the transaction opens: a connection never waits for that.
    let users = users::prepare(&work, import.users.as_ref()).await?;
    let mut transaction = state.pool.begin().await.map_err(Error::from)?;
    let db = &mut *transaction;
    // What is there is looked for before anything of it goes with its client.
    let known_roles = work.known_roles(db, &given).await?;
    let known_users = users::known(&work, db, &users).await;
    work.clients(db, import.clients.unwrap_or_default()).await?;
    work.given_roles(db, &given, known_roles).await?;
    work.identity_providers(
        db,
        import.identity_providers.unwrap_or_default(),
        import.identity_provider_mappers.unwrap_or_default(),
    )
    .await?;
    work.groups(db, &import.groups.unwrap_or_default()).await?;
    // What is there already is told in this order, so of users last.
    users::write(&mut work, db, &users, &known_users?).await?;
    add_service_accounts(state, db, realm).await?;
    // Whoever has the secret of a client is that user.
    let held = of_service_accounts(&mut *db, realm.id, &work.clients, None).await?;
    work.roles.extend(held.into_iter().map(|(_, role)| role));
    work.roles.sort_unstable();
    work.roles.dedup();
    permit(db, &work.roles).await?;
    transaction.commit().await.map_err(Error::from)?;
    state.changed(realm.id);
    let count = |action| {
        work.results
            .iter()
            .filter(|one| one.action == action)
            .count()
    };
    Ok(Outcome {
        overwritten: count(OVERWRITTEN),
        added: count(ADDED),
        skipped: count(SKIPPED),
        results: work.results,
    })
}

/// The clientIds of the clients that every realm has.
fn templates(state: &State) -> Result<HashSet<String>, HttpError> {
    let templates = state.protocols.iter().flat_map(|p| p.realm_clients());
    let ids = templates.map(|template| {
        let rep: ClientRepresentation = serde_json::from_str(template.json)?;
        Ok(rep.client_id.unwrap_or_default())
    });
    ids.collect::<Result<_, serde_json::Error>>()
        .map_err(HttpError::internal)
}

/// What Keycloak says of a body that it cannot read; with status 500 there.
#[must_use]
pub fn unreadable() -> HttpError {
    HttpError::oauth(400, "unknown_error", "Cannot parse the JSON")
}

fn exists(text: &str) -> HttpError {
    HttpError::message(409, text)
}

fn forbidden() -> HttpError {
    HttpError::plain(403, "HTTP 403 Forbidden")
}

/// Of two with one name in the same import.
fn taken(error: Error) -> HttpError {
    match error {
        Error::Duplicate(_) => duplicate(),
        other => other.into(),
    }
}

impl Work<'_> {
    fn tell(&mut self, action: &'static str, kind: &'static str, name: &str, id: Uuid) {
        self.results.push(Imported {
            action,
            resource_type: kind,
            resource_name: name.to_owned(),
            id,
        });
    }

    async fn clients(
        &mut self,
        db: &mut Connection,
        reps: Vec<ClientRepresentation>,
    ) -> Result<(), HttpError> {
        let realm = self.realm.id;
        let defaults = client::scope::link::defaults(&mut *db, realm).await?;
        let mut new = Vec::new();
        for mut rep in reps {
            let name = rep.client_id.clone().filter(|name| !name.is_empty());
            let name = name.ok_or_else(|| HttpError::message(400, "A client needs a clientId"))?;
            // An import passes over those that every realm has, as in Keycloak.
            let of_master = self.realm.is_master() && name.ends_with("-realm");
            if of_master || self.built_in.contains(&name) {
                continue;
            }
            let found = client::find_by_client_id(&mut *db, realm, &name).await?;
            let action = match (&found, self.policy) {
                (None, _) => ADDED,
                (Some(_), Policy::Fail) => {
                    return Err(exists(&format!("Client id '{name}' already exists")));
                }
                (Some(found), Policy::Skip) => {
                    self.tell(SKIPPED, "CLIENT", &name, found.id);
                    continue;
                }
                (Some(found), Policy::Overwrite) => {
                    // Its roles and its service account go with it.
                    let of = Some(found.id);
                    let roles = role::list(&mut *db, realm, of, None, None, None).await?;
                    let ids: Vec<Uuid> = roles.iter().map(|role| role.id).collect();
                    let contained = role::expand(&mut *db, realm, &ids).await?;
                    self.roles.extend(contained.iter().map(|role| role.id));
                    let account = user::find_service_account(&mut *db, realm, found.id).await?;
                    if let Some(account) = account {
                        let held = known::role_ids(&mut *db, realm, &[account.id]).await?;
                        self.roles.extend(held);
                    }
                    client::delete(&mut *db, realm, found.id).await?;
                    OVERWRITTEN
                }
            };
            rep.id = None;
            complete_import(self.state, &defaults, &mut rep)?;
            let client = Client::new(realm, &self.state.sealer, &rep)?;
            self.tell(action, "CLIENT", &name, client.id);
            self.clients.push(client.id);
            new.push(client);
        }
        client::insert_many(db, realm, &new).await.map_err(taken)
    }

    async fn groups(
        &mut self,
        db: &mut Connection,
        reps: &[GroupRepresentation],
    ) -> Result<(), HttpError> {
        let realm = self.realm.id;
        for rep in reps {
            let name = group::name_of(rep).map_err(|e| HttpError::message(400, &e.to_string()))?;
            // Keycloak crashes without one; what it would be is plain.
            let path = rep.path.clone().unwrap_or_else(|| format!("/{name}"));
            let above = path
                .strip_suffix(name)
                .and_then(|rest| rest.strip_suffix('/'));
            let above = above.ok_or_else(|| {
                HttpError::message(
                    400,
                    &format!("The path {path} is not one of a group named {name}"),
                )
            })?;
            let parent = match above {
                "" => None,
                above => {
                    let paths = [above.to_owned()];
                    let found = group::find_by_paths(&mut *db, realm, &paths).await?;
                    Some(group::known(&paths, found).map_err(write_error)?[0])
                }
            };
            let found = group::find_by_paths(&mut *db, realm, std::slice::from_ref(&path)).await?;
            let action = match (found.first().copied().flatten(), self.policy) {
                (None, _) => ADDED,
                // Without a path Keycloak does not find it, and makes it a second time.
                (Some(_), Policy::Fail | Policy::Skip) if rep.path.is_none() => {
                    return Err(duplicate());
                }
                (Some(_), Policy::Fail) => {
                    return Err(exists(&format!("Group '{path}' already exists")));
                }
                (Some(found), Policy::Skip) => {
                    self.tell(SKIPPED, "GROUP", name, found);
                    continue;
                }
                (Some(found), Policy::Overwrite) => {
                    // Who is in it, or below it, loses what it gives.
                    let below = group::with_all_below(&mut *db, realm, found).await?;
                    self.roles
                        .extend(group::role_ids(&mut *db, realm, &below).await?);
                    group::delete(&mut *db, realm, found).await?;
                    OVERWRITTEN
                }
            };
            let made = without_ids(rep);
            let inserted = group::insert_tree(&mut *db, realm, parent, std::slice::from_ref(&made));
            let id = inserted.await.map_err(|error| match error {
                WriteError::Store(Error::Duplicate(_)) => duplicate(),
                other => write_error(other),
            })?[0];
            let below = group::with_all_below(&mut *db, realm, id).await?;
            self.roles
                .extend(group::role_ids(&mut *db, realm, &below).await?);
            self.tell(action, "GROUP", name, id);
        }
        Ok(())
    }
}

/// A partial import gives groups new ids.
fn without_ids(rep: &GroupRepresentation) -> GroupRepresentation {
    let below = rep.sub_groups.as_ref();
    GroupRepresentation {
        id: None,
        sub_groups: below.map(|groups| groups.iter().map(without_ids).collect()),
        ..rep.clone()
    }
}
