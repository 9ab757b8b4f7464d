//! Components of a realm: its key providers, as Keycloak keeps them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::{FromRow, PgExecutor, types::Json};
use store::Connection;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::key::Key;
use crate::provider::{self, Made};
use crate::{KeyPool, Realm, Result, Sealer, ca};

/// The `providerType` of key providers, the only kind of component that realms have here.
pub const KEY_PROVIDER: &str = "org.keycloak.keys.KeyProvider";

/// A component in JSON; config values are lists of strings.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the members are Keycloak's own")]
pub struct ComponentRepresentation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<Map<String, Value>>,
    /// Components below this one, in realm exports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub_components: Option<Value>,
}

/// A stored component.
#[derive(Clone, Debug, FromRow)]
#[expect(missing_docs, reason = "the columns are Keycloak's own")]
pub struct Component {
    pub id: Uuid,
    pub parent_id: String,
    pub name: String,
    pub provider_id: String,
    pub provider_type: String,
    pub sub_type: Option<String>,
    #[sqlx(json)]
    pub config: Map<String, Value>,
}

impl Component {
    /// As the admin API shows it. Key material is not in `config`, so nothing has to be masked but its presence.
    #[must_use]
    pub fn to_rep(&self) -> ComponentRepresentation {
        ComponentRepresentation {
            id: Some(self.id.to_string()),
            name: Some(self.name.clone()).filter(|name| !name.is_empty()),
            provider_id: Some(self.provider_id.clone()),
            provider_type: Some(self.provider_type.clone()),
            parent_id: Some(self.parent_id.clone()),
            sub_type: self.sub_type.clone(),
            config: Some(self.config.clone()),
            sub_components: None,
        }
    }
}

/// What the list may be narrowed by.
#[derive(Default)]
#[expect(missing_docs, reason = "the query parameters are Keycloak's own")]
pub struct Filter<'a> {
    pub name: Option<&'a str>,
    pub parent: Option<&'a str>,
    pub provider_type: Option<&'a str>,
}

const COLUMNS: &str =
    "select id, parent_id, name, provider_id, provider_type, sub_type, config from component";

/// The realm's components, oldest name first.
///
/// # Errors
/// From the database.
pub async fn list(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    filter: &Filter<'_>,
) -> Result<Vec<Component>> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "{COLUMNS} where realm_id = $1 and ($2::text is null or name = $2) and ($3::text is null or parent_id = $3) \
         and ($4::text is null or provider_type = $4) order by name, id"
    )))
    .bind(realm)
    .bind(filter.name)
    .bind(filter.parent)
    .bind(filter.provider_type)
    .fetch_all(db)
    .await?)
}

/// One component.
///
/// # Errors
/// From the database.
pub async fn find(db: impl PgExecutor<'_>, realm: Uuid, id: Uuid) -> Result<Option<Component>> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "{COLUMNS} where realm_id = $1 and id = $2"
    )))
    .bind(realm)
    .bind(id)
    .fetch_optional(db)
    .await?)
}

/// Adds a key provider and its key. The key is made before `db` is used, so no transaction waits for primes.
///
/// # Errors
/// [`crate::Error::Invalid`] in Keycloak's words for a bad config; [`crate::Error::Duplicate`] when the id is taken.
pub async fn create(
    db: &store::Pool,
    sealer: &Sealer,
    keys: &KeyPool,
    realm: &Realm,
    rep: &ComponentRepresentation,
) -> Result<Uuid> {
    let id = rep
        .id
        .as_deref()
        .and_then(|id| id.parse().ok())
        .unwrap_or_else(Uuid::new_v4);
    let config = rep.config.clone().unwrap_or_default();
    let provider_id = rep.provider_id.clone().unwrap_or_default();
    let ca = ca_key(db, sealer, realm.id).await?;
    let made = provider::make(&provider_id, config, realm.id, &realm.name, &ca, keys).await?;
    let component = Component {
        id,
        parent_id: rep
            .parent_id
            .clone()
            .unwrap_or_else(|| realm.public_id.clone()),
        name: rep.name.clone().unwrap_or_else(|| provider_id.clone()),
        provider_id,
        provider_type: KEY_PROVIDER.to_owned(),
        sub_type: rep.sub_type.clone(),
        config: made.config.clone(),
    };
    let mut transaction = db.begin().await?;
    insert_many(&mut transaction, sealer, realm.id, &[(component, made)]).await?;
    transaction.commit().await?;
    Ok(id)
}

/// Changes a component; absent members keep their value. A changed key size or curve, or a given private key, makes
/// a new key. Whether there was such a component.
///
/// # Errors
/// As [`create`].
pub async fn update(
    db: &store::Pool,
    sealer: &Sealer,
    keys: &KeyPool,
    realm: &Realm,
    id: Uuid,
    rep: &ComponentRepresentation,
) -> Result<bool> {
    let Some(old) = find(db, realm.id, id).await? else {
        return Ok(false);
    };
    let config = rep.config.clone().unwrap_or_else(|| old.config.clone());
    let remake = provider::needs_new_key(&old.provider_id, &old.config, &config);
    let config = provider::check(&old.provider_id, config, Some(&old.config))?;
    let made = if remake {
        let ca = ca_key(db, sealer, realm.id).await?;
        Some(
            provider::make(
                &old.provider_id,
                config.clone(),
                realm.id,
                &realm.name,
                &ca,
                keys,
            )
            .await?,
        )
    } else {
        None
    };
    let config = made.as_ref().map_or(config, |made| made.config.clone());
    let mut transaction = db.begin().await?;
    sqlx::query("update component set name = coalesce($3, name), config = $4 where realm_id = $1 and id = $2")
        .bind(realm.id)
        .bind(id)
        .bind(&rep.name)
        .bind(Json(&config))
        .execute(&mut *transaction)
        .await?;
    if let Some(made) = made {
        sqlx::query("delete from realm_key where realm_id = $1 and component_id = $2")
            .bind(realm.id)
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        insert_keys(&mut transaction, sealer, realm.id, &[(id, &made)]).await?;
    }
    transaction.commit().await?;
    Ok(true)
}

