//! Pairwise subjects (OpenID Connect Core 1.0 §8.1): a user has another `sub` for each sector of clients.
//!
//! Here, and not with the protocol that writes them, because such a `sub` finds no user where tokens come back.

use aws_lc_rs::digest::{SHA256, digest};
use client::{Client, Mapper};
use md5::{Digest as _, Md5};
use reqwest::Url;
use uuid::Uuid;

use crate::{HttpError, State};

/// The kind of mapper that makes subjects pairwise.
pub const MAPPER: &str = "oidc-sha256-pairwise-sub-mapper";
/// The member of its config that makes subjects hard to guess.
const SALT: &str = "pairwiseSubAlgorithmSalt";
/// The member of its config that names a sector, by its host.
const SECTOR: &str = "sectorIdentifierUri";

/// The mapper of a client that makes its subjects pairwise, if it has one.
#[must_use]
pub fn mapper(client: &Client) -> Option<&Mapper> {
    let mut mappers = client.mappers.iter();
    mappers.find(|mapper| mapper.protocol_mapper == MAPPER)
}

/// What a user is called at a client: Keycloak's name-based uuid over the SHA-256 of sector, user and salt.
#[must_use]
pub fn subject(client: &Client, mapper: &Mapper, user: Uuid) -> Uuid {
    let config = |name: &str| {
        mapper
            .config
            .get(name)
            .map(String::as_str)
            .unwrap_or_default()
    };
    let hosts = || hosts(client).into_iter().next();
    let sector = host(config(SECTOR)).or_else(hosts).unwrap_or_default();
    name(&sector, user, config(SALT))
}

fn name(sector: &str, user: Uuid, salt: &str) -> Uuid {
    let text = format!("{sector}{user}{salt}");
    let mut bytes: [u8; 16] = Md5::digest(digest(&SHA256, text.as_bytes())).into();
    bytes[6] = bytes[6] & 0x0f | 0x30;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    Uuid::from_bytes(bytes)
}

/// Checks a mapper of this kind before it is written, and gives it a salt where it has none.
///
/// # Errors
/// 400 in Keycloak's words.
pub async fn check(state: &State, client: &Client, mapper: &mut Mapper) -> Result<(), HttpError> {
    let bad = |text: &str| Err(HttpError::oauth(400, text, text));
    let given = |name: &str| mapper.config.get(name).filter(|value| !value.is_empty());
    match given(SECTOR) {
        None => {
            let uris = client.settings.redirect_uris.as_deref().unwrap_or_default();
            let hosts = hosts(client);
            if hosts.is_empty() && !uris.iter().any(|uri| uri == "*") {
                return bad("Client redirect URIs must contain a valid host component.");
            }
            if hosts.len() > 1 {
                return bad(
                    "Without a configured Sector Identifier URI, client redirect URIs must not contain multiple host components.",
                );
            }
        }
        Some(sector) => {
            if host(sector).is_none() {
                return Err(HttpError::oauth(
                    400,
                    "Invalid Sector Identifier URI.",
                    "Malformed Sector Identifier URI.",
                ));
            }
            let answer = state.outbound.get(sector).await.ok();
            let uris = answer
                .filter(|answer| answer.status == 200)
                .and_then(|answer| serde_json::from_slice::<Vec<String>>(&answer.body).ok());
            let Some(uris) = uris else {
                return bad("Failed to get redirect URIs from the Sector Identifier URI.");
            };
            let own = client.settings.redirect_uris.as_deref().unwrap_or_default();
            if !own.iter().all(|uri| uris.contains(uri)) {
                return bad(
                    "Client redirect URIs does not match redirect URIs fetched from the Sector Identifier URI.",
                );
            }
        }
    }
    if given(SALT).is_none() {
        let salt = Uuid::new_v4().to_string();
        mapper.config.insert(SALT.to_owned(), salt);
    }
    Ok(())
}

/// The hosts of a client's redirect URIs, each once.
fn hosts(client: &Client) -> Vec<String> {
    let root = client.settings.root_url.as_deref().unwrap_or_default();
    let uris = client.settings.redirect_uris.iter().flatten();
    let mut hosts: Vec<String> = uris
        .filter_map(|uri| match uri.starts_with('/') {
            true => host(root),
            false => host(uri),
        })
        .collect();
    hosts.sort_unstable();
    hosts.dedup();
    hosts
}

fn host(uri: &str) -> Option<String> {
    let url = Url::parse(uri.trim_end_matches('*')).ok()?;
    url.host_str()
        .filter(|host| !host.is_empty())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_the_one_that_keycloak_gives() {
        // Seen on Keycloak 26.7.3.
        let user = uuid::uuid!("151566f2-daf6-49e2-bd24-a83a0422e58b");
        let subject = uuid::uuid!("c43659c7-b5b6-3812-bf9b-97578e516d81");
        assert_eq!(name("app.test", user, "salt"), subject);
    }

    #[test]
    fn the_host_of_a_redirect_uri_is_found_whatever_its_form() {
        for (uri, expected) in [
            ("http://app.test/*", Some("app.test")),
            ("http://app.test:8080/y", Some("app.test")),
            ("https://app.test*", Some("app.test")),
            ("app://x", Some("x")),
            ("*", None),
            ("/rel/*", None),
            ("urn:x", None),
        ] {
            assert_eq!(host(uri).as_deref(), expected, "{uri}");
        }
    }
}
