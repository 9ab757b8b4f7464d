//! Client secrets: made, sealed, compared, shown.

use std::fmt;
use std::sync::OnceLock;

use aws_lc_rs::digest::{SHA256, digest};
use realm::Sealer;
use sqlx::PgExecutor;
use store::clock;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{Client, ClientRepresentation, Error, Result, defaults::SECRET_CREATION_TIME};

/// What stands for a secret that is not shown; written back, it keeps the secret.
pub const MASK: &str = "**********";
/// Characters of a given secret at most.
pub const MAX: usize = 255;
const LENGTH: usize = 86;

/// A secret as the database holds it, sealed, and from its first use on also its SHA-256 digest.
///
/// The digest is what the token endpoint compares with: digesting what a client sent is cheaper than opening the
/// envelope again (no lock, no key look-up, no memory to wipe), all comparisons have one length, and a client that
/// nobody uses costs nothing.
#[derive(Clone)]
pub struct Secret {
    sealed: Vec<u8>,
    digest: OnceLock<[u8; 32]>,
}

impl Secret {
    pub(crate) fn from_sealed(sealed: Vec<u8>) -> Self {
        Self {
            sealed,
            digest: OnceLock::new(),
        }
    }

    pub(crate) fn seal(sealer: &Sealer, realm: Uuid, client: Uuid, plain: &str) -> Result<Self> {
        Ok(Self::from_sealed(sealer.seal(
            realm,
            client,
            plain.as_bytes(),
        )?))
    }

    pub(crate) fn sealed(&self) -> &[u8] {
        &self.sealed
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("***")
    }
}

/// 86 random letters and digits, as Keycloak's: 512 bits.
///
/// # Errors
/// [`Error::Sealed`] when the system gives no random bytes.
pub fn generate() -> Result<Zeroizing<String>> {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut secret = Zeroizing::new(String::with_capacity(LENGTH));
    while secret.len() < LENGTH {
        // Six bits that fall outside the alphabet are thrown away: every character is equally likely.
        let bytes = realm::seal::random::<128>()?;
        let characters = bytes
            .iter()
            .filter_map(|byte| ALPHABET.get(usize::from(byte & 0x3f)));
        let wanted = LENGTH - secret.len();
        secret.extend(characters.take(wanted).map(|byte| char::from(*byte)));
    }
    Ok(secret)
}

/// Whether `given` is the client's secret; a client without one has no right answer.
///
/// # Errors
/// [`Error::Sealed`] when the stored secret does not open on this node.
pub fn verify(sealer: &Sealer, client: &Client, given: &str) -> Result<bool> {
    let Some(secret) = &client.secret else {
        return Ok(false);
    };
    let expected = match secret.digest.get() {
        Some(expected) => expected,
        None => {
            let plain = sealer.open(client.realm_id, client.id, &secret.sealed)?;
            secret.digest.get_or_init(|| sha256(&plain))
        }
    };
    Ok(sha256(given.as_bytes()).ct_eq(expected).into())
}

/// The secret in clear, for an administrator who may manage clients.
///
/// # Errors
/// [`Error::Sealed`] when the stored secret does not open on this node.
pub fn reveal(sealer: &Sealer, client: &Client) -> Result<Option<Zeroizing<String>>> {
    let Some(secret) = &client.secret else {
        return Ok(None);
    };
    let plain = sealer.open(client.realm_id, client.id, &secret.sealed)?;
    let text = std::str::from_utf8(&plain)
        .map_err(|_| Error::Sealed("a stored secret is not a text".to_owned()))?;
    Ok(Some(Zeroizing::new(text.to_owned())))
}

/// Gives the client a new secret and returns it; none when there is no such client.
///
/// # Errors
/// [`Error::Sealed`], [`Error::Unavailable`].
pub async fn regenerate(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    sealer: &Sealer,
    client: Uuid,
) -> Result<Option<Zeroizing<String>>> {
    let plain = generate()?;
    let done = sqlx::query(
        "update client set secret = $3, settings = settings || jsonb_build_object('attributes', \
         coalesce(settings -> 'attributes', '{}') || jsonb_build_object($4::text, $5::text)) \
         where realm_id = $1 and id = $2",
    )
    .bind(realm)
    .bind(client)
    .bind(sealer.seal(realm, client, plain.as_bytes())?)
    .bind(SECRET_CREATION_TIME)
    .bind(clock::now().to_string())
    .execute(db)
    .await?;
    Ok((done.rows_affected() > 0).then_some(plain))
}

/// The secret that a representation brings: neither absent, nor empty, nor the mask.
#[must_use]
pub fn given(rep: &ClientRepresentation) -> Option<&str> {
    rep.secret
        .as_deref()
        .filter(|secret| !secret.is_empty() && *secret != MASK)
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_secrets_are_86_alphanumerics_and_differ() {
        let (one, two) = (generate().unwrap(), generate().unwrap());
        assert_eq!(one.len(), 86);
        assert!(one.chars().all(|c| c.is_ascii_alphanumeric()), "{}", *one);
        assert_ne!(one, two);
    }

    #[test]
    fn a_secret_does_not_show_itself_in_debug_output() {
        assert_eq!(format!("{:?}", Secret::from_sealed(b"x".to_vec())), "***");
    }
}