/// Removes a component and its key. Whether there was one.
///
/// # Errors
/// From the database.
pub async fn delete(db: impl PgExecutor<'_>, realm: Uuid, id: Uuid) -> Result<bool> {
    let done = sqlx::query("delete from component where realm_id = $1 and id = $2")
        .bind(realm)
        .bind(id)
        .execute(db)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Writes components and their keys, two statements for any number.
pub(crate) async fn insert_many(
    db: &mut Connection,
    sealer: &Sealer,
    realm: Uuid,
    components: &[(Component, Made)],
) -> Result<()> {
    let column =
        |of: fn(&Component) -> String| components.iter().map(|(c, _)| of(c)).collect::<Vec<_>>();
    sqlx::query(
        "insert into component (realm_id, id, parent_id, name, provider_id, provider_type, sub_type, config) \
         select $1, * from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::jsonb[])",
    )
    .bind(realm)
    .bind(components.iter().map(|(c, _)| c.id).collect::<Vec<_>>())
    .bind(column(|c| c.parent_id.clone()))
    .bind(column(|c| c.name.clone()))
    .bind(column(|c| c.provider_id.clone()))
    .bind(column(|c| c.provider_type.clone()))
    .bind(components.iter().map(|(c, _)| c.sub_type.clone()).collect::<Vec<_>>())
    .bind(components.iter().map(|(c, _)| Value::Object(c.config.clone())).collect::<Vec<_>>())
    .execute(&mut *db)
    .await?;
    let keys: Vec<(Uuid, &Made)> = components.iter().map(|(c, made)| (c.id, made)).collect();
    insert_keys(db, sealer, realm, &keys).await
}

async fn insert_keys(
    db: &mut Connection,
    sealer: &Sealer,
    realm: Uuid,
    keys: &[(Uuid, &Made)],
) -> Result<()> {
    let text = |of: fn(&Made) -> &str| {
        keys.iter()
            .map(|(_, made)| of(made).to_owned())
            .collect::<Vec<_>>()
    };
    let sealed = keys
        .iter()
        .map(|(id, made)| sealer.seal(realm, *id, &made.private_key))
        .collect::<Result<Vec<_>>>()?;
    sqlx::query(
        "insert into realm_key (realm_id, component_id, kid, algorithm, key_use, key_type, public_key, certificate, \
         private_key, valid_to, imported) select $1, * from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], \
         $6::text[], $7::bytea[], $8::bytea[], $9::bytea[], $10::bigint[], $11::boolean[])",
    )
    .bind(realm)
    .bind(keys.iter().map(|(id, _)| *id).collect::<Vec<_>>())
    .bind(text(|m| &m.kid))
    .bind(text(|m| &m.algorithm))
    .bind(text(|m| m.key_use))
    .bind(text(|m| m.key_type))
    .bind(keys.iter().map(|(_, m)| m.public_key.clone()).collect::<Vec<_>>())
    .bind(keys.iter().map(|(_, m)| m.certificate.clone()).collect::<Vec<_>>())
    .bind(sealed)
    .bind(keys.iter().map(|(_, m)| m.valid_to).collect::<Vec<_>>())
    .bind(keys.iter().map(|(_, m)| m.imported).collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(())
}

/// Gives a key that has no certificate one of the realm's CA. Of several at once the first counts.
///
/// # Errors
/// From the database.
pub async fn certify(db: &store::Pool, sealer: &Sealer, realm: &Realm, key: &Key) -> Result<()> {
    let Some(public_key) = &key.public_key else {
        return Ok(());
    };
    let ca_key = ca_key(db, sealer, realm.id).await?;
    let leaf = ca::issue(realm.id, &realm.name, &ca_key, public_key)?;
    sqlx::query(
        "update realm_key set certificate = $4, valid_to = $5 \
         where realm_id = $1 and component_id = $2 and public_key = $3 and certificate is null",
    )
    .bind(realm.id)
    .bind(key.provider_id)
    .bind(public_key)
    .bind(leaf.certificate)
    .bind(leaf.valid_to)
    .execute(db)
    .await?;
    Ok(())
}

async fn ca_key(
    db: impl PgExecutor<'_>,
    sealer: &Sealer,
    realm: Uuid,
) -> Result<zeroize::Zeroizing<Vec<u8>>> {
    let sealed: Vec<u8> =
        sqlx::query_scalar("select private_key from realm_ca where realm_id = $1")
            .bind(realm)
            .fetch_one(db)
            .await?;
    sealer.open(realm, realm, &sealed)
}
