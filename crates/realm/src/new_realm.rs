//! Making a realm: the slow work first, then four statements.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use sqlx::types::Json;
use store::Connection;
use uuid::Uuid;

use crate::component::{Component, ComponentRepresentation, KEY_PROVIDER};
use crate::provider::{self, Made, PortableCa};
use crate::sql::{Row, assemble, strip};
use crate::{
    Error, KeyPool, Realm, RealmRepresentation, Result, Sealer, ca, component, smtp, user_profile,
};

type NewKey = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

/// The four key providers of a new realm: name, provider, config.
const NEW_REALM_KEYS: [NewKey; 4] = [
    ("rsa-generated", "rsa-generated", &[("priority", "100")]),
    (
        "rsa-enc-generated",
        "rsa-enc-generated",
        &[("priority", "100"), ("algorithm", "RSA-OAEP")],
    ),
    (
        "hmac-generated-hs512",
        "hmac-generated",
        &[("priority", "100"), ("algorithm", "HS512")],
    ),
    ("aes-generated", "aes-generated", &[("priority", "100")]),
];

/// A realm about to be made: all the slow work is done, what is left is one transaction.
pub struct NewRealm {
    /// Its row id.
    pub id: Uuid,
    /// The id that clients see.
    pub public_id: String,
    /// Its name.
    pub name: String,
    /// The id that its default role will have; the caller makes that role.
    pub default_role: Uuid,
    /// Whether the representation is a whole export of this server, to which nothing is to be added: it has the realm's CA.
    pub complete: bool,
    enabled: bool,
    not_before: i64,
    settings: RealmRepresentation,
    smtp_password: Option<Vec<u8>>,
    ca: ca::Ca,
    keys: Vec<(Component, Made)>,
    user_profile: Option<Component>,
}

/// What the caller needs to go on after [`create`].
pub type Created = Arc<Realm>;

impl NewRealm {
    /// Makes the keys, the CA and the certificates of a realm that `rep` describes. The name has been checked.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] in Keycloak's words, for a bad key config.
    pub async fn prepare(
        sealer: &Sealer,
        keys: &KeyPool,
        rep: &RealmRepresentation,
    ) -> Result<Self> {
        let name = rep.realm.clone().unwrap_or_default();
        let given = rep.id.clone().filter(|id| !id.is_empty());
        let mut providers = given_providers(rep)?;
        let known = PortableCa::take(&mut providers)?;
        let complete = known.is_some();
        let id = known
            .as_ref()
            .map(|known| known.realm)
            .or_else(|| given.as_deref()?.parse().ok())
            .unwrap_or_else(Uuid::new_v4);
        let public_id = given.unwrap_or_else(|| id.to_string());
        let ca = known.map_or_else(|| ca::create(id), |known| Ok(known.ca))?;
        let mut made = Vec::new();
        for (component, provider, config) in key_components(providers, &public_id) {
            let key = provider::make(&provider, config, id, &name, &ca.pkcs8, keys).await?;
            made.push((
                Component {
                    config: key.config.clone(),
                    ..component
                },
                key,
            ));
        }
        let user_profile = user_profile::of_file(rep, &public_id)?;
        let mut settings = strip(crate::json::overlay(&RealmRepresentation::defaults(), rep));
        settings.required_actions = rep
            .required_actions
            .as_ref()
            .map(crate::required_action::read)
            .transpose()?;
        if let Some(smtp) = &settings.smtp_server {
            smtp::check(smtp)?;
        }
        let smtp_password = smtp::seal(sealer, id, None, &mut settings)?.sealed();
        crate::derived::complete_new(&mut settings, rep);
        Ok(Self {
            id,
            public_id,
            name,
            default_role: Uuid::new_v4(),
            complete,
            enabled: rep.enabled.unwrap_or(false),
            not_before: rep.not_before.unwrap_or(0),
            settings,
            smtp_password,
            ca,
            keys: made,
            user_profile,
        })
    }
}

/// A component, its provider and the config that its key is made from.
type Wanted = (Component, String, Map<String, Value>);

