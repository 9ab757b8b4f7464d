//! `import` and `export`: realms that move between servers as files, whole or not at all.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::node::Setup;
use crate::process::{Folder, signal, until, wait_end};
use crate::{ANSWER, SPREAD, beside};

/// A small export of Keycloak 26.7.3, of realm `from-keycloak`.
const KEYCLOAK: &str = include_str!("../api/keycloak_export.json");

fn command(folder: &Folder, args: &[&str]) -> Command {
    let mut command = Command::new(testkit::binary());
    command
        .args(args)
        .current_dir(&**folder)
        .stdin(Stdio::null())
        .env("KC_LOG_LEVEL", "warn");
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("REALMKEEP__")) {
        command.env_remove(name);
    }
    command
}

fn run(folder: &Folder, args: &[&str]) -> Output {
    command(folder, args).output().unwrap()
}

fn succeed(folder: &Folder, args: &[&str]) -> String {
    let output = run(folder, args);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

fn fail(folder: &Folder, args: &[&str]) -> String {
    let output = run(folder, args);
    assert!(!output.status.success(), "{args:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// The export of Keycloak with more users, each with a hash, a role, a group and an attribute, and a client's secret before.
fn with_users(count: usize) -> Value {
    let mut file: Value = serde_json::from_str(KEYCLOAK).unwrap();
    let mut clients = file["clients"].as_array_mut().unwrap().iter_mut();
    let web = clients.find(|client| client["clientId"] == "web").unwrap();
    web["attributes"]["client.secret.rotated"] = json!("made-up-secret-before");
    web["attributes"]["client.secret.rotated.expiration.time"] = json!("4102444800");
    file["identityProviders"] = json!([{
        "alias": "ci", "providerId": "oidc", "displayName": "CI",
        "config": { "issuer": "https://ci.example.test", "clientSecret": "made-up-issuer-secret" },
    }]);
    file["identityProviderMappers"] = json!([{
        "name": "app", "identityProviderAlias": "ci", "identityProviderMapper": "docker-v2-robot-idp-mapper",
        "config": { "claims": "{\"repository\":\"org/app\"}", "serviceAccount": "ci" },
    }]);
    let users = file["users"].as_array_mut().unwrap();
    let hash = users[0]["credentials"][0].clone();
    for number in 0..count {
        let mut hash = hash.clone();
        hash["id"] = json!(uuid::Uuid::new_v4());
        users.push(json!({
            "username": format!("user-{number}"), "email": format!("user-{number}@example.test"), "enabled": true,
            "firstName": "U", "lastName": number.to_string(), "attributes": { "team": [number.to_string(), "ö"] },
            "credentials": [hash, { "type": "otp", "secretData": "{\"value\":\"made-up\"}", "credentialData": "{\"digits\":6}" }],
            "realmRoles": ["all"], "clientRoles": { "reg": ["push"] }, "groups": ["/devs/core"],
            "clientConsents": [{
                "clientId": "account-console", "grantedClientScopes": ["email", "profile"], "createdDate": number,
                "lastUpdatedDate": 2000
            }]
        }));
    }
    file
}

fn json_files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn a_realm_with_a_thousand_users_goes_from_server_to_server_and_stays_equal_to_the_byte() {
    let _beside = beside();
    let folder = Folder::new();
    folder.write("kc.json", with_users(1000).to_string());
    succeed(&folder, &["import", "kc.json", "--data-dir", "a"]);
    let export = |data: &str, to: &[&str]| {
        let args = [
            &["export", "--realm", "from-keycloak", "--data-dir", data],
            to,
        ]
        .concat();
        succeed(&folder, &args);
    };
    export("a", &["--file", "one.json"]);
    succeed(&folder, &["import", "one.json", "--data-dir", "b"]);
    export("b", &["--file", "two.json"]);
    let one = std::fs::read(folder.join("one.json")).unwrap();
    assert!(one == std::fs::read(folder.join("two.json")).unwrap());
    let file: Value = serde_json::from_slice(&one).unwrap();
    let mut clients = file["clients"].as_array().unwrap().iter();
    let web = clients.find(|client| client["clientId"] == "web").unwrap();
    let before = &web["attributes"]["client.secret.rotated"];
    assert_eq!(before, "made-up-secret-before");
    let provider = &file["identityProviders"][0];
    assert_eq!(provider["config"]["clientSecret"], "made-up-issuer-secret");
    assert_eq!(file["identityProviderMappers"][0]["name"], "app");
    let users = file["users"].as_array().unwrap();
    assert_eq!(users.len(), 1005);
    let consents = users.iter().filter_map(|user| user.get("clientConsents"));
    let granted =
        consents.map(|consents| consents[0]["grantedClientScopes"].as_array().unwrap().len());
    assert_eq!(granted.collect::<Vec<_>>(), [2; 1000]);
    let mode = std::fs::metadata(folder.join("one.json"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    // The same by a folder, in files of 400 users each.
    export("b", &["--dir", "three", "--users-per-file", "400"]);
    succeed(&folder, &["import", "--dir", "three", "--data-dir", "b"]);
    export("b", &["--dir", "four", "--users-per-file", "400"]);
    let (three, four) = (
        json_files(&folder.join("three")),
        json_files(&folder.join("four")),
    );
    let names: Vec<_> = three.iter().map(|(name, _)| name.as_str()).collect();
    let expected = ["realm", "users-0", "users-1", "users-2"];
    assert_eq!(
        names,
        expected.map(|part| format!("from-keycloak-{part}.json"))
    );
    assert!(three == four);

    export("b", &["--dir", "five", "--users", "skip"]);
    let five = json_files(&folder.join("five"));
    assert_eq!(five.len(), 1);
    let file: Value = serde_json::from_slice(&five[0].1).unwrap();
    assert!(file.get("users").is_none());
}

#[test]
fn import_and_export_work_beside_a_running_server() {
    let _beside = beside();
    let folder = Folder::new();
    let data = folder.join("data");
    let node = Setup::start_dev(&data).ready();
    let data = data.to_str().unwrap();
    let kc = folder
        .write("kc.json", KEYCLOAK)
        .to_str()
        .unwrap()
        .to_owned();
    let display_name = || node.admin("GET", "/from-keycloak", None).json()["displayName"].clone();
    let said = succeed(&folder, &["import", &kc, "--data-dir", data]);
    assert_eq!(said, "1 of 1 realms imported\n");
    // Users come with their old hashes: argon2, pbkdf2-sha512.
    assert_eq!(display_name(), "Rich");
    let login = |user: &str, password: &str| {
        let form =
            format!("grant_type=password&client_id=admin-cli&username={user}&password={password}");
        let path = "/realms/from-keycloak/protocol/openid-connect/token";
        let request = testkit::http::Request::new("POST", path)
            .header("Content-Type", "application/x-www-form-urlencoded");
        request.body(form).send(&node.url).unwrap()
    };
    assert_eq!(login("ann", "ann-password").status, 200);
    assert_eq!(
        login("ann", "wrong").json()["error_description"],
        "Invalid user credentials"
    );
    // The password is right, and the user has something to do first.
    assert_eq!(
        login("bob", "bob-password").json()["error_description"],
        "Account is not fully set up"
    );

    let changed = KEYCLOAK.replace("\"Rich\"", "\"${NAME:Richer}\"");
    folder.write("changed.json", &changed);
    let args = ["import", "changed.json", "--data-dir", data];
    let said = succeed(&folder, &[&args[..], &["--override", "false"]].concat());
    assert_eq!(said, "0 of 1 realms imported\n");
    assert_eq!(display_name(), "Rich");
    let done = command(&folder, &args)
        .env("NAME", "Ri\"ch")
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    until("the new realm", SPREAD + ANSWER, || {
        (display_name() == "Ri\"ch").then_some(())
    });

    succeed(&folder, &["export", "--dir", "out", "--data-dir", data]);
    let names: Vec<_> = json_files(&folder.join("out"))
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert!(names.contains(&"master-realm.json".to_owned()), "{names:?}");
    assert!(
        names.contains(&"from-keycloak-users-0.json".to_owned()),
        "{names:?}"
    );
    assert_eq!(login("ann", "ann-password").status, 200);
}

#[test]
fn what_cannot_be_imported_or_exported_is_said_with_its_reason_and_nothing_is_left() {
    let _beside = beside();
    let folder = Folder::new();
    let bad = |name: &str, pointer: &str, value: Value| {
        let mut file: Value = serde_json::from_str(KEYCLOAK).unwrap();
        *file.pointer_mut(pointer).unwrap() = value;
        folder.write(name, file.to_string());
    };
    assert!(
        fail(
            &folder,
            &[
                "export",
                "--file",
                "x.json",
                "--realm",
                "r",
                "--data-dir",
                "data"
            ]
        )
        .contains("no realms"),
    );
    bad("user.json", "/users/4/username", json!("ann"));
    bad(
        "key.json",
        "/components/org.keycloak.keys.KeyProvider/0/config/privateKey/0",
        json!("x"),
    );
    bad("unknown.json", "/clientProfiles", json!([1]));
    for (file, reason) in [
        ("user.json", "Duplicate resource error"),
        ("key.json", "Failed to decode private key"),
        ("unknown.json", "Cannot parse the JSON"),
        ("nosuch.json", "cannot read"),
    ] {
        let said = fail(&folder, &["import", file, "--data-dir", "data"]);
        assert!(said.contains(file) && said.contains(reason), "{said}");
        let args = [
            "export",
            "--realm",
            "from-keycloak",
            "--file",
            "out.json",
            "--data-dir",
            "data",
        ];
        assert!(fail(&folder, &args).contains("there is no realm from-keycloak"));
    }
    assert!(!folder.join("out.json").exists());
    folder.write("master.json", r#"{"realm":"master"}"#);
    let said = fail(&folder, &["import", "master.json", "--data-dir", "data"]);
    assert!(said.contains("realm master cannot be replaced"), "{said}");
    std::fs::create_dir(folder.join("lonely")).unwrap();
    folder.write("lonely/gone-users-0.json", r#"{"realm":"gone","users":[]}"#);
    let said = fail(
        &folder,
        &["import", "--dir", "lonely", "--data-dir", "data"],
    );
    assert!(said.contains("gone-users-0.json"), "{said}");
}

#[test]
fn an_import_that_is_ended_halfway_leaves_the_whole_realm_or_nothing() {
    let _beside = beside();
    let mut folder = Folder::new();
    folder.write("big.json", with_users(10_000).to_string());
    succeed(&folder, &["import", "big.json", "--data-dir", "other"]);
    folder.write("small.json", r#"{"realm":"small"}"#);
    succeed(&folder, &["import", "small.json", "--data-dir", "data"]);
    for wait in [150, 400, 800, 1300] {
        let mut child = command(&folder, &["import", "big.json", "--data-dir", "data"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        folder.inhabitant(Some(child.id()));
        std::thread::sleep(Duration::from_millis(wait));
        signal(child.id(), "TERM");
        wait_end(&mut child, Duration::from_secs(30));
        folder.inhabitant(None);
        let out: PathBuf = folder.join("out.json");
        let _ = std::fs::remove_file(&out);
        let args = [
            "export",
            "--realm",
            "from-keycloak",
            "--file",
            "out.json",
            "--data-dir",
            "data",
        ];
        let output = run(&folder, &args);
        if output.status.success() {
            let file: Value = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
            assert_eq!(
                file["users"].as_array().unwrap().len(),
                10_005,
                "after {wait} ms"
            );
        } else {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(
                said.contains("there is no realm from-keycloak"),
                "after {wait} ms: {said}"
            );
        }
    }
}
