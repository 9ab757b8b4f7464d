//! Floor 2: users, their credentials, role mappings, sessions and the lock-out after failed logins.

#![warn(missing_docs)]

pub mod action_token;
pub mod app_password;
pub mod auth_session;
pub mod code;
pub mod consent;
pub mod credential;
pub mod device_code;
mod error;
pub mod export;
pub mod group;
pub mod holder;
pub mod lockout;
pub mod login;
pub mod mapping;
pub mod otp;
pub mod password;
pub mod policy;
pub mod profile;
pub mod recovery;
pub mod rep;
pub mod required_action;
pub mod revoked_token;
pub mod search;
pub mod session;
pub mod subject;
mod write;

use serde_json::{Map, Value};
use sqlx::types::Json;
use sqlx::{FromRow as _, PgExecutor, Row as _};
use uuid::Uuid;

pub use error::{FieldError, WriteError, validation_body};
pub use group::GroupRepresentation;
pub use password::Hasher;
pub use rep::{CredentialRepresentation, UserRepresentation};
pub use store::{Error, Result};
pub use write::known;
pub use write::{
    Change, Changed, Draft, Options, add_service_accounts, create, insert_many, is_required_action,
    may_edit, prepare, prepare_update, set_duplicate_emails, update, update_own,
};

/// A user.
#[derive(Clone, Debug, Default, PartialEq, sqlx::FromRow)]
pub struct User {
    /// Its id.
    pub id: Uuid,
    /// In lower case.
    pub username: String,
    /// In lower case.
    pub email: Option<String>,
    /// Whether the address has been shown to be the user's.
    pub email_verified: bool,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// A disabled user cannot log in.
    pub enabled: bool,
    /// Milliseconds.
    pub created_timestamp: i64,
    /// Seconds; tokens of the user issued before are refused.
    pub not_before: i64,
    /// The client (its uuid) whose service account this is.
    pub service_account_client: Option<Uuid>,
    /// Each value is a list of strings.
    #[sqlx(json)]
    pub attributes: Map<String, Value>,
    /// What the user has to do before the next login.
    pub required_actions: Vec<String>,
    /// Whether there is a one-time-password credential.
    pub totp: bool,
    /// Whether the user is in a group.
    pub in_group: bool,
}

/// `select` and the columns of a [`User`] from `user_entity u`, then the rest of the statement.
macro_rules! select_user {
    ($rest:expr) => {
        concat!(crate::columns!("select "), $rest)
    };
}

/// The columns of a [`User`], of `user_entity u`.
macro_rules! columns {
    ($before:literal) => {
        concat!(
            $before,
            "u.id, u.username, u.email, u.email_verified, u.first_name, u.last_name, u.enabled, u.created_timestamp, \
             u.not_before, u.service_account_client, u.attributes, u.required_actions, exists (select from credential o \
             where o.realm_id = u.realm_id and o.user_id = u.id and o.type = 'otp') as totp, exists (select from \
             user_group m where m.realm_id = u.realm_id and m.user_id = u.id) as in_group "
        )
    };
}
pub(crate) use {columns, select_user};

/// The user with this id.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Db`].
pub async fn find(db: impl PgExecutor<'_>, realm: Uuid, id: Uuid) -> Result<Option<User>> {
    let sql = select_user!("from user_entity u where u.realm_id = $1 and u.id = $2");
    Ok(sqlx::query_as(sql)
        .bind(realm)
        .bind(id)
        .fetch_optional(db)
        .await?)
}

/// The user of this name, in any case.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Db`].
pub async fn find_by_username(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    username: &str,
) -> Result<Option<User>> {
    if !profile::may_be_name(username) {
        return Ok(None);
    }
    let sql = select_user!("from user_entity u where u.realm_id = $1 and u.username = $2");
    Ok(sqlx::query_as(sql)
        .bind(realm)
        .bind(username.to_lowercase())
        .fetch_optional(db)
        .await?)
}

/// The service account of a client (its uuid).
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Db`].
pub async fn find_service_account(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    client: Uuid,
) -> Result<Option<User>> {
    let sql = select_user!(
        "from user_entity u where u.realm_id = $1 and u.service_account_client = $2 limit 1"
    );
    Ok(sqlx::query_as(sql)
        .bind(realm)
        .bind(client)
        .fetch_optional(db)
        .await?)
}

/// The same with the names of all roles that it holds, in one round trip.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Db`].
pub async fn find_service_account_with_roles(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    client: Uuid,
) -> Result<Option<(User, mapping::RoleNames)>> {
    const SQL: &str = concat!(
        select_user!(", "),
        mapping::names_of_user!(),
        " as roles from user_entity u where u.realm_id = $1 and u.service_account_client = $2 limit 1"
    );
    let row = sqlx::query(SQL)
        .bind(realm)
        .bind(client)
        .fetch_optional(db)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let Json(roles) = row.try_get("roles")?;
    let user = User::from_row(&row)?;
    Ok(Some((user, mapping::RoleNames::from_pairs(roles))))
}

/// Names a service account after its client; false when the name is the e-mail address of another user, or it is gone.
///
/// # Errors
/// [`Error::Duplicate`] `user_username_key` when another user has the name.
pub async fn rename_service_account(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    id: Uuid,
    name: &str,
) -> Result<bool> {
    let done = sqlx::query(
        "update user_entity set username = $3 where realm_id = $1 and id = $2 and service_account_client is not null \
         and not exists (select from user_entity where realm_id = $1 and id <> $2 and email_unique = $3)",
    )
    .bind(realm)
    .bind(id)
    .bind(name.to_lowercase())
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Deletes a user with all that hangs on it; whether there was one.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Db`].
pub async fn delete(db: impl PgExecutor<'_>, realm: Uuid, id: Uuid) -> Result<bool> {
    let done = sqlx::query("delete from user_entity where realm_id = $1 and id = $2")
        .bind(realm)
        .bind(id)
        .execute(db)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Ends all earlier tokens of a user; whether there is one.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Db`].
pub async fn set_not_before(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    id: Uuid,
    seconds: i64,
) -> Result<bool> {
    let done =
        sqlx::query("update user_entity set not_before = $3 where realm_id = $1 and id = $2")
            .bind(realm)
            .bind(id)
            .bind(seconds)
            .execute(db)
            .await?;
    Ok(done.rows_affected() > 0)
}
