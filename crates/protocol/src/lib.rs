//! Floor 3: HTTP begins here. What a protocol is, and what all protocols share.

#![warn(missing_docs)]

pub mod access;
pub mod action_token;
pub mod body;
mod client_call;
pub mod client_login;
pub mod context;
pub mod describe;
mod error;
pub mod event;
pub mod html;
pub mod key_sets;
pub mod lifetime;
pub mod login;
pub mod mail;
pub mod outbound;
pub mod pairwise;
pub mod provision;
pub mod session;
mod state;
pub mod token;

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Resource};
use serde_json::Value;

use client::{ProtocolMapperRepresentation, Texts};

pub use client::ClientRepresentation;
pub use client_call::ClientCall;
pub use context::{RealmContext, Request};
pub use describe::{
    BuiltinMapper, ClientTemplate, Example, ExampleInput, InstallInput, Installation,
    MapperProperty, MapperType, RoleTemplate,
};
pub use error::HttpError;
pub use state::State;

/// A login protocol that every realm speaks at `/realms/{realm}/protocol/{id}`.
///
/// Only the routes do work. All else describes the protocol to the admin API: static data and pure functions, so it
/// needs no database and cannot fail.
pub trait Protocol: Sync {
    /// In URLs and in a client's `protocol`.
    fn id(&self) -> &'static str;
    /// Mounted below `/realms/{realm}/protocol/{id}`.
    fn routes(&self, cfg: &mut ServiceConfig);
    /// Mounted below `/realms/{realm}`: `/.well-known/…` and the like.
    fn realm_routes(&self, _: &mut ServiceConfig) {}
    /// Mounted below `/admin/realms/{realm}/clients/{uuid}/{id}`, behind the permission gate: handlers take a
    /// [`ClientCall`].
    fn client_routes(&self, _: &mut ServiceConfig) {}
    /// Method and path of each of these, for the description of the admin API.
    fn client_paths(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }
    /// What a mapper of this protocol can be.
    fn mapper_types(&self) -> &'static [MapperType] {
        &[]
    }
    /// The mappers that this protocol offers ready-made; those marked default go to a new client.
    fn builtin_mappers(&self) -> &'static [BuiltinMapper] {
        &[]
    }
    /// The files that set up the other side.
    fn installations(&self) -> &'static [Installation] {
        &[]
    }
    /// Client scopes of a new realm: the members of a realm file that are about them, in JSON.
    fn realm_scopes(&self) -> &'static str {
        "{}"
    }
    /// Clients of a new realm.
    fn realm_clients(&self) -> &'static [ClientTemplate] {
        &[]
    }
    /// Fills in what a new client of this protocol has, once, before the insert.
    fn complete(&self, _: &mut ClientRepresentation) {}
    /// The claims that a user would give to a client of this protocol, where it has such.
    fn example(&self, _: Example, _: &ExampleInput<'_>) -> Option<Value> {
        None
    }
    /// Lets clients know, in the background, that sessions which they took part in have ended.
    fn sessions_ended(&self, _: &RealmContext, _: &[user::session::Ended]) {}
    /// What is wrong with a client, in Keycloak's words, before each write.
    fn check(&self, _: &ClientRepresentation) -> Vec<String> {
        Vec::new()
    }
    /// What is wrong with the config of a mapper of some kind, before each write.
    ///
    /// # Errors
    /// In words for whoever wrote it.
    fn check_mapper(&self, _kind: &str, _: &Texts) -> Result<(), String> {
        Ok(())
    }
}

/// The protocols of a server: one list, made in one place.
pub struct Protocols(pub &'static [&'static dyn Protocol]);

impl Protocols {
    /// The protocol of this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&'static dyn Protocol> {
        self.iter().find(|protocol| protocol.id() == id)
    }

    /// What is wrong with the config of a mapper, of a client or of a client scope; nothing with one of an unknown kind.
    ///
    /// # Errors
    /// In words that name the mapper.
    pub fn check_mapper(&self, mapper: &ProtocolMapperRepresentation) -> Result<(), String> {
        let protocol = mapper.protocol.as_deref().and_then(|id| self.get(id));
        let (Some(protocol), Some(kind)) = (protocol, &mapper.protocol_mapper) else {
            return Ok(());
        };
        let none = Texts::new();
        let config = mapper.config.as_ref().unwrap_or(&none);
        protocol.check_mapper(kind, config).map_err(|error| {
            let name = mapper.name.as_deref().unwrap_or_default();
            format!("Protocol mapper '{name}': {error}")
        })
    }

    /// All of them, in the order of the list.
    pub fn iter(&self) -> impl Iterator<Item = &'static dyn Protocol> {
        self.0.iter().copied()
    }

    /// Mounts all of them; `cfg` is already below `/realms/{realm}`.
    ///
    /// actix takes the first scope that fits and does not come back, so the most special stands first.
    pub fn mount(&self, cfg: &mut ServiceConfig) {
        for protocol in self.iter() {
            cfg.service(
                web::scope(&format!("/protocol/{}", protocol.id()))
                    .configure(|cfg| protocol.routes(cfg))
                    .default_service(web::to(unknown_path)),
            );
        }
        cfg.service(web::scope("/protocol").default_service(web::to(unknown_protocol)));
        for protocol in self.iter() {
            protocol.realm_routes(cfg);
        }
    }
}

async fn unknown_protocol(_: RealmContext) -> Result<HttpResponse, HttpError> {
    Err(HttpError::plain(404, "Protocol not found"))
}

async fn unknown_path(_: RealmContext) -> Result<HttpResponse, HttpError> {
    Err(HttpError::not_found())
}

/// A resource whose wrong methods are answered as Keycloak answers them.
#[must_use]
pub fn resource(path: &str) -> Resource {
    web::resource(path).default_service(web::to(wrong_method))
}

async fn wrong_method() -> HttpResponse {
    HttpResponse::MethodNotAllowed()
        .json(serde_json::json!({ "error": "HTTP 405 Method Not Allowed" }))
}
