//! `/admin/realms/{realm}/client-scopes`, and who has them: new clients of the realm, and each client.

mod evaluate;

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};
use client::scope::{self, link};
use client::{ClientScope, ClientScopeRepresentation};
use protocol::body::{JsonBytes, parse};
use protocol::{HttpError, provision};
use serde_json::json;
use store::Error;
use uuid::Uuid;

use crate::auth::Role::{ManageClients, QueryClients, ViewClients};
use crate::clients::{self, require_view};
use crate::{Admin, at, created, mappers, scope_mappings};

type OfRealm = web::Path<(String, String)>;
type OfClient = web::Path<(String, String, String)>;

/// How a scope is had.
const KINDS: [(&str, bool); 2] = [("default", true), ("optional", false)];

pub(crate) fn routes(cfg: &mut ServiceConfig) {
    cfg.service(at("/client-scopes").get(list).post(create).done())
        .service(
            at("/client-scopes/{scope}")
                .get(get)
                .put(update)
                .delete(delete)
                .done(),
        );
    mappers::routes(cfg, "/client-scopes/{scope}");
    scope_mappings::routes(cfg, "/client-scopes/{scope}");
    for (kind, is_default) in KINDS {
        let path = format!("/default-{kind}-client-scopes");
        cfg.service(
            at(&path)
                .get(move |admin| defaults(admin, is_default))
                .done(),
        )
        .service(
            at(&format!("{path}/{{scope}}"))
                .put(move |admin, path| add_default(admin, path, is_default))
                .delete(remove_default)
                .done(),
        );
    }
}

/// What lies below `/clients/{client}`.
pub(crate) fn routes_of_clients(cfg: &mut ServiceConfig) {
    for (kind, is_default) in KINDS {
        let path = format!("/clients/{{client}}/{kind}-client-scopes");
        cfg.service(
            at(&path)
                .get(move |admin, path| of_client(admin, path, is_default))
                .done(),
        )
        .service(
            at(&format!("{path}/{{scope}}"))
                .put(move |admin, path| add(admin, path, is_default))
                .delete(remove)
                .done(),
        );
    }
    evaluate::routes(cfg);
}

/// The client scope that a path names by its id.
///
/// # Errors
/// 404 `{"error":"Could not find client scope"}`; from the database.
pub(crate) async fn named(admin: &Admin, text: &str) -> Result<ClientScope, HttpError> {
    found(admin, text, "Could not find client scope").await
}

async fn found(admin: &Admin, text: &str, otherwise: &str) -> Result<ClientScope, HttpError> {
    let missing = || HttpError::plain(404, otherwise);
    let id = Uuid::try_parse(text).map_err(|_| missing())?;
    scope::find(admin.db(), admin.realm.id, id)
        .await?
        .ok_or_else(missing)
}

fn read(body: &JsonBytes) -> Result<ClientScopeRepresentation, HttpError> {
    parse(&body.0).map_err(|error| error.into_http("ClientScopeRepresentation"))
}

fn known_protocol(admin: &Admin, scope: &ClientScope) -> Result<(), HttpError> {
    match admin.state().protocols.get(&scope.protocol) {
        Some(_) => Ok(()),
        None => Err(HttpError::message(400, "Unexpected protocol")),
    }
}

fn written(error: Error, name: &str) -> HttpError {
    match error {
        Error::Duplicate(_) => {
            HttpError::message(409, &format!("Client Scope {name} already exists"))
        }
        other => other.into(),
    }
}

async fn list(admin: Admin) -> Result<HttpResponse, HttpError> {
    admin.require(&[QueryClients, ViewClients, ManageClients])?;
    if require_view(&admin).is_err() {
        return Ok(HttpResponse::Ok().json([(); 0]));
    }
    let scopes = scope::list(admin.db(), admin.realm.id).await?;
    Ok(HttpResponse::Ok().json(scopes.iter().map(ClientScope::to_rep).collect::<Vec<_>>()))
}

