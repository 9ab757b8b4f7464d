//! App passwords: for programs that log in to a registry, beside the account's password.
//!
//! Of its secret only the SHA-256 is kept, sealed: nobody guesses 256 bits, so no slow hash is needed.

mod value;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use realm::{Realm, Sealer};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow as _, PgExecutor, Row as _};
use store::{Connection, Result, clock};
use subtle::ConstantTimeEq as _;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::credential::{Credential, PRIORITY_STEP, check_label};
use crate::lockout::LoginFailure;
use crate::{User, WriteError, profile};

pub use value::Given;

/// The `type` of such credentials.
pub const TYPE: &str = "app-password";
/// App passwords that one user has at most.
pub(crate) const MAX: i64 = 100;
const ALGORITHM: &str = "SHA-256";
/// Clients that one is bound to at most, and characters of their names.
const MAX_CLIENTS: usize = 50;
const MAX_CLIENT_ID: usize = 255;
/// Bytes of all of them, so that what is made here can be imported elsewhere.
const MAX_CLIENTS_LENGTH: usize = 12 * 1024;
/// Milliseconds between two dates of use that are written.
const USE_STEP: i64 = 60_000;

/// The `credentialData`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Data {
    /// The clients (their clientIds) that it is good for; without, every docker-v2 client of the realm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clients: Option<Vec<String>>,
    /// Milliseconds; without, it is good until deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration_date: Option<i64>,
    /// Milliseconds, to the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_date: Option<i64>,
}

impl Data {
    /// Of a credential; none of another type.
    #[must_use]
    pub fn of(credential: &Credential) -> Option<Self> {
        let own = credential.type_ == TYPE;
        own.then(|| serde_json::from_str(&credential.credential_data).unwrap_or_default())
    }

    fn check(&self) -> Result<(), WriteError> {
        let refused = |text: String| Err(WriteError::Limit(text));
        let Some(clients) = &self.clients else {
            return Ok(());
        };
        if clients.is_empty() || clients.len() > MAX_CLIENTS {
            return refused(format!(
                "clients names 1 to {MAX_CLIENTS} clients; without it, an app password is good for every registry"
            ));
        }
        let is_name = |name: &String| {
            !name.is_empty()
                && name.chars().count() <= MAX_CLIENT_ID
                && !name.chars().any(char::is_control)
        };
        if !clients.iter().all(is_name) {
            return refused(format!(
                "A clientId has 1 to {MAX_CLIENT_ID} characters and no control characters"
            ));
        }
        if clients.iter().map(String::len).sum::<usize>() > MAX_CLIENTS_LENGTH {
            return refused(format!("clients has at most {MAX_CLIENTS_LENGTH} bytes"));
        }
        Ok(())
    }
}

/// The `secretData`.
#[derive(Serialize, Deserialize)]
struct SecretData {
    /// In base64.
    value: String,
    algorithm: String,
}

