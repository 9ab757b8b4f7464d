//! Making, changing and deleting clients, each with its service account.

use actix_web::{HttpResponse, web};
use client::scope::{self, link};
use client::{Client, ClientRepresentation, Mapper};
use protocol::body::{JsonBytes, parse};
use protocol::{HttpError, provision};
use serde_json::json;
use store::{Connection, Error};
use user::{UserRepresentation, WriteError};

use super::{id, named, not_found, reach};
use crate::auth::Role::ManageClients;
use crate::auth::forbidden;
use crate::{Admin, created, groups, mappers};

fn read(body: &JsonBytes) -> Result<ClientRepresentation, HttpError> {
    let rep: ClientRepresentation =
        parse(&body.0).map_err(|error| error.into_http("ClientRepresentation"))?;
    if rep.authorization_services_enabled == Some(true) || rep.authorization_settings.is_some() {
        let text = "authorization services is not available on this server";
        return Err(HttpError::plain(501, text));
    }
    Ok(rep)
}

/// What is over a bound, in the shape that validation has for clients.
fn invalid(error: Error) -> HttpError {
    match error {
        Error::Invalid(text) => HttpError::oauth(400, "invalid_input", &text),
        other => other.into(),
    }
}

/// Keeps names free that the permission gate reads: master's client of a realm that does not exist yet, say.
fn refuse_reserved(admin: &Admin, client_id: &str) -> Result<(), HttpError> {
    if admin.realm.is_master() && client_id.ends_with("-realm") {
        return Err(HttpError::message(
            400,
            "In realm master, clientIds that end with -realm are for administering realms",
        ));
    }
    Ok(())
}

pub(super) async fn create(admin: Admin, body: JsonBytes) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageClients])?;
    let mut rep = read(&body)?;
    mappers::complete(&mut rep.protocol_mappers);
    let state = admin.state();
    provision::complete(state, admin.realm.id, &mut rep).await?;
    let client = Client::new(admin.realm.id, &state.sealer, &rep).map_err(invalid)?;
    refuse_reserved(&admin, &client.client_id)?;
    let exists = || HttpError::message(409, &format!("Client {} already exists", client.client_id));
    if client.service_accounts_enabled() {
        // Whoever has the secret is that user.
        groups::to_join(&admin, &[]).await?;
    }
    let mut transaction = state.pool.begin().await.map_err(Error::from)?;
    client::create(&mut *transaction, &client)
        .await
        .map_err(|error| match error {
            Error::Duplicate(_) => exists(),
            other => other.into(),
        })?;
    follow(&admin, &mut transaction, &client, exists).await?;
    transaction.commit().await.map_err(Error::from)?;
    state.changed(admin.realm.id);
    Ok(created(&admin, &format!("clients/{}", client.id)))
}

pub(super) async fn update(
    admin: Admin,
    path: web::Path<(String, String)>,
    body: JsonBytes,
) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageClients])?;
    let change = read(&body)?;
    let id = id(&path.1)?;
    reach::require(&admin, id).await?;
    let state = admin.state();
    if change.service_accounts_enabled == Some(true) {
        groups::to_join(&admin, &[]).await?;
    }
    let mut transaction = state.pool.begin().await.map_err(Error::from)?;
    let before = client::find_for_update(&mut *transaction, admin.realm.id, id).await?;
    let before = before.ok_or_else(not_found)?;
    if before.is_built_in(&admin.realm) {
        return Err(forbidden());
    }
    let mut after = before.merged(&state.sealer, &change).map_err(invalid)?;
    let other_protocol = after.protocol != before.protocol;
    if other_protocol {
        add_default_mappers(&admin, &mut after)?;
    }
    if after.client_id != before.client_id {
        refuse_reserved(&admin, &after.client_id)?;
    }
    provision::check(state, &after.to_rep(None, None))?;
    if !client::update(&mut transaction, &before, &after).await? {
        return Err(not_found());
    }
    if other_protocol {
        client::renew_scopes(&mut *transaction, admin.realm.id, after.id).await?;
    }
    let enabled = after.service_accounts_enabled();
    if enabled != before.service_accounts_enabled() {
        let (realm, name) = (admin.realm.id, scope::SERVICE_ACCOUNT);
        link::set_by_name(&mut *transaction, realm, after.id, name, enabled).await?;
    }
    follow(&admin, &mut transaction, &after, || {
        HttpError::message(409, "Client already exists")
    })
    .await?;
    transaction.commit().await.map_err(Error::from)?;
    state.changed(admin.realm.id);
    Ok(HttpResponse::NoContent().finish())
}

