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
/// The attribute that says how many seconds a regenerated secret leaves the one before good.
pub const ROTATED_SECONDS: &str = "client.secret.rotated.seconds";
/// Of [`ROTATED_SECONDS`] at most: a year.
pub const MAX_ROTATED_SECONDS: i64 = 365 * 24 * 60 * 60;
/// Keycloak's attribute with the secret before, in files of whole realms alone.
pub const ROTATED: &str = "client.secret.rotated";
/// The attribute with the second at which the secret before was made.
const ROTATED_CREATION: &str = "client.secret.rotated.creation.time";
/// The attribute with the second at which the secret before ends.
const ROTATED_EXPIRATION: &str = "client.secret.rotated.expiration.time";

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

/// Whether `given` is the client's secret, or the one before while that is good; a client without one has no right
/// answer.
///
/// # Errors
/// [`Error::Sealed`] when a stored secret does not open on this node.
pub fn verify(sealer: &Sealer, client: &Client, given: &str) -> Result<bool> {
    let Some(secret) = &client.secret else {
        return Ok(false);
    };
    let mut right = equal(sealer, client, secret, given)?;
    if let Some(before) = rotated(client) {
        right |= equal(sealer, client, before, given)?;
    }
    Ok(right)
}

/// Whether `given` is the present secret, and not the one before.
pub(crate) fn is_current(sealer: &Sealer, client: &Client, given: &str) -> Result<bool> {
    let secret = client.secret.as_ref();
    secret.map_or(Ok(false), |secret| equal(sealer, client, secret, given))
}

fn equal(sealer: &Sealer, client: &Client, secret: &Secret, given: &str) -> Result<bool> {
    let expected = match secret.digest.get() {
        Some(expected) => expected,
        None => {
            let plain = sealer.open(client.realm_id, client.id, &secret.sealed)?;
            secret.digest.get_or_init(|| sha256(&plain))
        }
    };
    Ok(sha256(given.as_bytes()).ct_eq(expected).into())
}

/// The secret before, while it is good.
#[must_use]
pub fn rotated(client: &Client) -> Option<&Secret> {
    let secret = client.rotated_secret.as_ref();
    secret.filter(|_| is_ahead(client.attribute(ROTATED_EXPIRATION)))
}

fn is_ahead(seconds: Option<&str>) -> bool {
    let at: Option<i64> = seconds.and_then(|text| text.parse().ok());
    at.is_some_and(|at| clock::now() < at)
}

/// The secret in clear, for an administrator who may manage clients.
///
/// # Errors
/// [`Error::Sealed`] when the stored secret does not open on this node.
pub fn reveal(sealer: &Sealer, client: &Client) -> Result<Option<Zeroizing<String>>> {
    open(sealer, client, client.secret.as_ref())
}

/// The secret before in clear, while it is good; for whom [`reveal`] is.
///
/// # Errors
/// [`Error::Sealed`] when the stored secret does not open on this node.
pub fn reveal_rotated(sealer: &Sealer, client: &Client) -> Result<Option<Zeroizing<String>>> {
    open(sealer, client, rotated(client))
}

fn open(
    sealer: &Sealer,
    client: &Client,
    secret: Option<&Secret>,
) -> Result<Option<Zeroizing<String>>> {
    let Some(secret) = secret else {
        return Ok(None);
    };
    let plain = sealer.open(client.realm_id, client.id, &secret.sealed)?;
    let text = std::str::from_utf8(&plain)
        .map_err(|_| Error::Sealed("a stored secret is not a text".to_owned()))?;
    Ok(Some(Zeroizing::new(text.to_owned())))
}

/// Gives the client a new secret and returns it; none when there is no such client. The one before stays good for the
/// seconds in [`ROTATED_SECONDS`].
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
        "with old as (select id, secret, coalesce(settings -> 'attributes', '{}') as attributes, \
         coalesce(substring(settings -> 'attributes' ->> $6 from '^[0-9]{1,9}$'), '0')::bigint as seconds \
         from client where realm_id = $1 and id = $2 for update) \
         update client c set secret = $3, rotated_secret = case when seconds > 0 then old.secret end, \
         settings = settings || jsonb_build_object('attributes', attributes - $7::text - $8::text \
         || jsonb_build_object($4::text, $5::text) || case when seconds > 0 and old.secret is not null \
         then jsonb_build_object($7::text, coalesce(attributes ->> $4, $5), $8::text, ($5::bigint + seconds)::text) \
         else '{}' end) from old where c.realm_id = $1 and c.id = old.id",
    )
    .bind(realm)
    .bind(client)
    .bind(sealer.seal(realm, client, plain.as_bytes())?)
    .bind(SECRET_CREATION_TIME)
    .bind(clock::now().to_string())
    .bind(ROTATED_SECONDS)
    .bind(ROTATED_CREATION)
    .bind(ROTATED_EXPIRATION)
    .execute(db)
    .await?;
    Ok((done.rows_affected() > 0).then_some(plain))
}

/// Ends the secret before; whether there is such a client.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn end_rotated(db: impl PgExecutor<'_>, realm: Uuid, client: Uuid) -> Result<bool> {
    let done = sqlx::query(
        "update client set rotated_secret = null, settings = settings || jsonb_build_object('attributes', \
         coalesce(settings -> 'attributes', '{}') - $3::text - $4::text) where realm_id = $1 and id = $2",
    )
    .bind(realm)
    .bind(client)
    .bind(ROTATED_CREATION)
    .bind(ROTATED_EXPIRATION)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// The same of a client that is not stored yet.
pub(crate) fn end_rotated_of(client: &mut Client) {
    client.rotated_secret = None;
    if let Some(attributes) = &mut client.settings.attributes {
        attributes.retain(|name, _| name != ROTATED_CREATION && name != ROTATED_EXPIRATION);
    }
}

/// The secret that a representation brings: neither absent, nor empty, nor the mask.
#[must_use]
pub fn given(rep: &ClientRepresentation) -> Option<&str> {
    rep.secret
        .as_deref()
        .filter(|secret| !secret.is_empty() && *secret != MASK)
}

/// The secret before that a representation brings, if it is good; see [`given`].
pub(crate) fn given_rotated(rep: &ClientRepresentation) -> Option<&str> {
    let get = |name| rep.attributes.as_ref()?.get(name).map(String::as_str);
    let secret = get(ROTATED).filter(|secret| !secret.is_empty() && *secret != MASK);
    secret.filter(|_| is_ahead(get(ROTATED_EXPIRATION)))
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
