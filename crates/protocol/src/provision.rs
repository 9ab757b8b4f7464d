//! Making realms: rows of every floor in one transaction, so that a realm is whole or not there.

use std::collections::HashMap;
use std::sync::Arc;

use client::{Client, ClientRepresentation};
use realm::role::{self, NewRole, RoleRepresentation};
use realm::{MASTER, NewRealm, Realm, RealmRepresentation};
use serde::Deserialize;
use serde_json::Value;
use user::{UserRepresentation, WriteError};
use uuid::Uuid;

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
/// Members of a realm file that are too important to be dropped in silence.
const AREAS: [(&str, &str); 6] = [
    ("groups", "groups"),
    ("identityProviders", "identity providers"),
    ("identityProviderMappers", "identity providers"),
    ("organizations", "organizations"),
    ("federatedUsers", "user federation"),
    ("userFederationProviders", "user federation"),
];

/// Makes a realm with everything that a representation brings: keys, roles, clients, users.
///
/// # Errors
/// In Keycloak's words: 400 for a missing or impossible name, 409 for one that is taken.
pub async fn create_realm(
    state: &State,
    rep: &RealmRepresentation,
) -> Result<Arc<Realm>, HttpError> {
    check_name(rep.realm.as_deref())?;
    check_settings(rep)?;
    refuse_areas(rep)?;
    let contents = Contents::read(rep)?;
    let new = NewRealm::prepare(&state.sealer, &state.keys, rep).await?;
    let name = new.name.clone();
    let plan = Plan::make(state, &new, &contents)?;
    let taken = |error: store::Error| match error {
        store::Error::Duplicate(constraint) if constraint == "realm_name_key" => {
            HttpError::message(409, &format!("Realm {name} already exists"))
        }
        store::Error::Duplicate(constraint) if constraint.starts_with("realm_") => {
            HttpError::message(409, "Duplicate resource error")
        }
        store::Error::Duplicate(_) => {
            HttpError::message(409, "Conflict detected. See logs for details")
        }
        other => other.into(),
    };

    let id = new.id;
    // Users are hashed before the transaction opens: a connection never waits for that.
    let shell = new.shell();
    let mut drafts = Vec::new();
    for user in &contents.users {
        let options = user::Options {
            import: true,
            ..user::Options::default()
        };
        drafts.push(
            user::prepare(&state.hasher, &shell, user, options)
                .await
                .map_err(write_error)?,
        );
    }

    // Read before the transaction opens: no request holds two connections.
    let master = if name == MASTER {
        None
    } else {
        state.realms.get(MASTER).await?
    };
    let mut transaction = state.pool.begin().await.map_err(store::Error::from)?;
    let realm = realm::create(&mut transaction, &state.sealer, new)
        .await
        .map_err(&taken)?;
    client::insert_many(&mut *transaction, id, &plan.clients)
        .await
        .map_err(&taken)?;
    role::insert_many(&mut *transaction, id, &plan.roles)
        .await
        .map_err(&taken)?;
    role::insert_composites(&mut *transaction, id, &plan.composites)
        .await
        .map_err(&taken)?;
    if let Some(master) = master {
        in_master(state, &mut transaction, &master, &name)
            .await
            .map_err(&taken)?;
    }
    for draft in drafts {
        draft
            .insert(&mut transaction, &state.sealer, &realm)
            .await
            .map_err(write_error)?;
    }
    transaction.commit().await.map_err(store::Error::from)?;
    state.changed(id);
    state
        .realms
        .get(&name)
        .await?
        .ok_or_else(|| HttpError::not_found())
}

/// Makes a user as an import does: roles and all.
///
/// # Errors
/// See [`write_error`].
pub async fn create_user(
    state: &State,
    realm: &Realm,
    rep: &UserRepresentation,
) -> Result<Uuid, HttpError> {
    let options = user::Options {
        import: true,
        ..user::Options::default()
    };
    let draft = user::prepare(&state.hasher, realm, rep, options)
        .await
        .map_err(write_error)?;
    let mut transaction = state.pool.begin().await.map_err(store::Error::from)?;
    let id = draft
        .insert(&mut transaction, &state.sealer, realm)
        .await
        .map_err(write_error)?;
    transaction.commit().await.map_err(store::Error::from)?;
    Ok(id)
}

/// Deletes a realm and what master has for it. Whether there was one.
///
/// # Errors
/// From the database.
pub async fn delete_realm(state: &State, realm: &Realm) -> Result<bool, HttpError> {
    let master = state.realms.get(MASTER).await?;
    let mut transaction = state.pool.begin().await.map_err(store::Error::from)?;
    let there = realm::delete(&mut *transaction, realm.id).await?;
    if let Some(master) = &master
        && let Some(own) = client::find_by_client_id(
            &mut *transaction,
            master.id,
            &management_client(&realm.name),
        )
        .await?
    {
        client::delete(&mut *transaction, master.id, own.id).await?;
    }
    transaction.commit().await.map_err(store::Error::from)?;
    state.changed(realm.id);
    Ok(there)
}

