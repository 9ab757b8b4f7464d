//! The one writer of a node's events: what comes while one transaction is committed goes into the next.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::types::Json;
use store::Pool;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{Event, chain};
use crate::{Error, Result, Sealer};

/// Events that wait at most; more are refused.
const QUEUE: usize = 4096;
/// Events of one transaction at most.
const BATCH: usize = 512;
/// The longest that one transaction may take, when the database does not answer at all.
const PATIENCE: Duration = Duration::from_secs(4);
/// Realms that are written apart from the others at one time.
const APART: usize = 2;

/// Where events are given to be kept. Cheap to clone.
#[derive(Clone)]
pub struct Log {
    queue: mpsc::Sender<Message>,
    pool: Pool,
}

enum Message {
    Event(Box<Entry>),
    /// Told when all before it is done.
    Drained(oneshot::Sender<()>),
}

struct Entry {
    realm: Uuid,
    event: Event,
    done: oneshot::Sender<Result<(), String>>,
}

impl Log {
    /// Starts the writer on a pool that nothing else should use, for it must not wait behind requests: three connections
    /// at most.
    #[must_use]
    pub fn start(pool: Pool, sealer: Sealer) -> Self {
        let (queue, messages) = mpsc::channel(QUEUE);
        let writer = Writer {
            pool: pool.clone(),
            sealer,
            apart: Arc::default(),
            turns: Arc::new(Semaphore::new(APART)),
            tasks: JoinSet::new(),
        };
        tokio::spawn(writer.run(messages));
        Self { queue, pool }
    }

    /// Keeps an event of a realm; ends when it is committed.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it was not, or nobody knows. It is not tried again.
    pub async fn keep(&self, realm: Uuid, mut event: Event) -> Result<()> {
        event.fit();
        let (done, told) = oneshot::channel();
        let entry = Box::new(Entry { realm, event, done });
        if self.queue.try_send(Message::Event(entry)).is_err() {
            return Err(Error::Unavailable("too many events wait".to_owned()));
        }
        let told = told
            .await
            .unwrap_or_else(|_| Err("the writer ended".to_owned()));
        told.map_err(|why| Error::Unavailable(format!("an event was not kept: {why}")))
    }

    /// Ends when all that was given before is committed or refused, with the connections.
    pub async fn stop(&self) {
        let (done, told) = oneshot::channel();
        if self.queue.send(Message::Drained(done)).await.is_ok() {
            let _ = told.await;
        }
        self.pool.close().await;
    }
}

/// The realms that are written apart, with what waits for their turn.
type Apart = Arc<Mutex<HashMap<Uuid, Vec<Entry>>>>;

struct Writer {
    pool: Pool,
    sealer: Sealer,
    apart: Apart,
    turns: Arc<Semaphore>,
    tasks: JoinSet<()>,
}

impl Writer {
    async fn run(mut self, mut queue: mpsc::Receiver<Message>) {
        let mut messages = Vec::new();
        while queue.recv_many(&mut messages, BATCH).await > 0 {
            while self.tasks.try_join_next().is_some() {}
            if let Err(why) = self.commit(&mut messages).await {
                // Who waits any longer would be answered too late.
                while let Ok(message) = queue.try_recv() {
                    match message {
                        Message::Event(entry) => tell(*entry, Err(why.clone())),
                        drained @ Message::Drained(_) => messages.push(drained),
                    }
                }
            }
            for message in messages.drain(..) {
                if let Message::Drained(done) = message {
                    while self.tasks.join_next().await.is_some() {}
                    let _ = done.send(());
                }
            }
        }
    }

