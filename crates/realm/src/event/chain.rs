//! The chain of a realm's events: who can write the database, but has no seal key, can change nothing in it unseen.
//!
//! Each event has the next number, and an HMAC-SHA-256 over the HMAC of the event before it and all of its own columns.
//! The key is random, one a realm, and sealed as other secrets are: who has only the database cannot make a new chain of
//! changed events. The head says between which two events the chain lies, under an HMAC of its own, so that a cut is found
//! at either end. Only [`clear`](super::clear) and [`sweep`](super::sweep) move the beginning.
//!
//! A head that does not match its HMAC is used, so that logins go on, but never signed again: what was done to it is seen
//! until the events are cleared.

use aws_lc_rs::hmac;
use serde_json::{Map, Value};
use sqlx::FromRow;
use uuid::Uuid;

use super::Event;
use crate::{Error, Result, Sealer};

/// In place of a row's id where keys are sealed, so that no other secret of the realm opens as one.
const SEALED_FOR: Uuid = Uuid::from_u128(0x6576_656e_7420_6368_6169_6e20_6b65_7900);

/// An event's place in the chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromRow)]
pub(super) struct Link {
    pub seq: i64,
    pub hash: Vec<u8>,
}

/// What is known of the chain as a whole.
pub(super) struct Head {
    pub realm: Uuid,
    key: hmac::Key,
    /// Events from before the chain began.
    pub unchained: i64,
    /// The event before the first that is kept.
    pub first: Link,
    pub last: Link,
    /// Whether it matches its HMAC.
    pub intact: bool,
}

#[derive(FromRow)]
struct Stored {
    realm_id: Uuid,
    key: Vec<u8>,
    unchained: i64,
    first_seq: i64,
    first_hash: Vec<u8>,
    last_seq: i64,
    last_hash: Vec<u8>,
    mac: Vec<u8>,
}

impl Stored {
    fn open(self, sealer: &Sealer) -> Result<Head> {
        let key = sealer.open(self.realm_id, SEALED_FOR, &self.key)?;
        let mut head = Head {
            realm: self.realm_id,
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
            unchained: self.unchained,
            first: Link {
                seq: self.first_seq,
                hash: self.first_hash,
            },
            last: Link {
                seq: self.last_seq,
                hash: self.last_hash,
            },
            intact: true,
        };
        head.intact = hmac::verify(&head.key, &head.message(), &self.mac).is_ok();
        Ok(head)
    }
}

impl Head {
    /// That of an empty chain, and its sealed key.
    fn new(sealer: &Sealer, realm: Uuid, unchained: i64) -> Result<(Self, Vec<u8>)> {
        let key = crate::seal::random::<32>()?;
        let head = Self {
            realm,
            key: hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()),
            unchained,
            first: Link::default(),
            last: Link::default(),
            intact: true,
        };
        Ok((head, sealer.seal(realm, SEALED_FOR, key.as_ref())?))
    }

    /// The place of one more event, at the end.
    ///
    /// # Errors
    /// [`Error::Sealed`] when somebody has made the numbers run out.
    pub(super) fn append(&mut self, event: &Event) -> Result<Link> {
        let seq = self.last.seq.checked_add(1).ok_or_else(|| {
            Error::Sealed("the event chain was changed; clear the events of the realm".to_owned())
        })?;
        let hash = self.hash(&self.last.hash, seq, event);
        self.last = Link { seq, hash };
        Ok(self.last.clone())
    }

    /// Whether an event is the one that was written after another.
    pub(super) fn follows(&self, before: &Link, at: &Link, event: &Event) -> bool {
        let message = self.event_message(&before.hash, at.seq, event);
        hmac::verify(&self.key, &message, &at.hash).is_ok()
    }

    fn hash(&self, before: &[u8], seq: i64, event: &Event) -> Vec<u8> {
        let message = self.event_message(before, seq, event);
        hmac::sign(&self.key, &message).as_ref().to_vec()
    }

    fn event_message(&self, before: &[u8], seq: i64, event: &Event) -> Vec<u8> {
        let mut message = Message::of("event");
        message.bytes(before);
        message.bytes(self.realm.as_bytes());
        message.number(seq);
        message.bytes(event.id.0.as_bytes());
        message.number(event.time);
        message.bytes(event.kind.as_bytes());
        message.optional(event.client_id.as_deref());
        message.optional(event.user_id.as_deref());
        message.optional(event.session_id.as_deref());
        message.optional(event.ip_address.as_deref());
        message.optional(event.error.as_deref());
        message.object(&event.details);
        message.0
    }

    /// Its HMAC; nothing where it did not match the last one.
    pub(super) fn mac(&self) -> Vec<u8> {
        if self.intact {
            hmac::sign(&self.key, &self.message()).as_ref().to_vec()
        } else {
            Vec::new()
        }
    }

    fn message(&self) -> Vec<u8> {
        let mut message = Message::of("head");
        message.bytes(self.realm.as_bytes());
        message.number(self.unchained);
        for link in [&self.first, &self.last] {
            message.number(link.seq);
            message.bytes(&link.hash);
        }
        message.0
    }
}

/// What an HMAC is over: each part with its length, so that no two contents are the same bytes.
struct Message(Vec<u8>);

impl Message {
    fn of(what: &str) -> Self {
        let mut message = Self(Vec::with_capacity(1024));
        message.bytes(what.as_bytes());
        message
    }

