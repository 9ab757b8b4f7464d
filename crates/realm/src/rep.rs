//! RealmRepresentation, member for member as Keycloak 26.7.3 reads and writes it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A realm in JSON. Absent members are `None`; unknown ones are an error, as in Keycloak.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[expect(
    missing_docs,
    reason = "the members are Keycloak's own and carry their meaning in the name"
)]
pub struct RealmRepresentation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub realm: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name_html: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_signature_algorithm: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoke_refresh_token: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token_max_reuse: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token_lifespan: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token_lifespan_for_implicit_flow: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sso_session_idle_timeout: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sso_session_max_lifespan: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sso_session_idle_timeout_remember_me: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sso_session_max_lifespan_remember_me: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offline_session_idle_timeout: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offline_session_max_lifespan_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offline_session_max_lifespan: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_session_idle_timeout: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_session_max_lifespan: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_offline_session_idle_timeout: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_offline_session_max_lifespan: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_code_lifespan: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_code_lifespan_user_action: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_code_lifespan_login: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action_token_generated_by_admin_lifespan: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action_token_generated_by_user_lifespan: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oauth2_device_code_lifespan: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oauth2_device_polling_interval: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssl_required: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_allowed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_email_as_username: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remember_me: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify_email: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_with_email_allowed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicate_emails_allowed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_password_allowed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edit_username_allowed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brute_force_protected: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permanent_lockout: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_temporary_lockouts: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brute_force_strategy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_failure_wait_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum_quick_login_wait_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_increment_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quick_login_check_milli_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_delta_time_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_factor: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_secondary_auth_failures: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_role: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_credentials: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otp_policy_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otp_policy_algorithm: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otp_policy_initial_counter: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otp_policy_digits: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otp_policy_look_ahead_window: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otp_policy_period: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otp_policy_code_reusable: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otp_supported_applications: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_authn_policy_rp_entity_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_authn_policy_signature_algorithms: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_authn_policy_rp_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_authn_policy_attestation_conveyance_preference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_authn_policy_authenticator_attachment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_authn_policy_require_resident_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_authn_policy_resident_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_authn_policy_user_verification_requirement: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_authn_policy_create_timeout: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_authn_policy_avoid_same_authenticator_register: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_authn_policy_acceptable_aaguids: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_authn_policy_extra_origins: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_authn_policy_passwordless_rp_entity_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_authn_policy_passwordless_signature_algorithms: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_authn_policy_passwordless_rp_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_authn_policy_passwordless_attestation_conveyance_preference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_authn_policy_passwordless_authenticator_attachment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_authn_policy_passwordless_require_resident_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_authn_policy_passwordless_resident_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_authn_policy_passwordless_user_verification_requirement: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_authn_policy_passwordless_create_timeout: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_authn_policy_passwordless_avoid_same_authenticator_register: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_authn_policy_passwordless_acceptable_aaguids: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_authn_policy_passwordless_extra_origins: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub browser_security_headers: Option<Map<String, Value>>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "crate::smtp::texts"
    )]
    pub smtp_server: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events_listeners: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled_event_types: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_events_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_events_details_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub internationalization_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub browser_flow: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_flow: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direct_grant_flow: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_credentials_flow: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_authentication_flow: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docker_authentication_flow: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_broker_login_flow: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_managed_access_allowed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organizations_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verifiable_credentials_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_permissions_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scim_api_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_profiles: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_policies: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_theme: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_theme: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_theme: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_theme: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_locale: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supported_locales: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events_expiration: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_groups: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_secret: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_cache_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub realm_cache_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keycloak_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub social: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_profile_on_initial_social_login: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_credential_grant_allowed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_roles: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub users: Option<crate::json::Raw>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub federated_users: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clients: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applications: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oauth_clients: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_scopes: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_templates: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_default_client_scopes: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_optional_client_scopes: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub components: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_providers: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_provider_mappers: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol_mappers: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope_mappings: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_scope_mappings: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application_scope_mappings: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication_flows: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authenticator_config: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_actions: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_federation_providers: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_federation_mappers: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub social_providers: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organizations: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub localization_texts: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflows: Option<Value>,
}

/// What a realm has that was made with nothing but a name.
const DEFAULTS: &str = include_str!("realm_defaults.json");

impl RealmRepresentation {
    /// The settings of a realm that was made with nothing but a name, as seen on Keycloak 26.7.3.
    #[must_use]
    pub fn defaults() -> Self {
        serde_json::from_str(DEFAULTS).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_read_and_written_unchanged() {
        let written: Value = serde_json::to_value(RealmRepresentation::defaults()).unwrap();
        let recorded: Value = serde_json::from_str(DEFAULTS).unwrap();
        assert_eq!(written, recorded);
    }
}
