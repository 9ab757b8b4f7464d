use realm::{BruteForceStrategy, Realm};
use serde_json::json;
use user::lockout::{self, Failed, is_locked};
use user::login;
use uuid::Uuid;

use crate::{Fixture, with_database};

const IP: &str = "192.0.2.1";
/// A moment, in milliseconds.
pub const T0: i64 = 1_800_000_000_000;

pub fn protect(realm: &mut Realm, factor: i64) {
    realm.settings.brute_force_protected = true;
    realm.settings.failure_factor = factor;
    realm.settings.quick_login_check_milli_seconds = 0;
}

pub async fn fail(t: &Fixture, user: Uuid, at: i64) -> Failed {
    lockout::fail(&t.pool, &t.realm, user, IP, at)
        .await
        .unwrap()
}

#[test]
fn locks_grow_as_the_strategy_says_and_stop_at_the_maximum() {
    with_database(async |mut t| {
        protect(&mut t.realm, 2);
        let id = t.user("alice").await;
        let mut now = T0;
        let mut waits = vec![];
        for _ in 0..6 {
            let failure = fail(&t, id, now).await.failure;
            waits.push((failure.failed_login_not_before - now / 1000).max(0));
            now = now.max(failure.failed_login_not_before * 1000);
        }
        assert_eq!(waits, [0, 60, 60, 120, 120, 180]);
        let failure = lockout::find(&t.pool, t.realm.id, id)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (failure.num_failures, failure.num_temporary_lockouts),
            (6, 5)
        );
        assert_eq!(
            (failure.last_ip_failure.as_str(), failure.last_failure < now),
            (IP, true)
        );

        t.realm.settings.max_failure_wait_seconds = 100;
        let failure = fail(&t, id, now).await.failure;
        assert_eq!(failure.failed_login_not_before - now / 1000, 100);

        t.realm.settings.brute_force_strategy = BruteForceStrategy::Linear;
        t.realm.settings.max_failure_wait_seconds = 900;
        let id = t.user("bob").await;
        let mut now = T0;
        let mut waits = vec![];
        for _ in 0..4 {
            let failure = fail(&t, id, now).await.failure;
            waits.push((failure.failed_login_not_before - now / 1000).max(0));
            now = now.max(failure.failed_login_not_before * 1000);
        }
        assert_eq!(waits, [0, 60, 120, 180]);
    });
}

#[test]
fn a_second_failure_within_the_quick_login_check_locks_at_once() {
    with_database(async |mut t| {
        protect(&mut t.realm, 30);
        t.realm.settings.quick_login_check_milli_seconds = 1000;
        let id = t.user("alice").await;
        assert!(!is_locked(Some(&fail(&t, id, T0).await.failure), T0 / 1000));
        let failure = fail(&t, id, T0 + 1000).await.failure;
        assert!(
            !is_locked(Some(&failure), T0 / 1000 + 1),
            "a second is not too quick"
        );
        let failure = fail(&t, id, T0 + 1900).await.failure;
        assert_eq!(
            (
                failure.failed_login_not_before,
                failure.num_temporary_lockouts
            ),
            (T0 / 1000 + 1 + 60, 0)
        );
    });
}

#[test]
fn failures_while_locked_count_and_do_not_make_the_lock_longer() {
    with_database(async |mut t| {
        protect(&mut t.realm, 5);
        t.realm.settings.quick_login_check_milli_seconds = 1000;
        let id = t.user("alice").await;
        let mut until = vec![];
        for n in 0..12 {
            until.push(
                fail(&t, id, T0 + n * 100)
                    .await
                    .failure
                    .failed_login_not_before,
            );
        }
        assert_eq!(until[0], 0);
        assert!(until[1..].iter().all(|second| *second == T0 / 1000 + 60));
        let status = lockout::status(&t.pool, &t.realm, id, T0 / 1000 + 1)
            .await
            .unwrap();
        assert_eq!(
            (
                status.num_failures,
                status.disabled,
                status.failed_login_not_before
            ),
            (12, true, T0 / 1000 + 60)
        );
        let status = lockout::status(&t.pool, &t.realm, id, T0 / 1000 + 60)
            .await
            .unwrap();
        assert!(!status.disabled);
    });
}

