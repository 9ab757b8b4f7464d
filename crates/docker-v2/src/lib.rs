//! Docker Registry v2 token authentication: a realm's users log in to registries.
//!
//! What Keycloak 26.7.3 does, but for the decisions D1–D27 in `docs/docker.md`.

mod access;
mod auth;
mod error;
mod installation;
mod mappers;
mod scope;
mod token;

use actix_web::web::ServiceConfig;
use protocol::{BuiltinMapper, ClientRepresentation, Installation, MapperType, Protocol};

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
}
