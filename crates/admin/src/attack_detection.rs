//! `/admin/realms/{realm}/attack-detection/brute-force/users`.

use actix_web::{HttpResponse, web};
use protocol::HttpError;
use user::lockout;
use uuid::Uuid;

use crate::Admin;
use crate::auth::Role::{ManageUsers, ViewUsers};

/// An unknown user has the status of one who never failed, as in Keycloak.
pub(crate) async fn get(
    admin: Admin,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, HttpError> {
    admin.require(&[ViewUsers, ManageUsers])?;
    let id: Uuid = path.1.parse().unwrap_or_default();
    let status = lockout::status(admin.db(), &admin.realm, id, store::clock::now()).await?;
    Ok(HttpResponse::Ok().json(status))
}

pub(crate) async fn clear(
    admin: Admin,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageUsers])?;
    if let Ok(id) = path.1.parse::<Uuid>() {
        lockout::clear(admin.db(), admin.realm.id, id).await?;
    }
    Ok(HttpResponse::NoContent().finish())
}

pub(crate) async fn clear_all(admin: Admin) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageUsers])?;
    lockout::clear_all(admin.db(), admin.realm.id).await?;
    Ok(HttpResponse::NoContent().finish())
}
