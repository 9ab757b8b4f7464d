//! Key sets of others, fetched from where they keep them: those of clients, and those of issuers that a realm trusts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use realm::public_key::PublicKey;
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::outbound::{Answer, Outbound};

/// How long a fetched set is used without asking for it again.
const MAX_AGE: Duration = Duration::from_secs(3600);
/// A set is not fetched again sooner, whatever keys are missing in it.
const PAUSE: Duration = Duration::from_secs(60);
/// How long an older set is used while it cannot be fetched.
const MAX_STALE: Duration = Duration::from_secs(24 * 3600);
/// Sets in memory at most. Beyond it, one is forgotten for each that comes.
const CAPACITY: usize = 500;

/// Where a key set is.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// At this URL.
    Url(&'a str),
    /// Where the configuration of this issuer says (OpenID Connect Discovery 1.0 §4).
    Issuer(&'a str),
}

/// A place that outlives who names it.
struct Owned {
    text: String,
    is_issuer: bool,
}

impl From<Place<'_>> for Owned {
    fn from(place: Place<'_>) -> Self {
        let (Place::Url(text) | Place::Issuer(text)) = place;
        Self {
            text: text.to_owned(),
            is_issuer: matches!(place, Place::Issuer(_)),
        }
    }
}

impl Owned {
    fn place(&self) -> Place<'_> {
        if self.is_issuer {
            Place::Issuer(&self.text)
        } else {
            Place::Url(&self.text)
        }
    }
}

/// The key sets that were fetched.
#[derive(Default)]
pub struct KeySets {
    /// By realm and place.
    sets: Mutex<HashMap<(Uuid, String), Arc<Slot>>>,
}

#[derive(Default)]
struct Slot {
    set: Mutex<Set>,
    /// When it was last tried to fetch it; held while it is being fetched.
    tried: tokio::sync::Mutex<Option<Instant>>,
}

#[derive(Clone, Default)]
struct Set {
    keys: Arc<Vec<PublicKey>>,
    fetched: Option<Instant>,
}

impl KeySets {
    /// The set at a place, fetched where it is not there, is old, or lacks the key. One fetch at a time; who finds the key
    /// in memory does not wait for it.
    pub async fn get(
        &self,
        outbound: &Arc<Outbound>,
        realm: Uuid,
        place: Place<'_>,
        kid: Option<&str>,
    ) -> Arc<Vec<PublicKey>> {
        let slot = self.slot(realm, place);
        let known = slot.set();
        if known.serves(kid) {
            return known.keys;
        }
        // A task of its own: who asks may go away, and the others would have to wait for the next fetch.
        let (outbound, owned, kid) = (
            Arc::clone(outbound),
            Owned::from(place),
            kid.map(str::to_owned),
        );
        let fetched = async move { slot.fetched(&outbound, owned.place(), kid.as_deref()).await };
        tokio::spawn(fetched).await.unwrap_or(known.keys)
    }

    /// Takes a set out of memory, so that it is fetched when it is next needed. Whether it was there.
    pub fn forget(&self, realm: Uuid, place: Place<'_>) -> bool {
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        sets.remove(&(realm, place.key())).is_some()
    }

    fn slot(&self, realm: Uuid, place: Place<'_>) -> Arc<Slot> {
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (realm, place.key());
        if sets.len() >= CAPACITY
            && !sets.contains_key(&key)
            && let Some(other) = sets.keys().next().cloned()
        {
            sets.remove(&other);
        }
        Arc::clone(sets.entry(key).or_default())
    }
}

impl Slot {
    async fn fetched(
        &self,
        outbound: &Outbound,
        place: Place<'_>,
        kid: Option<&str>,
    ) -> Arc<Vec<PublicKey>> {
        let mut tried = self.tried.lock().await;
        let known = self.set();
        if known.serves(kid) || is_within(*tried, PAUSE) {
            return known.keys;
        }
        *tried = Some(Instant::now());
        let set = match fetch(outbound, place).await {
            Ok(keys) => Set {
                keys: Arc::new(keys),
                fetched: Some(Instant::now()),
            },
            Err(error) => {
                tracing::warn!(%error, ?place, "a key set could not be fetched");
                if is_within(known.fetched, MAX_STALE) {
                    known
                } else {
                    Set::default()
                }
            }
        };
        *self.set.lock().unwrap_or_else(PoisonError::into_inner) = set.clone();
        set.keys
    }

