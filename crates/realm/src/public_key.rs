//! Public keys of others, as JWK (RFC 7517) or in X.509: what they sign is verified, by the algorithms that fit them.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
    RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::key::{Family, kid, spki_parts};
use crate::provider::import;

/// Keys of a set that are read.
const MAX_KEYS: usize = 100;

/// A key that verifies signatures.
#[derive(Debug)]
pub struct PublicKey {
    /// Its name.
    pub kid: Option<String>,
    /// The only algorithm that it is for, if it says so.
    algorithm: Option<String>,
    family: Family,
    bits: Bits,
}

#[derive(Debug)]
enum Bits {
    /// Of an RSA key, big-endian.
    Numbers { n: Vec<u8>, e: Vec<u8> },
    /// A point, or a SubjectPublicKeyInfo.
    Bytes(Vec<u8>),
}

impl PublicKey {
    /// The keys of a JWK set that are there for signatures. Those without `use` are not, as in Keycloak, nor are those
    /// of kinds that are not known here.
    #[must_use]
    pub fn set(jwks: &[u8]) -> Option<Vec<Self>> {
        let set: Value = serde_json::from_slice(jwks).ok()?;
        let keys = set.get("keys")?.as_array()?;
        Some(keys.iter().take(MAX_KEYS).filter_map(Self::jwk).collect())
    }

    fn jwk(jwk: &Value) -> Option<Self> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let bytes = |name: &str| {
            URL_SAFE_NO_PAD
                .decode(text(name)?.trim_end_matches('='))
                .ok()
        };
        if text("use") != Some("sig") {
            return None;
        }
        let point = |size: usize| {
            let (x, y) = (bytes("x")?, bytes("y")?);
            (x.len() == size && y.len() == size).then(|| Bits::Bytes([&[4], &*x, &*y].concat()))
        };
        let (family, bits) = match (text("kty")?, text("crv")) {
            ("RSA", _) => (
                Family::Rsa,
                Bits::Numbers {
                    n: without_zeros(bytes("n")?),
                    e: without_zeros(bytes("e")?),
                },
            ),
            ("EC", Some("P-256")) => (Family::P256, point(32)?),
            ("EC", Some("P-384")) => (Family::P384, point(48)?),
            ("EC", Some("P-521")) => (Family::P521, point(66)?),
            ("OKP", Some("Ed25519")) => (Family::Ed25519, Bits::Bytes(bytes("x")?)),
            _ => return None,
        };
        Some(Self {
            kid: text("kid").map(str::to_owned),
            algorithm: text("alg").map(str::to_owned),
            family,
            bits,
        })
    }

    /// The key of a certificate, PEM or bare base64. What else the certificate says does not count.
    #[must_use]
    pub fn of_certificate(text: &str) -> Option<Self> {
        Self::spki(certified_key(&import::decode_pem(text)?)?)
    }

    /// A SubjectPublicKeyInfo, PEM or bare base64.
    #[must_use]
    pub fn of_pem(text: &str) -> Option<Self> {
        Self::spki(&import::decode_pem(text)?)
    }

    fn spki(spki: &[u8]) -> Option<Self> {
        let (family, _) = spki_parts(spki)?;
        Some(Self {
            kid: Some(kid(spki)),
            algorithm: None,
            family,
            bits: Bits::Bytes(spki.to_vec()),
        })
    }

    /// Whether the key can verify what is signed with this algorithm.
    #[must_use]
    pub fn fits(&self, algorithm: &str) -> bool {
        self.algorithm.as_deref().is_none_or(|own| own == algorithm)
            && self.family.algorithms().contains(&algorithm)
    }

    /// Whether `signature` is this key's over `message` by an algorithm that fits it.
    #[must_use]
    pub fn verify(&self, algorithm: &str, message: &[u8], signature: &[u8]) -> bool {
        if !self.fits(algorithm) {
            return false;
        }
        let rsa = |how: &'static RsaParameters| match &self.bits {
            Bits::Numbers { n, e } => RsaPublicKeyComponents { n, e }
                .verify(how, message, signature)
                .is_ok(),
            Bits::Bytes(spki) => UnparsedPublicKey::new(how, spki)
                .verify(message, signature)
                .is_ok(),
        };
        let other = |how: &'static dyn VerificationAlgorithm| match &self.bits {
            Bits::Bytes(bytes) => UnparsedPublicKey::new(how, bytes)
                .verify(message, signature)
                .is_ok(),
            Bits::Numbers { .. } => false,
        };
        match algorithm {
            "RS256" => rsa(&RSA_PKCS1_2048_8192_SHA256),
            "RS384" => rsa(&RSA_PKCS1_2048_8192_SHA384),
            "RS512" => rsa(&RSA_PKCS1_2048_8192_SHA512),
            "PS256" => rsa(&RSA_PSS_2048_8192_SHA256),
            "PS384" => rsa(&RSA_PSS_2048_8192_SHA384),
            "PS512" => rsa(&RSA_PSS_2048_8192_SHA512),
            "ES256" => other(&ECDSA_P256_SHA256_FIXED),
            "ES384" => other(&ECDSA_P384_SHA384_FIXED),
            "ES512" => other(&ECDSA_P521_SHA512_FIXED),
            "EdDSA" => other(&ED25519),
            _ => false,
        }
    }
}

