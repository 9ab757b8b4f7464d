//! Docker Registry v2 token authentication: a realm's users log in to registries.
//!
//! What Keycloak 26.7.3 does, but for the decisions D1–D27 in `docs/docker.md`.

mod access;
mod answer;
mod auth;
mod error;
mod explain;
mod form;
mod identity;
mod installation;
mod mappers;
mod rule;
mod scope;
mod token;

use actix_web::web::{self, ServiceConfig};
use client::Texts;
use protocol::{BuiltinMapper, ClientRepresentation, Installation, MapperType, Protocol};

pub use explain::{Decided, Explanation, Unexplained, explain};
pub use rule::Decider;
pub use scope::Access;

/// The protocol `docker-v2`.
pub struct DockerV2;

/// Its id, in URLs and in a client's `protocol`.
pub const ID: &str = "docker-v2";

impl Protocol for DockerV2 {
    fn id(&self) -> &'static str {
        ID
    }

    fn routes(&self, cfg: &mut ServiceConfig) {
        // The first is Keycloak's endpoint, the second is as its guide prints it (decision D23).
        for path in ["/auth", ""] {
            cfg.service(auth::resource(path));
        }
        cfg.service(protocol::resource("/{other}"));
    }

    fn client_routes(&self, cfg: &mut ServiceConfig) {
        cfg.service(protocol::resource("/explain").route(web::get().to(explain::answer)));
    }

    fn client_paths(&self) -> &'static [(&'static str, &'static str)] {
        &[("GET", "/explain")]
    }

    fn mapper_types(&self) -> &'static [MapperType] {
        mappers::TYPES
    }

    fn builtin_mappers(&self) -> &'static [BuiltinMapper] {
        mappers::BUILTIN
    }

    fn installations(&self) -> &'static [Installation] {
        installation::ALL
    }

    fn complete(&self, client: &mut ClientRepresentation) {
        mappers::complete(client);
    }

    fn check_mapper(&self, kind: &str, config: &Texts) -> Result<(), String> {
        match kind {
            mappers::ACCESS_RULE => rule::check(config),
            _ => Ok(()),
        }
    }

    fn check(&self, client: &ClientRepresentation) -> Vec<String> {
        token::check(client)
    }
}
