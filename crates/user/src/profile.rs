//! What a user's own data may look like: the rules of the realm's user profile, and the bounds of this server.

mod text;
mod validator;

use std::collections::BTreeMap;

use realm::Realm;
use realm::user_profile::{Attribute, UnmanagedAttributePolicy, UserProfile};
use serde_json::{Map, Value, json};

use crate::lockout::DISABLED_REASON;
use crate::{FieldError, User, UserRepresentation, WriteError};
use text::length;

/// Attributes that a user has at most.
pub const MAX_ATTRIBUTES: usize = 100;
/// Values that an attribute has at most.
pub const MAX_VALUES: usize = 100;
/// Characters of a value, as in Keycloak.
pub const MAX_VALUE: usize = 2048;
const MAX_LENGTH: usize = 255;

/// The attributes of a profile that have columns of their own.
pub(crate) const COLUMNS: [&str; 4] = ["username", "email", "firstName", "lastName"];
/// What nobody writes by way of an attribute, as in Keycloak.
const RESERVED: [&str; 6] = [
    "KERBEROS_PRINCIPAL",
    "LDAP_ID",
    "LDAP_ENTRY_DN",
    "CREATED_TIMESTAMP",
    "createTimestamp",
    "modifyTimestamp",
];

/// What administrators may do with an attribute.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    Edit,
    View,
    None,
}

/// What administrators may do with an attribute of a user. Service accounts keep every attribute, as in Keycloak.
pub(crate) fn right(realm: &Realm, user: &User, name: &str) -> Right {
    // It says why brute-force protection disabled the user, and goes when the user is enabled again.
    if name == DISABLED_REASON {
        return Right::None;
    }
    let (edits, views) = match realm.user_profile.attribute(name) {
        Some(attribute) => (attribute.admin_edits(), attribute.admin_views()),
        None if user.service_account_client.is_some() => (true, true),
        None => {
            use UnmanagedAttributePolicy::{AdminEdit, AdminView, Enabled};
            let policy = realm.user_profile.unmanaged_attribute_policy;
            let edits = matches!(policy, Some(Enabled | AdminEdit));
            (edits, edits || policy == Some(AdminView))
        }
    };
    match (edits, views) {
        (true, _) => Right::Edit,
        (false, true) => Right::View,
        (false, false) => Right::None,
    }
}

/// A representation of a user without what the profile hides from administrators.
#[must_use]
pub fn shown(realm: &Realm, user: &User, mut rep: UserRepresentation) -> UserRepresentation {
    if let Some(attributes) = &mut rep.attributes {
        let shown = |name: &str| right(realm, user, name) != Right::None;
        attributes.0.retain(|name, _| shown(name));
    }
    rep.attributes = rep.attributes.filter(|attributes| !attributes.0.is_empty());
    if user.service_account_client.is_none() {
        for (name, value) in [
            ("email", &mut rep.email),
            ("firstName", &mut rep.first_name),
            ("lastName", &mut rep.last_name),
        ] {
            let defined = realm.user_profile.attribute(name);
            if !defined.is_some_and(Attribute::admin_views) {
                *value = None;
            }
        }
    }
    rep
}

/// The attributes of a user that the profile does not list, as administrators see them.
#[must_use]
pub fn unmanaged(realm: &Realm, user: &User) -> BTreeMap<String, Vec<String>> {
    let mut attributes = user.attribute_lists();
    attributes.retain(|name, _| {
        realm.user_profile.attribute(name).is_none() && right(realm, user, name) != Right::None
    });
    attributes
}

/// Whether the user has all that the profile asks of users: e-mail address, first and last name, unless the realm says
/// otherwise. Asked of no service account.
#[must_use]
pub fn is_complete(realm: &Realm, user: &User) -> bool {
    let mut required = realm.user_profile.attributes.iter().flatten();
    user.service_account_client.is_some()
        || required
            .all(|attribute| !attribute.is_required("user") || !values(user, attribute).is_empty())
}

