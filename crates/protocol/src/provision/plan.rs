//! The rows of a new realm, worked out before the first of them is written.

use std::collections::HashMap;

use client::{Client, ClientRepresentation};
use realm::role::{self, NewRole, RoleRepresentation};
use realm::{MASTER, NewRealm, Realm, RealmRepresentation};
use serde::Deserialize;
use serde_json::Value;
use user::UserRepresentation;
use uuid::Uuid;

use super::client_defaults::complete_import;
use super::management_client;
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
/// What a realm file brings beside settings.
pub(super) struct Contents {
    pub(super) users: Vec<UserRepresentation>,
    clients: Vec<ClientRepresentation>,
    roles: Roles,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Roles {
    realm: Vec<RoleRepresentation>,
    client: HashMap<String, Vec<RoleRepresentation>>,
    /// The old name of `client`.
    application: HashMap<String, Vec<RoleRepresentation>>,
}

impl Contents {
    pub(super) fn read(rep: &RealmRepresentation) -> Result<Self, HttpError> {
        fn part<T: for<'de> Deserialize<'de> + Default>(
            value: Option<&Value>,
        ) -> Result<T, HttpError> {
            match value {
                None | Some(Value::Null) => Ok(T::default()),
                // Keycloak reads this body as a stream and has one answer for all that is wrong in it.
                Some(value) => T::deserialize(value)
                    .map_err(|_| HttpError::message(400, "unable to read contents from stream")),
            }
        }
        // serde would read an array as the members in order.
        if rep.roles.as_ref().is_some_and(Value::is_array) {
            return Err(HttpError::message(
                400,
                "unable to read contents from stream",
            ));
        }
        let mut roles: Roles = part(rep.roles.as_ref())?;
        roles.client.extend(std::mem::take(&mut roles.application));
        Ok(Self {
            users: part(rep.users.as_ref())?,
            clients: part(rep.clients.as_ref())?,
            roles,
        })
    }
}

/// The rows of a new realm, ids and all.
pub(super) struct Plan {
    pub(super) clients: Vec<Client>,
    pub(super) roles: Vec<NewRole>,
    pub(super) composites: Vec<(Uuid, Uuid)>,
}

impl Plan {
    pub(super) fn make(
        state: &State,
        new: &NewRealm,
        contents: &Contents,
    ) -> Result<Self, HttpError> {
        let mut plan = Self {
            clients: Vec::new(),
            roles: Vec::new(),
            composites: Vec::new(),
        };
        let default_name = format!("default-roles-{}", new.name.to_lowercase());
        plan.realm_role(new.default_role, &default_name, "${role_default-roles}");
        for (name, description) in REALM_ROLES {
            let id = Uuid::new_v4();
            plan.realm_role(id, name, description);
            plan.composites.push((new.default_role, id));
        }
        if new.name == MASTER {
            let [admin, create_realm] = MASTER_ROLES.map(|(name, description)| {
                let id = Uuid::new_v4();
                plan.realm_role(id, name, description);
                id
            });
            plan.composites.push((admin, create_realm));
        }
        for protocol in state.protocols.iter() {
            for template in protocol.realm_clients() {
                plan.template(state, new, contents, template)?;
            }
        }
        for rep in &contents.clients {
            if plan
                .clients
                .iter()
                .all(|known| Some(&known.client_id) != rep.client_id.as_ref())
            {
                let mut rep = rep.clone();
                complete_import(state, &mut rep)?;
                client::defaults::imported(&mut rep);
                plan.clients.push(Client::new(new.id, &state.sealer, &rep)?);
            }
        }
        plan.given_roles(contents)?;
        Ok(plan)
    }

    fn realm_role(&mut self, id: Uuid, name: &str, description: &str) {
        self.roles.push(NewRole {
            id,
            name: name.to_owned(),
            description: Some(description.to_owned()),
            ..NewRole::default()
        });
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
        complete_import(state, &mut rep)?;
        let client = Client::new(new.id, &state.sealer, &rep)?;
        let mut ids = HashMap::new();
        for role in template
            .roles
            .iter()
            .filter(|role| !(new.name == MASTER && role.name == "realm-admin"))
        {
            let id = Uuid::new_v4();
            ids.insert(role.name, id);
            self.roles.push(NewRole {
                id,
                client_id: Some(client.id),
                name: role.name.to_owned(),
                description: Some(format!("${{role_{}}}", role.name)),
                ..NewRole::default()
            });
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
        self.clients.push(client);
        Ok(())
    }

    /// The roles of the file; those that every realm has are there already.
    fn given_roles(&mut self, contents: &Contents) -> Result<(), HttpError> {
        let client_id = |plan: &Self, name: &str| {
            plan.clients
                .iter()
                .find(|c| c.client_id == name)
                .map(|c| c.id)
        };
        let mut given: Vec<(Option<Uuid>, &RoleRepresentation)> = contents
            .roles
            .realm
            .iter()
            .map(|role| (None, role))
            .collect();
        for (name, roles) in &contents.roles.client {
            let id = client_id(self, name).ok_or_else(|| {
                HttpError::message(
                    400,
                    &format!("App doesn't exist in role definitions: {name}"),
                )
            })?;
            given.extend(roles.iter().map(|role| (Some(id), role)));
        }
        for (client, role) in &given {
            let name = role
                .name
                .clone()
                .filter(|name| !name.is_empty())
                .ok_or_else(|| HttpError::plain(400, "role has no name"))?;
            if self.find_role(*client, &name).is_none() {
                self.roles.push(NewRole {
                    id: role
                        .id
                        .as_deref()
                        .and_then(|id| id.parse().ok())
                        .unwrap_or_else(Uuid::new_v4),
                    client_id: *client,
                    name,
                    description: role.description.clone(),
                    attributes: role.attributes.clone().unwrap_or_default(),
                });
            }
        }
        for (client, role) in &given {
            let (Some(name), Some(composites)) = (&role.name, &role.composites) else {
                continue;
            };
            let Some(parent) = self.find_role(*client, name) else {
                continue;
            };
            let missing = |name: &str| {
                HttpError::message(400, &format!("Unable to find composite realm role: {name}"))
            };
            let mut children = Vec::new();
            for child in composites.realm.iter().flatten() {
                children.push(self.find_role(None, child).ok_or_else(|| missing(child))?);
            }
            for (owner, names) in composites
                .client
                .iter()
                .flatten()
                .chain(composites.application.iter().flatten())
            {
                let owner = client_id(self, owner).ok_or_else(|| missing(owner))?;
                for child in names {
                    children.push(
                        self.find_role(Some(owner), child)
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

    fn find_role(&self, client: Option<Uuid>, name: &str) -> Option<Uuid> {
        self.roles
            .iter()
            .find(|role| role.client_id == client && role.name == name)
            .map(|role| role.id)
    }
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
