//! One's own sessions, and their end.

use std::collections::BTreeMap;
use std::sync::Arc;

use client::Known;
use protocol::HttpError;
use realm::event::Event;
use serde_json::{Value, json};
use user::session::{self, Session};

use super::Own;
use crate::login_actions::sso::limits;
use crate::pages::{Frame, Message};

/// The sessions, the oldest first, as Keycloak lists them.
///
/// # Errors
/// From the database.
pub(super) async fn list(own: &Own) -> Result<Vec<Session>, HttpError> {
    let mut sessions = session::list(&own.ctx.state().pool, own.ctx.realm.id, own.user.id).await?;
    sessions.reverse();
    Ok(sessions)
}

/// Whether it is the one of this request.
pub(super) fn is_current(own: &Own, session: &Session) -> bool {
    own.session.as_ref() == Some(&session.id)
}

/// The second at which it is over at the latest.
fn expires(own: &Own, session: &Session) -> i64 {
    session.started + limits(&own.ctx, session.remember_me).1
}

/// Sessions as programs read them.
///
/// # Errors
/// From the database.
pub(super) async fn to_json(
    own: &Own,
    frame: &Frame,
    sessions: &[Session],
) -> Result<Vec<Value>, HttpError> {
    let clients = clients(own, sessions).await?;
    let offline =
        session::offline::clients_of_user(&own.ctx.state().pool, own.ctx.realm.id, own.user.id);
    let offline = offline.await?;
    let shown = sessions.iter().map(|session| {
        let clients = session.clients.iter().map(|(id, client_id)| {
            let known = clients.get(client_id);
            let mut client = json!({
                "clientId": client_id,
                "userConsentRequired": known.is_some_and(|known| known.consent_required()),
                "inUse": false,
                "offlineAccess": offline.iter().any(|(known, _)| known == id),
            });
            let name = known.and_then(|known| known.settings.name.as_deref());
            if let Some(name) = name.filter(|name| !name.is_empty()) {
                client["clientName"] = json!(frame.m(&Message::resource(name)));
            }
            client
        });
        let mut shown = json!({
            "id": session.id,
            "ipAddress": session.ip_address,
            "started": session.started,
            "lastAccess": session.last_refresh,
            "expires": expires(own, session),
            "clients": clients.collect::<Vec<_>>(),
            "browser": "Unknown",
        });
        if is_current(own, session) {
            shown["current"] = json!(true);
        }
        shown
    });
    Ok(shown.collect())
}

/// The clients that take part, by clientId.
///
/// # Errors
/// From the database.
pub(super) async fn clients(
    own: &Own,
    sessions: &[Session],
) -> Result<BTreeMap<String, Arc<Known>>, HttpError> {
    let state = own.ctx.state();
    let mut clients = BTreeMap::new();
    for client_id in sessions.iter().flat_map(|session| session.clients.values()) {
        if clients.contains_key(client_id) {
            continue;
        }
        if let Some(client) = state
            .clients
            .get(&state.pool, &own.ctx.realm, client_id)
            .await?
        {
            clients.insert(client_id.clone(), client);
        }
    }
    Ok(clients)
}

/// Ends one of one's own sessions; any other is left alone.
///
/// # Errors
/// From the database.
pub(super) async fn end(own: &Own, id: &str) -> Result<(), HttpError> {
    let pool = &own.ctx.state().pool;
    let known = session::find(pool, own.ctx.realm.id, id).await?;
    if known.is_some_and(|session| session.user_id == own.user.id)
        && protocol::session::end(&own.ctx, id).await?.is_some()
    {
        let mut event = Event::new("LOGOUT");
        event.session_id = Some(id.to_owned());
        own.record(event).await;
    }
    Ok(())
}

/// Ends all of them, or all but that of this request.
///
/// # Errors
/// From the database.
pub(super) async fn end_all(own: &Own, current: bool) -> Result<(), HttpError> {
    for session in list(own).await? {
        if current || !is_current(own, &session) {
            end(own, &session.id).await?;
        }
    }
    Ok(())
}
