//! What of the asked access a client's mappers grant. Pure.

use client::Client;

use crate::mappers::ALLOW_ALL;
use crate::scope::Access;

/// Everything that was asked, if the client has the allow-all mapper; else nothing.
pub(crate) fn grant(client: &Client, asked: Vec<Access>) -> Vec<Access> {
    if client
        .mappers
        .iter()
        .any(|mapper| mapper.protocol_mapper == ALLOW_ALL)
    {
        asked
    } else {
        Vec::new()
    }
}
