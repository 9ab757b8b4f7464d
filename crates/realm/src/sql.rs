//! Realms as rows.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use sqlx::{FromRow, PgExecutor, Row as _, types::Json};
use store::Connection;
use uuid::Uuid;

use crate::component::{Component, KEY_PROVIDER};
use crate::key::{Key, Material};
use crate::provider::{self, MASK, Made};
use crate::{KeyPool, Realm, RealmRepresentation, Result, Sealer, Settings, ca, component};

/// The four key providers of a new realm: name, provider, config.
const NEW_REALM_KEYS: [(&str, &str, &[(&str, &str)]); 4] = [
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

#[derive(FromRow)]
struct Row {
    id: Uuid,
    public_id: String,
    name: String,
    enabled: bool,
    not_before: i64,
    default_role: Uuid,
    settings: Json<RealmRepresentation>,
    ca_certificate: Vec<u8>,
}

/// Reads a realm with its keys.
///
/// # Errors
/// [`crate::Error::Sealed`] when its keys cannot be opened here.
pub async fn find(db: &store::Pool, sealer: &Sealer, name: &str) -> Result<Option<Realm>> {
    let mut connection = db.acquire().await?;
    let row: Option<Row> = sqlx::query_as(
        "select r.id, r.public_id, r.name, r.enabled, r.not_before, r.default_role, r.settings, \
         c.certificate as ca_certificate from realm r join realm_ca c on c.realm_id = r.id where r.name = $1",
    )
    .bind(name)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let keys = sqlx::query(
        "select k.component_id, c.config, k.kid, k.algorithm, k.key_use, k.key_type, k.public_key, k.certificate, \
         k.private_key, k.valid_to, k.imported from realm_key k join component c on c.realm_id = k.realm_id and c.id = k.component_id \
         where k.realm_id = $1",
    )
    .bind(row.id)
    .fetch_all(&mut *connection)
    .await?;
    drop(connection);
    let mut keys = keys
        .iter()
        .map(|key| read_key(sealer, row.id, key))
        .collect::<Result<Vec<_>>>()?;
    keys.sort_by_key(|key| (std::cmp::Reverse(key.priority), key.provider_id));
    Ok(Some(assemble(row, keys)))
}

fn assemble(row: Row, keys: Vec<Arc<Key>>) -> Realm {
    Realm {
        id: row.id,
        public_id: row.public_id,
        name: row.name,
        enabled: row.enabled,
        not_before: row.not_before,
        default_role: row.default_role,
        settings: Settings::read(&row.settings.0),
        rep: row.settings.0,
        keys,
        ca_certificate: row.ca_certificate,
        documents: crate::document::Documents::default(),
    }
}

fn read_key(sealer: &Sealer, realm: Uuid, row: &sqlx::postgres::PgRow) -> Result<Arc<Key>> {
    let provider_id: Uuid = row.try_get("component_id")?;
    let config: Json<Map<String, Value>> = row.try_get("config")?;
    let algorithm: String = row.try_get("algorithm")?;
    let public_key: Option<Vec<u8>> = row.try_get("public_key")?;
    let key_use: String = row.try_get("key_use")?;
    let material = if key_use == "SIG" {
        let private = sealer.open(realm, provider_id, row.try_get("private_key")?)?;
        Material::parse(&algorithm, public_key.as_deref(), &private)?
    } else {
        Material::None
    };
    Ok(Arc::new(Key {
        provider_id,
        priority: provider::priority(&config),
        kid: row.try_get("kid")?,
        status: provider::status(&config),
        algorithm,
        key_use,
        key_type: row.try_get("key_type")?,
        public_key,
        certificate: row.try_get("certificate")?,
        valid_to: row.try_get("valid_to")?,
        imported: row.try_get("imported")?,
        material,
    }))
}

/// The names of the realms, in order, for lists.
///
/// # Errors
/// From the database.
pub async fn names(db: impl PgExecutor<'_>) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar("select name from realm order by name")
        .fetch_all(db)
        .await?)
}

