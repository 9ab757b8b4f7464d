//! Credentials: passwords, and imported second factors. Nothing here gives a secret out.

mod history;
mod prepare;

use realm::Realm;
use sqlx::PgExecutor;
use store::{Connection, Result, clock};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::password::{self, PasswordHash};
use crate::policy::Policy;
use crate::{CredentialRepresentation, WriteError};

pub use history::{check_history, is_expired};
pub(crate) use prepare::{Prepared, insert, insert_many, prepare};

const MAX_LABEL: usize = 255;
/// Credentials of a user that are listed at most.
const MAX_LISTED: i64 = 1000;
/// Between the priorities of two credentials, as in Keycloak.
pub(crate) const PRIORITY_STEP: i32 = 10;
/// Credentials that one user has at most, where they come one by one; app passwords have a bound of their own.
pub(crate) const MAX_CREDENTIALS: i64 = 50;
/// What a temporary password makes the user do.
pub const UPDATE_PASSWORD: &str = "UPDATE_PASSWORD";

/// A credential without its secret.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Credential {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub user_id: Uuid,
    /// `password`, `otp`, `webauthn`, `webauthn-passwordless`, `recovery-authn-codes` or `app-password`.
    #[sqlx(rename = "type")]
    pub type_: String,
    /// What the user or an administrator calls it.
    pub user_label: Option<String>,
    /// Milliseconds.
    pub created_date: i64,
    /// The least comes first.
    pub priority: i32,
    /// Public parameters, JSON in a text.
    pub credential_data: String,
}

impl Credential {
    /// As `GET /users/{id}/credentials` shows it.
    #[must_use]
    pub fn to_rep(&self) -> CredentialRepresentation {
        CredentialRepresentation {
            id: Some(self.id.to_string()),
            r#type: Some(self.type_.clone()),
            user_label: self.user_label.clone(),
            created_date: Some(self.created_date),
            credential_data: Some(self.credential_data.clone()),
            ..CredentialRepresentation::default()
        }
    }
}

/// The credentials of a user, in their order.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn list(db: impl PgExecutor<'_>, realm: Uuid, user: Uuid) -> Result<Vec<Credential>> {
    Ok(sqlx::query_as(
        "select id, user_id, type, user_label, created_date, priority, credential_data from credential \
         where realm_id = $1 and user_id = $2 order by priority, id limit $3",
    )
    .bind(realm)
    .bind(user)
    .bind(MAX_LISTED)
    .fetch_all(db)
    .await?)
}

/// Deletes a credential of a user; whether there was one.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn delete(db: impl PgExecutor<'_>, realm: Uuid, user: Uuid, id: Uuid) -> Result<bool> {
    let done =
        sqlx::query("delete from credential where realm_id = $1 and user_id = $2 and id = $3")
            .bind(realm)
            .bind(user)
            .bind(id)
            .execute(db)
            .await?;
    Ok(done.rows_affected() > 0)
}

/// Names a credential of a user; whether there is one.
///
/// # Errors
/// [`store::Error::Invalid`] over 255 characters or with control characters.
pub async fn label(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    user: Uuid,
    id: Uuid,
    label: &str,
) -> Result<bool> {
    check_label(label)?;
    let done = sqlx::query(
        "update credential set user_label = $4 where realm_id = $1 and user_id = $2 and id = $3",
    )
    .bind(realm)
    .bind(user)
    .bind(id)
    .bind(label)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

pub(crate) fn check_label(label: &str) -> Result<()> {
    if label.chars().count() > MAX_LABEL || label.chars().any(char::is_control) {
        let text = format!("A label has at most {MAX_LABEL} characters and no control characters");
        return Err(store::Error::Invalid(text));
    }
    Ok(())
}

/// Random letters, each as likely as any other.
pub(crate) fn random_text(
    letters: &[u8],
    length: usize,
) -> Result<Zeroizing<String>, realm::Error> {
    let mut text = Zeroizing::new(String::with_capacity(length));
    // The greatest multiple of the number of letters: what is beyond would favour the first ones.
    let fair = 256 / letters.len() * letters.len();
    while text.len() < length {
        for byte in realm::seal::random::<32>()?
            .iter()
            .copied()
            .map(usize::from)
        {
            if byte < fair && text.len() < length {
                text.push(char::from(letters[byte % letters.len()]));
            }
        }
    }
    Ok(text)
}

/// Makes a credential of a user its first; whether there is one.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn move_to_first(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    user: Uuid,
    id: Uuid,
) -> Result<bool> {
    let done = sqlx::query(
        "update credential c set priority = n.place * $4 from (select id, row_number() over \
         (order by (id = $3) desc, priority, id)::integer as place from credential where realm_id = $1 and user_id = $2) n \
         where c.realm_id = $1 and c.id = n.id and exists (select from credential e where e.realm_id = $1 \
         and e.user_id = $2 and e.id = $3)",
    )
    .bind(realm)
    .bind(user)
    .bind(id)
    .bind(PRIORITY_STEP)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Puts a credential of a user behind another of them; one that is not there moves nothing. Whether there is the first.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn move_after(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    user: Uuid,
    id: Uuid,
    previous: Uuid,
) -> Result<bool> {
    Ok(sqlx::query_scalar(
        "with own as (select id, row_number() over (order by priority, id) as place from credential \
         where realm_id = $1 and user_id = $2), \
         target as (select place + 0.5 as place from own where id = $4 and exists (select from own where id = $3)), \
         moved as (select own.id, row_number() over (order by case when own.id = $3 then target.place else own.place end) \
         ::integer as place from own cross join target), \
         done as (update credential c set priority = moved.place * $5 from moved where c.realm_id = $1 and c.id = moved.id) \
         select exists (select from own where id = $3)",
    )
    .bind(realm)
    .bind(user)
    .bind(id)
    .bind(previous)
    .bind(PRIORITY_STEP)
    .fetch_one(db)
    .await?)
}

/// The new password that `PUT /users/{id}/reset-password` asks for, if the realm's policy lets it pass; whether it is an
/// earlier one of the user is for [`check_history`] to say.
///
/// # Errors
/// [`WriteError::Credential`] `No password provided`, `Empty password not allowed`; [`WriteError::Policy`].
pub fn new_password<'a>(
    realm: &Realm,
    username: &str,
    email: Option<&str>,
    rep: &'a CredentialRepresentation,
) -> Result<&'a str, WriteError> {
    let refused = |text: &str| Err(WriteError::Credential(text.to_owned()));
    match rep.value.as_deref() {
        None => refused("No password provided"),
        Some(value) if value.trim().is_empty() => refused("Empty password not allowed"),
        Some(value) => check_password(realm, username, email, value).map(|()| value),
    }
}

