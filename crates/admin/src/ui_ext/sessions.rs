//! `/admin/realms/{realm}/ui-ext/sessions`: the sessions of the realm, or of one client.

use actix_web::HttpResponse;
use actix_web::web::ServiceConfig;
use protocol::HttpError;
use serde_json::{Value, json};
use user::session::{self, Found, Search};
use uuid::Uuid;

use super::page;
use crate::auth::Role::{ManageRealm, ViewRealm};
use crate::page::Query;
use crate::{Admin, at, clients};

pub(super) fn routes(cfg: &mut ServiceConfig) {
    cfg.service(at("/ui-ext/sessions").get(list).done())
        .service(at("/ui-ext/sessions/client").get(list_of_client).done());
}

async fn list(admin: Admin, query: Query) -> Result<HttpResponse, HttpError> {
    admin.require(&[ViewRealm, ManageRealm])?;
    answer(&admin, &query, None).await
}

async fn list_of_client(admin: Admin, query: Query) -> Result<HttpResponse, HttpError> {
    clients::require_view(&admin)?;
    let client = clients::named(&admin, query.get("clientId").unwrap_or_default()).await?;
    answer(&admin, &query, Some(client.id)).await
}

async fn answer(
    admin: &Admin,
    query: &Query,
    client: Option<Uuid>,
) -> Result<HttpResponse, HttpError> {
    let (first, max) = page(query)?;
    let search = Search {
        client,
        text: query.get("search").unwrap_or_default(),
        offline: match query.get("type") {
            None | Some("ALL") => None,
            Some("REGULAR") => Some(false),
            Some("OFFLINE") => Some(true),
            Some(_) => return Err(HttpError::not_found()),
        },
    };
    let sessions = session::search(admin.db(), admin.realm.id, &search, first, max).await?;
    Ok(HttpResponse::Ok().json(sessions.iter().map(rep).collect::<Vec<_>>()))
}

/// Its times are milliseconds.
fn rep(found: &Found) -> Value {
    let session = &found.session;
    json!({
        "id": session.id,
        "username": session.username,
        "userId": session.user_id,
        "ipAddress": session.ip_address,
        "start": session.started * 1000,
        "lastAccess": session.last_refresh * 1000,
        "transientUser": false,
        "type": if found.offline { "OFFLINE" } else { "REGULAR" },
        "clients": session.clients,
    })
}
