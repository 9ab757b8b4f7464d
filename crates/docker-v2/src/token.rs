//! The token that a registry takes.

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use client::Client;
use protocol::{HttpError, RealmContext};
use realm::key::Key;
use serde::Serialize;
use uuid::Uuid;

use crate::scope::Access;

#[derive(Serialize)]
struct Claims<'a> {
    exp: i64,
    nbf: i64,
    iat: i64,
    jti: String,
    iss: String,
    aud: &'a str,
    sub: &'a str,
    typ: &'static str,
    azp: &'a str,
    access: &'a [Access],
}

/// A signed token and its times in seconds.
pub(crate) struct Token {
    pub token: String,
    pub expires_in: i64,
    pub issued_at: i64,
}

/// Signs a token for `subject` with the realm's active RS256 key.
///
/// The header has the libtrust `kid` that registry 2 looks up and the `x5c` that lets both registries build a chain to
/// the realm's CA (decision D19).
pub(crate) fn issue(
    ctx: &RealmContext,
    client: &Client,
    subject: &str,
    access: &[Access],
) -> Result<Token, HttpError> {
    let key = ctx.realm.active_key("RS256").ok_or_else(|| {
        HttpError::oauth(
            500,
            "server_error",
            "The realm has no active RS256 key; add an rsa-generated key provider",
        )
    })?;
    let issued_at = store::clock::now();
    let expires_in = client
        .access_token_lifespan()
        .unwrap_or(ctx.realm.settings.access_token_lifespan);
    let claims = Claims {
        exp: issued_at + expires_in,
        nbf: issued_at,
        iat: issued_at,
        jti: Uuid::new_v4().to_string(),
        iss: ctx.issuer(),
        aud: &client.client_id,
        sub: subject,
        typ: "Bearer",
        azp: &client.client_id,
        access,
    };
    let mut header = protocol::token::header(key);
    header.kid = key_id(key);
    if client.attribute("docker-v2.x5c") != Some("false") {
        header.x5c = key
            .certificate
            .as_ref()
            .map(|certificate| vec![STANDARD.encode(certificate)]);
    }
    Ok(Token {
        token: protocol::token::sign(key, &header, &claims)?,
        expires_in,
        issued_at,
    })
}

/// libtrust's key id: the first 240 bits of the SHA-256 of the public key's DER, in base32, in groups of four.
pub(crate) fn key_id(key: &Key) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let hash = digest::digest(
        &digest::SHA256,
        key.public_key.as_deref().unwrap_or_default(),
    );
    let mut id = String::with_capacity(59);
    // Five bytes are eight letters, which are two groups.
    for (at, five) in hash.as_ref()[..30].chunks_exact(5).enumerate() {
        let bits = five
            .iter()
            .fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        for letter in 0..8 {
            if letter % 4 == 0 && (at, letter) != (0, 0) {
                id.push(':');
            }
            id.push(char::from(
                ALPHABET[(bits >> (35 - 5 * letter) & 31) as usize],
            ));
        }
    }
    id
}
