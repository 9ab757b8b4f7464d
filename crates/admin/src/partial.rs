//! `/admin/realms/{realm}/partialImport` and `…/partial-export`.

use actix_web::HttpResponse;
use protocol::HttpError;
use protocol::body::{JsonBytes, JsonError, parse};
use protocol::provision::export::{self, Parts};
use protocol::provision::partial::{self, PartialImport};

use crate::Admin;
use crate::auth::Role::{
    ManageClients, ManageIdentityProviders, ManageRealm, ManageUsers, ViewClients, ViewUsers,
};
use crate::page::Query;

/// Keycloak asks for `manage-realm` and no more, which is a way to every other role. Here nobody imports what gives or
/// takes roles that he could not give.
pub(crate) async fn import(admin: Admin, body: JsonBytes) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageRealm])?;
    let import: PartialImport = parse(&body.0).map_err(|error| match error {
        JsonError::Syntax => error.into_http("PartialImportRepresentation"),
        _ => partial::unreadable(),
    })?;
    if import.has_identity_providers() {
        admin.require(&[ManageIdentityProviders])?;
    }
    let permit = async |db: &mut store::Connection, roles: &[uuid::Uuid]| {
        admin.require_may_grant_in(db, roles).await
    };
    let outcome = partial::import(admin.state(), &admin.realm, import, permit).await?;
    Ok(HttpResponse::Ok().json(outcome))
}

pub(crate) async fn export(admin: Admin, query: Query) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageRealm])?;
    let parts = Parts {
        clients: query.flag("exportClients").unwrap_or(false),
        groups_and_roles: query.flag("exportGroupsAndRoles").unwrap_or(false),
        whole: false,
    };
    if parts.clients {
        admin.require(&[ViewClients, ManageClients])?;
    }
    if parts.groups_and_roles {
        admin.require(&[ViewUsers, ManageUsers])?;
    }
    let mut snapshot = store::snapshot(admin.db()).await?;
    let exported = export::export(admin.state(), &mut snapshot, &admin.realm, parts).await?;
    Ok(HttpResponse::Ok().json(exported.rep))
}
