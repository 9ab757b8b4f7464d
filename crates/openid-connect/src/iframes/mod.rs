//! Pages that applications hold in hidden frames: one says whether the browser's session goes on (OpenID Connect Session
//! Management 1.0 §3), two find out whether the browser keeps cookies of frames. keycloak-js asks all of them.

use std::sync::LazyLock;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use protocol::html::Framed;
use protocol::{HttpError, RealmContext};

use crate::cors;
use crate::form::Pairs;

/// A page with one script, which is all that its policy lets it run.
struct Frame {
    html: String,
    policy: String,
}

impl Frame {
    fn new(script: &str) -> Self {
        let hash = STANDARD.encode(digest(&SHA256, script.as_bytes()));
        Self {
            html: format!(
                "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"></head>\n\
                 <body><script>{script}</script></body>\n</html>\n"
            ),
            // Any site may frame it: there are no frame-ancestors.
            policy: format!(
                "frame-src 'self'; object-src 'none'; default-src 'none'; script-src 'sha256-{hash}'; \
                 connect-src 'self'; base-uri 'none'; form-action 'none'"
            ),
        }
    }

    fn send(&self) -> HttpResponse {
        let mut response = HttpResponse::Ok()
            .content_type("text/html;charset=utf-8")
            .insert_header((header::CONTENT_SECURITY_POLICY, self.policy.as_str()))
            .insert_header((
                header::CACHE_CONTROL,
                "no-cache, must-revalidate, no-transform, no-store",
            ))
            .body(self.html.clone());
        response.extensions_mut().insert(Framed);
        response
    }
}

static LOGIN_STATUS: LazyLock<Frame> = LazyLock::new(|| {
    Frame::new(concat!(
        include_str!("access.js"),
        include_str!("login-status.js")
    ))
});
static STEP_1: LazyLock<Frame> =
    LazyLock::new(|| Frame::new(concat!(include_str!("access.js"), include_str!("step1.js"))));
static STEP_2: LazyLock<Frame> = LazyLock::new(|| Frame::new(include_str!("step2.js")));

pub(crate) fn routes(cfg: &mut web::ServiceConfig) {
    for (path, frame) in [
        ("/login-status-iframe.html", &LOGIN_STATUS),
        ("/3p-cookies/step1.html", &STEP_1),
        ("/3p-cookies/step2.html", &STEP_2),
    ] {
        let page = protocol::resource(path)
            .route(web::get().to(async move |_: RealmContext| frame.send()));
        cfg.service(cors::without_preflight(page, "HEAD, GET, OPTIONS"));
    }
    let init = protocol::resource("/login-status-iframe.html/init").route(web::get().to(init));
    cfg.service(cors::without_preflight(init, "HEAD, GET, OPTIONS"));
}

/// Whether a page of this origin may ask for a client: 204 or 403.
async fn init(ctx: RealmContext, http: HttpRequest) -> Result<HttpResponse, HttpError> {
    let query = Pairs::of_query(&http);
    let (Some(id), Some(origin)) = (query.get("client_id"), query.get("origin")) else {
        return Ok(HttpResponse::Forbidden().finish());
    };
    let state = ctx.state();
    let client = state.clients.get(&state.pool, &ctx.realm, id).await?;
    let may = client.is_some_and(|client| {
        client.enabled && (cors::names(&client, origin) || cors::is_own(&ctx, origin))
    });
    Ok(if may {
        HttpResponse::NoContent().finish()
    } else {
        HttpResponse::Forbidden().finish()
    })
}
