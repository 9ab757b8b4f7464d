//! Many new users at once: a few statements for each five hundred.

use std::collections::{BTreeSet, HashMap, HashSet};

use realm::{Realm, Sealer};
use serde_json::Value;
use sqlx::types::Json;
use store::{Connection, Result};
use uuid::Uuid;

use super::{Draft, Options, email_unique, prepare};
use crate::error::{SAME_EMAIL, SAME_USERNAME};
use crate::{Hasher, User, UserRepresentation, WriteError, consent, credential, group, mapping};

/// Users of one statement.
const CHUNK: usize = 500;

/// What drafts name, looked up once for all of them.
struct Names {
    roles: HashMap<(Option<String>, String), Uuid>,
    groups: HashMap<String, Uuid>,
    clients: HashMap<String, Uuid>,
}

/// Stores users of an import with their credentials, roles and groups. Roles that are not there are made, as in Keycloak.
///
/// # Errors
/// [`WriteError::Conflict`] when two of them, or one and a user that is there, have the same name or e-mail address;
/// [`WriteError::Store`] with `Duplicate` for an id that is taken; [`WriteError::Limit`] and [`WriteError::UnknownGroup`]
/// for a client or group that is not there.
pub async fn insert_many(
    tx: &mut Connection,
    sealer: &Sealer,
    realm: &Realm,
    drafts: &[Draft],
) -> Result<(), WriteError> {
    let names = Names::of(tx, realm, drafts).await?;
    for chunk in drafts.chunks(CHUNK) {
        refuse_ambiguous(tx, realm, chunk).await?;
        insert_users(tx, realm, chunk, &names).await?;
        let credentials = chunk
            .iter()
            .map(|draft| (draft.user.id, &draft.credentials[..]));
        credential::insert_many(tx, sealer, realm.id, credentials).await?;
        insert_mappings(tx, realm, chunk, &names).await?;
        let consents: Vec<_> = chunk
            .iter()
            .flat_map(|draft| {
                draft
                    .consents
                    .iter()
                    .map(|consent| (draft.user.id, consent))
            })
            .collect();
        consent::insert_many(tx, realm.id, &consents).await?;
    }
    Ok(())
}

impl Names {
    async fn of(tx: &mut Connection, realm: &Realm, drafts: &[Draft]) -> Result<Self, WriteError> {
        let roles: BTreeSet<_> = drafts
            .iter()
            .flat_map(|draft| draft.roles.clone())
            .collect();
        let paths: BTreeSet<&String> = drafts.iter().flat_map(|draft| &draft.groups).collect();
        let clients: BTreeSet<&String> = drafts
            .iter()
            .filter_map(|draft| draft.service_account_client_id.as_ref())
            .collect();
        let roles = mapping::find_or_create(&mut *tx, realm.id, roles).await?;
        let paths: Vec<String> = paths.into_iter().cloned().collect();
        let found = group::find_by_paths(&mut *tx, realm.id, &paths).await?;
        let groups = group::known(&paths, found)?;
        let clients: Vec<&String> = clients.into_iter().collect();
        let known: Vec<(String, Uuid)> = sqlx::query_as(
            "select client_id, id from client where realm_id = $1 and client_id = any($2)",
        )
        .bind(realm.id)
        .bind(&clients)
        .fetch_all(tx)
        .await?;
        let known: HashMap<String, Uuid> = known.into_iter().collect();
        if let Some(unknown) = clients.iter().find(|client| !known.contains_key(**client)) {
            let text = format!(
                "Unable to find client specified for service account link. Client: {unknown}"
            );
            return Err(WriteError::Limit(text));
        }
        Ok(Self {
            roles,
            groups: paths.into_iter().zip(groups).collect(),
            clients: known,
        })
    }
}

/// A name that is another's e-mail address, or the other way round, would make logins ambiguous.
async fn refuse_ambiguous(
    tx: &mut Connection,
    realm: &Realm,
    chunk: &[Draft],
) -> Result<(), WriteError> {
    let users = || chunk.iter().map(|draft| &draft.user);
    let email = |user: &User| email_unique(realm, user).map(str::to_owned);
    let (mut names, mut emails) = (HashSet::new(), HashSet::new());
    for user in users() {
        if !names.insert(user.username.clone()) {
            return Err(WriteError::Conflict(SAME_USERNAME));
        }
        if email(user).is_some_and(|email| !emails.insert(email)) {
            return Err(WriteError::Conflict(SAME_EMAIL));
        }
    }
    let crossed = |user: &User| {
        let own = email(user);
        emails.contains(&user.username) && own.as_ref() != Some(&user.username)
    };
    if users().any(crossed) {
        return Err(WriteError::Conflict(SAME_USERNAME));
    }
    let taken: Option<bool> = sqlx::query_scalar(
        "select coalesce(username = any($2) or email_unique = any($2), false) from user_entity where realm_id = $1 \
         and (username = any($2) or email_unique = any($2) or username = any($3) or email_unique = any($3)) limit 1",
    )
    .bind(realm.id)
    .bind(names.into_iter().collect::<Vec<_>>())
    .bind(emails.into_iter().collect::<Vec<_>>())
    .fetch_optional(tx)
    .await?;
    match taken {
        None => Ok(()),
        Some(true) => Err(WriteError::Conflict(SAME_USERNAME)),
        Some(false) => Err(WriteError::Conflict(SAME_EMAIL)),
    }
}

