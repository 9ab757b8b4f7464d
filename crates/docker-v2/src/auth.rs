//! The token endpoint: `GET …/protocol/docker-v2/auth?service=…&scope=…` with Basic credentials.

use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpRequest, HttpResponse, Resource, web};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use client::Known;
use protocol::login::{self, Attempt, Door, Passed, Refusal};
use protocol::{HttpError, RealmContext};
use realm::event::Event;
use serde_json::json;
use std::sync::Arc;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::error::{Error, NOT_STORED};
use crate::scope::{self, Access};
use crate::{ID, access, token};

/// Basic credentials longer than this are no credentials.
const MAX_AUTHORIZATION: usize = 16 * 1024;

pub(crate) fn resource(path: &str) -> Resource {
    protocol::resource(path)
        .route(web::get().to(answer))
        .route(web::head().to(answer))
        .route(web::method(actix_web::http::Method::OPTIONS).to(options))
}

async fn options(_: RealmContext) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::ALLOW, "HEAD, GET, OPTIONS"))
        .finish()
}

async fn answer(ctx: RealmContext, request: HttpRequest) -> HttpResponse {
    let outcome = if request.method() == actix_web::http::Method::HEAD {
        "head"
    } else {
        "get"
    };
    let result = issue(&ctx, &request).await;
    let status = match &result {
        Ok(_) => "granted",
        Err(Error::Unauthorized { .. }) => "unauthorized",
        Err(_) => "refused",
    };
    metrics::counter!("realmkeep_docker_tokens_total", "method" => outcome, "outcome" => status)
        .increment(1);
    result.unwrap_or_else(Error::into_response)
}

async fn issue(ctx: &RealmContext, request: &HttpRequest) -> Result<HttpResponse, Error> {
    let refused = |text: &str| Err(HttpError::oauth(400, "invalid_request", text).into());
    if !ctx.request.encrypted_enough(&ctx.realm) {
        return refused("HTTPS required");
    }
    if !ctx.realm.enabled {
        return refused("Realm not enabled");
    }
    let query = Query::read(request.query_string());
    let client = service(ctx, &query).await?;
    let asked = scope::parse(&query.scopes).map_err(Error::Denied)?;
    let Some((username, password)) = basic_credentials(request.headers()) else {
        return Err(Error::unauthorized(
            &ctx.realm,
            "Authentication is required.",
            asked,
        ));
    };
    let attempt = Attempt {
        username: &username,
        password: &password,
        with_email: true,
        door: Door::PasswordOnly {
            second_factor_needless: ctx
                .realm
                .settings
                .attributes
                .get("dockerV2.passwordWithSecondFactor")
                .is_some_and(|v| v == "true"),
        },
        client_id: &client.client_id,
        event: Event::new("LOGIN")
            .detail("auth_method", ID)
            .detail("scope", query.scopes.join(" ")),
    };
    let user = match login::password(ctx, attempt).await? {
        Ok(Passed { user, .. }) => user,
        Err(refusal) => return Err(Error::unauthorized(&ctx.realm, &words(ctx, refusal), asked)),
    };
    let granted = access::grant(&client, asked);
    let token = token::issue(ctx, &client, &user.username, &granted)?;
    tell(ctx, &client, &user, &query, &granted).await;
    let issued_at = OffsetDateTime::from_unix_timestamp(token.issued_at)
        .ok()
        .and_then(|at| at.format(&Rfc3339).ok());
    Ok(HttpResponse::Ok().insert_header(NOT_STORED).json(
        json!({ "token": token.token, "expires_in": token.expires_in, "issued_at": issued_at }),
    ))
}

/// The client that `service` names. Decision D16: of this protocol only.
async fn service(ctx: &RealmContext, query: &Query) -> Result<Arc<Known>, HttpError> {
    let mut services = query.services.iter();
    let Some(service) = services.next() else {
        return Err(HttpError::oauth(
            400,
            "invalid_request",
            "service parameter must be provided",
        ));
    };
    if services.any(|other| other != service) {
        let text = "service parameter was given twice, with two values";
        return Err(HttpError::oauth(400, "invalid_request", text));
    }
    let state = ctx.state();
    let client = state.clients.get(&state.pool, &ctx.realm, service).await?;
    let (error, text) = match client {
        None => (
            "client_not_found",
            "Client specified by 'service' parameter does not exist",
        ),
        Some(client) if !client.enabled => (
            "client_disabled",
            "Client specified by 'service' is disabled",
        ),
        Some(client) if client.protocol != ID => (
            "invalid_client",
            "Client specified by 'service' is not a docker-v2 client",
        ),
        Some(client) => return Ok(client),
    };
    let mut event = Event::new("LOGIN_ERROR").detail("auth_method", ID);
    event.client_id = Some(service.clone());
    event.error = Some(error.to_owned());
    protocol::event::record(ctx, event).await;
    Err(HttpError::oauth(400, "invalid_client", text))
}

