//! A realm's user profile: which attributes users have, and the rules for each. Keycloak keeps it as a component.

mod check;
mod sql;

use std::sync::{Arc, LazyLock};

pub use check::compile;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
pub use sql::{describe, is_profile, store, text_of};
pub(crate) use sql::{insert, of_file, text};
use utoipa::ToSchema;

use crate::Result;

/// The `providerType` of the component.
pub const PROVIDER: &str = "org.keycloak.userprofile.UserProfileProvider";
/// Bytes of a profile: each node keeps those of its realms in memory.
pub const MAX_BYTES: usize = 256 * 1024;
const PROVIDER_ID: &str = "declarative-user-profile";
/// The member of its config: the profile as JSON in a text.
const CONFIG: &str = "kc.user.profile.config";

/// A user profile in JSON, Keycloak's `UPConfig`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schema(as = UPConfig)]
pub struct UserProfile {
    /// In the order of forms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Vec<Attribute>>,
    /// What forms put together.
    #[serde(deserialize_with = "null_is_default")]
    pub groups: Vec<Group>,
    /// What happens to attributes that are not listed; absent: they are neither taken nor shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unmanaged_attribute_policy: Option<UnmanagedAttributePolicy>,
}

/// Who may have attributes that the profile does not list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum UnmanagedAttributePolicy {
    /// Everybody sees and changes them.
    Enabled,
    /// Administrators see them.
    AdminView,
    /// Administrators see and change them.
    AdminEdit,
}

/// An attribute of users and its rules.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schema(as = UPAttribute)]
#[expect(missing_docs, reason = "the members are Keycloak's own")]
pub struct Attribute {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// By the validator's id; each has a config.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "validations"
    )]
    pub validations: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required: Option<Required>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Permissions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<Selector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub multivalued: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_value: Option<String>,
}

/// Of whom an attribute is required; without any role and scope of everybody.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = UPAttributeRequired)]
#[expect(missing_docs, reason = "the members are Keycloak's own")]
pub struct Required {
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional_set"
    )]
    pub roles: Option<Vec<String>>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional_set"
    )]
    pub scopes: Option<Vec<String>>,
}

/// Who sees and who changes an attribute: `admin`, `user`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = UPAttributePermissions)]
#[expect(missing_docs, reason = "the members are Keycloak's own")]
pub struct Permissions {
    #[serde(deserialize_with = "set")]
    pub view: Vec<String>,
    #[serde(deserialize_with = "set")]
    pub edit: Vec<String>,
}

/// In which scopes an attribute is asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = UPAttributeSelector)]
#[expect(missing_docs, reason = "the members are Keycloak's own")]
pub struct Selector {
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional_set"
    )]
    pub scopes: Option<Vec<String>>,
}

/// Attributes that forms put together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schema(as = UPGroup)]
#[expect(missing_docs, reason = "the members are Keycloak's own")]
pub struct Group {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_header: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Map<String, Value>>,
}

fn null_is_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Java's sets of these few words come out sorted.
fn optional_set<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<String>>, D::Error> {
    let mut words: Option<Vec<String>> = Option::deserialize(deserializer)?;
    if let Some(words) = &mut words {
        words.sort();
        words.dedup();
    }
    Ok(words)
}

fn set<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(optional_set(deserializer)?.unwrap_or_default())
}

/// Each config is an object; one that is null is no validator.
fn validations<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Map<String, Value>>, D::Error> {
    let read: Option<Map<String, Value>> = Option::deserialize(deserializer)?;
    let Some(mut read) = read else {
        return Ok(None);
    };
    read.retain(|_, config| !config.is_null());
    if read.values().all(Value::is_object) {
        Ok(Some(read))
    } else {
        Err(serde::de::Error::custom(
            "a validator's config is an object",
        ))
    }
}

impl UserProfile {
    /// Keycloak's default. The administrators of master need neither name nor address.
    #[must_use]
    pub fn default_of(realm: &str) -> Self {
        let mut profile: Self =
            serde_json::from_str(include_str!("user_profile.json")).unwrap_or_default();
        if realm == crate::MASTER {
            for attribute in profile.attributes.iter_mut().flatten() {
                attribute.required = None;
            }
        }
        profile
    }

    /// As it is stored; one that cannot be read (any more) is the default.
    pub(crate) fn read(realm: &str, stored: Option<&str>) -> Arc<Self> {
        static MASTER: LazyLock<Arc<UserProfile>> =
            LazyLock::new(|| Arc::new(UserProfile::default_of(crate::MASTER)));
        static OTHERS: LazyLock<Arc<UserProfile>> =
            LazyLock::new(|| Arc::new(UserProfile::default_of("")));
        match stored.and_then(|text| serde_json::from_str(text).ok()) {
            Some(profile) => Arc::new(profile),
            None if realm == crate::MASTER => Arc::clone(&MASTER),
            None => Arc::clone(&OTHERS),
        }
    }

    /// The attribute of this name.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes
            .iter()
            .flatten()
            .find(|attribute| attribute.name() == name)
    }

    /// What is wrong with it, in Keycloak's words; `scopes`: the realm's client scopes, where they are known.
    #[must_use]
    pub fn check(&self, scopes: Option<&[String]>) -> Vec<String> {
        check::check(self, scopes)
    }
}

impl Attribute {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    /// Whether administrators may change it.
    #[must_use]
    pub fn admin_edits(&self) -> bool {
        holds(self.permissions.as_ref().map(|p| &p.edit), "admin")
    }

    /// Whether administrators see it: what they may change they see.
    #[must_use]
    pub fn admin_views(&self) -> bool {
        self.admin_edits() || holds(self.permissions.as_ref().map(|p| &p.view), "admin")
    }

    /// Whether it has to have a value when somebody of this role (`admin`, `user`) writes a user.
    #[must_use]
    pub fn is_required(&self, role: &str) -> bool {
        self.required.as_ref().is_some_and(|required| {
            let any = |words: &Option<Vec<String>>| words.as_ref().is_some_and(|w| !w.is_empty());
            !any(&required.roles) && !any(&required.scopes) || holds(required.roles.as_ref(), role)
        })
    }
}

fn holds(words: Option<&Vec<String>>, word: &str) -> bool {
    words.is_some_and(|words| words.iter().any(|known| known == word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_read_and_written_as_keycloak_writes_it() {
        let text = include_str!("user_profile.json");
        let profile = UserProfile::default_of("r");
        assert_eq!(profile.attributes.as_ref().map(Vec::len), Some(4));
        let (read, known): (Value, Value) = (
            serde_json::to_value(&profile).unwrap(),
            serde_json::from_str(text).unwrap(),
        );
        assert_eq!(read, known);
        let email = profile.attribute("email").unwrap();
        assert!(email.is_required("user") && !email.is_required("admin") && email.admin_edits());
        let master = UserProfile::default_of(crate::MASTER);
        assert!(!master.attribute("email").unwrap().is_required("user"));
    }

    #[test]
    fn a_profile_that_cannot_be_read_is_the_default() {
        assert_eq!(
            *UserProfile::read("r", Some("{")),
            UserProfile::default_of("r")
        );
    }
}
