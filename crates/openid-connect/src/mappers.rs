//! The protocol mappers of this protocol: what each kind does to a token.

mod claim;
pub(crate) mod types;

use client::{Client, Mapper};
use protocol::HttpError;
use serde_json::{Map, Value, json};

use uuid::Uuid;

use crate::claims::About;
use crate::scope::Scopes;
use claim::{path, set, typed};
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
    "scope",
    "realm_access",
    "resource_access",
];

/// Kinds that put their claim into access tokens where their config says nothing, as in older Keycloaks.
const ALWAYS: &[&str] = &[ALLOWED_ORIGINS, AUDIENCE_RESOLVE];

/// Lets the mappers of a client and of its scopes in force add to a token.
pub(crate) fn apply(
    about: &About<'_>,
    claims: &mut Map<String, Value>,
    audience: &mut Vec<String>,
    token: Token,
) {
    let mappers = about.client.mappers.iter().chain(about.scopes.mappers());
    for mapper in mappers.filter(|mapper| mapper.protocol == crate::ID && goes_into(mapper, token))
    {
        Applied {
            about,
            mapper,
            token,
        }
        .put(claims, audience);
    }
}

/// The paths of the groups that a user is directly in, where a mapper asks for them.
///
/// # Errors
/// From the database.
pub(crate) async fn groups(
    db: &store::Pool,
    realm: Uuid,
    user: Uuid,
    client: &Client,
    scopes: &Scopes<'_>,
) -> Result<Vec<String>, HttpError> {
    let mut mappers = client.mappers.iter().chain(scopes.mappers());
    if !mappers.any(|mapper| mapper.protocol_mapper == GROUP_MEMBERSHIP) {
        return Ok(Vec::new());
    }
    let groups = user::group::list_of_user(db, realm, user, None, 0, None).await?;
    Ok(groups.into_iter().map(|group| group.path).collect())
}

fn config<'a>(mapper: &'a Mapper, name: &str) -> Option<&'a str> {
    let value = mapper.config.get(name).map(String::as_str);
    value.filter(|value| !value.is_empty())
}

fn goes_into(mapper: &Mapper, token: Token) -> bool {
    let flag = |name| config(mapper, name).map(|value| value == "true");
    let goes = match token {
        Token::Access => flag("access.token.claim").or_else(|| {
            let kind = mapper.protocol_mapper.as_str();
            ALWAYS.contains(&kind).then_some(true)
        }),
        Token::Lightweight => flag("lightweight.claim"),
        Token::Id => flag("id.token.claim"),
        Token::Userinfo => flag("userinfo.token.claim").or_else(|| flag("id.token.claim")),
    };
    goes.unwrap_or(false)
}

/// A mapper at work.
struct Applied<'a> {
    about: &'a About<'a>,
    mapper: &'a Mapper,
    token: Token,
}

