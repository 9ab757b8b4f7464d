//! A small stock of ready-made RSA keys, so that making a realm does not wait for primes.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use rsa::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _};
use zeroize::Zeroizing;

use crate::{Error, Result};

/// A new RSA key: PKCS#8 and SubjectPublicKeyInfo, both DER.
pub(crate) struct RsaKey {
    pub pkcs8: Zeroizing<Vec<u8>>,
    pub spki: Vec<u8>,
}

/// Keys of 2048 bits, made ahead by a thread of the lowest priority. Cheap to clone.
#[derive(Clone)]
pub struct KeyPool {
    stock: Arc<Stock>,
}

struct Stock {
    keys: Mutex<VecDeque<RsaKey>>,
    taken: Condvar,
    size: usize,
}

impl KeyPool {
    /// Starts filling; `size` keys at most are kept, in memory only. With 0 every key is made when it is asked for.
    #[must_use]
    pub fn start(size: usize) -> Self {
        let stock = Arc::new(Stock {
            keys: Mutex::default(),
            taken: Condvar::new(),
            size,
        });
        let weak = Arc::downgrade(&stock);
        if size > 0 {
            let spawned = thread::Builder::new()
                .name("key-pool".to_owned())
                .spawn(move || {
                    // On Linux a nice value belongs to the thread that sets it.
                    let _ = rustix::process::nice(19);
                    while let Some(stock) = weak.upgrade() {
                        if !stock.wait_for_room() {
                            continue;
                        }
                        match generate(2048) {
                            Ok(key) => stock
                                .keys
                                .lock()
                                .unwrap_or_else(PoisonError::into_inner)
                                .push_back(key),
                            Err(error) => tracing::error!(%error, "making a key ahead"),
                        }
                    }
                });
            if let Err(error) = spawned {
                tracing::warn!(%error, "keys are made when they are asked for");
            }
        }
        Self { stock }
    }

    /// A key of 2048 bits: a ready one, or one made now on a thread for blocking work.
    pub(crate) async fn take(&self) -> Result<RsaKey> {
        let ready = self
            .stock
            .keys
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front();
        self.stock.taken.notify_one();
        match ready {
            Some(key) => Ok(key),
            None => generate_aside(2048).await,
        }
    }
}

impl Stock {
    /// Whether there is room; waits a second for it at most, so that the thread sees when the pool is gone.
    fn wait_for_room(&self) -> bool {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let (keys, _) = self
            .taken
            .wait_timeout_while(keys, std::time::Duration::from_secs(1), |keys| {
                keys.len() >= self.size
            })
            .unwrap_or_else(PoisonError::into_inner);
        keys.len() < self.size
    }
}

/// Makes a key on a thread for blocking work.
pub(crate) async fn generate_aside(bits: usize) -> Result<RsaKey> {
    tokio::task::spawn_blocking(move || generate(bits))
        .await
        .map_err(|_| Error::Invalid("making a key was interrupted".to_owned()))?
}

fn generate(bits: usize) -> Result<RsaKey> {
    let key = rsa::PrivateKey::new(&mut getrandom::SysRng, bits)
        .map_err(|e| Error::Invalid(format!("making an RSA key: {e}")))?;
    from_key(&key)
}

pub(crate) fn from_key(key: &rsa::PrivateKey) -> Result<RsaKey> {
    let failed = |e: &dyn std::fmt::Display| Error::Invalid(format!("encoding an RSA key: {e}"));
    let pkcs8 = key.to_pkcs8_der().map_err(|e| failed(&e))?;
    let spki = key
        .to_public_key()
        .to_public_key_der()
        .map_err(|e| failed(&e))?;
    Ok(RsaKey {
        pkcs8: Zeroizing::new(pkcs8.as_bytes().to_vec()),
        spki: spki.into_vec(),
    })
}
