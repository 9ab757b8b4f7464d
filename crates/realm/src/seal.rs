//! Encryption at rest: a data key seals, a master key from the settings wraps the data key.
//!
//! Envelope: version (1 byte, 1), data key id (4 bytes, big endian), nonce (12 bytes), AES-256-GCM ciphertext with tag.
//! Associated data is the realm's id and the row's id, so that a secret copied to another row does not open.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{digest, rand};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sqlx::Row as _;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{Error, Result};

const VERSION: u8 = 1;
const HEAD: usize = 1 + 4 + NONCE_LEN;

/// A key from the settings that wraps data keys.
pub struct MasterKey {
    id: String,
    key: LessSafeKey,
}

impl MasterKey {
    /// Reads 32 bytes in base64.
    ///
    /// # Errors
    /// [`Error::Invalid`] that says how to make one; never repeats what was given.
    pub fn parse(text: &str) -> Result<Self> {
        let bytes = Zeroizing::new(STANDARD.decode(text.trim()).unwrap_or_default());
        if bytes.len() != 32 {
            return Err(Error::Invalid(
                "a seal key is 32 random bytes in base64; make one with: openssl rand -base64 32"
                    .to_owned(),
            ));
        }
        let id = digest::digest(&digest::SHA256, &bytes).as_ref()[..8]
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        Ok(Self {
            id,
            key: aead(&bytes)?,
        })
    }

    /// A new one, in base64.
    ///
    /// # Errors
    /// [`Error::Sealed`] when the system gives no random bytes.
    pub fn generate() -> Result<Zeroizing<String>> {
        Ok(Zeroizing::new(STANDARD.encode(random::<32>()?.as_ref())))
    }
}

/// Seals and opens secrets. Cheap to clone.
#[derive(Clone)]
pub struct Sealer {
    keys: Arc<RwLock<Keys>>,
    masters: Arc<Vec<MasterKey>>,
}

#[derive(Default)]
struct Keys {
    newest: Option<u32>,
    by_id: BTreeMap<u32, LessSafeKey>,
}

impl Sealer {
    /// Not opened yet; `masters` in order: the first wraps new data keys, all unwrap.
    #[must_use]
    pub fn new(masters: Vec<MasterKey>) -> Self {
        Self {
            keys: Arc::default(),
            masters: Arc::new(masters),
        }
    }

    /// Reads the data keys of the database; makes the first one in an empty database.
    ///
    /// # Errors
    /// [`Error::Sealed`] when a data key was wrapped by a master key that this node does not have: nothing is changed.
    pub async fn open_database(&self, db: &mut store::Connection) -> Result<()> {
        let mut keys = self.read(db).await?;
        if keys.newest.is_none() {
            let master = self
                .masters
                .first()
                .ok_or_else(|| Error::Sealed("no seal key is set".to_owned()))?;
            let wrapped = encrypt(&master.key, b"data key 1", random::<32>()?.as_ref())?;
            sqlx::query("insert into data_key (id, master_id, wrapped) values (1, $1, $2) on conflict do nothing")
                .bind(&master.id)
                .bind(wrapped)
                .execute(&mut *db)
                .await?;
            keys = self.read(db).await?;
        }
        *self
            .keys
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = keys;
        Ok(())
    }

    /// Whether the data keys of the database open here; changes nothing.
    ///
    /// # Errors
    /// [`Error::Sealed`] when they do not.
    pub async fn check_database(&self, db: &mut store::Connection) -> Result<()> {
        self.read(db).await.map(|_| ())
    }

    async fn read(&self, db: &mut store::Connection) -> Result<Keys> {
        let rows = sqlx::query("select id, master_id, wrapped from data_key order by id")
            .fetch_all(db)
            .await?;
        let mut keys = Keys::default();
        for row in rows {
            let (id, master_id): (i32, String) = (row.try_get(0)?, row.try_get(1)?);
            let master = self
                .masters
                .iter()
                .find(|m| m.id == master_id)
                .ok_or_else(|| {
                    Error::Sealed(format!(
                        "the database was sealed with another seal key (its id is {master_id}); \
                     give that key as seal.key. Nothing was changed"
                    ))
                })?;
            let plain = decrypt(
                &master.key,
                format!("data key {id}").as_bytes(),
                row.try_get(2)?,
            )?;
            let id = u32::try_from(id).map_err(|_| Error::Sealed("data key id".to_owned()))?;
            keys.by_id.insert(id, aead(&plain)?);
            keys.newest = Some(id);
        }
        Ok(keys)
    }

