//! The rows of a new realm, worked out before the first of them is written.

use std::collections::{HashMap, HashSet};

use client::{Client, ClientRepresentation};
use realm::role::{self, NewRole, RoleRepresentation};
use realm::{MASTER, NewRealm, Realm};
use uuid::Uuid;

use super::client_defaults::{check, complete_import};
use super::contents::Contents;
use super::management_client;
use super::scopes::Scopes;
use crate::{HttpError, State};

/// The realm roles that every realm has beside its default role.
const REALM_ROLES: [(&str, &str); 2] = [
    ("offline_access", "${role_offline-access}"),
    ("uma_authorization", "${role_uma_authorization}"),
];
/// The realm roles that only master has.
const MASTER_ROLES: [(&str, &str); 2] = [
    ("admin", "${role_admin}"),
    ("create-realm", "${role_create-realm}"),
];
/// The rows of a new realm, ids and all.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) clients: Vec<Client>,
    pub(super) roles: Vec<NewRole>,
    pub(super) composites: Vec<(Uuid, Uuid)>,
    pub(super) scopes: Scopes,
    by_client_id: HashMap<String, Uuid>,
    by_role: HashMap<(Option<Uuid>, String), Uuid>,
}

impl Plan {
    pub(super) fn make(
        state: &State,
        new: &NewRealm,
        contents: &Contents,
    ) -> Result<Self, HttpError> {
        let protocols = || state.protocols.iter().filter(|_| !new.complete);
        let mut plan = Self {
            scopes: Scopes::make(state, &contents.scopes, protocols())?,
            ..Self::default()
        };
        let default_name = contents.default_role_name(&new.name);
        let described = Some("${role_default-roles}".to_owned());
        plan.built_in_role(contents, new.default_role, None, &default_name, described);
        if !new.complete {
            plan.built_in(state, new, contents)?;
        }
        for rep in &contents.clients {
            let known = |name: &String| plan.by_client_id.contains_key(name);
            if rep.client_id.as_ref().is_some_and(known) {
                continue;
            }
            let mut rep = rep.clone();
            if new.complete {
                check(state, &rep)?;
            } else {
                complete_import(state, &plan.scopes.defaults, &mut rep)?;
                client::defaults::imported(&mut rep);
            }
            plan.add_client(Client::new(new.id, &state.sealer, &rep)?);
        }
        plan.given_roles(new, contents)?;
        let in_file = |client: &str| {
            let mut clients = contents.clients.iter();
            clients.any(|given| given.client_id.as_deref() == Some(client))
        };
        let mut scopes = std::mem::take(&mut plan.scopes);
        scopes.map(&contents.scopes, in_file, &mut plan)?;
        plan.scopes = scopes;
        Ok(plan)
    }

    /// What every realm has, or the file's own version of it.
    fn built_in(
        &mut self,
        state: &State,
        new: &NewRealm,
        contents: &Contents,
    ) -> Result<(), HttpError> {
        let realm_role = |plan: &mut Self, (name, description): (&str, &str)| {
            plan.built_in_role(
                contents,
                Uuid::new_v4(),
                None,
                name,
                Some(description.to_owned()),
            )
        };
        for role in REALM_ROLES {
            let id = realm_role(self, role);
            self.composites.push((new.default_role, id));
        }
        if new.name == MASTER {
            let [admin, create_realm] = MASTER_ROLES.map(|role| realm_role(self, role));
            self.composites.push((admin, create_realm));
        }
        for protocol in state.protocols.iter() {
            for template in protocol.realm_clients() {
                self.template(state, new, contents, template)?;
            }
        }
        Ok(())
    }

    fn add_client(&mut self, client: Client) {
        self.by_client_id
            .insert(client.client_id.clone(), client.id);
        self.clients.push(client);
    }

    fn add_role(&mut self, role: NewRole) {
        self.by_role
            .insert((role.client_id, role.name.clone()), role.id);
        self.roles.push(role);
    }

