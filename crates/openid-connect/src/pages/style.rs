//! The stylesheet, under a URL that changes with it.

use std::sync::LazyLock;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use protocol::RealmContext;

const STYLE: &str = include_str!("style.css");

/// What the URL of the stylesheet ends with.
pub(super) static VERSION: LazyLock<String> =
    LazyLock::new(|| URL_SAFE_NO_PAD.encode(&digest(&SHA256, STYLE.as_bytes()).as_ref()[..9]));

/// The stylesheet; kept for a year by who asks for this very version.
pub(crate) async fn answer(_: RealmContext, request: HttpRequest) -> HttpResponse {
    let cache = if request.query_string() == VERSION.as_str() {
        "public, max-age=31536000, immutable"
    } else {
        "public, max-age=300"
    };
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, cache))
        .body(STYLE)
}
