//! Pushed authorization requests (RFC 9126): what a browser would have to carry comes from the client itself, ahead of it.

use actix_web::{HttpRequest, HttpResponse, ResponseError as _, web};
use client::{Known, pushed};
use protocol::{HttpError, RealmContext};
use realm::event::Event;
use serde_json::json;
use uuid::Uuid;

use crate::authorize::request::{self, AuthRequest, Fault, Parameters};
use crate::token;

const URN: &str = "urn:ietf:params:oauth:request_uri:";
/// Bytes of all names and values that are kept.
const MAX_REQUEST: usize = 32 * 1024;
/// What says who the client is, which is settled when the request is kept.
const CREDENTIALS: [&str; 3] = ["client_secret", "client_assertion", "client_assertion_type"];
/// Seconds, where the realm says nothing of use.
const LIFESPAN: i64 = 60;

/// `POST …/ext/par/request`.
pub(crate) async fn answer(
    ctx: RealmContext,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let mut allowed = false;
    let mut response = match push(&ctx, &request, payload, &mut allowed).await {
        Ok(response) => response,
        Err(error) => error.error_response(),
    };
    token::dress(&mut response, &request, allowed);
    response
}

async fn push(
    ctx: &RealmContext,
    http: &HttpRequest,
    payload: web::Payload,
    allowed: &mut bool,
) -> Result<HttpResponse, HttpError> {
    let form = token::form(ctx, http, payload).await?;
    let mut told = Event::new("CLIENT_LOGIN");
    let client = match token::client(ctx, http, &form, allowed, &mut told).await {
        Err(error) if *allowed && error.error_response().status().is_client_error() => {
            return Err(HttpError::oauth(
                401,
                "invalid_request",
                "Authentication failed.",
            ));
        }
        other => other?,
    };
    let mut parameters: Parameters = form.into_map();
    parameters.retain(|name, _| !CREDENTIALS.contains(&name.as_str()));
    parameters.insert("client_id".to_owned(), client.client_id.clone());
    check(ctx, &client, &parameters)?;

    let lifespan = ctx.realm.settings.attributes.get("parRequestUriLifespan");
    let lifespan = lifespan.and_then(|text| text.parse().ok());
    let lifespan = lifespan.filter(|seconds| *seconds > 0).unwrap_or(LIFESPAN);
    let uri = format!("{URN}{}", Uuid::new_v4());
    let expires = store::clock::now().saturating_add(lifespan);
    let (pool, realm) = (&ctx.state().pool, ctx.realm.id);
    pushed::create(pool, realm, &uri, client.id, &parameters, expires).await?;
    Ok(HttpResponse::Created().json(json!({ "request_uri": uri, "expires_in": lifespan })))
}

/// Everything that would be found wrong at `…/auth`, but for a redirect URI that is not there.
fn check(ctx: &RealmContext, client: &Known, parameters: &Parameters) -> Result<(), HttpError> {
    let invalid = |text: &str| HttpError::oauth(400, "invalid_request", text);
    let size = |(name, value): (&String, &String)| name.len() + value.len();
    if parameters.iter().map(size).sum::<usize>() > MAX_REQUEST {
        return Err(invalid("The request is too large"));
    }
    if parameters.contains_key("request_uri") {
        return Err(invalid("It is not allowed to include request_uri to PAR."));
    }
    if let Some(object) = parameters.get("request") {
        return Err(match object.split('.').count() {
            3 => HttpError::oauth(
                400,
                "request_not_supported",
                "Request objects are not read here",
            ),
            _ => HttpError::oauth(400, "invalid_request_object", "invalidRequestMessage"),
        });
    }
    let uri = request::redirect_uri(ctx, client, parameters);
    if uri.is_none() && parameters.contains_key("redirect_uri") {
        return Err(invalid("Invalid parameter: redirect_uri"));
    }
    let address = AuthRequest::address(client, uri.unwrap_or_default(), parameters);
    let Err(refused) = address.complete(client, parameters) else {
        return Ok(());
    };
    let Fault { error, description } = refused.1;
    let description = description.unwrap_or_else(|| "Unsupported response type".to_owned());
    Err(match error {
        "unauthorized_client" => HttpError::oauth(401, error, &description),
        _ => invalid(&description),
    })
}

/// The request behind a `request_uri`, if the client has pushed it; it opens once.
///
/// # Errors
/// From the database.
pub(crate) async fn take(
    ctx: &RealmContext,
    client: &Known,
    uri: &str,
) -> Result<Option<Parameters>, HttpError> {
    if !uri.starts_with(URN) {
        return Ok(None);
    }
    let now = store::clock::now();
    let pool = &ctx.state().pool;
    Ok(pushed::take(pool, ctx.realm.id, uri, client.id, now).await?)
}
