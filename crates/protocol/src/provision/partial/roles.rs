//! The roles of a partial import, and what they contain.

use std::collections::HashMap;

use realm::role::{self, NewRole, Role, RoleRepresentation};
use store::Connection;
use user::mapping::find_by_names;
use uuid::Uuid;

use super::{ADDED, OVERWRITTEN, Policy, SKIPPED, Work, exists, forbidden, taken};
use crate::HttpError;
use crate::provision::contents::Roles;

impl Work<'_> {
    /// Those of the given roles that are there, each in its place.
    pub(super) async fn known_roles(
        &self,
        db: &mut Connection,
        given: &Roles,
    ) -> Result<Vec<Option<Role>>, HttpError> {
        let realm = self.realm.id;
        let names = given.iter().map(|(client, rep)| {
            let name = rep.name.clone().unwrap_or_default();
            (client.cloned(), name)
        });
        let found = find_by_names(&mut *db, realm, &names.collect::<Vec<_>>()).await?;
        let ids: Vec<Uuid> = found.iter().filter_map(|found| found.role).collect();
        let roles = role::find_many(db, realm, &ids).await?;
        let by_id: HashMap<Uuid, Role> = roles.into_iter().map(|role| (role.id, role)).collect();
        Ok(found
            .into_iter()
            .map(|found| by_id.get(&found.role?).cloned())
            .collect())
    }

    pub(super) async fn given_roles(
        &mut self,
        db: &mut Connection,
        given: &Roles,
        known: Vec<Option<Role>>,
    ) -> Result<(), HttpError> {
        let realm = self.realm.id;
        let (mut new, mut composed) = (Vec::new(), Vec::new());
        for ((client, rep), found) in given.iter().zip(known) {
            let owner = match client {
                None => None,
                Some(name) => {
                    let found = client::find_by_client_id(&mut *db, realm, name).await?;
                    Some(found.ok_or_else(|| {
                        let text = format!(
                            "Can not import client roles for nonexistent client named {name}"
                        );
                        HttpError::message(412, &text)
                    })?)
                }
            };
            let owner_id = owner.as_ref().map(|owner| owner.id);
            let made = NewRole::from_rep(owner_id, rep)
                .map_err(|error| HttpError::plain(400, &error.to_string()))?;
            let (kind, shown) = match client {
                None => ("REALM_ROLE", made.name.clone()),
                Some(client) => ("CLIENT_ROLE", format!("{client}-->{}", made.name)),
            };
            let told = |id| owner_id.unwrap_or(id);
            if let (Some(found), Policy::Skip) = (&found, self.policy) {
                self.tell(SKIPPED, kind, &shown, told(found.id));
                continue;
            }
            if found.is_some() && self.policy == Policy::Fail {
                return Err(exists(&match client {
                    None => format!("Realm role '{}' already exists.", made.name),
                    Some(client) => format!(
                        "Client role '{}' for client '{client}' already exists.",
                        made.name
                    ),
                }));
            }
            // Those that the permission gate reads are made and changed by nobody.
            let administrative = match &owner {
                Some(owner) => owner.is_built_in(self.realm),
                None => {
                    let of_server = ["admin", "create-realm"].contains(&made.name.as_str());
                    self.realm.is_master() && of_server
                }
            };
            if administrative {
                return Err(forbidden());
            }
            let id = match found {
                // All users hold it, and the realm names it: it is changed where it stands.
                Some(mut found) if found.id == self.realm.default_role => {
                    found.apply(rep);
                    let old = role::composites(&mut *db, realm, found.id, role::Of::All).await?;
                    let old: Vec<Uuid> = old.iter().map(|role| role.id).collect();
                    role::remove_composites(&mut *db, realm, found.id, &old).await?;
                    role::update(&mut *db, realm, &found).await?;
                    self.roles.extend(old);
                    self.tell(ADDED, kind, &shown, told(found.id));
                    self.tell(OVERWRITTEN, kind, &shown, told(found.id));
                    found.id
                }
                found => {
                    if let Some(found) = &found {
                        // Who holds it holds what it contains no longer.
                        self.roles.push(found.id);
                        let contained = role::expand(&mut *db, realm, &[found.id]).await?;
                        self.roles.extend(contained.iter().map(|role| role.id));
                        role::delete(&mut *db, realm, found.id).await?;
                    }
                    // Keycloak tells of an overwritten role twice.
                    self.tell(ADDED, kind, &shown, told(made.id));
                    if found.is_some() {
                        self.tell(OVERWRITTEN, kind, &shown, told(made.id));
                    }
                    let id = made.id;
                    new.push(made);
                    id
                }
            };
            composed.push((id, rep));
        }
        role::insert_many(&mut *db, realm, &new)
            .await
            .map_err(taken)?;
        self.compose(db, &composed).await
    }

    /// What the new roles contain: each holder of them gets that.
    async fn compose(
        &mut self,
        db: &mut Connection,
        composed: &[(Uuid, &RoleRepresentation)],
    ) -> Result<(), HttpError> {
        let (mut parents, mut names) = (Vec::new(), Vec::new());
        for (parent, rep) in composed {
            let Some(composites) = &rep.composites else {
                continue;
            };
            let of_realm = composites.realm.iter().flatten().map(|name| (None, name));
            let of_clients = composites.client.iter().flatten();
            let of_clients = of_clients.chain(composites.application.iter().flatten());
            let of_clients = of_clients
                .flat_map(|(client, names)| names.iter().map(move |name| (Some(client), name)));
            for (client, name) in of_realm.chain(of_clients) {
                parents.push(*parent);
                names.push((client.cloned(), name.clone()));
            }
        }
        let found = find_by_names(&mut *db, self.realm.id, &names).await?;
        let mut pairs = Vec::new();
        for ((parent, (_, name)), found) in parents.into_iter().zip(&names).zip(found) {
            let child = found.role.ok_or_else(|| {
                HttpError::message(400, &format!("Unable to find composite realm role: {name}"))
            })?;
            pairs.push((parent, child));
        }
        self.roles.extend(pairs.iter().map(|(_, child)| *child));
        role::insert_composites(db, self.realm.id, &pairs).await?;
        Ok(())
    }
}
