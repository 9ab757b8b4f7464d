//! Signing, encryption and MAC keys: parsed once, kept in the realm, used without parsing again.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED,
    ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED, ECDSA_P521_SHA512_FIXED_SIGNING,
    ED25519, EcdsaKeyPair, Ed25519KeyPair, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
    RSA_PKCS1_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair, VerificationAlgorithm,
};
use aws_lc_rs::{digest, hmac};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::jwk::{CommonParameters, Jwk, PublicKeyUse};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::public_key::PublicKey;
use crate::{Error, Result, der};

/// The JWS algorithms that keys sign with (RFC 7518 §3.1, RFC 8037).
pub const SIGNATURES: [&str; 13] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
    "HS256", "HS384", "HS512",
];

/// Whether a key signs, only verifies, or does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Signs (the one of highest priority does) and verifies.
    Active,
    /// Verifies only.
    Passive,
    /// Does nothing.
    Disabled,
}

impl Status {
    /// Keycloak's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Passive => "PASSIVE",
            Self::Disabled => "DISABLED",
        }
    }
}

/// A key of a realm. Its private half never leaves this crate.
pub struct Key {
    /// The component that provides it.
    pub provider_id: Uuid,
    /// The highest signs.
    pub priority: i64,
    /// Base64url of the SHA-256 of the public key; a uuid for symmetric keys.
    pub kid: String,
    /// Whether it signs.
    pub status: Status,
    /// JWA name (`RS256`, `HS512` …), or `AES`.
    pub algorithm: String,
    /// `SIG` or `ENC`.
    pub key_use: String,
    /// `RSA`, `EC`, `OKP` or `OCT`.
    pub key_type: String,
    /// SubjectPublicKeyInfo, DER; none for symmetric keys.
    pub public_key: Option<Vec<u8>>,
    /// Its X.509 certificate, DER.
    pub certificate: Option<Vec<u8>>,
    /// When the certificate ends, milliseconds since 1970.
    pub valid_to: Option<i64>,
    /// Whether the key came from outside; its certificate may then not be of the realm's CA.
    pub imported: bool,
    pub(crate) material: Material,
}

pub(crate) enum Material {
    Rsa(Box<RsaKeyPair>, &'static dyn RsaEncoding, ParsedPublicKey),
    Ec(EcdsaKeyPair, ParsedPublicKey),
    Ed(Ed25519KeyPair, ParsedPublicKey),
    Hmac(Box<hmac::Key>),
    /// Encryption keys are not used yet and stay sealed in the database.
    None,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

impl Key {
    /// Signs `message` as JWS wants it (RFC 7515 §5.1): raw `r‖s` for EC.
    ///
    /// # Errors
    /// [`Error::Invalid`] when this is no signing key.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        let failed = || Error::Invalid(format!("the key {} cannot sign", self.kid));
        match &self.material {
            Material::Rsa(pair, encoding, _) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &SystemRandom::new(), message, &mut signature)
                    .map_err(|_| failed())?;
                Ok(signature)
            }
            Material::Ec(pair, _) => Ok(pair
                .sign(&SystemRandom::new(), message)
                .map_err(|_| failed())?
                .as_ref()
                .to_vec()),
            Material::Ed(pair, _) => Ok(pair.sign(message).as_ref().to_vec()),
            Material::Hmac(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
            Material::None => Err(failed()),
        }
    }

    /// Whether `signature` is this key's over `message`. The key's own algorithm counts, never one named in a token.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Rsa(_, _, public) | Material::Ec(_, public) | Material::Ed(_, public) => {
                public.verify_sig(message, signature).is_ok()
            }
            Material::Hmac(key) => hmac::verify(key, message, signature).is_ok(),
            Material::None => false,
        }
    }

    /// The public half as a JWK with `x5c`, `x5t` and `x5t#S256`, as Keycloak's `certs` has it; none for symmetric keys.
    #[must_use]
    pub fn jwk(&self) -> Option<Value> {
        let certificate = self.certificate.as_deref();
        let thumb = |hash| certificate.map(|der| URL_SAFE_NO_PAD.encode(digest::digest(hash, der)));
        let jwk = Jwk {
            common: CommonParameters {
                key_id: Some(self.kid.clone()),
                public_key_use: Some(PublicKeyUse::Other(self.key_use.to_ascii_lowercase())),
                x509_chain: certificate.map(|der| vec![STANDARD.encode(der)]),
                x509_sha1_fingerprint: thumb(&digest::SHA1_FOR_LEGACY_USE_ONLY),
                x509_sha256_fingerprint: thumb(&digest::SHA256),
                ..CommonParameters::default()
            },
            algorithm: PublicKey::spki(self.public_key.as_deref()?)?.parameters()?,
        };
        let mut jwk = serde_json::to_value(jwk).ok()?;
        // As text, for jsonwebtoken's type lacks ES512.
        jwk["alg"] = json!(self.algorithm);
        Some(jwk)
    }
}

