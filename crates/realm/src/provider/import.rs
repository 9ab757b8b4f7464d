//! Keys and certificates as people bring them: PEM, or bare base64.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rsa::{
    pkcs1::DecodeRsaPrivateKey as _, pkcs8::DecodePrivateKey as _, traits::PublicKeyParts as _,
};
use zeroize::Zeroizing;

use crate::pool::{RsaKey, from_key};
use crate::{Error, Result};

/// PEM or bare base64, PKCS#8 or PKCS#1, as Keycloak takes it.
pub(super) fn read_private_key(text: &str) -> Result<RsaKey> {
    let bad = || Error::Invalid("Failed to decode private key".to_owned());
    let der = Zeroizing::new(decode_pem(text).ok_or_else(bad)?);
    let key = rsa::PrivateKey::from_pkcs8_der(&der)
        .or_else(|_| rsa::PrivateKey::from_pkcs1_der(&der))
        .map_err(|_| bad())?;
    if key.n_bytes().len() < 256 {
        return Err(Error::Invalid(
            "An RSA key needs 2048 bits or more".to_owned(),
        ));
    }
    from_key(&key)
}

pub(crate) fn read_certificate(text: &str) -> Result<Vec<u8>> {
    let bad = || Error::Invalid("Failed to decode certificate".to_owned());
    let der = decode_pem(text).ok_or_else(bad)?;
    not_after(&der).map(|_| der).ok_or_else(bad)
}

pub(crate) fn decode_pem(text: &str) -> Option<Vec<u8>> {
    let body: String = text
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .flat_map(|l| l.chars())
        .filter(|c| !c.is_whitespace())
        .collect();
    STANDARD.decode(body).ok().filter(|der| !der.is_empty())
}

/// When a certificate ends, milliseconds since 1970: the second time in its DER (RFC 5280 §4.1.2.5).
pub(super) fn not_after(der: &[u8]) -> Option<i64> {
    let mut times = (0..der.len().checked_sub(17)?).filter_map(|at| {
        let (tag, length) = (der[at], usize::from(der[at + 1]));
        let text = std::str::from_utf8(der.get(at + 2..at + 2 + length)?).ok()?;
        let digits = text
            .strip_suffix('Z')
            .filter(|t| t.bytes().all(|b| b.is_ascii_digit()))?;
        let full = match (tag, length) {
            (0x17, 13) => format!(
                "{}{digits}",
                if digits.starts_with(|c| c >= '5') {
                    "19"
                } else {
                    "20"
                }
            ),
            (0x18, 15) => digits.to_owned(),
            _ => return None,
        };
        let part = |range: std::ops::Range<usize>| full.get(range)?.parse::<u8>().ok();
        let month = time::Month::try_from(part(4..6)?).ok()?;
        let date =
            time::Date::from_calendar_date(full.get(0..4)?.parse().ok()?, month, part(6..8)?)
                .ok()?;
        let clock = time::Time::from_hms(part(8..10)?, part(10..12)?, part(12..14)?).ok()?;
        Some(time::OffsetDateTime::new_utc(date, clock).unix_timestamp() * 1000)
    });
    times.nth(1)
}
