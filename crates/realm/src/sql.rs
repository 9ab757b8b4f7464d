//! Realms as rows.

use std::sync::Arc;

use serde_json::{Map, Value};
use sqlx::{FromRow, PgExecutor, Row as _, types::Json};
use store::Connection;
use uuid::Uuid;

use crate::key::{Key, Material};
use crate::provider;
use crate::{Realm, RealmRepresentation, Result, Sealer, Settings, UserProfile, smtp};

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
    pub user_profile: Option<String>,
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
         c.certificate as ca_certificate, \
         (select p.config -> 'kc.user.profile.config' ->> 0 from component p where p.realm_id = r.id \
         and p.provider_type = 'org.keycloak.userprofile.UserProfileProvider' limit 1) as user_profile \
         from realm r join realm_ca c on c.realm_id = r.id where r.name = $1",
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
        user_profile: UserProfile::read(&row.name, row.user_profile.as_deref()),
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
         ''::bytea as ca_certificate, null::text as user_profile from realm r where $1::text is null or name = $1 \
         order by r.name offset $2 limit $3",
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

/// The names of realms and how they are shown, in order; `only` these, and of those the ones whose name holds `search`,
/// whatever the case.
///
/// # Errors
/// From the database.
pub async fn names(
    db: impl PgExecutor<'_>,
    only: Option<&[String]>,
    search: &str,
    first: i64,
    max: i64,
) -> Result<Vec<(String, Option<String>)>> {
    Ok(sqlx::query_as(
        "select name, settings ->> 'displayName' from realm where ($1::text[] is null or name = any($1)) \
         and ($2 = '' or strpos(lower(name), lower($2)) > 0) order by name offset $3 limit $4",
    )
    .bind(only)
    .bind(search)
    .bind(first)
    .bind(max)
    .fetch_all(db)
    .await?)
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
    // They have calls of their own.
    settings.required_actions.clone_from(&old.required_actions);
    if let Some(smtp) = &change.smtp_server {
        smtp::check(smtp)?;
    }
    let smtp_password = smtp::seal(sealer, id, old.smtp_server.as_ref(), &mut settings)?;
    let keep = matches!(smtp_password, smtp::Password::Kept);
    crate::derived::complete(&mut settings, &old, change);
    sqlx::query(
        "update realm set settings = $2, name = coalesce($3, name), enabled = coalesce($4, enabled), \
         not_before = coalesce($5, not_before), smtp_password = case when $7 then smtp_password else $6 end where id = $1",
    )
    .bind(id)
    .bind(Json(&settings))
    .bind(&change.realm)
    .bind(change.enabled)
    .bind(change.not_before)
    .bind(smtp_password.sealed())
    .bind(keep)
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
        default_groups: None,
        components: None,
        identity_providers: None,
        identity_provider_mappers: None,
        protocol_mappers: None,
        scope_mappings: None,
        client_scope_mappings: None,
        application_scope_mappings: None,
        authentication_flows: None,
        authenticator_config: None,
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
        // 0 is for ever, and not said.
        events_expiration: rep.events_expiration.filter(|seconds| *seconds != 0),
        ..rep
    }
}
