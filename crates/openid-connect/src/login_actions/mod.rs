//! `/realms/{realm}/login-actions`: the steps of a login, and what users do by the links of e-mails.

pub(crate) mod action_token;
pub(crate) mod authenticate;
pub(crate) mod consent;
pub(crate) mod flow;
mod letter;
pub(crate) mod login;
pub(crate) mod otp;
mod recover;
pub(crate) mod required_action;
mod reset_credentials;
pub(crate) mod sso;

use actix_web::http::header;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _};
use protocol::{HttpError, RealmContext};

use crate::pages;

pub(crate) fn routes(cfg: &mut ServiceConfig) {
    cfg.service(
        protocol::resource("/login-actions/authenticate")
            .route(web::get().to(authenticate::show))
            .route(web::post().to(authenticate::submit)),
    );
    cfg.service(
        protocol::resource("/login-actions/consent")
            .route(web::get().to(authenticate::show))
            .route(web::post().to(consent::submit)),
    );
    cfg.service(
        protocol::resource("/login-actions/required-action")
            .route(web::get().to(required_action::show))
            .route(web::post().to(required_action::submit)),
    );
    cfg.service(
        protocol::resource("/login-actions/reset-credentials")
            .route(web::get().to(reset_credentials::show))
            .route(web::post().to(reset_credentials::submit)),
    );
    cfg.service(
        protocol::resource("/login-actions/restart").route(web::get().to(authenticate::restart)),
    );
    cfg.service(
        protocol::resource("/login-actions/action-token")
            .route(web::get().to(action_token::show))
            .route(web::head().to(action_token::show))
            .route(web::post().to(action_token::submit)),
    );
    cfg.service(protocol::resource("/login-actions/style.css").route(web::get().to(pages::style)));
}

/// Refuses a page over plain HTTP where the realm wants TLS, and of a disabled realm.
pub(crate) async fn refuse_realm(ctx: &RealmContext, http: &HttpRequest) -> Option<HttpResponse> {
    let text = if !ctx.request.encrypted_enough(&ctx.realm) {
        pages::msg("httpsRequiredMessage")
    } else if !ctx.realm.enabled {
        pages::msg("realmNotEnabledMessage")
    } else {
        return None;
    };
    Some(pages::failed(ctx, http, 400, text, None).await)
}

/// A page, or what can be said of a failure without telling what failed.
pub(crate) async fn respond(
    ctx: &RealmContext,
    http: &HttpRequest,
    answer: Result<HttpResponse, HttpError>,
) -> HttpResponse {
    match answer {
        Ok(response) => response,
        Err(error) => {
            // It is told to the log on the way.
            let plain = error.error_response();
            let status = plain.status().as_u16();
            let text = if plain.status().is_client_error() {
                "invalidRequestMessage"
            } else {
                "unexpectedErrorHandlingRequestMessage"
            };
            let mut page = pages::failed(ctx, http, status, pages::msg(text), None).await;
            if let Some(after) = plain.headers().get(header::RETRY_AFTER) {
                page.headers_mut()
                    .insert(header::RETRY_AFTER, after.clone());
            }
            page
        }
    }
}
