//! Sessions of a user, and ending them.

use actix_web::{HttpResponse, web};
use protocol::HttpError;
use serde_json::{Value, json};
use user::session::{self, Session, offline};
use uuid::Uuid;

use super::{UserPath, managed, require_reach, viewed};
use crate::Admin;
use crate::auth::Role::ManageUsers;
use crate::page::Query;

/// Those that still go on: one that is over stays in the database until it is swept.
pub(crate) fn lasting(admin: &Admin, mut sessions: Vec<Session>, offline: bool) -> Vec<Session> {
    let limits = protocol::lifetime::limits(&admin.realm, None);
    let now = store::clock::now();
    sessions.retain(|session| limits.lasts(&session.times(offline), now));
    sessions
}

/// A UserSessionRepresentation; its times are milliseconds.
pub(crate) fn to_rep(session: &Session) -> Value {
    json!({
        "id": session.id,
        "username": session.username,
        "userId": session.user_id,
        "ipAddress": session.ip_address,
        "start": session.started * 1000,
        "lastAccess": session.last_refresh * 1000,
        "rememberMe": session.remember_me,
        "clients": session.clients,
        "transientUser": false,
    })
}

pub(crate) async fn list(admin: Admin, path: UserPath) -> Result<HttpResponse, HttpError> {
    let found = viewed(&admin, &path.1).await?;
    let sessions = session::list(admin.db(), admin.realm.id, found.id).await?;
    let sessions = lasting(&admin, sessions, false);
    Ok(HttpResponse::Ok().json(sessions.iter().map(to_rep).collect::<Vec<_>>()))
}

/// The offline sessions of a user with a client.
pub(crate) async fn list_offline(
    admin: Admin,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, HttpError> {
    let found = viewed(&admin, &path.1).await?;
    let unknown = || HttpError::plain(404, "Client not found");
    let id: Uuid = path.2.parse().map_err(|_| unknown())?;
    client::find(admin.db(), admin.realm.id, id)
        .await?
        .ok_or_else(unknown)?;
    let sessions = offline::list(admin.db(), admin.realm.id, found.id, id).await?;
    let sessions = lasting(&admin, sessions, true);
    Ok(HttpResponse::Ok().json(sessions.iter().map(to_rep).collect::<Vec<_>>()))
}

/// Ends the sessions of a user, and all tokens issued before this second.
pub(crate) async fn logout(admin: Admin, path: UserPath) -> Result<HttpResponse, HttpError> {
    let found = managed(&admin, &path.1).await?;
    let realm = admin.realm.id;
    let mut transaction = admin.db().begin().await.map_err(store::Error::from)?;
    user::set_not_before(&mut *transaction, realm, found.id, store::clock::now()).await?;
    let ended = session::end_all_of_user(&mut *transaction, realm, found.id).await?;
    user::auth_session::end_all_of_user(&mut *transaction, realm, found.id).await?;
    transaction.commit().await.map_err(store::Error::from)?;
    protocol::session::told(&admin.context(), &ended);
    Ok(HttpResponse::NoContent().finish())
}

/// Ends one session.
pub(crate) async fn delete(
    admin: Admin,
    path: web::Path<(String, String)>,
    query: Query,
) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageUsers])?;
    // Keycloak's spelling; clients may compare it.
    let gone = || HttpError::plain(404, "Sesssion not found");
    let (db, realm) = (admin.db(), admin.realm.id);
    let is_offline = query.flag("isOffline") == Some(true);
    let found = if is_offline {
        offline::find(db, realm, &path.1).await?
    } else {
        session::find(db, realm, &path.1).await?
    };
    let found = found.ok_or_else(gone)?;
    require_reach(&admin, found.user_id).await?;
    let ended = if is_offline {
        offline::delete(db, realm, &found.id).await?
    } else {
        let ended = protocol::session::end(&admin.context(), &found.id).await?;
        ended.is_some()
    };
    if !ended {
        return Err(gone());
    }
    admin.note(|note| note.representation = Some(json!({ "offline": is_offline })));
    Ok(HttpResponse::NoContent().finish())
}
