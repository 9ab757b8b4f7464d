//! Making realms: rows of every floor in one transaction, so that a realm is whole or not there.

mod check;
mod client_defaults;
mod contents;
pub mod export;
mod groups;
mod identity_providers;
mod import;
pub mod partial;
mod plan;
mod scopes;

use client::ClientRepresentation;
use realm::{MASTER, Realm};
use user::UserRepresentation;
use uuid::Uuid;

use crate::{HttpError, State};
pub use check::{check_name, check_settings, refuse_areas, write_error};
pub use client_defaults::{check, complete};
pub use identity_providers::{check_mapper, check_provider};
pub use import::{RealmFile, add_service_accounts, create_realm, import_users, master_of};
pub use scopes::check_scope;

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
    let there = remove_realm(&mut transaction, master.as_deref(), realm).await?;
    transaction.commit().await.map_err(store::Error::from)?;
    state.changed(realm.id);
    Ok(there)
}

/// The rows that go with a realm. Whether it was there.
///
/// # Errors
/// From the database.
pub async fn remove_realm(
    transaction: &mut store::Connection,
    master: Option<&Realm>,
    realm: &Realm,
) -> Result<bool, HttpError> {
    let there = realm::delete(&mut *transaction, realm.id).await?;
    if let Some(master) = master
        && let Some(own) = client::find_by_client_id(
            &mut *transaction,
            master.id,
            &management_client(&realm.name),
        )
        .await?
    {
        client::delete(&mut *transaction, master.id, own.id).await?;
    }
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
