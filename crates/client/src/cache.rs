//! The clients that a node keeps in memory.
//!
//! A change is told by Postgres to every node (`store::listen`), usually within milliseconds; [`Clients::forget_realm`]
//! and [`Clients::forget_all`] take it up. Whatever happens to the notices, nothing is used for more than
//! [`MAX_AGE_MS`] without asking the database again. Only while the database does not answer is a client that was there used for up
//! to [`MAX_STALE_MS`] since it was read; not one of a realm of which a change was told, and never the knowledge that
//! there is no such client.
//!
//! All of it is bounded: clients by their size in memory, unknown names by number. Secrets are held sealed, or as
//! digests; see [`crate::Secret`].

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use realm::Realm;
use store::{Pool, clock};
use tokio::time::timeout;
use uuid::Uuid;

use crate::scope::{self, KnownScope, Roles};
use crate::{Client, Error, Made, Mapper, Result, sql};

/// How long, in milliseconds, a client is used without asking the database again.
pub const MAX_AGE_MS: i64 = 30_000;
/// How long, in milliseconds, a client is used while the database does not answer.
pub const MAX_STALE_MS: i64 = 300_000;

/// Bytes of clients in memory, about. One that is larger than all of it is not kept.
const CAPACITY: u64 = 16 << 20;
/// Bytes of client scopes in memory, about. Those of a realm are there once, whatever the number of its clients.
const SCOPES: u64 = 64 << 20;
/// Names without a client.
const MISSING: u64 = 4096;
/// Realms with clients in memory.
const REALMS: u64 = 10_000;
/// How long the database may take before an older client is used.
const PATIENCE: Duration = Duration::from_millis(900);
/// How long nobody waits for a database that has just not answered, in milliseconds.
const PAUSE_MS: i64 = 1000;
const MAX_CLIENT_ID: usize = 255;

/// The clients that this node keeps in memory, by realm and clientId. Cheap to clone.
#[derive(Clone)]
pub struct Clients {
    inner: Arc<Inner>,
}

/// A client with all that its tokens need.
#[derive(Debug)]
pub struct Known {
    client: Client,
    /// The client scopes of its realm by name: those that it has, and others.
    pub scopes: Arc<HashMap<String, KnownScope>>,
    /// The roles that its tokens may carry whatever its scopes; empty where they may carry all.
    pub roles: Roles,
    /// What its protocol makes of its own mappers.
    pub made: Made,
}

impl Deref for Known {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

struct Inner {
    /// The number under which a realm's clients are kept. Forgetting a realm takes its number away: what was kept
    /// under it, and what a query still under way will keep under it, is found by nobody any more.
    numbers: Cache<Uuid, u64>,
    next_number: AtomicU64,
    /// Rises when everything becomes doubtful; what was read before has to be read again.
    doubt: AtomicU64,
    found: Cache<Key, Entry<Arc<Known>>>,
    missing: Cache<Key, Entry<()>>,
    /// By a realm's number.
    scopes: Cache<u64, Entry<Arc<HashMap<String, KnownScope>>>>,
    away_until: AtomicI64,
}

/// A realm's number and a clientId.
type Key = (u64, String);

#[derive(Clone)]
struct Entry<T> {
    what: T,
    read_at: i64,
    doubt: u64,
}

impl Default for Clients {
    fn default() -> Self {
        Self::new()
    }
}

impl Clients {
    /// An empty cache.
    #[must_use]
    pub fn new() -> Self {
        let found = Cache::builder()
            .max_capacity(CAPACITY)
            .weigher(|_, entry: &Entry<Arc<Known>>| weight(&entry.what))
            .time_to_live(Duration::from_millis(MAX_STALE_MS.unsigned_abs()));
        let scopes = Cache::builder()
            .max_capacity(SCOPES)
            .weigher(|_, entry: &Entry<Arc<HashMap<String, KnownScope>>>| {
                weight_of_scopes(&entry.what)
            })
            .time_to_live(Duration::from_millis(MAX_AGE_MS.unsigned_abs()));
        Self {
            inner: Arc::new(Inner {
                numbers: Cache::new(REALMS),
                next_number: AtomicU64::new(0),
                doubt: AtomicU64::new(0),
                found: found.build(),
                missing: Cache::new(MISSING),
                scopes: scopes.build(),
                away_until: AtomicI64::new(0),
            }),
        }
    }

    /// The client of this clientId, if there is one.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it is not in memory and the database does not answer.
    pub async fn get(
        &self,
        pool: &Pool,
        realm: &Realm,
        client_id: &str,
    ) -> Result<Option<Arc<Known>>> {
        if client_id.is_empty()
            || client_id.len() > 4 * MAX_CLIENT_ID
            || !store::text::storable(client_id)
        {
            return Ok(None);
        }
        let inner = &*self.inner;
        let number = inner.numbers.get_with(realm.id, || {
            inner.next_number.fetch_add(1, Ordering::Relaxed)
        });
        let doubt = inner.doubt.load(Ordering::SeqCst);
        let now = clock::now_ms();
        let key = (number, client_id.to_owned());

        let known = inner.found.get(&key);
        if let Some(entry) = known.as_ref().filter(|entry| entry.is_current(now, doubt)) {
            return Ok(Some(Arc::clone(&entry.what)));
        }
        if inner
            .missing
            .get(&key)
            .is_some_and(|entry| entry.is_current(now, doubt))
        {
            return Ok(None);
        }

        let Some(older) = known.filter(|entry| entry.is_within(now, MAX_STALE_MS)) else {
            return self.read(pool, realm, key, doubt).await;
        };
        if now < inner.away_until.load(Ordering::Relaxed) {
            return Ok(Some(older.what));
        }
        match timeout(PATIENCE, self.read(pool, realm, key, doubt)).await {
            Ok(Err(Error::Unavailable(_))) | Err(_) => {
                inner.away_until.store(now + PAUSE_MS, Ordering::Relaxed);
                Ok(Some(older.what))
            }
            Ok(answer) => answer,
        }
    }

