//! The admin REST API: Keycloak's `/admin/realms/…`, as its own clients expect it.

mod admin_events;
mod attack_detection;
mod auth;
mod client_scopes;
mod clients;
mod components;
mod events;
mod groups;
mod identity_providers;
mod keys;
mod localization;
mod mappers;
pub mod openapi;
mod outside;
mod page;
mod partial;
mod realm_actions;
mod realms;
mod required_actions;
mod role_mappings;
mod roles;
mod scope_mappings;
mod serverinfo;
mod smtp;
mod ui_ext;
mod users;
mod whoami;

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use actix_web::body::MessageBody;
use actix_web::dev::{HttpServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, ServiceConfig};
use actix_web::{Error, HttpResponse, HttpResponseBuilder, Responder};
use protocol::{HttpError, Protocols};

pub use auth::Admin;
pub use localization::resources;

/// Mounted at `/admin`, at the root and below every other path prefix of the server.
///
/// All routes stand here, on one screen. Each handler takes an [`Admin`], so none runs without the permission gate.
#[must_use]
pub fn scope(protocols: &'static Protocols) -> impl HttpServiceFactory {
    serverinfo::started();
    web::scope("/admin")
        .service(at("/openapi.json").get(openapi::get).done())
        .service(at("/serverinfo").get(serverinfo::get).done())
        .service(at("/realms").get(realms::list).post(realms::create).done())
        .service(
            web::scope("/realms/{realm}")
                .configure(|cfg| realm(cfg, protocols))
                .default_service(web::to(unknown)),
        )
        // Its answers are those of the console's own page, and it is for the console's tokens alone.
        .service(protocol::resource("/{realm}/console/whoami").route(web::get().to(whoami::get)))
        .default_service(web::to(unknown))
        .wrap(from_fn(dress))
}

/// The routes that lie below `/admin` itself.
pub(crate) const OUTSIDE_REALMS: &[&str] = &["/openapi.json", "/serverinfo", "/realms"];

/// Nothing of the admin API may be cached; JSON says its charset, as Keycloak's does.
async fn dress(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let mut response = next.call(request).await?;
    let succeeded = response.status().is_success();
    if succeeded {
        admin_events::tell::tell(&response).await;
    }
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if succeeded
        && headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind == "application/json")
    {
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json;charset=UTF-8"),
        );
    }
    Ok(response)
}

fn realm(cfg: &mut ServiceConfig, protocols: &'static Protocols) {
    cfg.service(
        at("")
            .get(realms::get)
            .post(unknown)
            .put(realms::update)
            .delete(realms::delete)
            .done(),
    )
    .service(at("/keys").get(keys::list).done())
    .service(at("/partialImport").post(partial::import).done())
    .service(at("/partial-export").post(partial::export).done())
    .service(at("/testSMTPConnection").post(smtp::test).done())
    .service(
        at("/components")
            .get(components::list)
            .post(components::create)
            .done(),
    )
    .service(
        at("/components/{id}")
            .get(components::get)
            .put(components::update)
            .delete(components::delete)
            .done(),
    )
    .service(
        at("/components/{id}/sub-component-types")
            .get(components::sub_types)
            .done(),
    )
    .service(at("/events").get(events::list).delete(events::clear).done())
    .service(
        at("/admin-events")
            .get(admin_events::list)
            .delete(admin_events::clear)
            .done(),
    )
    .service(
        at("/events/config")
            .get(events::config)
            .put(events::set_config)
            .done(),
    )
    .service(
        at("/attack-detection/brute-force/users")
            .delete(attack_detection::clear_all)
            .done(),
    )
    .service(
        at("/attack-detection/brute-force/users/{user}")
            .get(attack_detection::get)
            .delete(attack_detection::clear)
            .done(),
    )
    .configure(users::routes)
    .configure(groups::routes)
    .configure(roles::routes)
    .configure(realm_actions::routes)
    .configure(client_scopes::routes)
    .configure(localization::routes)
    .configure(required_actions::routes)
    .configure(identity_providers::routes)
    .configure(ui_ext::routes)
    .configure(|cfg| clients::routes(cfg, protocols))
    .configure(outside::routes);
}

async fn unknown(_: Admin) -> Result<HttpResponse, HttpError> {
    Err(HttpError::not_found())
}

/// 201 without a body; `path` is that of the new thing, below its realm.
pub(crate) fn created(admin: &Admin, path: &str) -> HttpResponse {
    created_at(admin, path).finish()
}

/// 201 that is to have a body.
pub(crate) fn created_at(admin: &Admin, path: &str) -> HttpResponseBuilder {
    let realm = protocol::context::encode_segment(&admin.realm.name);
    let location = format!("{}/admin/realms/{realm}/{path}", admin.request.base);
    let mut response = HttpResponse::Created();
    response.insert_header((header::LOCATION, location));
    response
}

/// What a write is in its admin event: resource type and operation; none where it makes none. The outer `None` for a
/// route that nobody has said it of. `path` as [`routes`] gives it.
#[must_use]
pub fn admin_event_of(
    method: &str,
    path: &str,
) -> Option<Option<(&'static str, realm::admin_event::Operation)>> {
    admin_events::kinds::of(method, path)
}

/// Every route that has been mounted: method, and path below `/admin/realms/{realm}` (below `/admin` for the first two).
///
/// For the tests that go through all of them.
#[must_use]
pub fn routes() -> BTreeSet<(&'static str, String)> {
    MOUNTED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
}

static MOUNTED: Mutex<BTreeSet<(&'static str, String)>> = Mutex::new(BTreeSet::new());

/// Takes up a route among those that have been mounted.
pub(crate) fn mounted(method: &'static str, path: &str) {
    let mut mounted = MOUNTED.lock().unwrap_or_else(PoisonError::into_inner);
    mounted.insert((method, path.to_owned()));
}

/// A resource whose wrong methods are answered as Keycloak answers them, in few words.
pub(crate) struct At {
    path: String,
    resource: actix_web::Resource,
}

pub(crate) fn at(path: &str) -> At {
    At {
        path: path.to_owned(),
        resource: protocol::resource(path),
    }
}

macro_rules! methods {
    ($($name:ident $method:literal),*) => {
        impl At {
            $(
                pub(crate) fn $name<F, Args>(self, handler: F) -> Self
                where
                    F: actix_web::Handler<Args>,
                    Args: actix_web::FromRequest + 'static,
                    F::Output: Responder + 'static,
                {
                    mounted($method, &self.path);
                    Self { resource: self.resource.route(web::$name().to(handler)), ..self }
                }
            )*
        }
    };
}
methods!(get "GET", post "POST", put "PUT", delete "DELETE");

impl At {
    pub(crate) fn done(self) -> actix_web::Resource {
        self.resource
    }
}
