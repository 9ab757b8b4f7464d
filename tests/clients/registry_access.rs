//! The set-ups of `docs/registry-access.md`, run as they stand there.

use std::{fs, path::Path};

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    process::{Folder, project, run, skip},
    server::{administrator, server},
};

/// One set-up: its heading, its commands, its realm file, and what it gives.
struct SetUp<'a> {
    heading: &'a str,
    commands: &'a str,
    file: Value,
    rows: Vec<[&'a str; 3]>,
}

/// The text between a line that begins a block of this kind and the line that ends it.
fn block<'a>(section: &'a str, kind: &str) -> &'a str {
    let (_, after) = section.split_once(&format!("```{kind}\n")).unwrap();
    after.split_once("```").unwrap().0
}

fn rows(section: &str) -> Vec<[&str; 3]> {
    let lines = section.lines().filter(|line| line.starts_with("| "));
    let rows = lines.map(|line| {
        let mut cells = line
            .trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().trim_matches('`'));
        [(); 3].map(|()| cells.next().unwrap())
    });
    rows.filter(|row| *row != ["who", "asks for", "gets"])
        .collect()
}

/// The commands that come before all others, and the set-ups.
fn read(page: &str) -> (&str, Vec<SetUp<'_>>) {
    let mut sections = page.split("\n## ").skip(1);
    let before = block(sections.next().unwrap(), "sh");
    let set_ups = sections.map(|section| SetUp {
        heading: section.lines().next().unwrap(),
        commands: block(section, "sh"),
        file: serde_json::from_str(block(section, "json")).unwrap(),
        rows: rows(section),
    });
    (before, set_ups.collect())
}

/// What a token of the realm's registry grants of one scope.
fn granted(realm: &str, who: &str, scope: &str) -> String {
    let password = match who {
        "service-account-ci" => "a-secret-of-ci",
        _ => "wonderland",
    };
    let who = Some(who).filter(|who| *who != "nobody");
    let answer =
        server().docker_token_of("my-registry", realm, who.map(|who| (who, password)), scope);
    let access = match (answer.status.as_u16(), who) {
        (200, _) => crate::access::granted(&answer.json()),
        (401, None) => json!([]),
        _ => panic!("{} {}", answer.status, answer.body),
    };
    let actions = access[0]["actions"].as_array();
    let actions = actions.map(|actions| {
        let names = actions.iter().map(|action| action.as_str().unwrap());
        names.collect::<Vec<_>>().join(",")
    });
    actions.unwrap_or_else(|| "nothing".into())
}

fn check(realm: &str, set_up: &SetUp<'_>, how: &str) {
    assert!(set_up.rows.len() > 3, "{}", set_up.heading);
    for [who, scope, gets] in &set_up.rows {
        let granted = granted(realm, who, scope);
        assert_eq!(
            granted, *gets,
            "{} {how}: {who} asks for {scope}",
            set_up.heading
        );
    }
}

#[test]
fn the_five_usual_set_ups_give_what_their_page_says() {
    let page = fs::read_to_string(project().join("docs/registry-access.md")).unwrap();
    let (before, set_ups) = read(&page);
    assert_eq!(set_ups.len(), 5);
    if server().keycloak {
        return skip("access rules", "Keycloak has none");
    }
    assert_eq!(administrator(), ("admin".into(), "admin".into()));
    let folder = Folder::new();
    for set_up in &set_ups {
        // The address is all that differs from what a reader types.
        let before = before.replacen("http://localhost:8080", &server().url, 1);
        let script = format!("set -e\n{before}{}", set_up.commands);
        let script = folder.write("script", script).display().to_string();
        let done = run(Path::new("/bin/sh"), &[script], |_| {});
        assert!(done.ok, "{}: {}", set_up.heading, done.text);
        check("acme", set_up, "by commands");
        server().admin(Method::DELETE, "/acme", None);

        let realm = set_up.file["realm"].as_str().unwrap();
        server().admin(Method::POST, "", Some(&set_up.file));
        check(realm, set_up, "by its realm file");
        server().admin(Method::DELETE, &format!("/{realm}"), None);
    }
}

/// Without what only realmkeep has, they are realm files of Keycloak.
#[test]
fn the_realm_files_of_the_five_set_ups_are_keycloaks_but_for_the_mappers() {
    let page = fs::read_to_string(project().join("docs/registry-access.md")).unwrap();
    for SetUp { mut file, .. } in read(&page).1 {
        for client in file["clients"].as_array_mut().unwrap() {
            client.as_object_mut().unwrap().remove("protocolMappers");
        }
        let name = file["realm"].as_str().unwrap().to_owned() + "-bare";
        file["realm"] = json!(name);
        server().admin(Method::POST, "", Some(&file));
        let clients = server().admin(
            Method::GET,
            &format!("/{name}/clients?clientId=my-registry"),
            None,
        );
        let mappers = &clients.json()[0]["protocolMappers"];
        assert_eq!(mappers[0]["protocolMapper"], "docker-v2-allow-all-mapper");
        server().admin(Method::DELETE, &format!("/{name}"), None);
    }
}