/// The names of what a user lacks of that, in the order of the profile.
#[must_use]
pub fn missing(realm: &Realm, user: &User) -> Vec<String> {
    let required = realm.user_profile.attributes.iter().flatten();
    required
        .filter(|attribute| attribute.is_required("user") && values(user, attribute).is_empty())
        .map(|attribute| attribute.name().to_owned())
        .collect()
}

/// What a user has of an attribute.
fn values(user: &User, attribute: &Attribute) -> Vec<String> {
    let column = |text: Option<&String>| text.cloned().into_iter().collect();
    match attribute.name() {
        "username" => vec![user.username.clone()],
        "email" => column(user.email.as_ref()),
        "firstName" => column(user.first_name.as_ref()),
        "lastName" => column(user.last_name.as_ref()),
        name => user.attributes.get(name).map(list).unwrap_or_default(),
    }
}

/// The values of a stored attribute.
pub(crate) fn list(values: &Value) -> Vec<String> {
    match values {
        Value::Array(values) => values
            .iter()
            .filter_map(|value| value.as_str().map(str::to_owned))
            .collect(),
        Value::String(value) => vec![value.clone()],
        _ => vec![],
    }
}

/// Checks a user as the admin API writes it.
///
/// # Errors
/// [`WriteError::MissingUsername`], [`WriteError::Validation`] with every problem, or [`WriteError::Limit`].
pub(crate) fn validate(
    realm: &Realm,
    user: &User,
    errors: Vec<FieldError>,
) -> Result<(), WriteError> {
    if user.username.trim().is_empty() {
        return Err(WriteError::MissingUsername);
    }
    let writes = |attribute: &Attribute| {
        right(realm, user, attribute.name()) == Right::Edit || attribute.name() == "username"
    };
    validate_as("admin", realm, user, writes, errors)
}

/// Checks a user as users write themselves; `writes`: what they may change.
///
/// # Errors
/// [`WriteError::Validation`] with every problem, or [`WriteError::Limit`].
pub(crate) fn validate_own(
    realm: &Realm,
    user: &User,
    writes: impl Fn(&Attribute) -> bool,
) -> Result<(), WriteError> {
    let mut errors = vec![];
    if user.username.trim().is_empty() {
        errors.push(FieldError::new(
            "username",
            "error-user-attribute-required",
            &[],
        ));
    }
    validate_as("user", realm, user, writes, errors)
}

fn validate_as(
    role: &str,
    realm: &Realm,
    user: &User,
    writes: impl Fn(&Attribute) -> bool,
    mut errors: Vec<FieldError>,
) -> Result<(), WriteError> {
    // A user name that is an e-mail address is checked as one.
    let mail_name = realm.settings.registration_email_as_username
        && user.email.as_ref() == Some(&user.username);
    for attribute in realm.user_profile.attributes.iter().flatten() {
        if writes(attribute) {
            let values = values(user, attribute);
            validator::check(role, attribute, &values, mail_name, &mut errors);
        }
    }
    for (name, values) in user.attribute_lists() {
        if RESERVED.contains(&name.as_str()) {
            errors.push(FieldError::new(
                &name,
                "updateReadOnlyAttributesRejectedMessage",
                &[],
            ));
        }
        if values.iter().any(|value| length(value) > MAX_VALUE) {
            let bounds = [0.into(), MAX_VALUE.into()];
            errors.push(FieldError::new(&name, "error-invalid-length", &bounds));
        }
    }
    if !errors.is_empty() {
        return Err(WriteError::Validation(errors));
    }
    check_bounds(user)
}

