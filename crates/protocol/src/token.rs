//! Tokens: JWS in compact form (RFC 7515), signed with a realm's parsed keys.

use std::str::FromStr as _;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, Header};
use realm::{Realm, key::Key};
use serde::{Serialize, de::DeserializeOwned};

use crate::HttpError;

/// Tokens longer than this are refused unread.
const MAX_LENGTH: usize = 64 * 1024;

/// A header for tokens of this key: `alg`, `typ` "JWT" and the realm's own `kid`.
///
/// # Errors
/// 500 when the key's algorithm cannot sign tokens.
pub fn header(key: &Key) -> Result<Header, HttpError> {
    let mut header = Header::new(Algorithm::from_str(&key.algorithm).map_err(HttpError::internal)?);
    header.kid = Some(key.kid.clone());
    Ok(header)
}

/// Signs claims.
///
/// jsonwebtoken parses the private key again for every token; the key here is parsed once, when its realm is read.
///
/// # Errors
/// 500 when the key cannot sign.
pub fn sign(key: &Key, header: &Header, claims: &impl Serialize) -> Result<String, HttpError> {
    let mut token = String::with_capacity(2048);
    URL_SAFE_NO_PAD.encode_string(
        serde_json::to_vec(header).map_err(HttpError::internal)?,
        &mut token,
    );
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(
        serde_json::to_vec(claims).map_err(HttpError::internal)?,
        &mut token,
    );
    let signature = key.sign(token.as_bytes())?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(token)
}

/// Reads the claims of a token that `realm` signed with one of its keys of these algorithms.
///
/// The key is found by `kid` among the realm's own and verifies with its own algorithm: `alg`, `jwk`, `x5c` and `jku`
/// of the token decide nothing. Times and audience are for the caller. None for everything else.
#[must_use]
pub fn open<C: DeserializeOwned>(realm: &Realm, token: &str, algorithms: &[&str]) -> Option<C> {
    if token.len() > MAX_LENGTH {
        return None;
    }
    let header = jsonwebtoken::decode_header(token).ok()?;
    let key = realm.key(header.kid.as_deref()?)?;
    if !algorithms.contains(&key.algorithm.as_str())
        || Algorithm::from_str(&key.algorithm).ok()? != header.alg
    {
        return None;
    }
    let (signed, signature) = token.rsplit_once('.')?;
    if !key.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).ok()?) {
        return None;
    }
    claims(token)
}

/// The name of the realm that a token says it comes from, unverified: only good for finding the key.
#[must_use]
pub fn issuer_realm(token: &str) -> Option<(String, String)> {
    #[derive(serde::Deserialize)]
    struct Issuer {
        iss: String,
    }
    if token.len() > MAX_LENGTH {
        return None;
    }
    let issuer: Issuer = claims(token)?;
    let (_, name) = issuer.iss.rsplit_once("/realms/")?;
    Some((crate::context::decode_segment(name)?, issuer.iss.clone()))
}

fn claims<C: DeserializeOwned>(token: &str) -> Option<C> {
    let mut parts = token.split('.');
    let (_, body, _) = (parts.next()?, parts.next()?, parts.next()?);
    parts.next().is_none().then_some(())?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).ok()?).ok()
}
