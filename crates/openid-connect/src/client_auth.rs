//! Who the client is: `client_secret_basic`, `client_secret_post`, or nothing but a name for public clients.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use client::Known;
use protocol::{HttpError, RealmContext};

use crate::{ID, token::Form};

/// The client of a token request.
///
/// # Errors
/// As in Keycloak: 401 `invalid_client` for no, an unknown or a disabled client, 401 `unauthorized_client` for a
/// missing or wrong secret, 400 `invalid_client` for one that only receives tokens.
pub(crate) async fn authenticate(
    ctx: &RealmContext,
    request: &HttpRequest,
    form: &Form,
) -> Result<Arc<Known>, HttpError> {
    let refused =
        |code: &str| HttpError::oauth(401, code, "Invalid client or Invalid client credentials");
    let basic = match request.headers().get(header::AUTHORIZATION) {
        None => None,
        Some(value) => Some(
            read_basic(value.to_str().unwrap_or_default())
                .ok_or_else(|| refused("invalid_client"))?,
        ),
    };
    let (name, secret) = match &basic {
        Some((name, secret)) => (Some(name.as_str()), Some(secret.as_str())),
        None => (form.get("client_id"), form.get("client_secret")),
    };
    let name = name.ok_or_else(|| refused("invalid_client"))?;
    let state = ctx.state();
    let client = state
        .clients
        .get(&state.pool, &ctx.realm, name)
        .await?
        .filter(|client| client.enabled);
    let client = client.ok_or_else(|| refused("invalid_client"))?;
    if client.bearer_only() {
        return Err(HttpError::oauth(
            400,
            "invalid_client",
            "Bearer-only not allowed",
        ));
    }
    if !client.public_client() {
        let given = secret
            .filter(|secret| !secret.is_empty())
            .ok_or_else(|| refused("unauthorized_client"))?;
        if !client::secret::verify(&state.sealer, &client, given)? {
            return Err(refused("unauthorized_client"));
        }
    }
    if client.protocol != ID {
        return Err(HttpError::oauth(
            400,
            "invalid_client",
            "Wrong client protocol.",
        ));
    }
    Ok(client)
}

/// RFC 6749 §2.3.1: name and secret are form-encoded inside Basic; most clients send them as they are, which is the
/// same for what names and secrets are made of.
fn read_basic(value: &str) -> Option<(String, String)> {
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (name, secret) = text.split_once(':')?;
    let decode =
        |text: &str| protocol::context::decode_segment(text).unwrap_or_else(|| text.to_owned());
    Some((decode(name), decode(secret)))
}
