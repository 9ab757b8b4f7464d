//! Certificate chains and token signatures, checked without any code of the server.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;

/// The parts of a certificate (RFC 5280 §4.1) that a chain needs, each with its DER head.
pub struct Certificate<'a> {
    signed: &'a [u8],
    signature: &'a [u8],
    issuer: &'a [u8],
    subject: &'a [u8],
    spki: &'a [u8],
}

/// One DER value: all of it, its content, and what follows.
fn value(der: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let (head, length) = match der[1] {
        short if short < 0x80 => (2, usize::from(short)),
        long => {
            let bytes = usize::from(long & 0x7f);
            (
                2 + bytes,
                der[2..2 + bytes]
                    .iter()
                    .fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
            )
        }
    };
    (
        &der[..head + length],
        &der[head..head + length],
        &der[head + length..],
    )
}

impl<'a> Certificate<'a> {
    pub fn read(der: &'a [u8]) -> Self {
        let (_, content, _) = value(der);
        let (signed, tbs, rest) = value(content);
        let (_, _, rest) = value(rest);
        let (_, signature, _) = value(rest);
        let mut parts = vec![];
        let mut rest = tbs;
        while !rest.is_empty() {
            let (all, _, more) = value(rest);
            parts.push(all);
            rest = more;
        }
        // version, serial number, algorithm, issuer, validity, subject, public key, …
        let [_, _, _, issuer, _, subject, spki, ..] = parts[..] else {
            panic!("no certificate of version 3")
        };
        Self {
            signed,
            signature: &signature[1..],
            issuer,
            subject,
            spki,
        }
    }

    /// Whether this is signed by a realm's CA (P-256).
    pub fn is_signed_by(&self, ca: &Certificate) -> bool {
        // The public point is the last 65 bytes of a P-256 key.
        let point = &ca.spki[ca.spki.len() - 65..];
        self.issuer == ca.subject
            && UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
                .verify(self.signed, self.signature)
                .is_ok()
    }

    /// Whether a token is signed (RS256) by the key of this certificate.
    pub fn signed_token(&self, token: &str) -> bool {
        rs256(token, self.spki)
    }
}

/// Certificates in PEM as DER.
pub fn pem(text: &str) -> Vec<Vec<u8>> {
    text.split("-----BEGIN CERTIFICATE-----")
        .skip(1)
        .map(|part| {
            part.split("-----END")
                .next()
                .unwrap()
                .split_whitespace()
                .collect::<String>()
        })
        .map(|text| BASE64_STANDARD.decode(text).unwrap())
        .collect()
}

/// The header of a token.
pub fn header(token: &str) -> Value {
    let part = token.split('.').next().unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn rs256(token: &str, spki: &[u8]) -> bool {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, spki)
        .verify(signed.as_bytes(), &signature)
        .is_ok()
}
