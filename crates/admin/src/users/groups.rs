//! `/admin/realms/{realm}/users/{id}/groups`: the groups that a user is in.

use actix_web::{HttpResponse, web};
use protocol::HttpError;
use serde_json::json;
use user::group;
use uuid::Uuid;

use super::{UserPath, find, viewed};
use crate::Admin;
use crate::auth::Role::ManageUsers;
use crate::groups::{in_realm, reps, require_may_join};
use crate::page::Query;

pub(crate) async fn list(
    admin: Admin,
    path: UserPath,
    query: Query,
) -> Result<HttpResponse, HttpError> {
    let found = viewed(&admin, &path.1).await?;
    let (first, max) = (query.number("first")?.unwrap_or(0), query.number("max")?);
    let search = query.text("search");
    let groups = group::list_of_user(
        admin.db(),
        admin.realm.id,
        found.id,
        search.as_deref(),
        first,
        max,
    )
    .await?;
    Ok(reps(
        &groups,
        query.flag("briefRepresentation").unwrap_or(true),
    ))
}

pub(crate) async fn count(
    admin: Admin,
    path: UserPath,
    query: Query,
) -> Result<HttpResponse, HttpError> {
    let found = viewed(&admin, &path.1).await?;
    let search = query.text("search");
    let count =
        group::count_of_user(admin.db(), admin.realm.id, found.id, search.as_deref()).await?;
    Ok(HttpResponse::Ok().json(json!({ "count": count })))
}

type Membership = web::Path<(String, String, String)>;

/// The user and the group of a membership that the caller may give and take: what it brings is his to hand out.
/// Its admin event tells of the group.
async fn membership(admin: &Admin, path: &Membership) -> Result<(Uuid, Uuid), HttpError> {
    let user = find(admin, &path.1, &[ManageUsers]).await?;
    let group = in_realm(admin, &path.2).await?;
    require_may_join(admin, &[group.id]).await?;
    admin.note(|note| note.representation = Some(json!(group.to_rep(false))));
    Ok((user.id, group.id))
}

pub(crate) async fn join(admin: Admin, path: Membership) -> Result<HttpResponse, HttpError> {
    let (user, group) = membership(&admin, &path).await?;
    group::join(admin.db(), admin.realm.id, user, &[group]).await?;
    Ok(HttpResponse::NoContent().finish())
}

pub(crate) async fn leave(admin: Admin, path: Membership) -> Result<HttpResponse, HttpError> {
    let (user, group) = membership(&admin, &path).await?;
    group::leave(admin.db(), admin.realm.id, user, group).await?;
    Ok(HttpResponse::NoContent().finish())
}
