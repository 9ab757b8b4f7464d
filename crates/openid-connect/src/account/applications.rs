//! The applications that one uses, what they may know, and taking that back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use client::Known;
use protocol::HttpError;
use realm::event::Event;
use serde_json::{Map, Value, json};
use user::consent::{self, Consent, Grant};
use user::session::offline;
use uuid::Uuid;

use super::{Own, sessions};
use crate::pages::{Frame, Message};

/// An application of the user.
pub(super) struct Application {
    pub client: Arc<Known>,
    /// Whether a session is signed in to it.
    pub in_use: bool,
    /// Whether it goes on when the sessions are over.
    pub offline: bool,
    pub consent: Option<Consent>,
}

impl Application {
    /// Its name for people.
    pub(super) fn name(&self) -> Message {
        name(&self.client)
    }

    /// Where it begins.
    pub(super) fn url(&self, own: &Own) -> Option<String> {
        let base = self.client.settings.base_url.as_deref();
        let base = base.filter(|url| !url.is_empty())?;
        client::redirect::absolute(&own.ctx.request.base, &self.client, base)
    }

    /// Whether there is something to take back.
    pub(super) fn is_granted(&self) -> bool {
        self.consent.is_some() || self.offline
    }

    /// What it may know.
    pub(super) fn scopes(&self) -> Vec<Message> {
        let scopes = self
            .consent
            .iter()
            .flat_map(|consent| consent.scopes.values());
        scopes.map(|name| screen_text(&self.client, name)).collect()
    }
}

/// The name of a client for people.
pub(super) fn name(client: &Known) -> Message {
    let name = client
        .settings
        .name
        .as_deref()
        .filter(|name| !name.is_empty());
    Message::resource(name.unwrap_or(&client.client_id))
}

/// How the consent page calls a client scope.
fn screen_text(client: &Known, scope: &str) -> Message {
    Message::resource(&raw_text(client, scope))
}

fn raw_text(client: &Known, scope: &str) -> String {
    let known = client.scopes.get(scope);
    let text = known.and_then(|known| known.scope.attribute("consent.screen.text"));
    let text = text.filter(|text| !text.is_empty());
    text.map_or_else(|| scope.to_owned(), str::to_owned)
}

/// The applications, by clientId.
///
/// # Errors
/// From the database.
pub(super) async fn list(own: &Own) -> Result<Vec<Application>, HttpError> {
    let (state, realm) = (own.ctx.state(), &own.ctx.realm);
    let sessions = sessions::list(own).await?;
    let in_use: BTreeSet<String> = sessions
        .into_iter()
        .flat_map(|session| session.clients.into_values())
        .collect();
    let offline = offline::clients_of_user(&state.pool, realm.id, own.user.id).await?;
    let offline: BTreeSet<String> = offline
        .into_iter()
        .map(|(_, client_id)| client_id)
        .collect();
    let consents = consent::list(&state.pool, realm.id, own.user.id).await?;
    let mut consents: BTreeMap<String, Consent> = consents
        .into_iter()
        .map(|consent| (consent.client_id.clone(), consent))
        .collect();
    let mut names = &in_use | &offline;
    names.extend(consents.keys().cloned());
    let mut applications = vec![];
    for client_id in names {
        let Some(client) = state.clients.get(&state.pool, realm, &client_id).await? else {
            continue;
        };
        applications.push(Application {
            client,
            in_use: in_use.contains(&client_id),
            offline: offline.contains(&client_id),
            consent: consents.remove(&client_id),
        });
    }
    Ok(applications)
}

/// As programs read it.
pub(super) fn to_json(own: &Own, frame: &Frame, application: &Application) -> Value {
    let client = &application.client;
    let mut shown = Map::new();
    let mut put = |name: &str, value: Value| shown.insert(name.to_owned(), value);
    put("clientId", json!(client.client_id));
    if client
        .settings
        .name
        .as_deref()
        .is_some_and(|name| !name.is_empty())
    {
        put("clientName", json!(frame.m(&application.name())));
    }
    if let Some(text) = client
        .settings
        .description
        .as_deref()
        .filter(|text| !text.is_empty())
    {
        put("description", json!(frame.m(&Message::resource(text))));
    }
    put("userConsentRequired", json!(client.consent_required()));
    put("inUse", json!(application.in_use));
    put("offlineAccess", json!(application.offline));
    if let Some(url) = client
        .settings
        .base_url
        .as_deref()
        .filter(|url| !url.is_empty())
    {
        put("baseUrl", json!(url));
    }
    if let Some(url) = application.url(own) {
        put("effectiveUrl", json!(url));
    }
    if let Some(consent) = &application.consent {
        put("consent", consent_json(frame, client, consent));
    }
    for name in ["logoUri", "policyUri", "tosUri"] {
        if let Some(uri) = client.attribute(name).filter(|uri| !uri.is_empty()) {
            put(name, json!(uri));
        }
    }
    Value::Object(shown)
}

