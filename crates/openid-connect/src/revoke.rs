//! `POST …/revoke` (RFC 7009): a client gives back a token that it does not need any more.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, ResponseError as _, web};
use client::Known;
use protocol::{HttpError, RealmContext, access};
use realm::event::Event;
use serde::Deserialize;
use user::holder::{self, Kind, Presented};
use user::session::{self, Part};

use crate::authorize::answer::POLICY;
use crate::{cors, token};

#[derive(Deserialize)]
struct Claims {
    exp: Option<i64>,
    iat: i64,
    iss: String,
    typ: String,
    azp: String,
    jti: String,
    sid: Option<String>,
}

/// 200 without a word, also for a token that has been given back before; 200 with an error for what is no token (any more),
/// as in Keycloak.
pub(crate) async fn answer(
    ctx: RealmContext,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let mut allowed = false;
    let mut response = match revoke(&ctx, &request, payload, &mut allowed).await {
        Ok(()) => HttpResponse::Ok()
            .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
            .finish(),
        Err(error) => error.error_response(),
    };
    if let Some(origin) = request.headers().get(header::ORIGIN).filter(|_| allowed) {
        cors::allow_and_expose(response.headers_mut(), origin);
    }
    response
}

async fn revoke(
    ctx: &RealmContext,
    request: &HttpRequest,
    payload: web::Payload,
    allowed: &mut bool,
) -> Result<(), HttpError> {
    let form = token::form(ctx, request, payload).await?;
    let mut event = Event::new("REVOKE_GRANT");
    let client = token::client(ctx, request, &form, allowed, &mut event).await?;
    match judge(ctx, &client, form.get("token"), &mut event).await? {
        Ok(()) => {
            protocol::event::record(ctx, event).await;
            Ok(())
        }
        Err((error, answer)) => {
            event.error = Some(error.to_owned());
            protocol::event::refused(ctx, event).await;
            Err(answer)
        }
    }
}

/// Gives the token back, or says why not: as the event names it, and to the client.
async fn judge(
    ctx: &RealmContext,
    client: &Known,
    text: Option<&str>,
    event: &mut Event,
) -> Result<Result<(), (&'static str, HttpError)>, HttpError> {
    let invalid = || HttpError::oauth(200, "invalid_token", "Invalid token");
    let mut refused = |error: &'static str, code: &str, text: &str| {
        event.add("reason", text);
        Ok(Err((error, HttpError::oauth(400, code, text))))
    };
    let Some(text) = text else {
        return refused("invalid_request", "invalid_request", "Token not provided");
    };
    let opened = |algorithms| protocol::token::open::<Claims>(&ctx.realm, text, algorithms);
    let claims = opened(access::REFRESH_ALGORITHMS).or_else(|| opened(access::ALGORITHMS));
    let now = store::clock::now();
    let not_before = client.settings.not_before.unwrap_or(0);
    let Some(claims) = claims.filter(|claims| {
        claims.iss == ctx.issuer()
            && claims.exp.is_none_or(|exp| exp > now)
            && claims.iat >= ctx.realm.not_before.max(not_before)
    }) else {
        return Ok(Err(("invalid_token", invalid())));
    };
    let kind = match claims.typ.as_str() {
        "Refresh" => Kind::Online,
        "Offline" => Kind::Offline,
        "Bearer" if claims.jti.starts_with(access::OFFLINE_PREFIX) => Kind::Offline,
        "Bearer" => Kind::Online,
        _ => {
            return refused(
                "invalid_token_type",
                "unsupported_token_type",
                "Unsupported token type",
            );
        }
    };
    if claims.azp != client.client_id {
        return refused("invalid_request", "invalid_request", "Unmatching clients");
    }
    let (pool, realm) = (&ctx.state().pool, ctx.realm.id);
    // Not every client is told whose its tokens are: they are whoever's session they name, or the client's own.
    let user = match &claims.sid {
        Some(_) => None,
        None => user::find_service_account(pool, realm, client.id).await?,
    };
    let presented = Presented {
        id: &claims.jti,
        user: user.map(|user| user.id),
        client: client.id,
        session: claims.sid.as_deref(),
        kind,
    };
    let holder = holder::find(pool, realm, &presented).await?;
    let takes_part = |holder: &holder::Holder| {
        claims.sid.is_none() || holder.session.is_some_and(|times| times.client.is_some())
    };
    let Some(holder) = holder.filter(takes_part) else {
        return Ok(Err(("user_session_not_found", invalid())));
    };
    event.user_id = Some(holder.user.to_string());
    if claims.typ == "Bearer" {
        let expires = claims.exp.unwrap_or(i64::MAX);
        user::revoked_token::create(pool, realm, &claims.jti, expires).await?;
        event.add("token_id", claims.jti);
        return Ok(Ok(()));
    }
    let session = claims.sid.unwrap_or_default();
    let part = Part {
        session: &session,
        client: client.id,
        offline: kind == Kind::Offline,
    };
    session::revoke(pool, realm, part).await?;
    event.add("refresh_token_type", claims.typ);
    event.add("refresh_token_id", claims.jti);
    event.add("revoked_client", client.client_id.as_str());
    event.session_id = Some(session);
    Ok(Ok(()))
}
