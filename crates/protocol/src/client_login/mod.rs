//! The credential gate of clients: the only place where it is judged who a client is, whatever the protocol.

mod assertion;
mod keys;

use std::sync::Arc;

use client::Known;
use realm::event::Event;

use crate::{HttpError, RealmContext};

pub use assertion::TYPE as ASSERTION_TYPE;

/// What a request says about who it comes from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given<'a> {
    /// The clientId; without one, whom the assertion is about.
    pub client_id: Option<&'a str>,
    /// The client's secret.
    pub secret: Option<&'a str>,
    /// `client_assertion_type` (RFC 7521 §4.2).
    pub assertion_type: Option<&'a str>,
    /// `client_assertion`.
    pub assertion: Option<&'a str>,
    /// Whom an assertion may be meant for.
    pub audiences: &'a [String],
}

/// Why a client was not let in. What of it is told is for the protocol to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such client, or it cannot say so in this way.
    Unknown,
    /// It is disabled.
    Disabled,
    /// A missing or wrong secret.
    Secret,
    /// An assertion that does not come from whom it is about.
    Stranger,
    /// What is wrong with its assertion, in Keycloak's words.
    Assertion(String),
    /// The same of one that is to be signed with its secret.
    Signature(&'static str),
    /// None of its keys is known to have signed the assertion.
    NoKey,
}

impl Refusal {
    /// As events name it; none for what is no failed login.
    #[must_use]
    pub fn event_error(&self) -> Option<&'static str> {
        match self {
            Self::Unknown => Some("client_not_found"),
            Self::Disabled => Some("client_disabled"),
            Self::Secret | Self::Stranger | Self::Assertion(_) | Self::Signature(_) => {
                Some("invalid_client_credentials")
            }
            Self::NoKey => Some("client_credentials_setup_required"),
        }
    }
}

/// Finds out which client a request comes from. `event` is told what is known of it, and the error.
///
/// # Errors
/// From the database, and when a stored secret does not open.
pub async fn authenticate(
    ctx: &RealmContext,
    given: &Given<'_>,
    event: &mut Event,
) -> Result<Result<Arc<Known>, Refusal>, HttpError> {
    let judged = judge(ctx, given, event).await?;
    if let Err(refusal) = &judged {
        event.error = refusal.event_error().map(str::to_owned);
        metrics::counter!("realmkeep_client_login_failures_total").increment(1);
    }
    Ok(judged)
}

async fn judge(
    ctx: &RealmContext,
    given: &Given<'_>,
    event: &mut Event,
) -> Result<Result<Arc<Known>, Refusal>, HttpError> {
    let state = ctx.state();
    let assertion = given.assertion.and_then(assertion::read);
    if let Some(assertion) = &assertion {
        assertion.tell(event);
    }
    event.client_id = given.client_id.map(str::to_owned);
    let about = assertion.as_ref().and_then(assertion::Assertion::about);
    let typed = given.assertion_type == Some(assertion::TYPE);
    let Some(name) = given.client_id.or(about.filter(|_| typed)) else {
        return Ok(Err(Refusal::Unknown));
    };
    let Some(client) = state.clients.get(&state.pool, &ctx.realm, name).await? else {
        return Ok(Err(Refusal::Unknown));
    };
    event.client_id = Some(client.client_id.clone());
    if !client.enabled {
        return Ok(Err(Refusal::Disabled));
    }
    let proven = if client.public_client() {
        given.client_id.map(drop).ok_or(Refusal::Unknown)
    } else {
        match client.authenticator() {
            "client-jwt" | "client-secret-jwt" => {
                assertion::check(ctx, &client, given, assertion.as_ref(), event).await?
            }
            "client-secret" if given.client_id.is_none() => Err(Refusal::Unknown),
            "client-secret" => {
                let secret = given.secret.filter(|secret| !secret.is_empty());
                match secret {
                    Some(secret) if client::secret::verify(&state.sealer, &client, secret)? => {
                        Ok(())
                    }
                    _ => Err(Refusal::Secret),
                }
            }
            _ => Err(Refusal::Secret),
        }
    };
    Ok(proven.map(|()| client))
}