    /// A role that every realm has: with the id and the texts that it has in the file. Its id.
    fn built_in_role(
        &mut self,
        contents: &Contents,
        id: Uuid,
        owner: Option<&Client>,
        name: &str,
        description: Option<String>,
    ) -> Uuid {
        let client = owner.map(|client| client.client_id.as_str());
        let given = contents.roles.find(client, name);
        let id = given.and_then(id_of).unwrap_or(id);
        self.add_role(NewRole {
            id,
            client_id: owner.map(|client| client.id),
            name: name.to_owned(),
            description: given.map_or(description, |role| role.description.clone()),
            attributes: given
                .and_then(|role| role.attributes.clone())
                .unwrap_or_default(),
        });
        id
    }

    /// A client that every realm has, or the file's own version of it.
    fn template(
        &mut self,
        state: &State,
        new: &NewRealm,
        contents: &Contents,
        template: &crate::ClientTemplate,
    ) -> Result<(), HttpError> {
        let text = template
            .json
            .replace("{realm}", &crate::context::encode_segment(&new.name));
        let mut rep: ClientRepresentation =
            serde_json::from_str(&text).map_err(HttpError::internal)?;
        if rep.client_id.as_deref() == Some(client::REALM_MANAGEMENT) && new.name == MASTER {
            rep.client_id = Some(management_client(MASTER));
            rep.name = Some(format!("{MASTER} Realm"));
        }
        if let Some(given) = contents
            .clients
            .iter()
            .find(|given| given.client_id == rep.client_id)
        {
            rep = realm::json::overlay(&rep, given);
        }
        complete_import(state, &self.scopes.defaults, &mut rep)?;
        let client = Client::new(new.id, &state.sealer, &rep)?;
        let mut ids = HashMap::new();
        for role in template
            .roles
            .iter()
            .filter(|role| !(new.name == MASTER && role.name == "realm-admin"))
        {
            let described = Some(format!("${{role_{}}}", role.name));
            let id = self.built_in_role(
                contents,
                Uuid::new_v4(),
                Some(&client),
                role.name,
                described,
            );
            ids.insert(role.name, id);
            if role.default {
                self.composites.push((new.default_role, id));
            }
        }
        for role in template.roles {
            let parent = ids.get(role.name);
            let children = role.composites.iter().filter_map(|child| ids.get(child));
            self.composites.extend(
                parent
                    .into_iter()
                    .flat_map(|parent| children.clone().map(|child| (*parent, *child))),
            );
        }
        self.add_client(client);
        Ok(())
    }

    /// The roles of the file; those that every realm has are there already.
    fn given_roles(&mut self, new: &NewRealm, contents: &Contents) -> Result<(), HttpError> {
        let mut given: Vec<(Option<Uuid>, &RoleRepresentation)> = Vec::new();
        for (client, role) in contents.roles.iter() {
            let id = client.map(|name| self.client(name)).transpose()?;
            given.push((id, role));
        }
        for (client, role) in &given {
            let name = role
                .name
                .clone()
                .filter(|name| !name.is_empty())
                .ok_or_else(|| HttpError::plain(400, "role has no name"))?;
            if self.role(*client, &name).is_none() {
                self.add_role(NewRole {
                    id: id_of(role).unwrap_or_else(Uuid::new_v4),
                    client_id: *client,
                    name,
                    description: role.description.clone(),
                    attributes: role.attributes.clone().unwrap_or_default(),
                });
            }
        }
        self.replace_composites(new, &given);
        for (client, role) in &given {
            let (Some(name), Some(composites)) = (&role.name, &role.composites) else {
                continue;
            };
            let Some(parent) = self.role(*client, name) else {
                continue;
            };
            let missing = |name: &str| {
                HttpError::message(400, &format!("Unable to find composite realm role: {name}"))
            };
            let mut children = Vec::new();
            for child in composites.realm.iter().flatten() {
                children.push(self.role(None, child).ok_or_else(|| missing(child))?);
            }
            for (owner, names) in composites
                .client
                .iter()
                .flatten()
                .chain(composites.application.iter().flatten())
            {
                let owner = self.client(owner).map_err(|_| missing(owner))?;
                for child in names {
                    children.push(
                        self.role(Some(owner), child)
                            .ok_or_else(|| missing(child))?,
                    );
                }
            }
            self.composites
                .extend(children.into_iter().map(|child| (parent, child)));
        }
        self.composites.sort_unstable();
        self.composites.dedup();
        Ok(())
    }

