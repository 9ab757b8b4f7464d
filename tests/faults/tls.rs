//! TLS with files that are renewed.

use std::fs;
use std::time::{Duration, Instant};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use reqwest::{Certificate, Client};

use crate::load::{RUNTIME, send};
use crate::node::Setup;
use crate::process::{Folder, port, until};
use crate::{beside, postgres};

/// A certificate of its own for `localhost`: PEM of it and of its key, and a client that trusts nothing else.
fn made() -> (String, String, Client) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let pem = |label: &str, der: &[u8]| {
        use base64::{Engine as _, prelude::BASE64_STANDARD};
        format!(
            "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
            BASE64_STANDARD.encode(der)
        )
    };
    let certificate = pem("CERTIFICATE", cert.der());
    let trusted = Certificate::from_pem(certificate.as_bytes()).unwrap();
    // No connection is kept: each request sees the certificate of its own handshake.
    let client = Client::builder()
        .tls_certs_only([trusted])
        .pool_max_idle_per_host(0)
        .no_proxy()
        .build()
        .unwrap();
    (
        certificate,
        pem("PRIVATE KEY", &signing_key.serialize_der()),
        client,
    )
}

#[test]
fn a_renewed_certificate_is_taken_up_without_a_restart() {
    let _beside = beside();
    let database = postgres::shared().database();
    let folder = Folder::new();
    let tls = port();
    let ((certificate, key, client), (new_certificate, new_key, new_client)) = (made(), made());
    let files = (
        folder.write("tls.crt", certificate),
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
    let ask = |client: &Client| RUNTIME.block_on(send(client.get(&discovery)));

    let answer = ask(&client);
    assert!(answer.is(200), "{answer:?}");
    assert!(
        answer.body.contains(&format!(
            r#""issuer":"https://localhost:{tls}/realms/master""#
        )),
        "{}",
        answer.body
    );
    assert_eq!(node.issuer("master"), format!("{}/realms/master", node.url));
    assert!(ask(&new_client).status.is_err());

    // Half of a renewal does not count.
    fs::write(&files.0, new_certificate).unwrap();
    let half = Instant::now();
    while half.elapsed() < Duration::from_millis(2500) {
        assert!(ask(&client).is(200));
    }
    fs::write(&files.1, new_key).unwrap();
    until("the new certificate", Duration::from_secs(5), || {
        ask(&new_client).is(200).then_some(())
    });
    assert!(ask(&client).status.is_err());
    assert!(node.runs());
}
