//! Recovery codes: a list on paper, of which each code lets its owner in once, in the order of the list.

use aws_lc_rs::digest::{SHA512, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use realm::{Realm, Sealer};
use serde::{Deserialize, Serialize};
use sqlx::PgExecutor;
use store::{Connection, Result, clock};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::credential::{PRIORITY_STEP, check_label};

/// The `type` of such credentials.
pub const TYPE: &str = "recovery-authn-codes";
/// The required action to make a list.
pub const CONFIGURE: &str = "CONFIGURE_RECOVERY_AUTHN_CODES";
/// With so many codes left, or fewer, it is time to make a new list.
pub const FEW: i64 = 4;
const CODES: usize = 12;
const CODE_LENGTH: usize = 12;
/// Without letters and digits that look alike.
const LETTERS: &[u8] = b"ABCDEFGHJKMNPQRSTUVWXYZ23456789";
const ALGORITHM: &str = "SHA-512";

/// Keycloak's `credentialData`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CredentialData {
    algorithm: String,
    total_codes: i64,
    remaining_codes: i64,
}

/// Keycloak's `secretData`: the codes that are left.
#[derive(Serialize, Deserialize)]
struct SecretData {
    codes: Vec<Code>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Code {
    number: i64,
    /// SHA-512 in base64.
    encoded_hashed_value: String,
}

/// New codes, in the order in which they will be asked for.
///
/// # Errors
/// When the system gives no random bytes.
pub fn generate() -> Result<Vec<Zeroizing<String>>, realm::Error> {
    (0..CODES)
        .map(|_| crate::credential::random_text(LETTERS, CODE_LENGTH))
        .collect()
}

fn hash(code: &str) -> String {
    STANDARD.encode(digest(&SHA512, code.as_bytes()))
}

/// As it was made: people copy codes with dashes between and in small letters.
fn plain(code: &str) -> Zeroizing<String> {
    let kept = code.chars().filter(|c| *c != '-' && !c.is_whitespace());
    Zeroizing::new(kept.flat_map(char::to_uppercase).collect())
}

/// A user's list, its codes sealed.
#[derive(Clone, sqlx::FromRow)]
pub struct List {
    /// The credential's id.
    pub id: Uuid,
    user_id: Uuid,
    credential_data: String,
    secret_data: Vec<u8>,
}

/// A code that was right, and what is left of the list without it; nothing is spent yet.
pub struct Right {
    data: CredentialData,
    rest: SecretData,
}

/// The list of a user, if there is one.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn find(db: impl PgExecutor<'_>, realm: Uuid, user: Uuid) -> Result<Option<List>> {
    Ok(sqlx::query_as(
        "select id, user_id, credential_data, secret_data from credential where realm_id = $1 and user_id = $2 \
         and type = 'recovery-authn-codes' order by priority, id limit 1",
    )
    .bind(realm)
    .bind(user)
    .fetch_optional(db)
    .await?)
}

impl List {
    fn data(&self) -> Option<CredentialData> {
        serde_json::from_str(&self.credential_data).ok()
    }

    fn secret(&self, sealer: &Sealer, realm: &Realm) -> Option<SecretData> {
        let opened = sealer.open(realm.id, self.id, &self.secret_data).ok()?;
        serde_json::from_slice(&opened).ok()
    }

    /// The number of the code that is asked for next; none when the list cannot be read.
    #[must_use]
    pub fn next(&self, sealer: &Sealer, realm: &Realm) -> Option<i64> {
        Some(self.secret(sealer, realm)?.codes.first()?.number)
    }

    /// How many codes are left.
    #[must_use]
    pub fn remaining(&self) -> i64 {
        self.data().map_or(0, |data| data.remaining_codes)
    }

    /// Whether `code` is the one that is asked for; spends nothing.
    ///
    /// A list that cannot be read accepts no code, and the log says so.
    #[must_use]
    pub fn check(&self, sealer: &Sealer, realm: &Realm, code: &str) -> Option<Right> {
        let (Some(mut data), Some(mut rest)) = (self.data(), self.secret(sealer, realm)) else {
            tracing::warn!(credential = %self.id, "a list of recovery codes cannot be read");
            return None;
        };
        let known = &rest.codes.first()?.encoded_hashed_value;
        let given = hash(&plain(code));
        if data.algorithm != ALGORITHM || !bool::from(known.as_bytes().ct_eq(given.as_bytes())) {
            return None;
        }
        rest.codes.remove(0);
        data.remaining_codes = i64::try_from(rest.codes.len()).unwrap_or_default();
        Some(Right { data, rest })
    }