/// A consent as programs read it.
pub(super) fn consent_json(frame: &Frame, client: &Known, consent: &Consent) -> Value {
    let scopes = consent.scopes.iter().map(|(id, name)| {
        let text = frame.m(&screen_text(client, name));
        // Both spellings are Keycloak's.
        json!({"id": id, "name": raw_text(client, name), "displayText": text, "displayTest": text})
    });
    json!({
        "grantedScopes": scopes.collect::<Vec<_>>(),
        "createdDate": consent.created,
        "lastUpdatedDate": consent.last_updated,
    })
}

/// The client of this clientId.
///
/// # Errors
/// 404 in Keycloak's words.
pub(super) async fn find(own: &Own, client_id: &str) -> Result<Arc<Known>, HttpError> {
    let state = own.ctx.state();
    let client = state
        .clients
        .get(&state.pool, &own.ctx.realm, client_id)
        .await?;
    client.ok_or_else(|| {
        HttpError::message(404, &format!("No client with clientId: {client_id} found."))
    })
}

/// What the user has granted to a client.
///
/// # Errors
/// From the database.
pub(super) async fn consent(own: &Own, client: &Known) -> Result<Option<Consent>, HttpError> {
    let pool = &own.ctx.state().pool;
    Ok(consent::find(pool, own.ctx.realm.id, own.user.id, client.id).await?)
}

/// Grants exactly these client scopes.
///
/// # Errors
/// 400 for a scope that the client does not have.
pub(super) async fn grant(
    own: &Own,
    client: &Known,
    scopes: BTreeSet<Uuid>,
) -> Result<Option<Consent>, HttpError> {
    let optional = client.optional_client_scopes().iter();
    let of_client: BTreeMap<Uuid, &String> = client
        .default_client_scopes()
        .iter()
        .chain(optional)
        .filter_map(|name| Some((client.scopes.get(name)?.scope.id, name)))
        .collect();
    if let Some(strange) = scopes.iter().find(|id| !of_client.contains_key(id)) {
        let text = format!(
            "Scope id {strange} does not exist for client {}.",
            client.client_id
        );
        return Err(HttpError::message(400, &text));
    }
    let names: Vec<&str> = scopes
        .iter()
        .filter_map(|id| of_client.get(id))
        .map(|name| name.as_str())
        .collect();
    let names = names.join(" ");
    let grant = Grant {
        scopes,
        client_itself: false,
    };
    let (pool, realm) = (&own.ctx.state().pool, own.ctx.realm.id);
    let mut transaction = pool.begin().await.map_err(store::Error::from)?;
    let now = store::clock::now_ms();
    let known =
        consent::replace(&mut transaction, realm, own.user.id, client.id, &grant, now).await?;
    transaction.commit().await.map_err(store::Error::from)?;
    let kind = if known {
        "UPDATE_CONSENT"
    } else {
        "GRANT_CONSENT"
    };
    let mut event = Event::new(kind).detail("granted_client", &client.client_id);
    if !names.is_empty() {
        event.add("scope", names);
    }
    own.record(event).await;
    consent(own, client).await
}

/// Takes back what a client was granted, and its offline access.
///
/// # Errors
/// From the database.
pub(super) async fn revoke(own: &Own, client: &Known) -> Result<(), HttpError> {
    let (pool, realm) = (&own.ctx.state().pool, own.ctx.realm.id);
    let mut transaction = pool.begin().await.map_err(store::Error::from)?;
    let named = (client.id, client.client_id.as_str());
    let left = consent::revoke(&mut transaction, realm, own.user.id, named).await?;
    offline::delete_of_user(&mut *transaction, realm, own.user.id, client.id).await?;
    transaction.commit().await.map_err(store::Error::from)?;
    protocol::session::told(&own.ctx, &left.unwrap_or_default());
    own.record(Event::new("REVOKE_GRANT").detail("revoked_client", &client.client_id))
        .await;
    Ok(())
}
