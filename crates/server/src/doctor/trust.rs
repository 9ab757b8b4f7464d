//! Whether a registry takes the key of a token: what distribution 2.8 and 3 do with `rootcertbundle` and `jwks`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, UnixTime};
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use super::token::Token;

/// The certificates of `rootcertbundle`.
pub(super) struct Bundle {
    file: PathBuf,
    certificates: Vec<CertificateDer<'static>>,
}

impl Bundle {
    /// # Errors
    /// What is wrong with the file.
    pub fn read(file: &Path) -> Result<Self, String> {
        let pem = std::fs::read(file).map_err(|error| error.to_string())?;
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<_, _>>()
            .map_err(|error| format!("it is no PEM: {error}"))?;
        if certificates.is_empty() {
            return Err("it holds no certificate".to_owned());
        }
        Ok(Self {
            file: file.to_owned(),
            certificates,
        })
    }

    /// Each certificate with its name and its time.
    pub fn describe(&self) -> String {
        let all: Vec<_> = self.certificates.iter().map(describe).collect();
        all.join("; ")
    }
}

/// The key ids of `jwks`.
pub(super) struct Keys {
    file: PathBuf,
    ids: Vec<String>,
}

impl Keys {
    /// # Errors
    /// What is wrong with the file.
    pub fn read(file: &Path) -> Result<Self, String> {
        let text = std::fs::read(file).map_err(|error| error.to_string())?;
        let set: Value =
            serde_json::from_slice(&text).map_err(|error| format!("it is no JSON: {error}"))?;
        let keys = set["keys"].as_array().ok_or("it is no key set")?;
        let ids = keys.iter().filter_map(|key| key["kid"].as_str());
        Ok(Self {
            file: file.to_owned(),
            ids: ids.map(str::to_owned).collect(),
        })
    }
}

/// Why the token's key is found, or the fault and what to do. `taken`: whether the registry took the token at `now`.
pub(super) fn judge(
    token: &Token,
    bundle: Option<&Bundle>,
    keys: Option<&Keys>,
    now: i64,
    taken: bool,
) -> Result<String, String> {
    let Some(leaf) = token.chain.first() else {
        return by_id(token, bundle, keys, taken);
    };
    let Some(bundle) = bundle else {
        return Err(match keys {
            // distribution 3 looks at the certificate first, and has no authority for it.
            Some(_) => "kid mismatch: tokens carry a certificate, and a registry with jwks alone refuses those. Set the \
                        client's attribute docker-v2.x5c to false, or better give the registry the rootcertbundle"
                .to_owned(),
            None => "no trust: auth.token has neither rootcertbundle nor jwks. Put the client's docker-v2-ca-bundle where \
                     rootcertbundle says, and restart the registry"
                .to_owned(),
        });
    };
    if signs(leaf, token) == Some(false) {
        return Err(
            "forged token: its certificate is not that of the key which signed it".to_owned(),
        );
    }
    match chain(&token.chain, bundle, now) {
        Ok(()) => Ok(format!(
            "{} trusts the token's {}",
            bundle.file.display(),
            describe(leaf)
        )),
        Err(reason) => Err(format!(
            "stale bundle: {} does not vouch for the token's key ({reason}). It holds {}; the token brings {}. Replace it by the \
             client's docker-v2-ca-bundle, and restart the registry",
            bundle.file.display(),
            bundle.describe(),
            describe(leaf),
        )),
    }
}

