//! The token that a registry takes.

use std::sync::Arc;

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use client::{Client, ClientRepresentation};
use protocol::{HttpError, RealmContext};
use realm::component;
use realm::key::Key;
use serde::Serialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use crate::scope::Access;

/// The client attribute that names the algorithm.
const ALGORITHM: &str = "docker-v2.signature.alg";
/// Those that both versions of the registry take; the first is the default.
pub(crate) const ALGORITHMS: [&str; 2] = ["RS256", "ES256"];

#[derive(Serialize)]
struct Claims<'a> {
    exp: i64,
    nbf: i64,
    iat: i64,
    jti: &'a str,
    iss: String,
    aud: &'a str,
    sub: &'a str,
    typ: &'static str,
    azp: &'a str,
    access: &'a [Access],
}

/// A signed token and its times in seconds.
pub(crate) struct Token {
    /// Its `jti`.
    pub id: String,
    pub token: String,
    pub expires_in: i64,
    issued_at: i64,
}

impl Token {
    /// As RFC 3339 writes it, in UTC.
    pub(crate) fn issued_at(&self) -> Option<String> {
        let at = OffsetDateTime::from_unix_timestamp(self.issued_at).ok()?;
        at.format(&Rfc3339).ok()
    }
}

/// Signs a token for `subject` with the realm's active key.
///
/// The header has the libtrust `kid` that registry 2 looks up and the `x5c` that lets both registries build a chain to
/// the realm's CA (decision D19).
pub(crate) async fn issue(
    ctx: &RealmContext,
    client: &Client,
    subject: &str,
    access: &[Access],
) -> Result<Token, HttpError> {
    let chained = client.attribute("docker-v2.x5c") != Some("false");
    let key = signer(ctx, client, chained).await?;
    let issued_at = store::clock::now();
    let expires_in = client
        .access_token_lifespan()
        .unwrap_or(ctx.realm.settings.access_token_lifespan);
    let id = Uuid::new_v4().to_string();
    let claims = Claims {
        exp: issued_at + expires_in,
        nbf: issued_at,
        iat: issued_at,
        jti: &id,
        iss: ctx.issuer(),
        aud: &client.client_id,
        sub: subject,
        typ: "Bearer",
        azp: &client.client_id,
        access,
    };
    let mut header = protocol::token::header(&key);
    header.kid = key_id(&key);
    if chained {
        header.x5c = key
            .certificate
            .as_ref()
            .map(|certificate| vec![STANDARD.encode(certificate)]);
    }
    Ok(Token {
        token: protocol::token::sign(&key, &header, &claims)?,
        id,
        expires_in,
        issued_at,
    })
}

/// The key for tokens of a client. With `chained`, one that has no certificate gets it now.
async fn signer(ctx: &RealmContext, client: &Client, chained: bool) -> Result<Arc<Key>, HttpError> {
    if client.attribute(ALGORITHM) != Some("ES256") {
        return ctx.realm.active_key("RS256").cloned().ok_or_else(|| {
            let text = "The realm has no active RS256 key; add an rsa-generated key provider";
            HttpError::oauth(500, "server_error", text)
        });
    }
    let key = protocol::token::signing_key(ctx, "ES256").await?;
    if !chained || key.certificate.is_some() {
        return Ok(key);
    }
    // An EC key has none unless its provider says so, as in Keycloak.
    let (state, realm) = (ctx.state(), &ctx.realm);
    component::certify(&state.pool, &state.sealer, realm, &key).await?;
    state.realms.forget(realm.id);
    let realm = state.realms.get(&realm.name).await?;
    Ok(realm
        .and_then(|realm| realm.key(&key.kid).cloned())
        .unwrap_or(key))
}

/// What is wrong with a client's attributes.
pub(crate) fn check(client: &ClientRepresentation) -> Vec<String> {
    let named = client
        .attributes
        .as_ref()
        .and_then(|all| all.get(ALGORITHM));
    let known = named.is_none_or(|name| name.is_empty() || ALGORITHMS.contains(&name.as_str()));
    let text = || format!("{ALGORITHM} is {}", ALGORITHMS.join(" or "));
    (!known).then(text).into_iter().collect()
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
