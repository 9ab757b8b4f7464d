//! The realms that a node keeps in memory.
//!
//! A change is told by Postgres to every node (`store::listen`), usually within milliseconds. Whatever happens to the
//! notices, nothing is used for more than [`MAX_AGE`] without asking the database again. Only while the database
//! itself does not answer are older realms used, so that key sets and discovery documents stay readable.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::{Error, Realm, Result, Sealer, sql};

/// How long a realm is used without asking the database again.
pub const MAX_AGE: Duration = Duration::from_secs(30);

/// Realms in memory at most. Beyond it, one is forgotten for each that comes.
const CAPACITY: usize = 1000;
/// How long a reload may take before the old realm is used.
const PATIENCE: Duration = Duration::from_millis(900);
/// How long nobody asks a database that has just not answered.
const PAUSE: Duration = Duration::from_secs(1);

/// The realms that this node keeps in memory, by name. Cheap to clone.
#[derive(Clone)]
pub struct Realms {
    inner: Arc<Inner>,
}

struct Inner {
    pool: store::Pool,
    sealer: Sealer,
    by_name: RwLock<HashMap<String, Arc<Entry>>>,
    /// Counts the changes told, to notice one that came while a realm was being read.
    changes: AtomicU64,
    away_until: Mutex<Option<Instant>>,
}

struct Entry {
    realm: Arc<Realm>,
    fresh: AtomicBool,
    read_at: Instant,
    reading: tokio::sync::Mutex<()>,
}

impl Realms {
    /// An empty cache over a database.
    #[must_use]
    pub fn new(pool: store::Pool, sealer: Sealer) -> Self {
        Self {
            inner: Arc::new(Inner {
                pool,
                sealer,
                by_name: RwLock::default(),
                changes: AtomicU64::new(0),
                away_until: Mutex::new(None),
            }),
        }
    }

    /// The realm of this name, if there is one.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it is not in memory and the database does not answer.
    pub async fn get(&self, name: &str) -> Result<Option<Arc<Realm>>> {
        if name.is_empty() || name.len() > 255 || !store::text::storable(name) {
            return Ok(None);
        }
        let Some(entry) = self.entry(name) else {
            return self.read(name).await;
        };
        if entry.current() {
            return Ok(Some(Arc::clone(&entry.realm)));
        }
        // One reader at a time; those who waited find what it read.
        let _turn = entry.reading.lock().await;
        if let Some(newer) = self.entry(name).filter(|newer| newer.current()) {
            return Ok(Some(Arc::clone(&newer.realm)));
        }
        if self.database_is_away() {
            return Ok(Some(Arc::clone(&entry.realm)));
        }
        match tokio::time::timeout(PATIENCE, self.read(name)).await {
            Ok(Ok(realm)) => Ok(realm),
            Ok(Err(Error::Unavailable(_))) | Err(_) => {
                *self
                    .inner
                    .away_until
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + PAUSE);
                Ok(Some(Arc::clone(&entry.realm)))
            }
            Ok(Err(error)) => Err(error),
        }
    }

    /// Marks all that is kept of a realm as doubtful.
    pub fn forget(&self, id: Uuid) {
        self.doubt(|realm| realm.id == id);
    }

    /// Marks everything as doubtful, when notices may have been missed.
    pub fn forget_all(&self) {
        self.doubt(|_| true);
    }

    fn doubt(&self, which: impl Fn(&Realm) -> bool) {
        self.inner.changes.fetch_add(1, Ordering::SeqCst);
        let realms = self
            .inner
            .by_name
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        for entry in realms.values().filter(|entry| which(&entry.realm)) {
            entry.fresh.store(false, Ordering::SeqCst);
        }
    }

    fn entry(&self, name: &str) -> Option<Arc<Entry>> {
        self.inner
            .by_name
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned()
    }

    fn database_is_away(&self) -> bool {
        self.inner
            .away_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some_and(|until| Instant::now() < until)
    }

    async fn read(&self, name: &str) -> Result<Option<Arc<Realm>>> {
        let before = self.inner.changes.load(Ordering::SeqCst);
        let found = sql::find(&self.inner.pool, &self.inner.sealer, name)
            .await?
            .map(Arc::new);
        let mut realms = self
            .inner
            .by_name
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        match &found {
            None => {
                realms.remove(name);
            }
            Some(realm) => {
                if realms.len() >= CAPACITY
                    && !realms.contains_key(name)
                    && let Some(other) = realms.keys().next().cloned()
                {
                    realms.remove(&other);
                }
                let entry = Entry {
                    realm: Arc::clone(realm),
                    fresh: AtomicBool::new(self.inner.changes.load(Ordering::SeqCst) == before),
                    read_at: Instant::now(),
                    reading: tokio::sync::Mutex::default(),
                };
                realms.insert(name.to_owned(), Arc::new(entry));
            }
        }
        Ok(found)
    }
}

/// Tells all nodes to drop what they keep of a realm, as a change of it does.
///
/// # Errors
/// From the database.
pub async fn tell_changed(db: impl sqlx::PgExecutor<'_>, realm: Uuid) -> Result<()> {
    sqlx::query("select pg_notify('realm_changed', $1)")
        .bind(realm.to_string())
        .execute(db)
        .await?;
    Ok(())
}

impl Entry {
    fn current(&self) -> bool {
        self.fresh.load(Ordering::SeqCst) && self.read_at.elapsed() < MAX_AGE
    }
}
