//! Keycloak's own administration program.

use std::{ffi::OsString, path::PathBuf};

use reqwest::StatusCode;
use serde_json::Value;

use crate::{
    process::{Folder, environment, project, run, skip, words},
    server::{SERVICE, server},
};

fn kcadm() -> Result<PathBuf, String> {
    let path = project().join(".realmkeep/keycloak/bin/kcadm.sh");
    match path.is_file() {
        true => Ok(path),
        false => Err("kcadm.sh is not unpacked, scripts/test-programs.sh says how".into()),
    }
}

/// The newest Java of the machine, as `JAVA_HOME`.
fn java() -> Result<OsString, String> {
    if let Some(home) = std::env::var_os("JAVA_HOME") {
        return Ok(home);
    }
    let version = |home: &PathBuf| {
        let release = std::fs::read_to_string(home.join("release")).ok()?;
        let version = release.split_once("JAVA_VERSION=\"")?.1;
        version.split(['.', '"']).next()?.parse::<u32>().ok()
    };
    let homes = std::fs::read_dir("/usr/lib/jvm").map_err(|error| error.to_string())?;
    homes
        .flatten()
        .map(|home| home.path())
        .filter(|home| home.join("bin/java").is_file())
        .max_by_key(version)
        .map(Into::into)
        .ok_or_else(|| "no Java below /usr/lib/jvm, scripts/test-programs.sh says how".into())
}

#[test]
fn kcadm_makes_a_realm_with_user_and_registry_and_takes_it_away() {
    let (kcadm, java) = match (kcadm(), java()) {
        (Ok(kcadm), Ok(java)) => (kcadm, java),
        (kcadm, java) => {
            let why = [kcadm.err(), java.err()]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>();
            return skip("kcadm", &why.join(", "));
        }
    };
    let home = Folder::new();
    let id = uuid::Uuid::new_v4().simple().to_string();
    let realm = format!("kcadm-{}", &id[..8]);
    let config = home.join("kcadm.config").display().to_string();
    // -client: the program starts in half the time with the quick compiler alone.
    let variables = [
        ("JAVA_HOME", java),
        ("KC_OPTS", "-XX:TieredStopAtLevel=1".into()),
    ];
    let go = |line: &str| {
        let line = format!("{line} --config {config}");
        let args = words(&line, |name| match name {
            "realm" => realm.clone(),
            "server" => server().url.clone(),
            _ => panic!("no value {name}"),
        });
        run(&kcadm, &args, |command| {
            environment(command, &home, &variables)
        })
    };
    let done = |line: &str| {
        let said = go(line);
        assert!(said.ok, "kcadm {line}: {}", said.text);
        said.text
    };
    let json = |line: &str| -> Value {
        let text = done(line);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("kcadm {line}: {error}: {text}"))
    };

    let login = "config credentials --server {server} --realm master --user admin --password";
    let refused = go(&format!("{login} wrong"));
    assert!(!refused.ok, "{}", refused.text);
    assert!(
        refused.text.contains("Invalid user credentials"),
        "{}",
        refused.text
    );
    done(&format!("{login} admin"));

    done("create realms -s realm={realm} -s enabled=true");
    assert_eq!(json("get realms/{realm}")["realm"], realm);
    let user = done(
        "create users -r {realm} -i -s username=alice -s enabled=true -s firstName=Alice \
         -s lastName=Liddell -s email=alice@example.org",
    );
    done("set-password -r {realm} --username alice --new-password wonderland-1");
    let client = format!("-s clientId={SERVICE} -s protocol=docker-v2 -s enabled=true");
    let client = done(&format!("create clients -r {{realm}} -i {client}"));

    let keys = json("get keys -r {realm}");
    let active = &keys["active"]["RS256"];
    assert!(active.is_string(), "{keys}");
    let listed = keys["keys"].as_array().unwrap();
    assert!(listed.iter().any(|key| key["kid"] == *active), "{keys}");
    let users = json("get users -r {realm} -q username=alice -F id,username");
    assert_eq!(
        users,
        serde_json::json!([{"id": user.trim(), "username": "alice"}])
    );
    let status = |password| {
        let answer = server().docker_token(&realm, "alice", password, "repository:app:pull");
        answer.status
    };
    assert_eq!(status("wonderland-1"), StatusCode::OK);
    assert_eq!(status("wrong"), StatusCode::UNAUTHORIZED);

    done(&format!("delete clients/{} -r {{realm}}", client.trim()));
    done(&format!("delete users/{} -r {{realm}}", user.trim()));
    assert_eq!(json("get users -r {realm}"), serde_json::json!([]));
    done("delete realms/{realm}");
    let gone = go("get realms/{realm}");
    assert!(!gone.ok && gone.text.contains("not found"), "{}", gone.text);
}
