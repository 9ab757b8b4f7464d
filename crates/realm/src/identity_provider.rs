//! Identity providers: issuers outside whose tokens a realm trusts, in Keycloak's form.
//!
//! Nobody signs in through one by a browser here. Its mappers say which of its tokens stand for which robot; what else
//! Keycloak keeps of it is kept and shown.

mod claims;
mod mapper_sql;
mod sql;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::provider::MASK;
use crate::{Error, Result, Sealer};

pub use claims::Claims;
pub use mapper_sql::{
    Trust, all_mappers, create_mapper, delete_mapper, find_mapper, mappers, trusts, update_mapper,
};
pub use sql::{Page, all, create, delete, find, list, update};

/// The only kind of identity provider that there is here.
pub const OIDC: &str = "oidc";
/// The only kind of mapper.
pub const ROBOT_MAPPER: &str = "docker-v2-robot-idp-mapper";
/// Identity providers of a realm, and mappers of one of them, at most.
pub const MAX: i64 = 1000;

/// The member of the config that is sealed.
const SECRET: &str = "clientSecret";
const MAX_NAME: usize = 255;
const MAX_ENTRIES: usize = 100;
const MAX_VALUE: usize = 4000;

/// An identity provider in JSON. `types` is what Keycloak takes one of the kind for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the members are Keycloak's own")]
pub struct IdentityProviderRepresentation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub internal_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    #[serde(skip_serializing)]
    pub update_profile_first_login: Option<bool>,
    #[serde(skip_serializing)]
    pub update_profile_first_login_mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust_email: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store_token: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub add_read_token_role_on_create: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authenticate_by_default: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_only: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hide_on_login: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_broker_login_flow_alias: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_broker_login_flow_alias: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "crate::smtp::texts"
    )]
    pub config: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub types: Option<Vec<String>>,
}

/// A mapper of an identity provider in JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the members are Keycloak's own")]
pub struct IdentityProviderMapperRepresentation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_provider_alias: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_provider_mapper: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "crate::smtp::texts"
    )]
    pub config: Option<Map<String, Value>>,
}

/// What Keycloak takes a provider of the kind for.
pub const TYPES: [&str; 5] = [
    "USER_AUTHENTICATION",
    "CLIENT_ASSERTION",
    "TRUST_MATERIAL",
    "EXCHANGE_EXTERNAL_TOKEN",
    "JWT_AUTHORIZATION_GRANT",
];

/// An identity provider as it is stored.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct IdentityProvider {
    /// Its id; Keycloak's `internalId`.
    pub id: Uuid,
    /// Its name in URLs; it stays.
    pub alias: String,
    /// Its kind.
    pub provider_id: String,
    /// A disabled one vouches for nobody.
    pub enabled: bool,
    #[sqlx(json)]
    settings: IdentityProviderRepresentation,
    /// Settings of its kind; a mask for the secret.
    #[sqlx(json)]
    pub config: Map<String, Value>,
    client_secret: Option<Vec<u8>>,
}

/// A mapper as it is stored.
#[derive(Clone, Debug, sqlx::FromRow)]
#[expect(missing_docs, reason = "as in Keycloak")]
pub struct Mapper {
    pub id: Uuid,
    pub name: String,
    /// Keycloak's `identityProviderMapper`.
    pub kind: String,
    #[sqlx(json)]
    pub config: Map<String, Value>,
    service_account: String,
}

fn invalid<T>(text: String) -> Result<T> {
    Err(Error::Invalid(text))
}

fn id_of(id: Option<&str>, what: &str) -> Result<Uuid> {
    match id.filter(|id| !id.is_empty()) {
        None => Ok(Uuid::new_v4()),
        Some(id) => id
            .parse()
            .or_else(|_| invalid(format!("{what} is not a UUID"))),
    }
}

fn check_config(what: &str, config: &Map<String, Value>) -> Result<()> {
    let fits = |text: &str, max| text.len() <= max && store::text::storable(text);
    let good = |(name, value): (&String, &Value)| {
        fits(name, MAX_NAME) && fits(value.as_str().unwrap_or_default(), MAX_VALUE)
    };
    if config.len() > MAX_ENTRIES || !config.iter().all(good) {
        return invalid(format!(
            "config of {what} has {MAX_ENTRIES} entries at most, of {MAX_VALUE} bytes each"
        ));
    }
    Ok(())
}

fn check_name(what: &str, name: &str) -> Result<()> {
    if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
        return invalid(format!(
            "{what} has 1 to {MAX_NAME} bytes and no control characters"
        ));
    }
    Ok(())
}

