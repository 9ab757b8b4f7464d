//! Passwords that were right a moment ago, so that a storm of pulls does not hash one password over and over.
//!
//! What a node remembers is that a password fits a stored hash, as a MAC under a key that nobody outside the process
//! knows, and nothing else. Whoever comes is looked up and judged at each try as ever; so a change of the password, a
//! lock, a disabled or deleted user counts at once on every node, without any of them being told.

use std::time::Duration;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use moka::sync::Cache;
use realm::Realm;
use serde_json::Value;
use user::login::Candidate;

use super::{Attempt, Passed, Refusal, judge};
use crate::{HttpError, RealmContext};

/// The realm attribute that says for how long, in seconds. 0, or without it: not at all.
pub const SECONDS: &str = "dockerV2.passwordCacheSeconds";
/// Its highest value.
pub const MAX_SECONDS: i64 = 300;
/// Passwords in memory.
const CAPACITY: u64 = 10_000;

/// The passwords that a node remembers.
pub struct Remembered {
    key: hmac::Key,
    /// When each was checked, in milliseconds.
    checked: Cache<Mac, i64>,
}

/// A password and the stored hash that it fits.
type Mac = [u8; 32];

impl Remembered {
    /// Nothing yet, under a new key.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn new() -> Result<Self, Unspecified> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())?;
        let checked = Cache::builder()
            .max_capacity(CAPACITY)
            .time_to_live(Duration::from_secs(MAX_SECONDS.unsigned_abs()))
            .build();
        Ok(Self { key, checked })
    }

    /// What is remembered of a try; none for a user without a password.
    pub(super) fn look_up(
        &self,
        realm: &Realm,
        candidate: &Candidate,
        password: &str,
    ) -> Option<Memory<'_>> {
        let mac = self.mac(realm, candidate, password)?;
        let age = (self.checked.get(&mac)).map(|at| store::clock::now_ms().saturating_sub(at));
        let known = age.is_some_and(|age| (0..seconds(realm) * 1000).contains(&age));
        Some(Memory {
            remembered: self,
            mac,
            known,
        })
    }

    fn mac(&self, realm: &Realm, candidate: &Candidate, password: &str) -> Option<Mac> {
        let hash = candidate.password.as_ref()?.hash.value();
        let mut context = hmac::Context::with_key(&self.key);
        context.update(realm.id.as_bytes());
        context.update(candidate.user.id.as_bytes());
        // So that a logout of all sessions ends it too.
        context.update(&realm.not_before.to_be_bytes());
        context.update(&candidate.user.not_before.to_be_bytes());
        context.update(&hash.len().to_be_bytes());
        context.update(hash);
        context.update(password.as_bytes());
        context.sign().as_ref().try_into().ok()
    }
}

/// What is remembered of a try.
pub(super) struct Memory<'a> {
    remembered: &'a Remembered,
    mac: Mac,
    known: bool,
}

impl Memory<'_> {
    /// Whether the password was right no longer ago than the realm allows now.
    pub(super) fn is_known(&self) -> bool {
        self.known
    }

    /// Remembers that the password is right.
    pub(super) fn keep(self) {
        let now = store::clock::now_ms();
        self.remembered.checked.insert(self.mac, now);
    }
}

/// For how many seconds a realm's passwords are remembered.
fn seconds(realm: &Realm) -> i64 {
    let value = realm.settings.attributes.get(SECONDS);
    value.and_then(|value| read(value)).unwrap_or(0)
}

fn read(value: &str) -> Option<i64> {
    let seconds = value.parse().ok();
    seconds.filter(|seconds| (0..=MAX_SECONDS).contains(seconds))
}

/// Whether the attribute may have this value. One that is empty is one that is not there.
pub(crate) fn is_valid(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty() || read(text).is_some(),
        other => read(&other.to_string()).is_some(),
    }
}

/// Judges a password, which need not be hashed where it is remembered.
pub(super) async fn password(
    ctx: &RealmContext,
    attempt: Attempt<'_>,
) -> Result<Result<Passed, Refusal>, HttpError> {
    let remembered = (seconds(&ctx.realm) > 0).then_some(&ctx.state().remembered);
    judge(ctx, attempt, remembered).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_attribute_is_a_number_of_seconds_up_to_300() {
        for (value, expected) in [("0", Some(0)), ("1", Some(1)), ("300", Some(300))] {
            assert_eq!(read(value), expected, "{value}");
            assert!(is_valid(&json!(value)) && is_valid(&json!(expected)));
        }
        for value in ["-1", "301", "x", "1.5", " 1", "99999999999999999999"] {
            assert_eq!(read(value), None, "{value}");
            assert!(!is_valid(&json!(value)), "{value}");
        }
        for value in [json!(-1), json!(1.5), json!(true), json!([1])] {
            assert!(!is_valid(&value), "{value}");
        }
        assert!(is_valid(&json!("")) && is_valid(&Value::Null) && read("").is_none());
    }
}
