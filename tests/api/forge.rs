//! Tokens made by hand, with a key that a realm has taken in: what only the realm's own signature keeps out can then be
//! told from what the claims keep out.

use std::sync::OnceLock;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::support::Realm;

/// A key that everybody knows, PKCS#8.
pub const PEM: &str = include_str!("known_key.pem");

/// The DER of [`PEM`].
pub fn der() -> Vec<u8> {
    let body: String = PEM
        .lines()
        .filter(|line| !line.starts_with("---"))
        .collect();
    STANDARD.decode(body).unwrap()
}

fn pair() -> &'static RsaKeyPair {
    static PAIR: OnceLock<RsaKeyPair> = OnceLock::new();
    PAIR.get_or_init(|| RsaKeyPair::from_pkcs8(&der()).unwrap())
}

/// SubjectPublicKeyInfo, DER.
pub fn spki() -> Vec<u8> {
    pair().public_key().as_der().unwrap().as_ref().to_vec()
}

/// The id that a realm gives the key.
pub fn kid() -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, &spki()))
}

/// A component that brings the key.
pub fn component(priority: i64) -> Value {
    json!({
        "name": "known", "providerId": "rsa", "providerType": "org.keycloak.keys.KeyProvider",
        "config": { "privateKey": [PEM], "priority": [priority.to_string()] }
    })
}

/// Takes the key into a realm, where it signs from then on; the component's id.
pub async fn import(realm: &Realm) -> String {
    realm
        .admin
        .create(&realm.path("/components"), component(500))
        .await
}

fn join(header: &Value, claims: &str) -> String {
    format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims)
    )
}

/// A token with these parts, signed RS256 by the known key.
pub fn sign(header: &Value, claims: &str) -> String {
    let message = join(header, claims);
    let mut signature = vec![0; pair().public_modulus_len()];
    pair()
        .sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            message.as_bytes(),
            &mut signature,
        )
        .unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A token with these parts, signed HS256 by `key`.
pub fn mac(header: &Value, claims: &str, key: &[u8]) -> String {
    let message = join(header, claims);
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A token with these parts and no signature.
pub fn unsigned(header: &Value, claims: &str) -> String {
    format!("{}.", join(header, claims))
}

/// The header of tokens of the known key.
pub fn header() -> Value {
    json!({ "alg": "RS256", "typ": "JWT", "kid": kid() })
}
