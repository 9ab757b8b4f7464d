//! `/admin/realms/{realm}/clients`.

mod below;
mod certificates;
mod change;
mod nodes;
mod reach;
mod write;

use std::ops::Deref;

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, middleware};
use client::{Access, Client, ClientRepresentation, Filter, secret};
use protocol::{HttpError, Protocols};
use uuid::Uuid;

use crate::auth::Role::{ManageClients, QueryClients, ViewClients};
use crate::page::Query;
use crate::users::pairs;
use crate::{Admin, at, client_scopes, mappers, mounted, scope_mappings};

/// Mounts all that is below `/clients` but the roles of clients.
pub(crate) fn routes(cfg: &mut ServiceConfig, protocols: &'static Protocols) {
    for path in ["/clients", "/clients/"] {
        cfg.service(at(path).get(list).post(write::create).done());
    }
    let below = |path: &str| at(&format!("/clients/{{client}}{path}"));
    cfg.service(
        below("")
            .get(get)
            .put(write::update)
            .delete(write::delete)
            .done(),
    )
    .service(
        below("/client-secret")
            .get(below::secret)
            .post(below::new_secret)
            .done(),
    )
    .service(
        below("/client-secret/rotated")
            .get(below::rotated_secret)
            .delete(below::end_rotated_secret)
            .done(),
    )
    .service(
        below("/installation/providers/{id}")
            .get(below::installation)
            .done(),
    )
    .service(
        below("/service-account-user")
            .get(below::service_account_user)
            .done(),
    )
    .service(
        below("/certificates/{attribute}")
            .get(certificates::get)
            .done(),
    )
    .service(
        below("/certificates/{attribute}/generate")
            .post(certificates::generate)
            .done(),
    )
    .service(
        below("/certificates/{attribute}/upload")
            .post(certificates::upload)
            .done(),
    )
    .service(
        below("/certificates/{attribute}/upload-certificate")
            .post(certificates::upload)
            .done(),
    )
    .service(
        below("/certificates/{attribute}/download")
            .post(certificates::download)
            .done(),
    )
    .service(
        below("/certificates/{attribute}/generate-and-download")
            .post(certificates::generate_and_download)
            .done(),
    )
    .service(below("/push-revocation").post(nodes::call_all).done())
    .service(below("/test-nodes-available").get(nodes::call_all).done())
    .service(below("/nodes").post(nodes::add).done())
    .service(below("/nodes/{node}").delete(nodes::remove).done())
    .service(below("/session-count").get(below::session_count).done())
    .service(below("/user-sessions").get(below::user_sessions).done())
    .service(
        below("/offline-session-count")
            .get(below::offline_session_count)
            .done(),
    )
    .service(
        below("/offline-sessions")
            .get(below::offline_sessions)
            .done(),
    );
    mappers::routes(cfg, "/clients/{client}");
    scope_mappings::routes(cfg, "/clients/{client}");
    client_scopes::routes_of_clients(cfg);
    for protocol in protocols.iter() {
        let below = format!("/clients/{{client}}/{}", protocol.id());
        for (method, path) in protocol.client_paths() {
            mounted(method, &format!("{below}{path}"));
        }
        cfg.service(
            web::scope(&below)
                .wrap(middleware::from_fn(below::gate))
                .configure(|cfg| protocol.client_routes(cfg))
                .default_service(web::to(crate::unknown)),
        );
    }
}

fn not_found() -> HttpError {
    HttpError::plain(404, "Could not find client")
}

/// The id in a path.
///
/// # Errors
/// 404 `{"error":"Could not find client"}` when it is none.
fn id(text: &str) -> Result<Uuid, HttpError> {
    Uuid::try_parse(text).map_err(|_| not_found())
}

/// The client of the realm that a path names by its id.
///
/// # Errors
/// 404 `{"error":"Could not find client"}`; from the database.
pub(crate) async fn named(admin: &Admin, text: &str) -> Result<Client, HttpError> {
    client::find(admin.db(), admin.realm.id, id(text)?)
        .await?
        .ok_or_else(not_found)
}

/// Refuses callers who may not look at clients.
///
/// # Errors
/// 403.
pub(crate) fn require_view(admin: &Admin) -> Result<(), HttpError> {
    admin.require(&[ViewClients, ManageClients])
}

/// As the caller may see it: who only views clients sees no secret, nor who could not act as this one.
fn to_rep(
    admin: &Admin,
    client: &Client,
    in_reach: bool,
) -> Result<ClientRepresentation, HttpError> {
    let secret = revealed(admin, client, in_reach && manages(admin))?;
    let manage = manages(admin) && in_reach && !client.is_built_in(&admin.realm);
    let access = Access {
        view: true,
        configure: manage,
        manage,
    };
    Ok(client.to_rep(secret.as_deref().map(String::as_str), Some(access)))
}

fn manages(admin: &Admin) -> bool {
    admin.has(&[ManageClients])
}

/// The secret, where the caller may see it.
fn revealed(
    admin: &Admin,
    client: &Client,
    seen: bool,
) -> Result<Option<impl Deref<Target = String> + use<>>, HttpError> {
    if seen {
        Ok(secret::reveal(&admin.state().sealer, client)?)
    } else {
        Ok(None)
    }
}

async fn list(admin: Admin, query: Query) -> Result<HttpResponse, HttpError> {
    admin.require(&[QueryClients, ViewClients, ManageClients])?;
    let (first, max) = (query.number("first")?, query.number("max")?);
    if require_view(&admin).is_err() {
        return Ok(HttpResponse::Ok().json([(); 0]));
    }
    refuse_attributes(query.get("q").unwrap_or_default())?;
    let client_id = query.text("clientId");
    let filter = match (client_id.as_deref(), query.flag("search")) {
        (None, _) => Filter::All,
        (Some(text), Some(true)) => Filter::Search(text),
        (Some(text), _) => Filter::ClientId(text),
    };
    let clients = client::list(admin.db(), admin.realm.id, filter, first, max).await?;
    let ids: Vec<Uuid> = clients.iter().map(|client| client.id).collect();
    let beyond = reach::beyond(&admin, &ids).await?;
    let reps: Vec<_> = clients
        .iter()
        .map(|client| to_rep(&admin, client, !beyond.contains(&client.id)))
        .collect::<Result<_, _>>()?;
    Ok(HttpResponse::Ok().json(reps))
}

/// Refuses a search by attributes, `name:value` each: none is allowed for it, as in a Keycloak that is not set up for it.
fn refuse_attributes(q: &str) -> Result<(), HttpError> {
    let names: Vec<String> = pairs(q).into_iter().map(|(name, _)| name).collect();
    if names.is_empty() {
        return Ok(());
    }
    let text = format!("Attributes [{}] not allowed for search", names.join(", "));
    Err(HttpError::oauth(400, "invalid_request", &text))
}

async fn get(admin: Admin, path: web::Path<(String, String)>) -> Result<HttpResponse, HttpError> {
    require_view(&admin)?;
    let client = named(&admin, &path.1).await?;
    let in_reach = reach::beyond(&admin, &[client.id]).await?.is_empty();
    Ok(HttpResponse::Ok().json(to_rep(&admin, &client, in_reach)?))
}
