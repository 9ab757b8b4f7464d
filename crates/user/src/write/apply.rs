//! What a representation makes of a user.

use realm::Realm;
use serde_json::Value;

use crate::credential::UPDATE_PASSWORD;
use crate::profile::{self, Right};
use crate::{FieldError, User, UserRepresentation, WriteError};

/// The required actions of Keycloak; others are dropped silently, as there.
const REQUIRED_ACTIONS: [&str; 14] = [
    UPDATE_PASSWORD,
    "UPDATE_PROFILE",
    "UPDATE_EMAIL",
    "VERIFY_EMAIL",
    "VERIFY_PROFILE",
    "CONFIGURE_TOTP",
    "CONFIGURE_RECOVERY_AUTHN_CODES",
    "TERMS_AND_CONDITIONS",
    "webauthn-register",
    "webauthn-register-passwordless",
    "delete_account",
    "delete_credential",
    "update_user_locale",
    "idp_link",
];

/// Whether there is a required action of this alias.
#[must_use]
pub fn is_required_action(alias: &str) -> bool {
    REQUIRED_ACTIONS.contains(&alias)
}

/// The user as the change makes it, checked.
pub(super) fn changed(
    user: &User,
    realm: &Realm,
    rep: &UserRepresentation,
) -> Result<User, WriteError> {
    let mut changed = user.clone();
    let mut errors = apply(&mut changed, realm, rep, false);
    let editable =
        realm.settings.edit_username_allowed || realm.settings.registration_email_as_username;
    if rep
        .username
        .as_deref()
        .is_some_and(|name| name.trim().is_empty())
    {
        return Err(WriteError::MissingUsername);
    }
    if changed.username != user.username && (!editable || user.service_account_client.is_some()) {
        errors.push(read_only("username"));
    }
    check(&changed, realm, errors)?;
    Ok(changed)
}

fn read_only(name: &str) -> FieldError {
    FieldError::new(name, "error-user-attribute-read-only", &[])
}

/// Checks a user as the admin API writes it; `errors`: what is known to be wrong already.
pub(super) fn check(user: &User, realm: &Realm, errors: Vec<FieldError>) -> Result<(), WriteError> {
    if user.service_account_client.is_some() {
        if !errors.is_empty() {
            return Err(WriteError::Validation(errors));
        }
        return profile::check_bounds(user);
    }
    if realm.settings.registration_email_as_username && user.email.is_none() {
        let error = FieldError::new("email", "error-user-attribute-required", &[]);
        return Err(WriteError::Validation(vec![error]));
    }
    profile::validate(realm, user, errors)
}

/// Takes over what the representation has. With `attributes` given they are the whole profile, as in Keycloak: an e-mail
/// address or a name that is in neither place goes. What administrators may not change stays, and is returned.
pub(super) fn apply(
    user: &mut User,
    realm: &Realm,
    rep: &UserRepresentation,
    import: bool,
) -> Vec<FieldError> {
    let mut errors = vec![];
    // An e-mail address stands in its own member only.
    let email = match (&rep.email, &rep.attributes) {
        (Some(email), _) => Some(Some(email.to_lowercase()).filter(|email| !email.is_empty())),
        (None, Some(_)) => Some(None),
        (None, None) => None,
    };
    let text = |member: &Option<String>, attribute: &str| -> Option<Option<String>> {
        let filled = |text: &String| Some(text.clone()).filter(|text| !text.trim().is_empty());
        match (member, &rep.attributes) {
            (Some(value), _) => Some(filled(value)),
            (None, Some(attributes)) => Some(
                attributes
                    .0
                    .get(attribute)
                    .and_then(|values| filled(values.first()?)),
            ),
            (None, None) => None,
        }
    };
    let free = import || user.service_account_client.is_some();
    let mut set = |kept: &mut Option<String>, value: Option<String>, name: &str| {
        let attribute = realm.user_profile.attribute(name);
        if free || attribute.is_some_and(|attribute| attribute.admin_edits()) {
            *kept = value;
        } else if attribute.is_some() && value.is_some() && *kept != value {
            errors.push(read_only(name));
        }
    };
    if let Some(email) = email {
        set(&mut user.email, email, "email");
    }
    if let Some(name) = text(&rep.first_name, "firstName") {
        set(&mut user.first_name, name, "firstName");
    }
    if let Some(name) = text(&rep.last_name, "lastName") {
        set(&mut user.last_name, name, "lastName");
    }
    let mail_name = realm.settings.registration_email_as_username
        && user.service_account_client.is_none()
        && !import;
    match &user.email {
        Some(email) if mail_name => user.username.clone_from(email),
        _ => {
            if let Some(name) = &rep.username {
                user.username = name.to_lowercase();
            }
        }
    }
    user.email_verified = rep.email_verified.unwrap_or(user.email_verified);
    user.enabled = rep.enabled.unwrap_or(user.enabled);
    if let Some(attributes) = &rep.attributes {
        let old = std::mem::take(&mut user.attributes);
        let right = |name: &str| match import {
            true => Right::Edit,
            false => profile::right(realm, user, name),
        };
        let mut new: serde_json::Map<String, Value> = old
            .iter()
            .filter(|(name, _)| right(name) != Right::Edit)
            .map(|(name, values)| (name.clone(), values.clone()))
            .collect();
        let given = attributes.0.iter();
        for (name, values) in given.filter(|(name, _)| !profile::COLUMNS.contains(&name.as_str())) {
            let values: Vec<&String> = values
                .iter()
                .filter(|value| import || !value.trim().is_empty())
                .collect();
            if right(name) == Right::Edit {
                if !values.is_empty() {
                    new.insert(
                        name.clone(),
                        Value::from(values.into_iter().cloned().collect::<Vec<_>>()),
                    );
                }
            } else if realm.user_profile.attribute(name).is_some()
                && !values.is_empty()
                && old
                    .get(name)
                    .map(profile::list)
                    .unwrap_or_default()
                    .iter()
                    .ne(values)
            {
                errors.push(read_only(name));
            }
        }
        user.attributes = new;
    }
    if let Some(actions) = &rep.required_actions {
        user.required_actions.clear();
        for action in actions {
            let known = REQUIRED_ACTIONS
                .iter()
                .find(|known| known.eq_ignore_ascii_case(action));
            if let Some(known) =
                known.filter(|known| !user.required_actions.iter().any(|have| have == *known))
            {
                user.required_actions.push((*known).to_owned());
            }
        }
    }
    errors
}

/// Gives a new user what the profile says for attributes that nobody gave it.
pub(super) fn defaults(user: &mut User, realm: &Realm) {
    for attribute in realm.user_profile.attributes.iter().flatten() {
        let (name, Some(value)) = (attribute.name(), &attribute.default_value) else {
            continue;
        };
        if !profile::COLUMNS.contains(&name) && !user.attributes.contains_key(name) {
            user.attributes
                .insert(name.to_owned(), Value::from(vec![value.clone()]));
        }
    }
}
