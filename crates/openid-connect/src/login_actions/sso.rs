//! Who is signed in with a browser already.

use actix_web::HttpRequest;
use protocol::{HttpError, RealmContext};
use user::session::browser::{self, BrowserSession};

use crate::cookies;

/// The session of this browser, if it is still good.
///
/// # Errors
/// From the database.
pub(crate) async fn signed_in(
    ctx: &RealmContext,
    http: &HttpRequest,
) -> Result<Option<BrowserSession>, HttpError> {
    let Some(identity) = cookies::identity(ctx, http) else {
        return Ok(None);
    };
    let found = browser::find(&ctx.state().pool, ctx.realm.id, &identity.sid).await?;
    let now = store::clock::now();
    Ok(found.filter(|session| {
        let (idle, lifespan) = limits(ctx, session.remember_me);
        session.user.id == identity.sub
            && session.user.enabled
            && identity.iat >= session.user.not_before
            && session.last_refresh > now - idle
            && session.started > now - lifespan
    }))
}

/// How long a browser's session lasts without use, and at most; seconds.
pub(crate) fn limits(ctx: &RealmContext, remember_me: bool) -> (i64, i64) {
    let (session, _) = protocol::lifetime::limits(&ctx.realm, None).of(false, remember_me);
    (session.idle, session.lifespan)
}
