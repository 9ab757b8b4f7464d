//! Realms as rows.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use sqlx::{FromRow, PgExecutor, Row as _, types::Json};
use store::Connection;
use uuid::Uuid;

use crate::key::{Key, Material};
use crate::provider::{self, MASK};
use crate::{Realm, RealmRepresentation, Result, Sealer, Settings};

#[derive(FromRow)]
pub(crate) struct Row {
    pub id: Uuid,
    pub public_id: String,
    pub name: String,
    pub enabled: bool,
    pub not_before: i64,
    pub default_role: Uuid,
    pub default_role_name: Option<String>,
    pub settings: Json<RealmRepresentation>,
    pub ca_certificate: Vec<u8>,
}

/// Reads a realm with its keys.
///
/// # Errors
/// [`crate::Error::Sealed`] when its keys cannot be opened here.
pub async fn find(db: &store::Pool, sealer: &Sealer, name: &str) -> Result<Option<Realm>> {
    let mut connection = db.acquire().await?;
    let row: Option<Row> = sqlx::query_as(
        "select r.id, r.public_id, r.name, r.enabled, r.not_before, r.default_role, r.settings, \
         (select d.name from role d where d.realm_id = r.id and d.id = r.default_role) as default_role_name, \
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

pub(crate) fn assemble(row: Row, keys: Vec<Arc<Key>>) -> Realm {
    Realm {
        id: row.id,
        public_id: row.public_id,
        name: row.name,
        enabled: row.enabled,
        not_before: row.not_before,
        default_role: row.default_role,
        default_role_name: row.default_role_name.unwrap_or_default(),
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
         (select d.name from role d where d.realm_id = r.id and d.id = r.default_role) as default_role_name, \
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
pub(crate) fn strip(rep: RealmRepresentation) -> RealmRepresentation {
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
pub(crate) fn seal_smtp(
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
    // The realm's own id is the row of its CA: one sealed for here must not open there.
    sealer.seal(realm, Uuid::nil(), plain.as_bytes()).map(Some)
}

/// Keycloak writes some settings into `attributes` as well; they come back even when a change left them out.
pub(crate) fn keep_default_attributes(settings: &mut RealmRepresentation) {
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