#[test]
fn old_failures_are_forgotten_after_the_reset_time() {
    with_database(async |mut t| {
        protect(&mut t.realm, 3);
        let id = t.user("alice").await;
        fail(&t, id, T0).await;
        fail(&t, id, T0 + 5000).await;
        let reset = t.realm.settings.max_delta_time_seconds * 1000;
        assert_eq!(
            fail(&t, id, T0 + 5000 + reset).await.failure.num_failures,
            3
        );
        let later = T0 + 5000 + 2 * reset + 1;
        let failure = fail(&t, id, later).await.failure;
        assert_eq!(
            (
                failure.num_failures,
                failure.num_temporary_lockouts,
                failure.failed_login_not_before
            ),
            (1, 0, 0)
        );
        assert_eq!(failure.last_failure, later);
    });
}

#[test]
fn a_permanent_lock_disables_the_user_until_an_administrator_enables_it() {
    with_database(async |mut t| {
        protect(&mut t.realm, 3);
        t.realm.settings.permanent_lockout = true;
        let id = t.user("alice").await;
        for n in 0..2 {
            assert!(!fail(&t, id, T0 + n * 5000).await.disabled);
        }
        let third = fail(&t, id, T0 + 10_000).await;
        assert!(third.disabled && third.failure.failed_login_not_before == 0);
        assert!(!fail(&t, id, T0 + 15_000).await.disabled, "told once");
        let user = t.find(id).await;
        assert!(!user.enabled && lockout::is_permanently_locked(&user));
        assert_eq!(
            user.attributes["disabledReason"],
            json!(["permanentLockout"])
        );
        let status = lockout::status(&t.pool, &t.realm, id, T0 / 1000)
            .await
            .unwrap();
        assert_eq!(
            (status.disabled, status.failed_login_not_before),
            (true, i64::MAX)
        );

        assert!(t.update(id, json!({"enabled": true})).await.unwrap());
        let user = t.find(id).await;
        assert!(user.enabled && user.attributes.is_empty());
        assert!(
            lockout::find(&t.pool, t.realm.id, id)
                .await
                .unwrap()
                .is_none()
        );
    });
}

#[test]
fn failures_while_locked_do_not_disable_a_user_for_good() {
    with_database(async |mut t| {
        protect(&mut t.realm, 3);
        t.realm.settings.permanent_lockout = true;
        t.realm.settings.quick_login_check_milli_seconds = 1000;
        let id = t.user("alice").await;
        for n in 0..6 {
            assert!(!fail(&t, id, T0 + n * 100).await.disabled);
        }
        assert!(t.find(id).await.enabled);
        let after = fail(&t, id, T0 + 61_000).await;
        assert!(after.disabled && after.failure.num_failures == 7);
    });
}

#[test]
fn with_temporary_locks_first_the_permanent_one_comes_after_the_last_of_them() {
    with_database(async |mut t| {
        protect(&mut t.realm, 1);
        t.realm.settings.permanent_lockout = true;
        t.realm.settings.max_temporary_lockouts = 2;
        let id = t.user("alice").await;
        let mut now = T0;
        for expected in [false, false, true] {
            let failed = fail(&t, id, now).await;
            assert_eq!(failed.disabled, expected);
            assert_eq!(is_locked(Some(&failed.failure), now / 1000), !expected);
            now = failed.failure.failed_login_not_before * 1000;
        }
    });
}

#[test]
fn failures_are_forgotten_by_success_and_by_administrators() {
    with_database(async |mut t| {
        protect(&mut t.realm, 30);
        let (alice, bob) = (t.user("alice").await, t.user("bob").await);
        let failures = async |user| lockout::find(&t.pool, t.realm.id, user).await.unwrap();
        for user in [alice, bob] {
            fail(&t, user, T0).await;
        }
        let candidate = login::find_for_login(&t.pool, t.realm.id, "alice", false)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(candidate.failures.unwrap().num_failures, 1);
        lockout::succeed(&t.pool, t.realm.id, alice).await.unwrap();
        assert!(failures(alice).await.is_none() && failures(bob).await.is_some());
        fail(&t, alice, T0).await;
        lockout::clear(&t.pool, t.realm.id, alice).await.unwrap();
        assert!(failures(alice).await.is_none());
        lockout::clear_all(&t.pool, t.realm.id).await.unwrap();
        assert!(failures(bob).await.is_none());
        let none = lockout::status(&t.pool, &t.realm, Uuid::new_v4(), 0)
            .await
            .unwrap();
        assert_eq!(
            (
                none.num_failures,
                none.last_ip_failure.as_str(),
                none.disabled
            ),
            (0, "n/a", false)
        );
        lockout::fail_nobody(&t.pool).await.unwrap();
        let nobody = lockout::fail(&t.pool, &t.realm, Uuid::new_v4(), IP, T0)
            .await
            .unwrap();
        assert_eq!(nobody, Failed::default());
    });
}