    fn set(&self) -> Set {
        let set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        set.clone()
    }
}

impl Set {
    fn serves(&self, kid: Option<&str>) -> bool {
        let has = |kid| self.keys.iter().any(|key| key.kid.as_deref() == Some(kid));
        is_within(self.fetched, MAX_AGE) && kid.is_none_or(has)
    }
}

impl<'a> Place<'a> {
    /// Where the keys of an identity provider are, by its config.
    #[must_use]
    pub fn of(config: &'a Map<String, Value>) -> Option<Self> {
        let text = |name| {
            let text = config.get(name).and_then(Value::as_str).map(str::trim);
            text.filter(|text| !text.is_empty())
        };
        let url = text("jwksUrl").map(Self::Url);
        url.or_else(|| text("issuer").map(Self::Issuer))
    }

    /// What tells it from others, also from one that begins with the same call.
    fn key(self) -> String {
        match self {
            Self::Url(url) => url.to_owned(),
            Self::Issuer(issuer) => format!("issuer {issuer}"),
        }
    }

    /// What is fetched first.
    fn url(self) -> String {
        match self {
            Self::Url(url) => url.to_owned(),
            // Without the slash that an issuer may end with (§4.1).
            Self::Issuer(issuer) => format!(
                "{}/.well-known/openid-configuration",
                issuer.strip_suffix('/').unwrap_or(issuer)
            ),
        }
    }
}

fn is_within(time: Option<Instant>, span: Duration) -> bool {
    time.is_some_and(|time| time.elapsed() < span)
}

async fn fetch(outbound: &Outbound, place: Place<'_>) -> Result<Vec<PublicKey>, String> {
    let mut answer = ask(outbound, &place.url()).await?;
    if let Place::Issuer(issuer) = place {
        let found: Configuration = serde_json::from_slice(&answer.body)
            .map_err(|_| "no OpenID configuration with issuer and jwks_uri")?;
        // Else one issuer could speak for another (§4.3).
        if found.issuer != issuer {
            return Err(format!("it is the configuration of {:?}", found.issuer));
        }
        if issuer.starts_with("https://") && !found.jwks_uri.starts_with("https://") {
            return Err("its jwks_uri is not encrypted".to_owned());
        }
        answer = ask(outbound, &found.jwks_uri).await?;
    }
    PublicKey::set(&answer.body).ok_or_else(|| "no JWK set".to_owned())
}

#[derive(Deserialize)]
struct Configuration {
    issuer: String,
    jwks_uri: String,
}

async fn ask(outbound: &Outbound, url: &str) -> Result<Answer, String> {
    let answer = outbound.get(url).await.map_err(|error| error.to_string())?;
    match answer.status {
        200 => Ok(answer),
        status => Err(format!("answered with status {status}")),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn who_goes_away_while_a_set_is_fetched_leaves_it_to_the_others() {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", socket.local_addr().unwrap());
        let (asked, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (told, wait) = (Arc::clone(&asked), Arc::clone(&go));
        tokio::spawn(async move {
            let (mut stream, _) = socket.accept().await.unwrap();
            stream.read_buf(&mut Vec::new()).await.unwrap();
            told.notify_one();
            wait.notified().await;
            let body = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","use":"sig","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all((head + body).as_bytes()).await.unwrap();
        });
        let (sets, outbound) = (KeySets::default(), Arc::new(Outbound::new(true)));
        let get = || sets.get(&outbound, Uuid::nil(), Place::Url(&url), Some("k"));
        tokio::select! {
            _ = get() => panic!("nothing was answered yet"),
            () = asked.notified() => {}
        }
        go.notify_one();
        assert_eq!(get().await.len(), 1);
    }
}
