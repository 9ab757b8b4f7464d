//! UserRepresentation and CredentialRepresentation, member for member as Keycloak 26.7.3 reads and writes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;
use utoipa::ToSchema;

use crate::consent::UserConsentRepresentation;
use crate::{User, profile};

/// A user in JSON. Absent members are `None`; unknown ones are an error, as in Keycloak.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[expect(
    missing_docs,
    reason = "the members are Keycloak's own and carry their meaning in the name"
)]
pub struct UserRepresentation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Attributes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_profile_metadata: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    #[serde(rename = "self", skip_serializing_if = "Option::is_none")]
    pub self_: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_timestamp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub totp: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub federation_link: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Vec<CredentialRepresentation>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disableable_credential_types: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_actions: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub federated_identities: Option<Vec<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub realm_roles: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_roles: Option<BTreeMap<String, Vec<String>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_consents: Option<Vec<UserConsentRepresentation>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verifiable_credentials: Option<Vec<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issued_verifiable_credentials: Option<Vec<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application_roles: Option<BTreeMap<String, Vec<String>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub social_links: Option<Vec<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<String, bool>>)]
    pub access: Option<Access>,
}

/// A credential in JSON. The secret members are read, never written by [`crate::credential::Credential::to_rep`].
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[expect(
    missing_docs,
    reason = "the members are Keycloak's own and carry their meaning in the name"
)]
pub struct CredentialRepresentation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_date: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temporary: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hashed_salted_value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub salt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash_iterations: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counter: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digits: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<BTreeMap<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub federation_link: Option<String>,
}

impl std::fmt::Debug for CredentialRepresentation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the value, the hash or the secret.
        f.debug_struct("CredentialRepresentation")
            .field("type", &self.r#type)
            .finish_non_exhaustive()
    }
}

/// Attributes by name. Like Keycloak's reader it takes one text for a list of one, and drops nulls.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Attributes(pub BTreeMap<String, Vec<String>>);

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Values {
            One(String),
            Many(Vec<Option<String>>),
        }
        let read = BTreeMap::<String, Option<Values>>::deserialize(deserializer)?;
        Ok(Self(
            read.into_iter()
                .map(|(name, values)| {
                    let values = match values {
                        None => vec![],
                        Some(Values::One(value)) => vec![value],
                        Some(Values::Many(values)) => values.into_iter().flatten().collect(),
                    };
                    (name, values)
                })
                .collect(),
        ))
    }
}

/// What the caller may do with a user, in the order in which Keycloak says it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Access(Vec<(String, bool)>);

/// What the caller may do with users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "Keycloak's own names")]
pub struct Rights {
    pub view: bool,
    pub manage: bool,
    pub map_roles: bool,
    pub impersonate: bool,
}

impl Access {
    /// The six keys of a single user.
    #[must_use]
    pub fn single(rights: Rights) -> Self {
        Self(
            [
                ("manageGroupMembership", rights.manage),
                ("resetPassword", rights.manage),
                ("view", rights.view),
                ("mapRoles", rights.map_roles),
                ("impersonate", rights.impersonate),
                ("manage", rights.manage),
            ]
            .map(|(name, allowed)| (name.to_owned(), allowed))
            .into(),
        )
    }

    /// The five keys of a group.
    #[must_use]
    pub fn group(rights: Rights) -> Self {
        Self(
            [
                ("view", rights.view),
                ("viewMembers", rights.view),
                ("manageMembers", rights.manage),
                ("manage", rights.manage),
                ("manageMembership", rights.manage),
            ]
            .map(|(name, allowed)| (name.to_owned(), allowed))
            .into(),
        )
    }

    /// The one key of a user in a list.
    #[must_use]
    pub fn listed(rights: Rights) -> Self {
        Self(vec![("manage".to_owned(), rights.manage)])
    }
}

impl Serialize for Access {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, allowed)| (name, allowed)))
    }
}

