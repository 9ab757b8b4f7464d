//! The only wall clock of the project, so that tests can move it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

static SHIFT: AtomicI64 = AtomicI64::new(0);

/// Milliseconds since 1970, UTC.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the clock that all others use"
)]
pub fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_millis());
    i64::try_from(since).unwrap_or(i64::MAX) + SHIFT.load(Ordering::Relaxed)
}

/// Seconds since 1970, UTC.
#[must_use]
pub fn now() -> i64 {
    now_ms() / 1000
}

/// Moves the clock of this process by `ms`; for tests.
pub fn shift(ms: i64) {
    SHIFT.fetch_add(ms, Ordering::Relaxed);
}