/// Follows a realm's new name where names depend on it: master's client for it.
///
/// # Errors
/// From the database.
pub async fn rename_realm(
    state: &State,
    transaction: &mut store::Connection,
    master: &Realm,
    old: &str,
    new: &str,
) -> Result<(), HttpError> {
    if let Some(own) =
        client::find_by_client_id(&mut *transaction, master.id, &management_client(old)).await?
    {
        let change = ClientRepresentation {
            client_id: Some(management_client(new)),
            ..ClientRepresentation::default()
        };
        client::update(transaction, &own, &own.merged(&state.sealer, &change)?).await?;
    }
    Ok(())
}

/// The client of master whose roles administer a realm.
#[must_use]
pub fn management_client(realm: &str) -> String {
    format!("{realm}-realm")
}

/// The client of a realm whose roles administer it, for the realm's own users.
#[must_use]
pub fn own_management_client(realm: &Realm) -> String {
    if realm.is_master() {
        management_client(MASTER)
    } else {
        client::REALM_MANAGEMENT.to_owned()
    }
}

/// Words the errors of user writes as Keycloak does.
#[must_use]
pub fn write_error(error: WriteError) -> HttpError {
    match error {
        WriteError::Store(error) => error.into(),
        WriteError::Validation(errors) => HttpError::json(400, user::validation_body(&errors)),
        WriteError::Conflict(text) => HttpError::message(409, text),
        WriteError::Policy { error, description } => HttpError::oauth(400, error, &description),
        WriteError::Credential(text) => HttpError::plain(400, &text),
        WriteError::MissingUsername => HttpError::message(400, "User name is missing"),
        WriteError::Limit(text) => HttpError::message(400, &text),
        WriteError::UnknownGroup(name) => {
            HttpError::message(400, &format!("Group {name} not found"))
        }
    }
}

/// Whether a realm may be called so.
///
/// # Errors
/// 400 in Keycloak's words where it has some.
pub fn check_name(name: Option<&str>) -> Result<(), HttpError> {
    let name = name.unwrap_or_default();
    let message = |text: &str| Err(HttpError::message(400, text));
    if name.trim().is_empty() {
        return message("Realm name cannot be empty");
    }
    if let Some(bad) = name
        .chars()
        .find(|c| "/\\?#%;&\"'<>`{}|^".contains(*c) || c.is_control())
    {
        return Err(HttpError::plain(
            400,
            &format!("Character '{}' not allowed.", bad),
        ));
    }
    if name == "." || name == ".." || name.len() > 255 || name.trim() != name {
        return message(
            "Realm name is not usable: 1 to 255 characters, no blanks around it, not . or ..",
        );
    }
    if name != MASTER
        && ["master", "admin", "realms", "auth"].contains(&name.to_lowercase().as_str())
    {
        return message(&format!(
            "Realm name {name} is reserved; it could be taken for a part of the server"
        ));
    }
    Ok(())
}

/// What is wrong with settings that decide something.
///
/// # Errors
/// 400; Keycloak answers some of them with 500.
pub fn check_settings(rep: &RealmRepresentation) -> Result<(), HttpError> {
    let message = |text: &str| Err(HttpError::message(400, text));
    let one_of = |value: &Option<String>, allowed: &[&str]| {
        value.as_deref().is_none_or(|v| allowed.contains(&v))
    };
    let ssl = rep.ssl_required.as_deref().map(str::to_lowercase);
    if !one_of(&ssl, &["all", "external", "none"]) {
        return message("sslRequired is all, external or none");
    }
    if !one_of(&rep.brute_force_strategy, &["LINEAR", "MULTIPLE"]) {
        return message("bruteForceStrategy is LINEAR or MULTIPLE");
    }
    let seconds = [
        ("accessTokenLifespan", rep.access_token_lifespan, 1),
        ("ssoSessionIdleTimeout", rep.sso_session_idle_timeout, 1),
        ("ssoSessionMaxLifespan", rep.sso_session_max_lifespan, 1),
        ("failureFactor", rep.failure_factor, 0),
        ("waitIncrementSeconds", rep.wait_increment_seconds, 0),
        ("maxFailureWaitSeconds", rep.max_failure_wait_seconds, 0),
        ("maxDeltaTimeSeconds", rep.max_delta_time_seconds, 0),
        (
            "minimumQuickLoginWaitSeconds",
            rep.minimum_quick_login_wait_seconds,
            0,
        ),
        (
            "quickLoginCheckMilliSeconds",
            rep.quick_login_check_milli_seconds,
            0,
        ),
        (
            "clientSessionIdleTimeout",
            rep.client_session_idle_timeout,
            0,
        ),
        (
            "clientSessionMaxLifespan",
            rep.client_session_max_lifespan,
            0,
        ),
        ("notBefore", rep.not_before, 0),
        ("eventsExpiration", rep.events_expiration, 0),
    ];
    for (name, value, least) in seconds {
        if value.is_some_and(|value| value < least || value > i64::from(i32::MAX)) {
            return message(&format!("{name} is a number from {least} to {}", i32::MAX));
        }
    }
    if let Some(policy) = &rep.password_policy
        && user::policy::parse(policy).is_err()
    {
        return message("Password policy not found");
    }
    let texts = [&rep.display_name, &rep.display_name_html];
    if texts.into_iter().flatten().any(|text| text.len() > 4000) {
        return message("displayName and displayNameHtml have 4000 bytes at most");
    }
    let headers = rep.browser_security_headers.iter().flatten();
    if headers.into_iter().any(|(_, value)| {
        value
            .as_str()
            .is_none_or(|text| text.chars().any(char::is_control))
    }) {
        return message("browserSecurityHeaders hold texts without control characters");
    }
    let attributes = rep.attributes.as_ref();
    if attributes.is_some_and(|a| {
        a.len() > 1000 || a.values().any(|value| value.to_string().len() > 64 * 1024)
    }) {
        return message("A realm has 1000 attributes at most, each of 64 kB at most");
    }
    Ok(())
}

