//! The device grant (RFC 8628): a device without a browser shows a code, and polls until somebody who signs in elsewhere
//! has let it in. The grant itself is in `grants`.

mod guesses;
mod page;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, ResponseError as _, web};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use client::{Client, Known};
use protocol::{HttpError, RealmContext, event};
use realm::event::Event;
use serde_json::json;
use user::device_code;

use crate::authorize::answer::NO_STORE;
use crate::authorize::request::challenge;
use crate::login_actions::flow::Grant;
use crate::token;

pub(crate) use page::{approve, deny, show, status, submit};

/// The longest parameter.
const MAX_PARAMETER: usize = 4000;

/// Whether a client may use this grant.
pub(crate) fn enabled(client: &Client) -> bool {
    client.attribute("oauth2.device.authorization.grant.enabled") == Some("true")
}

/// `POST …/auth/device`.
pub(crate) async fn answer(
    ctx: RealmContext,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let mut allowed = false;
    let mut response = match begin(&ctx, &request, payload, &mut allowed).await {
        Ok(response) => response,
        Err(error) => error.error_response(),
    };
    token::dress(&mut response, &request, allowed);
    let no_store = header::HeaderValue::from_static(NO_STORE);
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    response
}

async fn begin(
    ctx: &RealmContext,
    http: &HttpRequest,
    payload: web::Payload,
    allowed: &mut bool,
) -> Result<HttpResponse, HttpError> {
    let form = token::form(ctx, http, payload).await?;
    let mut told = Event::new("OAUTH2_DEVICE_AUTH");
    let client = token::client(ctx, http, &form, allowed, &mut told).await?;
    let grant = match read(&client, form) {
        Ok(grant) => grant,
        Err(Refusal { error, code, text }) => {
            told.error = Some(error.to_owned());
            told.add("reason", text.as_str());
            event::refused(ctx, told).await;
            return Err(HttpError::oauth(400, code, &text));
        }
    };

    let rep = &ctx.realm.rep;
    let seconds = |attribute: &str, of_realm: Option<i64>, default: i64| {
        let own = client
            .attribute(attribute)
            .and_then(|text| text.parse().ok());
        let mut candidates = [own, of_realm].into_iter().flatten();
        candidates
            .find(|seconds| *seconds > 0)
            .unwrap_or(default)
            .min(i64::from(i32::MAX))
    };
    let lifespan = seconds(
        "oauth2.device.code.lifespan",
        rep.oauth2_device_code_lifespan,
        600,
    );
    let interval = seconds(
        "oauth2.device.polling.interval",
        rep.oauth2_device_polling_interval,
        5,
    );
    let random = realm::seal::random::<32>().map_err(HttpError::internal)?;
    let device_code = URL_SAFE_NO_PAD.encode(*random);
    let new = device_code::New {
        client: client.id,
        request: &serde_json::to_value(&grant).map_err(HttpError::internal)?,
        interval: i32::try_from(interval).unwrap_or(i32::MAX),
        expires: store::clock::now() + lifespan,
    };
    let pool = &ctx.state().pool;
    let user_code = device_code::create(pool, ctx.realm.id, &device_code, &new).await?;
    event::record(ctx, told).await;
    let (left, right) = user_code.split_at(4);
    let user_code = format!("{left}-{right}");
    let uri = format!("{}/device", ctx.issuer());
    Ok(HttpResponse::Ok().json(json!({
        "device_code": device_code,
        "user_code": user_code,
        "verification_uri": uri,
        "verification_uri_complete": format!("{uri}?user_code={user_code}"),
        "expires_in": lifespan,
        "interval": interval
    })))
}

/// Why a device cannot begin: for the event, and for the client.
struct Refusal {
    error: &'static str,
    code: &'static str,
    text: String,
}

/// What is asked for.
fn read(client: &Known, form: token::Form) -> Result<Grant, Refusal> {
    if !enabled(client) {
        return Err(Refusal {
            error: "not_allowed",
            code: "unauthorized_client",
            text: "Client is not allowed to initiate OAuth 2.0 Device Authorization Grant. \
                   The flow is disabled for the client."
                .to_owned(),
        });
    }
    let invalid = |text: String| Refusal {
        error: "invalid_request",
        code: "invalid_request",
        text,
    };
    let parameters = form.into_map();
    let short = |name: &str| match parameters.get(name).filter(|value| !value.is_empty()) {
        Some(value) if value.len() > MAX_PARAMETER => {
            Err(invalid(format!("Invalid parameter: {name}")))
        }
        value => Ok(value.cloned()),
    };
    Ok(Grant {
        redirect_uri: String::new(),
        scope: short("scope")?,
        nonce: short("nonce")?,
        challenge: challenge(client, &parameters)
            .map_err(|fault| invalid(fault.description.unwrap_or_default()))?,
        claims: short("claims")?,
    })
}
