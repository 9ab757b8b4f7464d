//! TLS with files that are renewed.

use std::fs;
use std::time::{Duration, Instant};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use reqwest::{Certificate, Client};

use crate::load::{Outcome, RUNTIME, send};
use crate::node::Setup;
use crate::process::{Folder, port, until};
use crate::{beside, postgres};

/// A certificate of its own for `localhost`: PEM of it and of its key.
fn made() -> (String, String) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let pem = |label: &str, der: &[u8]| {
        use base64::{Engine as _, prelude::BASE64_STANDARD};
        format!(
            "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
            BASE64_STANDARD.encode(der)
        )
    };
    (
        pem("CERTIFICATE", cert.der()),
        pem("PRIVATE KEY", &signing_key.serialize_der()),
    )
}

/// Fetches as somebody who trusts one certificate, and remembers no earlier handshake.
fn ask(url: &str, trusted: &str) -> Outcome {
    let trusted = Certificate::from_pem(trusted.as_bytes()).unwrap();
    let client = Client::builder()
        .tls_certs_only([trusted])
        .no_proxy()
        .build()
        .unwrap();
    RUNTIME.block_on(send(client.get(url)))
}

#[test]
fn a_renewed_certificate_is_taken_up_without_a_restart() {
    let _beside = beside();
    let database = postgres::shared().database();
    let folder = Folder::new();
    let tls = port();
    let ((certificate, key), (new_certificate, new_key)) = (made(), made());
    let files = (
        folder.write("tls.crt", &certificate),
        folder.write("tls.key", key),
    );
    let mut node = Setup::start(&database)
        .option("--hostname", "localhost")
        .env("KC_HTTPS_PORT", tls.to_string())
        .env("KC_HTTPS_CERTIFICATE_FILE", files.0.to_str().unwrap())
        .env("KC_HTTPS_CERTIFICATE_KEY_FILE", files.1.to_str().unwrap())
        .ready();
    let discovery =
        format!("https://localhost:{tls}/realms/master/.well-known/openid-configuration");
    let ask = |trusted: &str| ask(&discovery, trusted);

    let answer = ask(&certificate);
    assert!(answer.is(200), "{answer:?}");
    assert!(
        answer.body.contains(&format!(
            r#""issuer":"https://localhost:{tls}/realms/master""#
        )),
        "{}",
        answer.body
    );
    assert_eq!(node.issuer("master"), format!("{}/realms/master", node.url));
    assert!(ask(&new_certificate).status.is_err());

    // Half of a renewal does not count.
    fs::write(&files.0, &new_certificate).unwrap();
    let half = Instant::now();
    while half.elapsed() < Duration::from_millis(2500) {
        assert!(ask(&certificate).is(200));
    }
    fs::write(&files.1, new_key).unwrap();
    until("the new certificate", Duration::from_secs(5), || {
        ask(&new_certificate).is(200).then_some(())
    });
    assert!(ask(&certificate).status.is_err());
    assert!(node.runs());
}
