//! Floor 2: clients (relying parties and registries), their secrets and protocol mappers.
#![warn(missing_docs)]

pub mod assertion;
pub mod cache;
pub mod check;
pub mod defaults;
mod made;
pub mod mapper;
mod members;
pub mod pushed;
pub mod redirect;
mod rep;
pub mod role;
pub mod scope;
pub mod secret;
mod sql;
pub mod uri;

use realm::{Realm, Sealer};
use uuid::Uuid;

pub use cache::{Clients, Known};
pub use made::Made;
pub use mapper::{Mapper, Owner};
pub use rep::{Access, ClientRepresentation, ProtocolMapperRepresentation, Texts};
pub use scope::{ClientScope, ClientScopeRepresentation};
pub use secret::Secret;
pub use sql::{
    Filter, MAX_LISTED, client_ids, create, delete, find, find_by_client_id, find_for_update,
    insert_many, list, renew_scopes, update,
};
pub use store::{Error, Result};

/// The client whose roles administer its realm.
pub const REALM_MANAGEMENT: &str = "realm-management";

/// The clients that each realm comes with and keeps, beside those whose roles administer it.
const KEPT: [&str; 5] = [
    "account",
    "account-console",
    "admin-cli",
    "broker",
    "security-admin-console",
];

/// A client with its protocol mappers.
#[derive(Clone, Debug)]
pub struct Client {
    /// The realm that it belongs to.
    pub realm_id: Uuid,
    /// The key of its row; Keycloak's `id`.
    pub id: Uuid,
    /// What it calls itself in requests; Keycloak's `clientId`.
    pub client_id: String,
    /// A disabled client gets nothing.
    pub enabled: bool,
    /// The id of its protocol.
    pub protocol: String,
    /// All other members of its representation but the mappers.
    pub settings: ClientRepresentation,
    /// Its protocol mappers, by name.
    pub mappers: Vec<Mapper>,
    /// Its secret; see [`secret::verify`].
    pub secret: Option<Secret>,
    /// The one before, which is good until the time in its attributes; see [`secret::rotated`].
    pub rotated_secret: Option<Secret>,
}

impl Client {
    /// A client that is not stored yet, from a representation with all defaults filled in.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the messages of [`check::check`]; [`Error::Sealed`].
    pub fn new(realm: Uuid, sealer: &Sealer, rep: &ClientRepresentation) -> Result<Self> {
        check::refuse(rep)?;
        let id = rep
            .id
            .as_deref()
            .and_then(|id| Uuid::try_parse(id).ok())
            .unwrap_or_else(Uuid::new_v4);
        let protocol = rep
            .protocol
            .clone()
            .ok_or_else(|| Error::Invalid("Invalid protocol: ".to_owned()))?;
        let mut settings = settings_of(rep);
        settings
            .attributes
            .get_or_insert_default()
            .retain(|_, value| !value.trim().is_empty());
        settings.default_client_scopes.get_or_insert_default();
        settings.optional_client_scopes.get_or_insert_default();
        let sealed = |plain| Secret::seal(sealer, realm, id, plain);
        Ok(Self {
            realm_id: realm,
            id,
            client_id: rep.client_id.clone().unwrap_or_else(|| id.to_string()),
            enabled: rep.enabled.unwrap_or(true),
            protocol,
            settings,
            mappers: mappers_of(rep)?.unwrap_or_default(),
            secret: secret::given(rep).map(sealed).transpose()?,
            rotated_secret: secret::given_rotated(rep).map(sealed).transpose()?,
        })
    }

