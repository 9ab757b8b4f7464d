//! `/admin/realms/{realm}/users/{id}/groups`, for as long as realms have no groups.

use actix_web::{HttpResponse, web};
use protocol::HttpError;
use serde_json::json;

use super::{UserPath, find, viewed};
use crate::Admin;
use crate::auth::Role::ManageUsers;

pub(crate) async fn count(admin: Admin, path: UserPath) -> Result<HttpResponse, HttpError> {
    viewed(&admin, &path.1).await?;
    Ok(HttpResponse::Ok().json(json!({ "count": 0 })))
}

/// Joining or leaving a group that is not there.
pub(crate) async fn unknown(
    admin: Admin,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, HttpError> {
    find(&admin, &path.1, &[ManageUsers]).await?;
    Err(HttpError::plain(404, "Group not found"))
}
