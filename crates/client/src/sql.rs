//! The queries of clients.

use std::collections::HashMap;

use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{FromRow, PgExecutor, Row as _};
use store::text::storable;
use uuid::Uuid;

use crate::mapper::Owner;
use crate::scope::Roles;
use crate::{Client, ClientRepresentation, Mapper, Result, Secret};

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
        let scopes = |column| Ok::<_, sqlx::Error>(Some(row.try_get::<Vec<String>, _>(column)?));
        Ok(Self {
            realm_id: row.try_get("realm_id")?,
            id: row.try_get("id")?,
            client_id: row.try_get("client_id")?,
            enabled: row.try_get("enabled")?,
            protocol: row.try_get("protocol")?,
            settings: ClientRepresentation {
                default_client_scopes: scopes("default_scopes")?,
                optional_client_scopes: scopes("optional_scopes")?,
                ..settings
            },
            mappers,
            secret: row
                .try_get::<Option<Vec<u8>>, _>("secret")?
                .map(Secret::from_sealed),
            rotated_secret: row
                .try_get::<Option<Vec<u8>>, _>("rotated_secret")?
                .map(Secret::from_sealed),
        })
    }
}

/// A client with its mappers and the names of its scopes in one round trip, of `client c`.
macro_rules! columns {
    () => {
        "c.realm_id, c.id, c.client_id, c.enabled, c.protocol, c.secret, c.rotated_secret, c.settings, \
         coalesce((select json_agg(json_build_object('id', m.id, 'name', m.name, 'protocol', m.protocol, \
         'protocol_mapper', m.protocol_mapper, 'consent_required', m.consent_required, 'config', m.config) \
         order by m.name, m.protocol) from protocol_mapper m where m.realm_id = c.realm_id and m.client_id = c.id), '[]') \
         as mappers, \
         array(select s.name from client_scope_client l join client_scope s on s.realm_id = l.realm_id \
         and s.id = l.scope_id where l.realm_id = c.realm_id and l.client_id = c.id and l.is_default \
         order by l.position) as default_scopes, \
         array(select s.name from client_scope_client l join client_scope s on s.realm_id = l.realm_id \
         and s.id = l.scope_id where l.realm_id = c.realm_id and l.client_id = c.id and not l.is_default \
         order by l.position) as optional_scopes "
    };
}

