//! Realm and client roles, and what they are composed of.

mod sql;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Error, Realm, Result};

pub use sql::{
    add_composites, all, composites, create, delete, expand, find, find_by_name, find_many,
    insert_composites, insert_many, list, remove_composites, update,
};

/// Roles that one listing gives at most.
pub const MAX_LISTED: i64 = 10_000;
const MAX_NAME: usize = 255;
const MAX_DESCRIPTION: usize = 4000;
const MAX_ATTRIBUTES: usize = 100;
const MAX_VALUES: usize = 100;
const MAX_VALUE: usize = 4000;

/// Attributes of a role: each name has a list of values.
pub type Attributes = BTreeMap<String, Vec<String>>;

/// A role of a realm, or of a client when `client_id` is set.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Role {
    /// Its id.
    pub id: Uuid,
    /// The client that it belongs to (its uuid); none for a realm role.
    pub client_id: Option<Uuid>,
    /// Unique among the realm roles, or the roles of its client.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// Whether it contains other roles.
    pub composite: bool,
    /// Free for the administrator.
    #[sqlx(json)]
    pub attributes: Attributes,
}

/// A role that is not stored yet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewRole {
    /// Chosen by the caller, so that composites can name it.
    pub id: Uuid,
    /// The client that it belongs to (its uuid); none for a realm role.
    pub client_id: Option<Uuid>,
    /// Unique among the realm roles, or the roles of its client.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// Free for the administrator.
    pub attributes: Attributes,
}

/// RoleRepresentation, member for member as Keycloak 26.7.3 reads and writes it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[expect(
    missing_docs,
    reason = "the members are Keycloak's own and carry their meaning in the name"
)]
pub struct RoleRepresentation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope_param_required: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub composite: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub composites: Option<Composites>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_role: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Attributes>,
}

/// What a role is composed of, by name; in imports and exports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Composites {
    /// Names of realm roles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub realm: Option<Vec<String>>,
    /// Names of client roles by clientId.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<BTreeMap<String, Vec<String>>>,
    /// The old name of `client`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<BTreeMap<String, Vec<String>>>,
}

/// Which roles of a composite are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// All.
    All,
    /// Realm roles.
    Realm,
    /// Roles of this client (its uuid).
    Client(Uuid),
}

impl Role {
    /// As the admin API shows it; `brief` leaves out the attributes.
    #[must_use]
    pub fn to_rep(&self, realm: &Realm, brief: bool) -> RoleRepresentation {
        RoleRepresentation {
            id: Some(self.id.to_string()),
            name: Some(self.name.clone()),
            description: self.description.clone(),
            composite: Some(self.composite),
            client_role: Some(self.client_id.is_some()),
            container_id: Some(
                self.client_id
                    .map_or_else(|| realm.public_id.clone(), |id| id.to_string()),
            ),
            attributes: (!brief).then(|| self.attributes.clone()),
            ..RoleRepresentation::default()
        }
    }

    /// Takes over a changed representation as Keycloak does: an absent name or absent attributes stay, an absent
    /// description goes.
    pub fn apply(&mut self, rep: &RoleRepresentation) {
        if let Some(name) = &rep.name {
            self.name.clone_from(name);
        }
        self.description.clone_from(&rep.description);
        if rep.attributes.is_some() {
            self.attributes = attributes_of(rep);
        }
    }
}

/// Without those that have no value.
fn attributes_of(rep: &RoleRepresentation) -> Attributes {
    let mut attributes = rep.attributes.clone().unwrap_or_default();
    attributes.retain(|_, values| !values.is_empty());
    attributes
}

impl NewRole {
    /// A role as a representation describes it, with a new id.
    ///
    /// # Errors
    /// [`Error::Invalid`] `role has no name`.
    pub fn from_rep(client_id: Option<Uuid>, rep: &RoleRepresentation) -> Result<Self> {
        let name = rep.name.clone().filter(|name| !name.is_empty());
        Ok(Self {
            id: Uuid::new_v4(),
            client_id,
            name: name.ok_or_else(|| Error::Invalid("role has no name".to_owned()))?,
            description: rep.description.clone(),
            attributes: attributes_of(rep),
        })
    }
}

fn check(name: &str, description: Option<&str>, attributes: &Attributes) -> Result<()> {
    let clean = |text: &str, max| store::text::storable(text) && text.chars().count() <= max;
    let problem = if name.is_empty() {
        "role has no name".to_owned()
    } else if !clean(name, MAX_NAME) || name.chars().any(char::is_control) {
        format!("A role name has at most {MAX_NAME} characters and no control characters")
    } else if !description.is_none_or(|text| clean(text, MAX_DESCRIPTION)) {
        format!("A role description has at most {MAX_DESCRIPTION} characters")
    } else if attributes.len() > MAX_ATTRIBUTES
        || attributes.iter().any(|(name, values)| {
            !clean(name, MAX_NAME)
                || values.len() > MAX_VALUES
                || values.iter().any(|value| !clean(value, MAX_VALUE))
        })
    {
        format!(
            "A role has at most {MAX_ATTRIBUTES} attributes with {MAX_VALUES} values of {MAX_VALUE} characters each"
        )
    } else {
        return Ok(());
    };
    Err(Error::Invalid(problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_without_attributes_keeps_them_and_without_description_drops_it() {
        let mut role = Role {
            id: Uuid::nil(),
            client_id: None,
            name: "puller".to_owned(),
            description: Some("d".to_owned()),
            composite: false,
            attributes: [("a".to_owned(), vec!["b".to_owned()])].into(),
        };
        role.apply(&serde_json::from_str(r#"{"name":"p2"}"#).unwrap());
        assert_eq!(
            (role.name.as_str(), role.description.as_deref()),
            ("p2", None)
        );
        assert_eq!(role.attributes["a"], ["b"]);
        role.apply(&serde_json::from_str(r#"{"attributes":{"e":[]}}"#).unwrap());
        assert_eq!((role.name.as_str(), role.attributes.len()), ("p2", 0));
    }

    #[test]
    fn a_role_without_a_name_is_refused_in_keycloaks_words() {
        let error = NewRole::from_rep(None, &RoleRepresentation::default()).unwrap_err();
        assert_eq!(error.to_string(), "role has no name");
    }

    #[test]
    fn texts_that_postgres_or_memory_cannot_take_are_refused() {
        let none = Attributes::new();
        assert!(check("a/b ✓", Some("d"), &none).is_ok());
        assert!(check("nul\0", None, &none).is_err());
        assert!(check("line\nbreak", None, &none).is_err());
        assert!(check(&"x".repeat(256), None, &none).is_err());
        assert!(check("x", Some("\0"), &none).is_err());
        assert!(
            check(
                "x",
                None,
                &[("a".to_owned(), vec!["v".repeat(4001)])].into()
            )
            .is_err()
        );
        assert!(
            check(
                "x",
                None,
                &(0..101).map(|n| (n.to_string(), vec![])).collect()
            )
            .is_err()
        );
    }

    #[test]
    fn an_unknown_member_of_a_representation_is_an_error() {
        let error =
            serde_json::from_str::<RoleRepresentation>(r#"{"name":"x","nope":1}"#).unwrap_err();
        assert!(error.to_string().contains("nope"), "{error}");
    }
}