fn hash(secret: &str) -> String {
    STANDARD.encode(digest(&SHA256, secret.as_bytes()))
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Checks one that was made elsewhere.
///
/// # Errors
/// [`WriteError::Credential`], [`WriteError::Limit`] for what could never let anybody in.
pub(crate) fn check_stored(data: &str, secret: &str) -> Result<(), WriteError> {
    let refused = |text: &str| WriteError::Credential(text.to_owned());
    let data: Data = serde_json::from_str(data)
        .map_err(|_| refused("The credentialData of an app password cannot be read"))?;
    let secret: SecretData = serde_json::from_str(secret)
        .map_err(|_| refused("The secretData of an app password cannot be read"))?;
    let hash = STANDARD.decode(&secret.value).unwrap_or_default();
    if secret.algorithm != ALGORITHM || hash.len() != SHA256.output_len() {
        return Err(refused("The hash of an app password is no SHA-256"));
    }
    data.check()
}

/// An app password in JSON: what is asked of a new one, and what is told of it once. Unknown members are an error.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AppPasswordRepresentation {
    /// Its id; the server gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What its owner calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Milliseconds; the server gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_date: Option<i64>,
    /// Milliseconds; without, it is good until deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiration_date: Option<i64>,
    /// ClientIds, which need not exist yet; without, it is good for every docker-v2 client of the realm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clients: Option<Vec<String>>,
    /// The app password itself; the server gives it, in the answer that makes it and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// Makes one for a user; none when there is no such user.
///
/// # Errors
/// [`WriteError::Limit`] for a bad label, date or client, for a service account, and when the user has 100.
pub async fn create(
    tx: &mut Connection,
    sealer: &Sealer,
    realm: &Realm,
    user: Uuid,
    new: &AppPasswordRepresentation,
) -> Result<Option<AppPasswordRepresentation>, WriteError> {
    let refused = |text: String| Err(WriteError::Limit(text));
    if new.value.is_some() {
        return refused("The value of an app password is made by the server".to_owned());
    }
    let label = new.label.as_deref().unwrap_or_default().trim();
    if label.is_empty() {
        return refused("An app password needs a label".to_owned());
    }
    check_label(label)?;
    let now = clock::now_ms();
    if new.expiration_date.is_some_and(|date| date <= now) {
        return refused("expirationDate is in the past".to_owned());
    }
    let mut clients = new.clients.clone();
    if let Some(clients) = &mut clients {
        clients.sort();
        clients.dedup();
    }
    let data = Data {
        clients,
        expiration_date: new.expiration_date,
        last_used_date: None,
    };
    data.check()?;
    // First the user's row, so that two of these at once take turns.
    let service_account: Option<bool> = sqlx::query_scalar(
        "select service_account_client is not null from user_entity where realm_id = $1 and id = $2 for no key update",
    )
    .bind(realm.id)
    .bind(user)
    .fetch_optional(&mut *tx)
    .await?;
    match service_account {
        None => return Ok(None),
        Some(true) => {
            let text = "A service account logs in with the secret of its client";
            return refused(text.to_owned());
        }
        Some(false) => {}
    }
    let id = Uuid::new_v4();
    let secret = value::secret()?;
    let plain = json(&SecretData {
        value: hash(&secret),
        algorithm: ALGORITHM.to_owned(),
    });
    let done = sqlx::query(
        "insert into credential (realm_id, id, user_id, type, user_label, created_date, priority, credential_data, \
         secret_data) select $1, $2, $3, $4, $5, $6, coalesce(max(priority), 0) + $7, $8, $9 from credential \
         where realm_id = $1 and user_id = $3 having count(*) filter (where type = $4) < $10",
    )
    .bind(realm.id)
    .bind(id)
    .bind(user)
    .bind(TYPE)
    .bind(label)
    .bind(now)
    .bind(PRIORITY_STEP)
    .bind(json(&data))
    .bind(sealer.seal(realm.id, id, plain.as_bytes())?)
    .bind(MAX)
    .execute(tx)
    .await?;
    if done.rows_affected() == 0 {
        return refused(format!("A user has at most {MAX} app passwords"));
    }
    Ok(Some(AppPasswordRepresentation {
        id: Some(id.to_string()),
        label: Some(label.to_owned()),
        created_date: Some(now),
        expiration_date: data.expiration_date,
        clients: data.clients,
        value: Some(value::write(id, &secret)),
    }))
}

/// A user who wants to log in with an app password.
pub struct Candidate {
    /// The user.
    pub user: User,
    /// The app password of this id, where it is this user's.
    pub app_password: Option<AppPassword>,
    /// The failed logins since the last good one, if any.
    pub failures: Option<LoginFailure>,
}

/// An app password as it is stored, its hash sealed.
pub struct AppPassword {
    /// Its id.
    pub id: Uuid,
    /// What of it can be seen.
    pub data: Data,
    credential_data: String,
    secret_data: Vec<u8>,
}

/// The user of this name, as [`crate::login::find_for_login`] finds it, with the app password that was given.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn find_for_login(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    (name, with_email): (&str, bool),
    given: &Given<'_>,
) -> Result<Option<Candidate>> {
    const SQL: &str = crate::select_user!(concat!(
        ", c.id as credential_id, c.credential_data, c.secret_data, f.num_failures, f.num_temporary_lockouts, \
         f.failed_login_not_before, f.last_failure, f.last_ip_failure from user_entity u \
         left join login_failure f on f.realm_id = u.realm_id and f.user_id = u.id \
         left join credential c on c.realm_id = u.realm_id and c.id = $4 and c.user_id = u.id and c.type = 'app-password' \
         where u.realm_id = $1 and ",
        crate::login::is_named!()
    ));
    if !profile::may_be_name(name) {
        return Ok(None);
    }
    let row = sqlx::query(SQL)
        .bind(realm)
        .bind(name.to_lowercase())
        .bind(with_email && name.contains('@'))
        .bind(given.id)
        .fetch_optional(db)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let id: Option<Uuid> = row.try_get("credential_id")?;
    let app_password = match id {
        None => None,
        Some(id) => {
            let credential_data: String = row.try_get("credential_data")?;
            match serde_json::from_str(&credential_data) {
                Ok(data) => Some(AppPassword {
                    id,
                    data,
                    credential_data,
                    secret_data: row.try_get("secret_data")?,
                }),
                Err(error) => {
                    tracing::warn!(credential = %id, %error, "an app password cannot be read");
                    None
                }
            }
        }
    };
    let failed: Option<i32> = row.try_get("num_failures")?;
    let failures = failed.map(|_| LoginFailure::from_row(&row)).transpose()?;
    Ok(Some(Candidate {
        user: User::from_row(&row)?,
        app_password,
        failures,
    }))
}

