//! Tokens and the realm keys that sign them, checked without any code of the server.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

/// An RSA signing key as `GET /admin/realms/{realm}/keys` shows it.
pub struct Key {
    pub kid: String,
    /// The key id of libtrust, which docker-registry 2 looks for.
    pub docker_kid: String,
    pub certificate: String,
    public: Vec<u8>,
}

/// The RS256 keys in an answer of `GET /admin/realms/{realm}/keys`.
pub fn read(answer: &Value) -> Vec<Key> {
    let keys = answer["keys"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let key = |key: &Value| {
        let member = |name: &str| key[name].as_str().map(str::to_owned);
        let public = STANDARD.decode(member("publicKey")?).ok()?;
        let docker_kid = docker_kid(&public);
        let key = Key {
            kid: member("kid")?,
            docker_kid,
            certificate: member("certificate")?,
            public,
        };
        (member("algorithm")? == "RS256").then_some(key)
    };
    keys.iter().filter_map(key).collect()
}

/// SHA-256 of the DER public key, its first 30 bytes in base32, in groups of four.
fn docker_kid(public: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let hash = digest(&SHA256, public);
    let mut kid = String::new();
    for five in hash.as_ref()[..30].chunks(5) {
        let bits = five
            .iter()
            .fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
        for place in (0..8).rev() {
            if kid.len() % 5 == 4 {
                kid.push(':');
            }
            kid.push(char::from(ALPHABET[(bits >> (place * 5) & 31) as usize]));
        }
    }
    kid
}

/// A JSON web token, taken apart.
pub struct Token {
    pub header: Value,
    pub claims: Value,
    signed: String,
    signature: Vec<u8>,
}

impl Token {
    /// # Errors
    /// What makes it no token.
    pub fn read(text: &str) -> Result<Token, String> {
        let part = |text: &str| {
            URL_SAFE_NO_PAD
                .decode(text)
                .map_err(|error| format!("no base64url: {error}"))
        };
        let json = |text: &str| {
            serde_json::from_slice(&part(text)?)
                .map_err(|error| format!("no JSON in a token: {error}"))
        };
        let (signed, signature) = text.rsplit_once('.').ok_or("no token")?;
        let (header, claims) = signed.split_once('.').ok_or("no token")?;
        let signature = part(signature)?;
        Ok(Token {
            header: json(header)?,
            claims: json(claims)?,
            signed: signed.to_owned(),
            signature,
        })
    }

    /// Name of the realm that issued it.
    pub fn realm(&self) -> &str {
        self.claims["iss"]
            .as_str()
            .and_then(|issuer| issuer.rsplit('/').next())
            .unwrap_or_default()
    }

    pub fn is_signed_by(&self, key: &Key) -> bool {
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &key.public);
        self.header["alg"] == "RS256"
            && public
                .verify(self.signed.as_bytes(), &self.signature)
                .is_ok()
    }
}