/// The realms without their keys, in the order of their names, as the admin API lists them. `only`: one of this name.
///
/// # Errors
/// From the database.
pub async fn list(
    db: impl PgExecutor<'_>,
    only: Option<&str>,
    first: i64,
    max: i64,
) -> Result<Vec<Realm>> {
    let rows: Vec<Row> = sqlx::query_as(
        "select r.id, r.public_id, r.name, r.enabled, r.not_before, r.default_role, r.settings, \
         ''::bytea as ca_certificate from realm r where $1::text is null or name = $1 order by r.name offset $2 limit $3",
    )
    .bind(only)
    .bind(first)
    .bind(max)
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| assemble(row, Vec::new()))
        .collect())
}

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
    enabled: bool,
    not_before: i64,
    settings: RealmRepresentation,
    smtp_password: Option<Vec<u8>>,
    ca: ca::Ca,
    keys: Vec<(Component, Made)>,
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
        let id = given
            .as_deref()
            .and_then(|id| id.parse().ok())
            .unwrap_or_else(Uuid::new_v4);
        let public_id = given.unwrap_or_else(|| id.to_string());
        let ca = ca::create(id)?;
        let mut made = Vec::new();
        for (component, provider, config) in key_components(rep, &public_id) {
            let key = provider::make(&provider, config, id, &name, &ca.pkcs8, keys).await?;
            made.push((
                Component {
                    config: key.config.clone(),
                    ..component
                },
                key,
            ));
        }
        let mut settings = strip(crate::json::overlay(&RealmRepresentation::defaults(), rep));
        let smtp_password = seal_smtp(sealer, id, &mut settings)?;
        keep_default_attributes(&mut settings);
        Ok(Self {
            id,
            public_id,
            name,
            default_role: Uuid::new_v4(),
            enabled: rep.enabled.unwrap_or(false),
            not_before: rep.not_before.unwrap_or(0),
            settings,
            smtp_password,
            ca,
            keys: made,
        })
    }
}

/// The key providers that a representation asks for, else the four of a new realm. Exports carry no private keys of
/// generated providers, so those are made anew.
fn key_components(
    rep: &RealmRepresentation,
    public_id: &str,
) -> Vec<(Component, String, Map<String, Value>)> {
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
    let given: Vec<component::ComponentRepresentation> = rep
        .components
        .as_ref()
        .and_then(|components| components.get(KEY_PROVIDER))
        .and_then(|list| serde_json::from_value(list.clone()).ok())
        .unwrap_or_default();
    let given: Vec<_> = given
        .into_iter()
        .filter(|c| {
            c.provider_id
                .as_deref()
                .is_some_and(|p| provider::PROVIDERS.contains(&p))
        })
        .take(100)
        .map(|c| {
            let provider = c.provider_id.unwrap_or_default();
            let id =
                c.id.and_then(|id| id.parse().ok())
                    .unwrap_or_else(Uuid::new_v4);
            let mut config = c.config.unwrap_or_default();
            if provider.ends_with("-generated") {
                for member in [
                    "privateKey",
                    "certificate",
                    "secret",
                    "kid",
                    "ecdsaPrivateKey",
                    "ecdsaPublicKey",
                ] {
                    config.remove(member);
                }
            }
            component(
                id,
                c.name.as_deref().unwrap_or(&provider),
                &provider,
                config,
            )
        })
        .collect();
    if !given.is_empty() {
        return given;
    }
    NEW_REALM_KEYS
        .iter()
        .map(|(name, provider, config)| {
            let config = config
                .iter()
                .map(|(member, value)| ((*member).to_owned(), json!([value])))
                .collect();
            component(Uuid::new_v4(), name, provider, config)
        })
        .collect()
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
    Ok(Arc::new(assemble(
        Row {
            id: new.id,
            public_id: new.public_id,
            name: new.name,
            enabled: new.enabled,
            not_before: new.not_before,
            default_role: new.default_role,
            settings: Json(new.settings),
            ca_certificate: new.ca.certificate,
        },
        Vec::new(),
    )))
}

