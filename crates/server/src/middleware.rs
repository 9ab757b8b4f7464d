//! What happens around every request.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, Method, StatusCode, Uri};
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError as _, web};
use protocol::HttpError;
use protocol::html::Framed;

use crate::health::Health;

/// How long a request may wait.
#[derive(Clone, Copy)]
pub(crate) struct RequestTimeout(pub Duration);

/// Eight kilobytes of scopes, each byte percent-encoded, and some.
const MAX_URI: usize = 32 * 1024;
/// All headers of a request together.
const MAX_HEADERS: usize = 32 * 1024;

/// Keycloak's security headers, as seen on its answers.
const HEADERS: [(&str, &str); 5] = [
    ("referrer-policy", "no-referrer"),
    (
        "strict-transport-security",
        "max-age=31536000; includeSubDomains",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "SAMEORIGIN"),
    ("x-robots-tag", "none"),
];

/// Times, counts, bounds and dresses every answer.
pub(crate) async fn around(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let begun = Instant::now();
    let health = request.app_data::<web::Data<Health>>().cloned();
    let limit = limit(&request);
    let flag = |of: fn(&Health) -> bool| health.as_ref().is_some_and(|health| of(health));

    let starting = flag(|health| !health.bootstrapped.load(Ordering::SeqCst));
    let refused = if starting {
        Some(HttpError::unavailable("the server is still starting"))
    } else {
        check(&request)
    };
    let mut response = if let Some(error) = refused {
        request
            .into_response(error.error_response())
            .map_into_boxed_body()
    } else {
        without_last_slash(&mut request);
        // Nobody may hold the request while it is routed, so a request that ran out of time is answered by the framework.
        let routed = tokio::time::timeout(limit, next.call(request)).await;
        let routed = routed.map_err(|_| {
            HttpError::unavailable(format_args!(
                "a request took longer than {} s",
                limit.as_secs()
            ))
        })??;
        in_json(routed.map_into_boxed_body())
    };
    let draining = flag(|health| health.draining.load(Ordering::SeqCst));
    dress(&mut response, draining);
    let status = response.status();
    let class = match status.as_u16() / 100 {
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    };
    metrics::histogram!("realmkeep_http_request_seconds", "status" => class)
        .record(begun.elapsed());
    tracing::debug!(status = status.as_u16(), path = ?response.request().path(), ms = begun.elapsed().as_millis(), "answered");
    Ok(response)
}

/// Whether a call waits for a mail server.
fn sends_mail(request: &ServiceRequest) -> bool {
    let path = request.path();
    path.ends_with("-email") || path.ends_with("/testSMTPConnection")
}

/// The import of a large realm hashes passwords and writes rows for longer than any other request may take.
fn limit(request: &ServiceRequest) -> Duration {
    const LARGE: usize = 64 * 1024;
    let length = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if request.method() == Method::POST && length.is_some_and(|length| length > LARGE) {
        return Duration::from_secs(60);
    }
    if sends_mail(request) {
        return Duration::from_secs(15);
    }
    request
        .app_data::<RequestTimeout>()
        .map_or(Duration::from_secs(5), |limit| limit.0)
}

/// Refuses what is too large to be meant, and paths that could be taken for another one.
fn check(request: &ServiceRequest) -> Option<HttpError> {
    let uri = request.uri();
    if uri
        .path_and_query()
        .is_some_and(|text| text.as_str().len() > MAX_URI)
    {
        return Some(HttpError::plain(414, "HTTP 414 URI Too Long"));
    }
    let headers: usize = request
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if headers > MAX_HEADERS {
        return Some(HttpError::plain(
            431,
            "HTTP 431 Request Header Fields Too Large",
        ));
    }
    let path = uri.path();
    if path.contains(';') {
        let text = "Request path contains invalid character ';'";
        return Some(HttpError::oauth(400, "invalidCharacter", text));
    }
    let segments = path.get(1..).unwrap_or_default().split('/').rev();
    let odd = |segment: &str| {
        let decoded = segment.replace("%2e", ".").replace("%2E", ".");
        decoded == "." || decoded == ".."
    };
    // The last one may be empty: a slash at the end.
    if segments.clone().any(odd) || segments.skip(1).any(str::is_empty) {
        return Some(HttpError::oauth(
            400,
            "missingNormalization",
            "Request path not normalized",
        ));
    }
    protocol::context::decode_segment(path)
        .is_none()
        .then(|| HttpError::plain(400, "HTTP 400 Bad Request"))
}

/// Keycloak takes every path with a slash at its end, too.
fn without_last_slash(request: &mut ServiceRequest) {
    let uri = request.uri();
    let Some(path) = uri.path().strip_suffix('/').filter(|path| !path.is_empty()) else {
        return;
    };
    let path = uri
        .query()
        .map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    let mut parts = uri.clone().into_parts();
    let Ok(path) = path.parse() else { return };
    parts.path_and_query = Some(path);
    if let Ok(uri) = Uri::from_parts(parts) {
        request.match_info_mut().get_mut().update(&uri);
        request.head_mut().uri = uri;
    }
}

/// Errors of the framework itself, for what is wrong with a request before any handler runs, in Keycloak's shape.
fn in_json(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let status = response.status();
    let own = response
        .response()
        .error()
        .is_none_or(|error| error.as_error::<HttpError>().is_some());
    if own || !status.is_client_error() {
        return response;
    }
    let text = format!(
        "HTTP {} {}",
        status.as_u16(),
        status.canonical_reason().unwrap_or_default()
    );
    response.into_response(HttpError::plain(status.as_u16(), &text).error_response())
}

fn dress(response: &mut ServiceResponse<BoxBody>, draining: bool) {
    let status = response.status();
    let framed = response.response().extensions().contains::<Framed>();
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        if framed && name == header::X_FRAME_OPTIONS {
            continue;
        }
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    if status == StatusCode::SERVICE_UNAVAILABLE && !headers.contains_key(header::RETRY_AFTER) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    // A kept-alive connection ends with an answer that says so, never in silence under a client's next request.
    if draining {
        response
            .response_mut()
            .head_mut()
            .set_connection_type(ConnectionType::Close);
    }
}
