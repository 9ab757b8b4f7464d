//! The computing, as one thread does it.

use argon2_rust::Argon2;
use aws_lc_rs::pbkdf2;
use store::{Error, Result};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::Verdict;
use super::hash::{HASH_LEN, Kind, PasswordHash, SALT_LEN, TODAY, invalid};

/// What one thread computes with: the memory of the last argon2 is kept for the next.
pub(super) struct Worker {
    argon2: Option<argon2_rust::Hasher>,
}

impl Worker {
    pub(super) fn new() -> Self {
        Self { argon2: None }
    }

    /// Wipes the memory and gives it back.
    pub(super) fn rest(&mut self) {
        self.argon2 = None;
    }

    pub(super) fn is_at_rest(&self) -> bool {
        self.argon2.is_none()
    }

    pub(super) fn hash(&mut self, password: &[u8]) -> Result<PasswordHash> {
        let mut salt = vec![0; SALT_LEN];
        aws_lc_rs::rand::fill(&mut salt)
            .map_err(|_| Error::Sealed("no random bytes".to_owned()))?;
        let kind = Kind::Argon2(TODAY);
        let value = self.derive(kind, password, &salt, HASH_LEN)?;
        Ok(PasswordHash { kind, salt, value })
    }

    pub(super) fn verify(
        &mut self,
        password: &[u8],
        hash: Option<&PasswordHash>,
    ) -> Result<Verdict> {
        let Some(hash) = hash else {
            let made = self.derive(Kind::Argon2(TODAY), password, &[0; SALT_LEN], HASH_LEN)?;
            let _: subtle::Choice = made.ct_eq(&[0; HASH_LEN]);
            return Ok(Verdict {
                ok: false,
                needs_rehash: false,
            });
        };
        let made = self.derive(hash.kind, password, &hash.salt, hash.value.len())?;
        let ok = bool::from(made.ct_eq(&hash.value));
        let today = hash.kind == Kind::Argon2(TODAY) && hash.value.len() == HASH_LEN;
        Ok(Verdict {
            ok,
            needs_rehash: ok && !today,
        })
    }