/// Changes a realm: members that `change` has replace those it had. Concurrent changes take turns.
///
/// Whether there was such a realm.
///
/// # Errors
/// [`crate::Error::Duplicate`] with `realm_name_key` when the new name is taken.
pub async fn update(
    db: &mut Connection,
    sealer: &Sealer,
    id: Uuid,
    change: &RealmRepresentation,
) -> Result<bool> {
    let old: Option<Json<RealmRepresentation>> =
        sqlx::query_scalar("select settings from realm where id = $1 for update")
            .bind(id)
            .fetch_optional(&mut *db)
            .await?;
    let Some(Json(old)) = old else {
        return Ok(false);
    };
    let mut settings = strip(crate::json::overlay(&old, change));
    let smtp_password = seal_smtp(sealer, id, &mut settings)?;
    keep_default_attributes(&mut settings);
    sqlx::query(
        "update realm set settings = $2, name = coalesce($3, name), enabled = coalesce($4, enabled), \
         not_before = coalesce($5, not_before), smtp_password = coalesce($6, smtp_password) where id = $1",
    )
    .bind(id)
    .bind(Json(&settings))
    .bind(&change.realm)
    .bind(change.enabled)
    .bind(change.not_before)
    .bind(smtp_password)
    .execute(&mut *db)
    .await?;
    Ok(true)
}

/// Deletes a realm and all that is in it. Whether there was one.
///
/// # Errors
/// From the database.
pub async fn delete(db: impl PgExecutor<'_>, id: Uuid) -> Result<bool> {
    Ok(sqlx::query("delete from realm where id = $1")
        .bind(id)
        .execute(db)
        .await?
        .rows_affected()
        > 0)
}

/// Takes out what has a column or a table of its own.
fn strip(rep: RealmRepresentation) -> RealmRepresentation {
    RealmRepresentation {
        id: None,
        realm: None,
        enabled: None,
        not_before: None,
        default_role: None,
        default_roles: None,
        users: None,
        federated_users: None,
        clients: None,
        applications: None,
        oauth_clients: None,
        client_scopes: None,
        client_templates: None,
        default_default_client_scopes: None,
        default_optional_client_scopes: None,
        roles: None,
        groups: None,
        components: None,
        identity_providers: None,
        identity_provider_mappers: None,
        protocol_mappers: None,
        scope_mappings: None,
        client_scope_mappings: None,
        application_scope_mappings: None,
        authentication_flows: None,
        authenticator_config: None,
        required_actions: None,
        user_federation_providers: None,
        user_federation_mappers: None,
        organizations: None,
        localization_texts: None,
        workflows: None,
        private_key: None,
        public_key: None,
        certificate: None,
        code_secret: None,
        keycloak_version: None,
        ..rep
    }
}

/// Puts the mail password aside, sealed; the settings keep a mask, as Keycloak shows it.
fn seal_smtp(
    sealer: &Sealer,
    realm: Uuid,
    settings: &mut RealmRepresentation,
) -> Result<Option<Vec<u8>>> {
    let Some(password) = settings
        .smtp_server
        .as_mut()
        .and_then(|smtp| smtp.get_mut("password"))
    else {
        return Ok(None);
    };
    let plain = password.as_str().unwrap_or_default().to_owned();
    if plain == MASK {
        return Ok(None);
    }
    *password = json!(MASK);
    sealer.seal(realm, realm, plain.as_bytes()).map(Some)
}

/// Keycloak writes some settings into `attributes` as well; they come back even when a change left them out.
fn keep_default_attributes(settings: &mut RealmRepresentation) {
    let defaults = RealmRepresentation::defaults()
        .attributes
        .unwrap_or_default();
    let attributes = settings.attributes.get_or_insert_with(Map::new);
    for (name, value) in defaults {
        attributes.entry(name).or_insert(value);
    }
    for (name, value) in [
        (
            "oauth2DeviceCodeLifespan",
            settings.oauth2_device_code_lifespan,
        ),
        (
            "oauth2DevicePollingInterval",
            settings.oauth2_device_polling_interval,
        ),
    ] {
        if let Some(value) = value {
            attributes.insert(name.to_owned(), json!(value.to_string()));
        }
    }
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
                settings: Json(self.settings.clone()),
                ca_certificate: self.ca.certificate.clone(),
            },
            Vec::new(),
        )
    }
}
