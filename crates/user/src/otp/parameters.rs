//! What makes the codes of a device.

use realm::Realm;
use serde::{Deserialize, Serialize};
use totp_rs::{Algorithm, Builder, Totp};

/// What a device does, as Keycloak's `credentialData`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are Keycloak's own")]
pub struct Parameters {
    /// `totp` or `hotp`.
    pub sub_type: String,
    pub digits: i64,
    /// The next one, for `hotp`.
    pub counter: i64,
    /// Seconds, for `totp`.
    pub period: i64,
    /// `HmacSHA1`, `HmacSHA256` or `HmacSHA512`.
    pub algorithm: String,
    /// `BASE32`, or none where the text itself is the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_encoding: Option<String>,
}

impl Parameters {
    /// Those of a new device in this realm.
    #[must_use]
    pub fn of(realm: &Realm) -> Self {
        let rep = &realm.rep;
        let text = |value: &Option<String>, default: &str| {
            value.clone().unwrap_or_else(|| default.to_owned())
        };
        Self {
            sub_type: text(&rep.otp_policy_type, "totp"),
            digits: rep.otp_policy_digits.unwrap_or(6),
            counter: rep.otp_policy_initial_counter.unwrap_or(0).max(0),
            period: rep.otp_policy_period.unwrap_or(30),
            algorithm: text(&rep.otp_policy_algorithm, "HmacSHA1"),
            secret_encoding: None,
        }
    }

    /// Whether codes follow the clock and not a counter.
    #[must_use]
    pub fn by_time(&self) -> bool {
        self.sub_type != "hotp"
    }

    /// As an authenticator application calls the algorithm.
    #[must_use]
    pub fn algorithm_name(&self) -> &str {
        self.algorithm.strip_prefix("Hmac").unwrap_or("SHA1")
    }

    /// As it is stored.
    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    fn hash(&self) -> Option<Algorithm> {
        match self.algorithm.as_str() {
            "HmacSHA1" => Some(Algorithm::SHA1),
            "HmacSHA256" => Some(Algorithm::SHA256),
            "HmacSHA512" => Some(Algorithm::SHA512),
            _ => None,
        }
    }

    /// The generator of codes by step number; none when these parameters make no codes.
    fn generator(&self, secret: &str) -> Option<Totp> {
        let digits = u8::try_from(self.digits)
            .ok()
            .filter(|d| (6..=8).contains(d))?;
        let key = match self.secret_encoding.as_deref() {
            Some("BASE32") => {
                totp_rs::Secret::try_from_base32(secret.trim_end_matches('=')).ok()?
            }
            _ => secret.as_bytes().into(),
        };
        let builder = Builder::new()
            .with_algorithm(self.hash()?)
            .with_digits(digits)
            .with_secret(key)
            .with_skew(0)
            .with_step_duration(1);
        Some(builder.build_noncompliant())
    }

    /// The step that `code` is of; one after `used`. `now`: seconds. All that may be meant are compared, whichever fits.
    pub(super) fn find(
        &self,
        secret: &str,
        code: &str,
        window: i64,
        used: Option<i64>,
        now: i64,
    ) -> Option<i64> {
        let generator = self.generator(secret)?;
        let steps = if self.by_time() {
            let step = now / Some(self.period).filter(|period| *period > 0)?;
            step.saturating_sub(window)..=step.saturating_add(window)
        } else {
            self.counter..=self.counter.saturating_add(window)
        };
        let mut found = None;
        for step in steps {
            let Ok(counter) = u64::try_from(step) else {
                continue;
            };
            let fits = generator.check(code, counter).is_some();
            if fits && found.is_none() && used.is_none_or(|used| step > used) {
                found = Some(step);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otp::Secret;

    fn parameters(kind: &str, algorithm: &str) -> Parameters {
        Parameters {
            sub_type: kind.to_owned(),
            digits: 8,
            counter: 0,
            period: 30,
            algorithm: algorithm.to_owned(),
            secret_encoding: None,
        }
    }

    #[test]
    fn codes_are_those_of_rfc_6238() {
        let short = "12345678901234567890";
        let long = "1234567890123456789012345678901234567890123456789012345678901234";
        for (algorithm, secret, time, code) in [
            ("HmacSHA1", short, 59, "94287082"),
            ("HmacSHA1", short, 1_111_111_109, "07081804"),
            ("HmacSHA256", &long[..32], 59, "46119246"),
            ("HmacSHA512", long, 59, "90693936"),
        ] {
            let step = parameters("totp", algorithm).find(secret, code, 0, None, time);
            assert_eq!(step, Some(time / 30), "{algorithm} {code}");
        }
    }

    #[test]
    fn codes_by_counter_are_those_of_rfc_4226() {
        let six = Parameters {
            digits: 6,
            ..parameters("hotp", "HmacSHA1")
        };
        let secret = "12345678901234567890";
        assert_eq!(six.find(secret, "755224", 0, None, 0), Some(0));
        assert_eq!(six.find(secret, "359152", 1, None, 0), None);
        assert_eq!(six.find(secret, "359152", 2, None, 0), Some(2));
    }

    #[test]
    fn a_code_of_the_window_is_found_once() {
        let totp = parameters("totp", "HmacSHA1");
        let secret = "12345678901234567890";
        for (window, used, now, found) in [
            (1, None, 59 + 30, Some(1)),
            (1, None, 59 - 30, Some(1)),
            (0, None, 59 + 30, None),
            (1, Some(1), 59, None),
            (1, Some(0), 59, Some(1)),
        ] {
            let step = totp.find(secret, "94287082", window, used, now);
            assert_eq!(step, found, "{window} {used:?} {now}");
        }
    }

    #[test]
    fn parameters_that_make_no_codes_accept_none() {
        for odd in [
            Parameters {
                digits: 100,
                ..parameters("totp", "HmacSHA1")
            },
            Parameters {
                period: 0,
                ..parameters("totp", "HmacSHA1")
            },
            Parameters {
                counter: i64::MAX,
                ..parameters("hotp", "HmacSHA1")
            },
            Parameters {
                counter: -5,
                ..parameters("hotp", "HmacSHA1")
            },
            parameters("totp", "HmacMD5"),
        ] {
            assert_eq!(odd.find("secret", "94287082", 1, None, 59), None, "{odd:?}");
        }
    }

    #[test]
    fn a_secret_in_base32_is_the_same_secret() {
        let secret = Secret::restore("12345678901234567890");
        let base32 = Parameters {
            secret_encoding: Some("BASE32".to_owned()),
            ..parameters("totp", "HmacSHA1")
        };
        let step = base32.find(&secret.base32(), "94287082", 0, None, 59);
        assert_eq!(step, Some(1));
    }

    #[test]
    fn parameters_are_written_as_keycloak_writes_them() {
        let text =
            r#"{"subType":"totp","digits":6,"counter":0,"period":30,"algorithm":"HmacSHA1"}"#;
        let read: Parameters = serde_json::from_str(text).unwrap();
        assert_eq!(read.to_json(), text);
    }
}
