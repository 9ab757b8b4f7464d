//! What a new client is given, and what may be wrong with one.

use client::ClientRepresentation;
use client::scope::link::{self, Link};
use uuid::Uuid;

use super::scopes;
use crate::{HttpError, State};

/// Gives a new client what its protocol, its realm and this server give it, and checks it.
///
/// # Errors
/// 400 in Keycloak's words, all of them joined; from the database.
pub async fn complete(
    state: &State,
    realm: Uuid,
    rep: &mut ClientRepresentation,
) -> Result<(), HttpError> {
    let name = rep.protocol.clone().unwrap_or_else(|| {
        state
            .protocols
            .iter()
            .next()
            .map_or("", |first| first.id())
            .to_owned()
    });
    let protocol = state.protocols.get(&name).ok_or_else(|| {
        HttpError::oauth(400, "invalid_input", &format!("Invalid protocol: {name}"))
    })?;
    protocol.complete(rep);
    scopes::give(&link::defaults(&state.pool, realm).await?, rep);
    client::defaults::fill(rep)?;
    check(state, rep)
}

/// The same for a client of a realm file, which gets fewer defaults than one that is made by itself: those of a client
/// that does not name its protocol, and no secret if it only receives tokens.
pub(super) fn complete_import(
    state: &State,
    defaults: &[Link],
    rep: &mut ClientRepresentation,
) -> Result<(), HttpError> {
    let first = state.protocols.iter().next().map(|first| first.id());
    rep.protocol = rep
        .protocol
        .take()
        .filter(|name| Some(name.as_str()) != first);
    let secretless = rep.bearer_only == Some(true) && rep.secret.is_none();
    if secretless {
        client::defaults::flags(rep);
    }
    match rep.protocol.as_deref() {
        None => state.protocols.iter().next(),
        Some(name) => state.protocols.get(name),
    }
    .ok_or_else(|| HttpError::oauth(400, "invalid_input", "Invalid protocol"))?
    .complete(rep);
    scopes::give(defaults, rep);
    if !secretless {
        client::defaults::fill(rep)?;
    }
    check(state, rep)
}

/// Checks a client before a write.
///
/// # Errors
/// 400 in Keycloak's words, all of them joined.
pub fn check(state: &State, rep: &ClientRepresentation) -> Result<(), HttpError> {
    let invalid = |text: &str| HttpError::oauth(400, "invalid_input", text);
    let name = rep.protocol.as_deref().unwrap_or_default();
    let protocol = state
        .protocols
        .get(name)
        .ok_or_else(|| invalid(&format!("Invalid protocol: {name}")))?;
    let mut problems = client::check::check(rep);
    problems.extend(protocol.check(rep));
    for mapper in rep.protocol_mappers.iter().flatten() {
        let known = state
            .protocols
            .get(mapper.protocol.as_deref().unwrap_or_default())
            .is_some_and(|protocol| {
                protocol
                    .mapper_types()
                    .iter()
                    .any(|kind| Some(kind.id) == mapper.protocol_mapper.as_deref())
            });
        if !known {
            problems.push(format!(
                "Unknown protocol mapper: {}",
                mapper.protocol_mapper.as_deref().unwrap_or_default()
            ));
        }
        problems.extend(state.protocols.check_mapper(mapper).err());
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(invalid(&problems.join("; ")))
    }
}
