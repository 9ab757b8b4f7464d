//! Login events, kept for the admin API where a realm wants it, and always told to the log.
//!
//! Those that are kept form one chain a realm (see the module `chain`), so that [`verify`] finds what was changed in the
//! database.

mod chain;
mod commit;
mod prune;
mod verify;

use serde::Serialize;
use serde_json::{Map, Value};
use sqlx::{FromRow, PgExecutor, QueryBuilder};
use utoipa::ToSchema;
use uuid::Uuid;

pub use commit::Log;
pub use prune::{clear, sweep};
pub use verify::{Finding, Place, Report, verify};

use crate::{Realm, Result};

/// An event in JSON, as Keycloak's `EventRepresentation`. `time` in milliseconds since 1970.
#[derive(Clone, Debug, Default, Serialize, FromRow, ToSchema)]
#[schema(as = EventRepresentation)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are Keycloak's own")]
pub struct Event {
    #[sqlx(try_from = "Uuid")]
    pub id: EventId,
    pub time: i64,
    #[serde(rename = "type")]
    #[sqlx(rename = "type")]
    pub kind: String,
    #[sqlx(skip)]
    pub realm_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[sqlx(json)]
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Value>,
    /// Kept by every realm that keeps all events, though its type is a frequent one.
    #[serde(skip)]
    #[sqlx(skip)]
    #[schema(ignore)]
    pub audited: bool,
}

/// Characters of a detail.
const DETAIL: usize = 2000;
/// Characters of a long detail: the access that a hundred scopes of 8 kB grant fits, as JSON.
const LONG_DETAIL: usize = 64 * 1024;

/// The id of an event: a uuid that sorts by time.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EventId(Uuid);

impl Default for EventId {
    fn default() -> Self {
        Self(Uuid::now_v7())
    }
}

impl EventId {
    pub(crate) fn uuid(&self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for EventId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl Event {
    /// A new event of a type (`LOGIN`, `LOGIN_ERROR` …), now.
    #[must_use]
    pub fn new(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            time: store::clock::now_ms(),
            ..Self::default()
        }
    }

    /// Adds a detail; at most 50 are kept, each of 2,000 characters, so that no caller can fill the table.
    #[must_use]
    pub fn detail(mut self, name: &str, value: impl Into<String>) -> Self {
        self.add(name, value);
        self
    }

    /// Adds a detail of up to 65,536 characters, for what is of no use once it is cut: JSON, lists.
    #[must_use]
    pub fn long_detail(mut self, name: &str, value: impl Into<String>) -> Self {
        self.put(name, value.into(), LONG_DETAIL);
        self
    }

    /// Adds a detail as [`Event::detail`] does, to an event that is at hand.
    pub fn add(&mut self, name: &str, value: impl Into<String>) {
        self.put(name, value.into(), DETAIL);
    }

    /// Lets every realm that keeps all events keep this one, too, though its type is a frequent one.
    #[must_use]
    pub fn audited(mut self) -> Self {
        self.audited = true;
        self
    }

    fn put(&mut self, name: &str, value: String, most: usize) {
        if self.details.len() < 50 {
            let value: String = value.chars().filter(|c| *c != '\0').take(most).collect();
            self.details.insert(name.to_owned(), Value::String(value));
        }
    }

    /// Cuts what the columns hold to what they are for.
    fn fit(&mut self) {
        for text in [
            &mut self.client_id,
            &mut self.user_id,
            &mut self.session_id,
            &mut self.ip_address,
            &mut self.error,
        ]
        .into_iter()
        .flatten()
        {
            *text = text.chars().filter(|c| *c != '\0').take(255).collect();
        }
    }
}

/// What happens all the time: kept by realms that name it, not by those that keep all.
const FREQUENT: &[&str] = &[
    "REFRESH_TOKEN",
    "REFRESH_TOKEN_ERROR",
    "INTROSPECT_TOKEN",
    "INTROSPECT_TOKEN_ERROR",
    "USER_INFO_REQUEST",
    "USER_INFO_REQUEST_ERROR",
    "OAUTH2_DEVICE_AUTH",
    "PUSHED_AUTHORIZATION_REQUEST",
    "PUSHED_AUTHORIZATION_REQUEST_ERROR",
];

/// Whether a realm keeps events of a type.
#[must_use]
pub fn is_kept(realm: &Realm, kind: &str) -> bool {
    wants(realm, kind, FREQUENT)
}

/// Whether a realm keeps events of a type; those of `unless` only if it names them.
fn wants(realm: &Realm, kind: &str, unless: &[&str]) -> bool {
    let types = &realm.settings.enabled_event_types;
    let listed = if types.is_empty() {
        !unless.contains(&kind)
    } else {
        types.iter().any(|listed| listed == kind)
    };
    realm.settings.events_enabled && listed
}

/// Tells the log of an event, and keeps it if the realm wants to; ends when it is committed.
///
/// # Errors
/// [`Error::Unavailable`](crate::Error::Unavailable) when it could not be kept: the queue is full, the database away.
pub async fn record(log: &Log, realm: &Realm, event: Event) -> Result<()> {
    // Debug form: control characters of names and agents come out escaped.
    tracing::info!(
        target: "realmkeep::event",
        kind = %event.kind, realm = ?realm.name, client = ?event.client_id, user = ?event.user_id,
        ip = ?event.ip_address, error = ?event.error, "event"
    );
    let unless = if event.audited { &[] } else { FREQUENT };
    if wants(realm, &event.kind, unless) {
        log.keep(realm.id, event).await?;
    }
    Ok(())
}

/// Keycloak's event types, in its order.
#[must_use]
pub fn types() -> Vec<&'static str> {
    include_str!("event_types.txt").lines().collect()
}

