//! The key providers: what a config may say, and the key that comes of it. Provider ids and texts are Keycloak's.

mod config;
pub(crate) mod import;
mod portable;
mod properties;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair,
    KeyPair as _,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::key::kid;
use crate::pool::{RsaKey, generate_aside};
use crate::{Error, KeyPool, Result, ca, seal::random};
use import::{not_after, read_certificate, read_private_key};

pub(crate) use config::{check, first, needs_new_key, priority, status};
pub(crate) use portable::{Ca as PortableCa, Stored, export, export_ca};
pub use properties::{PROVIDERS, Property, Provider};

/// What stands in a config for a secret that is kept but not shown.
pub const MASK: &str = "**********";

/// Whether there is a key provider of this id.
#[must_use]
pub fn is_known(id: &str) -> bool {
    PROVIDERS.iter().any(|provider| provider.id == id)
}

/// Whether a config says what the key is to be, in whatever member.
#[must_use]
pub fn brings_key(config: &Map<String, Value>) -> bool {
    portable::SECRETS
        .iter()
        .any(|member| first(config, member).is_some_and(|text| text != MASK))
}

/// A key as it is about to be stored, and the config that is shown for it.
pub(crate) struct Made {
    pub config: Map<String, Value>,
    pub kid: String,
    pub algorithm: String,
    pub key_use: &'static str,
    pub key_type: &'static str,
    pub public_key: Option<Vec<u8>>,
    pub certificate: Option<Vec<u8>>,
    pub valid_to: Option<i64>,
    pub imported: bool,
    pub private_key: Zeroizing<Vec<u8>>,
}

/// Makes or imports the key that a config describes.
///
/// # Errors
/// [`Error::Invalid`] in Keycloak's words.
pub(crate) async fn make(
    provider: &str,
    config: Map<String, Value>,
    realm: Uuid,
    realm_name: &str,
    ca_pkcs8: &[u8],
    pool: &KeyPool,
) -> Result<Made> {
    let mut config = check(provider, config, None)?;
    if let Some(made) = portable::restore(provider, &mut config, realm, realm_name, ca_pkcs8)? {
        return Ok(made);
    }
    let named = |fallback: &str| first(&config, "algorithm").unwrap_or(fallback).to_owned();
    let size = |fallback: usize| {
        first(&config, "secretSize")
            .and_then(|s| s.parse().ok())
            .unwrap_or(fallback)
    };
    let rsa = |key: RsaKey, algorithm: String, config, own: Option<Vec<u8>>| -> Result<Made> {
        let leaf = ca::issue(realm, realm_name, ca_pkcs8, &key.spki)?;
        let valid_to = own.as_deref().map_or(Some(leaf.valid_to), not_after);
        Ok(Made {
            config,
            kid: kid(&key.spki),
            key_use: if algorithm.starts_with("RSA") {
                "ENC"
            } else {
                "SIG"
            },
            algorithm,
            key_type: "RSA",
            public_key: Some(key.spki),
            imported: !provider.ends_with("-generated"),
            certificate: Some(own.unwrap_or(leaf.certificate)),
            valid_to,
            private_key: key.pkcs8,
        })
    };
    match provider {
        "rsa-generated" | "rsa-enc-generated" => {
            let algorithm = named(if provider == "rsa-generated" {
                "RS256"
            } else {
                "RSA-OAEP"
            });
            let key = match first(&config, "keySize").and_then(|bits| bits.parse().ok()) {
                None | Some(2048) => pool.take().await?,
                Some(bits) => generate_aside(bits).await?,
            };
            rsa(key, algorithm, config, None)
        }
        "rsa" | "rsa-enc" => {
            let algorithm = named(if provider == "rsa" {
                "RS256"
            } else {
                "RSA-OAEP"
            });
            let pem = first(&config, "privateKey")
                .ok_or_else(|| Error::Invalid("'Private RSA Key' is required".to_owned()))?;
            let key = read_private_key(pem)?;
            let own = first(&config, "certificate")
                .map(read_certificate)
                .transpose()?;
            if let Some(own) = &own
                && !own.windows(key.spki.len()).any(|window| window == key.spki)
            {
                return Err(Error::Invalid(
                    "The private key does not match the certificate".to_owned(),
                ));
            }
            config.insert("privateKey".to_owned(), json!([MASK]));
            let mut made = rsa(key, algorithm, config, own)?;
            if let Some(certificate) = &made.certificate {
                made.config.insert(
                    "certificate".to_owned(),
                    json!([STANDARD.encode(certificate)]),
                );
            }
            Ok(made)
        }
        "ecdsa-generated" => {
            named_curve(&mut config, "ecdsaEllipticCurveKey", "P-256");
            let (_, signing, algorithm) = curve(first(&config, "ecdsaEllipticCurveKey"));
            let failed = |_| Error::Invalid("making an EC key failed".to_owned());
            let pkcs8 =
                EcdsaKeyPair::generate_pkcs8(signing, &SystemRandom::new()).map_err(failed)?;
            let pair = EcdsaKeyPair::from_pkcs8(signing, pkcs8.as_ref())
                .map_err(|_| Error::Invalid("making an EC key failed".to_owned()))?;
            let spki = pair
                .public_key()
                .as_der()
                .map_err(failed)?
                .as_ref()
                .to_vec();
            let leaf = (first(&config, "ecGenerateCertificate") == Some("true"))
                .then(|| ca::issue(realm, realm_name, ca_pkcs8, &spki))
                .transpose()?;
            Ok(Made {
                config,
                kid: kid(&spki),
                algorithm: algorithm.to_owned(),
                key_use: "SIG",
                key_type: "EC",
                public_key: Some(spki),
                valid_to: leaf.as_ref().map(|leaf| leaf.valid_to),
                certificate: leaf.map(|leaf| leaf.certificate),
                imported: false,
                private_key: Zeroizing::new(pkcs8.as_ref().to_vec()),
            })
        }
        "eddsa-generated" => {
            named_curve(&mut config, "eddsaEllipticCurveKey", "Ed25519");
            let failed = |_| Error::Invalid("making an Ed25519 key failed".to_owned());
            let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(failed)?;
            let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref())
                .map_err(|_| Error::Invalid("making an Ed25519 key failed".to_owned()))?;
            let spki = pair
                .public_key()
                .as_der()
                .map_err(failed)?
                .as_ref()
                .to_vec();
            Ok(Made {
                config,
                kid: kid(&spki),
                algorithm: "EdDSA".to_owned(),
                key_use: "SIG",
                key_type: "OKP",
                public_key: Some(spki),
                certificate: None,
                valid_to: None,
                imported: false,
                private_key: Zeroizing::new(pkcs8.as_ref().to_vec()),
            })
        }
        "hmac-generated" => {
            let algorithm = named("HS256");
            let bytes = random_bytes(size(if algorithm == "HS512" { 128 } else { 64 }))?;
            Ok(symmetric(config, algorithm, "SIG", bytes))
        }
        "aes-generated" => {
            let bytes = random_bytes(size(16))?;
            Ok(symmetric(config, "AES".to_owned(), "ENC", bytes))
        }
        _ => Err(Error::Invalid(
            "Invalid provider type or no such provider".to_owned(),
        )),
    }
}

