//! The end of a session: asked for by a client with a refresh token, or by a browser; and how other clients hear of it.

pub(crate) mod backchannel;
mod backend;
mod confirm;
mod end_session;
mod frontchannel;

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};
use protocol::RealmContext;

use crate::form::Pairs;
use crate::login_actions::respond;

pub(crate) use confirm::answer as confirm;

/// `GET` and `POST …/logout` (OpenID Connect RP-Initiated Logout 1.0 §2); `POST` with `refresh_token` is a client's own.
pub(crate) async fn answer(
    ctx: RealmContext,
    http: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    if http.method() != Method::POST {
        let answer = end_session::begin(&ctx, &http, &Pairs::of_query(&http)).await;
        return respond(&ctx, &http, answer).await;
    }
    let body =
        protocol::body::read(&http, &mut payload.into_inner(), protocol::body::MAX_BODY).await;
    let answer = match body {
        Ok(body) => {
            let pairs = Pairs::parse(std::str::from_utf8(&body).unwrap_or_default());
            if pairs.get("refresh_token").is_some() {
                return backend::answer(&ctx, &http, &body).await;
            }
            end_session::begin(&ctx, &http, &pairs).await
        }
        Err(error) => Err(error),
    };
    respond(&ctx, &http, answer).await
}
