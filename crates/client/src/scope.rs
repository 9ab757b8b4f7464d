//! Client scopes: protocol mappers and roles that tokens of several clients have in common. A client has some always
//! (default) and some when it asks (optional). What a scope does to a token is its protocol's business.

pub mod link;
pub mod mapping;
mod sql;

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use store::text::storable;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Error, Made, Mapper, ProtocolMapperRepresentation, Result, Texts, mapper, rep};

pub use sql::{create, delete, find, insert_many, known, list, update};

/// Client scopes of a realm that one listing gives at most.
pub const MAX_LISTED: i64 = 10_000;
/// The scope of clients that have a service account.
pub const SERVICE_ACCOUNT: &str = "service_account";

const MAX_NAME: usize = 255;
const MAX_TEXT: usize = 4000;
const MAX_ATTRIBUTES: usize = 100;

/// ClientScopeRepresentation, member for member as Keycloak 26.7.3 reads and writes it; unlike most it passes over unknown
/// members.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
#[expect(
    missing_docs,
    reason = "the members are Keycloak's own and carry their meaning in the name"
)]
pub struct ClientScopeRepresentation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// A null takes an attribute away; an empty text is one.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "rep::text_values"
    )]
    pub attributes: Option<BTreeMap<String, Option<String>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol_mappers: Option<Vec<ProtocolMapperRepresentation>>,
}

/// A client scope with its protocol mappers.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct ClientScope {
    /// Its id.
    pub id: Uuid,
    /// Unique in its realm; what `scope` in a request names.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// The protocol whose clients may have it.
    pub protocol: String,
    /// Free for the administrator, but for those that its protocol reads.
    #[sqlx(json)]
    pub attributes: Texts,
    /// By name.
    #[sqlx(json)]
    pub mappers: Vec<Mapper>,
}

/// Roles by name, each with its client's clientId or none.
pub type Roles = HashSet<(Option<String>, String)>;

/// A client scope as tokens need it.
#[derive(Debug)]
pub struct KnownScope {
    /// The scope.
    pub scope: ClientScope,
    /// The roles that it lets into tokens, and all that these contain. Empty: it asks for none of its user.
    pub roles: Roles,
    /// What its protocol makes of its mappers.
    pub made: Made,
}

impl ClientScope {
    /// A scope that is not stored yet, with a new id where none is given.
    ///
    /// # Errors
    /// [`Error::Invalid`] in Keycloak's words without a usable name, and over a bound.
    pub fn from_rep(rep: &ClientScopeRepresentation) -> Result<Self> {
        let id = match rep.id.as_deref().filter(|id| !id.is_empty()) {
            None => Uuid::new_v4(),
            Some(id) => Uuid::try_parse(id)
                .map_err(|_| Error::Invalid("id of a client scope: not a UUID".to_owned()))?,
        };
        let mappers = rep.protocol_mappers.as_deref().unwrap_or_default();
        let scope = Self {
            id,
            name: rep.name.clone().unwrap_or_default(),
            description: rep.description.clone(),
            protocol: rep.protocol.clone().unwrap_or_default(),
            attributes: merged(Texts::new(), rep),
            mappers: mappers
                .iter()
                .map(Mapper::from_rep)
                .collect::<Result<_>>()?,
        };
        scope.check()?;
        Ok(scope)
    }

    /// The scope after a change as Keycloak makes it: absent members stay, attributes are merged name by name, mappers
    /// are not read.
    ///
    /// # Errors
    /// As [`ClientScope::from_rep`].
    pub fn merged(&self, change: &ClientScopeRepresentation) -> Result<Self> {
        let after = Self {
            id: self.id,
            name: change.name.clone().unwrap_or_default(),
            description: change.description.clone().or(self.description.clone()),
            protocol: change.protocol.clone().unwrap_or(self.protocol.clone()),
            attributes: merged(self.attributes.clone(), change),
            mappers: self.mappers.clone(),
        };
        after.check()?;
        Ok(after)
    }

    /// As the admin API shows it.
    #[must_use]
    pub fn to_rep(&self) -> ClientScopeRepresentation {
        let mappers: Vec<_> = self.mappers.iter().map(Mapper::to_rep).collect();
        let attributes = self.attributes.clone().into_iter();
        ClientScopeRepresentation {
            id: Some(self.id.to_string()),
            name: Some(self.name.clone()),
            description: self.description.clone(),
            protocol: Some(self.protocol.clone()),
            attributes: Some(
                attributes
                    .map(|(name, value)| (name, Some(value)))
                    .collect(),
            ),
            protocol_mappers: Some(mappers).filter(|mappers| !mappers.is_empty()),
        }
    }

