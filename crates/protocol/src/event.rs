//! Events of logins: written once, here, whatever the protocol.

use realm::event::{self, Event};

use crate::{HttpError, RealmContext};

/// Records an event of this request. A request is answered even if its event cannot be kept; the log says so.
pub async fn record(ctx: &RealmContext, event: Event) {
    let kind = event.kind.clone();
    if let Err(error) = write(ctx, event).await {
        tracing::warn!(%error, kind, "an event was not kept");
    }
}

async fn write(ctx: &RealmContext, mut event: Event) -> realm::Result<()> {
    event.ip_address = Some(ctx.request.ip.to_string());
    event::record(&ctx.state().events, &ctx.realm, event).await
}

/// Records that what `event` is about was refused, for the reason that it names; one without an error is not recorded.
pub async fn refused(ctx: &RealmContext, mut event: Event) {
    if event.error.is_some() {
        event.kind.push_str("_ERROR");
        record(ctx, event).await;
    }
}

/// Records an event without which the request must not be answered: ends when it is committed. Every realm that keeps
/// all events keeps it, also if its type is a frequent one.
///
/// # Errors
/// 503 when the realm keeps such events and this one cannot be kept.
pub async fn kept(ctx: &RealmContext, event: Event) -> Result<(), HttpError> {
    Ok(write(ctx, event.audited()).await?)
}
