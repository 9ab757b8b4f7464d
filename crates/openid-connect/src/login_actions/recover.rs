//! Forms whose login is gone.

use actix_web::{HttpRequest, HttpResponse};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use protocol::{HttpError, RealmContext};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::flow;
use super::login::Login;
use super::sso::signed_in;
use crate::authorize::answer;
use crate::authorize::request::{AuthRequest, Fault, ResponseMode, ResponseType};
use crate::cookies;
use crate::form::Pairs;
use crate::pages::{self, msg};

/// The part of a request that the URLs of its steps carry, so that a form which comes too late can tell the client.
#[derive(Serialize, Deserialize)]
struct ClientData {
    ru: String,
    rt: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rm: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    st: Option<String>,
}

/// The same as a parameter.
pub(super) fn client_data(request: &AuthRequest) -> String {
    let data = ClientData {
        ru: request.redirect_uri.clone(),
        rt: match request.response_type {
            ResponseType::Code => "code".to_owned(),
            ResponseType::None => "none".to_owned(),
        },
        rm: (request.response_mode != ResponseMode::Query)
            .then(|| request.response_mode.name().to_owned()),
        st: request.state.clone(),
    };
    URL_SAFE_NO_PAD.encode(json!(data).to_string())
}

fn read(query: &Pairs) -> Option<ClientData> {
    let bytes = URL_SAFE_NO_PAD.decode(query.get("client_data")?).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// What to do about one: begin again, or tell the client that this has been done, or say what is the matter.
///
/// # Errors
/// From the database.
pub(super) async fn recover(
    ctx: &RealmContext,
    http: &HttpRequest,
    query: &Pairs,
) -> Result<HttpResponse, HttpError> {
    let state = ctx.state();
    if let Some(request) = cookies::restart::<AuthRequest>(ctx, http)
        && query.get("client_id") == Some(&request.client_id)
    {
        let client = state
            .clients
            .get(&state.pool, &ctx.realm, &request.client_id)
            .await?
            .filter(|client| client.enabled);
        if let Some(client) = client
            && (request.device.is_some()
                || client::uri::may_redirect(&ctx.request.base, &client, &request.redirect_uri))
        {
            let sso = signed_in(ctx, http).await?;
            let login = Login::new(ctx, http, client, request, sso)?;
            return flow::restart(ctx, login).await;
        }
    }
    let (Some(client_id), Some(data)) = (query.get("client_id"), read(query)) else {
        return Ok(pages::failed(ctx, http, 400, msg("cookieNotFoundMessage"), None).await);
    };
    let client = state
        .clients
        .get(&state.pool, &ctx.realm, client_id)
        .await?;
    let known = client
        .filter(|client| client::uri::may_redirect(&ctx.request.base, client, &data.ru))
        .filter(|_| cookies::has_identity(http));
    match known {
        Some(client) => {
            let request = AuthRequest {
                client_id: client.client_id.clone(),
                redirect_uri: data.ru,
                response_mode: match data.rm.as_deref() {
                    Some("fragment") => ResponseMode::Fragment,
                    Some("form_post") => ResponseMode::FormPost,
                    _ => ResponseMode::Query,
                },
                state: data.st,
                ..AuthRequest::default()
            };
            let fault = Fault {
                error: "temporarily_unavailable",
                description: Some("authentication_expired".to_owned()),
            };
            Ok(answer::fault(ctx, &request, &fault))
        }
        None => Ok(pages::failed(ctx, http, 400, msg("cookieNotFoundMessage"), None).await),
    }
}
