//! The client scopes of a new realm, and the roles that scopes and clients let through: from its file, else from the
//! protocols. Also what a new client gets.

use std::collections::BTreeMap;

use client::scope::link::Link;
use client::scope::{self, link, mapping};
use client::{Client, ClientRepresentation, ClientScope, ClientScopeRepresentation, Owner};
use realm::RealmRepresentation;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::plan::Plan;
use crate::{HttpError, Protocol, State};

/// The members of a realm file that are about client scopes.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Given {
    client_scopes: Option<Vec<ClientScopeRepresentation>>,
    default_default_client_scopes: Option<Vec<String>>,
    default_optional_client_scopes: Option<Vec<String>>,
    scope_mappings: Option<Vec<ScopeMapping>>,
    /// By the clientId of the roles' client.
    client_scope_mappings: Option<BTreeMap<String, Vec<ScopeMapping>>>,
}

/// Roles of one kind that a client or a client scope lets through, by name.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct ScopeMapping {
    #[serde(rename = "self")]
    _self: Option<String>,
    client: Option<String>,
    /// The old name of `clientScope`.
    client_template: Option<String>,
    client_scope: Option<String>,
    roles: Vec<String>,
}

impl ScopeMapping {
    fn scope(&self) -> Option<&String> {
        self.client_scope.as_ref().or(self.client_template.as_ref())
    }
}

/// The rows, ids and all.
#[derive(Default)]
pub(super) struct Scopes {
    scopes: Vec<ClientScope>,
    /// What new clients get.
    pub(super) defaults: Vec<Link>,
    mappings: Vec<(Owner, Uuid)>,
    /// What the protocols give, until it is mapped.
    templates: Vec<Given>,
}

fn message(text: &str) -> HttpError {
    HttpError::message(400, text)
}

/// Checks the mappers of a client scope before it is written.
///
/// # Errors
/// 400 with a text.
pub fn check_scope(state: &State, rep: &ClientScopeRepresentation) -> Result<(), HttpError> {
    let mut mappers = rep.protocol_mappers.iter().flatten();
    let checked = mappers.try_for_each(|mapper| state.protocols.check_mapper(mapper));
    checked.map_err(|error| HttpError::oauth(400, "invalid_input", &error))
}

impl Given {
    pub(super) fn read(rep: &RealmRepresentation) -> Result<Self, HttpError> {
        let client_scope_mappings = rep
            .client_scope_mappings
            .as_ref()
            .or(rep.application_scope_mappings.as_ref());
        let members = [
            ("clientScopes", rep.client_scopes.as_ref()),
            (
                "defaultDefaultClientScopes",
                rep.default_default_client_scopes.as_ref(),
            ),
            (
                "defaultOptionalClientScopes",
                rep.default_optional_client_scopes.as_ref(),
            ),
            ("scopeMappings", rep.scope_mappings.as_ref()),
            ("clientScopeMappings", client_scope_mappings),
        ];
        let members = members
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.clone())));
        // Keycloak reads this body as a stream and has one answer for all that is wrong in it.
        Self::deserialize(Value::Object(members.collect()))
            .map_err(|_| message("unable to read contents from stream"))
    }

    /// What a protocol gives every realm.
    fn template(text: &str) -> Result<Self, HttpError> {
        serde_json::from_str(text).map_err(HttpError::internal)
    }

    fn is_default(&self, name: &str) -> Option<bool> {
        let has = |list: &Option<Vec<String>>| list.iter().flatten().any(|known| known == name);
        if has(&self.default_default_client_scopes) {
            return Some(true);
        }
        has(&self.default_optional_client_scopes).then_some(false)
    }
}

