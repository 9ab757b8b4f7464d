//! How many passwords of one user are checked at once: so few that all could be wrong without passing the limit.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use store::{Error, Result};
use tokio::sync::oneshot;
use uuid::Uuid;

/// Requests that wait for one user at most; more are told to come back.
const MAX_WAITERS: usize = 256;
/// How long failures are remembered after the last request: longer than a statement may take, so that whoever read
/// the count before they happened is told to read it again.
const LINGER: Duration = Duration::from_secs(10);
/// Users remembered at most beyond those with requests under way.
const MAX_LINGERING: usize = 100_000;

type Key = (Uuid, Uuid);

/// Lets through as many password checks of a user as cannot pass the realm's limit even if all of them fail: a quarter
/// of what is left, at least one; the others wait in line. One for a node; cheap to clone.
#[derive(Clone, Default)]
pub struct Gate(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    entries: HashMap<Key, Entry>,
    lingering: VecDeque<(Instant, Key)>,
}

struct Entry {
    running: usize,
    waiters: VecDeque<oneshot::Sender<Permit>>,
    /// The highest count that anybody has seen, until a success.
    failures: i32,
    factor: i64,
    /// When to forget it, once nobody is in; it is in `lingering` once.
    until: Option<Instant>,
}

impl Entry {
    fn allowed(&self) -> usize {
        usize::try_from((self.factor - i64::from(self.failures)) / 4)
            .unwrap_or(0)
            .max(1)
    }
}

/// Leave to check one password; ends when dropped.
pub struct Permit {
    gate: Gate,
    key: Key,
    stale: bool,
}

impl Gate {
    /// Nobody in.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits, first come first served, until one more password of the user may be checked. `failures` is the count that
    /// the caller has read, `factor` the realm's `failureFactor`.
    ///
    /// # Errors
    /// [`Error::Busy`] when 256 wait for this user already.
    pub async fn enter(
        &self,
        realm: Uuid,
        user: Uuid,
        failures: i32,
        factor: i64,
    ) -> Result<Permit> {
        let key = (realm, user);
        let waiting = {
            let mut inner = self.lock();
            inner.forget(Instant::now());
            let entry = inner.entries.entry(key).or_insert_with(|| Entry {
                running: 0,
                waiters: VecDeque::new(),
                failures,
                factor,
                until: None,
            });
            let stale = entry.failures > failures;
            entry.failures = entry.failures.max(failures);
            entry.factor = factor;
            if entry.waiters.is_empty() && entry.running < entry.allowed() {
                entry.running += 1;
                return Ok(Permit {
                    gate: self.clone(),
                    key,
                    stale,
                });
            }
            if entry.waiters.len() >= MAX_WAITERS {
                entry.waiters.retain(|waiter| !waiter.is_closed());
            }
            if entry.waiters.len() >= MAX_WAITERS {
                return Err(Error::Busy("too many logins of one user at once"));
            }
            let (turn, waiting) = oneshot::channel();
            entry.waiters.push_back(turn);
            waiting
        };
        waiting
            .await
            .map_err(|_| Error::Busy("the gate has closed"))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives free places to those who wait.
    fn admit(&self, key: Key, change: impl FnOnce(&mut Entry)) {
        let mut turns = vec![];
        {
            let mut inner = self.lock();
            let Some(entry) = inner.entries.get_mut(&key) else {
                return;
            };
            change(entry);
            while entry.running < entry.allowed() {
                let Some(turn) = entry.waiters.pop_front() else {
                    break;
                };
                entry.running += 1;
                turns.push(turn);
            }
            if entry.running == 0 {
                inner.leave(key);
            }
        }
        // Outside the lock: a permit whose waiter has gone comes back, is dropped, and admits the next.
        for turn in turns {
            drop(turn.send(Permit {
                gate: self.clone(),
                key,
                stale: true,
            }));
        }
    }
}

impl Inner {
    /// Nobody is in: what is known of failures lingers for a while, all else is forgotten at once.
    fn leave(&mut self, key: Key) {
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        if entry.failures == 0 || self.lingering.len() >= MAX_LINGERING {
            self.entries.remove(&key);
            return;
        }
        let until = Instant::now() + LINGER;
        if entry.until.replace(until).is_none() {
            self.lingering.push_back((until, key));
        }
    }

