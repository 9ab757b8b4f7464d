//! Logout by refresh token: the session ends, and all its tokens with it; by an offline token, the offline session, too.

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _};
use client::Known;
use protocol::{HttpError, RealmContext, event};
use realm::event::Event;
use serde::Deserialize;
use user::session::{Ended, offline};

use crate::authorize::answer::POLICY;
use crate::token::{self, Form};

const REFRESH: &str = "Refresh";
const OFFLINE: &str = "Offline";

#[derive(Deserialize)]
struct Claims {
    iss: String,
    typ: String,
    azp: String,
    sid: String,
}

/// `POST …/logout` with the client's credentials and `refresh_token`: 204, also when the session is over already.
pub(super) async fn answer(ctx: &RealmContext, http: &HttpRequest, body: &[u8]) -> HttpResponse {
    let mut allowed = false;
    let mut response = match end(ctx, http, body, &mut allowed).await {
        Ok(()) => HttpResponse::NoContent()
            .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
            .finish(),
        Err(error) => error.error_response(),
    };
    token::dress(&mut response, http, allowed);
    if response.status().is_success() {
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.remove(header::PRAGMA);
    }
    response
}

async fn end(
    ctx: &RealmContext,
    http: &HttpRequest,
    body: &[u8],
    allowed: &mut bool,
) -> Result<(), HttpError> {
    let form = token::form_of(ctx, http, body)?;
    let mut told = Event::new("LOGOUT");
    let client = token::client(ctx, http, &form, allowed, &mut told).await?;
    let claims = match claims(ctx, &client, &form) {
        Ok(claims) => claims,
        Err(why) => {
            let mut told = told.detail("reason", why);
            told.error = Some("invalid_token".to_owned());
            event::refused(ctx, told).await;
            return Err(HttpError::oauth(400, "invalid_grant", why));
        }
    };
    let mut ended = protocol::session::end(ctx, &claims.sid).await?;
    if claims.typ == OFFLINE {
        let (db, realm) = (&ctx.state().pool, ctx.realm.id);
        let kept = offline::find(db, realm, &claims.sid).await?;
        if offline::delete(db, realm, &claims.sid).await?
            && ended.is_none()
            && let Some(kept) = kept
        {
            let over = Ended {
                id: kept.id,
                user_id: kept.user_id,
                clients: kept.clients.into_values().collect(),
            };
            protocol::session::told(ctx, std::slice::from_ref(&over));
            ended = Some(over);
        }
    }
    if let Some(ended) = ended {
        told.user_id = Some(ended.user_id.to_string());
        told.session_id = Some(ended.id);
        event::record(ctx, told).await;
    }
    Ok(())
}

/// The claims of a refresh token of this client, however old it is.
fn claims(ctx: &RealmContext, client: &Known, form: &Form) -> Result<Claims, &'static str> {
    let token = form.get("refresh_token").unwrap_or_default();
    let claims: Claims = protocol::token::open(&ctx.realm, token, token::REFRESH_ALGORITHMS)
        .filter(|claims: &Claims| claims.iss == ctx.issuer())
        .filter(|claims| [REFRESH, OFFLINE].contains(&claims.typ.as_str()))
        .ok_or("Invalid refresh token")?;
    if claims.azp != client.client_id {
        return Err("Invalid refresh token. Token client and authorized client don't match");
    }
    Ok(claims)
}
