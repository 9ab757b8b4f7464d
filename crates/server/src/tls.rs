//! TLS: rustls over the one crypto library; a renewed certificate file is taken up without a restart.

use std::fs;
use std::io::Cursor;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// The files of a certificate, and what they held when they were last readable.
#[derive(Debug)]
pub(crate) struct Certificate {
    files: (PathBuf, PathBuf),
    current: ArcSwap<CertifiedKey>,
}

impl Certificate {
    pub(crate) fn load(certificate: PathBuf, key: PathBuf) -> anyhow::Result<Arc<Self>> {
        let files = (certificate, key);
        let (_, current) = read(&files)?;
        Ok(Arc::new(Self {
            files,
            current: ArcSwap::from_pointee(current),
        }))
    }

    pub(crate) fn config(self: &Arc<Self>) -> anyhow::Result<ServerConfig> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        Ok(ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>))
    }

    /// Looks at the files every second; a pair that does not fit yet (half of a renewal) is left until it does.
    pub(crate) async fn watch(self: Arc<Self>) {
        let mut seen = read(&self.files)
            .map(|(bytes, _)| bytes)
            .unwrap_or_default();
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let files = self.files.clone();
            let Ok(result) = tokio::task::spawn_blocking(move || read(&files)).await else {
                continue;
            };
            match result {
                Ok((bytes, certificate)) if bytes != seen => {
                    seen = bytes;
                    self.current.store(Arc::new(certificate));
                    tracing::info!(file = %self.files.0.display(), "a renewed TLS certificate is in use");
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "the TLS certificate files are not readable; the last ones stay in use")
                }
            }
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

fn read((certificate, key): &(PathBuf, PathBuf)) -> anyhow::Result<(Vec<u8>, CertifiedKey)> {
    let chain_text = fs::read(certificate)
        .with_context(|| format!("cannot read the TLS certificate {}", certificate.display()))?;
    let key_text =
        fs::read(key).with_context(|| format!("cannot read the TLS key {}", key.display()))?;
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_reader_iter(Cursor::new(&chain_text))
            .collect::<Result<_, _>>()
            .context("the TLS certificate is no PEM")?;
    if chain.is_empty() {
        bail!("{} holds no certificate", certificate.display());
    }
    let private = PrivateKeyDer::from_pem_slice(&key_text)
        .with_context(|| format!("{} holds no private key", key.display()))?;
    let signing = aws_lc_rs::sign::any_supported_type(&private)
        .context("the TLS key is of an unknown kind")?;
    let certified = CertifiedKey::new(chain, signing);
    certified
        .keys_match()
        .context("the TLS certificate and key do not belong together")?;
    Ok(([chain_text, key_text].concat(), certified))
}
