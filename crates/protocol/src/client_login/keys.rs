//! The keys that clients sign their assertions with: from their attributes, or fetched from where they keep them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use client::Known;
use realm::public_key::PublicKey;
use uuid::Uuid;

use crate::RealmContext;
use crate::outbound::Outbound;

/// How long a fetched set is used without asking for it again.
const MAX_AGE: Duration = Duration::from_secs(3600);
/// A set is not fetched again sooner, whatever keys are missing in it.
const PAUSE: Duration = Duration::from_secs(60);
/// How long an older set is used while it cannot be fetched.
const MAX_STALE: Duration = Duration::from_secs(24 * 3600);
/// Sets in memory at most. Beyond it, one is forgotten for each that comes.
const CAPACITY: usize = 500;

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
            .get(&state.outbound, ctx.realm.id, url, kid)
            .await;
    }
    let certified = attribute("jwt.credential.certificate").and_then(PublicKey::of_certificate);
    let key =
        certified.or_else(|| attribute("jwt.credential.public.key").and_then(PublicKey::of_pem));
    Arc::new(key.into_iter().collect())
}

/// The key sets that were fetched from the URLs that clients name.
#[derive(Default)]
pub struct KeySets {
    /// By realm and URL.
    sets: Mutex<HashMap<(Uuid, String), Shared>>,
}

type Shared = Arc<tokio::sync::Mutex<Slot>>;

#[derive(Default)]
struct Slot {
    keys: Arc<Vec<PublicKey>>,
    fetched: Option<Instant>,
    tried: Option<Instant>,
}

impl KeySets {
    /// The set at a URL, fetched where it is not there, is old, or lacks the key. One fetch at a time.
    async fn get(
        &self,
        outbound: &Outbound,
        realm: Uuid,
        url: &str,
        kid: Option<&str>,
    ) -> Arc<Vec<PublicKey>> {
        let slot = self.slot(realm, url);
        let mut slot = slot.lock().await;
        let has = |keys: &[PublicKey]| {
            kid.is_none_or(|kid| keys.iter().any(|key| key.kid.as_deref() == Some(kid)))
        };
        let is_within =
            |time: Option<Instant>, span| time.is_some_and(|time| time.elapsed() < span);
        if is_within(slot.tried, PAUSE) || is_within(slot.fetched, MAX_AGE) && has(&slot.keys) {
            return Arc::clone(&slot.keys);
        }
        slot.tried = Some(Instant::now());
        match fetch(outbound, url).await {
            Ok(keys) => {
                slot.keys = Arc::new(keys);
                slot.fetched = Some(Instant::now());
            }
            Err(error) => {
                tracing::warn!(%error, ?url, "a client's keys could not be fetched");
                if !is_within(slot.fetched, MAX_STALE) {
                    slot.keys = Arc::default();
                }
            }
        }
        Arc::clone(&slot.keys)
    }

    fn slot(&self, realm: Uuid, url: &str) -> Shared {
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (realm, url.to_owned());
        if sets.len() >= CAPACITY
            && !sets.contains_key(&key)
            && let Some(other) = sets.keys().next().cloned()
        {
            sets.remove(&other);
        }
        Arc::clone(sets.entry(key).or_default())
    }
}

async fn fetch(outbound: &Outbound, url: &str) -> Result<Vec<PublicKey>, String> {
    let answer = outbound.get(url).await.map_err(|error| error.to_string())?;
    if answer.status != 200 {
        return Err(format!("answered with status {}", answer.status));
    }
    PublicKey::set(&answer.body).ok_or_else(|| "no JWK set".to_owned())
}
