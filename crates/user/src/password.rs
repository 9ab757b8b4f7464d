//! Passwords: hashing and checking, on threads of their own. All that knows a password hash is in here.
//!
//! New hashes are argon2id with Keycloak's parameters; imported argon2 and pbkdf2 hashes verify and are told apart by
//! [`Verdict::needs_rehash`].

mod hash;
mod worker;

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use store::{Error, Result};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

pub use hash::PasswordHash;
pub(crate) use hash::legacy;
use worker::Worker;

/// Bytes that a password has at most: longer ones are never hashed, and never right.
pub const MAX_PASSWORD: usize = 4096;
/// Jobs that wait for each thread at most.
const QUEUE_PER_CORE: usize = 64;
/// After so long without work a thread gives its memory back.
const REST_AFTER: Duration = Duration::from_secs(5);

/// What checking a password found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The password is right.
    pub ok: bool,
    /// The hash was not made with today's algorithm and parameters: hash the password again and store that.
    pub needs_rehash: bool,
}

/// The threads that hash: one a core, each with memory that it keeps while there is work; first come, first served.
/// Cheap to clone; the threads end with the last clone.
#[derive(Clone)]
pub struct Hasher(Arc<Handle>);

struct Handle(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    work: Condvar,
    room: usize,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    closed: bool,
}

enum Job {
    Hash {
        password: Zeroizing<Vec<u8>>,
        reply: oneshot::Sender<Result<PasswordHash>>,
    },
    Verify {
        password: Zeroizing<Vec<u8>>,
        hash: Option<PasswordHash>,
        reply: oneshot::Sender<Result<Verdict>>,
    },
}

impl Default for Hasher {
    fn default() -> Self {
        Self::new()
    }
}

impl Hasher {
    /// Starts one thread a core, with room for 64 waiting jobs each.
    #[must_use]
    pub fn new() -> Self {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        Self::with(threads, threads * QUEUE_PER_CORE)
    }

    /// Starts `threads` threads, with room for `room` waiting jobs in all.
    #[must_use]
    pub fn with(threads: usize, room: usize) -> Self {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            work: Condvar::new(),
            room,
        });
        for number in 0..threads {
            let shared = Arc::clone(&shared);
            let spawned = thread::Builder::new()
                .name(format!("hash-{number}"))
                .spawn(move || shared.serve());
            if let Err(error) = spawned {
                tracing::error!(%error, "cannot start a thread for hashing");
            }
        }
        Self(Arc::new(Handle(shared)))
    }

    /// Hashes a password with today's parameters and a new salt.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait already; [`Error::Invalid`] over [`MAX_PASSWORD`] bytes.
    pub async fn hash(&self, password: &str) -> Result<PasswordHash> {
        if password.len() > MAX_PASSWORD {
            return Err(Error::Invalid(format!(
                "a password has at most {MAX_PASSWORD} bytes"
            )));
        }
        let (reply, answer) = oneshot::channel();
        self.0.0.push(Job::Hash {
            password: bytes(password),
            reply,
        })?;
        answer.await.map_err(|_| STOPPED)?
    }

    /// Checks a password. Without a hash (an unknown user, a user without password) the work is that of a wrong
    /// password, and so is the answer.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait already.
    pub async fn verify(&self, password: &str, hash: Option<&PasswordHash>) -> Result<Verdict> {
        let fits = password.len() <= MAX_PASSWORD;
        let (password, hash) = if fits {
            (bytes(password), hash.cloned())
        } else {
            (bytes(""), None)
        };
        let (reply, answer) = oneshot::channel();
        self.0.0.push(Job::Verify {
            password,
            hash,
            reply,
        })?;
        answer.await.map_err(|_| STOPPED)?
    }
}

const STOPPED: Error = Error::Busy("the threads for hashing have stopped");

