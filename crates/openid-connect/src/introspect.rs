//! `POST …/token/introspect` (RFC 7662): whether a token is good, for the clients that it is meant for.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, ResponseError as _, web};
use client::Known;
use protocol::access::{self, Access, Refused, Type};
use protocol::{HttpError, RealmContext};
use realm::event::{self, Event};
use serde_json::{Map, Value, json};
use user::holder::Whole;

use crate::claims::{self, About};
use crate::grants::LIGHT;
use crate::scope::Scopes;
use crate::{client_auth, mappers, token};

/// An access or an ID token is `active` for a client that is in its audience, a refresh token for the client that got it
/// and with `token_type_hint=refresh_token`, as in Keycloak.
pub(crate) async fn answer(
    ctx: RealmContext,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    match introspect(&ctx, &request, payload).await {
        Ok(claims) => HttpResponse::Ok()
            .insert_header((header::CACHE_CONTROL, "no-cache"))
            .json(claims),
        Err(error) => error.error_response(),
    }
}

async fn introspect(
    ctx: &RealmContext,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<Map<String, Value>, HttpError> {
    let form = token::form(ctx, request, payload).await?;
    let mut event = Event::new("INTROSPECT_TOKEN");
    let client = client_auth::authenticate(ctx, request, &form, &mut event)
        .await
        .map_err(|error| {
            if error.body()["error"] == "unauthorized_client" {
                HttpError::oauth(401, "invalid_client", "Client authentication failed.")
            } else {
                error
            }
        })?;
    let types: &[Type] = match form.get("token_type_hint") {
        None | Some("access_token") => &[Type::Access, Type::Id],
        // What gocloak always says; such a token is an access token that may have permissions beside its claims.
        Some("requesting_party_token") => &[Type::Access],
        Some("refresh_token") => &[Type::Refresh],
        Some(_) => &[],
    };
    let (status, refusal) = match form.get("token") {
        _ if client.public_client() => (403, "Client not allowed."),
        None => (400, "Token not provided."),
        Some(_) if types.is_empty() => (400, "Unsupported token type."),
        Some(text) => {
            let judged = judge(ctx, &client, text, types).await?;
            return Ok(told(ctx, event, judged).await);
        }
    };
    event.error = Some("invalid_request".to_owned());
    event.add("detail", refusal);
    record(ctx, event).await;
    Err(HttpError::oauth(status, "invalid_request", refusal))
}

/// A good token, and what it is worth to the client that asks.
struct Judged {
    access: Access,
    typ: Value,
    user: String,
    claims: Result<Map<String, Value>, String>,
}

async fn judge(
    ctx: &RealmContext,
    client: &Known,
    text: &str,
    types: &[Type],
) -> Result<Result<Judged, Refused>, HttpError> {
    let issuer = ctx.issuer();
    let opened = access::open_whole(
        ctx.state(),
        &ctx.realm,
        text,
        types,
        |known| known == issuer,
        |client, scope| mappers::tells_groups(client, &Scopes::tried(client, scope)),
    )
    .await?;
    let (access, whole) = match opened {
        Ok(good) => good,
        Err(refused) => return Ok(Err(refused)),
    };
    let refresh = types.contains(&Type::Refresh);
    let algorithms = if refresh {
        access::REFRESH_ALGORITHMS
    } else {
        access::ALGORITHMS
    };
    let token: Map<String, Value> =
        protocol::token::open(&ctx.realm, text, algorithms).unwrap_or_default();
    let claims = describe(ctx, &issuer, (&access, &whole), &token);
    // A light token does not name its audience itself.
    let light = access.id.get(2..4) == Some(LIGHT);
    let meant = if refresh {
        access.client.client_id == client.client_id
    } else {
        let audience = if light { &claims } else { &token };
        names(audience.get("aud"), &client.client_id)
    };
    Ok(Ok(Judged {
        typ: token.get("typ").cloned().unwrap_or_default(),
        user: whole.user.id.to_string(),
        claims: if meant {
            Ok(claims)
        } else {
            Err(format!(
                "Client '{}' is not in the token audience",
                client.client_id
            ))
        },
        access,
    }))
}

fn describe(
    ctx: &RealmContext,
    issuer: &str,
    (access, whole): (&Access, &Whole),
    token: &Map<String, Value>,
) -> Map<String, Value> {
    let scopes = Scopes::tried(&access.client, &access.scope).permitted(&whole.roles);
    let roles = scopes.roles(&access.client, &whole.roles);
    let about = About::of_token(ctx, issuer, (access, whole), &scopes, &roles);
    let mut claims = claims::introspection(&about, token);
    for (name, value) in [
        ("client_id", json!(access.client.client_id)),
        ("username", json!(whole.user.username)),
        ("token_type", token.get("typ").cloned().unwrap_or_default()),
        ("active", json!(true)),
    ] {
        claims.insert(name.to_owned(), value);
    }
    claims
}

/// The answer, once its event is recorded.
async fn told(
    ctx: &RealmContext,
    mut event: Event,
    judged: Result<Judged, Refused>,
) -> Map<String, Value> {
    let claims = match judged {
        Err(refused) => {
            let (error, reason) = match refused {
                Refused::Token => ("invalid_token", "Access token JWT check failed"),
                Refused::Client => ("client_disabled", "Client disabled"),
                Refused::User => ("user_disabled", "User disabled"),
                Refused::Stale => ("invalid_token", "User not valid"),
                Refused::Session => ("user_session_not_found", "user_session_not_found"),
            };
            event.error = Some(error.to_owned());
            event.add("reason", reason);
            None
        }
        Ok(judged) => {
            event.user_id = Some(judged.user);
            event.session_id = judged.access.session;
            event.add("token_issued_for", judged.access.client.client_id.as_str());
            event.add("token_id", judged.access.id);
            event.add("token_type", judged.typ.as_str().unwrap_or_default());
            match judged.claims {
                Ok(claims) => Some(claims),
                Err(reason) => {
                    event.error = Some("invalid_token".to_owned());
                    event.add("reason", reason);
                    None
                }
            }
        }
    };
    record(ctx, event).await;
    claims.unwrap_or_else(|| Map::from_iter([("active".to_owned(), json!(false))]))
}

/// Where a realm does not keep such events nobody is told: there are too many for the log.
async fn record(ctx: &RealmContext, mut event: Event) {
    if event.error.is_some() {
        event.kind.push_str("_ERROR");
    }
    if event::is_kept(&ctx.realm, &event.kind) {
        protocol::event::record(ctx, event).await;
    }
}

fn names(audience: Option<&Value>, client: &str) -> bool {
    match audience {
        Some(Value::String(one)) => one == client,
        Some(Value::Array(several)) => several.iter().any(|one| one == client),
        _ => false,
    }
}
