//! One-time codes: by time (RFC 6238) or by counter (RFC 4226), of devices that users have set up.
//!
//! The parameters of a device are kept with it, in Keycloak's JSON, so a change of the realm's policy leaves it working
//! and an export carries it. How far a clock may be off and whether a code may be used twice is the realm's say.

mod parameters;

use std::borrow::Cow;

use realm::{Realm, Sealer};
use serde::Deserialize;
use sqlx::PgExecutor;
use store::{Result, clock};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::credential::{MAX_CREDENTIALS, PRIORITY_STEP, check_label};

pub use parameters::Parameters;

/// The `type` of such credentials.
pub const TYPE: &str = "otp";
/// The required action to set one up.
pub const CONFIGURE_TOTP: &str = "CONFIGURE_TOTP";
/// Steps or counters beside the expected one that are tried at most, whatever the realm says.
const MAX_WINDOW: i64 = 100;
/// What Keycloak makes secrets of.
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const SECRET_LENGTH: usize = 20;
/// Devices of a user that are offered at most.
const MAX_LISTED: i64 = 50;

fn window(realm: &Realm) -> i64 {
    let window = realm.rep.otp_policy_look_ahead_window.unwrap_or(1);
    window.clamp(0, MAX_WINDOW)
}

fn reusable(realm: &Realm) -> bool {
    realm.rep.otp_policy_code_reusable.unwrap_or(false)
}

/// The key of a device that is being set up, a text of letters and digits.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// A new one.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn generate() -> Result<Self, realm::Error> {
        Ok(Self(crate::credential::random_text(
            LETTERS,
            SECRET_LENGTH,
        )?))
    }

    /// One that was kept meanwhile.
    #[must_use]
    pub fn restore(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As people type it into an application.
    #[must_use]
    pub fn base32(&self) -> Zeroizing<String> {
        Zeroizing::new(totp_rs::Secret::from(self.0.as_bytes()).to_base32())
    }

    /// The `otpauth:` URI that an application scans.
    #[must_use]
    pub fn uri(&self, realm: &Realm, username: &str) -> Zeroizing<String> {
        let parameters = Parameters::of(realm);
        let shown = realm.rep.display_name.as_deref();
        let issuer = percent(shown.filter(|name| !name.is_empty()).unwrap_or(&realm.name));
        let (kind, last) = if parameters.by_time() {
            ("totp", format!("period={}", parameters.period))
        } else {
            ("hotp", format!("counter={}", parameters.counter))
        };
        Zeroizing::new(format!(
            "otpauth://{kind}/{issuer}:{}?secret={}&digits={}&algorithm={}&issuer={issuer}&{last}",
            percent(username),
            self.base32().as_str(),
            parameters.digits,
            parameters.algorithm_name(),
        ))
    }
}

fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// A device of a user, its secret sealed.
#[derive(Clone, sqlx::FromRow)]
pub struct Device {
    /// Its id.
    pub id: Uuid,
    /// What the user calls it.
    pub user_label: Option<String>,
    credential_data: String,
    secret_data: Vec<u8>,
    used_step: Option<i64>,
}

/// A code that was right; nothing is spent yet.
pub struct Right {
    step: i64,
}

/// The devices of a user, the preferred one first.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn list(db: impl PgExecutor<'_>, realm: Uuid, user: Uuid) -> Result<Vec<Device>> {
    Ok(sqlx::query_as(
        "select id, user_label, credential_data, secret_data, used_step from credential \
         where realm_id = $1 and user_id = $2 and type = 'otp' order by priority, id limit $3",
    )
    .bind(realm)
    .bind(user)
    .bind(MAX_LISTED)
    .fetch_all(db)
    .await?)
}

impl Device {
    fn parameters(&self) -> Option<Parameters> {
        serde_json::from_str(&self.credential_data).ok()
    }

