//! What a new client has when nobody said otherwise, as far as it does not depend on the protocol.
//!
//! The order on create: first the protocol completes what the caller sent (it can still tell an absent `protocol` from
//! a given one, and sets its mappers, scopes and flags), then [`fill`] does the rest. Left to the protocols:
//! `protocol` itself, `protocolMappers`, `defaultClientScopes` and `optionalClientScopes`, and the other defaults that
//! Keycloak gives when `"protocol":"openid-connect"` is written out.

use store::clock;
use uuid::Uuid;

use crate::{ClientRepresentation, Result, secret};

/// The attribute that tells clients which stand for a realm's administration from all others.
pub const REALM_CLIENT: &str = "realm_client";
/// The attribute with the second at which the secret was made.
pub const SECRET_CREATION_TIME: &str = "client.secret.creation.time";
/// The attribute with the URIs to go to after logout; `+` means the redirect URIs.
pub const POST_LOGOUT_REDIRECT_URIS: &str = "post.logout.redirect.uris";

/// Everything that Keycloak gives a client made by the admin API, whatever its protocol. Members that are there stay.
///
/// # Errors
/// [`crate::Error::Sealed`] when the system gives no random bytes for the secret.
pub fn fill(rep: &mut ClientRepresentation) -> Result<()> {
    web_origins_from_redirect_uris(rep);
    flags(rep);
    generated_secret(rep)
}

/// Id, flags, empty lists and the attribute `realm_client`.
pub fn flags(rep: &mut ClientRepresentation) {
    let id = rep
        .id
        .get_or_insert_with(|| Uuid::new_v4().to_string())
        .clone();
    rep.client_id.get_or_insert(id);
    rep.surrogate_auth_required.get_or_insert(false);
    rep.enabled.get_or_insert(true);
    rep.always_display_in_console.get_or_insert(false);
    rep.client_authenticator_type
        .get_or_insert_with(|| "client-secret".to_owned());
    rep.redirect_uris.get_or_insert_default();
    rep.web_origins.get_or_insert_default();
    rep.not_before.get_or_insert(0);
    rep.bearer_only.get_or_insert(false);
    rep.consent_required.get_or_insert(false);
    rep.standard_flow_enabled.get_or_insert(true);
    rep.implicit_flow_enabled.get_or_insert(false);
    rep.direct_access_grants_enabled.get_or_insert(false);
    rep.service_accounts_enabled.get_or_insert(false);
    rep.public_client.get_or_insert(false);
    rep.frontchannel_logout.get_or_insert(false);
    rep.authentication_flow_binding_overrides
        .get_or_insert_default();
    rep.full_scope_allowed.get_or_insert(true);
    rep.node_re_registration_timeout.get_or_insert(-1);
    attribute(rep, REALM_CLIENT, "false");
}

/// Without `webOrigins`: the origins of those redirect URIs that are http or https.
pub fn web_origins_from_redirect_uris(rep: &mut ClientRepresentation) {
    if let (None, Some(uris)) = (&rep.web_origins, &rep.redirect_uris) {
        let mut origins: Vec<_> = uris.iter().filter_map(|uri| origin(uri)).collect();
        origins.sort();
        origins.dedup();
        rep.web_origins = Some(origins);
    }
}

/// What a client has in addition when it comes in a realm's import.
pub fn imported(rep: &mut ClientRepresentation) {
    attribute(rep, POST_LOGOUT_REDIRECT_URIS, "+");
}

/// A secret for a client that is not public and brings none.
///
/// # Errors
/// [`crate::Error::Sealed`] when the system gives no random bytes.
pub fn generated_secret(rep: &mut ClientRepresentation) -> Result<()> {
    if rep.public_client != Some(true) && secret::given(rep).is_none() {
        rep.secret = Some(secret::generate()?.to_string());
        stamp_secret(rep);
    }
    Ok(())
}

/// Notes now as the time at which the secret was made.
pub fn stamp_secret(rep: &mut ClientRepresentation) {
    attribute(rep, SECRET_CREATION_TIME, &clock::now().to_string());
}

