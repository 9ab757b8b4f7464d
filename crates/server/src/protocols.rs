//! THE list: a protocol that stands here is served by every realm, and known to the admin API.

use protocol::Protocols;

/// The protocols of this server.
pub static PROTOCOLS: Protocols =
    Protocols(&[&openid_connect::OpenidConnect, &docker_v2::DockerV2]);