    /// Whether `code` is one of this device and unused; spends nothing. `now`: seconds.
    ///
    /// A device that cannot be read accepts no code, and the log says so.
    #[must_use]
    pub fn check(&self, sealer: &Sealer, realm: &Realm, code: &str, now: i64) -> Option<Right> {
        #[derive(Deserialize)]
        struct SecretData<'a> {
            #[serde(borrow)]
            value: Cow<'a, str>,
        }
        let opened = sealer.open(realm.id, self.id, &self.secret_data).ok();
        let secret = opened
            .as_deref()
            .and_then(|text| serde_json::from_slice::<SecretData<'_>>(text).ok());
        let (Some(parameters), Some(secret)) = (self.parameters(), secret) else {
            tracing::warn!(credential = %self.id, "a one-time-code device cannot be read");
            return None;
        };
        let used = self.used_step.filter(|_| !reusable(realm));
        let used = used.filter(|_| parameters.by_time());
        let step = parameters.find(&secret.value, code.trim(), window(realm), used, now)?;
        Some(Right { step })
    }

    /// Spends a right code: of two uses at once, on whichever nodes, one gets true.
    ///
    /// # Errors
    /// [`store::Error::Unavailable`], [`store::Error::Db`].
    pub async fn spend(
        &self,
        db: impl PgExecutor<'_>,
        realm: &Realm,
        right: &Right,
    ) -> Result<bool> {
        let Some(mut parameters) = self.parameters() else {
            return Ok(false);
        };
        let query = if parameters.by_time() {
            sqlx::query(
                "update credential set used_step = greatest(used_step, $3) where realm_id = $1 and id = $2 \
                 and ($4 or used_step is null or used_step < $3)",
            )
            .bind(realm.id)
            .bind(self.id)
            .bind(right.step)
            .bind(reusable(realm))
        } else {
            parameters.counter = right.step.saturating_add(1);
            sqlx::query(
                "update credential set credential_data = $3 where realm_id = $1 and id = $2 and credential_data = $4",
            )
            .bind(realm.id)
            .bind(self.id)
            .bind(parameters.to_json())
            .bind(&self.credential_data)
        };
        Ok(query.execute(db).await?.rows_affected() > 0)
    }
}

/// Makes a device of `secret`, whose code the user has given to show that it works; that code is spent with it.
/// None when the code is wrong, or the user is gone or has 50 credentials.
///
/// # Errors
/// [`store::Error::Invalid`] for a label over 255 characters or with control characters.
pub async fn create(
    db: impl PgExecutor<'_>,
    sealer: &Sealer,
    realm: &Realm,
    user: Uuid,
    secret: &Secret,
    (label, code): (&str, &str),
) -> Result<Option<Uuid>> {
    check_label(label)?;
    let mut parameters = Parameters::of(realm);
    let code = code.trim();
    let now = clock::now();
    let Some(step) = parameters.find(secret.as_str(), code, window(realm), None, now) else {
        return Ok(None);
    };
    let used = Some(step).filter(|_| parameters.by_time());
    if used.is_none() {
        parameters.counter = step.saturating_add(1);
    }
    let id = Uuid::new_v4();
    let plain = Zeroizing::new(serde_json::json!({ "value": secret.as_str() }).to_string());
    let done = sqlx::query(
        "insert into credential (realm_id, id, user_id, type, user_label, created_date, priority, credential_data, \
         secret_data, used_step) select $1, $2, u.id, 'otp', $4, $5, known.last + $6, $7, $8, $9 from user_entity u, \
         lateral (select coalesce(max(priority), 0) as last, count(*) filter (where type <> 'app-password') as number \
         from credential \
         where realm_id = $1 and user_id = $3) known \
         where u.realm_id = $1 and u.id = $3 and known.number < $10",
    )
    .bind(realm.id)
    .bind(id)
    .bind(user)
    .bind(label)
    .bind(clock::now_ms())
    .bind(PRIORITY_STEP)
    .bind(parameters.to_json())
    .bind(sealer.seal(realm.id, id, plain.as_bytes())?)
    .bind(used)
    .bind(MAX_CREDENTIALS)
    .execute(db)
    .await?;
    Ok((done.rows_affected() > 0).then_some(id))
}
