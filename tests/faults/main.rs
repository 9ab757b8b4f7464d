//! Faults and attacks against the server as its users start it: databases that stop, nodes that die, floods, secrets.
//!
//! Every test starts the program on a Postgres of its own, or on a database of its own in the one that all share. The
//! bounds are those of the reliability table: 5 s for an answer, 2 s for recovery, 1 s between nodes. [`SLACK`] is added
//! to each, for a machine that does other things as well. `FAULTS_SEED` repeats what was left to chance.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails where something is not as it should be"
)]

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

mod admin;
mod audit;
mod chance;
mod explain;
mod flood;
mod hostname;
mod invariants;
mod journal;
mod keep_alive;
mod kill;
mod load;
mod node;
mod nodes;
mod outage;
mod pool;
mod postgres;
mod process;
mod realm_files;
mod rotation;
mod seal;
mod secrets;
mod sign_in;
mod start_dev;
mod startup;
mod stop;
mod tls;
mod typed;
mod window;
mod x509;

/// What a bound is stretched by, for the scheduling of a busy machine.
const SLACK: Duration = Duration::from_millis(500);
/// The longest that any request may take.
const ANSWER: Duration = Duration::from_secs(5);
/// The longest that recovery may take once the cause is gone.
const RECOVERY: Duration = Duration::from_secs(2);
/// The longest until one node knows what was changed on another.
const SPREAD: Duration = Duration::from_secs(1);

/// Tests that measure time, or use the whole machine, run alone; the others beside each other.
static MACHINE: RwLock<()> = RwLock::new(());

fn alone() -> RwLockWriteGuard<'static, ()> {
    MACHINE.write().unwrap_or_else(PoisonError::into_inner)
}

fn beside() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().unwrap_or_else(PoisonError::into_inner)
}