/// The key providers of a representation, each of a kind that there is here.
fn given_providers(rep: &RealmRepresentation) -> Result<Vec<ComponentRepresentation>> {
    // Keys of a file are not dropped without a word because of what else is in it.
    let unreadable = || Error::Invalid("unable to read contents from stream".to_owned());
    let list = match &rep.components {
        None | Some(Value::Null) => None,
        Some(Value::Object(components)) => components.get(KEY_PROVIDER),
        Some(_) => return Err(unreadable()),
    };
    let given: Vec<ComponentRepresentation> = match list {
        None => Vec::new(),
        Some(list) => Deserialize::deserialize(list).map_err(|_| unreadable())?,
    };
    if given.len() > 100 {
        return Err(Error::Invalid(
            "A realm has 100 key providers at most".to_owned(),
        ));
    }
    let known =
        |c: &ComponentRepresentation| c.provider_id.as_deref().is_some_and(provider::is_known);
    if let Some(unknown) = given.iter().find(|c| !known(c)) {
        let id = unknown.provider_id.as_deref().unwrap_or_default();
        return Err(Error::Invalid(format!(
            "Invalid provider type or no such provider: {id}"
        )));
    }
    Ok(given)
}

/// The components of these key providers, else the four of a new realm.
fn key_components(given: Vec<ComponentRepresentation>, public_id: &str) -> Vec<Wanted> {
    let component = |id: Uuid, name: &str, provider: &str, config: Map<String, Value>| {
        let component = Component {
            id,
            parent_id: public_id.to_owned(),
            name: name.to_owned(),
            provider_id: provider.to_owned(),
            provider_type: KEY_PROVIDER.to_owned(),
            sub_type: None,
            config: Map::new(),
        };
        (component, provider.to_owned(), config)
    };
    if !given.is_empty() {
        let asked = given.into_iter().map(|c| {
            let provider = c.provider_id.unwrap_or_default();
            let id =
                c.id.and_then(|id| id.parse().ok())
                    .unwrap_or_else(Uuid::new_v4);
            let name = c.name.as_deref().unwrap_or(&provider);
            component(id, name, &provider, c.config.unwrap_or_default())
        });
        return asked.collect();
    }
    let new = NEW_REALM_KEYS.iter().map(|(name, provider, config)| {
        let config = config
            .iter()
            .map(|(member, value)| ((*member).to_owned(), json!([value])))
            .collect();
        component(Uuid::new_v4(), name, provider, config)
    });
    new.collect()
}

/// Writes the realm, its CA and its keys: four statements. Roles, clients and users are the caller's next.
///
/// # Errors
/// [`crate::Error::Duplicate`] with `realm_name_key` or `realm_public_id_key`.
pub async fn create(db: &mut Connection, sealer: &Sealer, new: NewRealm) -> Result<Created> {
    sqlx::query(
        "insert into realm (id, public_id, name, enabled, not_before, default_role, settings, smtp_password) \
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(new.id)
    .bind(&new.public_id)
    .bind(&new.name)
    .bind(new.enabled)
    .bind(new.not_before)
    .bind(new.default_role)
    .bind(Json(&new.settings))
    .bind(&new.smtp_password)
    .execute(&mut *db)
    .await?;
    sqlx::query("insert into realm_ca (realm_id, certificate, private_key) values ($1, $2, $3)")
        .bind(new.id)
        .bind(&new.ca.certificate)
        .bind(sealer.seal(new.id, new.id, &new.ca.pkcs8)?)
        .execute(&mut *db)
        .await?;
    component::insert_many(db, sealer, new.id, &new.keys).await?;
    if let Some(profile) = &new.user_profile {
        user_profile::insert(&mut *db, new.id, profile).await?;
    }
    Ok(Arc::new(assemble(
        Row {
            id: new.id,
            public_id: new.public_id,
            name: new.name,
            enabled: new.enabled,
            not_before: new.not_before,
            default_role: new.default_role,
            default_role_name: None,
            settings: Json(new.settings),
            ca_certificate: new.ca.certificate,
            user_profile: new.user_profile.as_ref().and_then(user_profile::text),
        },
        Vec::new(),
    )))
}

impl NewRealm {
    /// The realm as it will be, without keys: what a user's checks need before there is a row.
    #[must_use]
    pub fn shell(&self) -> Realm {
        assemble(
            Row {
                id: self.id,
                public_id: self.public_id.clone(),
                name: self.name.clone(),
                enabled: self.enabled,
                not_before: self.not_before,
                default_role: self.default_role,
                default_role_name: None,
                settings: Json(self.settings.clone()),
                ca_certificate: self.ca.certificate.clone(),
                user_profile: self.user_profile.as_ref().and_then(user_profile::text),
            },
            Vec::new(),
        )
    }
}
