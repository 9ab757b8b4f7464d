//! What a protocol tells the admin API about itself: plain data.

use client::Client;
use realm::Realm;
use serde_json::{Value, json};

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
}

impl MapperType {
    /// As `serverinfo` lists it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let properties: Vec<Value> = self
            .properties
            .iter()
            .map(|p| {
                json!({ "name": p.name, "label": p.label, "helpText": p.help, "type": p.kind, "defaultValue": p.default,
                        "secret": false, "required": false, "readOnly": false })
            })
            .collect();
        json!({ "id": self.id, "name": self.name, "category": self.category, "helpText": self.help, "priority": 0,
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

/// A client scope that a new realm has.
pub struct ScopeTemplate {
    /// Its name.
    pub name: &'static str,
    /// Whether a new client has it always (else when it asks).
    pub default: bool,
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
