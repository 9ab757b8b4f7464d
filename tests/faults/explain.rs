//! `explain`: what a registry's rules grant, on the database of a server that runs or does not.

use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::admin::user;
use crate::node::Node;
use crate::postgres::{Database, shared};

fn explain(database: &Database, args: &[&str]) -> Output {
    let key = database.seal_key.to_str().unwrap();
    let mut command = Command::new(testkit::binary());
    command
        .args(["explain", "--db-url", &database.url()])
        .args(["--seal-key-file", key])
        .args(args)
        .current_dir("/")
        .stdin(Stdio::null())
        .env("KC_LOG_LEVEL", "warn");
    command.output().unwrap()
}

fn told(database: &Database, args: &[&str]) -> String {
    let output = explain(database, args);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

fn rule(name: &str, subject: &str, repository: &str, actions: &str) -> Value {
    json!({ "name": name, "protocol": "docker-v2", "protocolMapper": "docker-v2-access-rule-mapper",
            "config": { "subject": subject, "repository": repository, "actions": actions } })
}

const TABLE: &str = "\
TYPE        NAME      ACTION  GRANTED  MAPPER
repository  team/app  push    yes      team
repository  team/app  delete  no       -
repository  x         pull    yes      everybody reads
repository  x         *       no       -

alice is granted repository:team/app:push repository:x:pull
";

#[test]
fn rules_are_explained_whether_a_server_runs_or_not() {
    let database = shared().database();
    let mut node = Node::start(&database);
    let rules = [
        rule("team", "user:alice", "team/**", "pull##push"),
        rule("everybody reads", "anonymous", "**", "pull"),
    ];
    let registry =
        json!({ "clientId": "registry", "protocol": "docker-v2", "protocolMappers": rules });
    let realm = json!({ "realm": "acme", "enabled": true, "users": [user("alice", "secret")],
                        "clients": [registry, { "clientId": "web" }] });
    node.admin("POST", "", Some(&realm));
    let of = ["--realm", "acme", "--client", "registry"];
    let asked = ["repository:team/app:push,delete", "repository:x:*"];
    let alice = [&of[..], &["--user", "alice"], &asked].concat();
    assert_eq!(told(&database, &alice), TABLE);
    let everybody = told(&database, &[&of[..], &asked[..1]].concat());
    assert!(
        everybody.ends_with("\neverybody is granted nothing\n"),
        "{everybody}"
    );
    for (args, error) in [
        (
            &["--realm", "nosuch", "--client", "registry", "a:b:c"][..],
            "there is no realm nosuch",
        ),
        (
            &["--realm", "acme", "--client", "web", "a:b:c"],
            "there is no docker-v2 client",
        ),
        (
            &[
                "--realm", "acme", "--client", "registry", "--user", "bob", "a:b:c",
            ],
            "User not found",
        ),
        (
            &["--realm", "acme", "--client", "registry", "a:b"],
            "Invalid scope 'a:b'",
        ),
    ] {
        let output = explain(&database, args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(output.stdout.is_empty() && said.contains(error), "{said}");
    }
    node.kill();
    assert_eq!(told(&database, &alice), TABLE);
}