impl IdentityProvider {
    /// From JSON; `old` is what was there. The mask stands for the old secret.
    ///
    /// # Errors
    /// [`Error::Invalid`] over a bound, [`Error::Sealed`].
    pub fn from_rep(
        sealer: &Sealer,
        realm: Uuid,
        rep: IdentityProviderRepresentation,
        old: Option<&Self>,
    ) -> Result<Self> {
        let id = match old {
            Some(old) => old.id,
            None => id_of(
                rep.internal_id.as_deref(),
                "internalId of an identity provider",
            )?,
        };
        let alias = rep.alias.clone().unwrap_or_default();
        check_name("alias of an identity provider", &alias)?;
        let texts = [
            &rep.display_name,
            &rep.first_broker_login_flow_alias,
            &rep.post_broker_login_flow_alias,
            &rep.organization_id,
        ];
        let long = |text: &&String| text.len() > MAX_NAME || text.chars().any(char::is_control);
        if texts.into_iter().flatten().any(|text| long(&text)) {
            return invalid(format!(
                "texts of an identity provider have {MAX_NAME} bytes at most and no control characters"
            ));
        }
        let mut config = rep.config.clone().unwrap_or_default();
        check_config("an identity provider", &config)?;
        let known = old.and_then(|old| old.client_secret.clone());
        let client_secret = match config.remove(SECRET).as_ref().and_then(Value::as_str) {
            None | Some("") => None,
            Some(MASK) => known,
            Some(plain) => Some(sealer.seal(realm, id, plain.as_bytes())?),
        };
        if client_secret.is_some() {
            config.insert(SECRET.to_owned(), json!(MASK));
        }
        Ok(Self {
            id,
            alias,
            provider_id: rep.provider_id.clone().unwrap_or_default(),
            enabled: rep.enabled.unwrap_or(true),
            settings: IdentityProviderRepresentation {
                alias: None,
                internal_id: None,
                provider_id: None,
                enabled: None,
                config: None,
                types: None,
                ..rep
            },
            config,
            client_secret,
        })
    }

    /// As the admin API shows it: the secret behind its mask.
    #[must_use]
    pub fn to_rep(&self) -> IdentityProviderRepresentation {
        IdentityProviderRepresentation {
            alias: Some(self.alias.clone()),
            internal_id: Some(self.id.to_string()),
            provider_id: Some(self.provider_id.clone()),
            enabled: Some(self.enabled),
            config: Some(self.config.clone()),
            types: Some(TYPES.map(str::to_owned).to_vec()),
            ..self.settings.clone()
        }
    }

    /// What lists need of it.
    #[must_use]
    pub fn to_brief_rep(&self) -> IdentityProviderRepresentation {
        let rep = self.to_rep();
        IdentityProviderRepresentation {
            alias: rep.alias,
            display_name: rep.display_name,
            internal_id: rep.internal_id,
            provider_id: rep.provider_id,
            enabled: rep.enabled,
            config: Some(Map::new()),
            ..IdentityProviderRepresentation::default()
        }
    }

    /// With its secret in clear, for the whole export of a realm.
    ///
    /// # Errors
    /// [`Error::Sealed`] when the secret does not open on this node.
    pub fn revealed(&self, sealer: &Sealer, realm: Uuid) -> Result<IdentityProviderRepresentation> {
        let mut rep = self.to_rep();
        if let (Some(sealed), Some(config)) = (&self.client_secret, &mut rep.config) {
            let plain = sealer.open(realm, self.id, sealed)?;
            let text = String::from_utf8_lossy(&plain).into_owned();
            config.insert(SECRET.to_owned(), Value::String(text));
        }
        Ok(rep)
    }
}

impl Mapper {
    /// From JSON. Its claims and its robot are checked, so that it never lets in more than it says.
    ///
    /// # Errors
    /// [`Error::Invalid`], with what to write instead.
    pub fn from_rep(rep: IdentityProviderMapperRepresentation) -> Result<Self> {
        let id = id_of(rep.id.as_deref(), "id of an identity provider mapper")?;
        let name = rep.name.unwrap_or_default();
        check_name("name of an identity provider mapper", &name)?;
        let config = rep.config.unwrap_or_default();
        check_config("an identity provider mapper", &config)?;
        let text = |name| config.get(name).and_then(Value::as_str).unwrap_or_default();
        Claims::read(text("claims"))?;
        let robot = text("serviceAccount").trim();
        if robot.is_empty() || robot.len() > 2 * MAX_NAME || robot.chars().any(char::is_control) {
            return invalid(
                "serviceAccount is the clientId of a client with service accounts enabled"
                    .to_owned(),
            );
        }
        Ok(Self {
            id,
            name,
            kind: rep.identity_provider_mapper.unwrap_or_default(),
            service_account: user_name(robot),
            config,
        })
    }

    /// As the admin API shows it.
    #[must_use]
    pub fn to_rep(&self, alias: &str) -> IdentityProviderMapperRepresentation {
        IdentityProviderMapperRepresentation {
            id: Some(self.id.to_string()),
            name: Some(self.name.clone()),
            identity_provider_alias: Some(alias.to_owned()),
            identity_provider_mapper: Some(self.kind.clone()),
            config: Some(self.config.clone()),
        }
    }
}

/// The user name of the robot that a clientId or a user name means. No two robots share one.
fn user_name(robot: &str) -> String {
    const PREFIX: &str = "service-account-";
    let name = robot.to_lowercase();
    if name.starts_with(PREFIX) {
        name
    } else {
        format!("{PREFIX}{name}")
    }
}
