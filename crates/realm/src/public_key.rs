//! Public keys of others, as JWK (RFC 7517) or in X.509: what they sign is verified, by the algorithms that fit them.
//!
//! jsonwebtoken reads the keys and verifies. It has no ES512; that alone is done here.

use aws_lc_rs::signature::{ECDSA_P521_SHA512_FIXED, UnparsedPublicKey};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, EllipticCurveKeyParameters, Jwk, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize as _;
use serde_json::Value;

use crate::der::certified_key;
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
    key: DecodingKey,
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
        let algorithm = jwk.get("alg").and_then(Value::as_str);
        let jwk = Jwk::deserialize(jwk).ok()?;
        if jwk.common.public_key_use != Some(PublicKeyUse::Signature) {
            return None;
        }
        let (family, key) = match &jwk.algorithm {
            AlgorithmParameters::RSA(of) => (
                Family::Rsa,
                DecodingKey::from_rsa_raw_components(&number(&of.n)?, &number(&of.e)?),
            ),
            AlgorithmParameters::EllipticCurve(of) => (
                match of.curve {
                    EllipticCurve::P256 => Family::P256,
                    EllipticCurve::P384 => Family::P384,
                    EllipticCurve::P521 => Family::P521,
                    _ => return None,
                },
                DecodingKey::from_ec_components(bare(&of.x), bare(&of.y)).ok()?,
            ),
            AlgorithmParameters::OctetKeyPair(of) if of.curve == EllipticCurve::Ed25519 => (
                Family::Ed25519,
                DecodingKey::from_ed_components(bare(&of.x)).ok()?,
            ),
            _ => return None,
        };
        let size = key.try_get_as_bytes().ok().map(<[u8]>::len);
        (size == family.size()).then(|| Self {
            kid: jwk.common.key_id,
            algorithm: algorithm.map(str::to_owned),
            family,
            key,
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

    pub(crate) fn spki(spki: &[u8]) -> Option<Self> {
        let (family, bits) = spki_parts(spki)?;
        Some(Self {
            kid: Some(kid(spki)),
            algorithm: None,
            family,
            key: match family {
                Family::Rsa => DecodingKey::from_rsa_der(bits),
                Family::P256 | Family::P384 | Family::P521 => DecodingKey::from_ec_der(bits),
                Family::Ed25519 => DecodingKey::from_ed_der(bits),
            },
        })
    }

    /// What a JWK says of the key alone.
    pub(crate) fn parameters(&self) -> Option<AlgorithmParameters> {
        if self.family != Family::P521 {
            return Some(Jwk::from_decoding_key(&self.key, None).ok()?.algorithm);
        }
        let point = self.key.try_get_as_bytes().ok()?.strip_prefix(&[4])?;
        let (x, y) = point.split_at(point.len() / 2);
        Some(AlgorithmParameters::EllipticCurve(
            EllipticCurveKeyParameters {
                curve: EllipticCurve::P521,
                x: URL_SAFE_NO_PAD.encode(x),
                y: URL_SAFE_NO_PAD.encode(y),
                ..EllipticCurveKeyParameters::default()
            },
        ))
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
        if algorithm == "ES512" {
            return self.key.try_get_as_bytes().is_ok_and(|point| {
                let key = UnparsedPublicKey::new(&ECDSA_P521_SHA512_FIXED, point);
                key.verify(message, signature).is_ok()
            });
        }
        let verifier = algorithm
            .parse::<Algorithm>()
            .and_then(|algorithm| (DEFAULT_PROVIDER.verifier_factory)(&algorithm, &self.key));
        verifier.is_ok_and(|verifier| verifier.verify(message, &signature.to_vec()).is_ok())
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

    /// Bytes of a key, where all have as many.
    fn size(self) -> Option<usize> {
        match self {
            Self::Rsa => None,
            Self::P256 => Some(65),
            Self::P384 => Some(97),
            Self::P521 => Some(133),
            Self::Ed25519 => Some(32),
        }
    }
}

/// Base64url as some write it: padded.
fn bare(text: &str) -> &str {
    text.trim_end_matches('=')
}

/// Some write a number with a leading zero byte, as for a sign.
fn number(text: &str) -> Option<Vec<u8>> {
    let mut bytes = URL_SAFE_NO_PAD.decode(bare(text)).ok()?;
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.drain(..zeros);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
        ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair,
    };
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    use serde_json::json;

    use super::*;
    use crate::key::{Key, Material, SIGNATURES, Status};

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

    /// A key of a realm for an algorithm.
    fn key(algorithm: &str) -> Key {
        let rng = SystemRandom::new();
        let ec = |how| {
            let pkcs8 = EcdsaKeyPair::generate_pkcs8(how, &rng).unwrap();
            let pair = EcdsaKeyPair::from_pkcs8(how, pkcs8.as_ref()).unwrap();
            let spki = pair.public_key().as_der().unwrap();
            (pkcs8.as_ref().to_vec(), spki.as_ref().to_vec())
        };
        let (pkcs8, spki) = match algorithm {
            "ES256" => ec(&ECDSA_P256_SHA256_FIXED_SIGNING),
            "ES384" => ec(&ECDSA_P384_SHA384_FIXED_SIGNING),
            "ES512" => ec(&ECDSA_P521_SHA512_FIXED_SIGNING),
            "EdDSA" => {
                let pkcs8 = Ed25519KeyPair::generate_pkcs8v1(&rng).unwrap();
                let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
                let spki = pair.public_key().as_der().unwrap();
                (pkcs8.as_ref().to_vec(), spki.as_ref().to_vec())
            }
            _ => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
                let spki = pair.public_key().as_der().unwrap().as_ref().to_vec();
                (pair.as_der().unwrap().as_ref().to_vec(), spki)
            }
        };
        Key {
            provider_id: uuid::Uuid::nil(),
            priority: 0,
            kid: kid(&spki),
            status: Status::Active,
            algorithm: algorithm.to_owned(),
            key_use: "SIG".to_owned(),
            key_type: String::new(),
            material: Material::parse(algorithm, Some(&spki), &pkcs8).unwrap(),
            public_key: Some(spki),
            certificate: Some(b"certificate".to_vec()),
            valid_to: None,
            imported: false,
        }
    }

    #[test]
    fn a_realms_key_verifies_what_it_signed_from_its_jwk_and_from_its_der() {
        for algorithm in SIGNATURES.iter().filter(|name| !name.starts_with("HS")) {
            let key = key(algorithm);
            let jwk = key.jwk().unwrap();
            let (alg, kid, usage) = (&jwk["alg"], &jwk["kid"], &jwk["use"]);
            assert_eq!([alg, kid, usage], [algorithm, key.kid.as_str(), "sig"]);
            for member in ["x5c", "x5t", "x5t#S256", "kty"] {
                assert!(jwk.get(member).is_some(), "{algorithm} {member}");
            }
            let signature = key.sign(b"message").unwrap();
            let spki = key.public_key.as_deref().unwrap();
            for public in [&set(jwk.clone())[0], &PublicKey::spki(spki).unwrap()] {
                assert_eq!(public.kid.as_ref(), Some(&key.kid));
                assert!(
                    public.verify(algorithm, b"message", &signature),
                    "{algorithm}"
                );
                assert!(
                    !public.verify(algorithm, b"other", &signature),
                    "{algorithm}"
                );
                for other in SIGNATURES.iter().filter(|other| *other != algorithm) {
                    assert!(!public.verify(other, b"message", &signature), "{other}");
                }
            }
            // As some write it.
            let mut odd = jwk;
            if let Some(n) = odd.get("n").and_then(Value::as_str) {
                let zero = [&[0], &*URL_SAFE_NO_PAD.decode(n).unwrap()].concat();
                odd["n"] = json!(URL_SAFE.encode(zero));
            } else {
                odd["x"] = json!(format!("{}==", odd["x"].as_str().unwrap()));
            }
            assert!(
                set(odd)[0].verify(algorithm, b"message", &signature),
                "{algorithm}"
            );
        }
    }

    #[test]
    fn broken_jwks_are_left_out() {
        for jwk in [
            json!(5),
            json!({ "use": "sig" }),
            json!({ "use": "sig", "kty": "RSA", "n": "!", "e": "AQAB" }),
            json!({ "use": "sig", "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" }),
            json!({ "use": "sig", "kty": "EC", "crv": "Ed25519", "x": "AA", "y": "AA" }),
            json!({ "use": "sig", "kty": "OKP", "crv": "X25519", "x": "AA" }),
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
