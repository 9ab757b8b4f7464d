//! Login events, kept for the admin API where a realm wants it, and always told to the log.

use serde::Serialize;
use serde_json::{Map, Value};
use sqlx::{FromRow, PgExecutor, QueryBuilder, types::Json};
use utoipa::ToSchema;
use uuid::Uuid;

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
}

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

    /// The same to an event that is at hand.
    pub fn add(&mut self, name: &str, value: impl Into<String>) {
        if self.details.len() < 50 {
            let value: String = value.into();
            let value: String = value.chars().filter(|c| *c != '\0').take(2000).collect();
            self.details.insert(name.to_owned(), Value::String(value));
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
    let types = &realm.settings.enabled_event_types;
    let listed = if types.is_empty() {
        !FREQUENT.contains(&kind)
    } else {
        types.iter().any(|listed| listed == kind)
    };
    realm.settings.events_enabled && listed
}

/// Tells the log of an event, and keeps it if the realm wants to.
///
/// # Errors
/// From the database. Callers answer their request all the same.
pub async fn record(db: impl PgExecutor<'_>, realm: &Realm, event: &Event) -> Result<()> {
    // Debug form: control characters of names and agents come out escaped.
    tracing::info!(
        target: "realmkeep::event",
        kind = %event.kind, realm = ?realm.name, client = ?event.client_id, user = ?event.user_id,
        ip = ?event.ip_address, error = ?event.error, "event"
    );
    if !is_kept(realm, &event.kind) {
        return Ok(());
    }
    let storable = |text: &Option<String>| {
        text.as_ref().map(|t| {
            t.chars()
                .filter(|c| *c != '\0')
                .take(255)
                .collect::<String>()
        })
    };
    sqlx::query(
        "insert into event (realm_id, id, time, type, client_id, user_id, session_id, ip_address, error, details) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(realm.id)
    .bind(event.id.0)
    .bind(event.time)
    .bind(&event.kind)
    .bind(storable(&event.client_id))
    .bind(storable(&event.user_id))
    .bind(storable(&event.session_id))
    .bind(storable(&event.ip_address))
    .bind(storable(&event.error))
    .bind(Json(&event.details))
    .execute(db)
    .await?;
    Ok(())
}

/// Keycloak's event types, in its order.
#[must_use]
pub fn types() -> Vec<&'static str> {
    include_str!("event_types.txt").lines().collect()
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

/// Deletes the events of a realm.
///
/// # Errors
/// From the database.
pub async fn clear(db: impl PgExecutor<'_>, realm: Uuid) -> Result<()> {
    sqlx::query("delete from event where realm_id = $1")
        .bind(realm)
        .execute(db)
        .await?;
    Ok(())
}

/// Deletes events older than their realm's `eventsExpiration`, at most ten thousand a call. `now` in seconds.
///
/// # Errors
/// From the database.
pub async fn sweep(db: impl PgExecutor<'_>, now: i64) -> Result<()> {
    sqlx::query(
        "delete from event where ctid = any(array(select e.ctid from event e join realm r on r.id = e.realm_id \
         where (r.settings->>'eventsExpiration')::bigint > 0 \
         and e.time < ($1 - (r.settings->>'eventsExpiration')::bigint) * 1000 limit 10000))",
    )
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}