impl Applied<'_> {
    fn config(&self, name: &str) -> Option<&str> {
        config(self.mapper, name)
    }

    fn put(&self, claims: &mut Map<String, Value>, audience: &mut Vec<String>) {
        let (about, user) = (self.about, self.about.user);
        let in_access = matches!(self.token, Token::Access | Token::Lightweight);
        match self.mapper.protocol_mapper.as_str() {
            ACR if self.token != Token::Userinfo => {
                claims.insert("acr".to_owned(), json!("1"));
            }
            ADDRESS => {
                let address = self.address();
                if !address.is_empty() {
                    claims.insert("address".to_owned(), Value::Object(address));
                }
            }
            ALLOWED_ORIGINS if in_access => {
                let origins = about.client.allowed_origins();
                if !origins.is_empty() {
                    claims.insert("allowed-origins".to_owned(), json!(origins));
                }
            }
            AUDIENCE => {
                let client = self.config("included.client.audience");
                let added = client.or(self.config("included.custom.audience"));
                audience.extend(added.map(str::to_owned));
            }
            AUDIENCE_RESOLVE if in_access => {
                let clients = about.roles.clients.keys();
                let others = clients.filter(|name| **name != about.client.client_id);
                audience.extend(others.cloned());
            }
            FULL_NAME => {
                let names = [&user.first_name, &user.last_name].into_iter().flatten();
                let names: Vec<&str> = names.map(String::as_str).collect();
                if !names.is_empty() {
                    claims.insert("name".to_owned(), json!(names.join(" ")));
                }
            }
            GROUP_MEMBERSHIP => {
                let full = self.config("full.path") == Some("true");
                let shown = |path: &String| match path.rsplit_once('/') {
                    Some((_, name)) if !full => json!(name),
                    _ => json!(path),
                };
                let groups: Vec<Value> = about.groups.iter().map(shown).collect();
                if let Some(path) = self.own_path().filter(|_| !groups.is_empty()) {
                    set(claims, &path, Value::Array(groups));
                }
            }
            HARDCODED_CLAIM => self.claim(claims, self.config("claim.value").map(|v| json!(v))),
            SUBJECT if in_access => {
                claims.insert("sub".to_owned(), json!(user.id));
            }
            USER_ATTRIBUTE => {
                let values = self
                    .config("user.attribute")
                    .and_then(|name| attribute(about, name));
                self.claim(claims, values.map(Value::Array));
            }
            USER_PROPERTY => {
                let value = self
                    .config("user.attribute")
                    .and_then(|name| property(about, name));
                self.claim(claims, value.map(|value| json!(value)));
            }
            USER_REALM_ROLE => {
                let prefix = self.config("usermodel.realmRoleMapping.rolePrefix");
                self.roles(claims, None, &about.roles.realm, prefix);
            }
            USER_CLIENT_ROLE => {
                let prefix = self.config("usermodel.clientRoleMapping.rolePrefix");
                let only = self.config("usermodel.clientRoleMapping.clientId");
                for (client, names) in &about.roles.clients {
                    if only.is_none_or(|only| only == client) {
                        self.roles(claims, Some(client), names, prefix);
                    }
                }
            }
            SESSION_NOTE => {
                let note = self
                    .config("user.session.note")
                    .and_then(|name| about.note(name));
                self.claim(claims, note.map(|note| json!(note)));
            }
            _ => {}
        }
    }

    /// OpenID Connect Core 1.0 §5.1.1.
    fn address(&self) -> Map<String, Value> {
        let members = [
            ("street_address", "street"),
            ("locality", "locality"),
            ("region", "region"),
            ("postal_code", "postal_code"),
            ("country", "country"),
            ("formatted", "formatted"),
        ];
        let value = |name: &str| {
            let attribute_name = self.config(&format!("user.attribute.{name}"));
            attribute(self.about, attribute_name.unwrap_or(name))?
                .into_iter()
                .next()
        };
        let members = members.into_iter();
        members
            .filter_map(|(member, name)| Some((member.to_owned(), value(name)?)))
            .collect()
    }

    /// Sets the mapper's claim; a value that is not of the kind that it names is left out.
    fn claim(&self, claims: &mut Map<String, Value>, value: Option<Value>) {
        let value = value.and_then(|value| self.typed(value));
        if let (Some(path), Some(value)) = (self.own_path(), value) {
            set(claims, &path, value);
        }
    }

    /// Where the mapper's claim goes, unless it is a reserved one.
    fn own_path(&self) -> Option<Vec<String>> {
        let path = path(self.config("claim.name")?);
        (!RESERVED.contains(&path[0].as_str())).then_some(path)
    }

    /// The value as `multivalued` and `jsonType.label` say.
    fn typed(&self, value: Value) -> Option<Value> {
        let kind = self.config("jsonType.label");
        match value {
            Value::Array(values) if self.config("multivalued") == Some("true") => {
                let values = values.into_iter().filter_map(|value| typed(value, kind));
                Some(Value::Array(values.collect())).filter(|list| *list != json!([]))
            }
            Value::Array(values) => typed(values.into_iter().next()?, kind),
            value => typed(value, kind),
        }
    }

    /// Sets names of roles, beside those that another mapper has put there. Of the reserved claims they go where roles of
    /// their kind belong and nowhere else, so that those say what the user holds.
    fn roles(
        &self,
        claims: &mut Map<String, Value>,
        client: Option<&str>,
        names: &[String],
        prefix: Option<&str>,
    ) {
        let Some(name) = self.config("claim.name").filter(|_| !names.is_empty()) else {
            return;
        };
        let escaped = client.unwrap_or_default().replace('.', "\\.");
        let path = path(&name.replace("${client_id}", &escaped));
        let own: &[&str] = match client {
            None => &["realm_access", "roles"],
            Some(client) => &["resource_access", client, "roles"],
        };
        if RESERVED.contains(&path[0].as_str()) && !(prefix.is_none() && path == own) {
            return;
        }
        let names = names
            .iter()
            .map(|name| json!(format!("{}{name}", prefix.unwrap_or_default())));
        if let Some(value) = self.typed(Value::Array(names.collect())) {
            set(claims, &path, value);
        }
    }
}

/// The values of a user's attribute; names and address are attributes too.
fn attribute(about: &About<'_>, name: &str) -> Option<Vec<Value>> {
    let user = about.user;
    let of_profile = match name {
        "username" => Some(Some(&user.username)),
        "email" => Some(user.email.as_ref()),
        "firstName" => Some(user.first_name.as_ref()),
        "lastName" => Some(user.last_name.as_ref()),
        _ => None,
    };
    match of_profile {
        Some(value) => value.map(|value| vec![json!(value)]),
        None => user.attributes.get(name)?.as_array().cloned(),
    }
}

fn property(about: &About<'_>, name: &str) -> Option<String> {
    let user = about.user;
    match name {
        "id" => Some(user.id.to_string()),
        "username" => Some(user.username.clone()),
        "email" => user.email.clone(),
        "firstName" => user.first_name.clone(),
        "lastName" => user.last_name.clone(),
        "emailVerified" => Some(user.email_verified.to_string()),
        "enabled" => Some(user.enabled.to_string()),
        "createdTimestamp" => Some(user.created_timestamp.to_string()),
        _ => None,
    }
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
