//! Tokens: JWS in compact form (RFC 7515), signed with a realm's parsed keys.

use std::sync::Arc;

use aws_lc_rs::digest::{self, SHA256, SHA384, SHA512};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::dangerous::insecure_decode_claims;
use realm::key::{Key, SIGNATURES};
use realm::{Realm, fallback};
use serde::{Deserialize, Serialize, de::DeserializeOwned, de::IgnoredAny};

use crate::{HttpError, RealmContext};

/// Tokens longer than this are refused unread.
const MAX_LENGTH: usize = 64 * 1024;

/// The header of a token (RFC 7515 §4.1). jsonwebtoken's own has no ES512.
#[derive(Clone, Debug, Serialize)]
pub struct Header {
    alg: String,
    /// `JWT`, or what a specification asks for.
    pub typ: &'static str,
    /// Which key signed.
    pub kid: String,
    /// The certificates of the key, base64 of DER.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x5c: Option<Vec<String>>,
}

/// A header for tokens of this key: `alg`, `typ` "JWT" and the realm's own `kid`.
#[must_use]
pub fn header(key: &Key) -> Header {
    Header {
        alg: key.algorithm.clone(),
        typ: "JWT",
        kid: key.kid.clone(),
        x5c: None,
    }
}

/// The realm's active key for an algorithm. A realm that has none gets one, as in Keycloak.
///
/// # Errors
/// 400 for what is no signature algorithm, 500 when an administrator has switched the realm's own key off.
pub async fn signing_key(ctx: &RealmContext, algorithm: &str) -> Result<Arc<Key>, HttpError> {
    if !SIGNATURES.contains(&algorithm) {
        return Err(HttpError::oauth(
            400,
            "invalid_request",
            &format!(
                "Tokens cannot be signed with {algorithm:?}; set the client or the realm to one of {}",
                SIGNATURES.join(", ")
            ),
        ));
    }
    if let Some(key) = ctx.realm.active_key(algorithm) {
        return Ok(Arc::clone(key));
    }
    let state = ctx.state();
    fallback::add(
        &state.pool,
        &state.sealer,
        &state.keys,
        &ctx.realm,
        algorithm,
    )
    .await?;
    state.realms.forget(ctx.realm.id);
    let realm = state.realms.get(&ctx.realm.name).await?;
    let key = realm.as_ref().and_then(|realm| realm.active_key(algorithm));
    key.map(Arc::clone).ok_or_else(|| {
        HttpError::oauth(
            500,
            "server_error",
            &format!(
                "The realm has no active {algorithm} key; switch its provider fallback-{algorithm} on, or add another"
            ),
        )
    })
}

/// Signs claims.
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

/// `at_hash` or `c_hash` of a token beside an ID token that `key` signs (OpenID Connect Core 1.0 §3.1.3.6): the left half
/// of the digest that the key's algorithm uses.
#[must_use]
pub fn half_hash(key: &Key, text: &str) -> String {
    let digest = match key.algorithm.as_str() {
        "RS384" | "PS384" | "ES384" | "HS384" => &SHA384,
        // Ed25519 hashes with SHA-512.
        "RS512" | "PS512" | "ES512" | "HS512" | "EdDSA" => &SHA512,
        _ => &SHA256,
    };
    let hash = digest::digest(digest, text.as_bytes());
    let hash = hash.as_ref();
    URL_SAFE_NO_PAD.encode(&hash[..hash.len() / 2])
}

/// A token as it is written; nothing of it is proven.
pub struct Unproven<'a> {
    /// What it says that it is signed with.
    pub alg: String,
    /// What it says that it is signed by.
    pub kid: Option<String>,
    /// What is signed.
    pub signed: &'a str,
    /// Its signature.
    pub signature: Vec<u8>,
    text: &'a str,
}

impl<'a> Unproven<'a> {
    /// Reads the header. None for what is too long, is no JWS in compact form, or has extensions that have to be
    /// understood (RFC 7515 §4.1.11).
    #[must_use]
    pub fn read(text: &'a str) -> Option<Self> {
        // jsonwebtoken's own header has no ES512, and lets `crit` pass.
        #[derive(Deserialize)]
        struct Head {
            alg: String,
            kid: Option<String>,
            crit: Option<IgnoredAny>,
        }
        if text.len() > MAX_LENGTH {
            return None;
        }
        let (signed, signature) = text.rsplit_once('.')?;
        let (head, _) = signed.split_once('.')?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let head: Head = serde_json::from_slice(&decode(head)?).ok()?;
        head.crit.is_none().then_some(Self {
            alg: head.alg,
            kid: head.kid,
            signed,
            signature: decode(signature)?,
            text,
        })
    }

    /// Its claims, as unproven as the rest.
    #[must_use]
    pub fn claims<C: DeserializeOwned>(&self) -> Option<C> {
        insecure_decode_claims(self.text).ok()
    }
}

/// Reads the claims of a token that `realm` signed with one of its keys of these algorithms.
///
/// The key is found by `kid` among the realm's own and verifies with its own algorithm: `alg`, `jwk`, `x5c` and `jku`
/// of the token decide nothing. Times and audience are for the caller. None for everything else.
#[must_use]
pub fn open<C: DeserializeOwned>(realm: &Realm, token: &str, algorithms: &[&str]) -> Option<C> {
    let token = Unproven::read(token)?;
    let key = realm.key(token.kid.as_deref()?)?;
    let proven = algorithms.contains(&key.algorithm.as_str())
        && key.algorithm == token.alg
        && key.verify(token.signed.as_bytes(), &token.signature);
    if proven { token.claims() } else { None }
}

/// The name of the realm that a token says it comes from, unverified: only good for finding the key.
#[must_use]
pub fn issuer_realm(token: &str) -> Option<(String, String)> {
    #[derive(Deserialize)]
    struct Issuer {
        iss: String,
    }
    let issuer: Issuer = Unproven::read(token)?.claims()?;
    let (_, name) = issuer.iss.rsplit_once("/realms/")?;
    Some((crate::context::decode_segment(name)?, issuer.iss.clone()))
}