    /// Takes all clients of a realm out of memory: one of them has changed.
    pub fn forget_realm(&self, realm: Uuid) {
        self.inner.numbers.invalidate(&realm);
    }

    /// Lets everything be read again: changes may have been missed.
    pub fn forget_all(&self) {
        self.inner.doubt.fetch_add(1, Ordering::SeqCst);
    }

    async fn read(
        &self,
        pool: &Pool,
        realm: &Realm,
        key: Key,
        doubt: u64,
    ) -> Result<Option<Arc<Known>>> {
        let inner = &*self.inner;
        // The age counts from before the query: what it will see may be as old as that.
        let read_at = clock::now_ms();
        match sql::find_known(pool, realm.id, &key.1).await? {
            Some((client, roles)) => {
                let scopes = self.scopes(pool, realm, key.0, doubt).await?;
                let known = Arc::new(Known {
                    client,
                    scopes: scopes.what,
                    roles,
                    made: Made::default(),
                });
                inner.missing.invalidate(&key);
                inner.found.insert(
                    key,
                    Entry {
                        what: Arc::clone(&known),
                        read_at: read_at.min(scopes.read_at),
                        doubt,
                    },
                );
                Ok(Some(known))
            }
            None => {
                inner.found.invalidate(&key);
                inner.missing.insert(
                    key,
                    Entry {
                        what: (),
                        read_at,
                        doubt,
                    },
                );
                Ok(None)
            }
        }
    }

    async fn scopes(
        &self,
        pool: &Pool,
        realm: &Realm,
        number: u64,
        doubt: u64,
    ) -> Result<Entry<Arc<HashMap<String, KnownScope>>>> {
        let read_at = clock::now_ms();
        let known = self.inner.scopes.get(&number);
        if let Some(entry) = known.filter(|entry| entry.is_current(read_at, doubt)) {
            return Ok(entry);
        }
        let entry = Entry {
            what: Arc::new(scope::known(pool, realm.id).await?),
            read_at,
            doubt,
        };
        self.inner.scopes.insert(number, entry.clone());
        Ok(entry)
    }
}

impl<T> Entry<T> {
    fn is_current(&self, now: i64, doubt: u64) -> bool {
        self.doubt == doubt && self.is_within(now, MAX_AGE_MS)
    }

    /// A clock that was put back makes it old, not young.
    fn is_within(&self, now: i64, age: i64) -> bool {
        (0..age).contains(&(now - self.read_at))
    }
}

/// Bytes that a client takes, about: its texts, and a fixed sum for the rest. Mappers count twice, for what is made of
/// them. The scopes of its realm count once, elsewhere.
fn weight(known: &Known) -> u32 {
    let (client, settings) = (&known.client, &known.client.settings);
    let lists = [
        &settings.redirect_uris,
        &settings.web_origins,
        &settings.default_client_scopes,
        &settings.optional_client_scopes,
    ];
    let listed = lists
        .into_iter()
        .flatten()
        .flatten()
        .map(|text| text.len() + 24);
    let maps = [
        &settings.attributes,
        &settings.authentication_flow_binding_overrides,
    ];
    let mapped = maps
        .into_iter()
        .flatten()
        .flatten()
        .map(|(name, value)| name.len() + value.len() + 48);
    let described = settings.description.as_ref().map_or(0, String::len);
    let sum: usize = listed.chain(mapped).sum::<usize>()
        + described
        + 2 * weight_of_mappers(&client.mappers)
        + weight_of_roles(&known.roles)
        + 4096;
    u32::try_from(sum).unwrap_or(u32::MAX)
}

fn weight_of_scopes(scopes: &HashMap<String, KnownScope>) -> u32 {
    let weights = scopes.values().map(|KnownScope { scope, roles, .. }| {
        let texts = scope.attributes.iter();
        let texts: usize = texts
            .map(|(name, value)| name.len() + value.len() + 48)
            .sum();
        texts + 2 * weight_of_mappers(&scope.mappers) + weight_of_roles(roles) + 1024
    });
    u32::try_from(weights.sum::<usize>() + 1024).unwrap_or(u32::MAX)
}

fn weight_of_mappers(mappers: &[Mapper]) -> usize {
    let texts = mappers.iter().flat_map(|mapper| &mapper.config);
    let texts: usize = texts
        .map(|(name, value)| name.len() + value.len() + 48)
        .sum();
    texts + 256 * mappers.len()
}

fn weight_of_roles(roles: &Roles) -> usize {
    let texts = roles.iter();
    texts
        .map(|(client, name)| client.as_ref().map_or(0, String::len) + name.len() + 64)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_grows_old_by_the_clock_by_doubt_and_by_a_clock_put_back() {
        let entry = Entry {
            what: (),
            read_at: 1_000_000,
            doubt: 7,
        };
        assert!(entry.is_current(1_000_000, 7) && entry.is_current(1_029_999, 7));
        assert!(!entry.is_current(1_030_000, 7));
        assert!(!entry.is_current(1_000_000, 8));
        assert!(!entry.is_current(999_999, 7));
        assert!(
            entry.is_within(1_299_999, MAX_STALE_MS) && !entry.is_within(1_300_000, MAX_STALE_MS)
        );
    }
}
