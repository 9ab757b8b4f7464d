//! SIGTERM under load.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use base64::{Engine as _, prelude::BASE64_STANDARD};

use crate::admin::{docker_path, password_form};
use crate::chance::Chance;
use crate::keep_alive::{Met, visit};
use crate::node::{Node, Setup};
use crate::process::{Folder, runs, say, until};
use crate::{alone, postgres};

const VISITORS: u64 = 24;

/// What each visitor asks for.
fn request(node: &Node, visitor: u64, number: usize, token: &str) -> String {
    let host = node.url.strip_prefix("http://").unwrap();
    let with_body = |method: &str, path: &str, kind: &str, more: &str, body: &str| {
        format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {kind}\r\n{more}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let bearer = format!("Authorization: Bearer {token}\r\n");
    match visitor % 6 {
        0 => {
            let body = password_form("alice", "wonderland-1");
            with_body(
                "POST",
                "/realms/drain/protocol/openid-connect/token",
                "application/x-www-form-urlencoded",
                "",
                &body,
            )
        }
        1 => {
            let credentials = BASE64_STANDARD.encode("alice:wonderland-1");
            let path = docker_path("drain");
            format!(
                "GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic {credentials}\r\n\r\n"
            )
        }
        2 => {
            let body = format!(r#"{{"username":"u-{visitor}-{number}","enabled":true}}"#);
            with_body(
                "POST",
                "/admin/realms/drain/users",
                "application/json",
                &bearer,
                &body,
            )
        }
        3 if visitor == 3 => {
            let body = format!(r#"{{"realm":"r-{visitor}-{number}","enabled":true}}"#);
            with_body("POST", "/admin/realms", "application/json", &bearer, &body)
        }
        _ => format!(
            "GET /realms/drain/protocol/openid-connect/certs HTTP/1.1\r\nHost: {host}\r\n\r\n"
        ),
    }
}

/// Stops a node under load and checks that nothing was lost; how many answers came.
fn stop_under_load(node: &mut Node) -> usize {
    node.realm("drain");
    node.user("drain", "alice", "wonderland-1");
    node.registry("drain");
    let token = node.token();
    let address = node.url.strip_prefix("http://").unwrap().to_owned();
    let (terminated, stop) = (AtomicBool::new(false), AtomicBool::new(false));
    let chance = Chance::new("pauses on kept connections");
    let (met, took) = thread::scope(|scope| {
        let (terminated, stop) = (&terminated, &stop);
        let visitors: Vec<_> = (0..VISITORS)
            .map(|visitor| {
                let (node, token, address) = (&*node, &token, &address);
                let mut chance = chance.lane(visitor);
                // Half of them leave their connection idle between requests.
                let pause = move || {
                    if visitor % 2 == 0 {
                        Duration::ZERO
                    } else {
                        chance.millis(700)
                    }
                };
                let ask = move |number| request(node, visitor, number, token);
                scope.spawn(move || visit(address, ask, pause, terminated, stop))
            })
            .collect();
        // Connected before, and silent: nothing is lost on it, and nobody waits for it.
        let silent = std::net::TcpStream::connect(&address).unwrap();
        thread::sleep(Duration::from_secs(2));
        terminated.store(true, Ordering::SeqCst);
        node.terminate();
        let begin = Instant::now();
        let pid = node.pid();
        while runs(pid) && begin.elapsed() < Duration::from_secs(20) {
            thread::sleep(Duration::from_millis(5));
        }
        let took = begin.elapsed();
        stop.store(true, Ordering::SeqCst);
        drop(silent);
        let met: Vec<Met> = visitors
            .into_iter()
            .map(|visitor| visitor.join().unwrap())
            .collect();
        (met, took)
    });
    let status = node.wait_end(Duration::from_secs(1));
    let answers = met.iter().map(|met| met.answers).sum();
    let announced: usize = met.iter().map(|met| met.announced).sum();
    say(&format!(
        "SIGTERM under load: {answers} answers, {announced} connections ended by announcement, over in {took:?}"
    ));
    for met in &met {
        assert!(
            met.lost.is_empty() && met.refused.is_empty() && met.slow.is_empty(),
            "{met:?}"
        );
    }
    assert_eq!(status.code(), Some(0), "{}", node.log());
    assert!(took <= Duration::from_secs(5), "it took {took:?} to stop");
    answers
}

#[test]
fn sigterm_under_load_loses_no_answer_in_flight_and_none_on_a_kept_connection() {
    let _alone = alone();
    let database = postgres::shared().database();
    let mut node = Node::start(&database);
    assert!(stop_under_load(&mut node) > 100);
}

#[test]
fn start_dev_stops_under_load_without_loss_and_takes_its_postgres_along() {
    let _alone = alone();
    let folder = Folder::new();
    let mut node = Setup::start_dev(&folder.join("data")).ready();
    let postmaster = crate::start_dev::postmaster(&node);
    stop_under_load(&mut node);
    until("Postgres has ended", Duration::from_secs(1), || {
        (!runs(postmaster)).then_some(())
    });
}
