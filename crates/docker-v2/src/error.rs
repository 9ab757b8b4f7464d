//! Errors in the registry's shape: `{"errors":[{"code","message","detail"}]}`.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use protocol::HttpError;
use realm::Realm;
use serde_json::{Value, json};

use crate::scope::Access;

/// On every answer of the endpoint, as Keycloak has it.
pub(crate) const NOT_STORED: (header::HeaderName, &str) = (
    header::CACHE_CONTROL,
    "no-store, must-revalidate, max-age=0",
);

pub(crate) enum Error {
    /// 401 with a challenge; `detail` lists the access asked.
    Unauthorized {
        realm_name: String,
        message: String,
        asked: Vec<Access>,
    },
    /// 400: a malformed scope.
    Denied(String),
    /// In the shape that all protocols share.
    Http(HttpError),
}

impl Error {
    pub(crate) fn unauthorized(realm: &Realm, message: &str, asked: Vec<Access>) -> Self {
        Self::Unauthorized {
            realm_name: realm.name.clone(),
            message: message.to_owned(),
            asked,
        }
    }

    pub(crate) fn into_response(self) -> HttpResponse {
        match self {
            Self::Unauthorized {
                realm_name,
                message,
                asked,
            } => {
                // Keycloak has one empty object where nothing was asked.
                let detail = if asked.is_empty() {
                    json!([{}])
                } else {
                    json!(asked)
                };
                HttpResponse::Unauthorized()
                    .insert_header(NOT_STORED)
                    .insert_header((header::WWW_AUTHENTICATE, challenge(&realm_name)))
                    .json(errors("UNAUTHORIZED", &message, &detail))
            }
            Self::Denied(message) => HttpResponse::build(StatusCode::BAD_REQUEST)
                .insert_header(NOT_STORED)
                .json(errors("DENIED", &message, &json!([]))),
            Self::Http(error) => {
                let mut response = actix_web::ResponseError::error_response(&error);
                if let Ok(value) = header::HeaderValue::from_str(NOT_STORED.1) {
                    response.headers_mut().insert(NOT_STORED.0, value);
                }
                response
            }
        }
    }
}

impl From<HttpError> for Error {
    fn from(error: HttpError) -> Self {
        Self::Http(error)
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Self::Http(error.into())
    }
}

fn errors(code: &str, message: &str, detail: &Value) -> Value {
    json!({ "errors": [{ "code": code, "message": message, "detail": detail }] })
}

/// RFC 7617 §2.1. The name is quoted; what a quoted string cannot hold is left out.
fn challenge(realm: &str) -> String {
    let name: String = realm
        .chars()
        .filter(|c| c.is_ascii_graphic() || *c == ' ')
        .flat_map(|c| {
            let escape = (c == '"' || c == '\\').then_some('\\');
            escape.into_iter().chain([c])
        })
        .collect();
    format!("Basic realm=\"{name}\", charset=\"UTF-8\"")
}
