//! `/admin/realms/{realm}/events`.

use std::collections::HashSet;

use actix_web::HttpResponse;
use protocol::HttpError;
use protocol::body::{JsonBytes, parse};
use realm::RealmRepresentation;
use realm::admin_event::MAX_LISTED;
use realm::event::{self, Search};
use serde::{Deserialize, Serialize};

use crate::Admin;
use crate::auth::Role::{ManageEvents, ViewEvents};
use crate::page::{DAY_MS, Query};

/// The part of a realm's settings that is about events.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Config {
    events_enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    events_expiration: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    events_listeners: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled_event_types: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    admin_events_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    admin_events_details_enabled: Option<bool>,
}

/// Event types that a realm may name.
const MAX_TYPES: usize = 500;

pub(crate) async fn list(admin: Admin, query: Query) -> Result<HttpResponse, HttpError> {
    admin.require(&[ViewEvents, ManageEvents])?;
    let types = values(&query, "type");
    if types.iter().any(|kind| !event::is_type(kind)) {
        return Err(HttpError::plain(400, "Unknown event type"));
    }
    let page = Page::read(&query)?;
    let search = Search {
        types,
        client: query.text("client"),
        user: query.text("user"),
        ip_address: query.text("ipAddress"),
        date_from: query.time("dateFrom", 0)?,
        date_to: query.time("dateTo", DAY_MS - 1)?,
        oldest_first: page.oldest_first,
        first: page.first,
        max: page.max,
    };
    Ok(HttpResponse::Ok().json(event::list(admin.db(), &admin.realm, &search).await?))
}

/// The values of a parameter that may be repeated; empty ones do not count.
pub(crate) fn values(query: &Query, name: &str) -> Vec<String> {
    let mut values = query.all(name);
    values.retain(|value| !value.is_empty());
    values
}

/// Which part of a list of events is asked for, and in which order.
pub(crate) struct Page {
    pub(crate) oldest_first: bool,
    pub(crate) first: i64,
    pub(crate) max: i64,
}

impl Page {
    /// A hundred unless asked otherwise; a negative `max` asks for all that one list gives.
    ///
    /// # Errors
    /// 400 for another direction, 404 for what is no number.
    pub(crate) fn read(query: &Query) -> Result<Self, HttpError> {
        let oldest_first = match query.text("direction").as_deref() {
            None | Some("desc") => false,
            Some("asc") => true,
            Some(_) => {
                let text = "Invalid value for sortDirection, expected value is asc or desc";
                return Err(HttpError::plain(400, text));
            }
        };
        let max = query.number("max")?;
        let all = query.text("max").is_some_and(|max| max.starts_with('-'));
        Ok(Self {
            oldest_first,
            first: query.number("first")?.unwrap_or(0),
            max: max.unwrap_or(if all { MAX_LISTED } else { 100 }),
        })
    }
}

pub(crate) async fn clear(admin: Admin) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageEvents])?;
    let state = admin.state();
    event::clear(&state.pool, &state.sealer, admin.realm.id).await?;
    Ok(HttpResponse::NoContent().finish())
}

pub(crate) async fn config(admin: Admin) -> Result<HttpResponse, HttpError> {
    admin.require(&[ViewEvents, ManageEvents])?;
    let rep = &admin.realm.rep;
    Ok(HttpResponse::Ok().json(Config {
        events_enabled: admin.realm.settings.events_enabled,
        events_expiration: rep.events_expiration,
        events_listeners: Some(rep.events_listeners.clone().unwrap_or_default()),
        enabled_event_types: Some(match admin.realm.settings.enabled_event_types.as_slice() {
            [] => event::types().into_iter().map(str::to_owned).collect(),
            chosen => chosen.to_vec(),
        }),
        admin_events_enabled: Some(rep.admin_events_enabled.unwrap_or(false)),
        admin_events_details_enabled: Some(rep.admin_events_details_enabled.unwrap_or(false)),
    }))
}

/// As in Keycloak, an absent `eventsEnabled` is off and an absent `eventsExpiration` is never; all else stays as it was.
pub(crate) async fn set_config(admin: Admin, body: JsonBytes) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageEvents])?;
    let mut config: Config =
        parse(&body.0).map_err(|error| error.into_http("RealmEventsConfigRepresentation"))?;
    for names in [
        &mut config.events_listeners,
        &mut config.enabled_event_types,
    ] {
        let mut seen = HashSet::new();
        names
            .iter_mut()
            .for_each(|names| names.retain(|name| seen.insert(name.clone())));
    }
    let mut listeners = config.events_listeners.iter().flatten();
    if !listeners.all(|name| name == "jboss-logging" || name == "email") {
        return Err(HttpError::plain(400, "Unknown event listener"));
    }
    let types = config.enabled_event_types.as_deref().unwrap_or_default();
    if types.len() > MAX_TYPES || types.iter().any(|kind| kind.len() > 100) {
        return Err(HttpError::plain(
            400,
            "At most 500 event types, each of 100 bytes",
        ));
    }
    let change = RealmRepresentation {
        events_enabled: Some(config.events_enabled),
        events_expiration: Some(config.events_expiration.unwrap_or(0)),
        events_listeners: config.events_listeners,
        enabled_event_types: config.enabled_event_types,
        admin_events_enabled: config.admin_events_enabled,
        admin_events_details_enabled: config.admin_events_details_enabled,
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
