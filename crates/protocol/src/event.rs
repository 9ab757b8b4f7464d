//! Events of logins: written once, here, whatever the protocol.

use realm::event::{self, Event};

use crate::RealmContext;

/// Records an event of this request. A request is answered even if its event cannot be kept; the log says so.
pub async fn record(ctx: &RealmContext, mut event: Event) {
    event.ip_address = Some(ctx.request.ip.to_string());
    if let Err(error) = event::record(&ctx.state().pool, &ctx.realm, &event).await {
        tracing::warn!(%error, kind = %event.kind, "an event was not kept");
    }
}

/// Records that what `event` is about was refused, for the reason that it names; one without an error is not recorded.
pub async fn refused(ctx: &RealmContext, mut event: Event) {
    if event.error.is_some() {
        event.kind.push_str("_ERROR");
        record(ctx, event).await;
    }
}
