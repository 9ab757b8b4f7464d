//! Events of docker tokens: every token that was answered has one, however nodes and the database end, and
//! `audit verify` tells whether somebody has changed them.

use std::collections::BTreeMap;
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::admin::docker_request;
use crate::chance::Chance;
use crate::invariants::wait_for_silence;
use crate::node::{Node, Setup};
use crate::postgres::{Database, Postgres, Stop};
use crate::process::{say, until};
use crate::{ANSWER, RECOVERY, SLACK, alone};

const REALM: &str = "audited";
const ROBOT: (&str, &str) = ("service-account-ci", "s3cret");
const ROUNDS: usize = 14;
/// Who asks for tokens, one after the other.
const CALLERS: usize = 6;

fn realm(node: &Node) {
    node.admin(
        "POST",
        "",
        Some(&json!({ "realm": REALM, "enabled": true, "eventsEnabled": true })),
    );
    node.registry(REALM);
    node.create(
        &format!("/{REALM}/clients"),
        &json!({ "clientId": "ci", "secret": ROBOT.1, "serviceAccountsEnabled": true }),
    );
}

/// Runs `audit verify` with the key and the database of a server.
fn verify(database: &Database, more: &[&str]) -> Output {
    let key = database.seal_key.to_str().unwrap();
    let mut command = Command::new(testkit::binary());
    command
        .args(["audit", "verify", "--db-url", &database.url()])
        .args(["--seal-key-file", key, "--realm", REALM])
        .args(more)
        .current_dir("/")
        .stdin(Stdio::null())
        .env("KC_LOG_LEVEL", "warn");
    command.output().unwrap()
}

fn passes(database: &Database) -> String {
    let output = verify(database, &[]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}{error}");
    told
}

fn fails(database: &Database, more: &[&str]) -> String {
    let output = verify(database, more);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    told
}

/// The id of a token that was answered.
fn token_id(body: &Value) -> String {
    let payload = body["token"].as_str().unwrap().split('.').nth(1).unwrap();
    let claims: Value =
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    claims["jti"].as_str().unwrap().to_owned()
}

