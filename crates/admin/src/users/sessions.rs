//! Sessions of a user, and ending them.

use actix_web::{HttpResponse, web};
use protocol::HttpError;
use serde_json::{Value, json};
use user::session::{self, Session};
use uuid::Uuid;

use super::{UserPath, managed, require_reach, viewed};
use crate::Admin;
use crate::auth::Role::ManageUsers;
use crate::page::Query;

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
    Ok(HttpResponse::Ok().json(sessions.iter().map(to_rep).collect::<Vec<_>>()))
}

/// There are no offline sessions on this server.
pub(crate) async fn list_offline(
    admin: Admin,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, HttpError> {
    viewed(&admin, &path.1).await?;
    let unknown = || HttpError::plain(404, "Client not found");
    let id: Uuid = path.2.parse().map_err(|_| unknown())?;
    client::find(admin.db(), admin.realm.id, id)
        .await?
        .ok_or_else(unknown)?;
    Ok(HttpResponse::Ok().json(json!([])))
}

/// Ends the sessions of a user, and all tokens issued before this second.
pub(crate) async fn logout(admin: Admin, path: UserPath) -> Result<HttpResponse, HttpError> {
    let found = managed(&admin, &path.1).await?;
    let realm = admin.realm.id;
    let mut transaction = admin.db().begin().await.map_err(store::Error::from)?;
    user::set_not_before(&mut *transaction, realm, found.id, store::clock::now()).await?;
    session::delete_all_of_user(&mut *transaction, realm, found.id).await?;
    transaction.commit().await.map_err(store::Error::from)?;
    Ok(HttpResponse::NoContent().finish())
}

/// Ends one session; there are no offline ones.
pub(crate) async fn delete(
    admin: Admin,
    path: web::Path<(String, String)>,
    query: Query,
) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageUsers])?;
    // Keycloak's spelling; clients may compare it.
    let gone = || HttpError::plain(404, "Sesssion not found");
    if query.flag("isOffline") == Some(true) {
        return Err(gone());
    }
    let found = session::find(admin.db(), admin.realm.id, &path.1)
        .await?
        .ok_or_else(gone)?;
    require_reach(&admin, found.user_id).await?;
    if !session::delete(admin.db(), admin.realm.id, &found.id).await? {
        return Err(gone());
    }
    admin.note(|note| note.representation = Some(json!({ "offline": false })));
    Ok(HttpResponse::NoContent().finish())
}
