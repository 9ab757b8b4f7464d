//! Who the client is: `client_secret_basic`, `client_secret_post`, `private_key_jwt`, `client_secret_jwt`, or nothing but
//! a name for public clients.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use client::Known;
use protocol::client_login::{self, Given, Refusal};
use protocol::{HttpError, RealmContext};
use realm::event::Event;

use crate::{ID, token::Form};

/// The ways that exist here, as discovery lists them; public clients have none.
pub(crate) const METHODS: [&str; 4] = [
    "private_key_jwt",
    "client_secret_basic",
    "client_secret_post",
    "client_secret_jwt",
];
/// The endpoints whose URLs an assertion may name as its audience, beside the issuer.
const AUDIENCES: [&str; 3] = ["token", "token/introspect", "ext/par/request"];

/// The client of a request. `event` is told who it is, and recorded with its error where nobody is let in.
///
/// # Errors
/// As in Keycloak: 401 `invalid_client` for no, an unknown or a disabled client, 401 `unauthorized_client` for a
/// missing or wrong secret, 400 `invalid_client` for bad assertions.
pub(crate) async fn authenticate(
    ctx: &RealmContext,
    request: &HttpRequest,
    form: &Form,
    event: &mut Event,
) -> Result<Arc<Known>, HttpError> {
    let judged = judge(ctx, request, form, event).await;
    if judged.is_err() {
        protocol::event::refused(ctx, event.clone()).await;
    }
    judged
}

async fn judge(
    ctx: &RealmContext,
    request: &HttpRequest,
    form: &Form,
    event: &mut Event,
) -> Result<Arc<Known>, HttpError> {
    let Ok(basic) = read_basic(request) else {
        event.error = Refusal::Unknown.event_error().map(str::to_owned);
        return Err(refused(&Refusal::Unknown));
    };
    let (client_id, secret) = match &basic {
        Some((name, secret)) => (Some(name.as_str()), Some(secret.as_str())),
        None => (form.get("client_id"), form.get("client_secret")),
    };
    let assertion = form.get("client_assertion");
    let issuer = ctx.issuer();
    let audiences = match assertion {
        None => Vec::new(),
        Some(_) => AUDIENCES
            .map(|path| format!("{issuer}/protocol/{ID}/{path}"))
            .into_iter()
            .chain([issuer])
            .collect(),
    };
    let given = Given {
        client_id,
        secret,
        assertion_type: form.get("client_assertion_type"),
        assertion: assertion.filter(|assertion| !assertion.is_empty()),
        audiences: &audiences,
    };
    let client = client_login::authenticate(ctx, &given, event)
        .await?
        .map_err(|refusal| refused(&refusal))?;
    event.add("client_auth_method", client.authenticator());
    if client.protocol != ID {
        event.error = Some("invalid_client".to_owned());
        return Err(HttpError::oauth(
            400,
            "invalid_client",
            "Wrong client protocol.",
        ));
    }
    Ok(client)
}

fn refused(refusal: &Refusal) -> HttpError {
    let any = "Invalid client or Invalid client credentials";
    let (status, code, text) = match refusal {
        Refusal::Unknown | Refusal::Disabled => (401, "invalid_client", any),
        Refusal::Secret => (401, "unauthorized_client", any),
        Refusal::Stranger => (401, "invalid_client", any),
        Refusal::Assertion(text) => (400, "invalid_client", text.as_str()),
        Refusal::Signature(text) => (400, "unauthorized_client", *text),
        Refusal::NoKey => (400, "invalid_client", "Unable to load public key"),
    };
    HttpError::oauth(status, code, text)
}

/// RFC 6749 §2.3.1: name and secret are form-encoded inside Basic; most clients send them as they are, which is the
/// same for what names and secrets are made of. None for another scheme or no header, an error for what is not readable.
fn read_basic(request: &HttpRequest) -> Result<Option<(String, String)>, ()> {
    let Some(value) = request.headers().get(header::AUTHORIZATION) else {
        return Ok(None);
    };
    let value = value.to_str().map_err(|_| ())?;
    let (scheme, encoded) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("basic") {
        return Ok(None);
    }
    let decoded = STANDARD.decode(encoded.trim()).map_err(|_| ())?;
    let text = String::from_utf8(decoded).map_err(|_| ())?;
    let (name, secret) = text.split_once(':').ok_or(())?;
    let decode =
        |text: &str| protocol::context::decode_segment(text).unwrap_or_else(|| text.to_owned());
    Ok(Some((decode(name), decode(secret))))
}