/// Asks both nodes in turn until it is stopped; the ids of the tokens that it got.
fn ask(urls: [&str; 2], stop: &AtomicBool, answered: &Mutex<Vec<String>>) {
    for turn in 0.. {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let request = docker_request(REALM, ROBOT.0, ROBOT.1);
        match request.send(urls[turn % 2]) {
            Ok(answer) if answer.status == 200 => {
                answered.lock().unwrap().push(token_id(&answer.json()));
            }
            // The node is dead, died under it, or waits for the database.
            other => {
                let fair = other.as_ref().map_or(503, |answer| answer.status);
                assert_eq!(fair, 503, "{other:?}");
                thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

#[test]
fn every_token_that_was_answered_has_one_event_however_nodes_and_database_end() {
    let _alone = alone();
    let mut chance = Chance::new("kill -9 while docker tokens are given");
    let mut postgres = Postgres::new();
    let database = postgres.database();
    let mut a = Node::start(&database);
    let mut b = Setup::start(&database).option("--hostname", &a.url).ready();
    realm(&a);
    until("the robot gets in", Duration::from_secs(5), || {
        let answer = docker_request(REALM, ROBOT.0, ROBOT.1).send(&b.url).ok()?;
        (answer.status == 200).then_some(())
    });
    let before = database.count("select count(*) from event");
    let (stop, answered) = (AtomicBool::new(false), Mutex::new(vec![]));
    let (a_url, b_url) = (a.url.clone(), b.url.clone());
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            let urls = [a_url.as_str(), b_url.as_str()];
            let (stop, answered) = (&stop, &answered);
            let urls = if caller % 2 == 0 {
                urls
            } else {
                [urls[1], urls[0]]
            };
            scope.spawn(move || ask(urls, stop, answered));
        }
        for round in 0..ROUNDS {
            let sofar = answered.lock().unwrap().len();
            until("tokens are given", Duration::from_secs(15), || {
                (answered.lock().unwrap().len() > sofar + 20).then_some(())
            });
            thread::sleep(chance.millis(200));
            if round % 5 == 4 {
                postgres.stop(Stop::Immediate);
                postgres.start();
            } else {
                b.kill();
                b.restart();
            }
        }
        stop.store(true, Ordering::SeqCst);
    });
    a.kill();
    b.kill();
    wait_for_silence(&database);
    let answered = answered.into_inner().unwrap();
    let mut events = BTreeMap::<String, usize>::new();
    let sql =
        "select details->>'token_id' from event where type = 'LOGIN' and client_id = 'registry'";
    for id in database.sql(sql).lines() {
        *events.entry(id.to_owned()).or_default() += 1;
    }
    say(&format!(
        "{ROUNDS} ends of a node or the database: {} tokens answered, {} events",
        answered.len(),
        events.len()
    ));
    for id in &answered {
        assert_eq!(events.get(id), Some(&1), "events of token {id}");
    }
    // What was committed and could not be answered: at most what was in flight at each end.
    let more = events.len() - answered.len() - usize::try_from(before).unwrap();
    assert!(more <= ROUNDS * CALLERS, "{more} events without an answer");
    let told = passes(&database);
    assert!(
        told.starts_with(&format!("realm {REALM}: all {} events", events.len())),
        "{told}"
    );
}

#[test]
fn verify_names_what_was_changed_in_the_database() {
    let _alone = alone();
    let database = crate::postgres::shared().database();
    let node = Node::start(&database);
    realm(&node);
    for _ in 0..5 {
        let answer = docker_request(REALM, ROBOT.0, ROBOT.1).send(&node.url);
        assert_eq!(answer.unwrap().status, 200);
    }
    let told = passes(&database);
    assert!(
        told.starts_with("realm audited: all 5 events are as they were written\nend: 5:"),
        "{told}"
    );
    let end = told.trim().rsplit_once(' ').unwrap().1.to_owned();
    assert_eq!(verify(&database, &["--noted", &end]).status.code(), Some(0));
    let other = format!("{}0", &end[..end.len() - 1].replace(':', ":f"));
    assert!(fails(&database, &["--noted", &other]).contains("event 5 is not the one"));

    let id = database.sql("select id from event where seq = 3");
    database.sql("update event set user_id = 'somebody else' where seq = 3");
    let told = fails(&database, &[]);
    assert!(
        told.starts_with(&format!("realm audited: CHANGED: event 3, id {id}, of 20")),
        "{told}"
    );
    assert!(told.contains("was altered"), "{told}");

    // An administrator who clears them ends that.
    node.admin("DELETE", &format!("/{REALM}/events"), None);
    let answer = docker_request(REALM, ROBOT.0, ROBOT.1).send(&node.url);
    assert_eq!(answer.unwrap().status, 200);
    let told = passes(&database);
    assert!(
        told.contains("all 1 events")
            && told.contains("events up to 5 have expired or were cleared"),
        "{told}"
    );

    let output = verify(&database, &["--seal-key-file", "/dev/null"]);
    assert!(!output.status.success());
    let output = verify(&database, &["--noted", "nonsense"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("NUMBER:HASH"), "{error}");
}

#[test]
fn a_server_that_is_told_to_stop_keeps_the_events_of_all_that_it_answered() {
    let _alone = alone();
    let database = crate::postgres::shared().database();
    let mut node = Node::start(&database);
    realm(&node);
    let (stop, answered) = (AtomicBool::new(false), Mutex::new(vec![]));
    let url = node.url.clone();
    thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| ask([&url, &url], &stop, &answered));
        }
        until("tokens are given", Duration::from_secs(15), || {
            (answered.lock().unwrap().len() > 50).then_some(())
        });
        node.terminate();
        assert!(node.wait_end(Duration::from_secs(20)).success());
        stop.store(true, Ordering::SeqCst);
    });
    let answered = answered.into_inner().unwrap().len();
    assert_eq!(
        database.count("select count(*) from event"),
        i64::try_from(answered).unwrap()
    );
    passes(&database);
}

#[test]
fn while_the_database_hangs_no_token_goes_out_and_soon_after_all_do() {
    let _alone = alone();
    let postgres = Postgres::new();
    let database = postgres.database();
    let node = Node::start(&database);
    realm(&node);
    let (stop, answered) = (AtomicBool::new(false), Mutex::new(vec![]));
    let docker = || {
        docker_request(REALM, ROBOT.0, ROBOT.1)
            .send(&node.url)
            .unwrap()
    };
    assert_eq!(docker().status, 200);
    thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| ask([&node.url, &node.url], &stop, &answered));
        }
        until("tokens are given", Duration::from_secs(15), || {
            (answered.lock().unwrap().len() > 20).then_some(())
        });
        postgres.signal_all("STOP");
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(12) {
            let asked = Instant::now();
            let answer = docker();
            assert_eq!(answer.status, 503, "{}", answer.text());
            assert!(answer.header("Retry-After").is_some());
            assert!(asked.elapsed() <= ANSWER + SLACK, "{:?}", asked.elapsed());
        }
        postgres.signal_all("CONT");
        let (_, took) = until("tokens are given again", Duration::from_secs(20), || {
            (docker().status == 200).then_some(())
        });
        say(&format!("tokens {took:?} after the database hung for 12 s"));
        assert!(took <= RECOVERY + SLACK, "only after {took:?}");
        stop.store(true, Ordering::SeqCst);
    });
    for id in answered.into_inner().unwrap() {
        let sql = format!("select count(*) from event where details->>'token_id' = '{id}'");
        assert_eq!(database.count(&sql), 1);
    }
    passes(&database);
}
