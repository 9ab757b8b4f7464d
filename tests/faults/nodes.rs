//! Several nodes on one database.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::admin::{REFUSED, SERVICE};
use crate::node::{Node, Setup};
use crate::postgres::Database;
use crate::process::{say, until};
use crate::{SLACK, SPREAD, alone, postgres};

/// Makes a change on A, and waits until it holds on B: one second at most, and for good.
fn holds_on_b(
    what: &str,
    database: &Database,
    cut: bool,
    change: impl FnOnce(),
    holds: impl Fn() -> bool,
) {
    assert!(!holds(), "{what}: holds before the change");
    if cut {
        let cut = database.count(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity \
             where application_name = 'realmkeep-listener' and datname = current_database()",
        );
        assert!(cut >= 1, "no listener to cut");
    }
    change();
    let begin = Instant::now();
    let (_, took) = until(what, Duration::from_secs(35), || holds().then_some(()));
    say(&format!(
        "{what}{}: on the other node after {took:?}",
        if cut { ", listener cut" } else { "" }
    ));
    assert!(took <= SPREAD + SLACK, "{what}: only after {took:?}");
    while begin.elapsed() < SPREAD + SLACK {
        assert!(holds(), "{what}: held, and does not hold any more");
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn what_changes_on_one_node_holds_on_the_other_within_a_second_also_when_its_listener_was_cut() {
    let _alone = alone();
    let database = postgres::shared().database();
    let a = Node::start(&database);
    let b = Setup::start(&database).ready();
    for (cut, name) in [(false, "calm"), (true, "cut")] {
        a.realm(name);
        let user = a.user(name, "alice", "wonderland-1");
        let client = a.registry(name);
        let b_login = |password: &str| b.login(name, "alice", password).status;
        let b_docker = || b.docker(name, "alice", "wonderland-2");
        let user_path = format!("/{name}/users/{user}");
        let client_path = format!("/{name}/clients/{client}");
        assert_eq!(b_login("wonderland-1"), 200);

        let reset = json!({"type": "password", "value": "wonderland-2", "temporary": false});
        holds_on_b(
            "password changed",
            &database,
            cut,
            || drop(a.admin("PUT", &format!("{user_path}/reset-password"), Some(&reset))),
            || b_login("wonderland-1") == REFUSED && b_login("wonderland-2") == 200,
        );
        assert_eq!(b_docker().status, 200);
        holds_on_b(
            "user disabled",
            &database,
            cut,
            || drop(a.admin("PUT", &user_path, Some(&json!({"enabled": false})))),
            || b_login("wonderland-2") == REFUSED && b_docker().status == 401,
        );
        a.admin("PUT", &user_path, Some(&json!({"enabled": true})));
        until("enabled again", SPREAD + SLACK, || {
            (b_docker().status == 200).then_some(())
        });

        let before = b.kids(name);
        holds_on_b(
            "key rotated",
            &database,
            cut,
            || drop(a.rotate(name, 200)),
            || b.kids(name).len() == before.len() + 1 && signed_by_new_key(&b, name, &before),
        );
        holds_on_b(
            "client disabled",
            &database,
            cut,
            || {
                drop(a.admin(
                    "PUT",
                    &client_path,
                    Some(&json!({"clientId": SERVICE, "enabled": false})),
                ))
            },
            || b_docker().status == 400,
        );
        holds_on_b(
            "client enabled",
            &database,
            cut,
            || {
                drop(a.admin(
                    "PUT",
                    &client_path,
                    Some(&json!({"clientId": SERVICE, "enabled": true})),
                ))
            },
            || b_docker().status == 200,
        );
        holds_on_b(
            "client deleted",
            &database,
            cut,
            || drop(a.admin("DELETE", &client_path, None)),
            || b_docker().status == 400 && b_docker().text().contains("does not exist"),
        );
        holds_on_b(
            "client made",
            &database,
            cut,
            || drop(a.registry(name)),
            || b_docker().status == 200,
        );
        holds_on_b(
            "realm disabled",
            &database,
            cut,
            || drop(a.admin("PUT", &format!("/{name}"), Some(&json!({"enabled": false})))),
            || b_docker().status == 400 && b_login("wonderland-2") != 200,
        );
        holds_on_b(
            "realm deleted",
            &database,
            cut,
            || drop(a.admin("DELETE", &format!("/{name}"), None)),
            || b_docker().status == 404,
        );
    }
}

fn signed_by_new_key(node: &Node, realm: &str, old: &[String]) -> bool {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
    let answer = node.login(realm, "alice", "wonderland-2").json();
    let header = answer["access_token"]
        .as_str()
        .unwrap()
        .split('.')
        .next()
        .unwrap();
    let header: serde_json::Value =
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    !old.iter().any(|kid| header["kid"] == **kid)
}

const NODES: usize = 8;

/// All nodes are ready, and what must be made once is there once.
fn all_ready_and_all_made_once(nodes: &mut [Node], database: &Database) {
    for node in nodes.iter_mut() {
        node.wait_ready();
        assert_eq!(node.get("/realms/master").status, 200);
    }
    let migrations =
        std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations")).unwrap();
    let migrations = migrations.filter(|entry| {
        entry
            .as_ref()
            .unwrap()
            .path()
            .extension()
            .is_some_and(|e| e == "sql")
    });
    let migrations = i64::try_from(migrations.count()).unwrap();
    assert_eq!(
        database.count("select count(*) from schema_history"),
        migrations
    );
    assert_eq!(
        database.count("select count(distinct version) from schema_history"),
        migrations
    );
    assert_eq!(database.sql("select name from realm"), "master");
    assert_eq!(
        database.sql("select username from user_entity"),
        testkit::ADMIN.0
    );
    assert_eq!(database.count("select count(*) from data_key"), 1);
    for node in nodes.iter() {
        assert!(!node.log().contains("ERROR"), "{}", node.log());
    }
}

#[test]
fn eight_nodes_started_at_once_on_an_empty_database_make_the_schema_once() {
    let _alone = alone();
    let database = postgres::shared().database();
    let mut nodes: Vec<_> = (0..NODES)
        .map(|_| Setup::start(&database).spawn())
        .collect();
    all_ready_and_all_made_once(&mut nodes, &database);
    for node in nodes {
        assert_eq!(
            node.login("master", testkit::ADMIN.0, testkit::ADMIN.1)
                .status,
            200
        );
    }
}

#[test]
fn when_the_node_that_makes_the_schema_is_killed_half_way_the_next_continues() {
    let _alone = alone();
    let database = postgres::shared().database();
    // Each table takes a while, so that there is a half-way.
    database.sql(
        "create function slowly() returns event_trigger language plpgsql as $$ begin perform pg_sleep(0.15); end $$;
         create event trigger slowly on ddl_command_start when tag in ('CREATE TABLE') execute function slowly()",
    );
    let named = |n: usize| format!("{}&application_name=node-{n}", database.url());
    let mut nodes: Vec<_> = (0..4)
        .map(|n| {
            Setup::start(&database)
                .option("--db-url", &named(n))
                .spawn()
        })
        .collect();
    let (holder, _) = until("a node migrates", Duration::from_secs(30), || {
        let holder = database.sql(
            "select distinct application_name from pg_stat_activity a join pg_locks l on l.pid = a.pid and l.locktype = 'advisory' \
             and l.granted where a.datname = current_database() and exists (select from pg_locks t where t.pid = a.pid \
             and t.mode = 'AccessExclusiveLock')",
        );
        holder
            .lines()
            .next()
            .and_then(|name| name.strip_prefix("node-")?.parse::<usize>().ok())
    });
    nodes.remove(holder).kill();
    assert!(
        database.sql("select to_regclass('client') is null") == "t",
        "it was not half-way any more"
    );
    all_ready_and_all_made_once(&mut nodes, &database);
}