    /// An attribute.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    fn check(&self) -> Result<()> {
        let fits = |text: &str, max| storable(text) && text.chars().count() <= max;
        // RFC 6749 §3.3: what a scope in a request may consist of.
        let named = |c: char| c.is_ascii_graphic() && c != '"' && c != '\\';
        let problem = if self.name.is_empty()
            || self.name.len() > MAX_NAME
            || !self.name.chars().all(named)
        {
            format!("Unexpected name \"{}\" for ClientScope", self.name)
        } else if !fits(&self.protocol, MAX_NAME) || self.protocol.is_empty() {
            "Unexpected protocol".to_owned()
        } else if !self
            .description
            .as_deref()
            .is_none_or(|text| fits(text, MAX_TEXT))
        {
            format!("description: at most {MAX_TEXT} characters")
        } else if self.attributes.len() > MAX_ATTRIBUTES
            || !self
                .attributes
                .iter()
                .all(|(name, value)| fits(name, MAX_NAME) && fits(value, MAX_TEXT))
        {
            format!(
                "attributes: at most {MAX_ATTRIBUTES} entries, names of {MAX_NAME} and values of {MAX_TEXT} characters"
            )
        } else {
            return mapper::fit(&self.mappers);
        };
        Err(Error::Invalid(problem))
    }
}

fn merged(mut attributes: Texts, change: &ClientScopeRepresentation) -> Texts {
    for (name, value) in change.attributes.iter().flatten() {
        match value {
            Some(value) => attributes.insert(name.clone(), value.clone()),
            None => attributes.remove(name),
        };
    }
    attributes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ClientScope> {
        ClientScope::from_rep(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn members_are_written_in_keycloaks_order_and_absent_ones_not_at_all() {
        let text = r#"{"id":"31dcb656-db2f-4001-922d-b1e216912d3c","name":"s","description":"d","protocol":"p","attributes":{"a":"","b":"c"},"protocolMappers":[{"id":"31dcb656-db2f-4001-922d-b1e216912d3d","name":"m","protocol":"p","protocolMapper":"t","consentRequired":false,"config":{}}]}"#;
        assert_eq!(
            serde_json::to_string(&read(text).unwrap().to_rep()).unwrap(),
            text
        );
        let bare = read(r#"{"name":"s","protocol":"p"}"#).unwrap().to_rep();
        let shown = serde_json::to_string(&ClientScopeRepresentation { id: None, ..bare }).unwrap();
        assert_eq!(shown, r#"{"name":"s","protocol":"p","attributes":{}}"#);
    }

    #[test]
    fn a_name_is_what_a_request_can_ask_for() {
        for name in ["a/b:*", "7", "~!#", "register"] {
            let text = serde_json::json!({ "name": name, "protocol": "p" }).to_string();
            assert!(read(&text).is_ok(), "{name}");
        }
        for name in ["", "a b", "a\"b", "a\\b", "ä", "a\tb", &"x".repeat(256)] {
            let text = serde_json::json!({ "name": name, "protocol": "p" }).to_string();
            let said = read(&text).unwrap_err().to_string();
            assert_eq!(said, format!("Unexpected name \"{name}\" for ClientScope"));
        }
    }

    #[test]
    fn a_change_merges_attributes_and_reads_no_mappers() {
        let before = read(
            r#"{"name":"s","protocol":"p","description":"d","attributes":{"a":"1","b":"2"},"protocolMappers":[{"name":"m","protocol":"p","protocolMapper":"t"}]}"#,
        )
        .unwrap();
        let change = serde_json::from_str(
            r#"{"name":"s2","attributes":{"a":null,"b":"","c":3},"protocolMappers":[]}"#,
        )
        .unwrap();
        let after = before.merged(&change).unwrap();
        assert_eq!(
            (after.name.as_str(), after.description.as_deref()),
            ("s2", Some("d"))
        );
        let expected = [("b", ""), ("c", "3")];
        assert_eq!(
            after.attributes,
            expected.map(|(n, v)| (n.to_owned(), v.to_owned())).into()
        );
        assert_eq!(after.mappers, before.mappers);
        assert!(
            before
                .merged(&ClientScopeRepresentation::default())
                .is_err()
        );
    }

    #[test]
    fn every_member_has_a_bound() {
        let long = "x".repeat(4001);
        let many: BTreeMap<_, _> = (0..101).map(|n| (n.to_string(), "x")).collect();
        for (member, value) in [
            ("id", serde_json::json!("seven")),
            ("protocol", serde_json::json!("x".repeat(256))),
            ("protocol", serde_json::json!("")),
            ("description", serde_json::json!(long)),
            ("description", serde_json::json!("\0")),
            ("attributes", serde_json::json!({ "a": long })),
            ("attributes", serde_json::json!(many)),
            ("protocolMappers", serde_json::json!([{}])),
        ] {
            let mut rep = serde_json::json!({ "name": "s", "protocol": "p" });
            rep[member] = value;
            assert!(read(&rep.to_string()).is_err(), "{member}");
        }
    }
}
