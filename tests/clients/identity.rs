//! Identity tokens: docker keeps one instead of the password, and every client goes on with it.

use base64::{Engine, prelude::*};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    client::{self, Client},
    process::{say, skip},
    registry::{Registry, VERSIONS, Wire},
    server::{Realm, SERVICE, server},
    terminal::{At, Terminal},
    visit::{Failing, is_there},
};

const USER: &str = "alice";
const PASSWORD: &str = "wonderland-1";
const DAY: i64 = 24 * 60 * 60;

/// Those that read what docker keeps; of them only docker gets itself one.
const READERS: [&Client; 5] = [
    &client::SKOPEO,
    &client::PODMAN,
    &client::CRANE,
    &client::ORAS,
    &client::REGCTL,
];

fn at<'a>(registry: &'a Registry, repository: &'a str) -> At<'a> {
    At {
        registry,
        user: USER,
        password: PASSWORD,
        repository,
        copy: repository,
    }
}

/// What docker keeps in its home after a login.
fn kept(docker: &Terminal) -> String {
    std::fs::read_to_string(docker.home.join(".docker/config.json")).unwrap()
}

/// A token request by the form of the docker endpoint.
fn asks(realm: &Realm, token: &str, more: &[(&str, &str)]) -> (u16, Value) {
    let mut form = vec![
        ("grant_type", "refresh_token"),
        ("service", SERVICE),
        ("client_id", "test"),
        ("refresh_token", token),
    ];
    form.extend(more);
    let url = format!(
        "{}/realms/{}/protocol/docker-v2/auth",
        server().url,
        realm.name
    );
    let answer = server().form(&url, &form);
    (answer.status.as_u16(), answer.json())
}

/// Lets so many seconds pass for the identity tokens of a realm.
fn let_pass(realm: &Realm, seconds: i64) {
    server().sql(&format!(
        "update offline_session o set started = started - {seconds}, client_started = client_started - {seconds}, \
         last_refresh = last_refresh - {seconds}, previous_until = previous_until - {seconds} from realm r \
         where r.id = o.realm_id and r.name = '{}'",
        realm.name
    ));
}

/// Docker logs in; its home holds a token and no password.
fn log_in(docker: &Terminal, registry: &Registry) -> String {
    docker
        .succeeds(docker.client.login, &at(registry, ""))
        .unwrap();
    let kept = kept(docker);
    let basic = BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}"));
    assert!(!kept.contains(PASSWORD) && !kept.contains(&basic), "{kept}");
    let kept: Value = serde_json::from_str(&kept).unwrap();
    let token = kept["auths"][&registry.host]["identitytoken"].as_str();
    token.unwrap_or_else(|| panic!("{kept}")).to_owned()
}

fn session(token: &str) -> String {
    let claims = token.split('.').nth(1).unwrap();
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    claims["sid"].as_str().unwrap().to_owned()
}

fn pushes_and_pulls(terminal: &Terminal, registry: &Registry, repository: &str) {
    terminal.pushes(&at(registry, repository)).unwrap();
    terminal.pulls(&at(registry, repository)).unwrap();
}

#[test]
fn docker_keeps_an_identity_token_and_no_password_until_it_is_revoked() {
    if !is_there(&client::DOCKER) || server().keycloak {
        return skip("identity tokens", "docker is missing, or this is Keycloak");
    }
    for version in VERSIONS {
        let _failing = Failing(format!("docker at {version}: identity token"));
        let realm = Realm::new("identity");
        realm.user(USER, PASSWORD);
        let registry = match Registry::start(version, Wire::Plain, &realm) {
            Ok(registry) => registry,
            Err(why) => {
                skip(&format!("identity tokens at {version}"), &why);
                continue;
            }
        };
        let docker = Terminal::new(&client::DOCKER, &[&registry]);
        let token = log_in(&docker, &registry);
        pushes_and_pulls(&docker, &registry, "app");
        // Each of these days would be the last without the pull before.
        let idle = json!({ "offlineSessionIdleTimeout": DAY });
        server().admin(Method::PUT, &format!("/{}", realm.name), Some(&idle));
        for _ in 0..3 {
            let_pass(&realm, DAY - 60);
            docker.pulls(&at(&registry, "app")).unwrap();
        }
        assert!(kept(&docker).contains(&token), "still the same");

        let path = format!(
            "/{}/sessions/{}?isOffline=true",
            realm.name,
            session(&token)
        );
        server().admin(Method::DELETE, &path, None);
        docker
            .is_refused(docker.client.pull, &at(&registry, "app"))
            .unwrap();

        // A login revives it, and whoever uses a token that was replaced ends all that came from the login.
        let token = log_in(&docker, &registry);
        docker.pulls(&at(&registry, "app")).unwrap();
        let (status, rotated) = asks(&realm, &token, &[("access_type", "offline")]);
        assert_eq!(status, 200, "{rotated}");
        let rotated = rotated["refresh_token"].as_str().unwrap();
        docker.pulls(&at(&registry, "app")).unwrap();
        let_pass(&realm, 11);
        assert_eq!(asks(&realm, rotated, &[]).0, 200);
        docker
            .is_refused(docker.client.pull, &at(&registry, "app"))
            .unwrap();
        assert_eq!(asks(&realm, rotated, &[]).0, 401);
        say(&format!(
            "docker at {version}: identity token kept, idle for days, revoked, rotated and used again"
        ));
    }
}

#[test]
fn every_client_pushes_and_pulls_with_what_docker_keeps() {
    if !is_there(&client::DOCKER) || server().keycloak {
        return skip("identity tokens", "docker is missing, or this is Keycloak");
    }
    let realm = Realm::new("identity");
    realm.user(USER, PASSWORD);
    for version in VERSIONS {
        let registry = match Registry::start(version, Wire::Plain, &realm) {
            Ok(registry) => registry,
            Err(why) => {
                skip(&format!("identity tokens at {version}"), &why);
                continue;
            }
        };
        let docker = Terminal::new(&client::DOCKER, &[&registry]);
        let token = log_in(&docker, &registry);
        for client in READERS.into_iter().filter(|client| is_there(client)) {
            let _failing = Failing(format!("{} at {version}: identity token", client.name));
            let terminal = Terminal::new(client, &[&registry]);
            for file in [".docker/config.json", "auth.json"] {
                terminal.home.write(file, kept(&docker));
            }
            if client.name == "regctl" {
                let plain = Ok(&["registry set --skip-check {tls} {host}"][..]);
                terminal.succeeds(plain, &at(&registry, "")).unwrap();
            }
            pushes_and_pulls(&terminal, &registry, client.name);
            say(&format!(
                "{} at {version}: with docker's identity token",
                client.name
            ));
        }
        let path = format!(
            "/{}/sessions/{}?isOffline=true",
            realm.name,
            session(&token)
        );
        server().admin(Method::DELETE, &path, None);
        docker
            .is_refused(docker.client.pull, &at(&registry, "crane"))
            .unwrap();
    }
}