    fn derive(
        &mut self,
        kind: Kind,
        password: &[u8],
        salt: &[u8],
        length: usize,
    ) -> Result<Zeroizing<Vec<u8>>> {
        let mut value = Zeroizing::new(vec![0; length]);
        match kind {
            Kind::Argon2(cost) => {
                let argon2 = Argon2::new(cost.algorithm, cost.version, cost.params(length)?);
                let hasher = self.argon2.get_or_insert_with(|| argon2.hasher());
                hasher.set_argon2(argon2);
                let done = hasher.hash_into(password, salt, &mut value);
                if cost.memory_kib > TODAY.memory_kib {
                    hasher.clear();
                }
                done.map_err(|error| match error {
                    argon2_rust::Error::MemoryAllocationError => {
                        Error::Busy("no memory for hashing")
                    }
                    _ => invalid(&error.to_string()),
                })?;
            }
            Kind::Pbkdf2(digest, iterations) => {
                pbkdf2::derive(digest.algorithm(), iterations, salt, password, &mut value);
            }
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use argon2_rust::{Algorithm, Version};
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use serde_json::{Value, json};

    use super::super::MAX_PASSWORD;
    use super::super::hash::tests::{RECORDED, parsed};
    use super::super::hash::{Argon2Cost, Digest};
    use super::*;

    fn reference(cost: Argon2Cost, password: &[u8], salt: &[u8], length: usize) -> Vec<u8> {
        let algorithm = match cost.algorithm {
            Algorithm::Argon2d => argon2::Algorithm::Argon2d,
            Algorithm::Argon2i => argon2::Algorithm::Argon2i,
            _ => argon2::Algorithm::Argon2id,
        };
        let version = if cost.version == Version::V0x10 {
            argon2::Version::V0x10
        } else {
            argon2::Version::V0x13
        };
        let params =
            argon2::Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(length)).unwrap();
        let mut value = vec![0; length];
        argon2::Argon2::new(algorithm, version, params)
            .hash_password_into(password, salt, &mut value)
            .unwrap();
        value
    }

    #[test]
    fn both_argon2_implementations_agree() {
        let mut worker = Worker::new();
        for algorithm in [Algorithm::Argon2id, Algorithm::Argon2i, Algorithm::Argon2d] {
            for (version, memory_kib, passes, lanes, length) in [
                (Version::V0x13, 7168, 5, 1, 32),
                (Version::V0x13, 256, 1, 4, 16),
                (Version::V0x10, 64, 3, 2, 64),
                (Version::V0x13, 8, 2, 1, 128),
            ] {
                let cost = Argon2Cost {
                    algorithm,
                    version,
                    memory_kib,
                    passes,
                    lanes,
                };
                for password in ["", "p", "pässwörd", &"x".repeat(MAX_PASSWORD)] {
                    let salt = [7; 16];
                    let ours = worker
                        .derive(Kind::Argon2(cost), password.as_bytes(), &salt, length)
                        .unwrap();
                    assert_eq!(
                        *ours,
                        reference(cost, password.as_bytes(), &salt, length),
                        "{cost:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_worker_that_rested_holds_no_memory_and_finds_what_it_found_before() {
        let mut worker = Worker::new();
        let hash = worker.hash(b"secret").unwrap();
        assert!(!worker.is_at_rest());
        worker.rest();
        assert!(worker.is_at_rest());
        assert!(worker.verify(b"secret", Some(&hash)).unwrap().ok);
    }

    #[test]
    fn the_two_texts_are_keycloaks_and_read_back() {
        let mut worker = Worker::new();
        let hash = worker.hash(b"secret").unwrap();
        assert_eq!(hash.credential_data(), RECORDED);
        let secret: Value = serde_json::from_str(&hash.secret_data()).unwrap();
        assert_eq!(
            STANDARD
                .decode(secret["salt"].as_str().unwrap())
                .unwrap()
                .len(),
            SALT_LEN
        );
        assert_eq!(secret["additionalParameters"], json!({}));
        let back =
            PasswordHash::parse(&hash.credential_data(), hash.secret_data().as_bytes()).unwrap();
        assert!(worker.verify(b"secret", Some(&back)).unwrap().ok);
        assert!(!format!("{back:?}").contains(secret["value"].as_str().unwrap()));
    }

    #[test]
    fn a_pbkdf2_hash_verifies_and_asks_for_a_new_one() {
        let mut worker = Worker::new();
        // RFC 6070.
        let sha1 = [
            0x4b, 0x00, 0x79, 0x01, 0xb7, 0x65, 0x48, 0x9a, 0xbe, 0xad, 0x49, 0xd9, 0x26, 0xf7,
            0x21, 0xd0, 0x65, 0xa4, 0x29, 0xc1,
        ];
        let made = worker
            .derive(
                Kind::Pbkdf2(Digest::Sha1, NonZeroU32::new(4096).unwrap()),
                b"password",
                b"salt",
                20,
            )
            .unwrap();
        assert_eq!(*made, sha1);
        for (name, digest) in [
            ("pbkdf2", Digest::Sha1),
            ("pbkdf2-sha256", Digest::Sha256),
            ("pbkdf2-sha512", Digest::Sha512),
        ] {
            let kind = Kind::Pbkdf2(digest, NonZeroU32::new(1000).unwrap());
            let value = worker.derive(kind, b"right", b"saltsalt", 64).unwrap();
            let data = format!(
                r#"{{"hashIterations":1000,"algorithm":"{name}","additionalParameters":{{}}}}"#
            );
            let hash = parsed(&data, &value, b"saltsalt").unwrap();
            assert_eq!(
                worker.verify(b"right", Some(&hash)).unwrap(),
                Verdict {
                    ok: true,
                    needs_rehash: true
                }
            );
            assert_eq!(
                worker.verify(b"wrong", Some(&hash)).unwrap(),
                Verdict {
                    ok: false,
                    needs_rehash: false
                }
            );
            assert_eq!(hash.credential_data(), data);
        }
    }
}
