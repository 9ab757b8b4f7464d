//! The key providers: what a config may say, and the key that comes of it. Provider ids and texts are Keycloak's.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rsa::{
    pkcs1::DecodeRsaPrivateKey as _, pkcs8::DecodePrivateKey as _, traits::PublicKeyParts as _,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::key::{Status, kid};
use crate::pool::{RsaKey, from_key, generate_aside};
use crate::{Error, KeyPool, Result, ca, seal::random};

/// What stands in a config for a secret that is kept but not shown.
pub const MASK: &str = "**********";

/// The provider ids that realms here can have.
pub const PROVIDERS: [&str; 8] = [
    "aes-generated",
    "ecdsa-generated",
    "eddsa-generated",
    "hmac-generated",
    "rsa",
    "rsa-enc",
    "rsa-enc-generated",
    "rsa-generated",
];

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

/// The first value of a config member.
pub(crate) fn first<'a>(config: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    match config.get(name)? {
        Value::Array(values) => values.first()?.as_str(),
        Value::String(value) => Some(value.as_str()),
        _ => None,
    }
    .filter(|value| !value.is_empty())
}

/// The priority that a config gives; 0 where it gives none.
pub(crate) fn priority(config: &Map<String, Value>) -> i64 {
    first(config, "priority")
        .and_then(|p| p.parse().ok())
        .unwrap_or(0)
}

/// What `enabled` and `active` of a config come to.
pub(crate) fn status(config: &Map<String, Value>) -> Status {
    let on = |name| first(config, name).is_none_or(|value| value == "true");
    match (on("enabled"), on("active")) {
        (false, _) => Status::Disabled,
        (true, false) => Status::Passive,
        (true, true) => Status::Active,
    }
}

/// Checks a config in Keycloak's words; masked members take the value they had.
pub(crate) fn check(
    provider: &str,
    mut config: Map<String, Value>,
    old: Option<&Map<String, Value>>,
) -> Result<Map<String, Value>> {
    let bad = |text: &str| Err(Error::Invalid(text.to_owned()));
    let plain = config.values().all(|v| {
        v.as_array()
            .is_some_and(|list| list.iter().all(Value::is_string))
    });
    let size: usize = config
        .values()
        .filter_map(Value::as_array)
        .flatten()
        .filter_map(Value::as_str)
        .map(str::len)
        .sum();
    if !plain {
        return bad("Config values are lists of strings");
    }
    if config.len() > 50 || size > 64 * 1024 {
        return bad("A config may have 50 members and 64 kB");
    }
    if first(&config, "priority").is_some_and(|p| p.parse::<i64>().is_err()) {
        return bad("'Priority' should be a number");
    }
    for (member, label) in [("enabled", "Enabled"), ("active", "Active")] {
        if first(&config, member).is_some_and(|v| v != "true" && v != "false") {
            return bad(&format!("'{label}' should be 'true' or 'false'"));
        }
    }
    if first(&config, "keySize").is_some_and(|v| !["1024", "2048", "3072", "4096"].contains(&v)) {
        return bad("'Key size' should be 1024, 2048, 3072 or 4096");
    }
    if first(&config, "keySize") == Some("1024") {
        return bad("'Key size' of 1024 is too short to be safe; use 2048, 3072 or 4096");
    }
    if first(&config, "secretSize")
        .is_some_and(|v| !["16", "24", "32", "64", "128", "256", "512"].contains(&v))
    {
        return bad("'Secret size' should be 16, 24, 32, 64, 128, 256 or 512");
    }
    let curves = match provider {
        "ecdsa-generated" => Some((
            "ecdsaEllipticCurveKey",
            "P-256, P-384 or P-521",
            &["P-256", "P-384", "P-521"][..],
        )),
        "eddsa-generated" => Some(("eddsaEllipticCurveKey", "Ed25519", &["Ed25519"][..])),
        _ => None,
    };
    if let Some((member, names, allowed)) = curves
        && first(&config, member).is_some_and(|curve| !allowed.contains(&curve))
    {
        return bad(&format!("'Elliptic Curve' should be {names}"));
    }
    let algorithms: &[&str] = match provider {
        "rsa" | "rsa-generated" => &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
        "rsa-enc" | "rsa-enc-generated" => &["RSA-OAEP", "RSA-OAEP-256", "RSA1_5"],
        "hmac-generated" => &["HS256", "HS384", "HS512"],
        _ => &[],
    };
    if first(&config, "algorithm").is_some_and(|name| !algorithms.contains(&name)) {
        return bad(&format!(
            "'Algorithm' should be one of {}",
            algorithms.join(", ")
        ));
    }
    for member in ["privateKey", "secret"] {
        if first(&config, member) == Some(MASK) {
            match old.and_then(|old| old.get(member)) {
                Some(value) => config.insert(member.to_owned(), value.clone()),
                None => config.remove(member),
            };
        }
    }
    Ok(config)
}

