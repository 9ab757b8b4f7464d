//! The mappers that change which roles a token carries, before the others see them.

use std::borrow::Cow;

use client::Mapper;
use user::mapping::RoleNames;

use super::config;
use super::types::{HARDCODED_ROLE, ROLE_NAME};

/// The roles as `mappers` leave them.
pub(super) fn changed<'a>(held: &'a RoleNames, mappers: &[&Mapper]) -> Cow<'a, RoleNames> {
    let mut roles = Cow::Borrowed(held);
    for mapper in mappers {
        match mapper.protocol_mapper.as_str() {
            HARDCODED_ROLE => {
                if let Some(role) = config(mapper, "role") {
                    add(roles.to_mut(), role);
                }
            }
            ROLE_NAME => {
                if let (Some(role), Some(name)) =
                    (config(mapper, "role"), config(mapper, "new.role.name"))
                    && remove(&mut roles, role)
                {
                    add(roles.to_mut(), name);
                }
            }
            _ => {}
        }
    }
    roles
}

/// `client.role`, or the name of a realm role.
fn parse(role: &str) -> (Option<&str>, &str) {
    match role.rsplit_once('.') {
        Some((client, name)) => (Some(client), name),
        None => (None, role),
    }
}

fn add(roles: &mut RoleNames, role: &str) {
    let (client, name) = parse(role);
    let names = match client {
        None => &mut roles.realm,
        Some(client) => roles.clients.entry(client.to_owned()).or_default(),
    };
    if !names.iter().any(|known| known == name) {
        names.push(name.to_owned());
    }
}

/// Whether it was there.
fn remove(roles: &mut Cow<'_, RoleNames>, role: &str) -> bool {
    let (client, name) = parse(role);
    let names = match client {
        None => Some(&roles.realm),
        Some(client) => roles.clients.get(client),
    };
    let Some(at) = names.and_then(|names| names.iter().position(|known| known == name)) else {
        return false;
    };
    let roles = roles.to_mut();
    match client {
        None => drop(roles.realm.remove(at)),
        Some(client) => {
            if let Some(names) = roles.clients.get_mut(client) {
                names.remove(at);
            }
            roles.clients.retain(|_, names| !names.is_empty());
        }
    }
    true
}
