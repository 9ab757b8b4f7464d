//! What the credential gate has to know about whoever wants in, in one query.

use sqlx::postgres::PgRow;
use sqlx::{FromRow as _, PgExecutor, Row as _};
use store::Result;
use uuid::Uuid;

use crate::lockout::LoginFailure;
use crate::password::PasswordHash;
use crate::{User, profile};

/// A user who wants to log in.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The user.
    pub user: User,
    /// The first password, if there is one that can be checked.
    pub password: Option<Password>,
    /// A one-time-password, WebAuthn or recovery-code credential exists.
    pub second_factor: bool,
    /// One of them is a list of recovery codes.
    pub recovery_codes: bool,
    /// The failed logins since the last good one, if any.
    pub failures: Option<LoginFailure>,
}

/// A password as it is stored.
#[derive(Clone, Debug)]
pub struct Password {
    /// The credential's id.
    pub id: Uuid,
    /// Milliseconds; changes with the password.
    pub created_date: i64,
    /// To be checked by [`crate::Hasher::verify`].
    pub hash: PasswordHash,
}

/// That user `u` is the one of name `$2` in realm `$1`; where `$3` says so, first the one with that e-mail address.
macro_rules! is_named {
    () => {
        "u.id = coalesce((select id from user_entity where $3 and realm_id = $1 and email_unique = $2), \
         (select id from user_entity where realm_id = $1 and username = $2))"
    };
}
pub(crate) use is_named;

/// The user of this name, in any case; with `with_email`, first the one with this e-mail address, which only counts
/// where addresses are unique. No service account: it has no password, and wrong ones would lock the client out of it.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn find_for_login(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    name: &str,
    with_email: bool,
) -> Result<Option<Candidate>> {
    const SQL: &str = crate::select_user!(concat!(
        ", p.id as password_id, p.created_date, p.credential_data, p.secret_data, f.num_failures, \
         f.num_temporary_lockouts, f.failed_login_not_before, f.last_failure, f.last_ip_failure, \
         exists (select from credential s where s.realm_id = u.realm_id and s.user_id = u.id \
         and s.type in ('otp', 'webauthn', 'recovery-authn-codes')) as second_factor, \
         exists (select from credential s where s.realm_id = u.realm_id and s.user_id = u.id \
         and s.type = 'recovery-authn-codes') as recovery_codes \
         from user_entity u \
         left join login_failure f on f.realm_id = u.realm_id and f.user_id = u.id \
         left join lateral (select c.id, c.created_date, c.credential_data, c.secret_data from credential c \
         where c.realm_id = u.realm_id and c.user_id = u.id and c.type = 'password' order by c.priority, c.id limit 1) p \
         on true \
         where u.realm_id = $1 and u.service_account_client is null and ",
        crate::login::is_named!()
    ));
    if !profile::may_be_name(name) {
        return Ok(None);
    }
    let row = sqlx::query(SQL)
        .bind(realm)
        .bind(name.to_lowercase())
        .bind(with_email && name.contains('@'))
        .fetch_optional(db)
        .await?;
    Ok(row.as_ref().map(read).transpose()?)
}

fn read(row: &PgRow) -> Result<Candidate, sqlx::Error> {
    let user = User::from_row(row)?;
    let password = match row.try_get::<Option<Uuid>, _>("password_id")? {
        None => None,
        Some(id) => {
            let data: &str = row.try_get("credential_data")?;
            // A hash that cannot be read is no way in, and the user not a defect of the server.
            match PasswordHash::parse(data, row.try_get("secret_data")?) {
                Ok(hash) => Some(Password {
                    id,
                    created_date: row.try_get("created_date")?,
                    hash,
                }),
                Err(error) => {
                    tracing::warn!(user = %user.id, %error, "a stored password cannot be checked");
                    None
                }
            }
        }
    };
    let failed: Option<i32> = row.try_get("num_failures")?;
    let failures = failed.map(|_| LoginFailure::from_row(row)).transpose()?;
    Ok(Candidate {
        password,
        second_factor: row.try_get("second_factor")?,
        recovery_codes: row.try_get("recovery_codes")?,
        failures,
        user,
    })
}