impl<'de> Deserialize<'de> for Access {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Access;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a map of booleans")
            }
            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Access, A::Error> {
                let mut access = vec![];
                while let Some(entry) = map.next_entry()? {
                    access.push(entry);
                }
                Ok(Access(access))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

impl User {
    /// As `GET /users/{id}` and, with [`Access::listed`], `GET /users` show it.
    #[must_use]
    pub fn to_rep(&self, access: Option<Access>) -> UserRepresentation {
        let attributes = self.attribute_lists();
        UserRepresentation {
            attributes: (!attributes.is_empty()).then_some(Attributes(attributes)),
            totp: Some(self.totp),
            disableable_credential_types: Some(vec![]),
            required_actions: Some(self.required_actions.clone()),
            not_before: Some(self.not_before),
            ..self.to_brief_rep(access)
        }
    }

    /// As `GET /users?briefRepresentation=true` shows it.
    #[must_use]
    pub fn to_brief_rep(&self, access: Option<Access>) -> UserRepresentation {
        UserRepresentation {
            id: Some(self.id.to_string()),
            username: Some(self.username.clone()),
            first_name: self.first_name.clone(),
            last_name: self.last_name.clone(),
            email: self.email.clone(),
            email_verified: Some(self.email_verified),
            enabled: Some(self.enabled),
            created_timestamp: Some(self.created_timestamp),
            access,
            ..UserRepresentation::default()
        }
    }

    /// The attributes, typed: each name has a list of values.
    #[must_use]
    pub fn attribute_lists(&self) -> BTreeMap<String, Vec<String>> {
        self.attributes
            .iter()
            .map(|(name, values)| (name.clone(), profile::list(values)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Rights = Rights {
        view: true,
        manage: true,
        map_roles: true,
        impersonate: true,
    };

    fn user() -> User {
        User {
            id: uuid::Uuid::nil(),
            username: "bob".to_owned(),
            email: Some("bob@example.org".to_owned()),
            email_verified: true,
            first_name: Some("Bo".to_owned()),
            last_name: Some("B".to_owned()),
            enabled: true,
            created_timestamp: 5,
            ..User::default()
        }
    }

    #[test]
    fn a_single_user_is_written_as_recorded() {
        assert_eq!(
            serde_json::to_string(&user().to_rep(Some(Access::single(ALL)))).unwrap(),
            r#"{"id":"00000000-0000-0000-0000-000000000000","username":"bob","firstName":"Bo","lastName":"B","email":"bob@example.org","emailVerified":true,"enabled":true,"createdTimestamp":5,"totp":false,"disableableCredentialTypes":[],"requiredActions":[],"notBefore":0,"access":{"manageGroupMembership":true,"resetPassword":true,"view":true,"mapRoles":true,"impersonate":true,"manage":true}}"#
        );
    }

    #[test]
    fn a_user_in_a_brief_list_is_written_as_recorded() {
        let mut user = user();
        user.attributes
            .insert("a".to_owned(), serde_json::json!(["b"]));
        assert_eq!(
            serde_json::to_string(&user.to_brief_rep(Some(Access::listed(ALL)))).unwrap(),
            r#"{"id":"00000000-0000-0000-0000-000000000000","username":"bob","firstName":"Bo","lastName":"B","email":"bob@example.org","emailVerified":true,"enabled":true,"createdTimestamp":5,"access":{"manage":true}}"#
        );
        assert_eq!(user.to_rep(None).attributes.unwrap().0["a"], ["b"]);
    }

    #[test]
    fn what_was_written_can_be_read_back() {
        let rep = user().to_rep(Some(Access::single(ALL)));
        let text = serde_json::to_string(&rep).unwrap();
        assert_eq!(
            serde_json::from_str::<UserRepresentation>(&text).unwrap(),
            rep
        );
    }

    #[test]
    fn an_unknown_member_is_an_error_and_attributes_are_read_leniently() {
        let error =
            serde_json::from_str::<UserRepresentation>(r#"{"username":"q","nope":1}"#).unwrap_err();
        assert!(
            error.to_string().contains("unknown field `nope`"),
            "{error}"
        );
        let rep: UserRepresentation =
            serde_json::from_str(r#"{"attributes":{"a":"b","c":null,"d":[null,"e"]}}"#).unwrap();
        let attributes = rep.attributes.unwrap().0;
        assert_eq!(
            (
                &attributes["a"][..],
                attributes["c"].len(),
                &attributes["d"][..]
            ),
            (&["b".to_owned()][..], 0, &["e".to_owned()][..])
        );
    }

    #[test]
    fn a_credential_in_a_log_shows_no_secret() {
        let credential = CredentialRepresentation {
            value: Some("hush".to_owned()),
            ..Default::default()
        };
        assert!(!format!("{credential:?}").contains("hush"));
    }
}
