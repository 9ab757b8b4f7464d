//! The end of sessions: one way for all who end them, so that the clients that took part are told.

use user::session::Ended;

use crate::{HttpError, RealmContext};

/// Ends a session; none if there was none.
///
/// # Errors
/// From the database.
pub async fn end(ctx: &RealmContext, id: &str) -> Result<Option<Ended>, HttpError> {
    let ended = user::session::end(&ctx.state().pool, ctx.realm.id, id).await?;
    if let Some(ended) = &ended {
        told(ctx, std::slice::from_ref(ended));
    }
    Ok(ended)
}

/// Lets the protocols tell of sessions that were ended in a transaction, once that is committed. It neither waits nor fails.
pub fn told(ctx: &RealmContext, ended: &[Ended]) {
    if ended.is_empty() {
        return;
    }
    for protocol in ctx.state().protocols.iter() {
        protocol.sessions_ended(ctx, ended);
    }
}