pub(super) async fn delete(
    admin: Admin,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageClients])?;
    let client = named(&admin, &path.1).await?;
    if client.is_built_in(&admin.realm) {
        return Err(forbidden());
    }
    if client.is_kept() {
        let text = "Could not delete client";
        return Err(HttpError::oauth(400, "invalid_request", text));
    }
    reach::require(&admin, client.id).await?;
    // Its roles go with it: nobody is disarmed by one who could not arm him.
    let of = Some(client.id);
    let roles = realm::role::list(admin.db(), admin.realm.id, of, None, None, None).await?;
    let roles: Vec<_> = roles.iter().map(|role| role.id).collect();
    admin.require_may_grant(&roles).await?;
    if !client::delete(admin.db(), admin.realm.id, client.id).await? {
        return Err(not_found());
    }
    let told = || json!({ "id": client.id, "clientId": client.client_id });
    admin.note(|note| note.representation = Some(told()));
    admin.state().changed(admin.realm.id);
    Ok(HttpResponse::NoContent().finish())
}

/// A client that changes to a protocol gets the mappers of a new client of it, unless it has some of that protocol.
fn add_default_mappers(admin: &Admin, client: &mut Client) -> Result<(), HttpError> {
    let Some(protocol) = admin.state().protocols.get(&client.protocol) else {
        return Ok(());
    };
    let mut fresh = ClientRepresentation {
        protocol: Some(client.protocol.clone()),
        ..ClientRepresentation::default()
    };
    protocol.complete(&mut fresh);
    let mut known = client.mappers.iter();
    if known.any(|mapper| mapper.protocol == client.protocol) {
        return Ok(());
    }
    for rep in fresh.protocol_mappers.iter().flatten() {
        client.mappers.push(Mapper::from_rep(rep)?);
    }
    Ok(())
}

/// Lets the service account follow its client: it is there while it is enabled, and called after the client.
/// `taken` is the answer when another user has that name.
async fn follow(
    admin: &Admin,
    transaction: &mut Connection,
    client: &Client,
    taken: impl Fn() -> HttpError,
) -> Result<(), HttpError> {
    let (state, realm) = (admin.state(), &admin.realm);
    let known = user::find_service_account(&mut *transaction, realm.id, client.id).await?;
    let name = format!("service-account-{}", client.client_id).to_lowercase();
    match (known, client.service_accounts_enabled()) {
        (None, false) => Ok(()),
        (Some(user), true) if user.username == name => Ok(()),
        (Some(user), true) => {
            match user::rename_service_account(&mut *transaction, realm.id, user.id, &name).await {
                Ok(true) => Ok(()),
                Ok(false) | Err(Error::Duplicate(_)) => Err(taken()),
                Err(other) => Err(other.into()),
            }
        }
        (Some(user), false) => {
            user::delete(&mut *transaction, realm.id, user.id).await?;
            Ok(())
        }
        (None, true) => {
            let rep = UserRepresentation {
                username: Some(name),
                enabled: Some(true),
                ..UserRepresentation::default()
            };
            let options = user::Options {
                import: true,
                service_account: Some(client.id),
            };
            // It has no password, so nothing is hashed while the connection waits.
            let draft = user::prepare(&state.hasher, realm, &rep, options)
                .await
                .map_err(provision::write_error)?;
            match draft.insert(transaction, &state.sealer, realm).await {
                Ok(_) => Ok(()),
                Err(WriteError::Conflict(_)) => Err(taken()),
                Err(other) => Err(provision::write_error(other)),
            }
        }
    }
}
