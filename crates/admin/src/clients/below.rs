//! What is below one client: its secret, its installation files, its sessions, its service account.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::{HttpMessage as _, HttpResponse, ResponseError as _, web};
use client::secret;
use protocol::{ClientCall, HttpError, InstallInput};
use serde_json::json;
use user::session;

use super::{named, not_found, reach, require_view, revealed};
use crate::Admin;
use crate::auth::Role::{ManageClients, ManageUsers, ViewUsers};
use crate::auth::forbidden;
use crate::page::Query;
use crate::users::{lasting, session_rep};

/// Sessions in a list without `max`, as in Keycloak.
const SESSIONS: i64 = 100;

type Path = web::Path<(String, String)>;

fn secret_rep(value: Option<&str>) -> HttpResponse {
    match value {
        Some(value) => HttpResponse::Ok().json(json!({ "type": "secret", "value": value })),
        None => HttpResponse::Ok().json(json!({ "type": "secret" })),
    }
}

/// For those who may manage clients alone: reading it is enough to be the client.
pub(super) async fn secret(admin: Admin, path: Path) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageClients])?;
    let client = named(&admin, &path.1).await?;
    reach::require(&admin, client.id).await?;
    let secret = revealed(&admin, &client, true)?;
    Ok(secret_rep(secret.as_deref().map(String::as_str)))
}

pub(super) async fn new_secret(admin: Admin, path: Path) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageClients])?;
    let client = named(&admin, &path.1).await?;
    if client.is_built_in(&admin.realm) {
        return Err(forbidden());
    }
    reach::require(&admin, client.id).await?;
    let state = admin.state();
    let secret = secret::regenerate(&state.pool, admin.realm.id, &state.sealer, client.id).await?;
    let secret = secret.ok_or_else(not_found)?;
    state.changed(admin.realm.id);
    Ok(secret_rep(Some(&secret)))
}

/// The secret before, while it is good. Who views clients learns whether there is one, and no more.
pub(super) async fn rotated_secret(admin: Admin, path: Path) -> Result<HttpResponse, HttpError> {
    require_view(&admin)?;
    let client = named(&admin, &path.1).await?;
    if secret::rotated(&client).is_none() {
        return Err(HttpError::plain(
            404,
            "Client does not have a rotated secret",
        ));
    }
    admin.require(&[ManageClients])?;
    reach::require(&admin, client.id).await?;
    let secret = secret::reveal_rotated(&admin.state().sealer, &client)?;
    Ok(secret_rep(secret.as_deref().map(String::as_str)))
}

pub(super) async fn end_rotated_secret(
    admin: Admin,
    path: Path,
) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageClients])?;
    let client = named(&admin, &path.1).await?;
    if client.is_built_in(&admin.realm) {
        return Err(forbidden());
    }
    reach::require(&admin, client.id).await?;
    let state = admin.state();
    secret::end_rotated(&state.pool, admin.realm.id, client.id).await?;
    state.changed(admin.realm.id);
    Ok(HttpResponse::NoContent().finish())
}

pub(super) async fn installation(
    admin: Admin,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, HttpError> {
    require_view(&admin)?;
    let client = named(&admin, &path.1).await?;
    let protocol = admin.state().protocols.get(&client.protocol);
    let file = protocol.and_then(|protocol| {
        protocol
            .installations()
            .iter()
            .find(|file| file.id == path.2)
    });
    let file = file.ok_or_else(|| HttpError::plain(404, "Unknown Provider"))?;
    let seen = reach::sees_secret(&admin, &client).await?;
    let secret = revealed(&admin, &client, seen)?;
    let text = (file.render)(&InstallInput {
        realm: &admin.realm,
        client: &client,
        base: &admin.request.base,
        secret: secret.as_deref().map(String::as_str),
    });
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, file.media_type))
        .body(text))
}

pub(super) async fn service_account_user(
    admin: Admin,
    path: Path,
) -> Result<HttpResponse, HttpError> {
    require_view(&admin)?;
    let client = named(&admin, &path.1).await?;
    let user = match client.service_accounts_enabled() {
        true => user::find_service_account(admin.db(), admin.realm.id, client.id).await?,
        false => None,
    };
    let user = user.ok_or_else(|| {
        HttpError::plain(
            400,
            &format!(
                "Service account not enabled for the client '{}'",
                client.client_id
            ),
        )
    })?;
    Ok(HttpResponse::Ok().json(user.to_rep(None)))
}

pub(super) async fn session_count(admin: Admin, path: Path) -> Result<HttpResponse, HttpError> {
    require_view(&admin)?;
    let client = named(&admin, &path.1).await?;
    let count = session::count_of_client(admin.db(), admin.realm.id, client.id).await?;
    Ok(HttpResponse::Ok().json(json!({ "count": count })))
}

pub(super) async fn user_sessions(
    admin: Admin,
    path: Path,
    query: Query,
) -> Result<HttpResponse, HttpError> {
    require_view(&admin)?;
    let first = query.number("first")?.unwrap_or(0);
    let max = query.number("max")?.unwrap_or(SESSIONS);
    let client = named(&admin, &path.1).await?;
    let sessions =
        session::list_of_client(admin.db(), admin.realm.id, client.id, first, max).await?;
    let sessions = lasting(&admin, sessions, false);
    Ok(HttpResponse::Ok().json(sessions.iter().map(session_rep).collect::<Vec<_>>()))
}

pub(super) async fn offline_session_count(
    admin: Admin,
    path: Path,
) -> Result<HttpResponse, HttpError> {
    require_view(&admin)?;
    let client = named(&admin, &path.1).await?;
    let count = session::offline::count_of_client(admin.db(), admin.realm.id, client.id).await?;
    Ok(HttpResponse::Ok().json(json!({ "count": count })))
}

pub(super) async fn offline_sessions(
    admin: Admin,
    path: Path,
    query: Query,
) -> Result<HttpResponse, HttpError> {
    require_view(&admin)?;
    let first = query.number("first")?.unwrap_or(0);
    let max = query.number("max")?.unwrap_or(SESSIONS);
    let client = named(&admin, &path.1).await?;
    let (db, realm) = (admin.db(), admin.realm.id);
    let sessions = session::offline::list_of_client(db, realm, client.id, first, max).await?;
    let sessions = lasting(&admin, sessions, true);
    Ok(HttpResponse::Ok().json(sessions.iter().map(session_rep).collect::<Vec<_>>()))
}

/// Stands before the routes that a protocol adds below a client: reading asks for `view-clients`, all else for
/// `manage-clients`, and the client has to be one of the realm.
pub(super) async fn gate(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    match admit(&mut request).await {
        Ok(()) => next
            .call(request)
            .await
            .map(ServiceResponse::map_into_boxed_body),
        Err(error) => Ok(request.into_response(error.error_response())),
    }
}

async fn admit(request: &mut ServiceRequest) -> Result<(), HttpError> {
    let admin = request.extract::<Admin>().await?;
    if request.method().is_safe() {
        require_view(&admin)?;
    } else {
        admin.require(&[ManageClients])?;
    }
    let client = request.match_info().get("client").unwrap_or_default();
    let call = ClientCall {
        client: named(&admin, client).await?,
        context: admin.context(),
        views_users: admin.has(&[ViewUsers, ManageUsers]),
    };
    request.extensions_mut().insert(call);
    Ok(())
}
