//! What a representation makes of a user.

use realm::Realm;
use serde_json::{Map, Value};

use crate::credential::UPDATE_PASSWORD;
use crate::{FieldError, User, UserRepresentation, WriteError, profile};

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

/// The user as the change makes it, checked.
pub(super) fn changed(
    user: &User,
    realm: &Realm,
    rep: &UserRepresentation,
) -> Result<User, WriteError> {
    let mut changed = user.clone();
    apply(&mut changed, realm, rep, false);
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
        let error = FieldError::new("username", "error-user-attribute-read-only", &[]);
        return Err(WriteError::Validation(vec![error]));
    }
    if user.service_account_client.is_some() {
        profile::check_bounds(&changed)?;
    } else {
        check(&changed, realm)?;
    }
    Ok(changed)
}

/// Checks a user as the admin API writes it.
pub(super) fn check(user: &User, realm: &Realm) -> Result<(), WriteError> {
    if realm.settings.registration_email_as_username && user.email.is_none() {
        let error = FieldError::new("email", "error-user-attribute-required", &[]);
        return Err(WriteError::Validation(vec![error]));
    }
    profile::validate(realm, user)
}

/// Takes over what the representation has. With `attributes` given they are the whole profile, as in Keycloak: an e-mail
/// address or a name that is in neither place goes.
pub(super) fn apply(user: &mut User, realm: &Realm, rep: &UserRepresentation, import: bool) {
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
    if let Some(email) = text(&rep.email, "email") {
        user.email = email.map(|email| email.to_lowercase());
    }
    if let Some(name) = text(&rep.first_name, "firstName") {
        user.first_name = name;
    }
    if let Some(name) = text(&rep.last_name, "lastName") {
        user.last_name = name;
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
    if let Some(attributes) = &rep.attributes
        && (import || profile::keeps_unmanaged(realm))
    {
        const OF_THE_PROFILE: [&str; 4] = ["username", "email", "firstName", "lastName"];
        let own = attributes.0.iter().filter(|(name, values)| {
            !OF_THE_PROFILE.contains(&name.as_str()) && !values.is_empty()
        });
        user.attributes = own
            .map(|(name, values)| (name.clone(), Value::from(values.clone())))
            .collect::<Map<_, _>>();
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
}
