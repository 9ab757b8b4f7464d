//! `POST …/token/introspect` (RFC 7662): whether a token is good, for the clients that it is meant for.

use actix_web::{HttpRequest, HttpResponse, ResponseError as _, web};
use protocol::{HttpError, RealmContext, access};
use serde_json::{Map, Value, json};

use crate::{client_auth, token};

/// An access token is `active` for a client that is in its `aud`, as in Keycloak.
pub(crate) async fn answer(
    ctx: RealmContext,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    match introspect(&ctx, &request, payload).await {
        Ok(Some(claims)) => HttpResponse::Ok().json(claims),
        Ok(None) => HttpResponse::Ok().json(json!({ "active": false })),
        Err(error) => error.error_response(),
    }
}

async fn introspect(
    ctx: &RealmContext,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<Option<Map<String, Value>>, HttpError> {
    let form = token::form(ctx, request, payload).await?;
    let client = client_auth::authenticate(ctx, request, &form)
        .await
        .map_err(|error| {
            if error.body()["error"] == "unauthorized_client" {
                HttpError::oauth(401, "invalid_client", "Client authentication failed.")
            } else {
                error
            }
        })?;
    if client.public_client() {
        return Err(HttpError::oauth(
            403,
            "invalid_request",
            "Client not allowed.",
        ));
    }
    let token = form
        .get("token")
        .ok_or_else(|| HttpError::oauth(400, "invalid_request", "Token not provided."))?;
    let issuer = ctx.issuer();
    let is_issuer = |known: &str| known == issuer;
    let Ok(access) = access::open(ctx.state(), &ctx.realm, token, is_issuer).await? else {
        return Ok(None);
    };
    let opened = protocol::token::open(&ctx.realm, token, access::ALGORITHMS);
    let mut claims: Map<String, Value> = opened.unwrap_or_default();
    if !names(claims.get("aud"), &client.client_id) {
        return Ok(None);
    }
    let username = user::find(&ctx.state().pool, ctx.realm.id, access.user)
        .await?
        .map(|user| user.username);
    let typ = claims.get("typ").cloned();
    for (name, value) in [
        ("client_id", Some(json!(access.client.client_id))),
        ("username", username.map(Value::String)),
        ("token_type", typ),
        ("active", Some(json!(true))),
    ] {
        if let Some(value) = value {
            claims.insert(name.to_owned(), value);
        }
    }
    Ok(Some(claims))
}

fn names(audience: Option<&Value>, client: &str) -> bool {
    match audience {
        Some(Value::String(one)) => one == client,
        Some(Value::Array(several)) => several.iter().any(|one| one == client),
        _ => false,
    }
}