impl Scopes {
    /// The scopes of a new realm. As in Keycloak a file that has some has all, but for those of a protocol that go with a
    /// realm role: `offline_access`.
    pub(super) fn make<'a>(
        state: &State,
        given: &Given,
        protocols: impl Iterator<Item = &'a dyn Protocol>,
    ) -> Result<Self, HttpError> {
        let first = state.protocols.iter().next().map(|first| first.id());
        let mut made = Self::default();
        for rep in given.client_scopes.iter().flatten() {
            let mut rep = rep.clone();
            rep.protocol = rep.protocol.or(first.map(str::to_owned));
            check_scope(state, &rep)?;
            made.scopes.push(ClientScope::from_rep(&rep)?);
        }
        for list in [
            &given.default_default_client_scopes,
            &given.default_optional_client_scopes,
        ] {
            for name in list.iter().flatten() {
                if given.client_scopes.is_some() {
                    made.link(name, given.is_default(name) == Some(true));
                }
            }
        }
        for protocol in protocols {
            let template = Given::template(protocol.realm_scopes())?;
            let with_role = |name: &Option<String>| {
                let mappings = template.scope_mappings.iter().flatten();
                mappings
                    .into_iter()
                    .any(|mapping| mapping.client_scope == *name)
            };
            let mut added = Vec::new();
            for rep in template.client_scopes.iter().flatten() {
                if made
                    .scopes
                    .iter()
                    .all(|known| rep.name.as_ref() != Some(&known.name))
                    && (given.client_scopes.is_none() || with_role(&rep.name))
                {
                    let scope = ClientScope::from_rep(rep)?;
                    added.push(scope.name.clone());
                    made.scopes.push(scope);
                }
            }
            for list in [
                &template.default_default_client_scopes,
                &template.default_optional_client_scopes,
            ] {
                for name in list.iter().flatten().filter(|name| added.contains(name)) {
                    made.link(name, template.is_default(name) == Some(true));
                }
            }
            made.templates.push(template);
        }
        Ok(made)
    }

    fn link(&mut self, name: &str, is_default: bool) {
        if let Some(scope) = self.scopes.iter().find(|scope| scope.name == name)
            && self.defaults.iter().all(|known| known.id != scope.id)
        {
            self.defaults.push(Link {
                id: scope.id,
                name: scope.name.clone(),
                protocol: scope.protocol.clone(),
                is_default,
            });
        }
    }

    /// The scope mappings of the file and of the protocols, once the plan has its clients and roles. As in Keycloak a role
    /// that is only named here is made.
    pub(super) fn map(
        &mut self,
        given: &Given,
        in_file: impl Fn(&str) -> bool,
        plan: &mut Plan,
    ) -> Result<(), HttpError> {
        let scope_in_file = |name: &String| {
            let scopes = given.client_scopes.iter().flatten();
            scopes
                .into_iter()
                .any(|rep| rep.name.as_ref() == Some(name))
        };
        for mut template in std::mem::take(&mut self.templates) {
            // What the file has itself it has whole.
            let lists = template.client_scope_mappings.iter_mut();
            let lists = lists.flat_map(BTreeMap::values_mut);
            for list in lists.chain(template.scope_mappings.iter_mut()) {
                list.retain(|mapping| {
                    !mapping.client.as_deref().is_some_and(&in_file)
                        && !mapping.scope().is_some_and(scope_in_file)
                });
            }
            self.add(&template, plan)?;
        }
        self.add(given, plan)
    }

    fn add(&mut self, given: &Given, plan: &mut Plan) -> Result<(), HttpError> {
        let of_realm = given.scope_mappings.iter().flatten();
        let of_realm = of_realm.map(|mapping| (None, mapping));
        let of_clients = given.client_scope_mappings.iter().flatten();
        let of_clients = of_clients
            .flat_map(|(client, mappings)| mappings.iter().map(move |m| (Some(client), m)));
        for (container, mapping) in of_realm.chain(of_clients) {
            let container = match container {
                None => None,
                Some(name) => Some(client_id(plan, name).ok_or_else(|| {
                    message(&format!(
                        "Unknown client specified in client scope mappings: {name}"
                    ))
                })?),
            };
            let owner = match (&mapping.client, mapping.scope()) {
                (Some(name), _) => client_id(plan, name).map(Owner::Client).ok_or_else(|| {
                    message(&format!(
                        "Unknown client specification in scope mappings: {name}"
                    ))
                })?,
                (None, Some(name)) => {
                    let scope = self.scopes.iter().find(|scope| scope.name == *name);
                    scope.map(|scope| Owner::Scope(scope.id)).ok_or_else(|| {
                        message(&format!(
                            "Unknown clientScope specification in scope mappings: {name}"
                        ))
                    })?
                }
                (None, None) => {
                    return Err(message("A scope mapping names a client or a clientScope"));
                }
            };
            for role in &mapping.roles {
                let role = plan.role_or_new(container, role);
                self.mappings.push((owner, role));
            }
        }
        Ok(())
    }

    /// The scopes; before the clients that have them.
    pub(super) async fn insert(
        &self,
        transaction: &mut store::Connection,
        realm: Uuid,
    ) -> Result<(), store::Error> {
        scope::insert_many(&mut *transaction, realm, &self.scopes).await?;
        let defaults = self.defaults.iter().map(|link| (link.id, link.is_default));
        link::add_defaults(transaction, realm, &defaults.collect::<Vec<_>>()).await
    }

    /// The mappings; after the roles.
    pub(super) async fn insert_mappings(
        &self,
        transaction: &mut store::Connection,
        realm: Uuid,
    ) -> Result<(), store::Error> {
        mapping::insert_many(transaction, realm, &self.mappings).await
    }
}

fn client_id(plan: &Plan, name: &str) -> Option<Uuid> {
    let mut clients = plan.clients.iter();
    clients
        .find(|client: &&Client| client.client_id == name)
        .map(|client| client.id)
}

/// Gives a new client the scopes of its realm, unless it brings some of its own; with a service account also the scope of
/// those.
pub(super) fn give(defaults: &[Link], rep: &mut ClientRepresentation) {
    if rep.default_client_scopes.is_none() && rep.optional_client_scopes.is_none() {
        let of_kind = |is_default| {
            defaults
                .iter()
                .filter(|link| {
                    link.is_default == is_default && Some(&link.protocol) == rep.protocol.as_ref()
                })
                .map(|link| link.name.clone())
                .collect::<Vec<_>>()
        };
        let (default, optional) = (of_kind(true), of_kind(false));
        rep.default_client_scopes = Some(default);
        rep.optional_client_scopes = Some(optional);
    }
    let scopes = rep.default_client_scopes.get_or_insert_default();
    if rep.service_accounts_enabled == Some(true)
        && scopes.iter().all(|name| name != scope::SERVICE_ACCOUNT)
    {
        scopes.push(scope::SERVICE_ACCOUNT.to_owned());
    }
}
