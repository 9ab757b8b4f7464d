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
            } => HttpResponse::Unauthorized()
                .insert_header(NOT_STORED)
                .insert_header((header::WWW_AUTHENTICATE, challenge(&realm_name)))
                .json(errors("UNAUTHORIZED", &message, &detail(&asked))),
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

impl Error {
    /// The same for programs that sent a form: what OAuth2 has (RFC 6749 §5.2) and the registry's error list in one body.
    pub(crate) fn into_form_response(self) -> HttpResponse {
        let (status, mut body) = match &self {
            Self::Unauthorized { message, asked, .. } => (
                StatusCode::UNAUTHORIZED,
                errors("UNAUTHORIZED", message, &detail(asked)),
            ),
            Self::Denied(message) => (
                StatusCode::BAD_REQUEST,
                errors("DENIED", message, &json!([])),
            ),
            Self::Http(error) if error.status() < 500 => {
                let text = ["error_description", "errorMessage", "error"]
                    .iter()
                    .find_map(|member| error.body()[member].as_str());
                let code = match error.body()["error"].as_str() {
                    Some("unsupported_grant_type") => "UNSUPPORTED",
                    _ => "DENIED",
                };
                let body = errors(code, text.unwrap_or_default(), &json!([]));
                (actix_web::ResponseError::status_code(error), body)
            }
            Self::Http(_) => return self.into_response(),
        };
        let error = match &self {
            Self::Unauthorized { .. } => "invalid_grant",
            Self::Http(error) if error.body()["error_description"].is_string() => {
                error.body()["error"].as_str().unwrap_or("invalid_request")
            }
            _ => "invalid_request",
        };
        body["error"] = json!(error);
        body["error_description"] = body["errors"][0]["message"].clone();
        let mut response = HttpResponse::build(status);
        response.insert_header(NOT_STORED);
        if let Self::Unauthorized { realm_name, .. } = &self {
            response.insert_header((header::WWW_AUTHENTICATE, challenge(realm_name)));
        }
        response.json(body)
    }
}

/// The access asked. Keycloak has one empty object where nothing was asked.
fn detail(asked: &[Access]) -> Value {
    if asked.is_empty() {
        json!([{}])
    } else {
        json!(asked)
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
