//! What realms ask of passwords over time: that they are changed (`forceExpiredPasswordChange`), and that earlier ones
//! are not taken again (`passwordHistory`).

use realm::Realm;
use sqlx::PgExecutor;
use store::{Connection, Result, clock};
use uuid::Uuid;

use crate::WriteError;
use crate::password::{Hasher, PasswordHash};
use crate::policy::Policy;

/// The `type` of such credentials, as in Keycloak.
pub(super) const TYPE: &str = "password-history";
/// Passwords that are compared at most, whatever the policy says: each costs as much as a login.
const MAX: i64 = 24;

/// Whether a password that was set at `created` (milliseconds) has to be changed by now.
#[must_use]
pub fn is_expired(realm: &Realm, created: i64) -> bool {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    // Most policies do not ask for it, and reading one costs more than this look.
    let text = realm.settings.password_policy.as_deref();
    text.is_some_and(|text| text.contains("forceExpiredPasswordChange"))
        && Policy::of(realm)
            .expires_after_days()
            .filter(|days| *days >= 0)
            .is_some_and(|days| created.saturating_add(days.saturating_mul(DAY)) < clock::now_ms())
}

/// How many passwords of a user count, the one in use among them; none where the realm does not care.
fn remembered(realm: &Realm) -> Option<i64> {
    let number = Policy::of(realm).history()?;
    Some(number.min(MAX)).filter(|number| *number > 0)
}

/// Checks that a new password is none of the last ones. Costs as many hashes as are remembered.
///
/// # Errors
/// [`WriteError::Policy`] in Keycloak's words; [`store::Error::Busy`] as [`WriteError::Store`].
pub async fn check_history(
    db: impl PgExecutor<'_>,
    hasher: &Hasher,
    realm: &Realm,
    user: Uuid,
    password: &str,
) -> Result<(), WriteError> {
    let Some(number) = remembered(realm) else {
        return Ok(());
    };
    let known: Vec<(String, Vec<u8>)> = sqlx::query_as(
        "select credential_data, secret_data from credential where realm_id = $1 and user_id = $2 \
         and type in ('password', 'password-history') order by type, created_date desc limit $3",
    )
    .bind(realm.id)
    .bind(user)
    .bind(number)
    .fetch_all(db)
    .await?;
    for (data, secret) in known {
        let Ok(hash) = PasswordHash::parse(&data, &secret) else {
            continue;
        };
        if hasher.verify(password, Some(&hash)).await?.ok {
            return Err(WriteError::Policy {
                error: "invalidPasswordHistoryMessage",
                description: format!(
                    "Invalid password: must not be equal to any of last {number} passwords."
                ),
            });
        }
    }
    Ok(())
}

/// Keeps the password in use, before another takes its place, as long as the realm asks for. The caller holds the
/// user's row.
pub(super) async fn keep(tx: &mut Connection, realm: &Realm, user: Uuid) -> Result<()> {
    // Of so many the newest will be the one in use.
    let Some(number) = remembered(realm).map(|number| number - 1) else {
        return Ok(());
    };
    sqlx::query(
        "with kept as (insert into credential (realm_id, id, user_id, type, created_date, priority, credential_data, \
         secret_data) select $1, $3, $2, $4, created_date, priority, credential_data, secret_data from credential \
         where realm_id = $1 and user_id = $2 and type = 'password' and $5 > 0 order by priority, id limit 1) \
         delete from credential where realm_id = $1 and user_id = $2 and type = $4 and id not in (select id from credential \
         where realm_id = $1 and user_id = $2 and type = $4 order by created_date desc limit greatest($5 - 1, 0))",
    )
    .bind(realm.id)
    .bind(user)
    .bind(Uuid::new_v4())
    .bind(TYPE)
    .bind(number)
    .execute(tx)
    .await?;
    Ok(())
}
