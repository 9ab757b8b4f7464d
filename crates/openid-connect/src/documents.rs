//! What everybody may read: discovery, the key set, the realm's facts. Made once for each URL it is called by.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use protocol::{HttpError, RealmContext};
use realm::document::Document;
use realm::key::Status;
use serde_json::{Value, json};

use crate::{cors, discovery};

const JSON: &str = "application/json";

/// `GET …/.well-known/openid-configuration` (OpenID Connect Discovery 1.0 §4, RFC 8414).
pub(crate) async fn discovery(
    ctx: RealmContext,
    request: HttpRequest,
) -> Result<HttpResponse, HttpError> {
    let document = discovery::document(&ctx).await?;
    Ok(send(
        &request,
        &document,
        JSON,
        "no-cache, must-revalidate, no-transform, no-store",
    ))
}

/// `GET …/certs`: the public keys that sign or encrypt, passive ones too (RFC 7517 §5).
pub(crate) async fn certs(ctx: RealmContext, request: HttpRequest) -> HttpResponse {
    let document = ctx.realm.documents.get("certs", || {
        let keys: Vec<Value> = ctx
            .realm
            .keys
            .iter()
            .filter(|key| key.status != Status::Disabled)
            .filter_map(|key| key.jwk())
            .collect();
        json!({ "keys": keys }).to_string().into_bytes()
    });
    send(&request, &document, JSON, "no-cache")
}

/// `GET /realms/{realm}`: what adapters of Keycloak read first.
pub(crate) async fn realm(ctx: RealmContext, request: HttpRequest) -> HttpResponse {
    let issuer = ctx.issuer();
    let document = ctx.realm.documents.get(&format!("realm {issuer}"), || {
        let key = ctx
            .realm
            .active_key("RS256")
            .and_then(|key| key.public_key.as_deref());
        json!({
            "realm": ctx.realm.name,
            "public_key": key.map(|der| STANDARD.encode(der)),
            "token-service": format!("{issuer}/protocol/openid-connect"),
            "account-service": format!("{issuer}/account"),
            "tokens-not-before": ctx.realm.not_before
        })
        .to_string()
        .into_bytes()
    });
    send(
        &request,
        &document,
        "application/json;charset=UTF-8",
        "no-cache",
    )
}

fn send(
    request: &HttpRequest,
    document: &Document,
    kind: &'static str,
    cache_control: &'static str,
) -> HttpResponse {
    let known = request
        .headers()
        .get(header::IF_NONE_MATCH)
        .and_then(|tags| tags.to_str().ok());
    let unchanged = known.is_some_and(|tags| {
        tags.split(',')
            .any(|tag| tag.trim().trim_start_matches("W/") == document.etag)
    });
    let mut response = if unchanged {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((header::CACHE_CONTROL, cache_control))
        .insert_header((header::ETAG, document.etag.as_str()));
    let mut response = if unchanged {
        response.finish()
    } else {
        response.content_type(kind).body(document.bytes.clone())
    };
    if let Some(origin) = request.headers().get(header::ORIGIN) {
        // Public facts: any page may read them.
        cors::allow(response.headers_mut(), origin);
    }
    response
}
