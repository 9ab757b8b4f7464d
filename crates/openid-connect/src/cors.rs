//! Cross-origin requests (Fetch standard): preflights for everybody, answers for the origins that a client names.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use client::Client;
use protocol::{HttpError, RealmContext};

/// What a preflight allows to be sent, as Keycloak lists it.
const ALLOWED_HEADERS: &str = "Origin, Access-Control-Request-Method, X-Requested-With, Accept, \
     Access-Control-Request-Headers, DPoP, Content-Type, Authorization";

/// Answers the preflights of a resource. They come before the client is known, so every origin is answered.
pub(crate) fn with_preflight(
    resource: actix_web::Resource,
    methods: &'static str,
) -> actix_web::Resource {
    let answer = move |_: RealmContext, request: HttpRequest| async move {
        let mut response = HttpResponse::Ok().finish();
        if let Some(origin) = request.headers().get(header::ORIGIN) {
            allow(response.headers_mut(), origin);
            for (name, value) in [
                (header::ACCESS_CONTROL_ALLOW_METHODS, methods),
                (header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS),
                (header::ACCESS_CONTROL_MAX_AGE, "3600"),
            ] {
                set(response.headers_mut(), name, value);
            }
        } else {
            set(response.headers_mut(), header::ALLOW, methods);
        }
        response
    };
    resource.route(web::method(actix_web::http::Method::OPTIONS).to(answer))
}

/// Answers `OPTIONS` of a resource that pages of other origins have no business with.
pub(crate) fn without_preflight(
    resource: actix_web::Resource,
    methods: &'static str,
) -> actix_web::Resource {
    let answer = move |_: RealmContext| async move {
        let allow = (header::ALLOW, methods);
        HttpResponse::Ok().insert_header(allow).finish()
    };
    resource.route(web::method(actix_web::http::Method::OPTIONS).to(answer))
}

/// Lets the page that asks read the answer.
pub(crate) fn allow(headers: &mut HeaderMap, origin: &HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    set(headers, header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
}

/// The same with those headers that Keycloak lets it read.
pub(crate) fn allow_and_expose(headers: &mut HeaderMap, origin: &HeaderValue) {
    allow(headers, origin);
    let exposed = if headers.contains_key(header::WWW_AUTHENTICATE) {
        "Access-Control-Allow-Methods, WWW-Authenticate"
    } else {
        "Access-Control-Allow-Methods"
    };
    set(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}

/// Refuses a page of an origin that the client does not name, `*` for all. `allowed` becomes whether the page may read
/// the answer; pages of this very server need no leave.
///
/// # Errors
/// 403 `{"error":"Invalid origin"}`.
pub(crate) fn check(
    ctx: &RealmContext,
    request: &HttpRequest,
    client: &Client,
    allowed: &mut bool,
) -> Result<(), HttpError> {
    let Some(origin) = request.headers().get(header::ORIGIN) else {
        return Ok(());
    };
    let origin = origin.to_str().unwrap_or_default();
    *allowed = names(client, origin);
    if *allowed || is_own(ctx, origin) {
        Ok(())
    } else {
        Err(HttpError::plain(403, "Invalid origin"))
    }
}

/// Whether a client's `webOrigins` name an origin: itself, `*`, or `+` for the origins of its redirect URIs.
pub(crate) fn names(client: &Client, origin: &str) -> bool {
    let mut named = client.allowed_origins().into_iter();
    named.any(|named| named == "*" || named == origin)
}

/// Whether an origin is that of this server.
pub(crate) fn is_own(ctx: &RealmContext, origin: &str) -> bool {
    let rest = ctx.request.base.strip_prefix(origin);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