fn check_password(
    realm: &Realm,
    username: &str,
    email: Option<&str>,
    value: &str,
) -> Result<(), WriteError> {
    let most = password::MAX_PASSWORD;
    if value.len() > most {
        return Err(WriteError::Policy {
            error: "invalidPasswordMaxLengthMessage",
            description: format!("Invalid password: maximum length {most}."),
        });
    }
    Policy::of(realm).check(value, username, email)
}

/// Gives a user a password in place of the one it has, as an administrator does: a temporary one has to be changed at
/// the next login, any other ends that demand. Whether there is such a user.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn set_password(
    tx: &mut Connection,
    realm: &Realm,
    user: Uuid,
    hash: &PasswordHash,
    temporary: bool,
) -> Result<bool> {
    // First the user's row, so that two of these at once take turns.
    let sql = if temporary {
        "update user_entity set required_actions = array_append(array_remove(required_actions, $3), $3) \
         where realm_id = $1 and id = $2"
    } else {
        "update user_entity set required_actions = array_remove(required_actions, $3) where realm_id = $1 and id = $2"
    };
    let done = sqlx::query(sql)
        .bind(realm.id)
        .bind(user)
        .bind(UPDATE_PASSWORD)
        .execute(&mut *tx)
        .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    history::keep(tx, realm, user).await?;
    replace_password(tx, realm.id, user, hash).await?;
    Ok(true)
}

/// Puts a hash in the place of the user's first password, or adds it. The caller holds the user's row.
async fn replace_password(
    tx: &mut Connection,
    realm: Uuid,
    user: Uuid,
    hash: &PasswordHash,
) -> Result<()> {
    sqlx::query(
        "with known as (update credential set credential_data = $4, secret_data = $5, created_date = $6 \
         where realm_id = $1 and id = (select id from credential where realm_id = $1 and user_id = $2 \
         and type = 'password' order by priority, id limit 1) returning id) \
         insert into credential (realm_id, id, user_id, type, created_date, priority, credential_data, secret_data) \
         select $1, $3, $2, 'password', $6, coalesce((select max(priority) from credential where realm_id = $1 \
         and user_id = $2), 0) + $7, $4, $5 where not exists (select from known)",
    )
    .bind(realm)
    .bind(user)
    .bind(Uuid::new_v4())
    .bind(hash.credential_data())
    .bind(hash.secret_data().as_bytes())
    .bind(clock::now_ms())
    .bind(PRIORITY_STEP)
    .execute(tx)
    .await?;
    Ok(())
}

/// Stores the hash of the same password made with today's parameters, unless the password has been changed since
/// (`created_date` is that of the credential which was checked).
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn upgrade_password(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    id: Uuid,
    created_date: i64,
    hash: &PasswordHash,
) -> Result<()> {
    sqlx::query(
        "update credential set credential_data = $4, secret_data = $5 \
         where realm_id = $1 and id = $2 and type = 'password' and created_date = $3",
    )
    .bind(realm)
    .bind(id)
    .bind(created_date)
    .bind(hash.credential_data())
    .bind(hash.secret_data().as_bytes())
    .execute(db)
    .await?;
    Ok(())
}