    /// Spends a right code: of two uses at once, on whichever nodes, one gets true. With the last code the list goes, and
    /// its owner has to make a new one.
    ///
    /// # Errors
    /// [`store::Error::Unavailable`], [`store::Error::Db`].
    pub async fn spend(
        &self,
        db: impl PgExecutor<'_>,
        sealer: &Sealer,
        realm: &Realm,
        right: &Right,
    ) -> Result<bool> {
        let query = if right.rest.codes.is_empty() {
            sqlx::query_scalar(
                "with spent as (delete from credential where realm_id = $1 and id = $2 and credential_data = $3 \
                 and user_id = $4 returning user_id), \
                 asked as (update user_entity u set required_actions = array_append(u.required_actions, $5) from spent \
                 where u.realm_id = $1 and u.id = spent.user_id and not $5 = any(u.required_actions)) \
                 select exists (select from spent)",
            )
            .bind(realm.id)
            .bind(self.id)
            .bind(&self.credential_data)
            .bind(self.user_id)
            .bind(CONFIGURE)
        } else {
            let rest = Zeroizing::new(json(&right.rest));
            sqlx::query_scalar(
                "with spent as (update credential set credential_data = $4, secret_data = $5 where realm_id = $1 \
                 and id = $2 and credential_data = $3 returning id) select exists (select from spent)",
            )
            .bind(realm.id)
            .bind(self.id)
            .bind(&self.credential_data)
            .bind(json(&right.data))
            .bind(sealer.seal(realm.id, self.id, rest.as_bytes())?)
        };
        Ok(query.fetch_one(db).await?)
    }
}

/// Gives a user a list in place of the one it has; whether there is such a user. `created`: milliseconds.
///
/// # Errors
/// [`store::Error::Invalid`] for a label over 255 characters or with control characters.
pub async fn create(
    tx: &mut Connection,
    sealer: &Sealer,
    realm: &Realm,
    user: Uuid,
    codes: &[Zeroizing<String>],
    label: &str,
) -> Result<bool> {
    check_label(label)?;
    let number = i64::try_from(codes.len()).unwrap_or_default();
    let data = CredentialData {
        algorithm: ALGORITHM.to_owned(),
        total_codes: number,
        remaining_codes: number,
    };
    let hashes = (1..).zip(codes).map(|(number, code)| Code {
        number,
        encoded_hashed_value: hash(code),
    });
    let secret = Zeroizing::new(json(&SecretData {
        codes: hashes.collect(),
    }));
    let id = Uuid::new_v4();
    // First the user's row, so that two of these at once take turns.
    let known: Option<Uuid> =
        sqlx::query_scalar("select id from user_entity where realm_id = $1 and id = $2 for update")
            .bind(realm.id)
            .bind(user)
            .fetch_optional(&mut *tx)
            .await?;
    if known.is_none() {
        return Ok(false);
    }
    sqlx::query(
        "delete from credential where realm_id = $1 and user_id = $2 and type = 'recovery-authn-codes'",
    )
    .bind(realm.id)
    .bind(user)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "insert into credential (realm_id, id, user_id, type, user_label, created_date, priority, credential_data, \
         secret_data) select $1, $2, $3, 'recovery-authn-codes', $4, $5, coalesce(max(priority), 0) + $6, $7, $8 \
         from credential where realm_id = $1 and user_id = $3",
    )
    .bind(realm.id)
    .bind(id)
    .bind(user)
    .bind(label)
    .bind(clock::now_ms())
    .bind(PRIORITY_STEP)
    .bind(json(&data))
    .bind(sealer.seal(realm.id, id, secret.as_bytes())?)
    .execute(tx)
    .await?;
    Ok(true)
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_hashed_as_keycloak_hashes_it() {
        assert_eq!(
            hash("81W4ABGS2KEG"),
            "atOSfjhuUkttoYTYCjHzx87OBw+uMsyg280xx43zy9os9YX3xnVKG1gtLDOXMK6Z1G1H0ZXkbDW/gWS9UYeFSA=="
        );
    }

    #[test]
    fn a_code_may_be_typed_with_dashes_and_in_small_letters() {
        assert_eq!(plain(" 81w4-abgs-2keg\n").as_str(), "81W4ABGS2KEG");
    }

    #[test]
    fn new_codes_are_twelve_of_twelve_and_all_different() {
        let codes = generate().unwrap();
        assert!(codes.len() == CODES && codes.iter().all(|code| code.len() == CODE_LENGTH));
        let different: std::collections::HashSet<&str> = codes.iter().map(|c| c.as_str()).collect();
        assert_eq!(different.len(), CODES);
    }

    #[test]
    fn data_is_written_as_keycloak_writes_it() {
        let text = r#"{"algorithm":"SHA-512","totalCodes":12,"remainingCodes":11}"#;
        let data: CredentialData = serde_json::from_str(text).unwrap();
        assert_eq!(json(&data), text);
    }
}
