//! The wrong seal key.

use std::thread;
use std::time::Duration;

use testkit::http;

use crate::admin::SERVICE;
use crate::node::{Node, Setup};
use crate::postgres::Database;
use crate::process::{Folder, until};
use crate::{beside, postgres};

/// Every row of every table, and the transaction that wrote it last.
fn all_rows(database: &Database) -> String {
    let tables = database.sql("select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1");
    tables
        .lines()
        .map(|table| {
            format!(
                "{table}\n{}\n",
                database.sql(&format!("select xmin, t.* from {table} t order by t::text"))
            )
        })
        .collect()
}

#[test]
fn with_the_wrong_seal_key_the_server_says_so_is_not_ready_and_changes_nothing() {
    let _beside = beside();
    let database = postgres::shared().database();
    let mut node = Node::start(&database);
    node.realm("sealed");
    node.user("sealed", "alice", "wonderland-1");
    node.registry("sealed");
    let kids = node.kids("sealed");
    node.terminate();
    node.wait_end(Duration::from_secs(10));
    let before = all_rows(&database);

    let folder = Folder::new();
    let other = folder.write("other.key", "dGhpcnR5LXR3byBieXRlcywgYW5vdGhlciBvZiBpdCE=");
    let mut wrong = Setup::start(&database).seal_key(&other).spawn();
    until("it says so", Duration::from_secs(10), || {
        wrong.log().contains("another seal key").then_some(())
    });
    for _ in 0..20 {
        assert!(wrong.runs() && !wrong.is_ready());
        assert_eq!(
            http::get(&wrong.management, "/health/live").unwrap().status,
            200
        );
        let answer = wrong.get("/realms/sealed/protocol/openid-connect/certs");
        assert_eq!(
            (answer.status, answer.header("Retry-After")),
            (503, Some("1"))
        );
        assert_eq!(wrong.login("sealed", "alice", "wonderland-1").status, 503);
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(all_rows(&database), before, "the database was changed");
    drop(wrong);

    node.restart();
    assert_eq!(node.kids("sealed"), kids);
    let answer = node.docker("sealed", "alice", "wonderland-1");
    assert_eq!(answer.status, 200, "{SERVICE}: {}", answer.text());
}

#[test]
fn a_new_seal_key_in_front_of_the_old_one_opens_what_the_old_one_sealed() {
    let _beside = beside();
    let database = postgres::shared().database();
    let mut node = Node::start(&database);
    node.realm("older");
    let kids = node.kids("older");
    node.terminate();
    node.wait_end(Duration::from_secs(10));

    let folder = Folder::new();
    let old = std::fs::read_to_string(&database.seal_key).unwrap();
    let both = folder.write(
        "both.key",
        format!("dGhpcnR5LXR3byBieXRlcywgYW5vdGhlciBvZiBpdCE=,{old}"),
    );
    node.set_up(|setup| setup.seal_key(&both));
    node.restart();
    assert_eq!(node.kids("older"), kids);
    node.realm("newer");
    assert_eq!(node.kids("newer").len(), 2);
}