/// Sets an attribute that is not there.
pub fn attribute(rep: &mut ClientRepresentation, name: &str, value: &str) {
    rep.attributes
        .get_or_insert_default()
        .entry(name.to_owned())
        .or_insert_with(|| value.to_owned());
}

/// `https://a.example:8443/x` → `https://a.example:8443`.
pub(crate) fn origin(uri: &str) -> Option<String> {
    let (scheme, rest) = uri
        .split_once("://")
        .filter(|(scheme, _)| matches!(*scheme, "http" | "https"))?;
    let authority = rest
        .split(['/', '?', '#'])
        .next()
        .filter(|authority| !authority.is_empty())?;
    Some(format!("{scheme}://{authority}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> ClientRepresentation {
        let mut rep = serde_json::from_str(text).unwrap();
        fill(&mut rep).unwrap();
        rep
    }

    #[test]
    fn a_client_made_of_nothing_has_keycloaks_defaults() {
        let mut rep = filled("{}");
        assert_eq!(rep.client_id, rep.id);
        assert_eq!(rep.secret.take().map(|secret| secret.len()), Some(86));
        let mut attributes = rep.attributes.take().unwrap();
        assert!(
            attributes
                .remove(SECRET_CREATION_TIME)
                .unwrap()
                .parse::<i64>()
                .unwrap()
                > 1_600_000_000
        );
        assert_eq!(
            attributes,
            [("realm_client".to_owned(), "false".to_owned())].into()
        );
        rep.id = None;
        rep.client_id = None;
        let recorded = r#"{"surrogateAuthRequired":false,"enabled":true,"alwaysDisplayInConsole":false,"clientAuthenticatorType":"client-secret","redirectUris":[],"webOrigins":[],"notBefore":0,"bearerOnly":false,"consentRequired":false,"standardFlowEnabled":true,"implicitFlowEnabled":false,"directAccessGrantsEnabled":false,"serviceAccountsEnabled":false,"publicClient":false,"frontchannelLogout":false,"authenticationFlowBindingOverrides":{},"fullScopeAllowed":true,"nodeReRegistrationTimeout":-1}"#;
        assert_eq!(serde_json::to_string(&rep).unwrap(), recorded);
    }

    #[test]
    fn a_public_client_gets_no_secret_and_a_given_one_gets_no_time() {
        let public = filled(r#"{"publicClient":true}"#);
        assert_eq!((public.secret, public.attributes.unwrap().len()), (None, 1));
        let given = filled(r#"{"secret":"s3"}"#);
        assert_eq!(
            (given.secret.as_deref(), given.attributes.unwrap().len()),
            (Some("s3"), 1)
        );
    }

    #[test]
    fn a_masked_secret_is_replaced_by_a_new_one() {
        assert_eq!(
            filled(r#"{"secret":"**********"}"#).secret.unwrap().len(),
            86
        );
    }

    #[test]
    fn a_bearer_only_client_of_the_admin_api_gets_a_secret() {
        assert!(filled(r#"{"bearerOnly":true}"#).secret.is_some());
    }

    #[test]
    fn redirect_uris_give_web_origins_where_none_are_given() {
        let rep = filled(
            r#"{"rootUrl":"https://a.example","redirectUris":["https://a.example/*","https://a.example/b"]}"#,
        );
        assert_eq!(rep.web_origins.unwrap(), ["https://a.example"]);
        assert!(
            !rep.attributes
                .unwrap()
                .contains_key(POST_LOGOUT_REDIRECT_URIS)
        );
        let rep = filled(r#"{"redirectUris":["/x/*","*","app:x"]}"#);
        assert!(rep.web_origins.unwrap().is_empty());
        let rep = filled(r#"{"redirectUris":["https://a.example/*"],"webOrigins":["+"]}"#);
        assert_eq!(rep.web_origins.unwrap(), ["+"]);
    }
}
