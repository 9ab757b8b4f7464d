//! `…/userinfo` (OpenID Connect Core 1.0 §5.3): the claims of whoever an access token belongs to.

use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _, web};
use protocol::access::{self, Refused, Type};
use protocol::{HttpError, RealmContext};
use realm::event::Event;
use serde_json::{Map, Value, json};

use crate::claims::{self, About, LIGHTWEIGHT};
use crate::scope::Scopes;
use crate::{cors, mappers, signing, token};

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

/// The answer.
enum Userinfo {
    Plain(Map<String, Value>),
    /// For a client that names an algorithm (OpenID Connect Core 1.0 §5.3.2).
    Signed(String),
}

/// `GET` with a bearer token, `POST` with one or with `access_token` in a form.
pub(crate) async fn answer(
    ctx: RealmContext,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let mut allowed = false;
    let mut event = Event::new("USER_INFO_REQUEST").detail("auth_method", "validate_access_token");
    let result = claims(&ctx, &request, payload, &mut allowed, &mut event).await;
    record(&ctx, event, &result).await;
    let mut response = match result {
        Ok(Userinfo::Plain(claims)) => HttpResponse::Ok().json(claims),
        Ok(Userinfo::Signed(token)) => HttpResponse::Ok()
            .content_type("application/jwt")
            .body(token),
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

/// For realms that keep such events; there are too many of them for the log.
async fn record(ctx: &RealmContext, mut event: Event, result: &Result<Userinfo, Unanswered>) {
    let (error, reason) = match result {
        Ok(_) => (None, None),
        Err(Unanswered::NoToken) => (Some("invalid_token"), Some("Missing token")),
        Err(Unanswered::Invalid("user_session_not_found")) => {
            (Some("user_session_not_found"), None)
        }
        Err(Unanswered::Invalid(reason)) => (Some("invalid_token"), Some(*reason)),
        Err(Unanswered::Scope) => (Some("access_denied"), Some("Missing openid scope")),
        Err(Unanswered::Other(_)) => return,
    };
    if let Some(error) = error {
        event.kind.push_str("_ERROR");
        event.error = Some(error.to_owned());
    }
    if let Some(reason) = reason {
        event.add("reason", reason);
    }
    if realm::event::is_kept(&ctx.realm, &event.kind) {
        protocol::event::record(ctx, event).await;
    }
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
    event: &mut Event,
) -> Result<Userinfo, Unanswered> {
    let form = if request.method() == Method::POST {
        Some(token::form(ctx, request, payload).await?)
    } else {
        token::check_realm(ctx)?;
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
    // Until the client is known any page may read why there is no answer.
    *allowed = true;
    let token = in_header.or(in_form).ok_or(Unanswered::NoToken)?;

    let issuer = ctx.issuer();
    let (access, whole) = access::open_whole(
        ctx.state(),
        &ctx.realm,
        token,
        &[Type::Access],
        |known| known == issuer,
        |client, scope| mappers::tells_groups(client, &Scopes::tried(client, scope)),
    )
    .await?
    .map_err(|refused| {
        Unanswered::Invalid(match refused {
            Refused::Token => "Token verification failed",
            Refused::Client => "Client disabled",
            Refused::User => "User disabled",
            Refused::Stale => "User not valid",
            Refused::Session => "user_session_not_found",
        })
    })?;
    let client = &access.client;
    cors::check(ctx, request, client, allowed)?;
    if client.attribute(LIGHTWEIGHT) == Some("true") {
        return Err(Unanswered::Invalid(
            "Lightweight access token not allowed for userinfo endpoint",
        ));
    }
    let scopes = Scopes::tried(client, &access.scope);
    if !scopes.openid() {
        return Err(Unanswered::Scope);
    }
    let scopes = scopes.permitted(&whole.roles);
    let roles = scopes.roles(client, &whole.roles);
    let about = About::of_token(ctx, &issuer, (&access, &whole), &scopes, &roles);
    let mut claims = claims::userinfo(&about);
    let signed = signing::named(client, signing::USERINFO);
    event.client_id = Some(client.client_id.clone());
    event.user_id = Some(whole.user.id.to_string());
    event.session_id.clone_from(&access.session);
    event.add("username", whole.user.username.as_str());
    event.add("signature_required", signed.is_some().to_string());
    let Some(algorithm) = signed else {
        return Ok(Userinfo::Plain(claims));
    };
    event.add("signature_algorithm", algorithm);
    claims.insert("iss".to_owned(), json!(issuer));
    claims.insert("aud".to_owned(), json!(client.client_id));
    let key = signing::key(ctx, client, signing::USERINFO).await?;
    let header = protocol::token::header(&key);
    Ok(Userinfo::Signed(protocol::token::sign(
        &key, &header, &claims,
    )?))
}