    /// What the file says of a role's composites is all of them. Only the roles that administer the realm keep theirs: the
    /// file may be of a server that has fewer of them.
    fn replace_composites(
        &mut self,
        new: &NewRealm,
        given: &[(Option<Uuid>, &RoleRepresentation)],
    ) {
        let management = if new.name == MASTER {
            management_client(MASTER)
        } else {
            client::REALM_MANAGEMENT.to_owned()
        };
        let management = self.by_client_id.get(&management).copied();
        let told =
            |role: &RoleRepresentation| role.composites.is_some() || role.composite == Some(false);
        let replaced: HashSet<Uuid> = given
            .iter()
            .filter(|(client, role)| told(role) && (client.is_none() || *client != management))
            .filter_map(|(client, role)| self.role(*client, role.name.as_deref()?))
            .collect();
        self.composites
            .retain(|(parent, _)| !replaced.contains(parent));
    }

    fn client(&self, name: &str) -> Result<Uuid, HttpError> {
        self.by_client_id.get(name).copied().ok_or_else(|| {
            let text = format!("App doesn't exist in role definitions: {name}");
            HttpError::message(400, &text)
        })
    }

    /// The role of this name; a new one where there is none.
    pub(super) fn role_or_new(&mut self, client: Option<Uuid>, name: &str) -> Uuid {
        self.role(client, name).unwrap_or_else(|| {
            let id = Uuid::new_v4();
            self.add_role(NewRole {
                id,
                client_id: client,
                name: name.to_owned(),
                ..NewRole::default()
            });
            id
        })
    }

    fn role(&self, client: Option<Uuid>, name: &str) -> Option<Uuid> {
        self.by_role.get(&(client, name.to_owned())).copied()
    }
}

fn id_of(role: &RoleRepresentation) -> Option<Uuid> {
    role.id.as_deref().and_then(|id| id.parse().ok())
}

/// What master has for each other realm: a client with the roles that administer it, for master's users.
pub(super) async fn in_master(
    state: &State,
    transaction: &mut store::Connection,
    master: &Realm,
    name: &str,
) -> Result<(), store::Error> {
    let mut rep = ClientRepresentation {
        client_id: Some(management_client(name)),
        name: Some(format!("{name} Realm")),
        bearer_only: Some(true),
        protocol: state
            .protocols
            .iter()
            .next()
            .map(|first| first.id().to_owned()),
        ..ClientRepresentation::default()
    };
    client::defaults::attribute(&mut rep, client::defaults::REALM_CLIENT, "true");
    rep.default_client_scopes = Some(Vec::new());
    rep.optional_client_scopes = Some(Vec::new());
    client::defaults::flags(&mut rep);
    let own = Client::new(master.id, &state.sealer, &rep)?;
    let templates = state
        .protocols
        .iter()
        .flat_map(|protocol| protocol.realm_clients());
    let template = templates
        .into_iter()
        .find(|template| template.roles.iter().any(|role| role.name == "realm-admin"));
    let names = template
        .map_or(&[][..], |template| template.roles)
        .iter()
        .filter(|role| role.name != "realm-admin");
    let roles: Vec<(NewRole, &[&str])> = names
        .map(|role| {
            let new = NewRole {
                id: Uuid::new_v4(),
                client_id: Some(own.id),
                name: role.name.to_owned(),
                description: Some(format!("${{role_{}}}", role.name)),
                ..NewRole::default()
            };
            (new, role.composites)
        })
        .collect();
    let find = |name: &str| {
        roles
            .iter()
            .find(|(role, _)| role.name == name)
            .map(|(role, _)| role.id)
    };
    let composites: Vec<(Uuid, Uuid)> = roles
        .iter()
        .flat_map(|(role, children)| {
            children
                .iter()
                .filter_map(|child| Some((role.id, find(child)?)))
                .collect::<Vec<_>>()
        })
        .collect();
    let roles: Vec<NewRole> = roles.into_iter().map(|(role, _)| role).collect();
    client::insert_many(&mut *transaction, master.id, std::slice::from_ref(&own)).await?;
    role::insert_many(&mut *transaction, master.id, &roles).await?;
    role::insert_composites(&mut *transaction, master.id, &composites).await
}