    /// Seals a secret of a row.
    ///
    /// # Errors
    /// [`Error::Sealed`] before [`Sealer::open_database`].
    pub fn seal(&self, realm: Uuid, row: Uuid, plain: &[u8]) -> Result<Vec<u8>> {
        let keys = self
            .keys
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let (id, key) = keys
            .newest
            .and_then(|id| keys.by_id.get(&id).map(|key| (id, key)))
            .ok_or_else(|| Error::Sealed("the node is still sealed".to_owned()))?;
        let mut sealed = vec![VERSION];
        sealed.extend(id.to_be_bytes());
        sealed.extend(encrypt(key, &associated(realm, row), plain)?);
        Ok(sealed)
    }

    /// Opens what [`Sealer::seal`] made for the same row.
    ///
    /// # Errors
    /// [`Error::Sealed`] when it was made for another row, by an unknown key, or changed since.
    pub fn open(&self, realm: Uuid, row: Uuid, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let broken = || Error::Sealed("a stored secret cannot be opened".to_owned());
        if sealed.len() < HEAD || sealed[0] != VERSION {
            return Err(broken());
        }
        let id = u32::from_be_bytes([sealed[1], sealed[2], sealed[3], sealed[4]]);
        let keys = self
            .keys
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let key = keys.by_id.get(&id).ok_or_else(broken)?;
        decrypt(key, &associated(realm, row), &sealed[5..])
    }
}

/// Random bytes from the crypto library.
///
/// # Errors
/// [`Error::Sealed`] when the system gives none.
pub fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    rand::fill(bytes.as_mut()).map_err(|_| Error::Sealed("no random bytes".to_owned()))?;
    Ok(bytes)
}

fn associated(realm: Uuid, row: Uuid) -> [u8; 32] {
    let mut data = [0; 32];
    data[..16].copy_from_slice(realm.as_bytes());
    data[16..].copy_from_slice(row.as_bytes());
    data
}

fn aead(key: &[u8]) -> Result<LessSafeKey> {
    let key =
        UnboundKey::new(&AES_256_GCM, key).map_err(|_| Error::Sealed("key length".to_owned()))?;
    Ok(LessSafeKey::new(key))
}

fn encrypt(key: &LessSafeKey, associated: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
    let nonce: Zeroizing<[u8; NONCE_LEN]> = random()?;
    let mut text = plain.to_vec();
    key.seal_in_place_append_tag(
        Nonce::assume_unique_for_key(*nonce),
        Aad::from(associated),
        &mut text,
    )
    .map_err(|_| Error::Sealed("sealing failed".to_owned()))?;
    let mut sealed = nonce.to_vec();
    sealed.extend(text);
    Ok(sealed)
}

fn decrypt(key: &LessSafeKey, associated: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let broken = || Error::Sealed("a stored secret cannot be opened".to_owned());
    let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or_else(broken)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| broken())?;
    let mut text = Zeroizing::new(text.to_vec());
    let length = key
        .open_in_place(nonce, Aad::from(associated), &mut text)
        .map_err(|_| broken())?
        .len();
    text.truncate(length);
    Ok(text)
}

#[cfg(test)]
impl Sealer {
    /// One with a data key of its own, for tests without a database.
    pub(crate) fn for_tests() -> Self {
        let sealer = Self::new(vec![]);
        let mut keys = sealer.keys.write().unwrap();
        keys.by_id.insert(1, aead(&[7; 32]).unwrap());
        keys.newest = Some(1);
        drop(keys);
        sealer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_only_at_its_own_row() {
        let sealer = Sealer::for_tests();
        let (realm, row) = (Uuid::new_v4(), Uuid::new_v4());
        let sealed = sealer.seal(realm, row, b"secret").unwrap();
        assert_eq!(&**sealer.open(realm, row, &sealed).unwrap(), b"secret");
        assert!(sealer.open(realm, Uuid::new_v4(), &sealed).is_err());
        assert!(sealer.open(Uuid::new_v4(), row, &sealed).is_err());
    }

    #[test]
    fn a_changed_envelope_does_not_open() {
        let sealer = Sealer::for_tests();
        let id = Uuid::new_v4();
        let sealed = sealer.seal(id, id, b"secret").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(sealer.open(id, id, &changed).is_err(), "byte {at}");
        }
        assert!(sealer.open(id, id, &sealed[..10]).is_err());
    }

    #[test]
    fn a_master_key_of_the_wrong_length_is_refused_with_advice() {
        let error = MasterKey::parse("c2hvcnQ=").err().unwrap().to_string();
        assert!(error.contains("openssl rand"), "{error}");
    }
}
