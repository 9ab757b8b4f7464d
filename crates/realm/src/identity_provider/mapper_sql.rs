//! The rows of mappers, and what they trust an issuer for.

use serde_json::{Map, Value};
use sqlx::types::Json;
use sqlx::{FromRow, PgExecutor};
use uuid::Uuid;

use super::sql::bounded;
use super::{Claims, MAX, Mapper, OIDC, ROBOT_MAPPER};
use crate::Result;

macro_rules! select_mapper {
    ($rest:literal) => {
        concat!(
            "select id, name, kind, config, service_account from identity_provider_mapper ",
            $rest
        )
    };
}

/// The mappers of a provider by name.
///
/// # Errors
/// From the database.
pub async fn mappers(db: impl PgExecutor<'_>, realm: Uuid, provider: Uuid) -> Result<Vec<Mapper>> {
    Ok(sqlx::query_as(select_mapper!(
        "where realm_id = $1 and provider_id = $2 order by name limit $3"
    ))
    .bind(realm)
    .bind(provider)
    .bind(MAX)
    .fetch_all(db)
    .await?)
}

/// The mappers of all providers, each with its provider's alias, for exports.
///
/// # Errors
/// From the database.
pub async fn all_mappers(db: impl PgExecutor<'_>, realm: Uuid) -> Result<Vec<(String, Mapper)>> {
    #[derive(FromRow)]
    struct Row {
        alias: String,
        #[sqlx(flatten)]
        mapper: Mapper,
    }
    let rows: Vec<Row> = sqlx::query_as(
        "select p.alias, m.id, m.name, m.kind, m.config, m.service_account from identity_provider p \
         join identity_provider_mapper m on m.realm_id = p.realm_id and m.provider_id = p.id \
         where p.realm_id = $1",
    )
    .bind(realm)
    .fetch_all(db)
    .await?;
    let mut mappers: Vec<_> = rows
        .into_iter()
        .map(|row| (row.alias, row.mapper))
        .collect();
    mappers.sort_by(|a, b| (&a.0, &a.1.name).cmp(&(&b.0, &b.1.name)));
    Ok(mappers)
}

/// A mapper of a provider.
///
/// # Errors
/// From the database.
pub async fn find_mapper(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    provider: Uuid,
    id: Uuid,
) -> Result<Option<Mapper>> {
    Ok(sqlx::query_as(select_mapper!(
        "where realm_id = $1 and id = $3 and provider_id = $2"
    ))
    .bind(realm)
    .bind(provider)
    .bind(id)
    .fetch_optional(db)
    .await?)
}

/// Adds a mapper.
///
/// # Errors
/// [`crate::Error::Duplicate`] with `identity_provider_mapper_name_key` or `identity_provider_mapper_pkey`; [`crate::Error::Invalid`]
/// when there are too many.
pub async fn create_mapper(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    provider: Uuid,
    mapper: &Mapper,
) -> Result<()> {
    let done = sqlx::query(
        "insert into identity_provider_mapper (realm_id, id, provider_id, name, kind, config, service_account) \
         select $1, $2, $3, $4, $5, $6, $7 \
         where (select count(*) from identity_provider_mapper where realm_id = $1 and provider_id = $3) < $8",
    )
    .bind(realm)
    .bind(mapper.id)
    .bind(provider)
    .bind(&mapper.name)
    .bind(&mapper.kind)
    .bind(Json(&mapper.config))
    .bind(&mapper.service_account)
    .bind(MAX)
    .execute(db)
    .await?;
    bounded(done.rows_affected(), "An identity provider has", "mappers")
}

/// Writes a changed mapper. Whether it was there.
///
/// # Errors
/// [`crate::Error::Duplicate`] with `identity_provider_mapper_name_key`.
pub async fn update_mapper(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    provider: Uuid,
    mapper: &Mapper,
) -> Result<bool> {
    let done = sqlx::query(
        "update identity_provider_mapper set name = $4, kind = $5, config = $6, service_account = $7 \
         where realm_id = $1 and id = $3 and provider_id = $2",
    )
    .bind(realm)
    .bind(provider)
    .bind(mapper.id)
    .bind(&mapper.name)
    .bind(&mapper.kind)
    .bind(Json(&mapper.config))
    .bind(&mapper.service_account)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Removes a mapper. Whether it was there.
///
/// # Errors
/// From the database.
pub async fn delete_mapper(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    provider: Uuid,
    id: Uuid,
) -> Result<bool> {
    let done = sqlx::query(
        "delete from identity_provider_mapper where realm_id = $1 and id = $3 and provider_id = $2",
    )
    .bind(realm)
    .bind(provider)
    .bind(id)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// That tokens of an issuer, with such claims, stand for a robot.
#[derive(Clone, Debug)]
pub struct Trust {
    /// The provider's alias.
    pub provider: String,
    /// The provider's config.
    pub config: Map<String, Value>,
    /// The mapper's name.
    pub mapper: String,
    /// The claims that a token has to have.
    pub claims: Claims,
}

/// What of an issuer's tokens stands for a robot (its user name), through providers that are enabled.
///
/// # Errors
/// From the database.
pub async fn trusts(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    issuer: &str,
    robot: &str,
) -> Result<Vec<Trust>> {
    // A provider may be stored without an issuer, as in Keycloak; a token that names none is not its own.
    if issuer.is_empty() || !store::text::storable(issuer) {
        return Ok(Vec::new());
    }
    #[derive(FromRow)]
    struct Row {
        alias: String,
        #[sqlx(json)]
        config: Map<String, Value>,
        name: String,
        claims: Option<String>,
    }
    let rows: Vec<Row> = sqlx::query_as(
        "select p.alias, p.config, m.name, m.config ->> 'claims' as claims from identity_provider p \
         join identity_provider_mapper m on m.realm_id = p.realm_id and m.provider_id = p.id \
         where p.realm_id = $1 and hashtextextended(p.config ->> 'issuer', 0) = hashtextextended($2, 0) \
         and p.config ->> 'issuer' = $2 and p.enabled and p.provider_id = $4 and m.service_account = $3 \
         and m.kind = $5 order by p.alias, m.name limit $6",
    )
    .bind(realm)
    .bind(issuer)
    .bind(robot)
    .bind(OIDC)
    .bind(ROBOT_MAPPER)
    .bind(MAX)
    .fetch_all(db)
    .await?;
    let trust = |row: Row| {
        // One that is not readable lets nobody in.
        let claims = Claims::read(row.claims.as_deref().unwrap_or_default()).ok()?;
        Some(Trust {
            provider: row.alias,
            config: row.config,
            mapper: row.name,
            claims,
        })
    };
    Ok(rows.into_iter().filter_map(trust).collect())
}
