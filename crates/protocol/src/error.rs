//! Errors as the other side sees them.

use std::fmt;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use serde_json::{Value, json};

/// A status, one of Keycloak's JSON shapes, and what only the log sees.
#[derive(Debug)]
pub struct HttpError {
    status: StatusCode,
    body: Value,
    log: Option<String>,
}

impl HttpError {
    /// `{"errorMessage": text}`: conflicts and validation.
    #[must_use]
    pub fn message(status: u16, text: &str) -> Self {
        Self::json(status, json!({ "errorMessage": text }))
    }

    /// `{"error": text}`: not found, forbidden.
    #[must_use]
    pub fn plain(status: u16, text: &str) -> Self {
        Self::json(status, json!({ "error": text }))
    }

    /// `{"error": code, "error_description": text}`: OAuth (RFC 6749 §5.2) and policies.
    #[must_use]
    pub fn oauth(status: u16, code: &str, text: &str) -> Self {
        Self::json(status, json!({ "error": code, "error_description": text }))
    }

    /// Any other body.
    #[must_use]
    pub fn json(status: u16, body: Value) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            body,
            log: None,
        }
    }

    /// Keycloak's answer for a path that it does not know.
    #[must_use]
    pub fn not_found() -> Self {
        Self::plain(404, "HTTP 404 Not Found")
    }

    /// A defect of ours: the reader is told to look at the log, the log is told `why`.
    #[must_use]
    pub fn internal(why: impl fmt::Display) -> Self {
        Self {
            log: Some(why.to_string()),
            ..Self::oauth(
                500,
                "unknown_error",
                "For more on this error consult the server log.",
            )
        }
    }

    /// Try again soon.
    #[must_use]
    pub fn unavailable(why: impl fmt::Display) -> Self {
        Self {
            log: Some(why.to_string()),
            ..Self::oauth(
                503,
                "temporarily_unavailable",
                "The server cannot answer just now. Try again in a moment.",
            )
        }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &Value {
        &self.body
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.body)
    }
}

impl ResponseError for HttpError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        if let Some(log) = &self.log {
            match self.status {
                StatusCode::SERVICE_UNAVAILABLE => tracing::warn!(why = %log, "answered 503"),
                _ => tracing::error!(why = %log, status = %self.status, "request failed"),
            }
        }
        let mut response = HttpResponse::build(self.status);
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.insert_header((header::RETRY_AFTER, "1"));
        }
        response.json(&self.body)
    }
}

impl From<store::Error> for HttpError {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Unavailable(why) => Self::unavailable(why),
            store::Error::Busy(why) => Self::unavailable(why),
            store::Error::Invalid(text) => Self::message(400, &text),
            store::Error::Duplicate(constraint) => Self {
                log: Some(constraint),
                ..Self::oauth(409, "conflict", "Duplicate resource error")
            },
            store::Error::Missing(constraint) => Self {
                log: Some(constraint),
                ..Self::plain(404, "HTTP 404 Not Found")
            },
            other => Self::internal(other),
        }
    }
}