    fn number(&mut self, number: i64) {
        self.0.extend(number.to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend((bytes.len() as u64).to_be_bytes());
        self.0.extend(bytes);
    }

    fn optional(&mut self, text: Option<&str>) {
        self.0.push(u8::from(text.is_some()));
        self.bytes(text.unwrap_or_default().as_bytes());
    }

    /// Names in the order of their bytes, for the database keeps another one.
    fn object(&mut self, object: &Map<String, Value>) {
        let mut members: Vec<_> = object.iter().collect();
        members.sort_unstable_by_key(|(name, _)| *name);
        self.bytes(&(members.len() as u64).to_be_bytes());
        for (name, value) in members {
            self.bytes(name.as_bytes());
            match value {
                Value::Object(inner) => {
                    self.0.push(b'{');
                    self.object(inner);
                }
                Value::String(text) => {
                    self.0.push(b'"');
                    self.bytes(text.as_bytes());
                }
                other => {
                    self.0.push(b'=');
                    self.bytes(other.to_string().as_bytes());
                }
            }
        }
    }
}

/// Locks the heads of realms, always in the same order. Those are left out that have none yet, or none that opens: the
/// log says so.
///
/// # Errors
/// From the database.
pub(super) async fn lock(
    db: &mut store::Connection,
    sealer: &Sealer,
    realms: &[Uuid],
) -> Result<Vec<Head>> {
    let stored: Vec<Stored> = sqlx::query_as(
        "select realm_id, key, unchained, first_seq, first_hash, last_seq, last_hash, mac from event_chain \
         where realm_id = any($1) and key is not null order by realm_id for update",
    )
    .bind(realms)
    .fetch_all(&mut *db)
    .await?;
    let mut heads = Vec::with_capacity(stored.len());
    for stored in stored {
        let realm = stored.realm_id;
        match stored.open(sealer) {
            Ok(mut head) => {
                if !head.intact {
                    tracing::error!(%realm, "the head of the event chain was changed in the database: audit verify says more");
                    head.last = newest(db, realm).await?;
                }
                heads.push(head);
            }
            Err(error) => tracing::error!(%realm, %error, "the key of the event chain"),
        }
    }
    Ok(heads)
}

/// The head of a realm as it is; none where no event was ever kept.
///
/// # Errors
/// [`Error::Sealed`] when the key does not open; from the database.
pub(super) async fn read(
    db: &mut store::Connection,
    sealer: &Sealer,
    realm: Uuid,
) -> Result<Option<Head>> {
    let stored: Option<Stored> = sqlx::query_as(
        "select realm_id, key, unchained, first_seq, first_hash, last_seq, last_hash, mac from event_chain \
         where realm_id = $1 and key is not null",
    )
    .bind(realm)
    .fetch_optional(db)
    .await?;
    stored.map(|stored| stored.open(sealer)).transpose()
}

/// Locks what is known of a realm's chain, whether it has begun or not; how many events are outside of it, or none where
/// the realm is gone.
///
/// # Errors
/// From the database.
pub(super) async fn hold(db: &mut store::Connection, realm: Uuid) -> Result<Option<i64>> {
    sqlx::query(
        "insert into event_chain (realm_id) select id from realm where id = $1 on conflict do nothing",
    )
    .bind(realm)
    .execute(&mut *db)
    .await?;
    Ok(
        sqlx::query_scalar("select unchained from event_chain where realm_id = $1 for update")
            .bind(realm)
            .fetch_optional(db)
            .await?,
    )
}

/// Begins the chain of a realm that has none; nothing where the realm is gone.
///
/// # Errors
/// From the database.
pub(super) async fn begin(pool: &store::Pool, sealer: &Sealer, realm: Uuid) -> Result<()> {
    let mut transaction = pool.begin().await?;
    let Some(unchained) = hold(&mut transaction, realm).await? else {
        return Ok(());
    };
    let (mut head, key) = Head::new(sealer, realm, unchained)?;
    // A chain of which only the head is gone is not begun again.
    head.last = newest(&mut transaction, realm).await?;
    head.intact = head.last == Link::default();
    sqlx::query(
        "update event_chain set key = $2, last_seq = $3, last_hash = $4, mac = $5 where realm_id = $1 and key is null",
    )
    .bind(realm)
    .bind(key)
    .bind(head.last.seq)
    .bind(&head.last.hash)
    .bind(head.mac())
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(())
}

/// Forgets all of a chain, for one of which no event is left.
///
/// # Errors
/// From the database.
pub(super) async fn forget(db: &mut store::Connection, realm: Uuid) -> Result<()> {
    sqlx::query(
        "update event_chain set key = null, unchained = 0, first_seq = 0, first_hash = '', last_seq = 0, \
         last_hash = '', mac = '' where realm_id = $1",
    )
    .bind(realm)
    .execute(db)
    .await?;
    Ok(())
}

/// The last event that is there, whatever the head says.
async fn newest(db: &mut store::Connection, realm: Uuid) -> Result<Link> {
    let newest: Option<Link> = sqlx::query_as(
        "select seq, coalesce(hash, '') as hash from event where realm_id = $1 and seq is not null \
         order by seq desc limit 1",
    )
    .bind(realm)
    .fetch_optional(db)
    .await?;
    Ok(newest.unwrap_or_default())
}

/// Stores a head whose beginning was moved.
///
/// # Errors
/// From the database.
pub(super) async fn store(db: &mut store::Connection, head: &Head) -> Result<()> {
    sqlx::query(
        "update event_chain set unchained = $2, first_seq = $3, first_hash = $4, last_seq = $5, last_hash = $6, mac = $7 \
         where realm_id = $1",
    )
    .bind(head.realm)
    .bind(head.unchained)
    .bind(head.first.seq)
    .bind(&head.first.hash)
    .bind(head.last.seq)
    .bind(&head.last.hash)
    .bind(head.mac())
    .execute(db)
    .await?;
    Ok(())
}
