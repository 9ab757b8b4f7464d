//! What a caller may do with groups that have administrative roles: what he could do with those roles themselves.

use protocol::HttpError;
use protocol::provision::write_error;
use user::group::{self, known};
use uuid::Uuid;

use crate::Admin;

/// Refuses a caller who could not hand out the roles that the members of these groups hold by them. Nor may he take them
/// away: an administrator is not disarmed by one who could not arm him.
pub(crate) async fn require_may_join(admin: &Admin, groups: &[Uuid]) -> Result<(), HttpError> {
    if admin.is_superuser() || groups.is_empty() {
        return Ok(());
    }
    let roles = group::role_ids(admin.db(), admin.realm.id, groups).await?;
    admin.require_may_grant(&roles).await
}

/// The same for a group that goes with all below it.
pub(super) async fn require_may_delete(admin: &Admin, id: Uuid) -> Result<(), HttpError> {
    if admin.is_superuser() {
        return Ok(());
    }
    let groups = group::with_all_below(admin.db(), admin.realm.id, id).await?;
    require_may_join(admin, &groups).await
}

/// The groups with these paths, which a new user is to join. Refuses a caller who could not hand out what a new user
/// holds: by them, by the default groups and by the default role. Whoever sets the password is that user.
pub(crate) async fn to_join(admin: &Admin, paths: &[String]) -> Result<Vec<Uuid>, HttpError> {
    let (db, realm) = (admin.db(), admin.realm.id);
    let groups = if paths.is_empty() {
        Vec::new()
    } else {
        known(paths, group::find_by_paths(db, realm, paths).await?).map_err(write_error)?
    };
    if !admin.is_superuser() {
        let defaults = group::default_groups(db, realm).await?;
        let all: Vec<Uuid> = defaults
            .iter()
            .map(|group| group.id)
            .chain(groups.iter().copied())
            .collect();
        let mut roles = group::role_ids(db, realm, &all).await?;
        roles.push(admin.realm.default_role);
        admin.require_may_grant(&roles).await?;
    }
    Ok(groups)
}
