//! The protocol mappers of this protocol: what each kind does to a token.

mod applied;
mod claim;
mod properties;
mod roles;
pub(crate) mod types;

use client::{Client, Mapper};
use protocol::HttpError;
use serde_json::{Map, Value};
use user::User;
use user::group::Belonging;
use uuid::Uuid;

use crate::claims::About;
use crate::scope::Scopes;
use applied::Applied;
use types::*;

/// Which token is being made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    Access,
    /// An access token of a client with `client.use.lightweight.access.token.enabled`.
    Lightweight,
    Id,
    /// The answer of the userinfo endpoint.
    Userinfo,
    /// The answer of the introspection endpoint.
    Introspection,
}

/// Claims that no mapper may set: what a token is, for whom and until when is not for mappers to say.
const RESERVED: &[&str] = &[
    "exp",
    "iat",
    "nbf",
    "jti",
    "iss",
    "aud",
    "typ",
    "azp",
    "sub",
    "sid",
    "nonce",
    "at_hash",
    "scope",
    "realm_access",
    "resource_access",
];

/// Kinds whose config does not say where they go.
const EVERYWHERE: &[&str] = &[NONCE, PAIRWISE];

/// Kinds that put their claim into access tokens where their config says nothing, as in older Keycloaks.
const ALWAYS: &[&str] = &[ALLOWED_ORIGINS, AUDIENCE_RESOLVE];

/// Lets the mappers of a client and of its scopes in force add to a token, each kind in its turn.
pub(crate) fn apply(
    about: &About<'_>,
    claims: &mut Map<String, Value>,
    audience: &mut Vec<String>,
    token: Token,
) {
    let mappers = of(about.client, about.scopes);
    let roles = &roles::changed(about.roles, &mappers);
    for mapper in mappers {
        if goes_into(mapper, token) {
            Applied {
                about,
                roles,
                mapper,
                token,
            }
            .put(claims, audience);
        }
    }
}

/// The mappers of this protocol that a client and its scopes have, in the order in which they act.
fn of<'a>(client: &'a Client, scopes: &Scopes<'a>) -> Vec<&'a Mapper> {
    let all = client.mappers.iter().chain(scopes.mappers());
    let mut mappers: Vec<_> = all.filter(|mapper| mapper.protocol == crate::ID).collect();
    mappers.sort_by_cached_key(|mapper| priority(&mapper.protocol_mapper));
    mappers
}

/// Whether a mapper gives what the `claims` parameter of an authorization request asks for.
pub(crate) fn reads_claims_parameter(client: &Client, scopes: &Scopes<'_>) -> bool {
    any(client, scopes, CLAIMS_PARAMETER) || any(client, scopes, CLAIMS_PARAMETER_VALUE)
}

/// Whether a client or its scopes have a mapper of a kind.
pub(crate) fn any(client: &Client, scopes: &Scopes<'_>, kind: &str) -> bool {
    let mut all = client.mappers.iter().chain(scopes.mappers());
    all.any(|mapper| mapper.protocol == crate::ID && mapper.protocol_mapper == kind)
}

/// Whether a mapper may want to know of the user's groups.
pub(crate) fn tells_groups(client: &Client, scopes: &Scopes<'_>) -> bool {
    any(client, scopes, GROUP_MEMBERSHIP) || any(client, scopes, USER_ATTRIBUTE)
}

/// The groups that a user is directly in, where a mapper may want to know.
///
/// # Errors
/// From the database.
pub(crate) async fn groups(
    db: &store::Pool,
    realm: Uuid,
    user: &User,
    client: &Client,
    scopes: &Scopes<'_>,
) -> Result<Vec<Belonging>, HttpError> {
    if !user.in_group || !tells_groups(client, scopes) {
        return Ok(Vec::new());
    }
    Ok(user::group::of_user(db, realm, user.id).await?)
}

fn config<'a>(mapper: &'a Mapper, name: &str) -> Option<&'a str> {
    let value = mapper.config.get(name).map(String::as_str);
    value.filter(|value| !value.is_empty())
}

fn goes_into(mapper: &Mapper, token: Token) -> bool {
    let kind = mapper.protocol_mapper.as_str();
    let flag = |name| config(mapper, name).map(|value| value == "true");
    let in_access =
        || flag("access.token.claim").or_else(|| ALWAYS.contains(&kind).then_some(true));
    let goes = match token {
        _ if EVERYWHERE.contains(&kind) => Some(true),
        Token::Access => in_access(),
        Token::Lightweight => flag("lightweight.claim"),
        Token::Id => flag("id.token.claim"),
        Token::Introspection => flag("introspection.token.claim").or_else(in_access),
        Token::Userinfo => flag("userinfo.token.claim").or_else(|| flag("id.token.claim")),
    };
    goes.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scopes_of_a_new_realm_use_no_mapper_that_is_not_there() {
        let file: Value = serde_json::from_str(crate::scope::REALM_SCOPES).unwrap();
        let scopes = file["clientScopes"].as_array().unwrap();
        assert_eq!(scopes.len(), 12);
        for mapper in scopes
            .iter()
            .filter_map(|scope| scope["protocolMappers"].as_array())
            .flatten()
        {
            let kind = &mapper["protocolMapper"];
            assert!(TYPES.iter().any(|known| *kind == known.id), "{kind}");
        }
    }
}