    /// Writes the events among some messages. An error means that the database is away.
    async fn commit(&mut self, messages: &mut Vec<Message>) -> Result<(), String> {
        let mut entries = Vec::with_capacity(messages.len());
        for message in std::mem::take(messages) {
            match message {
                Message::Event(entry) => entries.extend(self.unless_apart(*entry)),
                drained @ Message::Drained(_) => messages.push(drained),
            }
        }
        if entries.is_empty() {
            return Ok(());
        }
        match write(&self.pool, &self.sealer, Wait::Little, &entries).await {
            Ok(realms) => tell_all(entries, &realms),
            Err(Error::Unavailable(why)) => {
                for entry in entries {
                    tell(entry, Err(why.clone()));
                }
                return Err(why);
            }
            // A realm that is locked for long, while it is deleted or imported say, holds up nobody but itself.
            Err(error) => {
                tracing::debug!(%error, "events are written apart");
                let mut realms: HashMap<Uuid, Vec<Entry>> = HashMap::new();
                for entry in entries {
                    realms.entry(entry.realm).or_default().push(entry);
                }
                for (realm, entries) in realms {
                    self.set_apart(realm, entries);
                }
            }
        }
        Ok(())
    }

    /// The entry, unless it has to wait for its realm's turn.
    fn unless_apart(&self, entry: Entry) -> Option<Entry> {
        let mut apart = self.apart.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(waiting) = apart.get_mut(&entry.realm) else {
            return Some(entry);
        };
        if waiting.len() < BATCH {
            waiting.push(entry);
        } else {
            tell(entry, Err("too many events of the realm wait".to_owned()));
        }
        None
    }

    fn set_apart(&mut self, realm: Uuid, entries: Vec<Entry>) {
        self.apart
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(realm, entries);
        let (pool, sealer) = (self.pool.clone(), self.sealer.clone());
        let (apart, turns) = (Arc::clone(&self.apart), Arc::clone(&self.turns));
        self.tasks.spawn(async move {
            while let Some(entries) = next(&apart, realm) {
                let _turn = turns.acquire().await;
                write_alone(&pool, &sealer, entries).await;
            }
        });
    }
}

/// What waits for a realm's turn; the realm is not apart any more once that is nothing.
fn next(apart: &Apart, realm: Uuid) -> Option<Vec<Entry>> {
    let mut apart = apart.lock().unwrap_or_else(PoisonError::into_inner);
    let waiting = std::mem::take(apart.get_mut(&realm)?);
    if waiting.is_empty() {
        apart.remove(&realm);
        return None;
    }
    Some(waiting)
}

/// Writes events of one realm; each by itself, if one among them is the trouble.
async fn write_alone(pool: &Pool, sealer: &Sealer, entries: Vec<Entry>) {
    match write(pool, sealer, Wait::Long, &entries).await {
        Ok(realms) => tell_all(entries, &realms),
        Err(error) if entries.len() == 1 || matches!(error, Error::Unavailable(_)) => {
            if !matches!(error, Error::Unavailable(_)) {
                tracing::error!(%error, "an event cannot be written");
            }
            for entry in entries {
                tell(entry, Err(error.to_string()));
            }
        }
        Err(_) => {
            for entry in entries {
                Box::pin(write_alone(pool, sealer, vec![entry])).await;
            }
        }
    }
}

fn tell(entry: Entry, what: Result<(), String>) {
    // Who asked may have gone.
    let _ = entry.done.send(what);
}

fn tell_all(entries: Vec<Entry>, written: &[Uuid]) {
    for entry in entries {
        let done = if written.contains(&entry.realm) {
            Ok(())
        } else {
            Err("the realm is gone, or the key of its event chain does not open".to_owned())
        };
        tell(entry, done);
    }
}

/// For how long a lock is waited for.
#[derive(Clone, Copy)]
enum Wait {
    /// Longer than another node needs for a commit.
    Little,
    /// As long as any statement may take.
    Long,
}

/// Writes events in one transaction; the realms of which it wrote them.
async fn write(pool: &Pool, sealer: &Sealer, wait: Wait, entries: &[Entry]) -> Result<Vec<Uuid>> {
    let written = tokio::time::timeout(PATIENCE, transaction(pool, sealer, wait, entries)).await;
    written.unwrap_or_else(|_| {
        Err(Error::Unavailable(
            "the database does not answer".to_owned(),
        ))
    })
}

