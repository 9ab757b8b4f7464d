//! What users let clients know: the client scopes that they have granted, until they or an administrator take it back.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use sqlx::PgExecutor;
use store::{Connection, Result};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::WriteError;
use crate::session::Ended;

/// Consents that one listing gives at most.
const MAX_LISTED: i64 = 1000;

/// What a user has granted to a client. Times in milliseconds.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Consent {
    /// The client's uuid.
    pub client: Uuid,
    /// Its clientId.
    pub client_id: String,
    /// The client scopes: uuid to name.
    #[sqlx(json)]
    pub scopes: BTreeMap<Uuid, String>,
    /// Whether the client itself was granted, as one that stands on the page does.
    pub client_itself: bool,
    /// When it was granted first.
    pub created: i64,
    /// When something was granted last.
    pub last_updated: i64,
}

/// A consent in JSON, member for member as Keycloak 26.7.3 reads and writes it in users of realm files.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the members are Keycloak's own")]
pub struct UserConsentRepresentation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub granted_client_scopes: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_date: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_updated_date: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub granted_realm_roles: Option<Vec<String>>,
}

/// What is granted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grant {
    /// Client scopes.
    pub scopes: BTreeSet<Uuid>,
    /// The client itself.
    pub client_itself: bool,
}

impl Consent {
    /// The names of what was granted, the client's own among them.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let itself = self.client_itself.then(|| self.client_id.clone());
        self.scopes.values().cloned().chain(itself).collect()
    }

    /// As realm files carry it.
    #[must_use]
    pub fn to_rep(&self) -> UserConsentRepresentation {
        UserConsentRepresentation {
            client_id: Some(self.client_id.clone()),
            granted_client_scopes: Some(self.names()),
            created_date: Some(self.created),
            last_updated_date: Some(self.last_updated),
            granted_realm_roles: None,
        }
    }
}

macro_rules! select_consent {
    ($before:literal, $rest:literal) => {
        concat!(
            "select ",
            $before,
            "n.client_id as client, c.client_id, n.client_itself, n.created, n.last_updated, \
             coalesce((select jsonb_object_agg(s.id, s.name) from user_consent_scope g join client_scope s \
             on s.realm_id = g.realm_id and s.id = g.scope_id where g.realm_id = n.realm_id and g.user_id = n.user_id \
             and g.client_id = n.client_id), '{}') as scopes from user_consent n join client c \
             on c.realm_id = n.realm_id and c.id = n.client_id ",
            $rest
        )
    };
}

/// What a user has granted to a client (its uuid), if anything.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn find(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    user: Uuid,
    client: Uuid,
) -> Result<Option<Consent>> {
    let sql = select_consent!(
        "",
        "where n.realm_id = $1 and n.user_id = $2 and n.client_id = $3"
    );
    Ok(sqlx::query_as(sql)
        .bind(realm)
        .bind(user)
        .bind(client)
        .fetch_optional(db)
        .await?)
}

/// What a user has granted, by clientId, a thousand clients at most.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn list(db: impl PgExecutor<'_>, realm: Uuid, user: Uuid) -> Result<Vec<Consent>> {
    let sql = select_consent!(
        "",
        "where n.realm_id = $1 and n.user_id = $2 order by c.client_id limit $3"
    );
    Ok(sqlx::query_as(sql)
        .bind(realm)
        .bind(user)
        .bind(MAX_LISTED)
        .fetch_all(db)
        .await?)
}

/// What several users have granted, by user and clientId, for exports.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub(crate) async fn list_of(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    users: &[Uuid],
) -> Result<Vec<(Uuid, Consent)>> {
    #[derive(sqlx::FromRow)]
    struct Row {
        user_id: Uuid,
        #[sqlx(flatten)]
        consent: Consent,
    }
    let sql = select_consent!(
        "n.user_id, ",
        "where n.realm_id = $1 and n.user_id = any($2) order by n.user_id, c.client_id"
    );
    let rows: Vec<Row> = sqlx::query_as(sql)
        .bind(realm)
        .bind(users)
        .fetch_all(db)
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.user_id, row.consent))
        .collect())
}

/// Grants more to a client (its uuid), at millisecond `now`; what was granted before stays.
///
/// # Errors
/// [`store::Error::Missing`] when the user, the client or a scope is gone.
pub async fn grant(
    tx: &mut Connection,
    realm: Uuid,
    user: Uuid,
    client: Uuid,
    more: &Grant,
    now: i64,
) -> Result<()> {
    sqlx::query(
        "insert into user_consent (realm_id, user_id, client_id, client_itself, created, last_updated) \
         values ($1, $2, $3, $4, $5, $5) on conflict (realm_id, user_id, client_id) do update set \
         client_itself = user_consent.client_itself or excluded.client_itself, last_updated = excluded.last_updated",
    )
    .bind(realm)
    .bind(user)
    .bind(client)
    .bind(more.client_itself)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    add_scopes(tx, realm, user, client, &more.scopes).await
}

/// Grants exactly this to a client (its uuid), at millisecond `now`; whether there was a consent before.
///
/// # Errors
/// [`store::Error::Missing`] when the user, the client or a scope is gone.
pub async fn replace(
    tx: &mut Connection,
    realm: Uuid,
    user: Uuid,
    client: Uuid,
    all: &Grant,
    now: i64,
) -> Result<bool> {
    let new: bool = sqlx::query_scalar(
        "insert into user_consent (realm_id, user_id, client_id, client_itself, created, last_updated) \
         values ($1, $2, $3, $4, $5, $5) on conflict (realm_id, user_id, client_id) do update set \
         client_itself = excluded.client_itself, last_updated = excluded.last_updated returning xmax = 0",
    )
    .bind(realm)
    .bind(user)
    .bind(client)
    .bind(all.client_itself)
    .bind(now)
    .fetch_one(&mut *tx)
    .await?;
    sqlx::query(
        "delete from user_consent_scope where realm_id = $1 and user_id = $2 and client_id = $3",
    )
    .bind(realm)
    .bind(user)
    .bind(client)
    .execute(&mut *tx)
    .await?;
    add_scopes(tx, realm, user, client, &all.scopes).await?;
    Ok(!new)
}

