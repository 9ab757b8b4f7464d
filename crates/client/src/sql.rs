//! The queries of clients.

use std::collections::HashMap;

use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{FromRow, PgExecutor, Row as _};
use store::text::storable;
use uuid::Uuid;

use crate::{Client, Mapper, Result, Secret};

/// Clients that one listing gives at most.
pub const MAX_LISTED: i64 = 10_000;

/// Which clients a listing is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter<'a> {
    /// All.
    All,
    /// The one of this clientId.
    ClientId(&'a str),
    /// Those whose clientId contains this, in any case.
    Search(&'a str),
}

impl FromRow<'_, PgRow> for Client {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let Json(settings) = row.try_get("settings")?;
        let Json(mappers) = row.try_get("mappers")?;
        Ok(Self {
            realm_id: row.try_get("realm_id")?,
            id: row.try_get("id")?,
            client_id: row.try_get("client_id")?,
            enabled: row.try_get("enabled")?,
            protocol: row.try_get("protocol")?,
            settings,
            mappers,
            secret: row
                .try_get::<Option<Vec<u8>>, _>("secret")?
                .map(Secret::from_sealed),
        })
    }
}

/// What every query of clients begins with: a client and its mappers in one round trip.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select c.realm_id, c.id, c.client_id, c.enabled, c.protocol, c.secret, c.settings, \
             coalesce((select json_agg(json_build_object('id', m.id, 'name', m.name, 'protocol', m.protocol, \
             'protocol_mapper', m.protocol_mapper, 'consent_required', m.consent_required, 'config', m.config) \
             order by m.name) from protocol_mapper m where m.realm_id = c.realm_id and m.client_id = c.id), '[]') \
             as mappers from client c ",
            $rest
        )
    };
}

/// The client with this id.
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn find(db: impl PgExecutor<'_>, realm: Uuid, id: Uuid) -> Result<Option<Client>> {
    let sql = select!("where c.realm_id = $1 and c.id = $2");
    Ok(sqlx::query_as(sql)
        .bind(realm)
        .bind(id)
        .fetch_optional(db)
        .await?)
}

/// The client with this id, kept from others that would change it until the transaction ends.
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn find_for_update(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    id: Uuid,
) -> Result<Option<Client>> {
    let sql = select!("where c.realm_id = $1 and c.id = $2 for update of c");
    Ok(sqlx::query_as(sql)
        .bind(realm)
        .bind(id)
        .fetch_optional(db)
        .await?)
}

/// The client with this clientId.
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn find_by_client_id(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    client_id: &str,
) -> Result<Option<Client>> {
    if !storable(client_id) {
        return Ok(None);
    }
    let sql = select!("where c.realm_id = $1 and c.client_id = $2");
    Ok(sqlx::query_as(sql)
        .bind(realm)
        .bind(client_id)
        .fetch_optional(db)
        .await?)
}

/// Clients ordered by clientId. Absent or negative `first` and `max` mean no bound of the caller's; ours is
/// [`MAX_LISTED`].
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn list(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    filter: Filter<'_>,
    first: Option<i64>,
    max: Option<i64>,
) -> Result<Vec<Client>> {
    let (sql, text) = match filter {
        Filter::All => (
            select!("where c.realm_id = $1 and $2 = '' order by c.client_id offset $3 limit $4"),
            String::new(),
        ),
        Filter::ClientId(text) => {
            let sql = select!(
                "where c.realm_id = $1 and c.client_id = $2 order by c.client_id offset $3 limit $4"
            );
            (sql, text.to_owned())
        }
        Filter::Search(text) => (
            select!(
                "where c.realm_id = $1 and strpos(lower(c.client_id), $2) > 0 \
                 order by c.client_id offset $3 limit $4"
            ),
            text.to_lowercase(),
        ),
    };
    if !storable(&text) {
        return Ok(Vec::new());
    }
    let max = max
        .filter(|max| *max >= 0)
        .unwrap_or(MAX_LISTED)
        .min(MAX_LISTED);
    let query = sqlx::query_as(sql)
        .bind(realm)
        .bind(text)
        .bind(first.unwrap_or(0).max(0))
        .bind(max);
    Ok(query.fetch_all(db).await?)
}

