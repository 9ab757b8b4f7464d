//! Brute-force protection at the docker endpoint and the token endpoint, one at a time and many at once.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::rows::execute;
use crate::support::{Realm, server, token};

/// A realm that counts, and writes down what happens.
async fn guarded(settings: Value) -> Realm {
    let mut rep = json!({ "bruteForceProtected": true, "failureFactor": 5, "waitIncrementSeconds": 600, "eventsEnabled": true,
        "quickLoginCheckMilliSeconds": 0 });
    rep.as_object_mut()
        .unwrap()
        .extend(settings.as_object().unwrap().clone());
    Realm::with(rep).await
}

impl Realm {
    async fn failures(&self) -> Value {
        let path = format!("/attack-detection/brute-force/users/{}", self.alice);
        self.admin.get(&self.path(&path)).await.json
    }

    /// How many events tell of this error.
    async fn errors(&self, error: &str) -> usize {
        let events = self
            .admin
            .get(&self.path("/events?type=LOGIN_ERROR&max=1000"))
            .await
            .json;
        events
            .as_array()
            .unwrap()
            .iter()
            .filter(|event| event["error"] == error)
            .count()
    }

    async fn grant(&self, password: &str) -> u16 {
        let form = [
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", "alice"),
            ("password", password),
        ];
        token(&server().url, &self.name, &form).await.status
    }
}

#[tokio::test]
async fn each_wrong_password_counts_once_and_the_lock_holds_for_the_right_one() {
    let realm = guarded(json!({})).await;
    for number in 1..=12 {
        assert_eq!(realm.docker("alice", "wrong", "").await.status, 401);
        assert_eq!(realm.failures().await["numFailures"], number);
    }
    let refused = realm.docker("alice", "secret", "").await;
    let wrong = realm.docker("alice", "wrong", "").await;
    assert_eq!((refused.status, &refused.text), (401, &wrong.text));
    assert_eq!(realm.grant("secret").await, 400);
    let failures = realm.failures().await;
    assert_eq!(
        (&failures["numFailures"], &failures["disabled"]),
        (&json!(13), &json!(true))
    );
    // Five were judged; eight wrong ones and two right ones came while the lock stood.
    assert_eq!(realm.errors("invalid_user_credentials").await, 5);
    assert_eq!(realm.errors("user_temporarily_disabled").await, 10);
}

#[tokio::test]
async fn fifty_right_passwords_at_once_are_all_let_in() {
    let realm = guarded(json!({})).await;
    let answers = join_all((0..50).map(|_| realm.docker("alice", "secret", ""))).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, vec![200; 50]);
    assert_eq!(realm.failures().await["numFailures"], 0);
}

#[tokio::test]
async fn of_two_hundred_wrong_passwords_at_once_five_are_judged_and_all_are_counted() {
    let realm = guarded(json!({})).await;
    let client = reqwest::Client::new();
    let guess = async || {
        // A busy server may say so, before it has judged or counted anything.
        let mut answer = realm.docker_by(&client, "alice", "wrong", "").await;
        while answer.status == 503 {
            assert!(answer.headers.contains_key("retry-after"));
            answer = realm.docker_by(&client, "alice", "wrong", "").await;
        }
        assert_eq!(answer.status, 401, "{}", answer.text);
    };
    join_all((0..200).map(|_| guess())).await;
    assert_eq!(realm.failures().await["numFailures"], 200);
    assert_eq!(realm.errors("invalid_user_credentials").await, 5);
    assert_eq!(realm.errors("user_temporarily_disabled").await, 195);
}

#[tokio::test]
async fn both_doors_count_into_one_number() {
    let realm = guarded(json!({ "failureFactor": 4 })).await;
    for _ in 0..2 {
        assert_eq!(realm.docker("alice", "wrong", "").await.status, 401);
        assert_eq!(realm.grant("wrong").await, 400);
    }
    assert_eq!(realm.failures().await["numFailures"], 4);
    assert_eq!(
        (
            realm.docker("alice", "secret", "").await.status,
            realm.grant("secret").await
        ),
        (401, 400)
    );
}

#[tokio::test]
async fn a_right_password_forgets_the_wrong_ones_before_it() {
    let realm = guarded(json!({ "failureFactor": 3 })).await;
    for _ in 0..3 {
        for _ in 0..2 {
            assert_eq!(realm.docker("alice", "wrong", "").await.status, 401);
        }
        assert_eq!(realm.docker("alice", "secret", "").await.status, 200);
        assert_eq!(realm.failures().await["numFailures"], 0);
    }
}

