//! Postgres restarts, crashes, hangs, or comes late.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use testkit::http;

use crate::journal::{Journal, Watch};
use crate::node::{Node, Setup};
use crate::postgres::{Postgres, Stop};
use crate::process::{say, until};
use crate::{ANSWER, RECOVERY, SLACK, alone};

/// Runs `fault` beside 100 writes a second and readers of all that must always answer, and checks what came of them.
/// `fault` notes in the journal when the database goes and when it is back.
fn under_load(
    node: &Node,
    database: &crate::postgres::Database,
    fault: impl FnOnce(&Journal, &Watch),
) {
    node.realm("load");
    node.long_token();
    // Known before the fault, so that it can be answered without a database.
    assert_eq!(
        node.get("/realms/load/protocol/openid-connect/certs")
            .status,
        200
    );

    let journal = Journal::start(node, "load", 100);
    let watch = Watch::start(node, "load");
    thread::sleep(Duration::from_secs(1));
    fault(&journal, &watch);
    thread::sleep(RECOVERY + Duration::from_secs(1));
    let written = journal.finish();
    watch.finish();
    written.check(database, "load");
}

#[test]
fn no_acknowledged_write_is_lost_when_postgres_restarts_or_crashes_under_load() {
    let _alone = alone();
    let mut postgres = Postgres::new();
    let database = postgres.database();
    let node = Node::start(&database);
    under_load(&node, &database, |journal, watch| {
        for (how, pause) in [
            (Stop::Fast, 0),
            (Stop::Immediate, 0),
            (Stop::Fast, 3000),
            (Stop::Immediate, 1500),
        ] {
            journal.database_goes();
            let gone = Instant::now();
            postgres.stop(how);
            thread::sleep(Duration::from_millis(pause));
            if pause > 2000 {
                let red = watch
                    .first_red_after(gone)
                    .expect("ready stayed green without a database");
                assert!(
                    red - gone <= RECOVERY + SLACK,
                    "ready turned red only {:?} after",
                    red - gone
                );
            }
            postgres.start();
            journal.database_is_back();
            let (_, took) = until("ready again", Duration::from_secs(20), || {
                node.is_ready().then_some(())
            });
            say(&format!(
                "Postgres {how:?} stop, {pause} ms away: ready again after {took:?}"
            ));
            assert!(
                took <= RECOVERY + SLACK,
                "ready only {took:?} after Postgres was back"
            );
            thread::sleep(RECOVERY + Duration::from_millis(500));
        }
    });
}

#[test]
fn a_frozen_postgres_makes_no_request_wait_longer_than_five_seconds() {
    let _alone = alone();
    let postgres = Postgres::new();
    let database = postgres.database();
    let node = Node::start(&database);
    under_load(&node, &database, |journal, watch| {
        journal.database_goes();
        let frozen = Instant::now();
        postgres.signal_all("STOP");
        thread::sleep(Duration::from_secs(8));
        assert!(
            watch.first_red_after(frozen).is_some(),
            "ready stayed green on a frozen database"
        );
        postgres.signal_all("CONT");
        journal.database_is_back();
        let (_, took) = until("ready again", Duration::from_secs(20), || {
            node.is_ready().then_some(())
        });
        say(&format!(
            "Postgres frozen for 8 s: ready again after {took:?}"
        ));
        assert!(
            took <= RECOVERY + SLACK,
            "ready only {took:?} after Postgres went on"
        );
    });
}

#[test]
fn a_server_started_before_postgres_waits_and_recovers_alone() {
    let _alone = alone();
    let mut postgres = Postgres::new();
    let database = postgres.database();
    postgres.stop(Stop::Fast);

    let mut node = Setup::start(&database).spawn();
    until("health answers", Duration::from_secs(10), || {
        http::get(&node.management, "/health/live").ok()
    });
    let stopped = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_secs(4));
            stopped.store(true, Ordering::SeqCst);
        });
        while !stopped.load(Ordering::SeqCst) {
            assert!(node.runs(), "it ended\n{}", node.log());
            assert_eq!(
                http::get(&node.management, "/health/live").unwrap().status,
                200
            );
            assert_eq!(
                http::get(&node.management, "/health/ready").unwrap().status,
                503
            );
            let begin = Instant::now();
            let answer = node.get("/realms/master");
            assert_eq!(
                (answer.status, answer.header("Retry-After")),
                (503, Some("1"))
            );
            assert!(begin.elapsed() <= ANSWER);
            thread::sleep(Duration::from_millis(100));
        }
    });
    postgres.start();
    let took = node.wait_ready();
    say(&format!(
        "Postgres started after the server: ready after {took:?}, with schema and realm master"
    ));
    assert!(
        took <= ANSWER,
        "ready only {took:?} after Postgres was there"
    );
    assert_eq!(
        node.login("master", testkit::ADMIN.0, testkit::ADMIN.1)
            .status,
        200
    );
}
