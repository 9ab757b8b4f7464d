//! What a user lets clients know and do, and taking it back.

use actix_web::{HttpResponse, web};
use protocol::HttpError;
use serde_json::{Value, json};
use user::consent::{self, Consent};
use user::session::offline;
use uuid::Uuid;

use super::{UserPath, managed, viewed};
use crate::Admin;

/// A consent as Keycloak lists it; its times are milliseconds.
fn to_rep(consent: &Consent, offline: bool) -> Value {
    json!({
        "clientId": consent.client_id,
        "grantedClientScopes": consent.names(),
        "createdDate": consent.created,
        "lastUpdatedDate": consent.last_updated,
        "additionalGrants": additional(consent.client, offline)
    })
}

/// What a client may do beside what was granted on a page.
fn additional(client: Uuid, offline: bool) -> Value {
    match offline {
        true => json!([{ "client": client, "key": "Offline Token" }]),
        false => json!([]),
    }
}

pub(crate) async fn list(admin: Admin, path: UserPath) -> Result<HttpResponse, HttpError> {
    let found = viewed(&admin, &path.1).await?;
    let realm = admin.realm.id;
    let consents = consent::list(admin.db(), realm, found.id).await?;
    let mut offline = offline::clients_of_user(admin.db(), realm, found.id).await?;
    let mut reps = Vec::with_capacity(consents.len() + offline.len());
    for consent in &consents {
        let before = offline.len();
        offline.retain(|(client, _)| *client != consent.client);
        reps.push(to_rep(consent, offline.len() < before));
    }
    reps.extend(offline.iter().map(|(client, client_id)| {
        json!({
            "clientId": client_id,
            "grantedClientScopes": [],
            "additionalGrants": additional(*client, true)
        })
    }));
    Ok(HttpResponse::Ok().json(reps))
}

/// Takes back a consent, and ends the client's part in the user's sessions, offline ones too.
pub(crate) async fn revoke(
    admin: Admin,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, HttpError> {
    let found = managed(&admin, &path.1).await?;
    let realm = admin.realm.id;
    let named = protocol::context::decode_segment(&path.2).unwrap_or_default();
    let client = client::find_by_client_id(admin.db(), realm, &named)
        .await?
        .ok_or_else(|| HttpError::plain(404, "Client not found"))?;
    let mut transaction = admin.db().begin().await.map_err(store::Error::from)?;
    let named = (client.id, client.client_id.as_str());
    let left = consent::revoke(&mut transaction, realm, found.id, named).await?;
    let ended = offline::delete_of_user(&mut *transaction, realm, found.id, client.id).await?;
    if left.is_none() && ended == 0 {
        return Err(HttpError::plain(404, "Consent nor offline token not found"));
    }
    transaction.commit().await.map_err(store::Error::from)?;
    protocol::session::told(&admin.context(), &left.unwrap_or_default());
    Ok(HttpResponse::NoContent().finish())
}
