//! Cross-origin requests (Fetch standard): preflights for everybody, answers for the origins that a client names.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use client::Client;
use protocol::RealmContext;

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

/// Lets the page that asks read the answer.
pub(crate) fn allow(headers: &mut HeaderMap, origin: &HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    set(headers, header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}

/// Whether a client's `webOrigins` name an origin: itself, `*`, or `+` for the origins of its redirect URIs.
pub(crate) fn names(client: &Client, origin: &HeaderValue) -> bool {
    let Ok(origin) = origin.to_str() else {
        return false;
    };
    client
        .web_origins()
        .iter()
        .any(|named| match named.as_str() {
            "*" => true,
            "+" => client.redirect_uris().iter().any(|uri| {
                uri.strip_prefix(origin)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#', '*']))
            }),
            named => named == origin,
        })
}