    /// The client after a change: absent members keep their value, attributes are merged name by name (an empty one
    /// goes), mappers that are there replace all, the mask keeps the secret. One that needs a secret now and has none
    /// gets one; one without web origins gets those of its redirect URIs.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the messages of [`check::check`]; [`Error::Sealed`].
    pub fn merged(&self, sealer: &Sealer, change: &ClientRepresentation) -> Result<Self> {
        let mut settings = settings_of(change);
        // As in Keycloak: a client gets and loses scopes by calls of their own.
        settings.default_client_scopes = None;
        settings.optional_client_scopes = None;
        if let Some(changed) = settings.attributes.take() {
            let mut attributes = self.settings.attributes.clone().unwrap_or_default();
            attributes.extend(changed);
            attributes.retain(|_, value| !value.trim().is_empty());
            settings.attributes = Some(attributes);
        }
        let mut after = Self {
            realm_id: self.realm_id,
            id: self.id,
            client_id: change
                .client_id
                .clone()
                .unwrap_or_else(|| self.client_id.clone()),
            enabled: change.enabled.unwrap_or(self.enabled),
            protocol: change
                .protocol
                .clone()
                .unwrap_or_else(|| self.protocol.clone()),
            settings: realm::json::overlay(&self.settings, &settings),
            mappers: mappers_of(change)?.unwrap_or_else(|| self.mappers.clone()),
            secret: self.secret.clone(),
            rotated_secret: self.rotated_secret.clone(),
        };
        if change.web_origins.is_none() && after.web_origins().is_empty() {
            after.settings.web_origins = None;
            defaults::web_origins_from_redirect_uris(&mut after.settings);
        }
        let mut rep = after.to_rep(secret::given(change), None);
        if rep.secret.is_none() && after.secret.is_none() && !after.bearer_only() {
            defaults::generated_secret(&mut rep)?;
            after.settings.attributes = rep.attributes.clone();
        }
        check::refuse(&rep)?;
        if let Some(plain) = secret::given(&rep) {
            if !secret::is_current(sealer, self, plain)? {
                secret::end_rotated_of(&mut after);
            }
            after.secret = Some(Secret::seal(sealer, self.realm_id, self.id, plain)?);
        }
        if secret::rotated(&after).is_none() {
            secret::end_rotated_of(&mut after);
        }
        Ok(after)
    }

    /// As the admin API shows it. `secret` is the one from [`secret::reveal`] when the caller may manage clients, else
    /// none; a public client shows none in any case.
    #[must_use]
    pub fn to_rep(&self, secret: Option<&str>, access: Option<Access>) -> ClientRepresentation {
        let mappers: Vec<_> = self.mappers.iter().map(Mapper::to_rep).collect();
        ClientRepresentation {
            id: Some(self.id.to_string()),
            client_id: Some(self.client_id.clone()),
            enabled: Some(self.enabled),
            protocol: Some(self.protocol.clone()),
            secret: secret.filter(|_| !self.public_client()).map(str::to_owned),
            protocol_mappers: Some(mappers).filter(|mappers| !mappers.is_empty()),
            access,
            ..self.settings.clone()
        }
    }

    /// Whether its roles administer a realm, so that nobody may change or delete it: `realm-management`, and in the
    /// master realm `master-realm` and its like.
    #[must_use]
    pub fn is_built_in(&self, realm: &Realm) -> bool {
        if realm.is_master() {
            self.client_id.ends_with("-realm")
                && self.attribute(defaults::REALM_CLIENT) == Some("true")
        } else {
            self.client_id == REALM_MANAGEMENT
        }
    }

    /// Whether its realm comes with it, so that nobody may delete it.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        KEPT.contains(&self.client_id.as_str())
    }
}

/// The part of a representation that is kept as it is. What has a column or a table of its own is left out, and what
/// Keycloak has given up or derives; and secrets that nobody here asks for, since attributes are shown to whoever views
/// clients.
fn settings_of(rep: &ClientRepresentation) -> ClientRepresentation {
    let mut attributes = rep.attributes.clone();
    if let Some(attributes) = &mut attributes {
        // An empty one takes away what an earlier version has kept.
        attributes.retain(|name, value| value.trim().is_empty() || !is_secret(name));
    }
    ClientRepresentation {
        attributes,
        id: None,
        client_id: None,
        enabled: None,
        protocol: None,
        secret: None,
        protocol_mappers: None,
        registration_access_token: None,
        default_roles: None,
        authorization_services_enabled: None,
        direct_grants_only: None,
        client_template: None,
        use_template_config: None,
        use_template_scope: None,
        use_template_mappers: None,
        authorization_settings: None,
        access: None,
        origin: None,
        ..rep.clone()
    }
}

/// Whether an attribute of this name is the private half of a key, or a client secret.
fn is_secret(name: &str) -> bool {
    name.ends_with(".private.key") || name == secret::ROTATED
}

