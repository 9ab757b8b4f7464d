//! The algorithms, and their hashes as Keycloak writes them: `credentialData` and `secretData`.

use std::num::NonZeroU32;

use argon2_rust::params::{Memory, TagLen};
use argon2_rust::{Algorithm, Params, Version};
use aws_lc_rs::pbkdf2;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use store::{Error, Result};
use zeroize::Zeroizing;

/// Keycloak's parameters for new hashes.
pub(super) const TODAY: Argon2Cost = Argon2Cost {
    algorithm: Algorithm::Argon2id,
    version: Version::V0x13,
    memory_kib: 7168,
    passes: 5,
    lanes: 1,
};
pub(super) const HASH_LEN: usize = 32;
pub(super) const SALT_LEN: usize = 16;

/// What an imported hash may cost to check; above these an import could stop the server.
const MAX_MEMORY_KIB: u32 = 128 * 1024;
const MAX_PASSES: u32 = 64;
/// Memory times passes: half a second or so.
const MAX_FILL_KIB: u64 = 1024 * 1024;
const MAX_LANES: u32 = 16;
const MAX_PBKDF2_ITERATIONS: u32 = 2_000_000;
const HASH_LENS: std::ops::RangeInclusive<usize> = 16..=128;
const SALT_LENS: std::ops::RangeInclusive<usize> = 8..=128;

