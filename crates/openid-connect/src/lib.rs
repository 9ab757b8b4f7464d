//! OpenID Connect: the protocol that guards the admin API, and that people sign in with.
//!
//! So far what administrators and machines need: the token endpoint with `password`, `client_credentials` and
//! `refresh_token`, userinfo, introspection, logout by refresh token, the key set, discovery of what exists, and the realm's own page of facts.

mod claims;
mod client_auth;
mod cors;
mod defaults;
mod documents;
mod example;
mod grants;
mod installation;
mod introspect;
mod login_actions;
mod logout;
mod mappers;
mod realm_clients;
mod scope;
mod token;
mod userinfo;

use actix_web::web::{self, ServiceConfig};
use protocol::{
    ClientRepresentation, ClientTemplate, Example, ExampleInput, Installation, MapperType, Protocol,
};
use serde_json::Value;

/// The protocol `openid-connect`.
pub struct OpenidConnect;

/// Its id, in URLs and in a client's `protocol`.
pub const ID: &str = "openid-connect";

impl Protocol for OpenidConnect {
    fn id(&self) -> &'static str {
        ID
    }

    fn routes(&self, cfg: &mut ServiceConfig) {
        let token = protocol::resource("/token").route(web::post().to(token::answer));
        cfg.service(cors::with_preflight(token, "POST, OPTIONS"));
        cfg.service(
            protocol::resource("/token/introspect").route(web::post().to(introspect::answer)),
        );
        let userinfo = protocol::resource("/userinfo")
            .route(web::get().to(userinfo::answer))
            .route(web::post().to(userinfo::answer));
        cfg.service(cors::with_preflight(userinfo, "GET, HEAD, OPTIONS, POST"));
        let logout = protocol::resource("/logout").route(web::post().to(logout::answer));
        cfg.service(cors::with_preflight(logout, "POST, OPTIONS"));
        let certs = protocol::resource("/certs").route(web::get().to(documents::certs));
        cfg.service(cors::with_preflight(certs, "GET"));
    }

    fn realm_routes(&self, cfg: &mut ServiceConfig) {
        for path in [
            "/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server",
        ] {
            let discovery = protocol::resource(path).route(web::get().to(documents::discovery));
            cfg.service(cors::with_preflight(discovery, "GET"));
        }
        login_actions::routes(cfg);
        let realm = protocol::resource("").route(web::get().to(documents::realm));
        cfg.service(cors::with_preflight(realm, "GET"));
    }

    fn mapper_types(&self) -> &'static [MapperType] {
        mappers::types::TYPES
    }

    fn installations(&self) -> &'static [Installation] {
        installation::ALL
    }

    fn realm_scopes(&self) -> &'static str {
        scope::REALM_SCOPES
    }

    fn realm_clients(&self) -> &'static [ClientTemplate] {
        realm_clients::ALL
    }

    fn example(&self, which: Example, input: &ExampleInput<'_>) -> Option<Value> {
        Some(example::claims(which, input))
    }

    fn complete(&self, client: &mut ClientRepresentation) {
        defaults::complete(client);
    }
}
