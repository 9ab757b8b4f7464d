//! An admin call about a client, as the handlers see it that a protocol adds below clients.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use client::Client;

use crate::{HttpError, RealmContext};

/// A call that the permission gate has let through: its caller may look at clients, and change them where the method
/// changes something.
///
/// It is an extractor, so no handler that takes it runs without the gate. Errors: 403 without.
#[derive(Clone)]
pub struct ClientCall {
    /// The realm and the request.
    pub context: RealmContext,
    /// The client in the path, of whatever protocol.
    pub client: Client,
    /// Whether the caller may look at users, too.
    pub views_users: bool,
}

impl ClientCall {
    /// Refuses a caller who may not look at users.
    ///
    /// # Errors
    /// 403.
    pub fn require_view_users(&self) -> Result<(), HttpError> {
        if self.views_users {
            Ok(())
        } else {
            Err(forbidden())
        }
    }
}

fn forbidden() -> HttpError {
    HttpError::plain(403, "HTTP 403 Forbidden")
}

impl FromRequest for ClientCall {
    type Error = HttpError;
    type Future = Ready<Result<Self, HttpError>>;

    fn from_request(http: &HttpRequest, _: &mut Payload) -> Self::Future {
        let call = http.extensions().get::<Self>().cloned();
        ready(call.ok_or_else(forbidden))
    }
}