/// A curve's name, what signs on it, and the algorithm of its keys; P-256 where none is named.
fn curve(name: Option<&str>) -> (&'static str, &'static EcdsaSigningAlgorithm, &'static str) {
    match name {
        Some("P-384") => ("P-384", &ECDSA_P384_SHA384_FIXED_SIGNING, "ES384"),
        Some("P-521") => ("P-521", &ECDSA_P521_SHA512_FIXED_SIGNING, "ES512"),
        _ => ("P-256", &ECDSA_P256_SHA256_FIXED_SIGNING, "ES256"),
    }
}

/// Keycloak writes the curve of a new key into its config.
fn named_curve(config: &mut Map<String, Value>, member: &str, default: &str) {
    if first(config, member).is_none() {
        config.insert(member.to_owned(), json!([default]));
    }
}

fn symmetric(
    config: Map<String, Value>,
    algorithm: String,
    key_use: &'static str,
    private_key: Zeroizing<Vec<u8>>,
) -> Made {
    Made {
        config,
        kid: Uuid::new_v4().to_string(),
        algorithm,
        key_use,
        key_type: "OCT",
        public_key: None,
        certificate: None,
        valid_to: None,
        imported: false,
        private_key,
    }
}

fn random_bytes(size: usize) -> Result<Zeroizing<Vec<u8>>> {
    let bytes = random::<512>()?;
    Ok(Zeroizing::new(bytes[..size.min(512)].to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Status;

    fn config(member: &str, value: &str) -> Map<String, Value> {
        json!({ member: [value] }).as_object().unwrap().clone()
    }

    #[test]
    fn bad_configs_are_refused_in_keycloaks_words() {
        for (member, value, text) in [
            (
                "keySize",
                "7",
                "'Key size' should be 1024, 2048, 3072 or 4096",
            ),
            ("priority", "x", "'Priority' should be a number"),
        ] {
            assert_eq!(
                check("rsa-generated", config(member, value), None)
                    .unwrap_err()
                    .to_string(),
                text
            );
        }
    }

    #[test]
    fn a_disabled_key_is_neither_active_nor_passive() {
        assert_eq!(status(&config("enabled", "false")), Status::Disabled);
        assert_eq!(status(&config("active", "false")), Status::Passive);
        assert_eq!(status(&Map::new()), Status::Active);
    }

    #[tokio::test]
    async fn every_provider_makes_a_key_that_verifies_what_it_signs() {
        let realm = Uuid::new_v4();
        let ca = ca::create(realm).unwrap();
        let pool = KeyPool::start(0);
        for provider in PROVIDERS
            .iter()
            .map(|p| p.id)
            .filter(|id| id.ends_with("generated"))
        {
            let made = make(provider, Map::new(), realm, "r", &ca.pkcs8, &pool)
                .await
                .unwrap();
            let material = crate::key::Material::parse(
                &made.algorithm,
                made.public_key.as_deref(),
                &made.private_key,
            )
            .unwrap();
            let key = crate::key::Key {
                provider_id: realm,
                priority: 0,
                kid: made.kid,
                status: Status::Active,
                algorithm: made.algorithm,
                key_use: made.key_use.to_owned(),
                key_type: made.key_type.to_owned(),
                public_key: made.public_key,
                certificate: made.certificate,
                valid_to: made.valid_to,
                imported: false,
                material,
            };
            if key.key_use == "SIG" {
                let signature = key.sign(b"message").unwrap();
                assert!(key.verify(b"message", &signature), "{provider}");
                assert!(!key.verify(b"another", &signature), "{provider}");
            }
            if let (Some(certificate), Some(valid_to)) = (&key.certificate, key.valid_to) {
                assert_eq!(not_after(certificate), Some(valid_to), "{provider}");
            }
        }
    }
}
