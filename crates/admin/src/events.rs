//! `/admin/realms/{realm}/events`.

use actix_web::HttpResponse;
use protocol::HttpError;
use protocol::body::{JsonBytes, parse};
use realm::RealmRepresentation;
use realm::event::{self, Search};
use serde::{Deserialize, Serialize};

use crate::Admin;
use crate::auth::Role::{ManageEvents, ViewEvents};
use crate::page::Query;

/// The part of a realm's settings that is about events.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Config {
    events_enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    events_expiration: Option<i64>,
    events_listeners: Vec<String>,
    enabled_event_types: Vec<String>,
    admin_events_enabled: bool,
    admin_events_details_enabled: bool,
}

pub(crate) async fn list(admin: Admin, query: Query) -> Result<HttpResponse, HttpError> {
    admin.require(&[ViewEvents, ManageEvents])?;
    let types = query.all("type");
    let known = event::types();
    if types.iter().any(|kind| !known.contains(&kind.as_str())) {
        return Err(HttpError::plain(400, "Unknown event type"));
    }
    let search = Search {
        types,
        client: query.text("client"),
        user: query.text("user"),
        ip_address: query.text("ipAddress"),
        date_from: date(&query, "dateFrom", 0)?,
        date_to: date(&query, "dateTo", 24 * 60 * 60 * 1000 - 1)?,
        oldest_first: query.get("direction") == Some("asc"),
        first: query.number("first")?.unwrap_or(0),
        max: query.number("max")?.unwrap_or(100),
    };
    Ok(HttpResponse::Ok().json(event::list(admin.db(), &admin.realm, &search).await?))
}

/// A day or a time in milliseconds; `end` is added to a day.
fn date(query: &Query, name: &str, end: i64) -> Result<Option<i64>, HttpError> {
    let Some(text) = query.text(name) else {
        return Ok(None);
    };
    if let Ok(ms) = text.parse::<i64>() {
        return Ok(Some(ms));
    }
    let day = || {
        let mut parts = text.splitn(3, '-').map(str::parse::<i64>);
        let (year, month, day) = (
            parts.next()?.ok()?,
            parts.next()?.ok()?,
            parts.next()?.ok()?,
        );
        if !(1970..10_000).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day)
        {
            return None;
        }
        // Days since 1970 of the proleptic Gregorian calendar, with years that begin in March.
        let (y, m) = if month > 2 {
            (year, month - 3)
        } else {
            (year - 1, month + 9)
        };
        let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
        Some(days * 24 * 60 * 60 * 1000 + end)
    };
    day().map(Some).ok_or_else(|| {
        HttpError::plain(
            400,
            &format!(
                "Invalid value for '{name}', expected format is yyyy-MM-dd or an Epoch timestamp"
            ),
        )
    })
}

pub(crate) async fn clear(admin: Admin) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageEvents])?;
    event::clear(admin.db(), admin.realm.id).await?;
    Ok(HttpResponse::NoContent().finish())
}

pub(crate) async fn config(admin: Admin) -> Result<HttpResponse, HttpError> {
    admin.require(&[ViewEvents, ManageEvents])?;
    let rep = &admin.realm.rep;
    Ok(HttpResponse::Ok().json(Config {
        events_enabled: admin.realm.settings.events_enabled,
        events_expiration: rep.events_expiration,
        events_listeners: rep.events_listeners.clone().unwrap_or_default(),
        enabled_event_types: match admin.realm.settings.enabled_event_types.as_slice() {
            [] => event::types().into_iter().map(str::to_owned).collect(),
            chosen => chosen.to_vec(),
        },
        admin_events_enabled: rep.admin_events_enabled.unwrap_or(false),
        admin_events_details_enabled: rep.admin_events_details_enabled.unwrap_or(false),
    }))
}

/// Replaces all of it: what is absent is off, as in Keycloak.
pub(crate) async fn set_config(admin: Admin, body: JsonBytes) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageEvents])?;
    let config: Config =
        parse(&body.0).map_err(|error| error.into_http("RealmEventsConfigRepresentation"))?;
    if config
        .events_listeners
        .iter()
        .any(|name| name != "jboss-logging" && name != "email")
    {
        return Err(HttpError::plain(400, "Unknown event listener"));
    }
    if config.enabled_event_types.len() > 500
        || config
            .enabled_event_types
            .iter()
            .any(|kind| kind.len() > 100)
    {
        return Err(HttpError::plain(
            400,
            "At most 500 event types, each of 100 bytes",
        ));
    }
    let change = RealmRepresentation {
        events_enabled: Some(config.events_enabled),
        events_expiration: config.events_expiration,
        events_listeners: Some(config.events_listeners),
        enabled_event_types: Some(config.enabled_event_types),
        admin_events_enabled: Some(config.admin_events_enabled),
        admin_events_details_enabled: Some(config.admin_events_details_enabled),
        ..RealmRepresentation::default()
    };
    protocol::provision::check_settings(&change)?;
    let state = admin.state();
    let mut transaction = state.pool.begin().await.map_err(store::Error::from)?;
    realm::update(&mut transaction, &state.sealer, admin.realm.id, &change).await?;
    transaction.commit().await.map_err(store::Error::from)?;
    state.changed(admin.realm.id);
    Ok(HttpResponse::NoContent().finish())
}
