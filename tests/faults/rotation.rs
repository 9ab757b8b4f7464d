//! Keys rotate while tokens are issued, on two nodes.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;

use crate::node::{Node, Setup};
use crate::process::{say, until};
use crate::x509::{Certificate, header, pem};
use crate::{beside, postgres};

const ROTATIONS: u32 = 5;

#[test]
fn tokens_of_every_key_verify_on_both_nodes_through_five_rotations() {
    let _beside = beside();
    let database = postgres::shared().database();
    let a = Node::start(&database);
    let b = Setup::start(&database).ready();
    a.realm("turning");
    a.user("turning", "alice", "wonderland-1");
    let client = a.registry("turning");
    let bundle = a.admin(
        "GET",
        &format!("/turning/clients/{client}/installation/providers/docker-v2-ca-bundle"),
        None,
    );
    let bundle = pem(&bundle.text());
    let authorities: Vec<_> = bundle.iter().map(|der| Certificate::read(der)).collect();

    let tokens = Mutex::new(vec![]);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for (node, other) in [(&a, &b), (&b, &a)] {
            let (tokens, stop) = (&tokens, &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    let docker = node.docker("turning", "alice", "wonderland-1");
                    assert_eq!(docker.status, 200, "{}", docker.text());
                    let oidc = node.login("turning", "alice", "wonderland-1");
                    assert_eq!(oidc.status, 200, "{}", oidc.text());
                    let text =
                        |answer: &Value, name: &str| answer[name].as_str().unwrap().to_owned();
                    let pair = (
                        text(&docker.json(), "token"),
                        text(&oidc.json(), "access_token"),
                    );
                    // A verifier that asks the other node, at once, finds the key.
                    let kids = other.kids("turning");
                    assert!(
                        kids.iter().any(|kid| header(&pair.1)["kid"] == **kid),
                        "{kids:?} lack {}",
                        header(&pair.1)
                    );
                    tokens.lock().unwrap().push(pair);
                }
            });
        }
        let rotate = || {
            for n in 0..ROTATIONS {
                let node = if n % 2 == 0 { &a } else { &b };
                node.rotate("turning", 200 + n);
                let before = tokens.lock().unwrap().len();
                until("ten tokens of this key", Duration::from_secs(20), || {
                    (tokens.lock().unwrap().len() >= before + 10).then_some(())
                });
            }
        };
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(rotate));
        stop.store(true, Ordering::SeqCst);
        done.unwrap();
    });

    let tokens = tokens.into_inner().unwrap();
    let mut keys = BTreeSet::new();
    for (docker, oidc) in &tokens {
        let x5c = header(docker)["x5c"].clone();
        let leaf = BASE64_STANDARD.decode(x5c[0].as_str().unwrap()).unwrap();
        let leaf = Certificate::read(&leaf);
        assert!(
            leaf.signed_token(docker),
            "a docker token does not verify with its own x5c"
        );
        assert!(
            authorities.iter().any(|ca| leaf.is_signed_by(ca)),
            "a leaf is not of the CA bundle from before the rotations"
        );
        keys.insert(header(docker)["kid"].to_string());
        for node in [&a, &b] {
            assert!(
                verifies(&certs(node), oidc),
                "a token verifies no more: {}",
                header(oidc)
            );
        }
    }
    say(&format!(
        "{} pairs of tokens under {} keys, all verify",
        tokens.len(),
        keys.len()
    ));
    assert_eq!(keys.len(), 1 + ROTATIONS as usize);
}

fn certs(node: &Node) -> Value {
    node.get("/realms/turning/protocol/openid-connect/certs")
        .json()
}

fn verifies(certs: &Value, token: &str) -> bool {
    let kid = header(token)["kid"].clone();
    let key = certs["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["kid"] == kid);
    let der = key.map(|key| {
        BASE64_STANDARD
            .decode(key["x5c"][0].as_str().unwrap())
            .unwrap()
    });
    der.is_some_and(|der| Certificate::read(&der).signed_token(token))
}
