//! Logout by refresh token: the session ends, and all its tokens with it.

use actix_web::{HttpRequest, HttpResponse, ResponseError as _, web};
use protocol::{HttpError, RealmContext};
use realm::event::Event;
use serde::Deserialize;

use crate::token;

#[derive(Deserialize)]
struct Claims {
    iss: String,
    typ: String,
    azp: String,
    sub: String,
    sid: String,
}

/// `POST …/logout` with the client's credentials and `refresh_token`: 204, also when the session is over already.
pub(crate) async fn answer(
    ctx: RealmContext,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let mut allowed = false;
    let mut response = match end(&ctx, &request, payload, &mut allowed).await {
        Ok(()) => HttpResponse::NoContent().finish(),
        Err(error) => error.error_response(),
    };
    token::dress(&mut response, &request, allowed);
    response
}

async fn end(
    ctx: &RealmContext,
    request: &HttpRequest,
    payload: web::Payload,
    allowed: &mut bool,
) -> Result<(), HttpError> {
    let form = token::form(ctx, request, payload).await?;
    let client = token::client(ctx, request, &form, allowed).await?;
    let token = form
        .get("refresh_token")
        .ok_or_else(|| HttpError::oauth(400, "invalid_request", "No refresh token"))?;
    let invalid = |text: &str| HttpError::oauth(400, "invalid_grant", text);
    let claims: Claims = protocol::token::open(&ctx.realm, token, token::REFRESH_ALGORITHMS)
        .filter(|claims: &Claims| claims.typ == "Refresh" && claims.iss == ctx.issuer())
        .ok_or_else(|| invalid("Invalid refresh token"))?;
    if claims.azp != client.client_id {
        return Err(invalid(
            "Invalid refresh token. Token client and authorized client don't match",
        ));
    }
    let db = &ctx.state().pool;
    if user::session::delete(db, ctx.realm.id, &claims.sid).await? {
        let mut event = Event::new("LOGOUT").detail("client_auth_method", client.authenticator());
        event.client_id = Some(claims.azp);
        event.user_id = Some(claims.sub);
        event.session_id = Some(claims.sid);
        protocol::event::record(ctx, event).await;
    }
    Ok(())
}
