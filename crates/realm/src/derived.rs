//! What one setting of a realm makes of another, as Keycloak has it.

use serde_json::{Map, Value, json};

use crate::RealmRepresentation;

/// Makes a change whole: e-mails that several users share are no names to log in with.
pub fn settle(change: &mut RealmRepresentation) {
    let on = Some(true);
    if change.duplicate_emails_allowed == on {
        change.login_with_email_allowed = Some(false);
        change.registration_email_as_username = Some(false);
    } else if change.login_with_email_allowed == on || change.registration_email_as_username == on {
        change.duplicate_emails_allowed = Some(false);
    }
}

/// Fills in what follows from settings that a realm file gives.
pub(crate) fn complete_new(settings: &mut RealmRepresentation, file: &RealmRepresentation) {
    let nothing = RealmRepresentation::default();
    let set = if file.attributes.is_some() {
        &nothing
    } else {
        file
    };
    complete(settings, &RealmRepresentation::defaults(), set);
}

/// Fills in what follows from settings, which are `old` with `change` laid over.
pub(crate) fn complete(
    settings: &mut RealmRepresentation,
    old: &RealmRepresentation,
    change: &RealmRepresentation,
) {
    // No feature of Keycloak's by which these could be on.
    settings.verifiable_credentials_enabled = Some(false);
    settings.scim_api_enabled = Some(false);
    settings.supported_locales = settings
        .supported_locales
        .take()
        .filter(|list| !list.is_empty());
    settings.password_policy = settings
        .password_policy
        .take()
        .filter(|policy| !policy.is_empty());
    if let Some(ssl) = &mut settings.ssl_required {
        *ssl = ssl.to_lowercase();
    }
    if let (Some(old), Some(headers)) = (
        &old.browser_security_headers,
        &mut settings.browser_security_headers,
    ) {
        for (name, value) in old {
            headers.entry(name).or_insert_with(|| value.clone());
        }
    }
    settings.otp_supported_applications = Some(otp_applications(settings));
    attributes(settings, change);
}

/// The applications that can follow the realm's one-time-password policy.
fn otp_applications(settings: &RealmRepresentation) -> Vec<String> {
    let by_time = settings.otp_policy_type.as_deref() != Some("hotp");
    let common = settings.otp_policy_algorithm.as_deref() == Some("HmacSHA1")
        && settings.otp_policy_digits == Some(6);
    let half_minute = settings.otp_policy_period == Some(30);
    let known = [
        ("totpAppFreeOTPName", true),
        ("totpAppGoogleName", !by_time || half_minute),
        (
            "totpAppMicrosoftAuthenticatorName",
            by_time && common && half_minute,
        ),
    ];
    known
        .into_iter()
        .filter(|(_, fits)| *fits)
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// Keycloak keeps some settings in `attributes` as well; they come back even when a change left them out.
fn attributes(settings: &mut RealmRepresentation, set: &RealmRepresentation) {
    let attributes = settings.attributes.get_or_insert_with(Map::new);
    attributes.retain(|_, value| !value.is_null());
    for value in attributes.values_mut() {
        if value.is_boolean() || value.is_number() {
            *value = json!(value.to_string());
        }
    }
    let defaults = RealmRepresentation::defaults().attributes;
    for (name, value) in defaults.unwrap_or_default() {
        attributes.entry(name).or_insert(value);
    }
    let number = |value: Option<i64>| value.map(|value| value.to_string());
    let flag = |value: Option<bool>| value.map(|value| value.to_string());
    let list = |value: &Option<Vec<String>>| {
        value
            .as_ref()
            .filter(|list| !list.is_empty())
            .map(|list| list.join(","))
    };
    for (name, value) in [
        (
            "oauth2DeviceCodeLifespan",
            number(settings.oauth2_device_code_lifespan),
        ),
        (
            "oauth2DevicePollingInterval",
            number(settings.oauth2_device_polling_interval),
        ),
        (
            "realmReusableOtpCode",
            flag(settings.otp_policy_code_reusable),
        ),
        // These once they have been set; a realm file with attributes says itself whether they were.
        (
            "clientSessionIdleTimeout",
            number(set.client_session_idle_timeout),
        ),
        (
            "clientSessionMaxLifespan",
            number(set.client_session_max_lifespan),
        ),
        (
            "clientOfflineSessionIdleTimeout",
            number(set.client_offline_session_idle_timeout),
        ),
        (
            "clientOfflineSessionMaxLifespan",
            number(set.client_offline_session_max_lifespan),
        ),
        ("scimApiEnabled", flag(set.scim_api_enabled)),
        (
            "webAuthnPolicyExtraOrigins",
            list(&settings.web_authn_policy_extra_origins),
        ),
        (
            "webAuthnPolicyExtraOriginsPasswordless",
            list(&settings.web_authn_policy_passwordless_extra_origins),
        ),
    ] {
        if let Some(value) = value {
            attributes.insert(name.to_owned(), Value::String(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid_over(change: &RealmRepresentation) -> RealmRepresentation {
        let old = RealmRepresentation::defaults();
        let mut settings = crate::json::overlay(&old, change);
        complete(&mut settings, &old, change);
        settings
    }

    #[test]
    fn the_defaults_are_complete() {
        let defaults = RealmRepresentation::defaults();
        assert_eq!(laid_over(&RealmRepresentation::default()), defaults);
    }

    #[test]
    fn what_is_complete_stays_as_it_is() {
        let change = RealmRepresentation {
            client_session_idle_timeout: Some(7),
            otp_policy_code_reusable: Some(true),
            otp_policy_period: Some(60),
            attributes: json!({ "n": 5, "gone": null }).as_object().cloned(),
            browser_security_headers: json!({ "xRobotsTag": "" }).as_object().cloned(),
            ..RealmRepresentation::default()
        };
        let once = laid_over(&change);
        let attributes = once.attributes.as_ref().unwrap();
        assert_eq!(attributes["n"], "5");
        assert_eq!(attributes["clientSessionIdleTimeout"], "7");
        assert_eq!(attributes["realmReusableOtpCode"], "true");
        assert!(!attributes.contains_key("gone"));
        let headers = once.browser_security_headers.as_ref().unwrap();
        assert!(headers["xRobotsTag"] == "" && headers.len() == 7);
        assert_eq!(
            once.otp_supported_applications.as_deref(),
            Some(&["totpAppFreeOTPName".to_owned()][..])
        );
        let mut again = crate::json::overlay(&RealmRepresentation::defaults(), &once);
        complete_new(&mut again, &once);
        assert_eq!(again, once);
    }

    #[test]
    fn shared_emails_are_no_names() {
        let mut change = RealmRepresentation {
            duplicate_emails_allowed: Some(true),
            login_with_email_allowed: Some(true),
            ..RealmRepresentation::default()
        };
        settle(&mut change);
        assert_eq!(change.login_with_email_allowed, Some(false));
        let mut change = RealmRepresentation {
            login_with_email_allowed: Some(true),
            ..RealmRepresentation::default()
        };
        settle(&mut change);
        assert_eq!(change.duplicate_emails_allowed, Some(false));
    }
}
