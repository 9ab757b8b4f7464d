//! Floor 2: clients (relying parties and registries), their secrets and protocol mappers.
#![warn(missing_docs)]

pub mod cache;
pub mod check;
pub mod defaults;
pub mod mapper;
mod rep;
pub mod secret;
mod sql;
pub mod uri;

use realm::{Realm, Sealer};
use uuid::Uuid;

pub use cache::Clients;
pub use mapper::Mapper;
pub use rep::{Access, ClientRepresentation, ProtocolMapperRepresentation, Texts};
pub use secret::Secret;
pub use sql::{
    Filter, MAX_LISTED, client_ids, create, delete, find, find_by_client_id, find_for_update,
    insert_many, list, update,
};
pub use store::{Error, Result};

/// The client whose roles administer its realm.
pub const REALM_MANAGEMENT: &str = "realm-management";

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
        Ok(Self {
            realm_id: realm,
            id,
            client_id: rep.client_id.clone().unwrap_or_else(|| id.to_string()),
            enabled: rep.enabled.unwrap_or(true),
            protocol,
            settings,
            mappers: mappers_of(rep)?.unwrap_or_default(),
            secret: secret::given(rep)
                .map(|plain| Secret::seal(sealer, realm, id, plain))
                .transpose()?,
        })
    }

    /// The client after a change: absent members keep their value, attributes are merged name by name (an empty one
    /// goes), mappers that are there replace all, the mask keeps the secret. One that needs a secret now and has none
    /// gets one.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the messages of [`check::check`]; [`Error::Sealed`].
    pub fn merged(&self, sealer: &Sealer, change: &ClientRepresentation) -> Result<Self> {
        let mut settings = settings_of(change);
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
        };
        let mut rep = after.to_rep(secret::given(change), None);
        if rep.secret.is_none() && after.secret.is_none() && !after.bearer_only() {
            defaults::generated_secret(&mut rep)?;
            after.settings.attributes = rep.attributes.clone();
        }
        check::refuse(&rep)?;
        if let Some(plain) = secret::given(&rep) {
            after.secret = Some(Secret::seal(sealer, self.realm_id, self.id, plain)?);
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

    /// It has no secret: everybody may call himself by its name.
    #[must_use]
    pub fn public_client(&self) -> bool {
        self.settings.public_client == Some(true)
    }

    /// It only receives tokens and never asks for one.
    #[must_use]
    pub fn bearer_only(&self) -> bool {
        self.settings.bearer_only == Some(true)
    }

    /// It may trade a user's name and password for tokens.
    #[must_use]
    pub fn direct_access_grants_enabled(&self) -> bool {
        self.settings.direct_access_grants_enabled == Some(true)
    }

    /// It may get tokens for itself.
    #[must_use]
    pub fn service_accounts_enabled(&self) -> bool {
        self.settings.service_accounts_enabled == Some(true)
    }

    /// It may send users to the login page for a code.
    #[must_use]
    pub fn standard_flow_enabled(&self) -> bool {
        self.settings.standard_flow_enabled == Some(true)
    }

    /// Users are asked before it learns about them.
    #[must_use]
    pub fn consent_required(&self) -> bool {
        self.settings.consent_required == Some(true)
    }

    /// Its tokens carry all roles of the user.
    #[must_use]
    pub fn full_scope_allowed(&self) -> bool {
        self.settings.full_scope_allowed == Some(true)
    }

    /// An attribute.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.settings
            .attributes
            .as_ref()?
            .get(name)
            .map(String::as_str)
    }

    /// Names of the client scopes that it always has.
    #[must_use]
    pub fn default_client_scopes(&self) -> &[String] {
        self.settings
            .default_client_scopes
            .as_deref()
            .unwrap_or_default()
    }

    /// Names of the client scopes that it may ask for.
    #[must_use]
    pub fn optional_client_scopes(&self) -> &[String] {
        self.settings
            .optional_client_scopes
            .as_deref()
            .unwrap_or_default()
    }

    /// Where users may be sent back to, with `*` at the end for any continuation.
    #[must_use]
    pub fn redirect_uris(&self) -> &[String] {
        self.settings.redirect_uris.as_deref().unwrap_or_default()
    }

    /// Origins of scripts that may call for it; `+` stands for those of the redirect URIs.
    #[must_use]
    pub fn web_origins(&self) -> &[String] {
        self.settings.web_origins.as_deref().unwrap_or_default()
    }

    /// Its own lifetime of access tokens in seconds, where it has one.
    #[must_use]
    pub fn access_token_lifespan(&self) -> Option<i64> {
        self.attribute("access.token.lifespan")?
            .trim()
            .parse()
            .ok()
            .filter(|seconds| *seconds > 0)
    }
}

/// The part of a representation that is kept as it is. What has a column or a table of its own is left out, and what
/// Keycloak has given up or derives.
fn settings_of(rep: &ClientRepresentation) -> ClientRepresentation {
    ClientRepresentation {
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
