//! What a token says of itself.

use base64::{
    Engine as _, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD,
};
use rustls::pki_types::CertificateDer;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: String,
    #[serde(default)]
    x5c: Vec<String>,
}

#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    iss: String,
    #[serde(default)]
    aud: Value,
    iat: Option<i64>,
    nbf: Option<i64>,
    exp: Option<i64>,
}

/// A docker token, read and not verified.
pub(super) struct Token {
    pub alg: String,
    pub kid: String,
    /// The certificate of the key first, then those above it.
    pub chain: Vec<CertificateDer<'static>>,
    pub issuer: String,
    pub audiences: Vec<String>,
    pub issued_at: i64,
    pub not_before: i64,
    pub expires: i64,
    pub signed: String,
    pub signature: Vec<u8>,
    pub text: String,
}

impl Token {
    /// None for what is no JWT that a registry could read.
    pub fn read(text: &str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header: Header = part(header)?;
        let claims: Claims = part(claims)?;
        let chain: Option<_> = header
            .x5c
            .iter()
            .map(|text| Some(CertificateDer::from(STANDARD.decode(text).ok()?)))
            .collect();
        let texts = match claims.aud {
            Value::String(one) => vec![one],
            Value::Array(many) => many
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            _ => Vec::new(),
        };
        Some(Self {
            alg: header.alg,
            kid: header.kid,
            chain: chain?,
            issuer: claims.iss,
            audiences: texts,
            issued_at: claims.iat.or(claims.nbf)?,
            not_before: claims.nbf.or(claims.iat)?,
            expires: claims.exp?,
            signed: signed.to_owned(),
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
            text: text.to_owned(),
        })
    }
}

fn part<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}
