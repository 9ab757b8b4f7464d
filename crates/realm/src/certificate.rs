//! Certificates and public keys of clients, which sign for themselves: no realm vouches for them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{CertificateParams, DnType, KeyPair};
use rsa::{pkcs1::EncodeRsaPrivateKey as _, pkcs8::DecodePrivateKey as _};
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use crate::provider::import;
use crate::{Error, KeyPool, Result};

/// As Keycloak's have.
const YEARS: i64 = 3;

/// A new key pair, with the certificate that it signed for itself. Both are base64 of DER, as the admin API shows them.
pub struct SelfSigned {
    /// PKCS#1.
    pub private_key: Zeroizing<String>,
    /// X.509.
    pub certificate: String,
}

/// Makes an RSA key pair of 2048 bits for somebody of this name.
///
/// # Errors
/// [`Error::Invalid`] when it cannot be made.
pub async fn self_signed(keys: &KeyPool, name: &str) -> Result<SelfSigned> {
    let failed =
        |error: &dyn std::fmt::Display| Error::Invalid(format!("making a certificate: {error}"));
    let key = keys.take().await?;
    let now = OffsetDateTime::from_unix_timestamp(store::clock::now()).map_err(|e| failed(&e))?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = now - Duration::seconds(100);
    params.not_after = now + Duration::days(365 * YEARS);
    let pair = KeyPair::try_from(key.pkcs8.as_slice()).map_err(|e| failed(&e))?;
    let certificate = params.self_signed(&pair).map_err(|e| failed(&e))?;
    let private = rsa::PrivateKey::from_pkcs8_der(&key.pkcs8).map_err(|e| failed(&e))?;
    let private = private.to_pkcs1_der().map_err(|e| failed(&e))?;
    Ok(SelfSigned {
        private_key: Zeroizing::new(STANDARD.encode(private.as_bytes())),
        certificate: STANDARD.encode(certificate.der()),
    })
}

/// A certificate as people bring it, PEM or bare base64, as base64 of its DER.
///
/// # Errors
/// [`Error::Invalid`] in Keycloak's words.
pub fn read(text: &str) -> Result<String> {
    import::read_certificate(text).map(|der| STANDARD.encode(der))
}

/// Whether this is a public key, PEM or bare base64, of a kind that signs tokens.
#[must_use]
pub fn is_public_key(text: &str) -> bool {
    import::decode_pem(text).is_some_and(|der| crate::key::spki_parts(&der).is_some())
}
