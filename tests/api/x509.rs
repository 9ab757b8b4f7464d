//! Certificates and tokens, checked as a registry checks them and without any code of the server.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use pki_types::{CertificateDer, UnixTime};
use serde_json::Value;
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};

/// The header of a token.
pub fn header(token: &str) -> Value {
    serde_json::from_slice(
        &URL_SAFE_NO_PAD
            .decode(token.split('.').next().unwrap())
            .unwrap(),
    )
    .unwrap()
}

/// The certificate that a token brings along, DER.
pub fn certificate(token: &str) -> Vec<u8> {
    let chain = header(token)["x5c"].clone();
    assert_eq!(chain.as_array().map(Vec::len), Some(1));
    STANDARD.decode(chain[0].as_str().unwrap()).unwrap()
}

/// The certificates of a PEM file, DER.
pub fn pem(text: &str) -> Vec<Vec<u8>> {
    let bodies = text.split("-----BEGIN CERTIFICATE-----").skip(1);
    bodies
        .map(|body| {
            body.split("-----END")
                .next()
                .unwrap()
                .split_whitespace()
                .collect::<String>()
        })
        .map(|body| STANDARD.decode(body).unwrap())
        .collect()
}

/// Whether a token is signed by the certificate that it brings, and that one chains to one of the bundle.
pub fn is_trusted(token: &str, bundle: &str) -> bool {
    let leaf = CertificateDer::from(certificate(token));
    let leaf = EndEntityCert::try_from(&leaf).unwrap();
    let roots: Vec<CertificateDer> = pem(bundle).into_iter().map(CertificateDer::from).collect();
    let anchors: Vec<_> = roots
        .iter()
        .map(|root| anchor_from_trusted_cert(root).unwrap())
        .collect();
    let now = std::time::Duration::from_secs(store::clock::now().unsigned_abs());
    let chain = leaf.verify_for_usage(
        ALL_VERIFICATION_ALGS,
        &anchors,
        &[],
        UnixTime::since_unix_epoch(now),
        KeyUsage::server_auth(),
        None,
        None,
    );
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let signs = if header(token)["alg"] == "ES256" {
        let key = leaf.subject_public_key_info();
        ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &key)
            .unwrap()
            .verify_sig(signed.as_bytes(), &signature)
            .is_ok()
    } else {
        let how = webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA256;
        leaf.verify_signature(how, signed.as_bytes(), &signature)
            .is_ok()
    };
    chain.is_ok() && signs
}

/// Whether a token is signed by a key of this set; by the one of its `kid` where `named`.
pub fn is_signed_by(token: &str, keys: &Value, named: bool) -> bool {
    let kid = header(token)["kid"].clone();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let part =
        |key: &Value, name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let verifies = |key: &Value| match key["kty"].as_str() {
        Some("RSA") => RsaPublicKeyComponents {
            n: part(key, "n"),
            e: part(key, "e"),
        }
        .verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature)
        .is_ok(),
        Some("EC") if key["crv"] == "P-256" => {
            let point = [vec![4], part(key, "x"), part(key, "y")].concat();
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .unwrap()
                .verify_sig(signed.as_bytes(), &signature)
                .is_ok()
        }
        _ => false,
    };
    let mut keys = keys["keys"].as_array().unwrap().iter();
    keys.any(|key| (!named || key["kid"] == kid) && verifies(key))
}
