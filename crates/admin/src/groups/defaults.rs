//! `/default-groups`: the groups that every new user joins.

use std::collections::HashSet;

use actix_web::HttpResponse;
use protocol::HttpError;
use protocol::provision::write_error;
use user::group::{self, known};
use uuid::Uuid;

use super::{GroupPath, in_realm, reps, require_may_join};
use crate::Admin;
use crate::auth::Role::{ManageRealm, ViewRealm};

pub(super) async fn list(admin: Admin) -> Result<HttpResponse, HttpError> {
    admin.require(&[ViewRealm, ManageRealm])?;
    let groups = group::default_groups(admin.db(), admin.realm.id).await?;
    Ok(reps(&groups, true))
}

/// The group of a path, whose roles the caller could give to everybody.
async fn named(admin: &Admin, path: &GroupPath) -> Result<Uuid, HttpError> {
    admin.require(&[ManageRealm])?;
    let group = in_realm(admin, &path.1).await?;
    require_may_join(admin, &[group.id]).await?;
    Ok(group.id)
}

pub(super) async fn add(admin: Admin, path: GroupPath) -> Result<HttpResponse, HttpError> {
    let group = named(&admin, &path).await?;
    group::add_default(admin.db(), admin.realm.id, group)
        .await
        .map_err(|error| match error {
            store::Error::Missing(_) => HttpError::plain(404, "Group not found"),
            other => other.into(),
        })?;
    Ok(HttpResponse::NoContent().finish())
}

pub(super) async fn remove(admin: Admin, path: GroupPath) -> Result<HttpResponse, HttpError> {
    let group = named(&admin, &path).await?;
    group::remove_default(admin.db(), admin.realm.id, group).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The groups that `defaultGroups` of a realm's representation names, for a caller who could give everybody the roles of
/// those that it adds or leaves out. Keycloak crashes on an unknown one.
pub(crate) async fn named_by(admin: &Admin, paths: &[String]) -> Result<Vec<Uuid>, HttpError> {
    let (db, realm) = (admin.db(), admin.realm.id);
    let found = group::find_by_paths(db, realm, paths).await?;
    let new = known(paths, found).map_err(write_error)?;
    let new: HashSet<Uuid> = new.into_iter().collect();
    let old = group::default_groups(db, realm).await?;
    let old: HashSet<Uuid> = old.iter().map(|group| group.id).collect();
    let changed: Vec<Uuid> = new.symmetric_difference(&old).copied().collect();
    require_may_join(admin, &changed).await?;
    Ok(new.into_iter().collect())
}