#[tokio::test]
async fn a_lock_ends_and_failures_older_than_the_realm_says_do_not_count() {
    let realm = guarded(json!({ "failureFactor": 2, "maxDeltaTimeSeconds": 3600 })).await;
    for _ in 0..2 {
        assert_eq!(realm.docker("alice", "wrong", "").await.status, 401);
    }
    assert_eq!(realm.docker("alice", "secret", "").await.status, 401);
    let past = "update login_failure set failed_login_not_before = failed_login_not_before - 601, \
                last_failure = last_failure - 601000 where realm_id = (select id from realm where name = $1)";
    execute(past, &realm.name).await;
    assert_eq!(realm.failures().await["disabled"], false);
    // The next wrong one locks again: the count goes on, for a longer wait.
    assert_eq!(realm.docker("alice", "wrong", "").await.status, 401);
    assert_eq!(realm.failures().await["numFailures"], 3);
    assert_eq!(realm.docker("alice", "secret", "").await.status, 401);

    let long_past = "update login_failure set failed_login_not_before = 0, last_failure = last_failure - 3601000 \
                     where realm_id = (select id from realm where name = $1)";
    execute(long_past, &realm.name).await;
    assert_eq!(realm.docker("alice", "wrong", "").await.status, 401);
    assert_eq!(realm.failures().await["numFailures"], 1);
    assert_eq!(realm.docker("alice", "secret", "").await.status, 200);
}

#[tokio::test]
async fn permanent_lockout_disables_the_user_until_an_administrator_says_otherwise() {
    let realm = guarded(json!({ "failureFactor": 2, "permanentLockout": true })).await;
    for _ in 0..2 {
        assert_eq!(realm.docker("alice", "wrong", "").await.status, 401);
    }
    let user = realm.path(&format!("/users/{}", realm.alice));
    assert_eq!(realm.admin.get(&user).await.json["enabled"], false);
    assert_eq!(realm.failures().await["disabled"], true);
    assert_eq!(
        (
            realm.docker("alice", "secret", "").await.status,
            realm.grant("secret").await
        ),
        (401, 400)
    );
    assert_eq!(
        realm
            .admin
            .put(&user, json!({ "enabled": true }))
            .await
            .status,
        204
    );
    assert_eq!(
        (
            realm.docker("alice", "secret", "").await.status,
            realm.grant("secret").await
        ),
        (200, 200)
    );
    assert_eq!(realm.failures().await["numFailures"], 0);
}

#[tokio::test]
async fn one_users_failures_are_nothing_to_another_or_to_another_realm() {
    let (realm, other) = (
        guarded(json!({ "failureFactor": 1 })).await,
        guarded(json!({ "failureFactor": 1 })).await,
    );
    realm
        .admin
        .create(&realm.path("/users"), crate::support::person("bob"))
        .await;
    assert_eq!(realm.docker("alice", "wrong", "").await.status, 401);
    assert_eq!(realm.docker("alice", "secret", "").await.status, 401);
    assert_eq!(realm.docker("bob", "secret", "").await.status, 200);
    assert_eq!(other.docker("alice", "secret", "").await.status, 200);
    // Somebody who is not there is refused alike, and is counted nowhere.
    let nobody = realm.docker("nobody", "wrong", "").await;
    assert_eq!(
        (nobody.status, nobody.text),
        (401, realm.docker("alice", "wrong", "").await.text)
    );
}

#[tokio::test]
async fn two_wrong_passwords_in_quick_succession_lock_for_a_while() {
    let realm = guarded(
        json!({ "quickLoginCheckMilliSeconds": 60_000, "minimumQuickLoginWaitSeconds": 60 }),
    )
    .await;
    assert_eq!(realm.docker("alice", "wrong", "").await.status, 401);
    assert_eq!(realm.failures().await["disabled"], false);
    assert_eq!(realm.docker("alice", "wrong", "").await.status, 401);
    let failures = realm.failures().await;
    assert_eq!(
        (&failures["disabled"], &failures["numFailures"]),
        (&json!(true), &json!(2))
    );
    assert_eq!(realm.docker("alice", "secret", "").await.status, 401);
}
