//! Who may act as a client: whoever knows or sets its secret is its service account.
//!
//! Our decision beyond Keycloak, as for users: who reads or changes what a client signs in by has to hold the
//! administrative roles of its service account.

use std::collections::HashSet;

use client::Client;
use protocol::HttpError;
use uuid::Uuid;

use crate::Admin;
use crate::auth::forbidden;

/// Those of some clients whose service accounts hold administrative roles that the caller could not hand out. Oneself is
/// always within reach.
///
/// # Errors
/// From the database.
pub(super) async fn beyond(admin: &Admin, clients: &[Uuid]) -> Result<HashSet<Uuid>, HttpError> {
    if admin.is_superuser() || clients.is_empty() {
        return Ok(HashSet::new());
    }
    let oneself = (admin.home.id == admin.realm.id).then_some(admin.user);
    let held =
        user::mapping::of_service_accounts(admin.db(), admin.realm.id, clients, oneself).await?;
    let roles: HashSet<Uuid> = held.iter().map(|(_, role)| *role).collect();
    let all: Vec<Uuid> = roles.iter().copied().collect();
    if admin.may_grant(&all).await? {
        return Ok(HashSet::new());
    }
    let mut refused = HashSet::new();
    for role in roles {
        if !admin.may_grant(&[role]).await? {
            refused.insert(role);
        }
    }
    let beyond = held.iter().filter(|(_, role)| refused.contains(role));
    Ok(beyond.map(|(client, _)| *client).collect())
}

/// Refuses to touch such a client.
///
/// # Errors
/// 403; from the database.
pub(super) async fn require(admin: &Admin, client: Uuid) -> Result<(), HttpError> {
    if beyond(admin, &[client]).await?.is_empty() {
        Ok(())
    } else {
        Err(forbidden())
    }
}

/// Whether the caller sees the secret of a client.
///
/// # Errors
/// From the database.
pub(super) async fn sees_secret(admin: &Admin, client: &Client) -> Result<bool, HttpError> {
    Ok(super::manages(admin) && beyond(admin, &[client.id]).await?.is_empty())
}
