//! Many passwords at once, right and wrong.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::admin::password_form;
use crate::load::{Outcome, RUNTIME, all_at_once, client, join, send};
use crate::node::{Node, Setup};
use crate::process::say;
use crate::{ANSWER, SLACK, alone, postgres};

const FACTOR: usize = 5;

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
    let outcomes = logins(&[&a, &b], "guarded", "wrong", 200);
    for outcome in &outcomes {
        assert!(
            outcome.is(401) && outcome.took <= ANSWER + SLACK,
            "{outcome:?}"
        );
        assert_eq!(
            outcome.body, outcomes[0].body,
            "locked and wrong are told apart"
        );
    }

    let events = a
        .admin("GET", "/guarded/events?type=LOGIN_ERROR&max=1000", None)
        .json();
    let errors = |name: &str| {
        events
            .as_array()
            .unwrap()
            .iter()
            .filter(|event| event["error"] == name)
            .count()
    };
    let (judged, locked) = (
        errors("invalid_user_credentials"),
        errors("user_temporarily_disabled"),
    );
    say(&format!(
        "200 wrong passwords on two nodes: {judged} judged before the lock, {locked} after"
    ));
    assert!((FACTOR..=FACTOR + 2).contains(&judged), "{judged} judged");
    assert_eq!(judged + locked, 200);
    let status = a
        .admin(
            "GET",
            &format!("/guarded/attack-detection/brute-force/users/{user}"),
            None,
        )
        .json();
    assert_eq!(
        (&status["numFailures"], &status["disabled"]),
        (&Value::from(200), &Value::from(true)),
        "{status}"
    );
    assert_eq!(
        b.login("guarded", "alice", "wonderland-1").status,
        401,
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
        "500 wrong passwords at once: {} × 401, {} × 503; health and keys within {longest:?}",
        count(401),
        count(503)
    ));
    for outcome in &flood {
        let told = outcome.is(401) || outcome.is(503) && outcome.retry_after;
        assert!(told && outcome.took <= ANSWER + SLACK, "{outcome:?}");
    }
    for (url, outcome) in &watched {
        assert!(
            outcome.is(200) && outcome.took <= Duration::from_secs(1),
            "{url}: {outcome:?}"
        );
    }
    assert!(count(401) > 0);
    assert_eq!(node.login("flooded", "alice", "wonderland-1").status, 200);
}
