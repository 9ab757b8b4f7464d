//! What happens around every request.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError as _, web};
use protocol::HttpError;

use crate::health::Health;

/// How long a request may wait.
#[derive(Clone, Copy)]
pub(crate) struct RequestTimeout(pub Duration);

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
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let begun = Instant::now();
    let health = request.app_data::<web::Data<Health>>().cloned();
    let limit = request
        .app_data::<RequestTimeout>()
        .map_or(Duration::from_secs(5), |limit| limit.0);
    let flag = |of: fn(&Health) -> bool| health.as_ref().is_some_and(|health| of(health));

    let starting = flag(|health| !health.bootstrapped.load(Ordering::SeqCst));
    let mut response = if starting {
        let error = HttpError::unavailable("the server is still starting");
        request
            .into_response(error.error_response())
            .map_into_boxed_body()
    } else {
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
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
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
