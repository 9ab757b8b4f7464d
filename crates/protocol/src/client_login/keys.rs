//! The keys that clients sign their assertions with: from their attributes, or fetched from where they keep them.

use std::sync::Arc;

use client::Known;
use realm::public_key::PublicKey;

use crate::RealmContext;
use crate::key_sets::Place;

/// The keys of a client. Keycloak's order: the set in its attributes, the set at its URL, its certificate.
pub(super) async fn of(
    ctx: &RealmContext,
    client: &Known,
    kid: Option<&str>,
) -> Arc<Vec<PublicKey>> {
    let attribute = |name| client.attribute(name).filter(|value| !value.is_empty());
    if attribute("use.jwks.string") == Some("true") {
        let set = attribute("jwks.string").and_then(|set| PublicKey::set(set.as_bytes()));
        return Arc::new(set.unwrap_or_default());
    }
    if attribute("use.jwks.url") == Some("true") {
        let Some(url) = attribute("jwks.url") else {
            return Arc::default();
        };
        let state = ctx.state();
        return state
            .key_sets
            .get(&state.outbound, ctx.realm.id, Place::Url(url), kid)
            .await;
    }
    let certified = attribute("jwt.credential.certificate").and_then(PublicKey::of_certificate);
    let key =
        certified.or_else(|| attribute("jwt.credential.public.key").and_then(PublicKey::of_pem));
    Arc::new(key.into_iter().collect())
}
