//! All connections to the database are taken.

use std::time::{Duration, Instant};

use crate::admin::password_form;
use crate::load::{RUNTIME, all_at_once, client, send};
use crate::node::Setup;
use crate::process::{say, until};
use crate::{RECOVERY, SLACK, alone, postgres};

const CLIENTS: usize = 200;

#[test]
fn two_hundred_clients_on_five_blocked_connections_are_told_to_come_back() {
    let _alone = alone();
    let database = postgres::shared().database();
    let node = Setup::start(&database)
        .env("REALMKEEP__DB__POOL_SIZE", "5")
        .ready();
    node.realm("busy");
    node.user("busy", "alice", "wonderland-1");
    assert_eq!(node.login("busy", "alice", "wonderland-1").status, 200);

    let http = client();
    let token = format!("{}/realms/busy/protocol/openid-connect/token", node.url);
    let login = || {
        http.post(&token)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(password_form("alice", "wonderland-1"))
    };
    let certs = format!("{}/realms/busy/protocol/openid-connect/certs", node.url);

    let lock = database.lock("user_entity");
    let begin = Instant::now();
    let (blocked, keys) = RUNTIME.block_on(async {
        let keys = tokio::spawn({
            let (http, certs) = (http.clone(), certs.clone());
            async move {
                let mut outcomes = vec![];
                while begin.elapsed() < Duration::from_secs(4) {
                    outcomes.push(send(http.get(&certs)).await);
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                outcomes
            }
        });
        let blocked = crate::load::join((0..CLIENTS).map(|_| send(login()))).await;
        (blocked, keys.await.unwrap())
    });
    for outcome in &blocked {
        assert!(outcome.is(503) && outcome.is_fair(), "{outcome:?}");
    }
    for outcome in &keys {
        assert!(
            outcome.is(200) && outcome.took < RECOVERY,
            "certs: {outcome:?}"
        );
    }
    let longest = blocked.iter().map(|outcome| outcome.took).max().unwrap();
    say(&format!(
        "{CLIENTS} clients, 5 connections, all blocked: 503 each, the longest after {longest:?}"
    ));

    drop(lock);
    let (_, took) = until("a login again", Duration::from_secs(20), || {
        (node.login("busy", "alice", "wonderland-1").status == 200).then_some(())
    });
    assert!(
        took <= RECOVERY + SLACK,
        "logins again only {took:?} after the lock was gone"
    );
    let after = all_at_once((0..40).map(|_| login()));
    for outcome in &after {
        assert!(outcome.is(200), "{outcome:?}");
    }
    until("ready again", RECOVERY + SLACK, || {
        node.is_ready().then_some(())
    });
}