    fn forget(&mut self, now: Instant) {
        while let Some((_, key)) = self.lingering.pop_front_if(|(until, _)| *until <= now) {
            let Some(entry) = self.entries.get_mut(&key) else {
                continue;
            };
            match entry.until {
                _ if entry.running > 0 => entry.until = None,
                Some(until) if until > now => self.lingering.push_back((until, key)),
                _ => drop(self.entries.remove(&key)),
            }
        }
    }
}

impl Permit {
    /// Whether the count that was given to [`Gate::enter`] may be out of date: read it again, tell it with
    /// [`Permit::counted`], and check no password if the user is locked now.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// Tells the gate the newest count: after it was read again, after a failure, and 0 after a success.
    pub fn counted(&self, failures: i32) {
        // Of two failures at once, the later count may be told first.
        self.gate.admit(self.key, |entry| {
            entry.failures = if failures == 0 {
                0
            } else {
                entry.failures.max(failures)
            }
        });
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.gate.admit(self.key, |entry| entry.running -= 1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

    use super::*;

    const FACTOR: i64 = 5;

    /// One login against a count kept elsewhere; whether the password was checked.
    async fn login(gate: &Gate, count: &AtomicI32, right: bool) -> bool {
        let seen = count.load(Ordering::SeqCst);
        let permit = gate
            .enter(Uuid::nil(), Uuid::nil(), seen, FACTOR)
            .await
            .unwrap();
        let mut now = seen;
        if permit.is_stale() {
            now = count.load(Ordering::SeqCst);
            permit.counted(now);
        }
        if i64::from(now) >= FACTOR {
            return false;
        }
        tokio::task::yield_now().await;
        if right {
            count.store(0, Ordering::SeqCst);
            permit.counted(0);
        } else {
            permit.counted(count.fetch_add(1, Ordering::SeqCst) + 1);
        }
        true
    }

    async fn many(number: usize, right: bool) -> usize {
        let (gate, count) = (Gate::new(), Arc::new(AtomicI32::new(0)));
        let checked = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..number)
            .map(|_| {
                let (gate, count, checked) =
                    (gate.clone(), Arc::clone(&count), Arc::clone(&checked));
                tokio::spawn(async move {
                    if login(&gate, &count, right).await {
                        checked.fetch_add(1, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        checked.load(Ordering::SeqCst)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn of_200_wrong_passwords_at_once_only_five_are_checked_at_factor_five() {
        assert_eq!(many(200, false).await, 5);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn of_50_right_passwords_at_once_all_are_checked() {
        assert_eq!(many(50, true).await, 50);
    }

    #[tokio::test]
    async fn a_quarter_of_what_is_left_may_run_at_once() {
        let gate = Gate::new();
        let mut inside = vec![];
        for _ in 0..7 {
            inside.push(gate.enter(Uuid::nil(), Uuid::nil(), 0, 30).await.unwrap());
        }
        let mut eighth = Box::pin(gate.enter(Uuid::nil(), Uuid::nil(), 0, 30));
        assert!(poll(&mut eighth).is_none());
        inside.pop();
        let permit = poll(&mut eighth).expect("let in").unwrap();
        assert!(
            permit.is_stale(),
            "whoever has waited reads the count again"
        );
    }

    #[tokio::test]
    async fn one_who_goes_while_waiting_blocks_nobody_and_nothing_is_left_behind() {
        let gate = Gate::new();
        let first = gate.enter(Uuid::nil(), Uuid::nil(), 0, 1).await.unwrap();
        let mut second = Box::pin(gate.enter(Uuid::nil(), Uuid::nil(), 0, 1));
        let mut third = Box::pin(gate.enter(Uuid::nil(), Uuid::nil(), 0, 1));
        assert!(poll(&mut second).is_none() && poll(&mut third).is_none());
        drop(first);
        // The second has the turn already when it goes.
        drop(second);
        drop(poll(&mut third).expect("let in").unwrap());
        assert!(gate.lock().entries.is_empty());
    }

    #[tokio::test]
    async fn failures_are_remembered_for_those_who_read_before_them() {
        let gate = Gate::new();
        gate.enter(Uuid::nil(), Uuid::nil(), 0, 5)
            .await
            .unwrap()
            .counted(5);
        assert!(
            gate.enter(Uuid::nil(), Uuid::nil(), 0, 5)
                .await
                .unwrap()
                .is_stale()
        );
        let later = Instant::now() + 2 * LINGER;
        gate.lock().forget(later);
        assert!(gate.lock().entries.is_empty() && gate.lock().lingering.is_empty());
    }

    #[tokio::test]
    async fn too_many_waiters_are_told_to_come_back() {
        let gate = Gate::new();
        let _inside = gate.enter(Uuid::nil(), Uuid::nil(), 0, 1).await.unwrap();
        let mut waiting: Vec<_> = (0..MAX_WAITERS)
            .map(|_| Box::pin(gate.enter(Uuid::nil(), Uuid::nil(), 0, 1)))
            .collect();
        assert!(waiting.iter_mut().all(|one| poll(one).is_none()));
        assert!(matches!(
            gate.enter(Uuid::nil(), Uuid::nil(), 0, 1).await,
            Err(Error::Busy(_))
        ));
        assert!(
            gate.enter(Uuid::nil(), Uuid::max(), 0, 1).await.is_ok(),
            "another user is not concerned"
        );
    }

    fn poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::Pin::new(future).poll(&mut context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        }
    }
}
