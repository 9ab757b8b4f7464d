//! `start-dev`, its data directory and its Postgres.

use std::collections::BTreeSet;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::journal::Journal;
use crate::node::{Node, Setup};
use crate::process::{Folder, children, runs, say, signal, until};
use crate::{ANSWER, alone, beside};

/// The Postgres that a server has started.
pub fn postmaster(node: &Node) -> u32 {
    let is_postgres = |pid: &u32| {
        std::fs::read_to_string(format!("/proc/{pid}/comm"))
            .is_ok_and(|name| name.trim() == "postgres")
    };
    let found: Vec<u32> = children(node.pid())
        .into_iter()
        .filter(is_postgres)
        .collect();
    assert_eq!(found.len(), 1, "{}", node.log());
    found[0]
}

fn users(node: &Node, realm: &str) -> BTreeSet<String> {
    let answer = node
        .admin("GET", &format!("/{realm}/users?max=100000"), None)
        .json();
    answer
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["username"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn nothing_acknowledged_is_lost_when_server_and_postgres_are_killed_at_once() {
    let _alone = alone();
    let folder = Folder::new();
    let mut node = Setup::start_dev(&folder.join("data")).ready();
    node.realm("kept");
    node.user("kept", "alice", "wonderland-1");
    let kids = node.kids("kept");
    let mut acknowledged = BTreeSet::<String>::new();
    for round in 0..3 {
        let realm = format!("load-{round}");
        node.realm(&realm);
        let journal = Journal::start(&node, &realm, 200);
        thread::sleep(Duration::from_millis(700));
        let postmaster = postmaster(&node);
        let family: Vec<u32> = [postmaster]
            .into_iter()
            .chain(children(postmaster))
            .collect();
        let mut kill = std::process::Command::new("kill");
        kill.args(["-s", "KILL", &node.pid().to_string()])
            .args(family.iter().map(u32::to_string));
        kill.stderr(std::process::Stdio::null()).status().unwrap();
        node.kill();
        let written = journal.finish();
        for pid in family {
            until("the old Postgres has ended", ANSWER, || {
                (!runs(pid)).then_some(())
            });
        }
        node.spawn();
        let took = node.wait_ready();
        let there = users(&node, &realm);
        let acknowledged_now: BTreeSet<String> = written
            .acknowledged()
            .into_iter()
            .map(str::to_owned)
            .collect();
        say(&format!(
            "kill -9 of all: {} acknowledged, {} there, ready again after {took:?}",
            acknowledged_now.len(),
            there.len()
        ));
        assert!(!acknowledged_now.is_empty() && acknowledged_now.is_subset(&there));
        acknowledged.extend(acknowledged_now);
        assert_eq!(node.kids("kept"), kids);
        assert_eq!(node.login("kept", "alice", "wonderland-1").status, 200);
    }
}

#[test]
fn start_dev_opens_again_what_a_clean_stop_has_left() {
    let _beside = beside();
    let folder = Folder::new();
    let mut node = Setup::start_dev(&folder.join("data")).ready();
    node.realm("kept");
    node.user("kept", "alice", "wonderland-1");
    let kids = node.kids("kept");
    for _ in 0..2 {
        let postmaster = postmaster(&node);
        node.terminate();
        assert_eq!(
            node.wait_end(Duration::from_secs(10)).code(),
            Some(0),
            "{}",
            node.log()
        );
        assert!(!runs(postmaster), "Postgres outlived its server");
        node.restart();
        assert_eq!(node.kids("kept"), kids);
        assert_eq!(node.login("kept", "alice", "wonderland-1").status, 200);
    }
    node.terminate();
    node.wait_end(Duration::from_secs(10));
}

#[test]
fn postgres_does_not_outlive_a_killed_server() {
    let _beside = beside();
    let folder = Folder::new();
    let mut node = Setup::start_dev(&folder.join("data")).ready();
    let postmaster = postmaster(&node);
    node.kill();
    until("Postgres has ended", ANSWER, || {
        (!runs(postmaster)).then_some(())
    });
}

#[test]
fn the_server_lives_on_when_its_postgres_is_killed() {
    let _beside = beside();
    let folder = Folder::new();
    let mut node = Setup::start_dev(&folder.join("data")).ready();
    node.realm("kept");
    let killed = postmaster(&node);
    assert!(signal(killed, "KILL"));
    until("Postgres has ended", ANSWER, || {
        (!runs(killed)).then_some(())
    });
    until("another Postgres", Duration::from_secs(20), || {
        (children(node.pid()).len() == 1).then_some(())
    });
    until("answers again", Duration::from_secs(20), || {
        (node.login("master", "admin", "admin").status == 200).then_some(())
    });
    assert!(node.runs());
    assert_eq!(node.admin("GET", "/kept", None).status, 200);
    end(&mut node);
}

#[test]
fn a_second_server_on_the_same_data_directory_is_refused_in_words() {
    let _beside = beside();
    let folder = Folder::new();
    let data = folder.join("data");
    let mut first = Setup::start_dev(&data).ready();
    let mut second = Setup::start_dev(&data).spawn();
    let status = second.wait_end(ANSWER);
    assert!(!status.success());
    assert!(
        second
            .log()
            .contains("another server uses the data directory"),
        "{}",
        second.log()
    );
    assert!(first.is_ready());
    assert_eq!(first.login("master", "admin", "admin").status, 200);
    end(&mut first);
    assert!(Path::new(&data).join("seal.key").is_file());
}

/// Ends a server cleanly, so that its Postgres is gone before its folder.
fn end(node: &mut Node) {
    node.terminate();
    node.wait_end(Duration::from_secs(10));
}