async fn create(admin: Admin, body: JsonBytes) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageClients])?;
    let mut rep = read(&body)?;
    mappers::complete(&mut rep.protocol_mappers);
    let scope = ClientScope::from_rep(&rep)?;
    known_protocol(&admin, &scope)?;
    provision::check_scope(admin.state(), &rep)?;
    scope::create(admin.db(), admin.realm.id, &scope)
        .await
        .map_err(|error| written(error, &scope.name))?;
    admin.state().changed(admin.realm.id);
    Ok(created(&admin, &format!("client-scopes/{}", scope.id)))
}

async fn get(admin: Admin, path: OfRealm) -> Result<HttpResponse, HttpError> {
    require_view(&admin)?;
    Ok(HttpResponse::Ok().json(named(&admin, &path.1).await?.to_rep()))
}

async fn update(admin: Admin, path: OfRealm, body: JsonBytes) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageClients])?;
    let before = named(&admin, &path.1).await?;
    let after = before.merged(&read(&body)?)?;
    if after.protocol != before.protocol {
        known_protocol(&admin, &after)?;
    }
    scope::update(admin.db(), admin.realm.id, &after)
        .await
        .map_err(|error| written(error, &after.name))?;
    admin.state().changed(admin.realm.id);
    Ok(HttpResponse::NoContent().finish())
}

/// Whoever has the scope loses it, as in Keycloak.
async fn delete(admin: Admin, path: OfRealm) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageClients])?;
    let scope = named(&admin, &path.1).await?;
    scope::delete(admin.db(), admin.realm.id, scope.id).await?;
    admin.state().changed(admin.realm.id);
    Ok(HttpResponse::NoContent().finish())
}

async fn defaults(admin: Admin, is_default: bool) -> Result<HttpResponse, HttpError> {
    require_view(&admin)?;
    let links = link::defaults(admin.db(), admin.realm.id).await?;
    let reps = links
        .iter()
        .filter(|link| link.is_default == is_default)
        .map(|link| json!({ "id": link.id, "name": link.name, "protocol": link.protocol }));
    Ok(HttpResponse::Ok().json(reps.collect::<Vec<_>>()))
}

async fn add_default(
    admin: Admin,
    path: OfRealm,
    is_default: bool,
) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageClients])?;
    let scope = found(&admin, &path.1, "Client scope not found").await?;
    link::add_defaults(admin.db(), admin.realm.id, &[(scope.id, is_default)]).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn remove_default(admin: Admin, path: OfRealm) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageClients])?;
    let scope = found(&admin, &path.1, "Client scope not found").await?;
    link::remove_default(admin.db(), admin.realm.id, scope.id).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn of_client(
    admin: Admin,
    path: OfRealm,
    is_default: bool,
) -> Result<HttpResponse, HttpError> {
    require_view(&admin)?;
    let client = clients::named(&admin, &path.1).await?;
    let links = link::of_client(admin.db(), admin.realm.id, client.id).await?;
    let reps = links
        .iter()
        .filter(|link| link.is_default == is_default)
        .map(|link| json!({ "id": link.id, "name": link.name }));
    Ok(HttpResponse::Ok().json(reps.collect::<Vec<_>>()))
}

async fn add(admin: Admin, path: OfClient, is_default: bool) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageClients])?;
    let client = clients::named(&admin, &path.1).await?;
    let scope = found(&admin, &path.2, "Client scope not found").await?;
    link::add(admin.db(), admin.realm.id, client.id, scope.id, is_default).await?;
    admin.state().changed(admin.realm.id);
    Ok(HttpResponse::NoContent().finish())
}

async fn remove(admin: Admin, path: OfClient) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageClients])?;
    let client = clients::named(&admin, &path.1).await?;
    let scope = found(&admin, &path.2, "Client scope not found").await?;
    link::remove(admin.db(), admin.realm.id, client.id, scope.id).await?;
    admin.state().changed(admin.realm.id);
    Ok(HttpResponse::NoContent().finish())
}
