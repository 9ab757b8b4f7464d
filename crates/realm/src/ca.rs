//! Each realm's certificate authority: registries trust it once, and take every later key of the realm.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PublicKeyData, SerialNumber, SignatureAlgorithm,
};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{Error, Result, der::element, seal::random};

/// Ten years, as Keycloak's realm certificates have.
const LEAF_YEARS: i64 = 10;
const CA_YEARS: i64 = 30;

/// A realm's CA: P-256, since nothing but leaves is signed with it.
pub(crate) struct Ca {
    pub certificate: Vec<u8>,
    pub pkcs8: Zeroizing<Vec<u8>>,
}

/// The certificate of a signing key, DER, and when it ends, in milliseconds since 1970.
pub(crate) struct Leaf {
    pub certificate: Vec<u8>,
    pub valid_to: i64,
}

/// Makes the CA of a new realm. Its subject is the realm's row id, so that a rename leaves every chain whole.
pub(crate) fn create(realm: Uuid) -> Result<Ca> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed)?;
    let certificate = params(realm)?.self_signed(&key).map_err(failed)?;
    Ok(Ca {
        certificate: certificate.der().to_vec(),
        pkcs8: Zeroizing::new(key.serialize_der()),
    })
}

/// Issues the certificate of a signing key whose public half is `spki` (DER).
pub(crate) fn issue(realm: Uuid, realm_name: &str, ca_pkcs8: &[u8], spki: &[u8]) -> Result<Leaf> {
    let ca_key = KeyPair::try_from(ca_pkcs8).map_err(failed)?;
    let issuer = Issuer::new(params(realm)?, ca_key);
    let now = now()?;
    let mut leaf = CertificateParams::default();
    leaf.distinguished_name.push(DnType::CommonName, realm_name);
    leaf.serial_number = Some(serial()?);
    leaf.not_before = now - Duration::minutes(10);
    leaf.not_after = now + Duration::days(365 * LEAF_YEARS);
    leaf.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyEncipherment,
    ];
    leaf.use_authority_key_identifier_extension = true;
    let valid_to = leaf.not_after.unix_timestamp() * 1000;
    let certificate = leaf
        .signed_by(&Spki::parse(spki)?, &issuer)
        .map_err(failed)?;
    Ok(Leaf {
        certificate: certificate.der().to_vec(),
        valid_to,
    })
}

/// The name of a realm's CA.
pub(crate) fn subject(realm: Uuid) -> String {
    format!("realm {realm}")
}

/// Whether a certificate (DER) was issued by the CA of this key.
pub(crate) fn issued(certificate: &[u8], ca_pkcs8: &[u8]) -> bool {
    // Certificate ::= SEQUENCE { what is signed, the algorithm, the signature } (RFC 5280 §4.1).
    let verified = || {
        let (signed, rest) = element(element(certificate)?.0.body)?;
        let (_, rest) = element(rest)?;
        let signature = element(rest)?.0.body.strip_prefix(&[0])?;
        let public = KeyPair::try_from(ca_pkcs8).ok()?;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, public.public_key_raw())
            .verify(signed.whole, signature)
            .ok()
    };
    verified().is_some()
}

fn params(realm: Uuid) -> Result<CertificateParams> {
    let now = now()?;
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, subject(realm));
    params.serial_number = Some(serial()?);
    params.not_before = now - Duration::minutes(10);
    params.not_after = now + Duration::days(365 * CA_YEARS);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn serial() -> Result<SerialNumber> {
    let mut bytes = random::<16>()?;
    bytes[0] &= 0x7f;
    Ok(SerialNumber::from_slice(bytes.as_ref()))
}

fn now() -> Result<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(store::clock::now())
        .map_err(|e| Error::Invalid(e.to_string()))
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err wants"
)]
fn failed(error: rcgen::Error) -> Error {
    Error::Invalid(format!("making a certificate: {error}"))
}

/// A public key as rcgen wants it: the bits of the SubjectPublicKeyInfo beside their algorithm.
struct Spki<'a> {
    bits: &'a [u8],
    algorithm: &'static SignatureAlgorithm,
}

impl<'a> Spki<'a> {
    fn parse(der: &'a [u8]) -> Result<Self> {
        let (algorithm, bits) = crate::key::spki_parts(der)
            .ok_or_else(|| Error::Invalid("unknown kind of key".to_owned()))?;
        let algorithm = match algorithm {
            crate::key::Family::Rsa => &rcgen::PKCS_RSA_SHA256,
            crate::key::Family::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            crate::key::Family::P384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            crate::key::Family::P521 => &rcgen::PKCS_ECDSA_P521_SHA512,
            crate::key::Family::Ed25519 => &rcgen::PKCS_ED25519,
        };
        Ok(Self { bits, algorithm })
    }
}

impl PublicKeyData for Spki<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.bits
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.algorithm
    }
}
