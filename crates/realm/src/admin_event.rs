//! Admin events: what administrators did, kept for the admin API where a realm wants it (`adminEventsEnabled`).

use serde::Serialize;
use sqlx::{FromRow, PgExecutor, QueryBuilder};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::event::EventId;
use crate::{Realm, Result};

/// Events that one list gives at most.
pub const MAX_LISTED: i64 = 10_000;
/// Bytes of a representation; a longer one is left out.
pub const MAX_REPRESENTATION: usize = 64 * 1024;

/// An admin event in JSON, as Keycloak's `AdminEventRepresentation`. `time` in milliseconds since 1970.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(as = AdminEventRepresentation)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are Keycloak's own")]
pub struct AdminEvent {
    #[sqlx(try_from = "Uuid")]
    pub id: EventId,
    pub time: i64,
    #[sqlx(skip)]
    pub realm_id: String,
    #[sqlx(flatten)]
    pub auth_details: AuthDetails,
    pub operation_type: String,
    pub resource_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub representation: Option<String>,
}

/// Who did it, from where. All ids are those that the caller's realm gives.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are Keycloak's own")]
pub struct AuthDetails {
    #[sqlx(rename = "auth_realm_id")]
    pub realm_id: String,
    #[sqlx(rename = "auth_client_id")]
    pub client_id: String,
    #[sqlx(rename = "auth_user_id")]
    pub user_id: String,
    pub ip_address: String,
}

/// What was done. Keycloak's `OperationType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "Keycloak's own names")]
pub enum Operation {
    Create,
    Update,
    Delete,
    Action,
}

impl Operation {
    /// As events carry it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Action => "ACTION",
        }
    }

    /// Whether Keycloak has an operation of this name.
    #[must_use]
    pub fn is_known(name: &str) -> bool {
        [Self::Create, Self::Update, Self::Delete, Self::Action]
            .iter()
            .any(|known| known.name() == name)
    }
}

/// Keycloak's resource types.
#[must_use]
pub fn resource_types() -> Vec<&'static str> {
    include_str!("resource_types.txt").lines().collect()
}

/// Keeps an event of a realm.
///
/// # Errors
/// [`crate::Error::Missing`] when the realm is gone; from the database.
pub async fn record(db: impl PgExecutor<'_>, realm: Uuid, event: &AdminEvent) -> Result<()> {
    sqlx::query(
        "insert into admin_event (realm_id, id, time, operation_type, resource_type, resource_path, representation, \
         auth_realm_id, auth_client_id, auth_user_id, ip_address) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(realm)
    .bind(event.id.uuid())
    .bind(event.time)
    .bind(&event.operation_type)
    .bind(&event.resource_type)
    .bind(&event.resource_path)
    .bind(&event.representation)
    .bind(&event.auth_details.realm_id)
    .bind(&event.auth_details.client_id)
    .bind(&event.auth_details.user_id)
    .bind(&event.auth_details.ip_address)
    .execute(db)
    .await?;
    Ok(())
}

/// What the list may be narrowed by. Times in milliseconds since 1970.
#[derive(Default)]
#[expect(missing_docs, reason = "the query parameters are Keycloak's own")]
pub struct Search {
    pub operation_types: Vec<String>,
    pub resource_types: Vec<String>,
    /// `*` stands for any text, and so do `%` and, for one character, `_`.
    pub resource_path: Option<String>,
    pub auth_realm: Option<String>,
    pub auth_client: Option<String>,
    pub auth_user: Option<String>,
    pub auth_ip_address: Option<String>,
    pub date_from: Option<i64>,
    pub date_to: Option<i64>,
    pub oldest_first: bool,
    pub first: i64,
    pub max: i64,
}

/// The events kept, newest first unless asked otherwise, [`MAX_LISTED`] at most.
///
/// # Errors
/// From the database.
pub async fn list(
    db: impl PgExecutor<'_>,
    realm: &Realm,
    search: &Search,
) -> Result<Vec<AdminEvent>> {
    let mut query = QueryBuilder::new(
        "select id, time, operation_type, resource_type, resource_path, representation, auth_realm_id, \
         auth_client_id, auth_user_id, ip_address from admin_event where realm_id = ",
    );
    query.push_bind(realm.id);
    for (condition, values) in [
        (" and operation_type = any(", &search.operation_types),
        (" and resource_type = any(", &search.resource_types),
    ] {
        if !values.is_empty() {
            query.push(condition).push_bind(values).push(")");
        }
    }
    for (condition, value) in [
        (" and auth_realm_id = ", &search.auth_realm),
        (" and auth_client_id = ", &search.auth_client),
        (" and auth_user_id = ", &search.auth_user),
        (" and ip_address = ", &search.auth_ip_address),
    ] {
        if let Some(value) = value {
            query.push(condition).push_bind(value);
        }
    }
    if let Some(path) = &search.resource_path {
        query
            .push(" and resource_path like ")
            .push_bind(path.replace('*', "%"))
            .push(" escape ''");
    }
    for (condition, time) in [
        (" and time >= ", search.date_from),
        (" and time <= ", search.date_to),
    ] {
        if let Some(time) = time {
            query.push(condition).push_bind(time);
        }
    }
    query
        .push(if search.oldest_first {
            " order by time, id limit "
        } else {
            " order by time desc, id desc limit "
        })
        .push_bind(search.max.clamp(0, MAX_LISTED))
        .push(" offset ")
        .push_bind(search.first.max(0));
    let mut events: Vec<AdminEvent> = query.build_query_as().fetch_all(db).await?;
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
    sqlx::query("delete from admin_event where realm_id = $1")
        .bind(realm)
        .execute(db)
        .await?;
    Ok(())
}

/// Deletes events older than their realm's attribute `adminEventsExpiration` (seconds), at most ten thousand a call.
/// `now` in seconds.
///
/// # Errors
/// From the database.
pub async fn sweep(db: impl PgExecutor<'_>, now: i64) -> Result<()> {
    // The attribute is any text; only a plain number counts.
    sqlx::query(
        "with expiring as materialized (select id, expiration::bigint as expiration from (select id, \
         settings #>> '{attributes,adminEventsExpiration}' as expiration from realm) r \
         where expiration ~ '^0*[1-9][0-9]{0,11}$') \
         delete from admin_event where ctid = any(array(select e.ctid from expiring r join admin_event e \
         on e.realm_id = r.id and e.time < ($1 - r.expiration) * 1000 limit 10000))",
    )
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}
