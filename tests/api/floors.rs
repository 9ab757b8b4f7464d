//! The floors of the design, read from the manifests: dependencies go down only.

use std::collections::HashMap;
use std::path::Path;

const FLOORS: [(&str, u8); 9] = [
    ("store", 0),
    ("realm", 1),
    ("user", 2),
    ("client", 2),
    ("protocol", 3),
    ("admin", 4),
    ("docker-v2", 4),
    ("openid-connect", 4),
    ("server", 5),
];

fn dependencies(name: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../crates")
        .join(name)
        .join("Cargo.toml");
    let manifest: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    manifest["dependencies"]
        .as_table()
        .unwrap()
        .keys()
        .cloned()
        .collect()
}

#[test]
fn crates_depend_on_lower_floors_only() {
    let floors: HashMap<&str, u8> = FLOORS.into();
    for (name, floor) in FLOORS {
        for dependency in dependencies(name) {
            if let Some(below) = floors.get(dependency.as_str()) {
                assert!(
                    *below < floor,
                    "{name} (floor {floor}) depends on {dependency} (floor {below})"
                );
            }
        }
    }
}

#[test]
fn every_crate_has_a_floor() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(FLOORS.iter().any(|(known, _)| *known == name), "{name}");
    }
}

#[test]
fn http_begins_at_floor_three_and_sql_ends_at_floor_two() {
    for (name, floor) in FLOORS {
        for dependency in dependencies(name) {
            let http = ["actix-web", "actix-rt", "http", "hyper", "reqwest"]
                .contains(&dependency.as_str());
            assert!(floor >= 3 || !http, "{name} depends on {dependency}");
            let sql = ["sqlx", "refinery"].contains(&dependency.as_str());
            assert!(floor <= 2 || !sql, "{name} depends on {dependency}");
        }
    }
}