/// Checks what the database and memory can take; all that an import is asked for, as in Keycloak.
///
/// # Errors
/// [`WriteError::MissingUsername`], [`WriteError::Limit`].
pub(crate) fn check_bounds(user: &User) -> Result<(), WriteError> {
    if user.username.trim().is_empty() {
        return Err(WriteError::MissingUsername);
    }
    let names = [
        Some(&user.username),
        user.email.as_ref(),
        user.first_name.as_ref(),
        user.last_name.as_ref(),
    ];
    for name in names.into_iter().flatten() {
        // A service account's name is longer than its client's.
        if length(name) > 2 * MAX_LENGTH || name.chars().any(char::is_control) {
            return Err(WriteError::Limit(format!(
                "User names, e-mail addresses and names have at most {MAX_LENGTH} characters and no control characters"
            )));
        }
    }
    let attributes = user.attribute_lists();
    let fits = attributes.len() <= MAX_ATTRIBUTES
        && attributes.iter().all(|(name, values)| {
            length(name) <= MAX_LENGTH
                && store::text::storable(name)
                && values.len() <= MAX_VALUES
                && values
                    .iter()
                    .all(|value| length(value) <= MAX_VALUE && store::text::storable(value))
        });
    if fits {
        return Ok(());
    }
    Err(WriteError::Limit(format!(
        "A user has at most {MAX_ATTRIBUTES} attributes with {MAX_VALUES} values of {MAX_VALUE} characters each"
    )))
}

/// What is wrong with a profile that a realm is to have, in Keycloak's words; `scopes`: the realm's client scopes.
#[must_use]
pub fn check_config(profile: &UserProfile, scopes: &[String]) -> Vec<String> {
    let mut problems = profile.check(Some(scopes));
    if problems.is_empty() {
        for attribute in profile.attributes.iter().flatten() {
            let Some(default) = &attribute.default_value else {
                continue;
            };
            let mut errors = vec![];
            let values = std::slice::from_ref(default);
            validator::check("admin", attribute, values, false, &mut errors);
            if !errors.is_empty() {
                problems.push(format!(
                    "Default value for attribute '{}' is invalid",
                    attribute.name()
                ));
            }
        }
    }
    problems
}

/// What forms make of a profile, for administrators; `fixed_name`: the user is there already, and keeps its name.
#[must_use]
pub fn metadata(realm: &Realm, fixed_name: bool) -> Value {
    let profile = &realm.user_profile;
    let shown = profile.attributes.iter().flatten();
    let attributes: Vec<Value> = shown
        .filter(|attribute| attribute.admin_views())
        .map(|attribute| {
            let name = attribute.name();
            let fixed = name == "username" && fixed_name && !realm.settings.edit_username_allowed;
            let mut shown = Map::new();
            shown.insert("name".to_owned(), json!(name));
            shown.insert(
                "displayName".to_owned(),
                json!(attribute.display_name.as_deref().unwrap_or(name)),
            );
            let required = name == "username" || attribute.is_required("admin");
            shown.insert("required".to_owned(), json!(required));
            let read_only = fixed || !attribute.admin_edits();
            shown.insert("readOnly".to_owned(), json!(read_only));
            if let Some(annotations) = &attribute.annotations {
                shown.insert("annotations".to_owned(), json!(annotations));
            }
            shown.insert("validators".to_owned(), validators(attribute));
            if let Some(group) = &attribute.group {
                shown.insert("group".to_owned(), json!(group));
            }
            shown.insert("multivalued".to_owned(), json!(attribute.multivalued));
            if let Some(value) = &attribute.default_value {
                shown.insert("defaultValue".to_owned(), json!(value));
            }
            Value::Object(shown)
        })
        .collect();
    json!({ "attributes": attributes, "groups": profile.groups })
}

fn validators(attribute: &Attribute) -> Value {
    let mut validators = Map::new();
    if !attribute.multivalued {
        validators.insert("multivalued".to_owned(), json!({ "max": "1" }));
    }
    for (id, config) in attribute.validations.iter().flatten() {
        let mut config = config.as_object().cloned().unwrap_or_default();
        config.insert("ignore.empty.value".to_owned(), json!(true));
        validators.insert(id.clone(), Value::Object(config));
    }
    Value::Object(validators)
}

/// Whether a text may be a user name or an e-mail address at all: what is not need not be looked up.
pub(crate) fn may_be_name(text: &str) -> bool {
    !text.is_empty() && length(text) <= 2 * MAX_LENGTH && store::text::storable(text)
}
