//! OpenID Connect: the protocol that guards the admin API, and that people sign in with.
//!
//! So far what administrators and machines need: the token endpoint with `password`, `client_credentials` and
//! `refresh_token`, userinfo, introspection, logout by refresh token, the key set, discovery of what exists, and the realm's own page of facts.

mod account;
mod authorize;
mod claims;
mod client_auth;
mod consent;
mod cookies;
mod cors;
mod defaults;
mod device;
mod discovery;
mod documents;
mod example;
mod form;
mod grants;
mod iframes;
mod installation;
mod introspect;
mod login_actions;
mod logout;
mod mappers;
mod pages;
mod par;
mod realm_clients;
mod revoke;
mod scope;
mod signing;
mod token;
mod userinfo;

use actix_web::web::{self, ServiceConfig};
use protocol::{
    ClientRepresentation, ClientTemplate, Example, ExampleInput, Installation, MapperType,
    Protocol, RealmContext,
};
use serde_json::Value;
use user::session::Ended;

/// The protocol `openid-connect`.
pub struct OpenidConnect;

/// Its id, in URLs and in a client's `protocol`.
pub const ID: &str = "openid-connect";

impl Protocol for OpenidConnect {
    fn id(&self) -> &'static str {
        ID
    }

    fn routes(&self, cfg: &mut ServiceConfig) {
        cfg.service(
            protocol::resource("/auth")
                .route(web::get().to(authorize::answer))
                .route(web::post().to(authorize::answer)),
        );
        cfg.service(
            protocol::resource("/registrations").route(web::get().to(authorize::registrations)),
        );
        let device = protocol::resource("/auth/device").route(web::post().to(device::answer));
        cfg.service(cors::with_preflight(device, "POST, OPTIONS"));
        let par = protocol::resource("/ext/par/request").route(web::post().to(par::answer));
        cfg.service(cors::with_preflight(par, "POST, OPTIONS"));
        let token = protocol::resource("/token").route(web::post().to(token::answer));
        cfg.service(cors::with_preflight(token, "POST, OPTIONS"));
        let introspect =
            protocol::resource("/token/introspect").route(web::post().to(introspect::answer));
        cfg.service(cors::without_preflight(introspect, "HEAD, POST, OPTIONS"));
        let revoke = protocol::resource("/revoke").route(web::post().to(revoke::answer));
        cfg.service(cors::with_preflight(revoke, "POST, OPTIONS"));
        let userinfo = protocol::resource("/userinfo")
            .route(web::get().to(userinfo::answer))
            .route(web::post().to(userinfo::answer));
        cfg.service(cors::with_preflight(userinfo, "GET, HEAD, OPTIONS"));
        let logout = protocol::resource("/logout")
            .route(web::get().to(logout::answer))
            .route(web::head().to(logout::answer))
            .route(web::post().to(logout::answer));
        cfg.service(cors::with_preflight(logout, "GET, HEAD, OPTIONS"));
        cfg.service(
            protocol::resource("/logout/logout-confirm")
                .route(web::get().to(logout::confirm))
                .route(web::post().to(logout::confirm)),
        );
        iframes::routes(cfg);
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
        account::routes(cfg);
        cfg.service(
            protocol::resource("/device")
                .route(web::get().to(device::show))
                .route(web::post().to(device::submit)),
        );
        cfg.service(protocol::resource("/device/status").route(web::get().to(device::status)));
        let realm = protocol::resource("").route(web::get().to(documents::realm));
        cfg.service(cors::with_preflight(realm, "GET"));
    }

    fn sessions_ended(&self, ctx: &RealmContext, ended: &[Ended]) {
        logout::backchannel::tell(ctx, ended);
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
