//! Query parameters as Keycloak reads them.

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use protocol::HttpError;
use protocol::context::decode_segment;

/// Milliseconds of a day.
pub(crate) const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The query of a request: names may repeat, unknown ones are ignored, NUL and invalid UTF-8 are refused.
pub(crate) struct Query(Vec<(String, String)>);

impl FromRequest for Query {
    type Error = HttpError;
    type Future = std::future::Ready<Result<Self, HttpError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let decode = |text: &str| {
            decode_segment(&text.replace('+', " "))
                .filter(|text| store::text::storable(text))
                .ok_or_else(|| HttpError::plain(400, "A query parameter is not readable"))
        };
        let pairs = request
            .query_string()
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                Ok((decode(name)?, decode(value)?))
            });
        std::future::ready(pairs.collect::<Result<_, _>>().map(Self))
    }
}

impl Query {
    /// The first value of a name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// All values of a name.
    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        self.0
            .iter()
            .filter(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
            .collect()
    }

    /// A value that is there and not empty.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.get(name)
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
    }

    /// `true` or not; absent is `None`.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.get(name)
            .map(|value| value.eq_ignore_ascii_case("true"))
    }

    /// A number; Keycloak answers 404 to one that is none. Negative counts as absent.
    pub(crate) fn number(&self, name: &str) -> Result<Option<i64>, HttpError> {
        match self.get(name).filter(|value| !value.is_empty()) {
            None => Ok(None),
            Some(value) => {
                let number: i32 = value.parse().map_err(|_| HttpError::not_found())?;
                Ok(Some(i64::from(number)).filter(|number| *number >= 0))
            }
        }
    }

    /// A day (its beginning in UTC, and `end` milliseconds more) or a time in milliseconds.
    pub(crate) fn time(&self, name: &str, end: i64) -> Result<Option<i64>, HttpError> {
        let Some(text) = self.get(name).filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let time = text.parse().ok().filter(|ms: &i64| *ms >= 0);
        time.or_else(|| day(text).map(|begin| begin + end))
            .map(Some)
            .ok_or_else(|| {
                let text = format!(
                    "Invalid value for '{name}', expected format is yyyy-MM-dd or an Epoch timestamp"
                );
                HttpError::plain(400, &text)
            })
    }
}

/// When a day `yyyy-MM-dd` begins, in milliseconds.
fn day(text: &str) -> Option<i64> {
    let digits = |part: &str, length: usize| {
        let right = part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
        right.then(|| part.parse::<i64>().ok()).flatten()
    };
    let mut parts = text.splitn(3, '-');
    let year = digits(parts.next()?, 4)?;
    let month = digits(parts.next()?, 2)?;
    let day = digits(parts.next()?, 2)?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !(1..=12).contains(&month) || !(1..=last).contains(&day) {
        return None;
    }
    // Days since 1970 of the proleptic Gregorian calendar, with years that begin in March.
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days =
        365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + (153 * m + 2) / 5 + day
            - 1
            - 719_468;
    Some(days * DAY_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_read_and_what_is_none_is_not() {
        for (text, expected) in [
            ("1970-01-01", Some(0)),
            ("2024-02-29", Some(1_709_164_800_000)),
            ("0000-01-01", Some(-62_167_219_200_000)),
            ("2023-02-29", None),
            ("2020-13-01", None),
            ("20-1-1", None),
            ("12345-01-01", None),
            ("2020-01-01T00:00:00Z", None),
            ("", None),
        ] {
            assert_eq!(day(text), expected, "{text}");
        }
    }
}
