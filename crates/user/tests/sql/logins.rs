use serde_json::json;
use user::holder::{Kind, Presented};
use user::lockout::{self, Gate, is_locked};
use user::{Options, login};
use uuid::Uuid;

use crate::lockout::{T0, fail, protect};
use crate::{Fixture, with_database};

#[test]
fn a_candidate_is_found_by_name_or_address_in_any_case() {
    with_database(async |t| {
        let id = t.user("alice").await;
        let find = async |name: &str, with_email| {
            login::find_for_login(&t.pool, t.realm.id, name, with_email)
                .await
                .unwrap()
                .map(|found| found.user.id)
        };
        assert_eq!(find("Alice", false).await, Some(id));
        assert_eq!(find("ALICE@example.org", true).await, Some(id));
        assert_eq!(find("alice@example.org", false).await, None);
        assert_eq!(find("nobody", true).await, None);
        assert_eq!(find("a\0lice", true).await, None);
        assert_eq!(find(&"x".repeat(100_000), true).await, None);

        let candidate = login::find_for_login(&t.pool, t.realm.id, "alice", true)
            .await
            .unwrap()
            .unwrap();
        assert!(
            t.hasher
                .verify("right", Some(&candidate.password.unwrap().hash))
                .await
                .unwrap()
                .ok
        );
        assert!(!candidate.second_factor && candidate.failures.is_none());

        t.create(json!({"username": "bare"}), Options::default())
            .await
            .unwrap();
        let bare = login::find_for_login(&t.pool, t.realm.id, "bare", true)
            .await
            .unwrap()
            .unwrap();
        assert!(bare.password.is_none());
    });
}

#[test]
fn the_holder_of_a_token_is_known_with_its_session() {
    with_database(async |t| {
        let (realm, id) = (t.realm.id, t.user("alice").await);
        let session = user::session::create(&t.pool, realm, t.login(id, "192.0.2.1", 1))
            .await
            .unwrap();
        let find = async |realm, user, client, session| {
            let token = Presented {
                id: "jti",
                user,
                client,
                session,
                kind: Kind::Online,
            };
            user::holder::find(&t.pool, realm, &token).await.unwrap()
        };
        let holder = find(realm, Some(id), t.client, Some(&session))
            .await
            .unwrap();
        assert!(holder.enabled && !holder.revoked && holder.not_before == 0);
        let times = holder.session.unwrap();
        assert_eq!(
            (times.started, times.last_refresh, times.offline),
            (1, 1, false)
        );
        assert_eq!(times.client.map(|client| client.started), Some(1));
        let of_session = find(realm, None, t.client, Some(&session)).await.unwrap();
        assert_eq!(of_session.user, id, "the session says whose the token is");

        for gone in [None, Some("nosuch"), Some("a\0")] {
            let holder = find(realm, Some(id), t.client, gone).await.unwrap();
            assert_eq!(holder.session, None, "{gone:?}");
        }
        let stranger = find(realm, Some(id), Uuid::new_v4(), Some(&session))
            .await
            .unwrap();
        assert_eq!(stranger.session.unwrap().client, None);
        assert_eq!(find(Uuid::new_v4(), Some(id), t.client, None).await, None);
        assert_eq!(find(realm, None, t.client, Some("nosuch")).await, None);

        user::revoked_token::create(&t.pool, realm, "jti", 5)
            .await
            .unwrap();
        assert!(find(realm, Some(id), t.client, None).await.unwrap().revoked);
        assert_eq!(user::revoked_token::sweep(&t.pool, 5, 10).await.unwrap(), 0);
        assert_eq!(user::revoked_token::sweep(&t.pool, 6, 10).await.unwrap(), 1);
        assert!(!find(realm, Some(id), t.client, None).await.unwrap().revoked);
    });
}

#[test]
fn of_200_failures_at_once_each_is_counted_once() {
    with_database(async |mut t| {
        protect(&mut t.realm, 1000);
        let id = t.user("alice").await;
        let all = (0..200).map(|_| lockout::fail(&t.pool, &t.realm, id, "192.0.2.1", T0));
        for one in futures(all).await {
            one.unwrap();
        }
        assert_eq!(
            lockout::find(&t.pool, t.realm.id, id)
                .await
                .unwrap()
                .unwrap()
                .num_failures,
            200
        );
    });
}

#[test]
fn of_200_wrong_passwords_at_once_on_two_nodes_at_most_six_are_checked_before_the_lock() {
    with_database(async |mut t| {
        protect(&mut t.realm, 5);
        let id = t.user("alice").await;
        let nodes = [Gate::new(), Gate::new()];
        let all = (0..200).map(|n| attempt(&t, &nodes[n % 2], id, "wrong"));
        let checked = futures(all)
            .await
            .into_iter()
            .filter(|checked| *checked)
            .count();
        assert!((5..=6).contains(&checked), "{checked}");
        assert!(!attempt(&t, &nodes[0], id, "right").await);
    });
}

#[test]
fn of_50_right_passwords_at_once_all_are_checked() {
    with_database(async |mut t| {
        protect(&mut t.realm, 5);
        let id = t.user("alice").await;
        fail(&t, id, T0).await;
        let gate = Gate::new();
        let all = (0..50).map(|_| attempt(&t, &gate, id, "right"));
        assert!(futures(all).await.into_iter().all(|checked| checked));
    });
}

/// What the credential gate does; whether the password was checked.
async fn attempt(t: &Fixture, gate: &Gate, user: Uuid, password: &str) -> bool {
    let found = login::find_for_login(&t.pool, t.realm.id, "alice", false)
        .await
        .unwrap()
        .unwrap();
    let mut failures = found.failures;
    let seen = failures.as_ref().map_or(0, |failure| failure.num_failures);
    let permit = gate
        .enter(t.realm.id, user, seen, t.realm.settings.failure_factor)
        .await
        .unwrap();
    if permit.is_stale() {
        failures = lockout::find(&t.pool, t.realm.id, user).await.unwrap();
        permit.counted(failures.as_ref().map_or(0, |failure| failure.num_failures));
    }
    if is_locked(failures.as_ref(), T0 / 1000) {
        return false;
    }
    if t.hasher
        .verify(password, found.password.as_ref().map(|known| &known.hash))
        .await
        .unwrap()
        .ok
    {
        lockout::succeed(&t.pool, t.realm.id, user).await.unwrap();
        permit.counted(0);
    } else {
        permit.counted(fail(t, user, T0).await.failure.num_failures);
    }
    true
}

/// Runs all at once.
async fn futures<F: Future>(all: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut all: Vec<_> = all.into_iter().map(|one| (Box::pin(one), None)).collect();
    std::future::poll_fn(|context| {
        let mut pending = false;
        for (future, output) in &mut all {
            if output.is_none() {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(value) => *output = Some(value),
                    std::task::Poll::Pending => pending = true,
                }
            }
        }
        if pending {
            std::task::Poll::Pending
        } else {
            std::task::Poll::Ready(())
        }
    })
    .await;
    all.into_iter().filter_map(|(_, output)| output).collect()
}
