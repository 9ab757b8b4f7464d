//! `/admin/realms/{realm}/admin-events`: what administrators did.

pub(crate) mod kinds;
mod strip;
pub(crate) mod tell;

use actix_web::HttpResponse;
use protocol::HttpError;
use realm::admin_event::{self, Operation, Search};

use crate::Admin;
use crate::auth::Role::{ManageEvents, ViewEvents};
use crate::events::{Page, values};
use crate::page::{DAY_MS, Query};

/// Characters of a path to look for.
const MAX_PATH: usize = 500;

pub(crate) async fn list(admin: Admin, query: Query) -> Result<HttpResponse, HttpError> {
    admin.require(&[ViewEvents, ManageEvents])?;
    let operation_types = values(&query, "operationTypes");
    if !operation_types.iter().all(|name| Operation::is_known(name)) {
        return Err(HttpError::plain(400, "Unknown operation type"));
    }
    let resource_types = values(&query, "resourceTypes");
    let known = admin_event::resource_types();
    if !resource_types
        .iter()
        .all(|name| known.contains(&name.as_str()))
    {
        return Err(HttpError::plain(400, "Unknown resource type"));
    }
    let resource_path = query.text("resourcePath");
    if resource_path
        .as_ref()
        .is_some_and(|path| path.chars().count() > MAX_PATH)
    {
        return Err(HttpError::plain(
            400,
            "resourcePath: at most 500 characters",
        ));
    }
    let page = Page::read(&query)?;
    let search = Search {
        operation_types,
        resource_types,
        resource_path,
        auth_realm: query.text("authRealm"),
        auth_client: query.text("authClient"),
        auth_user: query.text("authUser"),
        auth_ip_address: query.text("authIpAddress"),
        date_from: query.time("dateFrom", 0)?,
        date_to: query.time("dateTo", DAY_MS - 1)?,
        oldest_first: page.oldest_first,
        first: page.first,
        max: page.max,
    };
    Ok(HttpResponse::Ok().json(admin_event::list(admin.db(), &admin.realm, &search).await?))
}

pub(crate) async fn clear(admin: Admin) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageEvents])?;
    admin_event::clear(admin.db(), admin.realm.id).await?;
    Ok(HttpResponse::NoContent().finish())
}
