//! Scope `offline_access` (OpenID Connect Core 1.0 §11): the client may go on when the user has gone.

use protocol::HttpError;
use user::mapping::RoleNames;

use super::{Asked, Session};
use crate::scope::{OFFLINE_ACCESS, Scopes};

/// Whether the user may let the client have offline access: by the realm role of the same name.
pub(crate) fn is_allowed(asked: &Asked<'_>, scopes: &Scopes<'_>, roles: &RoleNames) -> bool {
    let scopes = scopes.permitted(roles);
    let carried = scopes.roles(asked.client, roles);
    scopes.offline_access() && carried.realm.iter().any(|name| name == OFFLINE_ACCESS)
}

/// # Errors
/// 400 when offline access is asked for and may not be had.
pub(crate) fn check(
    asked: &Asked<'_>,
    scopes: &Scopes<'_>,
    roles: &RoleNames,
) -> Result<(), HttpError> {
    if !scopes.offline_access() || is_allowed(asked, scopes, roles) {
        return Ok(());
    }
    let text = "Offline tokens not allowed for the user or client";
    let answer = HttpError::oauth(400, "not_allowed", text);
    Err(asked.refused("not_allowed", Some(text), answer))
}

/// The offline session that begins, or goes on, with a session.
///
/// # Errors
/// 400 when that is over.
pub(crate) async fn begin<'a>(
    asked: &Asked<'_>,
    session: &Session<'a>,
    now: i64,
) -> Result<Session<'a>, HttpError> {
    let (pool, realm) = (&asked.ctx.state().pool, asked.ctx.realm.id);
    let begun = user::session::offline::begin(pool, realm, session.id, asked.client.id, now);
    let Some(times) = begun.await? else {
        return Err(HttpError::oauth(400, "invalid_grant", "Session not active"));
    };
    Ok(Session {
        times,
        ..session.clone()
    })
}