fn bytes(password: &str) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(password.as_bytes().to_vec())
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.work.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, job: Job) -> Result<()> {
        let mut queue = self.lock();
        if queue.jobs.len() >= self.room {
            // Those whose client has gone are not in anybody's way.
            queue.jobs.retain(Job::is_awaited);
        }
        if queue.jobs.len() >= self.room {
            return Err(Error::Busy("too many passwords to hash"));
        }
        queue.jobs.push_back(job);
        drop(queue);
        self.work.notify_one();
        Ok(())
    }

    /// The next job, waiting for it; a worker that waits for long holds no memory.
    fn next(&self, worker: &mut Worker) -> Option<Job> {
        let mut queue = self.lock();
        loop {
            while let Some(job) = queue.jobs.pop_front() {
                if job.is_awaited() {
                    return Some(job);
                }
            }
            if queue.closed {
                return None;
            }
            if worker.is_at_rest() {
                queue = self
                    .work
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let (woken, waited) = self
                .work
                .wait_timeout(queue, REST_AFTER)
                .unwrap_or_else(PoisonError::into_inner);
            queue = woken;
            if waited.timed_out() && queue.jobs.is_empty() {
                drop(queue);
                worker.rest();
                queue = self.lock();
            }
        }
    }

    fn serve(&self) {
        let mut worker = Worker::new();
        while let Some(job) = self.next(&mut worker) {
            // An answer that nobody waits for any more is dropped.
            match job {
                Job::Hash { password, reply } => drop(reply.send(worker.hash(&password))),
                Job::Verify {
                    password,
                    hash,
                    reply,
                } => drop(reply.send(worker.verify(&password, hash.as_ref()))),
            }
        }
    }
}

impl Job {
    fn is_awaited(&self) -> bool {
        match self {
            Self::Hash { reply, .. } => !reply.is_closed(),
            Self::Verify { reply, .. } => !reply.is_closed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hash_verifies_its_own_password_only() {
        let hasher = Hasher::with(2, 8);
        let hash = hasher.hash("pässword").await.unwrap();
        let right = hasher.verify("pässword", Some(&hash)).await.unwrap();
        assert_eq!(
            right,
            Verdict {
                ok: true,
                needs_rehash: false
            }
        );
        assert!(!hasher.verify("password", Some(&hash)).await.unwrap().ok);
        assert!(!hasher.verify("", None).await.unwrap().ok);
        assert!(!hasher.verify("pässword", None).await.unwrap().ok);
    }

    #[tokio::test]
    async fn two_hashes_of_one_password_differ() {
        let hasher = Hasher::with(1, 8);
        let (one, two) = (
            hasher.hash("same").await.unwrap(),
            hasher.hash("same").await.unwrap(),
        );
        assert_ne!(*one.secret_data(), *two.secret_data());
    }

    #[tokio::test]
    async fn a_full_queue_is_busy_and_jobs_nobody_waits_for_make_room() {
        let hasher = Hasher::with(0, 2);
        let (one, two) = (hasher.hash("a"), hasher.hash("b"));
        let (mut one, mut two) = (Box::pin(one), Box::pin(two));
        assert!(futures_poll(&mut one).is_none() && futures_poll(&mut two).is_none());
        assert!(matches!(hasher.hash("c").await, Err(Error::Busy(_))));
        drop(one);
        let mut three = Box::pin(hasher.verify("c", None));
        assert!(
            futures_poll(&mut three).is_none(),
            "queued where the dropped one was"
        );
    }

    #[tokio::test]
    async fn an_overlong_password_is_never_right_and_never_hashed() {
        let hasher = Hasher::with(1, 8);
        let long = "x".repeat(MAX_PASSWORD + 1);
        assert!(matches!(hasher.hash(&long).await, Err(Error::Invalid(_))));
        let empty = hasher.hash("").await.unwrap();
        assert!(!hasher.verify(&long, Some(&empty)).await.unwrap().ok);
    }

    fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::Pin::new(future).poll(&mut context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        }
    }
}