impl AppPassword {
    /// Whether the secret is the right one. One whose hash cannot be read accepts none, and the log says so.
    #[must_use]
    pub fn check(&self, sealer: &Sealer, realm: &Realm, given: &Given<'_>) -> bool {
        let opened = sealer.open(realm.id, self.id, &self.secret_data).ok();
        let known = opened
            .as_deref()
            .and_then(|text| serde_json::from_slice::<SecretData>(text).ok());
        let Some(known) = known.filter(|known| known.algorithm == ALGORITHM) else {
            tracing::warn!(credential = %self.id, "an app password cannot be checked");
            return false;
        };
        let given = hash(given.secret);
        known.value.as_bytes().ct_eq(given.as_bytes()).into()
    }

    /// Whether its time is over. `now`: milliseconds.
    #[must_use]
    pub fn is_expired(&self, now: i64) -> bool {
        self.data.expiration_date.is_some_and(|date| date <= now)
    }

    /// Whether it is good for a client.
    #[must_use]
    pub fn is_for(&self, client_id: &str) -> bool {
        let clients = self.data.clients.as_ref();
        clients.is_none_or(|clients| clients.iter().any(|known| known == client_id))
    }

    /// Notes that it has been used, where that was not noted within the last minute. `now`: milliseconds.
    ///
    /// Of many uses at once one writes and the others do not wait for it.
    ///
    /// # Errors
    /// [`store::Error::Unavailable`], [`store::Error::Db`].
    pub async fn used(&self, db: impl PgExecutor<'_>, realm: Uuid, now: i64) -> Result<()> {
        let noted = self.data.last_used_date.unwrap_or_default();
        if now.saturating_sub(noted) < USE_STEP {
            return Ok(());
        }
        let data = Data {
            last_used_date: Some(now),
            ..self.data.clone()
        };
        sqlx::query(
            "update credential set credential_data = $4 where realm_id = $1 and id = (select id from credential \
             where realm_id = $1 and id = $2 and credential_data = $3 for no key update skip locked)",
        )
        .bind(realm)
        .bind(self.id)
        .bind(&self.credential_data)
        .bind(json(&data))
        .execute(db)
        .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_and_clients_bound_it() {
        let bound = AppPassword {
            id: Uuid::nil(),
            data: serde_json::from_str(r#"{"clients":["a"],"expirationDate":5}"#).unwrap(),
            credential_data: String::new(),
            secret_data: vec![],
        };
        assert!(!bound.is_expired(4) && bound.is_expired(5));
        assert!(bound.is_for("a") && !bound.is_for("A") && !bound.is_for(""));
    }
}
