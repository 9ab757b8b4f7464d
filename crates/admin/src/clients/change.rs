//! Changing a part of a client, in turn with everybody else who changes it.

use client::{Client, ClientRepresentation};
use protocol::HttpError;
use store::Error;

use super::{id, not_found, reach};
use crate::Admin;
use crate::auth::Role::ManageClients;
use crate::auth::forbidden;

/// Lays what `edit` makes over the client that a path names; whether it made anything.
///
/// # Errors
/// 403, 404; 400 in the shape of validation.
pub(super) async fn change(
    admin: &Admin,
    client: &str,
    edit: impl FnOnce(&Client) -> Option<ClientRepresentation>,
) -> Result<bool, HttpError> {
    admin.require(&[ManageClients])?;
    let client = id(client)?;
    reach::require(admin, client).await?;
    let state = admin.state();
    let mut transaction = state.pool.begin().await.map_err(Error::from)?;
    let before = client::find_for_update(&mut *transaction, admin.realm.id, client)
        .await?
        .ok_or_else(not_found)?;
    if before.is_built_in(&admin.realm) {
        return Err(forbidden());
    }
    let Some(rep) = edit(&before) else {
        return Ok(false);
    };
    let after = before
        .merged(&state.sealer, &rep)
        .map_err(|error| match error {
            Error::Invalid(text) => HttpError::oauth(400, "invalid_input", &text),
            other => other.into(),
        })?;
    if !client::update(&mut transaction, &before, &after).await? {
        return Err(not_found());
    }
    transaction.commit().await.map_err(Error::from)?;
    state.changed(admin.realm.id);
    Ok(true)
}
