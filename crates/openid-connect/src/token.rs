//! The token endpoint. The phases that all grants share stand here, once, in Keycloak's order.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, ResponseError as _, web};
use client::Known;
use protocol::{HttpError, RealmContext};
use realm::event::Event;

use crate::{client_auth, cors, grants};

/// The form of a token request; no parameter twice.
pub(crate) struct Form(HashMap<String, String>);

impl Form {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// All of them.
    pub(crate) fn into_map(self) -> HashMap<String, String> {
        self.0
    }

    /// A body of another kind than a form holds no parameters.
    fn read(request: &HttpRequest, body: &[u8]) -> Result<Self, HttpError> {
        let kind = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default();
        let mut form = HashMap::new();
        if !kind
            .to_ascii_lowercase()
            .starts_with("application/x-www-form-urlencoded")
        {
            return Ok(Self(form));
        }
        let text = std::str::from_utf8(body)
            .map_err(|_| HttpError::oauth(400, "invalid_request", "The form is not UTF-8"))?;
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decode = |text: &str| {
                protocol::context::decode_segment(&text.replace('+', " "))
                    .filter(|text| store::text::storable(text))
                    .ok_or_else(|| {
                        HttpError::oauth(400, "invalid_request", "A parameter is not readable")
                    })
            };
            if form.insert(decode(name)?, decode(value)?).is_some() {
                return Err(HttpError::oauth(
                    400,
                    "invalid_request",
                    "duplicated parameter",
                ));
            }
        }
        Ok(Self(form))
    }
}

/// What refresh tokens may be signed with.
pub(crate) const REFRESH_ALGORITHMS: &[&str] = &["HS512", "HS384", "HS256"];

/// `POST …/token`.
pub(crate) async fn answer(
    ctx: RealmContext,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let mut allowed = false;
    let mut response = match issue(&ctx, &request, payload, &mut allowed).await {
        Ok(answer) => HttpResponse::Ok().json(answer),
        Err(error) => error.error_response(),
    };
    dress(&mut response, &request, allowed);
    response
}

/// What every answer of such an endpoint carries: nothing is cached (RFC 6749 §5.1), and the page that asks may read it
/// where `allowed`.
pub(crate) fn dress(response: &mut HttpResponse, request: &HttpRequest, allowed: bool) {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::PRAGMA, "no-cache"),
    ] {
        headers.insert(name, header::HeaderValue::from_static(value));
    }
    if let Some(origin) = request.headers().get(header::ORIGIN).filter(|_| allowed) {
        cors::allow_and_expose(headers, origin);
    }
}

/// The form of a request to an endpoint that asks who the client is; refused over plain HTTP where the realm wants TLS,
/// and for a disabled realm.
pub(crate) async fn form(
    ctx: &RealmContext,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<Form, HttpError> {
    let body =
        protocol::body::read(request, &mut payload.into_inner(), protocol::body::MAX_BODY).await?;
    form_of(ctx, request, &body)
}

/// The same of a body that has been read.
pub(crate) fn form_of(
    ctx: &RealmContext,
    request: &HttpRequest,
    body: &[u8],
) -> Result<Form, HttpError> {
    let form = Form::read(request, body)?;
    check_realm(ctx)?;
    Ok(form)
}

/// Refuses plain HTTP where the realm wants TLS, and a disabled realm.
///
/// # Errors
/// 403 in Keycloak's words.
pub(crate) fn check_realm(ctx: &RealmContext) -> Result<(), HttpError> {
    if !ctx.request.encrypted_enough(&ctx.realm) {
        return Err(HttpError::oauth(403, "invalid_request", "HTTPS required"));
    }
    if !ctx.realm.enabled {
        return Err(HttpError::oauth(403, "access_denied", "Realm not enabled"));
    }
    Ok(())
}

/// The client of such a request. `allowed` becomes whether the page that asks may read the answer: until the client is
/// known any may, as in Keycloak. `event` as in [`client_auth::authenticate`].
pub(crate) async fn client(
    ctx: &RealmContext,
    request: &HttpRequest,
    form: &Form,
    allowed: &mut bool,
    event: &mut Event,
) -> Result<Arc<Known>, HttpError> {
    *allowed = true;
    let client = client_auth::authenticate(ctx, request, form, event).await?;
    // Such a client only receives tokens; it may introspect them.
    if client.bearer_only() {
        let text = "Bearer-only not allowed";
        return Err(HttpError::oauth(400, "invalid_client", text));
    }
    cors::check(ctx, request, &client, allowed)?;
    Ok(client)
}

/// `allowed` as in [`client`].
async fn issue(
    ctx: &RealmContext,
    request: &HttpRequest,
    payload: web::Payload,
    allowed: &mut bool,
) -> Result<grants::TokenAnswer, HttpError> {
    let form = form(ctx, request, payload).await?;
    let name = form.get("grant_type").ok_or_else(|| {
        HttpError::oauth(400, "invalid_request", "Missing form parameter: grant_type")
    })?;
    let grant = grants::find(name)
        .ok_or_else(|| HttpError::oauth(400, "unsupported_grant_type", "Unsupported grant_type"))?;
    let mut event = Event::new(grant.event()).detail("grant_type", name);
    let client = client(ctx, request, &form, allowed, &mut event).await?;
    let asked = grants::Asked {
        ctx,
        client: &client,
        form: &form,
        grant,
        event: RefCell::new(Some(event)),
    };
    let result = match grant {
        grants::Grant::AuthorizationCode => grants::authorization_code::grant(&asked).await,
        grants::Grant::ClientCredentials => grants::client_credentials::grant(&asked).await,
        grants::Grant::DeviceCode => grants::device_code::grant(&asked).await,
        grants::Grant::Password => grants::password::grant(&asked).await,
        grants::Grant::RefreshToken => grants::refresh_token::grant(&asked).await,
    };
    if let Some(event) = asked.event.into_inner() {
        match &result {
            Ok(answer) => protocol::event::record(ctx, answer.tell(event)).await,
            Err(refusal) => protocol::event::refused(ctx, grants::name_error(event, refusal)).await,
        }
    }
    let outcome = if result.is_ok() { "granted" } else { "refused" };
    metrics::counter!("realmkeep_tokens_total", "grant" => grant.name(), "outcome" => outcome)
        .increment(1);
    result
}