/// Whether there are events of this type, also of those that happen all the time.
#[must_use]
pub fn is_type(kind: &str) -> bool {
    types().contains(&kind) || FREQUENT.contains(&kind)
}

/// What the list may be narrowed by. Times in milliseconds since 1970.
#[derive(Default)]
#[expect(missing_docs, reason = "the query parameters are Keycloak's own")]
pub struct Search {
    pub types: Vec<String>,
    pub client: Option<String>,
    pub user: Option<String>,
    pub ip_address: Option<String>,
    pub date_from: Option<i64>,
    pub date_to: Option<i64>,
    pub oldest_first: bool,
    pub first: i64,
    pub max: i64,
}

/// The events kept, newest first unless asked otherwise.
///
/// # Errors
/// From the database.
pub async fn list(db: impl PgExecutor<'_>, realm: &Realm, search: &Search) -> Result<Vec<Event>> {
    let mut query = QueryBuilder::new(
        "select id, time, type, client_id, user_id, session_id, ip_address, error, details from event where realm_id = ",
    );
    query.push_bind(realm.id);
    if !search.types.is_empty() {
        query
            .push(" and type = any(")
            .push_bind(&search.types)
            .push(")");
    }
    for (column, value) in [
        ("client_id", &search.client),
        ("user_id", &search.user),
        ("ip_address", &search.ip_address),
    ] {
        if let Some(value) = value {
            query.push(format!(" and {column} = ")).push_bind(value);
        }
    }
    if let Some(from) = search.date_from {
        query.push(" and time >= ").push_bind(from);
    }
    if let Some(to) = search.date_to {
        query.push(" and time <= ").push_bind(to);
    }
    query.push(if search.oldest_first {
        " order by time, id"
    } else {
        " order by time desc, id desc"
    });
    query
        .push(" limit ")
        .push_bind(search.max.clamp(0, 10_000))
        .push(" offset ")
        .push_bind(search.first.max(0));
    let mut events: Vec<Event> = query.build_query_as().fetch_all(db).await?;
    for event in &mut events {
        event.realm_id.clone_from(&realm.public_id);
    }
    Ok(events)
}