/// The clientIds of those of the clients that there are.
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn client_ids(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, String>> {
    let rows: Vec<(Uuid, String)> =
        sqlx::query_as("select id, client_id from client where realm_id = $1 and id = any($2)")
            .bind(realm)
            .bind(ids)
            .fetch_all(db)
            .await?;
    Ok(rows.into_iter().collect())
}

/// Stores a client with its mappers, in one statement.
///
/// # Errors
/// [`crate::Error::Duplicate`] `client_client_id_key`, or `client_pkey` for an id that is taken, or
/// `protocol_mapper_name_key`, `protocol_mapper_pkey` for its mappers.
pub async fn create(db: impl PgExecutor<'_>, client: &Client) -> Result<()> {
    insert_many(db, client.realm_id, std::slice::from_ref(client)).await
}

/// Stores many clients with their mappers in one statement; all or none.
///
/// # Errors
/// As [`create`].
pub async fn insert_many(db: impl PgExecutor<'_>, realm: Uuid, clients: &[Client]) -> Result<()> {
    let mappers: Vec<_> = clients
        .iter()
        .flat_map(|c| c.mappers.iter().map(move |mapper| (c.id, mapper)))
        .collect();
    sqlx::query(
        "with new_client as (insert into client (realm_id, id, client_id, enabled, protocol, secret, settings) \
         select $1, * from unnest($2::uuid[], $3::text[], $4::bool[], $5::text[], $6::bytea[], $7::jsonb[])) \
         insert into protocol_mapper \
         (realm_id, client_id, id, name, protocol, protocol_mapper, consent_required, config) \
         select $1, * from unnest($8::uuid[], $9::uuid[], $10::text[], $11::text[], $12::text[], $13::bool[], \
         $14::jsonb[])",
    )
    .bind(realm)
    .bind(clients.iter().map(|client| client.id).collect::<Vec<_>>())
    .bind(clients.iter().map(|client| client.client_id.as_str()).collect::<Vec<_>>())
    .bind(clients.iter().map(|client| client.enabled).collect::<Vec<_>>())
    .bind(clients.iter().map(|client| client.protocol.as_str()).collect::<Vec<_>>())
    .bind(clients.iter().map(|client| client.secret.as_ref().map(Secret::sealed)).collect::<Vec<_>>())
    .bind(clients.iter().map(|client| Json(&client.settings)).collect::<Vec<_>>())
    .bind(mappers.iter().map(|(client, _)| *client).collect::<Vec<_>>())
    .bind(mappers.iter().map(|(_, mapper)| mapper.id).collect::<Vec<_>>())
    .bind(mappers.iter().map(|(_, mapper)| mapper.name.as_str()).collect::<Vec<_>>())
    .bind(mappers.iter().map(|(_, mapper)| mapper.protocol.as_str()).collect::<Vec<_>>())
    .bind(mappers.iter().map(|(_, mapper)| mapper.protocol_mapper.as_str()).collect::<Vec<_>>())
    .bind(mappers.iter().map(|(_, mapper)| mapper.consent_required).collect::<Vec<_>>())
    .bind(mappers.iter().map(|(_, mapper)| Json(&mapper.config)).collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(())
}

/// Writes a changed client, and its mappers if they differ from those of `before`; whether it was there. Up to three
/// statements: inside a transaction, after [`find_for_update`].
///
/// # Errors
/// As [`create`].
pub async fn update(db: &mut store::Connection, before: &Client, after: &Client) -> Result<bool> {
    let done = sqlx::query(
        "update client set client_id = $3, enabled = $4, protocol = $5, secret = $6, settings = $7 \
         where realm_id = $1 and id = $2",
    )
    .bind(before.realm_id)
    .bind(before.id)
    .bind(&after.client_id)
    .bind(after.enabled)
    .bind(&after.protocol)
    .bind(after.secret.as_ref().map(Secret::sealed))
    .bind(Json(&after.settings))
    .execute(&mut *db)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    if !same_mappers(&before.mappers, &after.mappers) {
        sqlx::query("delete from protocol_mapper where realm_id = $1 and client_id = $2")
            .bind(before.realm_id)
            .bind(before.id)
            .execute(&mut *db)
            .await?;
        crate::mapper::add_many(&mut *db, before.realm_id, before.id, &after.mappers).await?;
    }
    Ok(true)
}

/// Deletes a client with its mappers, roles, sessions and service account; whether it was there. Built-in ones are the
/// caller's to refuse: [`Client::is_built_in`].
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn delete(db: impl PgExecutor<'_>, realm: Uuid, id: Uuid) -> Result<bool> {
    let done = sqlx::query("delete from client where realm_id = $1 and id = $2")
        .bind(realm)
        .bind(id)
        .execute(db)
        .await?;
    Ok(done.rows_affected() > 0)
}

fn same_mappers(before: &[Mapper], after: &[Mapper]) -> bool {
    before.len() == after.len() && after.iter().all(|mapper| before.contains(mapper))
}