async fn insert_users(
    tx: &mut Connection,
    realm: &Realm,
    chunk: &[Draft],
    names: &Names,
) -> Result<(), WriteError> {
    fn column<'a, T>(chunk: &'a [Draft], of: impl Fn(&'a User) -> T) -> Vec<T> {
        chunk.iter().map(|draft| of(&draft.user)).collect()
    }
    let account = |draft: &Draft| {
        let client = draft.service_account_client_id.as_ref();
        let named = client.and_then(|client| names.clients.get(client).copied());
        draft.user.service_account_client.or(named)
    };
    sqlx::query(
        "insert into user_entity (realm_id, id, username, email, email_unique, email_verified, first_name, last_name, \
         enabled, created_timestamp, not_before, service_account_client, attributes, required_actions) \
         select $1, id, username, email, email_unique, email_verified, first_name, last_name, enabled, created, \
         not_before, account, attributes, array(select jsonb_array_elements_text(actions)) \
         from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::bool[], $7::text[], $8::text[], $9::bool[], \
         $10::bigint[], $11::bigint[], $12::uuid[], $13::jsonb[], $14::jsonb[]) n (id, username, email, email_unique, \
         email_verified, first_name, last_name, enabled, created, not_before, account, attributes, actions)",
    )
    .bind(realm.id)
    .bind(column(chunk, |user| user.id))
    .bind(column(chunk, |user| user.username.as_str()))
    .bind(column(chunk, |user| user.email.as_deref()))
    .bind(column(chunk, |user| email_unique(realm, user)))
    .bind(column(chunk, |user| user.email_verified))
    .bind(column(chunk, |user| user.first_name.as_deref()))
    .bind(column(chunk, |user| user.last_name.as_deref()))
    .bind(column(chunk, |user| user.enabled))
    .bind(column(chunk, |user| user.created_timestamp))
    .bind(column(chunk, |user| user.not_before))
    .bind(chunk.iter().map(account).collect::<Vec<_>>())
    .bind(column(chunk, |user| Json(&user.attributes)))
    .bind(column(chunk, |user| Value::from(user.required_actions.clone())))
    .execute(tx)
    .await?;
    Ok(())
}

async fn insert_mappings(
    tx: &mut Connection,
    realm: &Realm,
    chunk: &[Draft],
    names: &Names,
) -> Result<(), WriteError> {
    let (mut roles, mut groups) = ((vec![], vec![]), (vec![], vec![]));
    for draft in chunk {
        for role in draft.roles.iter().filter_map(|name| names.roles.get(name)) {
            roles.0.push(draft.user.id);
            roles.1.push(*role);
        }
        for group in draft
            .groups
            .iter()
            .filter_map(|path| names.groups.get(path))
        {
            groups.0.push(draft.user.id);
            groups.1.push(*group);
        }
    }
    const ROLES: &str = "insert into user_role (realm_id, user_id, role_id) \
         select $1, * from unnest($2::uuid[], $3::uuid[]) on conflict do nothing";
    const GROUPS: &str = "insert into user_group (realm_id, user_id, group_id) \
         select $1, * from unnest($2::uuid[], $3::uuid[]) on conflict do nothing";
    for (sql, (users, others)) in [(ROLES, roles), (GROUPS, groups)] {
        if !users.is_empty() {
            sqlx::query(sql)
                .bind(realm.id)
                .bind(users)
                .bind(others)
                .execute(&mut *tx)
                .await?;
        }
    }
    Ok(())
}

/// Makes the service accounts of those clients that should have one and have none: files may leave them out.
///
/// # Errors
/// As [`Draft::insert`].
pub async fn add_service_accounts(
    tx: &mut Connection,
    hasher: &Hasher,
    sealer: &Sealer,
    realm: &Realm,
) -> Result<(), WriteError> {
    let clients: Vec<(Uuid, String)> = sqlx::query_as(
        "select c.id, c.client_id from client c where c.realm_id = $1 \
         and c.settings -> 'serviceAccountsEnabled' = 'true' and not exists (select from user_entity u \
         where u.realm_id = $1 and u.service_account_client = c.id) order by c.client_id",
    )
    .bind(realm.id)
    .fetch_all(&mut *tx)
    .await?;
    for (id, client_id) in clients {
        let rep = UserRepresentation {
            username: Some(format!("service-account-{client_id}")),
            enabled: Some(true),
            ..UserRepresentation::default()
        };
        let options = Options {
            import: true,
            service_account: Some(id),
        };
        let draft = prepare(hasher, realm, &rep, options).await?;
        draft.insert(&mut *tx, sealer, realm).await?;
    }
    Ok(())
}