/// A token without a certificate names its key.
fn by_id(
    token: &Token,
    bundle: Option<&Bundle>,
    keys: Option<&Keys>,
    taken: bool,
) -> Result<String, String> {
    let kid = &token.kid;
    if let Some(keys) = keys.filter(|keys| keys.ids.contains(kid)) {
        return Ok(format!("{} has the key {kid}", keys.file.display()));
    }
    let of_bundle = bundle.into_iter().flat_map(|bundle| &bundle.certificates);
    if of_bundle
        .into_iter()
        .any(|one| signs(one, token) == Some(true))
    {
        // Its libtrust id is what registry 2.8 computes.
        return if taken {
            Ok(format!(
                "rootcertbundle has the key {kid}, in the way of registry 2.8"
            ))
        } else {
            Err(format!(
                "kid mismatch: tokens name their key {kid} and carry no certificate, which registry 2.8 takes and distribution 3 \
                 does not. Set the client's attribute docker-v2.x5c to true"
            ))
        };
    }
    let mut known = Vec::new();
    if let Some(keys) = keys {
        known.push(format!(
            "{} has {}",
            keys.file.display(),
            keys.ids.join(", ")
        ));
    }
    if let Some(bundle) = bundle {
        known.push(format!(
            "{} holds {}",
            bundle.file.display(),
            bundle.describe()
        ));
    }
    let cure = if keys.is_some() {
        "Replace jwks by the client's docker-v2-jwks, and restart the registry"
    } else {
        "Set the client's attribute docker-v2.x5c to true, so that tokens carry their certificate"
    };
    Err(format!(
        "kid mismatch: tokens are signed by the key {kid}, and the registry does not know it: {}. {cure}",
        known.join("; ")
    ))
}

/// Go's rule: the certificate stands in the bundle, or one of the bundle issued it.
fn chain(chain: &[CertificateDer<'static>], bundle: &Bundle, now: i64) -> Result<(), String> {
    let leaf = &chain[0];
    if bundle.certificates.contains(leaf) {
        return match Certificate::from_der(leaf) {
            Ok(read) if lasts(&read, now) => Ok(()),
            _ => Err("it has expired".to_owned()),
        };
    }
    let anchors: Vec<_> = bundle
        .certificates
        .iter()
        .filter_map(|one| anchor_from_trusted_cert(one).ok())
        .collect();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now.unsigned_abs()));
    let leaf = EndEntityCert::try_from(leaf).map_err(|error| error.to_string())?;
    let mut reason = String::new();
    // What a certificate is for does not matter to a registry.
    for usage in [KeyUsage::client_auth(), KeyUsage::server_auth()] {
        let algorithms = ALL_VERIFICATION_ALGS;
        match leaf.verify_for_usage(algorithms, &anchors, &chain[1..], now, usage, None, None) {
            Ok(_) => return Ok(()),
            Err(webpki::Error::UnknownIssuer) => {
                "nothing in it issued the key's certificate".clone_into(&mut reason)
            }
            Err(error) => reason = error.to_string(),
        }
    }
    Err(reason)
}

/// None where the kind of signature is none that is known here.
fn signs(certificate: &CertificateDer<'_>, token: &Token) -> Option<bool> {
    let algorithm: &dyn VerificationAlgorithm = match token.alg.as_str() {
        "RS256" => &RSA_PKCS1_2048_8192_SHA256,
        "ES256" => &ECDSA_P256_SHA256_FIXED,
        _ => return None,
    };
    let certificate = Certificate::from_der(certificate).ok()?;
    let key = certificate.tbs_certificate().subject_public_key_info();
    let key = UnparsedPublicKey::new(algorithm, key.subject_public_key.raw_bytes());
    Some(
        key.verify(token.signed.as_bytes(), &token.signature)
            .is_ok(),
    )
}

fn lasts(certificate: &Certificate, now: i64) -> bool {
    let validity = certificate.tbs_certificate().validity();
    let [from, to] = [validity.not_before, validity.not_after]
        .map(|time| time.to_unix_duration().as_secs().cast_signed());
    (from..=to).contains(&now)
}

fn describe(certificate: &CertificateDer<'_>) -> String {
    let Ok(certificate) = Certificate::from_der(certificate) else {
        return "an unreadable certificate".to_owned();
    };
    let certificate = certificate.tbs_certificate();
    let validity = certificate.validity();
    let [from, to] = [validity.not_before, validity.not_after].map(|time| {
        let seconds = time.to_unix_duration().as_secs().cast_signed();
        let at = OffsetDateTime::from_unix_timestamp(seconds).ok();
        let text = at.and_then(|at| at.format(&Rfc3339).ok());
        text.unwrap_or_default()
    });
    format!(
        "certificate «{}» by «{}», {from} to {to}",
        certificate.subject(),
        certificate.issuer()
    )
}