/// Whether a new config needs another key than the old one has.
pub(crate) fn needs_new_key(
    provider: &str,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
) -> bool {
    let members: &[&str] = match provider {
        "rsa-generated" | "rsa-enc-generated" => &["keySize", "algorithm"],
        "ecdsa-generated" => &["ecdsaEllipticCurveKey", "ecGenerateCertificate"],
        "hmac-generated" => &["secretSize", "algorithm"],
        "aes-generated" => &["secretSize"],
        "rsa" | "rsa-enc" => return first(new, "privateKey").is_some_and(|key| key != MASK),
        _ => &[],
    };
    members
        .iter()
        .any(|member| first(new, member).is_some() && first(old, member) != first(new, member))
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
            let (signing, algorithm) = match first(&config, "ecdsaEllipticCurveKey") {
                Some("P-384") => (&ECDSA_P384_SHA384_FIXED_SIGNING, "ES384"),
                Some("P-521") => (&ECDSA_P521_SHA512_FIXED_SIGNING, "ES512"),
                _ => (&ECDSA_P256_SHA256_FIXED_SIGNING, "ES256"),
            };
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

/// PEM or bare base64, PKCS#8 or PKCS#1, as Keycloak takes it.
fn read_private_key(text: &str) -> Result<RsaKey> {
    let bad = || Error::Invalid("Failed to decode private key".to_owned());
    let der = Zeroizing::new(decode_pem(text).ok_or_else(bad)?);
    let key = rsa::PrivateKey::from_pkcs8_der(&der)
        .or_else(|_| rsa::PrivateKey::from_pkcs1_der(&der))
        .map_err(|_| bad())?;
    if key.n_bytes().len() < 256 {
        return Err(Error::Invalid(
            "An RSA key needs 2048 bits or more".to_owned(),
        ));
    }
    from_key(&key)
}

fn read_certificate(text: &str) -> Result<Vec<u8>> {
    let bad = || Error::Invalid("Failed to decode certificate".to_owned());
    let der = decode_pem(text).ok_or_else(bad)?;
    not_after(&der).map(|_| der).ok_or_else(bad)
}

fn decode_pem(text: &str) -> Option<Vec<u8>> {
    let body: String = text
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .flat_map(|l| l.chars())
        .filter(|c| !c.is_whitespace())
        .collect();
    STANDARD.decode(body).ok().filter(|der| !der.is_empty())
}

/// When a certificate ends, milliseconds since 1970: the second time in its DER (RFC 5280 §4.1.2.5).
fn not_after(der: &[u8]) -> Option<i64> {
    let mut times = (0..der.len().checked_sub(17)?).filter_map(|at| {
        let (tag, length) = (der[at], usize::from(der[at + 1]));
        let text = std::str::from_utf8(der.get(at + 2..at + 2 + length)?).ok()?;
        let digits = text
            .strip_suffix('Z')
            .filter(|t| t.bytes().all(|b| b.is_ascii_digit()))?;
        let full = match (tag, length) {
            (0x17, 13) => format!(
                "{}{digits}",
                if digits.starts_with(|c| c >= '5') {
                    "19"
                } else {
                    "20"
                }
            ),
            (0x18, 15) => digits.to_owned(),
            _ => return None,
        };
        let part = |range: std::ops::Range<usize>| full.get(range)?.parse::<u8>().ok();
        let month = time::Month::try_from(part(4..6)?).ok()?;
        let date =
            time::Date::from_calendar_date(full.get(0..4)?.parse().ok()?, month, part(6..8)?)
                .ok()?;
        let clock = time::Time::from_hms(part(8..10)?, part(10..12)?, part(12..14)?).ok()?;
        Some(time::OffsetDateTime::new_utc(date, clock).unix_timestamp() * 1000)
    });
    times.nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for provider in PROVIDERS.iter().filter(|p| p.ends_with("generated")) {
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
