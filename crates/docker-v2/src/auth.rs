//! The token endpoint by GET: `…/protocol/docker-v2/auth?service=…&scope=…` with Basic credentials.

use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpRequest, HttpResponse, Resource, web};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use protocol::RealmContext;
use serde_json::json;

use crate::answer::{self, Asked, Caller};
use crate::error::{Error, NOT_STORED};
use crate::{form, identity};

/// Basic credentials longer than this are no credentials.
const MAX_AUTHORIZATION: usize = 16 * 1024;

pub(crate) fn resource(path: &str) -> Resource {
    protocol::resource(path)
        .route(web::get().to(answer))
        .route(web::head().to(answer))
        .route(web::post().to(form::answer))
        .route(web::method(Method::OPTIONS).to(options))
}

async fn options(_: RealmContext) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::ALLOW, "HEAD, POST, GET, OPTIONS"))
        .finish()
}

async fn answer(ctx: RealmContext, request: HttpRequest) -> HttpResponse {
    let method = if request.method() == Method::HEAD {
        "head"
    } else {
        "get"
    };
    let result = issue(&ctx, &request).await;
    answer::count(method, &result);
    result.unwrap_or_else(Error::into_response)
}

async fn issue(ctx: &RealmContext, request: &HttpRequest) -> Result<HttpResponse, Error> {
    answer::open(ctx)?;
    let query = Query::read(request.query_string());
    let mut asked = Asked::read(ctx, &query.services, &query.scopes).await?;
    let caller = match basic_credentials(request.headers()) {
        // Programs that know only Basic get what their credential store holds; they would not store another.
        Some((username, password)) if identity::is_meant(&username, &password) => {
            identity::refresh(ctx, &asked, &password).await?
        }
        Some((username, password)) => {
            // Who asks by HEAD would not see it.
            asked.offline = query.offline && request.method() != Method::HEAD;
            Caller::log_in(ctx, &asked, &username, &password).await?
        }
        None => {
            let silent = !request.headers().contains_key(header::AUTHORIZATION);
            let caller = silent.then(|| Caller::anonymous(&asked)).flatten();
            let refused = || {
                let text = "Authentication is required.";
                Error::unauthorized(&ctx.realm, text, asked.access.clone())
            };
            caller.ok_or_else(refused)?
        }
    };
    let answer = answer::issue(ctx, asked, &caller).await?;
    let mut body = json!({ "token": answer.token.token, "expires_in": answer.token.expires_in,
                           "issued_at": answer.token.issued_at() });
    if let Some(refresh_token) = answer.refresh_token {
        body["refresh_token"] = json!(refresh_token);
    }
    Ok(HttpResponse::Ok().insert_header(NOT_STORED).json(body))
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
    /// `offline_token=true`.
    offline: bool,
}

impl Query {
    fn read(text: &str) -> Self {
        let mut query = Self {
            services: Vec::new(),
            scopes: Vec::new(),
            offline: false,
        };
        for pair in text.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match decode(name).as_str() {
                "service" => query.services.push(decode(value)),
                "scope" => query.scopes.push(decode_scope(value)),
                "offline_token" => query.offline = decode(value) == "true",
                _ => {}
            }
        }
        query
    }
}

pub(crate) fn decode(text: &str) -> String {
    let spaced = text.replace('+', " ");
    protocol::context::decode_segment(&spaced).unwrap_or(spaced)
}

/// Some clients encode a scope twice; Keycloak takes it, and no repository name holds a percent sign.
pub(crate) fn decode_scope(text: &str) -> String {
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