fn words(ctx: &RealmContext, refusal: Refusal) -> String {
    match refusal {
        Refusal::Credentials | Refusal::Disabled => "Invalid username or password.".to_owned(),
        Refusal::NotSetUp => format!(
            "Account is not fully set up. Sign in at {}/account first.",
            ctx.issuer()
        ),
        Refusal::SecondFactor => {
            "A second factor protects this account. Use an app password.".to_owned()
        }
    }
}

async fn tell(
    ctx: &RealmContext,
    client: &Known,
    user: &user::User,
    query: &Query,
    granted: &[Access],
) {
    let mut event = Event::new("LOGIN")
        .detail("auth_method", ID)
        .detail("username", user.username.as_str())
        .detail("scope", query.scopes.join(" "))
        .detail(
            "access",
            granted
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" "),
        );
    event.client_id = Some(client.client_id.clone());
    event.user_id = Some(user.id.to_string());
    protocol::event::record(ctx, event).await;
}

/// Reads `Authorization: Basic …` (RFC 7617). None for everything that is not exactly that (decision D8).
fn basic_credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let mut values = headers.get_all(header::AUTHORIZATION);
    let (value, None) = (values.next()?, values.next()) else {
        return None;
    };
    if value.len() > MAX_AUTHORIZATION {
        return None;
    }
    let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (username, password) = text.split_once(':')?;
    (!text.contains('\0')).then(|| (username.to_owned(), password.to_owned()))
}

/// The parameters that count; `account`, `client_id` and whatever else is sent are ignored.
struct Query {
    services: Vec<String>,
    scopes: Vec<String>,
}

impl Query {
    fn read(text: &str) -> Self {
        let mut query = Self {
            services: Vec::new(),
            scopes: Vec::new(),
        };
        for pair in text.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match decode(name).as_str() {
                "service" => query.services.push(decode(value)),
                "scope" => query.scopes.push(decode_scope(value)),
                _ => {}
            }
        }
        query
    }
}

fn decode(text: &str) -> String {
    let spaced = text.replace('+', " ");
    protocol::context::decode_segment(&spaced).unwrap_or(spaced)
}

/// Some clients encode a scope twice; Keycloak takes it, and no repository name holds a percent sign.
fn decode_scope(text: &str) -> String {
    let once = decode(text);
    if once.contains('%') {
        protocol::context::decode_segment(&once).unwrap_or(once)
    } else {
        once
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;
    use proptest::prelude::*;

    fn credentials(values: &[&str]) -> Option<(String, String)> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        basic_credentials(&headers)
    }

    #[test]
    fn basic_credentials_are_read_as_rfc_7617_writes_them() {
        let alice = Some(("alice".to_owned(), "a:b ü".to_owned()));
        let encoded = STANDARD.encode("alice:a:b ü");
        assert_eq!(credentials(&[&format!("Basic {encoded}")]), alice);
        assert_eq!(credentials(&[&format!("bASIC  {encoded}")]), alice);
        assert_eq!(credentials(&[]), None);
        assert_eq!(credentials(&["Basic"]), None);
        assert_eq!(credentials(&["Bearer x"]), None);
        assert_eq!(credentials(&["Basic ???"]), None);
        assert_eq!(
            credentials(&[&format!("Basic {}", STANDARD.encode("nocolon"))]),
            None
        );
        assert_eq!(
            credentials(&[&format!("Basic {}", STANDARD.encode("a\0:b"))]),
            None
        );
        assert_eq!(
            credentials(&[&format!("Basic {}", STANDARD.encode(b"\xff:b"))]),
            None
        );
        assert_eq!(
            credentials(&[&format!("Basic {encoded}"), &format!("Basic {encoded}")]),
            None
        );
    }

    proptest! {
        #[test]
        fn any_header_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let mut headers = HeaderMap::new();
                headers.append(header::AUTHORIZATION, value);
                basic_credentials(&headers);
            }
        }

        #[test]
        fn what_is_encoded_is_read_back(name in "[^:\u{0}]*", password in "[^\u{0}]*") {
            let encoded = STANDARD.encode(format!("{name}:{password}"));
            prop_assert_eq!(credentials(&[&format!("Basic {encoded}")]), Some((name, password)));
        }

        #[test]
        fn any_query_is_read(text in ".*", scope in "(%[0-9a-f]{0,2}|[a-z:,+ ])*") {
            Query::read(&text);
            let query = Query::read(&format!("service=x&scope={scope}"));
            prop_assert_eq!((query.services.len(), query.scopes.len()), (1, 1));
        }
    }

    #[test]
    fn scopes_are_decoded_once_or_twice() {
        let query = Query::read(
            "service=reg&scope=repository%3Aa%3Apull+registry:catalog:*&scope=repository%253Ab%253Apull&x",
        );
        assert_eq!(query.services, ["reg"]);
        assert_eq!(
            query.scopes,
            ["repository:a:pull registry:catalog:*", "repository:b:pull"]
        );
    }
}
