//! The settings of a realm that decide something, in types.

use std::collections::HashMap;

use serde_json::Value;

use crate::RealmRepresentation;

/// When a request has to come over TLS. Keycloak's `sslRequired`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslRequired {
    /// Always.
    All,
    /// From everywhere but private addresses.
    External,
    /// Never.
    None,
}

/// How the lock grows with the failures. Keycloak's `bruteForceStrategy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BruteForceStrategy {
    /// Wait increment × (failures − factor + 1).
    Linear,
    /// Wait increment × (failures ÷ factor).
    Multiple,
}

/// The settings that decide something. Times in seconds unless the name says otherwise.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "Keycloak's own names")]
pub struct Settings {
    pub ssl_required: SslRequired,
    pub default_signature_algorithm: String,
    pub access_token_lifespan: i64,
    pub sso_session_idle_timeout: i64,
    pub sso_session_max_lifespan: i64,
    pub client_session_idle_timeout: i64,
    pub client_session_max_lifespan: i64,
    pub login_with_email_allowed: bool,
    pub duplicate_emails_allowed: bool,
    pub edit_username_allowed: bool,
    pub registration_email_as_username: bool,
    pub password_policy: Option<String>,
    pub brute_force_protected: bool,
    pub permanent_lockout: bool,
    pub max_temporary_lockouts: i64,
    pub brute_force_strategy: BruteForceStrategy,
    pub max_failure_wait_seconds: i64,
    pub minimum_quick_login_wait_seconds: i64,
    pub wait_increment_seconds: i64,
    pub quick_login_check_milli_seconds: i64,
    pub max_delta_time_seconds: i64,
    pub failure_factor: i64,
    pub revoke_refresh_token: bool,
    pub refresh_token_max_reuse: i64,
    pub events_enabled: bool,
    pub events_expiration: i64,
    /// Empty: all types are kept.
    pub enabled_event_types: Vec<String>,
    pub attributes: HashMap<String, String>,
}

impl Settings {
    /// Reads them from a full representation; a missing member has Keycloak's default.
    #[must_use]
    pub fn read(rep: &RealmRepresentation) -> Self {
        let flag = |value: Option<bool>| value.unwrap_or(false);
        let number = |value: Option<i64>, default| value.unwrap_or(default);
        Self {
            ssl_required: match rep
                .ssl_required
                .as_deref()
                .map(str::to_ascii_lowercase)
                .as_deref()
            {
                Some("all") => SslRequired::All,
                Some("none") => SslRequired::None,
                _ => SslRequired::External,
            },
            default_signature_algorithm: rep
                .default_signature_algorithm
                .clone()
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| "RS256".to_owned()),
            access_token_lifespan: number(rep.access_token_lifespan, 300),
            sso_session_idle_timeout: number(rep.sso_session_idle_timeout, 1800),
            sso_session_max_lifespan: number(rep.sso_session_max_lifespan, 36000),
            client_session_idle_timeout: number(rep.client_session_idle_timeout, 0),
            client_session_max_lifespan: number(rep.client_session_max_lifespan, 0),
            login_with_email_allowed: rep.login_with_email_allowed.unwrap_or(true),
            duplicate_emails_allowed: flag(rep.duplicate_emails_allowed),
            edit_username_allowed: flag(rep.edit_username_allowed),
            registration_email_as_username: flag(rep.registration_email_as_username),
            password_policy: rep
                .password_policy
                .clone()
                .filter(|policy| !policy.trim().is_empty()),
            brute_force_protected: flag(rep.brute_force_protected),
            permanent_lockout: flag(rep.permanent_lockout),
            max_temporary_lockouts: number(rep.max_temporary_lockouts, 0),
            brute_force_strategy: match rep.brute_force_strategy.as_deref() {
                Some("LINEAR") => BruteForceStrategy::Linear,
                _ => BruteForceStrategy::Multiple,
            },
            max_failure_wait_seconds: number(rep.max_failure_wait_seconds, 900),
            minimum_quick_login_wait_seconds: number(rep.minimum_quick_login_wait_seconds, 60),
            wait_increment_seconds: number(rep.wait_increment_seconds, 60),
            quick_login_check_milli_seconds: number(rep.quick_login_check_milli_seconds, 1000),
            max_delta_time_seconds: number(rep.max_delta_time_seconds, 43200),
            failure_factor: number(rep.failure_factor, 30),
            revoke_refresh_token: flag(rep.revoke_refresh_token),
            refresh_token_max_reuse: number(rep.refresh_token_max_reuse, 0),
            events_enabled: flag(rep.events_enabled),
            events_expiration: number(rep.events_expiration, 0),
            enabled_event_types: rep.enabled_event_types.clone().unwrap_or_default(),
            attributes: rep
                .attributes
                .iter()
                .flatten()
                .filter_map(|(name, value)| match value {
                    Value::String(text) => Some((name.clone(), text.clone())),
                    Value::Bool(_) | Value::Number(_) => Some((name.clone(), value.to_string())),
                    _ => None,
                })
                .collect(),
        }
    }
}
