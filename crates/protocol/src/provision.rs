//! Making realms: rows of every floor in one transaction, so that a realm is whole or not there.

mod check;
mod client_defaults;
mod plan;

use std::sync::Arc;

use client::ClientRepresentation;
use realm::role;
use realm::{MASTER, NewRealm, Realm, RealmRepresentation};
use user::UserRepresentation;
use uuid::Uuid;

use crate::{HttpError, State};
use plan::{Contents, Plan, in_master};

pub use check::{check_name, check_settings, refuse_areas, write_error};
pub use client_defaults::{check, complete};

/// Makes a realm with everything that a representation brings: keys, roles, clients, users.
///
/// # Errors
/// In Keycloak's words: 400 for a missing or impossible name, 409 for one that is taken.
pub async fn create_realm(
    state: &State,
    rep: &RealmRepresentation,
) -> Result<Arc<Realm>, HttpError> {
    check_name(rep.realm.as_deref())?;
    check_settings(rep)?;
    refuse_areas(rep)?;
    let contents = Contents::read(rep)?;
    let new = NewRealm::prepare(&state.sealer, &state.keys, rep).await?;
    let name = new.name.clone();
    let plan = Plan::make(state, &new, &contents)?;
    let taken = |error: store::Error| match error {
        store::Error::Duplicate(constraint) if constraint == "realm_name_key" => {
            HttpError::message(409, &format!("Realm {name} already exists"))
        }
        store::Error::Duplicate(constraint) if constraint.starts_with("realm_") => {
            HttpError::message(409, "Duplicate resource error")
        }
        store::Error::Duplicate(_) => {
            HttpError::message(409, "Conflict detected. See logs for details")
        }
        other => other.into(),
    };

    let id = new.id;
    // Users are hashed before the transaction opens: a connection never waits for that.
    let shell = new.shell();
    let mut drafts = Vec::new();
    for user in &contents.users {
        let options = user::Options {
            import: true,
            ..user::Options::default()
        };
        drafts.push(
            user::prepare(&state.hasher, &shell, user, options)
                .await
                .map_err(write_error)?,
        );
    }

    // Read before the transaction opens: no request holds two connections.
    let master = if name == MASTER {
        None
    } else {
        state.realms.get(MASTER).await?
    };
    let mut transaction = state.pool.begin().await.map_err(store::Error::from)?;
    let realm = realm::create(&mut transaction, &state.sealer, new)
        .await
        .map_err(&taken)?;
    client::insert_many(&mut *transaction, id, &plan.clients)
        .await
        .map_err(&taken)?;
    role::insert_many(&mut *transaction, id, &plan.roles)
        .await
        .map_err(&taken)?;
    role::insert_composites(&mut *transaction, id, &plan.composites)
        .await
        .map_err(&taken)?;
    if let Some(master) = master {
        in_master(state, &mut transaction, &master, &name)
            .await
            .map_err(&taken)?;
    }
    for draft in drafts {
        draft
            .insert(&mut transaction, &state.sealer, &realm)
            .await
            .map_err(write_error)?;
    }
    transaction.commit().await.map_err(store::Error::from)?;
    state.changed(id);
    state
        .realms
        .get(&name)
        .await?
        .ok_or_else(HttpError::not_found)
}

/// Makes a user as an import does: roles and all.
///
/// # Errors
/// See [`write_error`].
pub async fn create_user(
    state: &State,
    realm: &Realm,
    rep: &UserRepresentation,
) -> Result<Uuid, HttpError> {
    let options = user::Options {
        import: true,
        ..user::Options::default()
    };
    let draft = user::prepare(&state.hasher, realm, rep, options)
        .await
        .map_err(write_error)?;
    let mut transaction = state.pool.begin().await.map_err(store::Error::from)?;
    let id = draft
        .insert(&mut transaction, &state.sealer, realm)
        .await
        .map_err(write_error)?;
    transaction.commit().await.map_err(store::Error::from)?;
    Ok(id)
}

/// Deletes a realm and what master has for it. Whether there was one.
///
/// # Errors
/// From the database.
pub async fn delete_realm(state: &State, realm: &Realm) -> Result<bool, HttpError> {
    let master = state.realms.get(MASTER).await?;
    let mut transaction = state.pool.begin().await.map_err(store::Error::from)?;
    let there = realm::delete(&mut *transaction, realm.id).await?;
    if let Some(master) = &master
        && let Some(own) = client::find_by_client_id(
            &mut *transaction,
            master.id,
            &management_client(&realm.name),
        )
        .await?
    {
        client::delete(&mut *transaction, master.id, own.id).await?;
    }
    transaction.commit().await.map_err(store::Error::from)?;
    state.changed(realm.id);
    Ok(there)
}

/// Follows a realm's new name where names depend on it: master's client for it.
///
/// # Errors
/// From the database.
pub async fn rename_realm(
    state: &State,
    transaction: &mut store::Connection,
    master: &Realm,
    old: &str,
    new: &str,
) -> Result<(), HttpError> {
    if let Some(own) =
        client::find_by_client_id(&mut *transaction, master.id, &management_client(old)).await?
    {
        let change = ClientRepresentation {
            client_id: Some(management_client(new)),
            ..ClientRepresentation::default()
        };
        client::update(transaction, &own, &own.merged(&state.sealer, &change)?).await?;
    }
    Ok(())
}

/// The client of master whose roles administer a realm.
#[must_use]
pub fn management_client(realm: &str) -> String {
    format!("{realm}-realm")
}

/// The client of a realm whose roles administer it, for the realm's own users.
#[must_use]
pub fn own_management_client(realm: &Realm) -> String {
    if realm.is_master() {
        management_client(MASTER)
    } else {
        client::REALM_MANAGEMENT.to_owned()
    }
}
