//! Groups, which nest: their attributes, roles and members, and those that every new user joins.

mod belonging;
mod member;
mod path;
mod sql;
mod tree;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::profile::{MAX_ATTRIBUTES, MAX_VALUE, MAX_VALUES};
use crate::rep::Access;
use crate::{Error, Result};

pub(crate) use belonging::groups_of_user;
pub use belonging::{Belonging, of_user};
pub(crate) use member::join_by_path;
pub use member::{
    add_default, count_of_user, default_groups, default_paths, join, known, leave, list_of_user,
    members, remove_default, set_default,
};
pub use path::{find_by_path, find_by_paths};
pub use realm::role::Attributes;
pub use sql::{
    Search, Where, count, create, delete, find, list, list_with_role, move_to, role_ids, update,
    with_all_below,
};
pub use tree::{export_tree, insert_tree, role_names, with_ancestors};

/// Groups that one listing gives at most.
pub const MAX_LISTED: i64 = 10_000;
/// How deep groups nest at most. A realm file holds them within each other, and JSON may nest 64 deep.
pub const MAX_DEPTH: usize = 30;
const MAX_NAME: usize = 255;
const MAX_DESCRIPTION: usize = 255;

/// A group.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Group {
    /// Its id.
    pub id: Uuid,
    /// The group that it is in; none at the top.
    pub parent_id: Option<Uuid>,
    /// Unique among its siblings.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// Free for the administrator.
    #[sqlx(json)]
    pub attributes: Attributes,
    /// A slash before each name from the top down. A slash in a name is not marked, as in Keycloak.
    pub path: String,
    /// How many groups are directly in it.
    pub sub_group_count: i64,
    /// The roles mapped to it directly: clientId or none, and name.
    #[sqlx(json)]
    roles: Vec<(Option<String>, String)>,
}

/// GroupRepresentation, member for member as Keycloak 26.7.3 reads and writes it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[expect(
    missing_docs,
    reason = "the members are Keycloak's own and carry their meaning in the name"
)]
pub struct GroupRepresentation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub_group_count: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub sub_groups: Option<Vec<GroupRepresentation>>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "attributes"
    )]
    pub attributes: Option<Attributes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub realm_roles: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_roles: Option<BTreeMap<String, Vec<String>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<String, bool>>)]
    pub access: Option<Access>,
}

/// Like Keycloak's reader it takes null for a list; nulls within one are dropped.
fn attributes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Attributes>, D::Error> {
    type Read = Option<BTreeMap<String, Option<Vec<Option<String>>>>>;
    let filled = |(name, values): (String, Option<Vec<Option<String>>>)| {
        let values: Vec<String> = values?.into_iter().flatten().collect();
        (!values.is_empty()).then_some((name, values))
    };
    Ok(Read::deserialize(deserializer)?.map(|read| read.into_iter().filter_map(filled).collect()))
}

impl Group {
    /// As the admin API shows it among others; `brief` leaves out attributes and roles.
    #[must_use]
    pub fn to_rep(&self, brief: bool) -> GroupRepresentation {
        let mut rep = GroupRepresentation {
            id: Some(self.id.to_string()),
            name: Some(self.name.clone()),
            description: self.description.clone(),
            path: Some(self.path.clone()),
            parent_id: self.parent_id.map(|id| id.to_string()),
            sub_groups: Some(Vec::new()),
            ..GroupRepresentation::default()
        };
        if !brief {
            let (mut realm, mut clients) = (Vec::new(), BTreeMap::<_, Vec<_>>::new());
            for (client, name) in self.roles.iter().cloned() {
                match client {
                    None => realm.push(name),
                    Some(client) => clients.entry(client).or_default().push(name),
                }
            }
            rep.attributes = Some(self.attributes.clone());
            rep.realm_roles = Some(realm);
            rep.client_roles = Some(clients);
        }
        rep
    }
}

/// The name of a representation.
///
/// # Errors
/// [`Error::Invalid`] `Group name is missing`.
pub fn name_of(rep: &GroupRepresentation) -> Result<&str> {
    let name = rep.name.as_deref().filter(|name| !name.trim().is_empty());
    name.ok_or_else(|| Error::Invalid("Group name is missing".to_owned()))
}

