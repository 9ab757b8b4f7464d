//! What a realm file brings beside settings, read member by member.

use std::collections::BTreeMap;

use client::ClientRepresentation;
use realm::RealmRepresentation;
use realm::json::Raw;
use realm::role::RoleRepresentation;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use user::UserRepresentation;
use uuid::Uuid;

use super::scopes::Given;
use crate::HttpError;

/// Users that are taken apart at once.
const CHUNK: usize = 500;

/// Keycloak reads a realm file as a stream and has one answer for all that is wrong in it.
pub(super) fn unreadable() -> HttpError {
    HttpError::message(400, "unable to read contents from stream")
}

/// Reads a member of a realm file; an absent one or a null is empty.
pub(super) fn part<T: for<'de> Deserialize<'de> + Default>(
    value: Option<&Value>,
) -> Result<T, HttpError> {
    match value {
        None | Some(Value::Null) => Ok(T::default()),
        Some(value) => T::deserialize(value).map_err(|_| unreadable()),
    }
}

/// Clients and roles of a realm file.
pub(super) struct Contents {
    pub(super) clients: Vec<ClientRepresentation>,
    pub(super) roles: Roles,
    /// What `defaultRole` says.
    pub(super) default_role: RoleRepresentation,
    pub(super) scopes: Given,
}

/// Roles of a realm file, or of a partial import.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Roles {
    pub(super) realm: Vec<RoleRepresentation>,
    pub(super) client: BTreeMap<String, Vec<RoleRepresentation>>,
    /// The old name of `client`.
    application: BTreeMap<String, Vec<RoleRepresentation>>,
}

impl Roles {
    pub(super) fn read(value: Option<&Value>) -> Result<Self, HttpError> {
        // serde would read an array as the members in order.
        if value.is_some_and(Value::is_array) {
            return Err(unreadable());
        }
        let mut roles: Self = part(value)?;
        roles.client.extend(std::mem::take(&mut roles.application));
        Ok(roles)
    }

    /// All of them, each with the clientId of its client or none.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Option<&String>, &RoleRepresentation)> {
        let realm = self.realm.iter().map(|role| (None, role));
        let clients = self.client.iter();
        realm.chain(
            clients.flat_map(|(client, roles)| roles.iter().map(move |role| (Some(client), role))),
        )
    }

    /// What the file says of one of them.
    pub(super) fn find(&self, client: Option<&str>, name: &str) -> Option<&RoleRepresentation> {
        let roles = match client {
            None => Some(&self.realm),
            Some(client) => self.client.get(client),
        };
        roles?
            .iter()
            .find(|role| role.name.as_deref() == Some(name))
    }
}

impl Contents {
    pub(super) fn read(rep: &RealmRepresentation) -> Result<Self, HttpError> {
        if rep.default_role.as_ref().is_some_and(Value::is_array) {
            return Err(unreadable());
        }
        Ok(Self {
            clients: part(rep.clients.as_ref())?,
            roles: Roles::read(rep.roles.as_ref())?,
            default_role: part(rep.default_role.as_ref())?,
            scopes: Given::read(rep)?,
        })
    }

    /// The name that the default role of a realm has.
    pub(super) fn default_role_name(&self, realm: &str) -> String {
        let given = self.default_role.name.clone();
        given
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| format!("default-roles-{}", realm.to_lowercase()))
    }

    /// The id that the default role has in the file.
    pub(super) fn default_role_id(&self, realm: &str) -> Option<Uuid> {
        let listed = self.roles.find(None, &self.default_role_name(realm));
        let listed = listed.and_then(|role| role.id.as_deref());
        listed
            .or(self.default_role.id.as_deref())
            .and_then(|id| id.parse().ok())
    }
}

/// Users as they stand in a file, taken apart a few hundred at a time.
pub(super) struct Users<'a>(Vec<&'a RawValue>);

impl<'a> Users<'a> {
    /// Reads where one user ends and the next begins.
    ///
    /// # Errors
    /// 400 when this is no list.
    pub(super) fn read(raw: Option<&'a Raw>) -> Result<Self, HttpError> {
        raw.map_or(Ok(Self(Vec::new())), |raw| {
            serde_json::from_str(raw.text())
                .map(Self)
                .map_err(|_| unreadable())
        })
    }

    pub(super) fn chunks(
        &self,
    ) -> impl Iterator<Item = Result<Vec<UserRepresentation>, HttpError>> {
        self.0.chunks(CHUNK).map(|chunk| {
            chunk
                .iter()
                .map(|raw| serde_json::from_str(raw.get()).map_err(|_| unreadable()))
                .collect()
        })
    }
}