fn mappers_of(rep: &ClientRepresentation) -> Result<Option<Vec<Mapper>>> {
    rep.protocol_mappers
        .as_ref()
        .map(|mappers| mappers.iter().map(Mapper::from_rep).collect())
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> Client {
        let mut rep: ClientRepresentation = serde_json::from_str(text).unwrap();
        rep.protocol
            .get_or_insert_with(|| "openid-connect".to_owned());
        rep.public_client = Some(true);
        defaults::fill(&mut rep).unwrap();
        Client::new(Uuid::nil(), &Sealer::new(vec![]), &rep).unwrap()
    }

    fn change(text: &str) -> ClientRepresentation {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_change_keeps_what_it_does_not_name() {
        let sealer = Sealer::new(vec![]);
        let before = client(
            r#"{"clientId":"web","name":"N","redirectUris":["/a"],"attributes":{"a":"1","b":"2"}}"#,
        );
        let after = before
            .merged(
                &sealer,
                &change(r#"{"description":"x","attributes":{"b":"","c":"3"}}"#),
            )
            .unwrap();
        assert_eq!(
            (after.client_id.as_str(), after.settings.name.as_deref()),
            ("web", Some("N"))
        );
        assert_eq!(after.settings.description.as_deref(), Some("x"));
        assert_eq!(after.redirect_uris(), ["/a"]);
        assert_eq!(
            (
                after.attribute("a"),
                after.attribute("b"),
                after.attribute("c")
            ),
            (Some("1"), None, Some("3"))
        );
        let nulled = after
            .merged(
                &sealer,
                &change(r#"{"attributes":{"a":null},"redirectUris":[]}"#),
            )
            .unwrap();
        assert_eq!(
            (nulled.attribute("a"), nulled.redirect_uris().len()),
            (None, 0)
        );
    }

    #[test]
    fn attributes_hold_no_secrets() {
        let sealer = Sealer::new(vec![]);
        let text = r#"{"attributes":{"jwt.credential.private.key":"x-y-z","saml.signing.private.key":"x-y-z","client.secret.rotated":"x-y-z","a":"1"}}"#;
        let made = client(text);
        let changed = client("{}").merged(&sealer, &change(text)).unwrap();
        for client in [made, changed] {
            let rep = serde_json::to_string(&client.to_rep(None, None)).unwrap();
            assert!(!rep.contains("x-y-z"), "{rep}");
            assert_eq!(client.attribute("a"), Some("1"));
        }
    }

    #[test]
    fn mappers_in_a_change_replace_all_and_their_absence_keeps_them() {
        let sealer = Sealer::new(vec![]);
        let before =
            client(r#"{"protocolMappers":[{"name":"m","protocol":"p","protocolMapper":"t"}]}"#);
        assert_eq!(
            before.merged(&sealer, &change("{}")).unwrap().mappers,
            before.mappers
        );
        assert!(
            before
                .merged(&sealer, &change(r#"{"protocolMappers":[]}"#))
                .unwrap()
                .mappers
                .is_empty()
        );
    }

    #[test]
    fn a_change_over_a_bound_is_refused() {
        let long = format!(r#"{{"clientId":"{}"}}"#, "x".repeat(256));
        let error = client("{}")
            .merged(&Sealer::new(vec![]), &change(&long))
            .unwrap_err();
        assert!(
            matches!(&error, Error::Invalid(text) if text.contains("clientId")),
            "{error}"
        );
    }

    #[test]
    fn what_was_written_comes_back_but_for_derived_members() {
        let sent = r#"{"clientId":"web","type":"x","access":{"manage":true},"origin":"o","registrationAccessToken":"t"}"#;
        let rep = client(sent).to_rep(Some("never shown"), None);
        assert_eq!(
            (rep.client_id.as_deref(), rep.r#type.as_deref()),
            (Some("web"), Some("x"))
        );
        assert_eq!(
            (
                rep.secret,
                rep.access,
                rep.origin,
                rep.registration_access_token
            ),
            (None, None, None, None)
        );
        assert_eq!(rep.protocol_mappers, None);
    }

    #[test]
    fn the_lifetime_of_a_client_is_a_positive_number_of_seconds() {
        let lifespan = |value: &str| {
            client(&format!(
                r#"{{"attributes":{{"access.token.lifespan":"{value}"}}}}"#
            ))
            .access_token_lifespan()
        };
        assert_eq!(
            (lifespan("60"), lifespan("-1"), lifespan("0"), lifespan("x")),
            (Some(60), None, None, None)
        );
    }
}