/// What every query of clients begins with.
macro_rules! select {
    ($rest:literal) => {
        concat!("select ", columns!(), "from client c ", $rest)
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

/// The client with this clientId, and the roles that its tokens may carry whatever its scopes: its own, those mapped to
/// it, and all that these contain. Empty where its tokens carry all roles anyway.
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub(crate) async fn find_known(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    client_id: &str,
) -> Result<Option<(Client, Roles)>> {
    // `union` drops what was seen, so a circle of roles ends.
    const SQL: &str = concat!(
        "select ",
        columns!(),
        ", (with recursive held (id) as (select m.role_id from scope_mapping m where m.realm_id = $1 \
         and m.client_id = c.id union select o.id from role o where o.realm_id = $1 and o.client_id = c.id \
         union select k.child_id from held h join role_composite k on k.realm_id = $1 and k.parent_id = h.id) \
         select coalesce(json_agg(json_build_array(o.client_id, r.name)), '[]') from held h \
         join role r on r.realm_id = $1 and r.id = h.id left join client o on o.realm_id = $1 and o.id = r.client_id \
         where c.settings->>'fullScopeAllowed' is distinct from 'true') as roles \
         from client c where c.realm_id = $1 and c.client_id = $2"
    );
    let row = sqlx::query(SQL)
        .bind(realm)
        .bind(client_id)
        .fetch_optional(db)
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let Json(roles) = row.try_get("roles")?;
    Ok(Some((Client::from_row(&row)?, roles)))
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
                "where c.realm_id = $1 and lower(c.client_id) like $2 \
                 order by c.client_id offset $3 limit $4"
            ),
            containing(&text.to_lowercase()),
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

/// The pattern of `like` for texts that hold this one.
fn containing(text: &str) -> String {
    let mut pattern = String::from("%");
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern + "%"
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

/// Stores many clients with their mappers and links to client scopes in one statement; all or none. As in Keycloak, names
/// of scopes that there are not, or that are of another protocol, are passed over, and of two links the default one stays.
///
/// # Errors
/// As [`create`].
pub async fn insert_many(db: impl PgExecutor<'_>, realm: Uuid, clients: &[Client]) -> Result<()> {
    let mappers: Vec<_> = clients
        .iter()
        .flat_map(|c| c.mappers.iter().map(move |mapper| (c.id, mapper)))
        .collect();
    let scopes: Vec<_> = clients
        .iter()
        .flat_map(|c| {
            let default = c.default_client_scopes().iter().map(|name| (name, true));
            let optional = c.optional_client_scopes().iter().map(|name| (name, false));
            default
                .chain(optional)
                .map(move |(name, default)| (c, name, default))
        })
        .collect();
    sqlx::query(
        "with new_client as (insert into client (realm_id, id, client_id, enabled, protocol, secret, settings, rotated_secret) \
         select $1, * from unnest($2::uuid[], $3::text[], $4::bool[], $5::text[], $6::bytea[], $7::jsonb[], $19::bytea[])), \
         new_link as (insert into client_scope_client (realm_id, client_id, scope_id, is_default) \
         select $1, n.client, s.id, n.is_default from unnest($15::uuid[], $16::text[], $17::text[], $18::bool[]) \
         with ordinality n (client, protocol, name, is_default, position) \
         join client_scope s on s.realm_id = $1 and s.name = n.name and s.protocol = n.protocol order by n.position \
         on conflict do nothing) \
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
    .bind(clients.iter().map(|client| Json(stored(&client.settings))).collect::<Vec<_>>())
    .bind(mappers.iter().map(|(client, _)| *client).collect::<Vec<_>>())
    .bind(mappers.iter().map(|(_, mapper)| mapper.id).collect::<Vec<_>>())
    .bind(mappers.iter().map(|(_, mapper)| mapper.name.as_str()).collect::<Vec<_>>())
    .bind(mappers.iter().map(|(_, mapper)| mapper.protocol.as_str()).collect::<Vec<_>>())
    .bind(mappers.iter().map(|(_, mapper)| mapper.protocol_mapper.as_str()).collect::<Vec<_>>())
    .bind(mappers.iter().map(|(_, mapper)| mapper.consent_required).collect::<Vec<_>>())
    .bind(mappers.iter().map(|(_, mapper)| Json(&mapper.config)).collect::<Vec<_>>())
    .bind(scopes.iter().map(|(client, _, _)| client.id).collect::<Vec<_>>())
    .bind(scopes.iter().map(|(client, _, _)| client.protocol.as_str()).collect::<Vec<_>>())
    .bind(scopes.iter().map(|(_, name, _)| name.as_str()).collect::<Vec<_>>())
    .bind(scopes.iter().map(|(_, _, default)| *default).collect::<Vec<_>>())
    .bind(clients.iter().map(|client| client.rotated_secret.as_ref().map(Secret::sealed)).collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(())
}

/// Settings without the names of client scopes, which are links.
fn stored(settings: &ClientRepresentation) -> ClientRepresentation {
    ClientRepresentation {
        default_client_scopes: None,
        optional_client_scopes: None,
        ..settings.clone()
    }
}

/// Writes a changed client, and its mappers if they differ from those of `before`; whether it was there. Its client
/// scopes stay: they are changed one by one, see [`crate::scope::link`]. Up to three statements: inside a transaction,
/// after [`find_for_update`].
///
/// # Errors
/// As [`create`].
pub async fn update(db: &mut store::Connection, before: &Client, after: &Client) -> Result<bool> {
    let done = sqlx::query(
        "update client set client_id = $3, enabled = $4, protocol = $5, secret = $6, settings = $7, \
         rotated_secret = $8 where realm_id = $1 and id = $2",
    )
    .bind(before.realm_id)
    .bind(before.id)
    .bind(&after.client_id)
    .bind(after.enabled)
    .bind(&after.protocol)
    .bind(after.secret.as_ref().map(Secret::sealed))
    .bind(Json(stored(&after.settings)))
    .bind(after.rotated_secret.as_ref().map(Secret::sealed))
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
        let owner = Owner::Client(before.id);
        crate::mapper::add_many(&mut *db, before.realm_id, owner, &after.mappers).await?;
    }
    Ok(true)
}

/// Gives a client whose protocol has changed the scopes that a new client of that protocol gets, in place of those that it
/// can have no longer.
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Db`].
pub async fn renew_scopes(db: impl PgExecutor<'_>, realm: Uuid, id: Uuid) -> Result<()> {
    sqlx::query(
        "with gone as (delete from client_scope_client l using client c, client_scope s \
         where l.realm_id = $1 and l.client_id = $2 and c.realm_id = $1 and c.id = $2 \
         and s.realm_id = $1 and s.id = l.scope_id and s.protocol <> c.protocol) \
         insert into client_scope_client (realm_id, client_id, scope_id, is_default) \
         select $1, c.id, s.id, d.is_default from client c \
         join default_client_scope d on d.realm_id = $1 \
         join client_scope s on s.realm_id = $1 and s.id = d.scope_id and s.protocol = c.protocol \
         where c.realm_id = $1 and c.id = $2 order by d.position on conflict do nothing",
    )
    .bind(realm)
    .bind(id)
    .execute(db)
    .await?;
    Ok(())
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
