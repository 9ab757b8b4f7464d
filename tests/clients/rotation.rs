//! Keys change while registries run.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::json;

use crate::{
    image::Image,
    process::{Folder, environment, find, run, skip},
    registry::{Registry, VERSIONS, Wire},
    server::{Realm, server},
};

const ROTATIONS: usize = 5;

/// Registries of both versions that belong to a realm with a user.
fn registries(realm: &Realm, what: &str) -> Vec<Registry> {
    realm.user("alice", "wonderland-1");
    let start = |version| {
        Registry::start(version, Wire::Plain, realm)
            .map_err(|why| skip(&format!("{what} at {version}"), &why))
            .ok()
    };
    VERSIONS.into_iter().filter_map(start).collect()
}

fn token(realm: &Realm, scope: &str) -> String {
    let answer = server().docker_token(&realm.name, "alice", "wonderland-1", scope);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["token"].as_str().unwrap().to_owned()
}

/// The header of a token, undecoded: it names the key.
fn header(token: &str) -> serde_json::Value {
    let part = token.split('.').next().unwrap();
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn five_key_rotations_refuse_no_push_and_no_pull_and_restart_no_registry() {
    rotate("RS256", "rsa-generated");
}

#[test]
fn tokens_signed_with_es256_are_taken_by_both_registries_through_five_key_rotations() {
    rotate("ES256", "ecdsa-generated");
}

/// Pushes and pulls all the time, while keys of an algorithm follow one another.
fn rotate(algorithm: &str, provider: &str) {
    let what = &format!("rotation of {algorithm} keys without a restart");
    let crane = match find("crane") {
        Ok(crane) => crane,
        Err(why) => return skip(what, &why),
    };
    if server().keycloak {
        return skip(
            what,
            "a registry with Keycloak's certificate refuses its next key",
        );
    }
    let realm = Realm::new("rotation");
    realm.change_client(&json!({"attributes": {"docker-v2.signature.alg": algorithm}}));
    let registries = registries(&realm, what);
    let before = token(&realm, "repository:app:pull");
    assert_eq!(header(&before)["alg"], algorithm);
    let rounds: Vec<_> = registries.iter().map(|_| AtomicUsize::new(0)).collect();
    let stop = AtomicBool::new(false);

    thread::scope(|scope| {
        for (registry, rounds) in registries.iter().zip(&rounds) {
            let (stop, crane) = (&stop, &crane);
            scope.spawn(move || {
                let _stop = StopOnPanic(stop);
                let home = Folder::new();
                let go = |line: &[&str]| {
                    let args: Vec<_> = line.iter().map(|word| (*word).to_owned()).collect();
                    let done = run(crane, &args, |command| environment(command, &home, &[]));
                    let at = rounds.load(Ordering::SeqCst);
                    assert!(done.ok, "round {at} at {}: {}", registry.version, done.text);
                };
                let host = registry.host.as_str();
                go(&["auth", "login", "-u", "alice", "-p", "wonderland-1", host]);
                while !stop.load(Ordering::SeqCst) {
                    push_and_pull(&go, host);
                    rounds.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        let _stop = StopOnPanic(&stop);
        let mut kids = vec![header(&before)["kid"].clone()];
        let mut active = vec![realm.active(algorithm)];
        for rotation in 1..=ROTATIONS {
            a_round_passes(&rounds, &stop);
            active.push(realm.rotate_as(algorithm, provider, 100 + 10 * rotation as u32));
            kids.push(header(&token(&realm, "repository:app:pull"))["kid"].clone());
        }
        a_round_passes(&rounds, &stop);
        stop.store(true, Ordering::SeqCst);
        for pair in active.windows(2) {
            assert_ne!(pair[0], pair[1], "the new key signs");
        }
        for pair in kids.windows(2) {
            assert_ne!(pair[0], pair[1], "the new key signs docker tokens");
        }
    });
    for registry in &registries {
        assert_eq!(registry.refused_tokens(), Vec::<String>::new());
        let url = format!("http://{}/v2/app/tags/list", registry.host);
        let old = server().get(&url, &before);
        assert_eq!(old.status, 200, "a token of the first key: {}", old.body);
    }
}

/// One round: an image that the registry has not seen, up and down.
fn push_and_pull(go: &impl Fn(&[&str]), host: &str) {
    let folder = Folder::new();
    let image = Image::new(&folder);
    let text = |path: &Path| path.display().to_string();
    let name = format!("{host}/app:1");
    let pulled = folder.join("pulled.tar");
    go(&["push", &text(&image.layout), &name]);
    go(&["export", &name, &text(&pulled)]);
    assert!(image.is_in(&pulled));
}

/// Waits until each registry has seen a whole round that began after this call.
fn a_round_passes(rounds: &[AtomicUsize], stop: &AtomicBool) {
    for round in rounds {
        let now = round.load(Ordering::SeqCst);
        while round.load(Ordering::SeqCst) < now + 2 {
            assert!(!stop.load(Ordering::SeqCst), "a push or pull was refused");
            thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

/// Ends the loops when one side fails.
struct StopOnPanic<'a>(&'a AtomicBool);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.store(true, Ordering::SeqCst);
        }
    }
}

#[test]
fn a_token_of_one_realm_opens_nothing_at_the_registry_of_another() {
    let what = "tokens of another realm";
    let (here, there) = (Realm::new("here"), Realm::new("there"));
    let (own, foreign) = (registries(&here, what), registries(&there, what));
    let token = token(&here, "repository:app:pull registry:catalog:*");
    for (own, foreign) in own.iter().zip(&foreign) {
        for (path, known) in [("_catalog", 200), ("app/tags/list", 404)] {
            let at = |registry: &Registry| {
                let url = format!("http://{}/v2/{path}", registry.host);
                server().get(&url, &token).status.as_u16()
            };
            assert_eq!(at(own), known, "{path} at {}", own.version);
            assert_eq!(at(foreign), 401, "{path} at {}", foreign.version);
        }
        assert_eq!(own.refused_tokens(), Vec::<String>::new());
        assert!(!foreign.refused_tokens().is_empty(), "{}", foreign.version);
    }
}
