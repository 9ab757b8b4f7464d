//! What a protocol tells the admin API about itself: plain data.

use std::net::IpAddr;

use client::{Client, Known};
use realm::Realm;
use serde_json::{Value, json};
use user::User;
use user::group::Belonging;
use user::mapping::RoleNames;

/// A kind of protocol mapper.
pub struct MapperType {
    /// In a mapper's `protocolMapper`.
    pub id: &'static str,
    /// As the admin console shows it.
    pub name: &'static str,
    /// Likewise.
    pub category: &'static str,
    /// Likewise.
    pub help: &'static str,
    /// Those of a low one act first.
    pub priority: i32,
    /// The members of its config.
    pub properties: &'static [MapperProperty],
}

/// A member of a mapper's config.
pub struct MapperProperty {
    /// In `config`.
    pub name: &'static str,
    /// As the admin console shows it.
    pub label: &'static str,
    /// Likewise.
    pub help: &'static str,
    /// `String`, `boolean`, `List` … as Keycloak's `ProviderConfigProperty`.
    pub kind: &'static str,
    /// Its value where none is given.
    pub default: Option<&'static str>,
    /// The values that there are, where there are only some.
    pub options: &'static [&'static str],
    /// Whether it has to be given.
    pub required: bool,
}

impl MapperProperty {
    /// With a value where none is given.
    #[must_use]
    pub const fn or(self, default: &'static str) -> Self {
        Self {
            default: Some(default),
            ..self
        }
    }

    /// With these values and no others.
    #[must_use]
    pub const fn of(self, options: &'static [&'static str]) -> Self {
        Self { options, ..self }
    }

    /// That has to be given.
    #[must_use]
    pub const fn required(self) -> Self {
        Self {
            required: true,
            ..self
        }
    }

    fn to_json(&self) -> Value {
        let mut rep = json!({ "name": self.name, "label": self.label, "helpText": self.help, "type": self.kind,
                              "secret": false, "required": self.required, "readOnly": false });
        if let Some(default) = self.default {
            rep["defaultValue"] = json!(default);
        }
        if !self.options.is_empty() {
            rep["options"] = json!(self.options);
        }
        rep
    }
}

impl MapperType {
    /// As `serverinfo` lists it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let properties: Vec<Value> = self
            .properties
            .iter()
            .map(MapperProperty::to_json)
            .collect();
        json!({ "id": self.id, "name": self.name, "category": self.category, "helpText": self.help, "priority": self.priority,
                "properties": properties })
    }
}

/// A mapper that comes ready-made.
pub struct BuiltinMapper {
    /// Its name.
    pub name: &'static str,
    /// Its kind.
    pub mapper_type: &'static str,
    /// Its config.
    pub config: &'static [(&'static str, &'static str)],
    /// Whether a new client of the protocol gets it by itself.
    pub default: bool,
}

/// A file that sets up the other side: `…/clients/{uuid}/installation/providers/{id}`.
pub struct Installation {
    /// In the URL.
    pub id: &'static str,
    /// `Content-Type` of the file.
    pub media_type: &'static str,
    /// As the admin console shows it.
    pub display_type: &'static str,
    /// Likewise.
    pub help: &'static str,
    /// The name to save it under.
    pub filename: &'static str,
    /// Whether it is no text to look at.
    pub download_only: bool,
    /// Makes it.
    pub render: fn(&InstallInput<'_>) -> Vec<u8>,
}

/// What a file is made of.
pub struct InstallInput<'a> {
    /// The realm, with its keys.
    pub realm: &'a Realm,
    /// The client.
    pub client: &'a Client,
    /// `scheme://host[/path]`, the URL below which realms lie, as the caller sees it.
    pub base: &'a str,
    /// The client's secret, where the caller may see it.
    pub secret: Option<&'a str>,
}

/// What an example is made of: the claims that a user would give to a client.
pub struct ExampleInput<'a> {
    /// The realm.
    pub realm: &'a Realm,
    /// The client, with its scopes.
    pub client: &'a Known,
    /// The user.
    pub user: &'a User,
    /// The roles that the user holds.
    pub roles: &'a RoleNames,
    /// The groups that the user is directly in.
    pub groups: &'a [Belonging],
    /// What the client would ask for; names of scopes that it does not have are passed over.
    pub scope: &'a str,
    /// The `iss` of the realm's tokens.
    pub issuer: &'a str,
    /// The address that the client would call from.
    pub ip: IpAddr,
}

/// Which example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Example {
    /// An access token.
    AccessToken,
    /// An ID token.
    IdToken,
    /// What the userinfo endpoint answers.
    Userinfo,
}

/// A client that a new realm has.
pub struct ClientTemplate {
    /// ClientRepresentation in JSON; `{realm}` stands for the realm's name.
    pub json: &'static str,
    /// Its roles.
    pub roles: &'static [RoleTemplate],
}

/// A role of a client that a new realm has.
pub struct RoleTemplate {
    /// Its name.
    pub name: &'static str,
    /// The roles of the same client that it is composed of.
    pub composites: &'static [&'static str],
    /// Whether every user of the realm holds it.
    pub default: bool,
}
