//! What may not be written, said before anything is.

use realm::{MASTER, RealmRepresentation};
use serde_json::Value;
use user::WriteError;

use crate::HttpError;
use crate::login::remembered;

/// Members of a realm file that are too important to be dropped in silence.
const AREAS: [(&str, &str); 3] = [
    ("organizations", "organizations"),
    ("federatedUsers", "user federation"),
    ("userFederationProviders", "user federation"),
];

/// The flows that a realm can name; every realm has these.
const FLOWS: [&str; 7] = [
    "browser",
    "direct grant",
    "registration",
    "reset credentials",
    "clients",
    "first broker login",
    "docker auth",
];

fn unreadable() -> HttpError {
    HttpError::oauth(400, "unknown_error", "Cannot parse the JSON")
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
        return Err(unreadable());
    }
    let seconds = [
        ("accessTokenLifespan", rep.access_token_lifespan, 1),
        ("ssoSessionIdleTimeout", rep.sso_session_idle_timeout, 1),
        ("ssoSessionMaxLifespan", rep.sso_session_max_lifespan, 1),
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
    let failures = [
        ("Failure factor", rep.failure_factor),
        ("Wait increment seconds", rep.wait_increment_seconds),
        ("Maximum failure wait seconds", rep.max_failure_wait_seconds),
        ("Maximum delta time seconds", rep.max_delta_time_seconds),
        (
            "Minimum quick login wait seconds",
            rep.minimum_quick_login_wait_seconds,
        ),
        (
            "Quick login check milliseconds",
            rep.quick_login_check_milli_seconds,
        ),
        ("Maximum temporary lockouts", rep.max_temporary_lockouts),
        (
            "Maximum secondary authentication failures",
            rep.max_secondary_auth_failures,
        ),
    ];
    for (label, value) in failures {
        if value.is_some_and(|value| value < 0) {
            return message(&format!("{label} may not be a negative value"));
        }
        if value.is_some_and(|value| value > i64::from(i32::MAX)) {
            return message(&format!("{label} may be {} at most", i32::MAX));
        }
    }
    for (name, value, least) in seconds {
        if value.is_some_and(|value| value < least || value > i64::from(i32::MAX)) {
            return message(&format!("{name} is a number from {least} to {}", i32::MAX));
        }
    }
    let seconds = (rep.attributes.as_ref()).and_then(|all| all.get(remembered::SECONDS));
    if seconds.is_some_and(|value| !remembered::is_valid(value)) {
        return message(&format!(
            "{} is a number from 0 to {}",
            remembered::SECONDS,
            remembered::MAX_SECONDS
        ));
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
    let flows = [
        &rep.browser_flow,
        &rep.registration_flow,
        &rep.direct_grant_flow,
        &rep.reset_credentials_flow,
        &rep.client_authentication_flow,
        &rep.docker_authentication_flow,
        &rep.first_broker_login_flow,
    ];
    if let Some(unknown) = flows
        .into_iter()
        .flatten()
        .find(|flow| !FLOWS.contains(&flow.as_str()))
    {
        return message(&format!(
            "There is no authentication flow {unknown}, and none can be made on this server"
        ));
    }
    let attributes = rep.attributes.as_ref();
    if attributes.is_some_and(|a| a.values().any(|v| v.is_array() || v.is_object())) {
        return Err(unreadable());
    }
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
    for (member, list) in [
        ("clientProfiles", "profiles"),
        ("clientPolicies", "policies"),
    ] {
        let list = members.get(member).and_then(|member| member.get(list));
        if list
            .and_then(Value::as_array)
            .is_some_and(|list| !list.is_empty())
        {
            return Err(HttpError::plain(
                501,
                "client policies is not available on this server",
            ));
        }
    }
    if rep.admin_permissions_enabled == Some(true) {
        return Err(HttpError::plain(
            501,
            "fine-grained admin permissions is not available on this server",
        ));
    }
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

/// Refuses components of a realm file that would be missed: key providers and the user profile are read, and what only
/// says who may register clients has nothing to say on a server where nobody can.
///
/// # Errors
/// 501 for users that are kept elsewhere; 400 for a kind of component that Keycloak does not have either.
pub(super) fn refuse_components(rep: &RealmRepresentation) -> Result<(), HttpError> {
    const USER_STORAGE: &str = "org.keycloak.storage.UserStorageProvider";
    const KNOWN: [&str; 3] = [
        realm::component::KEY_PROVIDER,
        realm::user_profile::PROVIDER,
        "org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy",
    ];
    let kinds = rep.components.as_ref().and_then(Value::as_object);
    for (kind, list) in kinds.into_iter().flatten() {
        let empty = list.as_array().is_some_and(Vec::is_empty);
        if empty || KNOWN.contains(&kind.as_str()) {
            continue;
        }
        return Err(if kind == USER_STORAGE {
            HttpError::plain(501, "user federation is not available on this server")
        } else {
            HttpError::plain(400, "Invalid provider type or no such provider")
        });
    }
    Ok(())
}
