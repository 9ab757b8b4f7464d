//! Brute-force protection: how many wrong passwords a user has had, and what follows.

mod gate;

use std::collections::HashMap;

use realm::{BruteForceStrategy, Realm};
use serde::Serialize;
use serde_json::{Map, Value};
use sqlx::PgExecutor;
use store::Result;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::User;

pub use gate::{Gate, Permit};

/// The failed logins of a user since the last good one.
#[derive(Clone, Debug, Default, PartialEq, sqlx::FromRow)]
pub struct LoginFailure {
    /// Wrong passwords, also those given while the user was locked.
    pub num_failures: i32,
    /// Locks so far, not counting those for trying too quickly.
    pub num_temporary_lockouts: i32,
    /// Until this second the user is locked.
    pub failed_login_not_before: i64,
    /// Milliseconds.
    pub last_failure: i64,
    /// Where the last one came from.
    pub last_ip_failure: String,
}

/// What a failure has led to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Failed {
    /// The count, with this failure.
    pub failure: LoginFailure,
    /// The user has just been disabled for good: `USER_DISABLED_BY_PERMANENT_LOCKOUT`.
    pub disabled: bool,
}

pub(crate) const DISABLED_REASON: &str = "disabledReason";
const PERMANENT: &str = "permanentLockout";

/// Whether the user is locked at this second; the password is then not to decide.
#[must_use]
pub fn is_locked(failure: Option<&LoginFailure>, now: i64) -> bool {
    failure.is_some_and(|failure| now < failure.failed_login_not_before)
}

/// Whether the user has been disabled because of too many failures.
#[must_use]
pub fn is_permanently_locked(user: &User) -> bool {
    !user.enabled
        && user
            .attributes
            .get(DISABLED_REASON)
            .is_some_and(|reason| reason[0] == PERMANENT)
}

/// Takes away the mark of a permanent lock; whether there was one.
pub(crate) fn forget_permanent(attributes: &mut Map<String, Value>) -> bool {
    let marked = attributes
        .get(DISABLED_REASON)
        .is_some_and(|reason| reason[0] == PERMANENT);
    if marked {
        attributes.remove(DISABLED_REASON);
    }
    marked
}

/// Seconds to wait after `$n` failures, before the cap. `$7` = increment, `$8` = factor, `$6` = strategy MULTIPLE.
macro_rules! wait {
    ($n:literal) => {
        concat!(
            "(case when $6 then $7 * (",
            $n,
            " / $8) else $7 * (1 + ",
            $n,
            " - $8) end)"
        )
    };
}