/// The kinds of asymmetric keys that realms have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Rsa,
    P256,
    P384,
    P521,
    Ed25519,
}

/// The DER of the algorithm identifiers, each as it begins inside a SubjectPublicKeyInfo (RFC 3279, 5480, 8410).
const IDENTIFIERS: [(Family, &[u8]); 5] = [
    (
        Family::Rsa,
        &[
            0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05,
            0x00,
        ],
    ),
    (
        Family::P256,
        &[
            0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
            0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
        ],
    ),
    (
        Family::P384,
        &[
            0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
            0x81, 0x04, 0x00, 0x22,
        ],
    ),
    (
        Family::P521,
        &[
            0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
            0x81, 0x04, 0x00, 0x23,
        ],
    ),
    (Family::Ed25519, &[0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70]),
];

/// The family of a SubjectPublicKeyInfo and the bits of its key.
pub(crate) fn spki_parts(der: &[u8]) -> Option<(Family, &[u8])> {
    let body = der::only(der, 0x30)?;
    IDENTIFIERS.iter().find_map(|(family, identifier)| {
        let bits = der::only(body.strip_prefix(*identifier)?, 0x03)?;
        // A BIT STRING begins with the count of its unused bits, here always none.
        Some((*family, bits.strip_prefix(&[0])?))
    })
}

/// Keycloak's key id of a public key: base64url of the SHA-256 of its DER.
#[must_use]
pub fn kid(spki: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, spki))
}

impl Material {
    /// Parses what a key row holds. `private` is PKCS#8, or the bytes of a symmetric key.
    pub(crate) fn parse(algorithm: &str, spki: Option<&[u8]>, private: &[u8]) -> Result<Self> {
        let broken = || Error::Sealed(format!("a stored {algorithm} key is not readable"));
        let public = |how: &'static dyn VerificationAlgorithm| {
            spki.and_then(|spki| ParsedPublicKey::new(how, spki).ok())
                .ok_or_else(broken)
        };
        let rsa = |encoding: &'static dyn RsaEncoding, how| {
            let pair = RsaKeyPair::from_pkcs8(private).map_err(|_| broken())?;
            Ok(Self::Rsa(Box::new(pair), encoding, public(how)?))
        };
        let ec = |signing, how| {
            let pair = EcdsaKeyPair::from_pkcs8(signing, private).map_err(|_| broken())?;
            Ok(Self::Ec(pair, public(how)?))
        };
        let hmac = |algorithm| Self::Hmac(Box::new(hmac::Key::new(algorithm, private)));
        match algorithm {
            "RS256" => rsa(&RSA_PKCS1_SHA256, &RSA_PKCS1_2048_8192_SHA256),
            "RS384" => rsa(&RSA_PKCS1_SHA384, &RSA_PKCS1_2048_8192_SHA384),
            "RS512" => rsa(&RSA_PKCS1_SHA512, &RSA_PKCS1_2048_8192_SHA512),
            "PS256" => rsa(&RSA_PSS_SHA256, &RSA_PSS_2048_8192_SHA256),
            "PS384" => rsa(&RSA_PSS_SHA384, &RSA_PSS_2048_8192_SHA384),
            "PS512" => rsa(&RSA_PSS_SHA512, &RSA_PSS_2048_8192_SHA512),
            "ES256" => ec(&ECDSA_P256_SHA256_FIXED_SIGNING, &ECDSA_P256_SHA256_FIXED),
            "ES384" => ec(&ECDSA_P384_SHA384_FIXED_SIGNING, &ECDSA_P384_SHA384_FIXED),
            "ES512" => ec(&ECDSA_P521_SHA512_FIXED_SIGNING, &ECDSA_P521_SHA512_FIXED),
            "EdDSA" => Ok(Self::Ed(
                Ed25519KeyPair::from_pkcs8(private).map_err(|_| broken())?,
                public(&ED25519)?,
            )),
            "HS256" => Ok(hmac(hmac::HMAC_SHA256)),
            "HS384" => Ok(hmac(hmac::HMAC_SHA384)),
            "HS512" => Ok(hmac(hmac::HMAC_SHA512)),
            _ => Ok(Self::None),
        }
    }
}
