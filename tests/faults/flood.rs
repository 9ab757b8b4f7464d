//! Many passwords at once, right and wrong.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::admin::{REFUSED, password_form};
use crate::load::{Outcome, RUNTIME, all_at_once, client, join, send};
use crate::node::{Node, Setup};
use crate::process::say;
use crate::{ANSWER, RECOVERY, SLACK, alone, postgres};

const FACTOR: usize = 5;
const TRIES: usize = 200;

/// A realm with brute-force protection that locks after [`FACTOR`] failures, however far apart, and a user alice.
fn protected(node: &Node, realm: &str) -> String {
    node.create(
        "",
        &json!({
            "realm": realm,
            "enabled": true,
            "bruteForceProtected": true,
            "failureFactor": FACTOR,
            "waitIncrementSeconds": 300,
            "quickLoginCheckMilliSeconds": 0,
            "eventsEnabled": true,
        }),
    );
    node.user(realm, "alice", "wonderland-1")
}

/// The same password, `times` at once, spread over the nodes.
fn logins(nodes: &[&Node], realm: &str, password: &str, times: usize) -> Vec<Outcome> {
    let http = client();
    all_at_once((0..times).map(|n| {
        let url = format!(
            "{}/realms/{realm}/protocol/openid-connect/token",
            nodes[n % nodes.len()].url
        );
        let form = http
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded");
        form.body(password_form("alice", password))
    }))
}

#[test]
fn of_two_hundred_wrong_passwords_at_once_on_two_nodes_no_more_than_the_factor_and_two_are_judged()
{
    let _alone = alone();
    let database = postgres::shared().database();
    let a = Node::start(&database);
    let b = Setup::start(&database).ready();
    let user = protected(&a, "guarded");
    // Who is told to come back does so, until all have been heard; whether a try that was put off has counted is open.
    let (mut heard, mut put_off) = (0, 0);
    while heard < TRIES {
        for outcome in logins(&[&a, &b], "guarded", "wrong", TRIES - heard) {
            assert!(outcome.took <= ANSWER + SLACK, "{outcome:?}");
            if outcome.is(503) && outcome.retry_after {
                put_off += 1;
            } else {
                assert!(outcome.is(REFUSED), "{outcome:?}");
                assert!(
                    outcome.body.contains("Invalid user credentials"),
                    "locked and wrong are told apart: {outcome:?}"
                );
                heard += 1;
            }
        }
        assert!(put_off <= TRIES, "nobody is heard");
    }

    let events = a
        .admin("GET", "/guarded/events?type=LOGIN_ERROR&max=1000", None)
        .json();
    let events = events.as_array().unwrap();
    let errors = |name: &str| events.iter().filter(|event| event["error"] == name).count();
    let (judged, locked) = (
        errors("invalid_user_credentials"),
        errors("user_temporarily_disabled"),
    );
    let status = format!("/guarded/attack-detection/brute-force/users/{user}");
    let status = a.admin("GET", &status, None).json();
    say(&format!(
        "{TRIES} wrong passwords on two nodes: {judged} judged before the lock, {locked} after, {put_off} put off: {status}"
    ));
    assert!(judged <= FACTOR + 2, "{judged} judged");
    assert!(put_off > 0 || judged >= FACTOR, "{judged} judged");
    assert!((TRIES..=TRIES + put_off).contains(&(judged + locked)));
    let failures = usize::try_from(status["numFailures"].as_u64().unwrap()).unwrap();
    assert!((TRIES..=TRIES + put_off).contains(&failures), "{status}");
    assert_eq!(status["disabled"], true, "{status}");
    assert_eq!(
        b.login("guarded", "alice", "wonderland-1").status,
        REFUSED,
        "the lock is there for the right password too"
    );
}

#[test]
fn fifty_right_passwords_at_once_are_all_taken_with_protection_on() {
    let _alone = alone();
    let database = postgres::shared().database();
    let a = Node::start(&database);
    let b = Setup::start(&database).ready();
    protected(&a, "open");
    for nodes in [&[&a][..], &[&a, &b][..]] {
        for outcome in logins(nodes, "open", "wonderland-1", 50) {
            assert!(outcome.is(200), "{outcome:?}");
        }
    }
}

#[test]
fn five_hundred_wrong_passwords_at_once_leave_health_and_keys_alive() {
    let _alone = alone();
    let database = postgres::shared().database();
    let node = Node::start(&database);
    node.realm("flooded");
    node.user("flooded", "alice", "wonderland-1");
    let url = format!("{}/realms/flooded/protocol/openid-connect/token", node.url);
    let alive = [
        format!("{}/health/ready", node.management),
        format!("{}/health/live", node.management),
        format!("{}/realms/flooded/protocol/openid-connect/certs", node.url),
    ];
    let http = client();
    assert_eq!(node.kids("flooded").len(), 2);

    let (flood, watched) = RUNTIME.block_on(async {
        let watchers: Vec<_> = alive
            .into_iter()
            .map(|url| {
                tokio::spawn(async move {
                    let (http, begin) = (client(), Instant::now());
                    let mut outcomes = vec![];
                    while begin.elapsed() < Duration::from_secs(4) {
                        let outcome = send(http.get(&url)).await;
                        outcomes.push((url.clone(), outcome));
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    outcomes
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(200)).await;
        let flood = join((0..500).map(|n| {
            let form = http
                .post(&url)
                .header("content-type", "application/x-www-form-urlencoded");
            send(form.body(password_form("alice", &format!("wrong-{n}"))))
        }))
        .await;
        let mut watched = vec![];
        for watcher in watchers {
            watched.extend(watcher.await.unwrap());
        }
        (flood, watched)
    });
    let count = |status: u16| flood.iter().filter(|outcome| outcome.is(status)).count();
    let longest = watched
        .iter()
        .map(|(_, outcome)| outcome.took)
        .max()
        .unwrap();
    say(&format!(
        "500 wrong passwords at once: {} × 400, {} × 503; health and keys within {longest:?}",
        count(REFUSED),
        count(503)
    ));
    for outcome in &flood {
        let told = outcome.is(REFUSED) || outcome.is(503) && outcome.retry_after;
        // Making 500 connections at once takes this program a while, too.
        assert!(told && outcome.took <= ANSWER + RECOVERY, "{outcome:?}");
    }
    for (url, outcome) in &watched {
        assert!(
            outcome.is(200) && outcome.took <= Duration::from_secs(1) + SLACK,
            "{url}: {outcome:?}"
        );
    }
    assert!(count(REFUSED) > 0);
    assert_eq!(node.login("flooded", "alice", "wonderland-1").status, 200);
}