/// Counts a wrong password of a user, and locks the user as Keycloak's DefaultBruteForceProtector does: one atomic
/// statement, so no failure is lost or counted twice, however many come at once and on however many nodes.
///
/// Unlike Keycloak it is also called for wrong passwords given while the user is locked. They count, but a lock that
/// stands is not made longer by them, nor made permanent. A user deleted meanwhile has no failures.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn fail(
    db: impl PgExecutor<'_>,
    realm: &Realm,
    user: Uuid,
    ip: &str,
    now_ms: i64,
) -> Result<Failed> {
    #[derive(sqlx::FromRow)]
    struct Row {
        #[sqlx(flatten)]
        failure: LoginFailure,
        disabled: bool,
    }
    const SQL: &str = concat!(
        "with counted as (insert into login_failure as f (realm_id, user_id, num_failures, num_temporary_lockouts, \
         failed_login_not_before, last_failure, last_ip_failure) \
         select $1, $2, 1, (w > 0)::integer, case when w > 0 and 1 <= $12 then $3 / 1000 + w else 0 end, $3, $4 \
         from (select least($11, ",
        wait!("1"),
        ") as w) first \
         on conflict (realm_id, user_id) do update set (num_failures, num_temporary_lockouts, failed_login_not_before, \
         last_failure, last_ip_failure) = (\
         select n, case when locked or w <= 0 then lockouts else lockouts + 1 end, \
         case when locked then until \
              when w > 0 and lockouts + 1 <= $12 then greatest(until, $3 / 1000 + w) \
              when w <= 0 and $9 > 0 and $3 - f.last_failure < $9 then greatest(until, $3 / 1000 + least($11, $10)) \
              else until end, \
         greatest(f.last_failure, $3), $4 from (\
         select n, lockouts, until, until > $3 / 1000 as locked, least($11, ",
        wait!("n"),
        ") as w from (\
         select case when old then 1 else least(f.num_failures, 2147483646) + 1 end as n, \
         case when old then 0 else f.num_temporary_lockouts end as lockouts, \
         case when old then 0 else f.failed_login_not_before end as until \
         from (select $3 - f.last_failure > $5 as old) a) b) c) \
         returning f.*), \
         disabled as (update user_entity u set enabled = false, attributes = u.attributes || $15 from counted \
         where $13 and u.realm_id = $1 and u.id = $2 and u.enabled and (counted.num_temporary_lockouts > $12 \
         or ($14 and counted.num_failures >= $8)) and not exists (select from login_failure b where b.realm_id = $1 \
         and b.user_id = $2 and b.failed_login_not_before > $3 / 1000) returning u.id) \
         select counted.*, exists (select from disabled) as disabled from counted"
    );
    let settings = &realm.settings;
    let permanent = settings.permanent_lockout;
    // Without temporary locks before the permanent one, time heals nothing and no lock grows.
    let only_permanent = permanent && settings.max_temporary_lockouts == 0;
    let unless = |apply: bool, value: i64, other: i64| if apply { other } else { value };
    let clamp = |value: i64| value.clamp(0, i32::MAX.into());
    let row: Result<Row, store::Error> = sqlx::query_as(SQL)
        .bind(realm.id)
        .bind(user)
        .bind(now_ms)
        .bind(ip)
        .bind(unless(
            only_permanent,
            clamp(settings.max_delta_time_seconds) * 1000,
            i64::MAX,
        ))
        .bind(settings.brute_force_strategy == BruteForceStrategy::Multiple)
        .bind(unless(
            only_permanent,
            clamp(settings.wait_increment_seconds),
            0,
        ))
        .bind(clamp(settings.failure_factor).max(1))
        .bind(clamp(settings.quick_login_check_milli_seconds))
        .bind(clamp(settings.minimum_quick_login_wait_seconds))
        .bind(unless(
            only_permanent,
            clamp(settings.max_failure_wait_seconds),
            i32::MAX.into(),
        ))
        .bind(unless(
            !permanent,
            clamp(settings.max_temporary_lockouts),
            i64::MAX,
        ))
        .bind(permanent)
        .bind(only_permanent)
        .bind(sqlx::types::Json(
            serde_json::json!({DISABLED_REASON: [PERMANENT]}),
        ))
        .fetch_one(db)
        .await
        .map_err(Into::into);
    match row {
        Ok(row) => Ok(Failed {
            failure: row.failure,
            disabled: row.disabled,
        }),
        Err(store::Error::Missing(_)) => Ok(Failed::default()),
        Err(error) => Err(error),
    }
}

/// What a wrong password for a user that does not exist costs: a commit to the disk, like [`fail`], so that the time of
/// an answer tells nobody which names there are.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn fail_nobody(db: impl PgExecutor<'_>) -> Result<()> {
    sqlx::query("select pg_logical_emit_message(true, 'realmkeep', 'no such user')")
        .execute(db)
        .await?;
    Ok(())
}

/// Forgets the failures of a user after a good login. Need not be called when there are none.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn succeed(db: impl PgExecutor<'_>, realm: Uuid, user: Uuid) -> Result<()> {
    clear(db, realm, user).await
}

/// The failures of a user, if any.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn find(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    user: Uuid,
) -> Result<Option<LoginFailure>> {
    Ok(sqlx::query_as(
        "select num_failures, num_temporary_lockouts, failed_login_not_before, last_failure, last_ip_failure \
         from login_failure where realm_id = $1 and user_id = $2",
    )
    .bind(realm)
    .bind(user)
    .fetch_optional(db)
    .await?)
}

/// What `GET attack-detection/brute-force/users/{id}` answers; serialises to its body.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = BruteForceStatus)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "Keycloak's own names")]
pub struct Status {
    pub failed_login_not_before: i64,
    pub num_failures: i32,
    pub num_temporary_lockouts: i32,
    pub disabled: bool,
    pub num_secondary_auth_failures: i32,
    #[serde(rename = "lastIPFailure")]
    pub last_ip_failure: String,
    pub last_failure: i64,
}