async fn transaction(
    pool: &Pool,
    sealer: &Sealer,
    wait: Wait,
    entries: &[Entry],
) -> Result<Vec<Uuid>> {
    let begin = match wait {
        Wait::Little => "begin; set local lock_timeout = '100ms'",
        Wait::Long => "begin",
    };
    let realms: BTreeSet<Uuid> = entries.iter().map(|entry| entry.realm).collect();
    let realms: Vec<Uuid> = realms.into_iter().collect();
    let mut transaction = pool.begin_with(begin).await?;
    let mut heads = chain::lock(&mut transaction, sealer, &realms).await?;
    if heads.len() < realms.len() {
        // Each for itself, so that no lock is held meanwhile.
        transaction.rollback().await?;
        for realm in &realms {
            if !heads.iter().any(|head| head.realm == *realm) {
                chain::begin(pool, sealer, *realm).await?;
            }
        }
        transaction = pool.begin_with(begin).await?;
        heads = chain::lock(&mut transaction, sealer, &realms).await?;
    }
    let mut rows = Rows::default();
    for entry in entries {
        if let Some(head) = heads.iter_mut().find(|head| head.realm == entry.realm) {
            let link = head.append(&entry.event)?;
            rows.push(entry, link);
        }
    }
    rows.insert(&mut transaction, &heads).await?;
    transaction.commit().await?;
    Ok(heads.iter().map(|head| head.realm).collect())
}

/// Events column by column.
#[derive(Default)]
struct Rows<'a> {
    realm: Vec<Uuid>,
    id: Vec<Uuid>,
    time: Vec<i64>,
    kind: Vec<&'a str>,
    client: Vec<Option<&'a str>>,
    user: Vec<Option<&'a str>>,
    session: Vec<Option<&'a str>>,
    ip: Vec<Option<&'a str>>,
    error: Vec<Option<&'a str>>,
    details: Vec<Json<&'a serde_json::Map<String, serde_json::Value>>>,
    seq: Vec<i64>,
    hash: Vec<Vec<u8>>,
}

impl<'a> Rows<'a> {
    fn push(&mut self, entry: &'a Entry, link: chain::Link) {
        let event = &entry.event;
        self.realm.push(entry.realm);
        self.id.push(event.id.0);
        self.time.push(event.time);
        self.kind.push(&event.kind);
        self.client.push(event.client_id.as_deref());
        self.user.push(event.user_id.as_deref());
        self.session.push(event.session_id.as_deref());
        self.ip.push(event.ip_address.as_deref());
        self.error.push(event.error.as_deref());
        self.details.push(Json(&event.details));
        self.seq.push(link.seq);
        self.hash.push(link.hash);
    }

    /// Inserts them, and moves the ends of their chains.
    async fn insert(self, db: &mut store::Connection, heads: &[chain::Head]) -> Result<()> {
        let ends = |of: fn(&chain::Head) -> Vec<u8>| heads.iter().map(of).collect::<Vec<_>>();
        sqlx::query(
            "with head as (update event_chain c set last_seq = h.seq, last_hash = h.hash, mac = h.mac \
             from unnest($13::uuid[], $14::bigint[], $15::bytea[], $16::bytea[]) h (realm_id, seq, hash, mac) \
             where c.realm_id = h.realm_id) \
             insert into event (realm_id, id, time, type, client_id, user_id, session_id, ip_address, error, details, \
             seq, hash) select * from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::text[], \
             $7::text[], $8::text[], $9::text[], $10::jsonb[], $11::bigint[], $12::bytea[])",
        )
        .bind(self.realm)
        .bind(self.id)
        .bind(self.time)
        .bind(self.kind)
        .bind(self.client)
        .bind(self.user)
        .bind(self.session)
        .bind(self.ip)
        .bind(self.error)
        .bind(self.details)
        .bind(self.seq)
        .bind(self.hash)
        .bind(heads.iter().map(|head| head.realm).collect::<Vec<_>>())
        .bind(heads.iter().map(|head| head.last.seq).collect::<Vec<_>>())
        .bind(ends(|head| head.last.hash.clone()))
        .bind(ends(chain::Head::mac))
        .execute(db)
        .await?;
        Ok(())
    }
}
