//! A certificate authority of this run, and one certificate for `localhost`.

use std::{path::PathBuf, sync::LazyLock};

use base64::{Engine, prelude::BASE64_STANDARD};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use crate::process::Folder;

/// The authority's certificate, and certificate and key of `localhost` as files.
pub struct Pki {
    pub ca_pem: String,
    pub ca: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
    _folder: Folder,
}

/// Made once a run.
pub fn pki() -> &'static Pki {
    static PKI: LazyLock<Pki> = LazyLock::new(|| {
        let ca_key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Tests");
        let ca = params.self_signed(&ca_key).unwrap();
        let ca_pem = pem("CERTIFICATE", ca.der());
        let issuer = Issuer::new(params, ca_key);
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let leaf = leaf.signed_by(&key, &issuer).unwrap();
        let folder = Folder::new();
        Pki {
            ca: folder.write("ca.pem", &ca_pem),
            certificate: folder.write("tls.pem", pem("CERTIFICATE", leaf.der())),
            key: folder.write("tls.key", pem("PRIVATE KEY", &key.serialize_der())),
            ca_pem,
            _folder: folder,
        }
    });
    &PKI
}

/// DER as PEM.
pub fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<_> = text
        .as_bytes()
        .chunks(64)
        .map(String::from_utf8_lossy)
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}