/// Refuses, in words, what would otherwise be lost without a sound.
///
/// # Errors
/// 501 `{"error": "<area> is not available on this server"}`.
pub fn refuse_areas(rep: &RealmRepresentation) -> Result<(), HttpError> {
    let Ok(Value::Object(members)) = serde_json::to_value(rep) else {
        return Ok(());
    };
    for (member, area) in AREAS {
        if members
            .get(member)
            .and_then(Value::as_array)
            .is_some_and(|list| !list.is_empty())
        {
            return Err(HttpError::plain(
                501,
                &format!("{area} is not available on this server"),
            ));
        }
    }
    Ok(())
}

/// What a realm file brings beside settings.
struct Contents {
    users: Vec<UserRepresentation>,
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
    fn read(rep: &RealmRepresentation) -> Result<Self, HttpError> {
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
struct Plan {
    clients: Vec<Client>,
    roles: Vec<NewRole>,
    composites: Vec<(Uuid, Uuid)>,
}

impl Plan {
    fn make(state: &State, new: &NewRealm, contents: &Contents) -> Result<Self, HttpError> {
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
                complete(state, &mut rep)?;
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
        let text = template.json.replace("{realm}", &crate::context::encode_segment(&new.name));
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
        complete(state, &mut rep)?;
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

/// Gives a new client what its protocol and this server give it, and checks it.
///
/// # Errors
/// 400 in Keycloak's words, all of them joined.
pub fn complete(state: &State, rep: &mut ClientRepresentation) -> Result<(), HttpError> {
    let name = rep.protocol.clone().unwrap_or_else(|| {
        state
            .protocols
            .iter()
            .next()
            .map_or("", |first| first.id())
            .to_owned()
    });
    let protocol = state.protocols.get(&name).ok_or_else(|| {
        HttpError::oauth(400, "invalid_input", &format!("Invalid protocol: {name}"))
    })?;
    protocol.complete(rep);
    client::defaults::fill(rep)?;
    check(state, rep)
}

/// Checks a client before a write.
///
/// # Errors
/// 400 in Keycloak's words, all of them joined.
pub fn check(state: &State, rep: &ClientRepresentation) -> Result<(), HttpError> {
    let invalid = |text: &str| HttpError::oauth(400, "invalid_input", text);
    let name = rep.protocol.as_deref().unwrap_or_default();
    let protocol = state
        .protocols
        .get(name)
        .ok_or_else(|| invalid(&format!("Invalid protocol: {name}")))?;
    let mut problems = client::check::check(rep);
    problems.extend(protocol.check(rep));
    for mapper in rep.protocol_mappers.iter().flatten() {
        let known = state
            .protocols
            .get(mapper.protocol.as_deref().unwrap_or_default())
            .is_some_and(|protocol| {
                protocol
                    .mapper_types()
                    .iter()
                    .any(|kind| Some(kind.id) == mapper.protocol_mapper.as_deref())
            });
        if !known {
            problems.push(format!(
                "Unknown protocol mapper: {}",
                mapper.protocol_mapper.as_deref().unwrap_or_default()
            ));
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(invalid(&problems.join("; ")))
    }
}

/// What master has for each other realm: a client with the roles that administer it, for master's users.
async fn in_master(
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
