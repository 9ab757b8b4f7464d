//! What is secret stays so: no answer of the admin API and no row of the database holds it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

use crate::forge;
use crate::rows::dump;
use crate::support::{Admin, Realm, login, server, token};

/// Everything that a `GET` of the admin API answers about a realm, by path.
async fn everything(admin: &Admin, realm: &Realm, component: &str) -> BTreeMap<String, String> {
    server();
    let mut bodies = BTreeMap::new();
    for (method, path) in admin::routes() {
        if method != "GET" || ["/realms", "/serverinfo"].contains(&path.as_str()) {
            continue;
        }
        let mut files = vec!["-"];
        if path.ends_with("/installation/providers/{id}") {
            files = vec![
                "docker-v2-registry-config-file",
                "docker-v2-variable-override",
                "docker-v2-compose-yaml",
                "docker-v2-ca-bundle",
                "docker-v2-jwks",
            ];
        }
        for file in files {
            let path = path
                .replace("/components/{id}", &format!("/components/{component}"))
                .replace("/providers/{id}", &format!("/providers/{file}"))
                .replace("/users/{id}", &format!("/users/{}", realm.alice))
                .replace("{user}", &realm.alice)
                .replace("{client}", &realm.registry)
                .replace("{owner}", &realm.registry)
                .replace("{role}", "offline_access")
                .replace("{protocol}", "docker-v2");
            let body = admin.bytes(&realm.path(&path)).await;
            bodies.insert(path, String::from_utf8_lossy(&body).into_owned());
        }
    }
    bodies
}

#[tokio::test]
async fn no_answer_and_no_row_holds_a_private_key_or_a_password() {
    let realm = Realm::with(json!({ "eventsEnabled": true })).await;
    let component = forge::import(&realm).await;
    login(&server().url, &realm.name, "alice", "secret").await;
    let form = [
        ("grant_type", "password"),
        ("client_id", "admin-cli"),
        ("username", "alice"),
        ("password", "wr0ng-pass"),
    ];
    assert_eq!(token(&server().url, &realm.name, &form).await.status, 400);
    // Long pieces from inside the key: whatever shape it is shown in, they would be there.
    let der = forge::der();
    let inside = &der[300..600];
    let mut needles: Vec<String> = vec![
        inside.iter().map(|byte| format!("{byte:02x}")).collect(),
        "PRIVATE KEY".to_owned(),
        "wr0ng-pass".to_owned(),
        "$argon2".to_owned(),
        "secretData".to_owned(),
    ];
    for shift in 0..3 {
        needles.push(STANDARD.encode(&inside[shift..shift + 240]));
        needles.push(URL_SAFE_NO_PAD.encode(&inside[shift..shift + 240]));
    }
    needles.extend(forge::PEM.lines().skip(1).take(10).map(str::to_owned));
    let bodies = everything(&realm.admin, &realm, &component).await;
    assert!(bodies.len() > 55, "{}", bodies.len());
    for (path, body) in &bodies {
        for needle in &needles {
            // The archive brings a throw-away pair for TLS of its own.
            let own = needle == "PRIVATE KEY" && path.ends_with("docker-v2-compose-yaml");
            assert!(own || !body.contains(needle), "{path} holds {needle}");
        }
    }
    let rows = dump(&realm.name).await;
    for needle in needles.iter().filter(|needle| *needle != "secretData") {
        assert!(!rows.contains(needle), "the database holds {needle}");
    }
    let secret = realm
        .admin
        .get(&realm.path(&format!("/clients/{}/client-secret", realm.registry)))
        .await
        .json;
    assert!(!rows.contains(secret["value"].as_str().unwrap()));
}