/// A password's hash, with all that is needed to check it.
#[derive(Clone)]
pub struct PasswordHash {
    pub(super) kind: Kind,
    pub(super) salt: Vec<u8>,
    pub(super) value: Zeroizing<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Argon2(Argon2Cost),
    Pbkdf2(Digest, NonZeroU32),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Argon2Cost {
    pub(super) algorithm: Algorithm,
    pub(super) version: Version,
    pub(super) memory_kib: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Digest {
    Sha1,
    Sha256,
    Sha512,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CredentialData {
    hash_iterations: u32,
    algorithm: String,
    #[serde(default)]
    additional_parameters: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct SecretData {
    value: String,
    #[serde(default)]
    salt: Option<String>,
}

impl PasswordHash {
    /// Reads Keycloak's two texts.
    ///
    /// # Errors
    /// [`Error::Invalid`] for texts that are not such JSON, an unknown algorithm, or parameters out of bounds.
    pub fn parse(credential_data: &str, secret_data: &[u8]) -> Result<Self> {
        let data: CredentialData =
            serde_json::from_str(credential_data).map_err(|_| invalid("credentialData"))?;
        let secret: SecretData =
            serde_json::from_slice(secret_data).map_err(|_| invalid("secretData"))?;
        let salt = STANDARD
            .decode(secret.salt.unwrap_or_default())
            .map_err(|_| invalid("salt"))?;
        let text = Zeroizing::new(secret.value);
        let value = Zeroizing::new(
            STANDARD
                .decode(text.as_bytes())
                .map_err(|_| invalid("value"))?,
        );
        if !HASH_LENS.contains(&value.len()) || !SALT_LENS.contains(&salt.len()) {
            return Err(invalid("length"));
        }
        Ok(Self {
            kind: Kind::parse(&data)?,
            salt,
            value,
        })
    }

    /// The hash itself. Salted, so that it is another one after every change.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        &self.value
    }

    /// The parameters, as Keycloak's `credentialData`.
    #[must_use]
    pub fn credential_data(&self) -> String {
        match self.kind {
            // Written by hand, as the members' order is Keycloak's.
            Kind::Argon2(cost) => format!(
                r#"{{"hashIterations":{},"algorithm":"argon2","additionalParameters":{{"hashLength":["{}"],"memory":["{}"],"type":["{}"],"version":["{}"],"parallelism":["{}"]}}}}"#,
                cost.passes,
                self.value.len(),
                cost.memory_kib,
                cost.algorithm.as_str().trim_start_matches("argon2"),
                if cost.version == Version::V0x10 {
                    "1.0"
                } else {
                    "1.3"
                },
                cost.lanes,
            ),
            Kind::Pbkdf2(digest, iterations) => format!(
                r#"{{"hashIterations":{iterations},"algorithm":"{}","additionalParameters":{{}}}}"#,
                digest.name()
            ),
        }
    }

    /// The salt and the hash, as Keycloak's `secretData`.
    #[must_use]
    pub fn secret_data(&self) -> Zeroizing<String> {
        let value = Zeroizing::new(STANDARD.encode(&*self.value));
        Zeroizing::new(format!(
            r#"{{"value":"{}","salt":"{}","additionalParameters":{{}}}}"#,
            *value,
            STANDARD.encode(&self.salt)
        ))
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PasswordHash")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// The two texts of a hash in the form that Keycloak wrote before version 2: `hashedSaltedValue`, `salt`,
/// `hashIterations` and `algorithm` of a credential.
pub(crate) fn legacy(
    value: &str,
    salt: &str,
    iterations: i64,
    algorithm: &str,
) -> (String, String) {
    (
        json!({"hashIterations": iterations, "algorithm": algorithm, "additionalParameters": {}})
            .to_string(),
        json!({"value": value, "salt": salt, "additionalParameters": {}}).to_string(),
    )
}

pub(super) fn invalid(what: &str) -> Error {
    Error::Invalid(format!("The password hash cannot be used: {what}"))
}

impl Kind {
    fn parse(data: &CredentialData) -> Result<Self> {
        let iterations =
            NonZeroU32::new(data.hash_iterations).ok_or_else(|| invalid("hashIterations"))?;
        let digest = match data.algorithm.as_str() {
            "argon2" => return Argon2Cost::parse(data).map(Self::Argon2),
            "pbkdf2" => Digest::Sha1,
            "pbkdf2-sha256" => Digest::Sha256,
            "pbkdf2-sha512" => Digest::Sha512,
            _ => return Err(invalid("algorithm")),
        };
        if iterations.get() > MAX_PBKDF2_ITERATIONS {
            return Err(invalid("hashIterations"));
        }
        Ok(Self::Pbkdf2(digest, iterations))
    }
}

impl Argon2Cost {
    fn parse(data: &CredentialData) -> Result<Self> {
        let parameter = |name: &str| -> Option<&str> {
            let value = data.additional_parameters.as_ref()?.get(name)?;
            value.as_str().or_else(|| value.get(0)?.as_str())
        };
        let number = |name: &str| {
            parameter(name)
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| invalid(name))
        };
        let cost = Self {
            algorithm: match parameter("type") {
                Some("id") => Algorithm::Argon2id,
                Some("i") => Algorithm::Argon2i,
                Some("d") => Algorithm::Argon2d,
                _ => return Err(invalid("type")),
            },
            version: match parameter("version") {
                Some("1.3") => Version::V0x13,
                Some("1.0") => Version::V0x10,
                _ => return Err(invalid("version")),
            },
            memory_kib: number("memory")?,
            passes: data.hash_iterations,
            lanes: number("parallelism")?,
        };
        if cost.memory_kib > MAX_MEMORY_KIB
            || cost.passes > MAX_PASSES
            || cost.lanes > MAX_LANES
            || u64::from(cost.memory_kib) * u64::from(cost.passes) > MAX_FILL_KIB
        {
            return Err(invalid("it costs too much to check"));
        }
        cost.params(HASH_LEN)?;
        Ok(cost)
    }

    pub(super) fn params(self, hash_len: usize) -> Result<Params> {
        Params::builder()
            .memory(Memory::kib(self.memory_kib.into()))
            .passes(self.passes)
            .lanes(self.lanes)
            // The pool has a thread a core; a hash must not take more.
            .threads(1)
            .tag_len(TagLen::bytes(hash_len as u64))
            .build()
            .map_err(|error| invalid(&error.to_string()))
    }
}

impl Digest {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "pbkdf2",
            Self::Sha256 => "pbkdf2-sha256",
            Self::Sha512 => "pbkdf2-sha512",
        }
    }

    pub(super) fn algorithm(self) -> pbkdf2::Algorithm {
        match self {
            Self::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Self::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) const RECORDED: &str = r#"{"hashIterations":5,"algorithm":"argon2","additionalParameters":{"hashLength":["32"],"memory":["7168"],"type":["id"],"version":["1.3"],"parallelism":["1"]}}"#;

    pub(in super::super) fn parsed(data: &str, value: &[u8], salt: &[u8]) -> Result<PasswordHash> {
        let secret = json!({"value": STANDARD.encode(value), "salt": STANDARD.encode(salt), "additionalParameters": {}});
        PasswordHash::parse(data, secret.to_string().as_bytes())
    }

    #[test]
    fn an_imported_hash_that_costs_too_much_or_makes_no_sense_is_refused() {
        let ok = |data: &str| parsed(data, &[1; 32], &[1; 16]).is_ok();
        assert!(ok(RECORDED));
        for (from, to) in [
            (r#"["7168"]"#, r#"["4294967295"]"#),
            (r#"["7168"]"#, r#"["0"]"#),
            (r#"["7168"]"#, r#"["x"]"#),
            (r#":5,"#, ":4000000000,"),
            (r#":5,"#, ":0,"),
            (r#":5,"#, ":-1,"),
            (r#"["id"]"#, r#"["z"]"#),
            (r#""parallelism":["1"]"#, r#""parallelism":["5000"]"#),
            (r#""parallelism":["1"]"#, r#""parallelism":["0"]"#),
            ("argon2", "bcrypt"),
            ("argon2", "pbkdf2-sha256\",\"x\":\""),
        ] {
            let data = RECORDED.replacen(from, to, 1);
            let allowed = data.contains("pbkdf2-sha256");
            assert_eq!(ok(&data), allowed, "{data}");
        }
        assert!(!ok(
            r#"{"hashIterations":2000001,"algorithm":"pbkdf2-sha512"}"#
        ));
        assert!(!ok("nojson"));
        assert!(parsed(RECORDED, &[1; 4], &[1; 16]).is_err());
        assert!(parsed(RECORDED, &[1; 32], &[]).is_err());
        assert!(PasswordHash::parse(RECORDED, b"{}").is_err());
    }
}