impl Default for Status {
    fn default() -> Self {
        Self {
            failed_login_not_before: 0,
            num_failures: 0,
            num_temporary_lockouts: 0,
            disabled: false,
            num_secondary_auth_failures: 0,
            last_ip_failure: "n/a".to_owned(),
            last_failure: 0,
        }
    }
}

/// How a user stands; all zero for a user without failures, and for one that is not there, as in Keycloak.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn status(
    db: impl PgExecutor<'_>,
    realm: &Realm,
    user: Uuid,
    now: i64,
) -> Result<Status> {
    let mut known = statuses(db, realm, &[user], now).await?;
    Ok(known.remove(&user).unwrap_or_default())
}

/// How these users stand; without those who never failed.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn statuses(
    db: impl PgExecutor<'_>,
    realm: &Realm,
    users: &[Uuid],
    now: i64,
) -> Result<HashMap<Uuid, Status>> {
    #[derive(sqlx::FromRow)]
    struct Row {
        id: Uuid,
        num_failures: Option<i32>,
        num_temporary_lockouts: Option<i32>,
        failed_login_not_before: Option<i64>,
        last_failure: Option<i64>,
        last_ip_failure: Option<String>,
        permanent: bool,
    }
    if !realm.settings.brute_force_protected {
        return Ok(HashMap::new());
    }
    let rows: Vec<Row> = sqlx::query_as(
        "select u.id, f.num_failures, f.num_temporary_lockouts, f.failed_login_not_before, f.last_failure, f.last_ip_failure, \
         not u.enabled and u.attributes -> $3 ->> 0 is not distinct from $4 as permanent from user_entity u \
         left join login_failure f on f.realm_id = u.realm_id and f.user_id = u.id where u.realm_id = $1 and u.id = any($2)",
    )
    .bind(realm.id)
    .bind(users)
    .bind(DISABLED_REASON)
    .bind(PERMANENT)
    .fetch_all(db)
    .await?;
    let statuses = rows.into_iter().map(|row| {
        let until = row.failed_login_not_before.unwrap_or_default();
        let status = Status {
            failed_login_not_before: if row.permanent { i64::MAX } else { until },
            num_failures: row.num_failures.unwrap_or_default(),
            num_temporary_lockouts: row.num_temporary_lockouts.unwrap_or_default(),
            disabled: row.permanent || now < until,
            num_secondary_auth_failures: 0,
            last_failure: row.last_failure.unwrap_or_default(),
            last_ip_failure: row.last_ip_failure.unwrap_or_else(|| "n/a".to_owned()),
        };
        (row.id, status)
    });
    Ok(statuses.collect())
}

/// Forgets the failures of a user.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn clear(db: impl PgExecutor<'_>, realm: Uuid, user: Uuid) -> Result<()> {
    sqlx::query("delete from login_failure where realm_id = $1 and user_id = $2")
        .bind(realm)
        .bind(user)
        .execute(db)
        .await?;
    Ok(())
}

/// Forgets the failures of all users of a realm.
///
/// # Errors
/// [`store::Error::Unavailable`], [`store::Error::Db`].
pub async fn clear_all(db: impl PgExecutor<'_>, realm: Uuid) -> Result<()> {
    sqlx::query("delete from login_failure where realm_id = $1")
        .bind(realm)
        .execute(db)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_ends_with_its_second() {
        let failure = LoginFailure {
            failed_login_not_before: 100,
            ..LoginFailure::default()
        };
        assert!(is_locked(Some(&failure), 99));
        assert!(!is_locked(Some(&failure), 100));
        assert!(!is_locked(None, 0));
    }

    #[test]
    fn a_permanent_lock_is_a_disabled_user_with_the_reason() {
        let mut user = User::default();
        assert!(!is_permanently_locked(&user));
        user.attributes
            .insert(DISABLED_REASON.to_owned(), serde_json::json!([PERMANENT]));
        assert!(is_permanently_locked(&user));
        assert!(forget_permanent(&mut user.attributes) && !is_permanently_locked(&user));
        assert!(!forget_permanent(&mut user.attributes));
    }

    #[test]
    fn a_status_is_written_as_recorded() {
        let status = Status::default();
        assert_eq!(
            serde_json::to_string(&status).unwrap(),
            r#"{"failedLoginNotBefore":0,"numFailures":0,"numTemporaryLockouts":0,"disabled":false,"numSecondaryAuthFailures":0,"lastIPFailure":"n/a","lastFailure":0}"#
        );
    }
}