/// What is wrong with a group that somebody wants to write.
fn check(rep: &GroupRepresentation) -> Result<()> {
    let clean = |text: &str, max| store::text::storable(text) && text.chars().count() <= max;
    let name = name_of(rep)?;
    let too_many = |attributes: &Attributes| {
        attributes.len() > MAX_ATTRIBUTES
            || attributes.iter().any(|(name, values)| {
                !clean(name, MAX_NAME)
                    || values.len() > MAX_VALUES
                    || values.iter().any(|value| !clean(value, MAX_VALUE))
            })
    };
    let problem = if !clean(name, MAX_NAME) || name.chars().any(char::is_control) {
        format!("A group name has at most {MAX_NAME} characters and no control characters")
    } else if !rep
        .description
        .as_deref()
        .is_none_or(|text| clean(text, MAX_DESCRIPTION))
    {
        format!("A group description has at most {MAX_DESCRIPTION} characters")
    } else if rep.attributes.as_ref().is_some_and(too_many) {
        format!(
            "A group has at most {MAX_ATTRIBUTES} attributes with {MAX_VALUES} values of {MAX_VALUE} characters each"
        )
    } else {
        return Ok(());
    };
    Err(Error::Invalid(problem))
}

fn too_deep() -> Error {
    Error::Invalid(format!("Groups nest at most {MAX_DEPTH} deep"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group() -> Group {
        Group {
            id: Uuid::nil(),
            parent_id: None,
            name: "devs".to_owned(),
            description: Some("d".to_owned()),
            attributes: [("a".to_owned(), vec!["b".to_owned()])].into(),
            path: "/devs".to_owned(),
            sub_group_count: 2,
            roles: vec![
                (None, "puller".to_owned()),
                (Some("web".to_owned()), "c".to_owned()),
            ],
        }
    }

    #[test]
    fn a_group_is_written_as_recorded() {
        let mut rep = group().to_rep(false);
        rep.sub_group_count = Some(2);
        assert_eq!(
            serde_json::to_string(&rep).unwrap(),
            r#"{"id":"00000000-0000-0000-0000-000000000000","name":"devs","description":"d","path":"/devs","subGroupCount":2,"subGroups":[],"attributes":{"a":["b"]},"realmRoles":["puller"],"clientRoles":{"web":["c"]}}"#
        );
        assert_eq!(
            serde_json::to_string(&group().to_rep(true)).unwrap(),
            r#"{"id":"00000000-0000-0000-0000-000000000000","name":"devs","description":"d","path":"/devs","subGroups":[]}"#
        );
    }

    #[test]
    fn an_unknown_member_is_an_error_and_nulls_in_attributes_are_dropped() {
        let error =
            serde_json::from_str::<GroupRepresentation>(r#"{"name":"x","nope":1}"#).unwrap_err();
        assert!(error.to_string().contains("nope"), "{error}");
        assert!(
            serde_json::from_str::<GroupRepresentation>(r#"{"attributes":{"a":"b"}}"#).is_err()
        );
        let read = r#"{"attributes":{"a":null,"c":[null,"d"],"e":[]}}"#;
        let rep: GroupRepresentation = serde_json::from_str(read).unwrap();
        assert_eq!(
            rep.attributes,
            Some([("c".to_owned(), vec!["d".to_owned()])].into())
        );
    }

    #[test]
    fn what_the_database_or_a_reader_cannot_take_is_refused() {
        let named = |name: &str| GroupRepresentation {
            name: Some(name.to_owned()),
            ..GroupRepresentation::default()
        };
        assert!(check(&named("a/b ~ ✓")).is_ok());
        for bad in ["", "  ", "nul\0", "line\nbreak", &"x".repeat(256)] {
            assert!(check(&named(bad)).is_err(), "{bad:?}");
        }
        let described = GroupRepresentation {
            description: Some("x".repeat(256)),
            ..named("a")
        };
        assert!(check(&described).is_err());
        let long = [("a".to_owned(), vec!["v".repeat(MAX_VALUE + 1)])].into();
        let attributed = GroupRepresentation {
            attributes: Some(long),
            ..named("a")
        };
        assert!(check(&attributed).is_err());
    }
}
