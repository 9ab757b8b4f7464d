//! `kill -9` of a node while realms are made and deleted.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use testkit::http::Request;

use crate::chance::Chance;
use crate::invariants::{Whole, wait_for_silence};
use crate::node::{Node, Setup};
use crate::postgres::Database;
use crate::process::say;
use crate::{alone, beside, postgres};

/// Rounds in all, and lanes that share them: one a core.
const ROUNDS: usize = 200;
const LANES: usize = 2;
/// Realms in flight when the node dies.
const CREATIONS: usize = 3;

/// What realm creation writes to, in its order.
const TABLES: [&str; 7] = [
    "realm",
    "realm_ca",
    "component",
    "realm_key",
    "client",
    "role",
    "role_composite",
];

/// When the node dies.
#[derive(Debug)]
enum Moment {
    /// While a creation waits for this table: in the midst of its transaction.
    At(&'static str),
    /// Soon after the first answer.
    AfterAnswer(Duration),
    /// Soon after the requests were sent.
    AfterRequest(Duration),
}

#[test]
fn a_realm_is_whole_or_absent_after_the_node_was_killed_in_two_hundred_rounds() {
    let _alone = alone();
    let begin = Instant::now();
    let chance = Chance::new("kill -9 while realms are made");
    let lanes: Vec<_> = (0..LANES as u64)
        .map(|lane| {
            let chance = chance.lane(lane);
            thread::spawn(move || rounds(lane, chance))
        })
        .collect();
    let mut sums = [0; 3];
    for lane in lanes {
        let counts = lane.join().unwrap();
        sums.iter_mut()
            .zip(counts)
            .for_each(|(sum, count)| *sum += count);
    }
    let [acknowledged, whole, absent] = sums;
    say(&format!(
        "{ROUNDS} × kill -9 in {:?}: {acknowledged} realms acknowledged and there, {whole} unacknowledged and whole, {absent} absent",
        begin.elapsed()
    ));
    assert!(
        absent > 0 && whole + acknowledged > 0,
        "the kills came too late or too early"
    );
}

/// Acknowledged, whole and absent realms.
fn rounds(lane: u64, mut chance: Chance) -> [usize; 3] {
    let database = postgres::shared().database();
    let mut node = Node::start(&database);
    node.realm("model");
    node.long_token();
    let whole = Whole::learn(&database, "model");
    let mut counts = [0; 3];
    let mut old = BTreeSet::<String>::new();

    for round in 0..ROUNDS / LANES {
        let new: Vec<String> = (0..CREATIONS)
            .map(|n| format!("realm-{lane}-{round}-{n}"))
            .collect();
        let doomed = old.iter().next().cloned();
        let moment = match chance.below(4) {
            0 | 1 => Moment::At(chance.one_of(&TABLES)),
            2 => Moment::AfterAnswer(chance.millis(40)),
            _ => Moment::AfterRequest(chance.millis(600)),
        };
        let (created, deleted) = die_during(&mut node, &database, &moment, &new, doomed.as_deref());
        wait_for_silence(&database);
        let realms = whole.check(&database);

        for name in &created {
            assert!(
                realms.contains(name),
                "{name} was acknowledged and is gone ({moment:?})"
            );
        }
        for name in &old {
            if Some(name) == doomed.as_ref() {
                assert!(
                    !(deleted && realms.contains(name)),
                    "{name} was deleted and is back ({moment:?})"
                );
            } else {
                assert!(realms.contains(name), "{name} is gone ({moment:?})");
            }
        }
        counts[0] += created.len();
        for name in new.iter().filter(|name| !created.contains(*name)) {
            counts[if realms.contains(name) { 1 } else { 2 }] += 1;
        }
        old = realms
            .into_iter()
            .filter(|name| name.starts_with("realm-"))
            .collect();
        node.restart();
        if let Some(name) = old.iter().next_back() {
            assert_eq!(node.kids(name).len(), 2, "keys of {name}");
        }
    }
    counts
}

/// Makes realms and deletes one, all at once, and kills the node at the moment. The realms whose creation was
/// acknowledged, and whether the deletion was.
fn die_during(
    node: &mut Node,
    database: &Database,
    moment: &Moment,
    new: &[String],
    doomed: Option<&str>,
) -> (BTreeSet<String>, bool) {
    let lock = match moment {
        Moment::At(table) => Some(database.lock(table)),
        _ => None,
    };
    let (url, token) = (node.url.clone(), node.token());
    let created = Mutex::new(BTreeSet::new());
    let deleted = Mutex::new(false);
    thread::scope(|scope| {
        for name in new {
            let request = Request::new("POST", "/admin/realms")
                .bearer(&token)
                .json(&json!({"realm": name, "enabled": true}));
            let (created, url) = (&created, &url);
            scope.spawn(move || {
                if request.send(url).is_ok_and(|answer| answer.status == 201) {
                    created.lock().unwrap().insert(name.clone());
                }
            });
        }
        if let Some(name) = doomed {
            let request = Request::new("DELETE", format!("/admin/realms/{name}")).bearer(&token);
            let (deleted, url) = (&deleted, &url);
            scope.spawn(move || {
                *deleted.lock().unwrap() =
                    request.send(url).is_ok_and(|answer| answer.status == 204)
            });
        }
        let wait = |limit, come: &dyn Fn() -> bool| {
            let begin = Instant::now();
            while begin.elapsed() < limit && !come() {
                thread::sleep(Duration::from_millis(3));
            }
        };
        match moment {
            Moment::At(_) => wait(Duration::from_secs(2), &|| {
                let sql = "select count(*) from pg_locks where not granted and database = \
                     (select oid from pg_database where datname = current_database())";
                database.count(sql) > 0
            }),
            Moment::AfterAnswer(then) => {
                wait(Duration::from_secs(2), &|| {
                    !created.lock().unwrap().is_empty()
                });
                thread::sleep(*then);
            }
            Moment::AfterRequest(then) => thread::sleep(*then),
        }
        node.kill();
        drop(lock);
    });
    (created.into_inner().unwrap(), deleted.into_inner().unwrap())
}

#[test]
fn the_check_for_whole_realms_notices_one_row_too_few_in_any_table() {
    let _beside = beside();
    let database = postgres::shared().database();
    let node = Node::start(&database);
    node.realm("model");
    let whole = Whole::learn(&database, "model");
    for table in TABLES.iter().filter(|table| **table != "realm") {
        node.realm("broken");
        let names = BTreeSet::from(["broken", "master", "model"].map(str::to_owned));
        assert_eq!(whole.check(&database), names);
        database.sql(&format!(
            "delete from {table} where ctid = (select t.ctid from {table} t join realm r on r.id = t.realm_id \
             where r.name = 'broken' limit 1)"
        ));
        let noticed = std::panic::catch_unwind(|| whole.check(&database));
        assert!(noticed.is_err(), "a row of {table} is gone");
        database.sql("delete from realm where name = 'broken'");
        database.sql("delete from client where client_id = 'broken-realm'");
    }
    // What master has for a realm outlives that realm.
    database.sql("delete from realm where name = 'model'");
    assert!(std::panic::catch_unwind(|| whole.check(&database)).is_err());
}

#[test]
fn a_first_start_that_was_killed_is_completed_by_the_next() {
    let _beside = beside();
    let mut chance = Chance::new("kill -9 during the first start");
    for _ in 0..8 {
        let database = postgres::shared().database();
        let mut node = Setup::start(&database).spawn();
        thread::sleep(chance.millis(1500));
        node.kill();
        node.restart();
        assert_eq!(database.sql("select name from realm"), "master");
        assert_eq!(
            database.sql("select username from user_entity"),
            testkit::ADMIN.0
        );
        assert_eq!(node.kids("master").len(), 2);
        assert_eq!(
            node.login("master", testkit::ADMIN.0, testkit::ADMIN.1)
                .status,
            200
        );
    }
}
