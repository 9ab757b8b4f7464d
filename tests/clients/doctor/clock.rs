//! A server in another time.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use reqwest::Method;
use serde_json::{Value, json};

use super::{Auth, PASSWORD, USER, examined, names};
use crate::{
    process::{Folder, Service, free_port, skip},
    registry::VERSIONS,
    server::{SERVICE, binary, server},
};

#[test]
fn a_clock_ten_minutes_off_is_named() {
    let what = "a clock ten minutes ahead";
    if server().keycloak {
        return skip(what, "its clock is not ours");
    }
    let library = match faketime() {
        Ok(library) => library,
        Err(why) => return skip(what, &why),
    };
    for (shift, direction) in [("+10m", "ahead of"), ("-10m", "behind")] {
        let shifted = Shifted::start(&library, shift);
        for version in VERSIONS {
            let registry = match shifted.auth.start(version) {
                Ok(registry) => registry,
                Err(why) => {
                    skip(&format!("{what} at {version}"), &why);
                    continue;
                }
            };
            let said = examined(&registry);
            names(&said, "clock: the identity server is ");
            let last = said.text.lines().last().unwrap();
            assert!(
                last.contains(&format!("s {direction} the registry")),
                "{last}"
            );
            assert!(
                last.contains("This machine agrees with the registry"),
                "{last}"
            );
        }
    }
}

/// The library that moves the clock of a program.
fn faketime() -> Result<PathBuf, String> {
    let folders = std::fs::read_dir("/usr/lib")
        .into_iter()
        .flatten()
        .flatten();
    folders
        .map(|folder| folder.path().join("faketime/libfaketime.so.1"))
        .find(|file| file.is_file())
        .ok_or_else(|| "faketime is not installed, scripts/test-programs.sh says how".to_owned())
}

/// A second server, in another time, and what a registry of its realm is configured with.
struct Shifted {
    auth: Auth,
    _service: Service,
}

impl Shifted {
    fn start(faketime: &Path, shift: &str) -> Self {
        let (port, management) = (free_port(), free_port());
        let folder = Folder::new();
        let mut command = Command::new(binary().unwrap());
        command
            .args(["start-dev", "--http-host", "127.0.0.1"])
            .args(["--http-port", &port.to_string()])
            .args(["--management-port", &management.to_string(), "--data-dir"])
            .arg(folder.join("data"))
            .env("LD_PRELOAD", faketime)
            .env("FAKETIME", shift)
            // Waiting goes on as ever.
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        let mut service = Service::start(folder, command);
        let ready = format!("http://localhost:{management}/health/ready");
        service.wait(|_| server().answers(&ready)).unwrap();
        let base = format!("http://localhost:{port}");
        let send = |method: Method, path: &str, body: Option<Value>| {
            let bearer = server().token_at(&base, "admin-cli");
            let url = format!("{base}/admin/realms{path}");
            let answer = server().send(method, &url, &bearer, body.as_ref());
            assert!(
                answer.status.is_success(),
                "{path}: {} {}",
                answer.status,
                answer.body
            );
            answer
        };
        let realm = json!({
            "realm": "shifted",
            "enabled": true,
            "clients": [{"clientId": SERVICE, "protocol": "docker-v2", "enabled": true}],
            "users": [{
                "username": USER,
                "enabled": true,
                "email": "alice@example.org",
                "firstName": "Alice",
                "lastName": "Example",
                "credentials": [{"type": "password", "value": PASSWORD}],
            }],
        });
        send(Method::POST, "", Some(realm));
        let clients = send(
            Method::GET,
            &format!("/shifted/clients?clientId={SERVICE}"),
            None,
        )
        .json();
        let id = clients[0]["id"].as_str().unwrap();
        let bundle = format!("/shifted/clients/{id}/installation/providers/docker-v2-ca-bundle");
        let issuer = format!("{base}/realms/shifted");
        Self {
            auth: Auth {
                realm: format!("{issuer}/protocol/docker-v2/auth"),
                service: SERVICE.to_owned(),
                issuer,
                bundle: send(Method::GET, &bundle, None).body,
                jwks: None,
            },
            _service: service,
        }
    }
}
