//! What people see of it: `/realms/{realm}/device`.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use protocol::{HttpError, RealmContext, event};
use realm::event::Event;
use user::device_code;

use super::{enabled, guesses};
use crate::authorize::{self, answer, request::AuthRequest};
use crate::form::Pairs;
use crate::login_actions::flow::Grant;
use crate::login_actions::login::Login;
use crate::login_actions::{refuse_realm, respond};
use crate::pages::{self, Frame, Message, msg};

/// `GET`: the form for the code, or the login where the URL carries it.
pub(crate) async fn show(ctx: RealmContext, http: HttpRequest) -> HttpResponse {
    let query = Pairs::of_query(&http);
    let code = query.get("user_code").unwrap_or_default();
    let answer = enter(&ctx, &http, code).await;
    respond(&ctx, &http, answer).await
}

/// `POST`: a code was typed in.
pub(crate) async fn submit(
    ctx: RealmContext,
    http: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let answer = async {
        let form = Pairs::of_body(&http, payload).await?;
        let code = form.get("device_user_code").unwrap_or_default();
        enter(&ctx, &http, code).await
    };
    respond(&ctx, &http, answer.await).await
}

async fn enter(
    ctx: &RealmContext,
    http: &HttpRequest,
    typed: &str,
) -> Result<HttpResponse, HttpError> {
    if let Some(refused) = refuse_realm(ctx, http).await {
        return Ok(refused);
    }
    if typed.trim().is_empty() {
        return Ok(form(ctx, http, 200, "", None).await);
    }
    let (realm, ip, now) = (ctx.realm.id, ctx.request.ip, store::clock::now());
    if guesses::are_too_many(realm, ip, now) {
        let error = msg("oauth2DeviceTooManyWrongCodesMessage");
        let mut response = form(ctx, http, 429, typed, Some(error)).await;
        let after = header::HeaderValue::from_static("60");
        response.headers_mut().insert(header::RETRY_AFTER, after);
        return Ok(response);
    }
    let pool = &ctx.state().pool;
    let found = match device_code::normal(typed) {
        Some(code) => device_code::find_by_user_code(pool, realm, &code).await?,
        None => None,
    };
    let invalid = "oauth2DeviceInvalidUserCodeMessage";
    let (reason, text) = match &found {
        None => {
            guesses::count(realm, ip, now);
            (
                "device code not found (it may already have been used)",
                invalid,
            )
        }
        Some(device) if device.expires <= now => {
            ("device code expired", "oauth2DeviceExpiredUserCodeMessage")
        }
        Some(device) if device.granted == Some(false) => ("device code denied", invalid),
        Some(device) if device.granted == Some(true) => ("device code approved", invalid),
        Some(_) => ("", ""),
    };
    let device = match found {
        Some(device) if reason.is_empty() => device,
        _ => {
            let mut refused =
                Event::new("OAUTH2_DEVICE_VERIFY_USER_CODE_ERROR").detail("reason", reason);
            refused.error = Some("invalid_oauth2_user_code".to_owned());
            event::record(ctx, refused).await;
            let error = Message::resource(&format!("${{{text}}}"));
            return Ok(form(ctx, http, 200, typed, Some(error)).await);
        }
    };
    let state = ctx.state();
    let known = match client::find(pool, realm, device.client_id).await? {
        Some(client) => {
            let clients = &state.clients;
            clients.get(pool, &ctx.realm, &client.client_id).await?
        }
        None => None,
    };
    let Some(client) = known.filter(|client| client.enabled && enabled(client)) else {
        let error = msg("oauth2DeviceAuthorizationGrantDisabledMessage");
        return Ok(form(ctx, http, 200, typed, Some(error)).await);
    };
    let grant: Grant = serde_json::from_value(device.request).map_err(HttpError::internal)?;
    let mut told = Event::new("OAUTH2_DEVICE_VERIFY_USER_CODE");
    if let Some(scope) = &grant.scope {
        told = told.detail("scope", scope.as_str());
    }
    told.client_id = Some(client.client_id.clone());
    event::record(ctx, told).await;
    let request = AuthRequest {
        client_id: client.client_id.clone(),
        scope: grant.scope,
        device: Some(device.id),
        ..AuthRequest::default()
    };
    authorize::sign_in(ctx, http, client, request, true).await
}

async fn form(
    ctx: &RealmContext,
    http: &HttpRequest,
    status: u16,
    typed: &str,
    error: Option<Message>,
) -> HttpResponse {
    let action = format!("{}/device", ctx.issuer());
    let frame = Frame::new(ctx, http).await.again(action.as_str());
    let page = pages::Device {
        action,
        user_code: typed.trim().chars().take(20).collect(),
        error,
    };
    frame.send(status, &page)
}

/// Ends the login of a user who lets a device in.
///
/// # Errors
/// From the database.
pub(crate) async fn approve(
    ctx: &RealmContext,
    http: &HttpRequest,
    login: &Login,
    session: &str,
) -> Result<HttpResponse, HttpError> {
    let user = login.user.as_ref().map(|user| (user.id, session));
    decide(ctx, http, login, user, "").await
}

/// Ends the login of a user who does not.
///
/// # Errors
/// From the database.
pub(crate) async fn deny(
    ctx: &RealmContext,
    http: &HttpRequest,
    login: &Login,
) -> Result<HttpResponse, HttpError> {
    decide(ctx, http, login, None, "?error=access_denied").await
}

async fn decide(
    ctx: &RealmContext,
    http: &HttpRequest,
    login: &Login,
    granted: Option<(uuid::Uuid, &str)>,
    query: &str,
) -> Result<HttpResponse, HttpError> {
    let device = login.request.device.as_deref().unwrap_or_default();
    let (pool, now) = (&ctx.state().pool, store::clock::now());
    if !device_code::decide(pool, ctx.realm.id, device, granted, now).await? {
        // Too late, or somebody else was faster.
        let error = msg("oauth2DeviceExpiredUserCodeMessage");
        return Ok(form(ctx, http, 200, "", Some(error)).await);
    }
    let page = format!("{}/device/status{query}", ctx.issuer());
    Ok(answer::redirect(&page))
}

/// `GET …/device/status`: what has become of it.
pub(crate) async fn status(ctx: RealmContext, http: HttpRequest) -> HttpResponse {
    if let Some(refused) = refuse_realm(&ctx, &http).await {
        return refused;
    }
    let error = Pairs::of_query(&http);
    let (header, message) = match error.get("error") {
        None => (
            "oauth2DeviceVerificationCompleteHeader",
            msg("oauth2DeviceVerificationCompleteMessage"),
        ),
        Some("access_denied") => (
            "oauth2DeviceVerificationFailedHeader",
            msg("oauth2DeviceConsentDeniedMessage"),
        ),
        Some(_) => (
            "oauth2DeviceVerificationFailedHeader",
            msg("oauth2DeviceVerificationFailedMessage"),
        ),
    };
    let frame = Frame::new(&ctx, &http).await;
    let page = pages::Info {
        header: Some(Message::resource(&format!("${{{header}}}"))),
        message,
        ..pages::Info::default()
    };
    frame.send(200, &page)
}