impl Family {
    fn algorithms(self) -> &'static [&'static str] {
        match self {
            Self::Rsa => &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
            Self::P256 => &["ES256"],
            Self::P384 => &["ES384"],
            Self::P521 => &["ES512"],
            Self::Ed25519 => &["EdDSA"],
        }
    }
}

/// Some write a number with a leading zero byte, as for a sign.
fn without_zeros(mut bytes: Vec<u8>) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.drain(..zeros);
    bytes
}

/// The SubjectPublicKeyInfo of a certificate (RFC 5280 §4.1): the seventh part of its first part, the sixth where no
/// version is given.
fn certified_key(certificate: &[u8]) -> Option<&[u8]> {
    let (certificate, _) = element(certificate)?;
    let (signed, _) = element(certificate.body)?;
    let mut rest = signed.body;
    let mut parts = std::iter::from_fn(|| {
        let (found, after) = element(rest)?;
        rest = after;
        Some(found)
    });
    let first = parts.next()?;
    let key = parts.nth(if first.tag == 0xa0 { 5 } else { 4 })?;
    (key.tag == 0x30).then_some(key.whole)
}

struct Element<'a> {
    tag: u8,
    whole: &'a [u8],
    body: &'a [u8],
}

/// The first DER element, and what comes after it.
fn element(der: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (&tag, &first) = (der.first()?, der.get(1)?);
    let bytes = if first < 0x80 {
        0
    } else {
        usize::from(first & 0x7f)
    };
    let length = if bytes == 0 {
        usize::from(first)
    } else {
        let digits = der.get(2..2 + bytes)?.iter();
        digits.copied().try_fold(0_usize, |length, byte| {
            length.checked_mul(256)?.checked_add(usize::from(byte))
        })?
    };
    let start = 2 + bytes;
    let (whole, rest) = der.split_at_checked(start.checked_add(length)?)?;
    let body = &whole[start..];
    Some((Element { tag, whole, body }, rest))
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    };
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    use super::*;

    fn set(jwk: Value) -> Vec<PublicKey> {
        PublicKey::set(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_jwk_verifies_by_its_own_kind_of_algorithm_only() {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        let mut jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "use": "sig" });
        let signature = pair.sign(b"message");
        let key = &set(jwk.clone())[0];
        assert!(key.verify("EdDSA", b"message", signature.as_ref()));
        assert!(!key.verify("EdDSA", b"another", signature.as_ref()));
        assert!(!key.verify("ES256", b"message", signature.as_ref()));
        assert!(!key.verify("none", b"message", signature.as_ref()));
        jwk["alg"] = json!("ES256");
        assert!(!set(jwk.clone())[0].verify("EdDSA", b"message", signature.as_ref()));
        for wrong in [json!("enc"), Value::Null] {
            jwk["use"] = wrong;
            assert!(set(jwk.clone()).is_empty());
        }
    }

    #[test]
    fn broken_jwks_are_left_out() {
        for jwk in [
            json!(5),
            json!({ "use": "sig" }),
            json!({ "use": "sig", "kty": "RSA", "n": "!", "e": "AQAB" }),
            json!({ "use": "sig", "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" }),
            json!({ "use": "sig", "kty": "oct", "k": "AAAA" }),
        ] {
            assert!(set(jwk.clone()).is_empty(), "{jwk}");
        }
        assert!(PublicKey::set(b"{nope").is_none() && PublicKey::set(b"[]").is_none());
    }

    #[test]
    fn the_key_of_a_certificate_is_found_whoever_signed_it() {
        let pair = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec!["client".to_owned()])
            .unwrap()
            .self_signed(&pair)
            .unwrap();
        let key = PublicKey::of_certificate(&STANDARD.encode(certificate.der())).unwrap();
        let own = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pair.serialize_der())
            .unwrap();
        let signature = own.sign(&SystemRandom::new(), b"message").unwrap();
        assert!(key.verify("ES256", b"message", signature.as_ref()));
        let spki = own.public_key().as_der().unwrap();
        assert_eq!(key.kid, Some(kid(spki.as_ref())));
        for broken in [
            "",
            "AAAA",
            "MIIB",
            &STANDARD.encode([0x30, 0x84, 0xff, 0xff, 0xff, 0xff]),
        ] {
            assert!(PublicKey::of_certificate(broken).is_none(), "{broken}");
        }
    }
}