async fn add_scopes(
    tx: &mut Connection,
    realm: Uuid,
    user: Uuid,
    client: Uuid,
    scopes: &BTreeSet<Uuid>,
) -> Result<()> {
    sqlx::query(
        "insert into user_consent_scope (realm_id, user_id, client_id, scope_id) \
         select $1, $2, $3, unnest($4::uuid[]) on conflict do nothing",
    )
    .bind(realm)
    .bind(user)
    .bind(client)
    .bind(scopes.iter().copied().collect::<Vec<_>>())
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Takes back what a user has granted to a client (its uuid and clientId), and with it the client's part in the user's
/// sessions: those that it was in. None when nothing had been granted. Whoever ends sessions tells of it:
/// `protocol::session`.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn revoke(
    tx: &mut Connection,
    realm: Uuid,
    user: Uuid,
    (client, client_id): (Uuid, &str),
) -> Result<Option<Vec<Ended>>> {
    let done = sqlx::query(
        "delete from user_consent where realm_id = $1 and user_id = $2 and client_id = $3",
    )
    .bind(realm)
    .bind(user)
    .bind(client)
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(None);
    }
    let left = sqlx::query_as(
        "delete from client_session k using user_session s where k.realm_id = $1 and k.client_id = $3 \
         and s.realm_id = k.realm_id and s.id = k.session_id and s.user_id = $2 \
         returning s.id, s.user_id, array[$4::text] as clients",
    )
    .bind(realm)
    .bind(user)
    .bind(client)
    .bind(client_id)
    .fetch_all(tx)
    .await?;
    Ok(Some(left))
}

/// Stores the consents of new users as a realm file has them.
///
/// # Errors
/// [`WriteError::Limit`] in Keycloak's words for a client or a client scope that the realm does not have.
pub(crate) async fn insert_many(
    tx: &mut Connection,
    realm: Uuid,
    consents: &[(Uuid, &UserConsentRepresentation)],
) -> Result<(), WriteError> {
    if consents.is_empty() {
        return Ok(());
    }
    let now = store::clock::now_ms();
    let client =
        |consent: &UserConsentRepresentation| consent.client_id.clone().unwrap_or_default();
    let clients = known(
        "select client_id, id from client where realm_id = $1 and client_id = any($2)",
        tx,
        realm,
        consents.iter().map(|(_, consent)| client(consent)),
    )
    .await?;
    let scopes = known(
        "select name, id from client_scope where realm_id = $1 and name = any($2)",
        tx,
        realm,
        consents
            .iter()
            .flat_map(|(_, consent)| scopes(consent).cloned()),
    )
    .await?;
    let (mut users, mut ids, mut itself) = (Vec::new(), Vec::new(), Vec::new());
    let (mut created, mut updated) = (Vec::new(), Vec::new());
    let mut granted = (Vec::new(), Vec::new(), Vec::new());
    for (user, consent) in consents {
        let name = client(consent);
        let id = *clients.get(&name).ok_or_else(|| {
            WriteError::Limit(format!(
                "Unable to find client consent mappings for client: {name}"
            ))
        })?;
        users.push(*user);
        ids.push(id);
        let begun = consent.created_date.unwrap_or(now);
        created.push(begun);
        updated.push(consent.last_updated_date.unwrap_or(begun));
        let mut own = false;
        for scope in self::scopes(consent) {
            match scopes.get(scope) {
                Some(scope) => {
                    granted.0.push(*user);
                    granted.1.push(id);
                    granted.2.push(*scope);
                }
                None if *scope == name => own = true,
                None => {
                    return Err(WriteError::Limit(format!(
                        "Unable to find client scope referenced in consent mappings of user. \
                         Client scope name: {scope}"
                    )));
                }
            }
        }
        itself.push(own);
    }
    sqlx::query(
        "insert into user_consent (realm_id, user_id, client_id, client_itself, created, last_updated) select $1, * \
         from unnest($2::uuid[], $3::uuid[], $4::bool[], $5::bigint[], $6::bigint[]) on conflict do nothing",
    )
    .bind(realm)
    .bind(users)
    .bind(ids)
    .bind(itself)
    .bind(created)
    .bind(updated)
    .execute(&mut *tx)
    .await
    .map_err(store::Error::from)?;
    sqlx::query(
        "insert into user_consent_scope (realm_id, user_id, client_id, scope_id) select $1, * \
         from unnest($2::uuid[], $3::uuid[], $4::uuid[]) on conflict do nothing",
    )
    .bind(realm)
    .bind(granted.0)
    .bind(granted.1)
    .bind(granted.2)
    .execute(tx)
    .await
    .map_err(store::Error::from)?;
    Ok(())
}

fn scopes(consent: &UserConsentRepresentation) -> impl Iterator<Item = &String> {
    consent.granted_client_scopes.iter().flatten()
}

/// The ids of what a file names.
async fn known(
    sql: &'static str,
    tx: &mut Connection,
    realm: Uuid,
    names: impl Iterator<Item = String>,
) -> Result<HashMap<String, Uuid>> {
    let names: BTreeSet<String> = names.collect();
    let pairs: Vec<(String, Uuid)> = sqlx::query_as(sql)
        .bind(realm)
        .bind(names.into_iter().collect::<Vec<_>>())
        .fetch_all(tx)
        .await?;
    Ok(pairs.into_iter().collect())
}
