//! `…/userinfo` (OpenID Connect Core 1.0 §5.3): the claims of whoever an access token belongs to.

use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _, web};
use protocol::access::{self, Refused};
use protocol::{HttpError, RealmContext};
use serde_json::{Map, Value};

use crate::claims::{self, About, LIGHTWEIGHT};
use crate::scope::Scopes;
use crate::{cors, mappers, token};

/// Why there is no answer, as RFC 6750 §3 says it.
enum Unanswered {
    /// 401 without a word: there was no token.
    NoToken,
    /// 401 `invalid_token`.
    Invalid(&'static str),
    /// 403 `insufficient_scope`.
    Scope,
    /// Everything that is not about the token.
    Other(HttpError),
}

impl From<HttpError> for Unanswered {
    fn from(error: HttpError) -> Self {
        Self::Other(error)
    }
}

/// `GET` with a bearer token, `POST` with one or with `access_token` in a form.
pub(crate) async fn answer(
    ctx: RealmContext,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let mut allowed = false;
    let mut response = match claims(&ctx, &request, payload, &mut allowed).await {
        Ok(claims) => HttpResponse::Ok().json(claims),
        Err(Unanswered::Other(error)) => error.error_response(),
        Err(Unanswered::NoToken) => challenge(&ctx, 401, ""),
        Err(Unanswered::Invalid(text)) => {
            let error = format!(", error=\"invalid_token\", error_description=\"{text}\"");
            challenge(&ctx, 401, &error)
        }
        Err(Unanswered::Scope) => challenge(
            &ctx,
            403,
            ", error=\"insufficient_scope\", error_description=\"Missing openid scope\"",
        ),
    };
    token::dress(&mut response, &request, allowed);
    response
}

fn challenge(ctx: &RealmContext, status: u16, error: &str) -> HttpResponse {
    // A realm's name may hold what a quoted text may not.
    let name = ctx.realm.name.replace(['"', '\\'], "");
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::UNAUTHORIZED);
    let mut response = HttpResponse::build(status)
        .content_type("text/plain;charset=utf-8")
        .finish();
    if let Ok(value) = HeaderValue::from_str(&format!("Bearer realm=\"{name}\"{error}")) {
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, value);
    }
    response
}

async fn claims(
    ctx: &RealmContext,
    request: &HttpRequest,
    payload: web::Payload,
    allowed: &mut bool,
) -> Result<Map<String, Value>, Unanswered> {
    let form = if request.method() == Method::POST {
        Some(token::form(ctx, request, payload).await?)
    } else {
        None
    };
    let in_header = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    let in_form = form.as_ref().and_then(|form| form.get("access_token"));
    let token = in_header.or(in_form).ok_or(Unanswered::NoToken)?;

    let issuer = ctx.issuer();
    let state = ctx.state();
    let access = access::open(state, &ctx.realm, token, |known| known == issuer)
        .await?
        .map_err(|refused| match refused {
            Refused::Token => Unanswered::Invalid("Token verification failed"),
            Refused::Session => Unanswered::Invalid("user_session_not_found"),
        })?;
    let client = &access.client;
    if let Some(origin) = request.headers().get(header::ORIGIN) {
        *allowed = cors::names(client, origin);
        if !*allowed {
            return Err(HttpError::plain(403, "Invalid origin").into());
        }
    }
    if client.attribute(LIGHTWEIGHT) == Some("true") {
        return Err(Unanswered::Invalid(
            "Lightweight access token not allowed for userinfo endpoint",
        ));
    }
    let scopes = Scopes::tried(client, &access.scope);
    if !scopes.openid() {
        return Err(Unanswered::Scope);
    }
    let gone = || Unanswered::Invalid("user_session_not_found");
    let user = user::find(&state.pool, ctx.realm.id, access.user)
        .await
        .map_err(HttpError::from)?
        .ok_or_else(gone)?;
    let held = user::mapping::effective_names(&state.pool, ctx.realm.id, user.id)
        .await
        .map_err(HttpError::from)?;
    let scopes = scopes.permitted(&held);
    let groups = mappers::groups(&state.pool, ctx.realm.id, user.id, client, &scopes).await?;
    Ok(claims::userinfo(&About {
        issuer: &issuer,
        ip: ctx.request.ip,
        client,
        user: &user,
        session_id: access.session.as_deref(),
        scopes: &scopes,
        roles: &scopes.roles(client, &held),
        groups: &groups,
        now: store::clock::now(),
    }))
}
