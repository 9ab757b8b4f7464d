//! Discovery (OpenID Connect Discovery 1.0 §4, RFC 8414): what there is, by Keycloak's names, and only that.

use std::sync::Arc;

use protocol::{HttpError, RealmContext};
use realm::document::Document;
use realm::key::SIGNATURES;
use serde_json::json;

use crate::authorize::request::{Method, ResponseMode};
use crate::{client_auth, grants};

/// Whether a client scope is told of here; it is, unless this says `false`.
const LISTED: &str = "include.in.openid.provider.metadata";

/// The document of a realm, for the URL that the caller knows it by.
///
/// # Errors
/// From the database, when it has to be made.
pub(crate) async fn document(ctx: &RealmContext) -> Result<Arc<Document>, HttpError> {
    let issuer = ctx.issuer();
    let key = format!("discovery {issuer}");
    if let Some(known) = ctx.realm.documents.find(&key) {
        return Ok(known);
    }
    let scopes = client::scope::list(&ctx.state().pool, ctx.realm.id).await?;
    let listed = scopes
        .into_iter()
        .filter(|scope| scope.protocol == crate::ID && scope.attribute(LISTED) != Some("false"))
        .map(|scope| scope.name);
    let scopes: Vec<String> = std::iter::once("openid".to_owned()).chain(listed).collect();
    Ok(ctx.realm.documents.get(&key, || describe(&issuer, &scopes)))
}

fn describe(issuer: &str, scopes: &[String]) -> Vec<u8> {
    let endpoint = |path: &str| format!("{issuer}/protocol/openid-connect/{path}");
    let grants: Vec<_> = grants::ALL.iter().map(|grant| grant.name()).collect();
    let challenges = [Method::Plain, Method::S256].map(Method::name);
    let modes = [
        ResponseMode::Query,
        ResponseMode::Fragment,
        ResponseMode::FormPost,
    ];
    json!({
        "issuer": issuer,
        "authorization_endpoint": endpoint("auth"),
        "token_endpoint": endpoint("token"),
        "introspection_endpoint": endpoint("token/introspect"),
        "userinfo_endpoint": endpoint("userinfo"),
        "end_session_endpoint": endpoint("logout"),
        "frontchannel_logout_session_supported": true,
        "frontchannel_logout_supported": true,
        "jwks_uri": endpoint("certs"),
        "check_session_iframe": endpoint("login-status-iframe.html"),
        "grant_types_supported": grants,
        "acr_values_supported": ["0", "1"],
        "response_types_supported": ["code", "none"],
        "subject_types_supported": ["public", "pairwise"],
        "prompt_values_supported": ["none", "login", "consent"],
        "id_token_signing_alg_values_supported": SIGNATURES,
        "userinfo_signing_alg_values_supported": SIGNATURES,
        "response_modes_supported": modes.map(ResponseMode::name),
        "token_endpoint_auth_methods_supported": client_auth::METHODS,
        "token_endpoint_auth_signing_alg_values_supported": SIGNATURES,
        "introspection_endpoint_auth_methods_supported": client_auth::METHODS,
        "introspection_endpoint_auth_signing_alg_values_supported": SIGNATURES,
        "claims_supported": [
            "iss", "sub", "aud", "exp", "iat", "auth_time", "name", "given_name", "family_name", "preferred_username",
            "email", "acr", "azp", "nonce"
        ],
        "claim_types_supported": ["normal"],
        "claims_parameter_supported": true,
        "scopes_supported": scopes,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "code_challenge_methods_supported": challenges,
        "revocation_endpoint": endpoint("revoke"),
        "revocation_endpoint_auth_methods_supported": client_auth::METHODS,
        "revocation_endpoint_auth_signing_alg_values_supported": SIGNATURES,
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "device_authorization_endpoint": endpoint("auth/device"),
        "require_pushed_authorization_requests": false,
        "pushed_authorization_request_endpoint": endpoint("ext/par/request"),
        "authorization_response_iss_parameter_supported": true
    })
    .to_string()
    .into_bytes()
}
