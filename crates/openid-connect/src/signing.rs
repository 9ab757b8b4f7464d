//! Which key signs what for a client: the algorithm that the client names, else its realm's.

use std::sync::Arc;

use client::Client;
use protocol::{HttpError, RealmContext};
use realm::key::Key;

/// The client attributes that name an algorithm.
pub(crate) const ACCESS_TOKEN: &str = "access.token.signed.response.alg";
pub(crate) const ID_TOKEN: &str = "id.token.signed.response.alg";
/// Where it is not set, userinfo is answered in JSON.
pub(crate) const USERINFO: &str = "user.info.response.signature.alg";

/// What the attribute says, if anything.
pub(crate) fn named<'a>(client: &'a Client, attribute: &str) -> Option<&'a str> {
    client.attribute(attribute).filter(|name| !name.is_empty())
}

pub(crate) async fn key(
    ctx: &RealmContext,
    client: &Client,
    attribute: &str,
) -> Result<Arc<Key>, HttpError> {
    let of_realm = ctx.realm.settings.default_signature_algorithm.as_str();
    protocol::token::signing_key(ctx, named(client, attribute).unwrap_or(of_realm)).await
}
