//! What each kind of mapper does to a token.

use client::Mapper;
use serde_json::{Map, Value, json};
use user::User;
use user::group::Belonging;
use user::mapping::RoleNames;

use super::claim::{path, set, typed};
use super::types::*;
use super::{RESERVED, Token, config};
use crate::claims::About;

/// A mapper at work.
pub(super) struct Applied<'a> {
    pub(super) about: &'a About<'a>,
    /// Those that the token may carry, as other mappers have changed them.
    pub(super) roles: &'a RoleNames,
    pub(super) mapper: &'a Mapper,
    pub(super) token: Token,
}

impl Applied<'_> {
    fn config(&self, name: &str) -> Option<&str> {
        config(self.mapper, name)
    }

    pub(super) fn put(&self, claims: &mut Map<String, Value>, audience: &mut Vec<String>) {
        let (about, user) = (self.about, self.about.user);
        let in_access = matches!(
            self.token,
            Token::Access | Token::Lightweight | Token::Introspection
        );
        match self.mapper.protocol_mapper.as_str() {
            ACR if self.token != Token::Userinfo => {
                let acr = if about.sso { "0" } else { "1" };
                claims.insert("acr".to_owned(), json!(acr));
            }
            AMR if !matches!(self.token, Token::Userinfo | Token::Introspection) => {
                let methods = about.notes.and_then(|notes| notes.get("amr"));
                let methods = methods.filter(|amr| amr.is_array());
                claims.insert(
                    "amr".to_owned(),
                    methods.cloned().unwrap_or_else(|| json!([])),
                );
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
                let clients = self.roles.clients.keys();
                let others = clients.filter(|name| **name != about.client.client_id);
                audience.extend(others.cloned());
            }
            CLAIMS_PARAMETER if !in_access => self.requested(claims),
            CLAIMS_PARAMETER_VALUE if self.token == Token::Id => {
                let request = self
                    .config("claim.name")
                    .and_then(|name| self.essential(name));
                let value = request.and_then(|request| request.get("value"));
                if let (Some(path), Some(Value::String(_))) = (self.own_path(), value) {
                    set(claims, &path, json!(value));
                }
            }
            FULL_NAME => {
                if let Some(name) = full_name(user) {
                    claims.insert("name".to_owned(), json!(name));
                }
            }
            GROUP_MEMBERSHIP => {
                let full = self.config("full.path") == Some("true");
                let shown = |group: &Belonging| match group.path.rsplit_once('/') {
                    Some((_, name)) if !full => json!(name),
                    _ => json!(group.path),
                };
                let groups: Vec<Value> = about.groups.iter().map(shown).collect();
                if let Some(path) = self.own_path().filter(|_| !groups.is_empty()) {
                    set(claims, &path, Value::Array(groups));
                }
            }
            HARDCODED_CLAIM => self.claim(claims, self.config("claim.value").map(|v| json!(v))),
            NONCE if !matches!(self.token, Token::Userinfo | Token::Introspection) => {
                if let Some(nonce) = about.nonce {
                    claims.insert("nonce".to_owned(), json!(nonce));
                }
            }
            SESSION_STATE => {
                if let Some(id) = about.session_id {
                    claims.insert("session_state".to_owned(), json!(id));
                }
            }
            SUBJECT | PAIRWISE if in_access && self.token != Token::Introspection => {
                claims.insert("sub".to_owned(), json!(about.subject()));
            }
            USER_ATTRIBUTE => {
                let all = self.config("aggregate.attrs") == Some("true");
                let values = self
                    .config("user.attribute")
                    .and_then(|name| attribute_with_groups(about, name, all));
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
                self.roles(claims, None, &self.roles.realm, prefix);
            }
            USER_CLIENT_ROLE => {
                let prefix = self.config("usermodel.clientRoleMapping.rolePrefix");
                let only = self.config("usermodel.clientRoleMapping.clientId");
                for (client, names) in &self.roles.clients {
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

    /// What the `claims` parameter of the authorization request says of a claim that it calls essential.
    fn essential(&self, name: &str) -> Option<&Value> {
        let member = if self.token == Token::Id {
            "id_token"
        } else {
            "userinfo"
        };
        let request = self.about.requested.as_ref()?.get(member)?.get(name)?;
        (request.get("essential") == Some(&json!(true))).then_some(request)
    }

    /// Sets the claims of that parameter that Keycloak gives: names and e-mail.
    fn requested(&self, claims: &mut Map<String, Value>) {
        let user = self.about.user;
        for (name, value) in [
            ("name", full_name(user)),
            ("given_name", user.first_name.clone()),
            ("family_name", user.last_name.clone()),
            ("preferred_username", Some(user.username.clone())),
            ("email", user.email.clone()),
        ] {
            if let Some(value) = value.filter(|_| self.essential(name).is_some()) {
                claims.insert(name.to_owned(), json!(value));
            }
        }
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

fn full_name(user: &User) -> Option<String> {
    let names = [&user.first_name, &user.last_name].into_iter().flatten();
    let names: Vec<&str> = names.map(String::as_str).collect();
    (!names.is_empty()).then(|| names.join(" "))
}

/// The same with the attributes of the user's groups and of those above them: `all` of them together, else the first
/// that has any.
fn attribute_with_groups(about: &About<'_>, name: &str, all: bool) -> Option<Vec<Value>> {
    let own = attribute(about, name);
    let groups = about.groups.iter().flat_map(|group| &group.attributes);
    let of_groups = groups.filter_map(|attributes| attributes.get(name)?.as_array());
    if !all {
        return own.or_else(|| of_groups.into_iter().next().cloned());
    }
    let mut values = own.unwrap_or_default();
    for value in of_groups.flatten() {
        if !values.contains(value) {
            values.push(value.clone());
        }
    }
    (!values.is_empty()).then_some(values)
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
