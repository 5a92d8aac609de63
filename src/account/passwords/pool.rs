//! The hashing threads: as many as may hash at once, each with its own memory, behind a bounded queue.
//!
//! The permit is the thread itself, so it belongs to the hash and not to the request: a caller that hangs up takes its
//! job out of the queue, and one whose job is running leaves a thread busy, never one more thread.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use argon2::Block;
use tokio::sync::oneshot;

use super::LONGEST;
use super::phc::{self, HashParams, SALT_LEN, Stored};
use super::queue::{Queue, Ticket};
use crate::base::{Entropy, Secret, entropy};

/// Longest wait in the queue.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Jobs that wait at most, where the settings say nothing.
pub const DEFAULT_QUEUE: usize = 16;

/// What a verification found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not the password of an account: wrong, no such account, no usable password.
    Wrong,
    /// The account's password.
    Right {
        /// The stored hash was made with other parameters than the present ones: store a new one.
        rehash: bool,
    },
}

/// The queue is full or the wait was over a second: answer 503 with `Retry-After: 1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("all password hashing threads are busy")]
pub struct Busy;

/// How busy the pool is, for the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolState {
    /// Jobs in the queue.
    pub waiting: usize,
    /// Jobs being hashed.
    pub running: usize,
    /// Jobs refused with [`Busy`] since the start.
    pub refused: u64,
    /// Hashes finished since the start.
    pub finished: u64,
}

/// Hashes and verifies passwords on its own threads. Dropping it ends them.
pub struct Hasher {
    params: HashParams,
    shared: Arc<Shared>,
}

struct Shared {
    queue: Queue<Job>,
    running: AtomicUsize,
    refused: AtomicU64,
    finished: AtomicU64,
}

enum Job {
    Hash { password: Secret<String>, salt: [u8; SALT_LEN], answer: oneshot::Sender<String> },
    Verify { password: Secret<String>, stored: Option<Stored>, answer: oneshot::Sender<Verdict> },
}

impl Hasher {
    /// Starts `workers` threads (0: as many as the machine has cores) that share a queue of `queue` waiting jobs.
    pub fn start(params: HashParams, workers: usize, queue: usize) -> Self {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let workers = if workers == 0 { cores() } else { workers };
        let shared = Arc::new(Shared {
            queue: Queue::new(queue),
            running: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
            finished: AtomicU64::new(0),
        });
        for number in 0..workers {
            let of_thread = Arc::clone(&shared);
            let spawned = std::thread::Builder::new()
                .name(format!("password-{number}"))
                .spawn(move || of_thread.work(params, number));
            if let Err(error) = spawned {
                tracing::error!(%error, "a password hashing thread does not start");
            }
        }
        Self { params, shared }
    }

    /// Hashes a new password, one that [`super::policy::check`] takes, into a PHC string.
    pub async fn hash(&self, password: Secret<String>, entropy: &dyn Entropy) -> Result<String, Busy> {
        let salt = entropy::bytes(entropy);
        let (answer, result) = oneshot::channel();
        self.run(Job::Hash { password, salt, answer }, result).await
    }

    /// Compares a password with the account's PHC string.
    ///
    /// Without one (no such account, no usable password) a hash of the same cost is made all the same, so that time
    /// tells nothing (security item 95). An unusable or hostile string is logged and counts as no string.
    pub async fn verify(&self, password: Secret<String>, stored: Option<&str>) -> Result<Verdict, Busy> {
        if password.expose().len() > LONGEST {
            return Ok(Verdict::Wrong);
        }
        let stored = stored.and_then(|text| match Stored::parse(text) {
            Ok(stored) => Some(stored),
            Err(reason) => {
                tracing::error!(%reason, "a stored password hash cannot be used");
                None
            }
        });
        let (answer, result) = oneshot::channel();
        self.run(Job::Verify { password, stored, answer }, result).await
    }

    /// The present cost of a hash.
    pub fn params(&self) -> HashParams {
        self.params
    }

    /// How busy the threads are now.
    pub fn state(&self) -> PoolState {
        PoolState {
            waiting: self.shared.queue.waiting(),
            running: self.shared.running.load(Ordering::Relaxed),
            refused: self.shared.refused.load(Ordering::Relaxed),
            finished: self.shared.finished.load(Ordering::Relaxed),
        }
    }

    async fn run<T>(&self, job: Job, mut result: oneshot::Receiver<T>) -> Result<T, Busy> {
        let Some(ticket) = self.shared.queue.push(job) else { return Err(self.shared.refuse()) };
        let place = Place { shared: &self.shared, ticket };
        if let Ok(ended) = tokio::time::timeout(LONGEST_WAIT, &mut result).await {
            return ended.map_err(|_| self.shared.refuse());
        }
        if place.leave() {
            return Err(self.shared.refuse());
        }
        // The hash has begun; a second more of waiting costs less than the work already done.
        result.await.map_err(|_| self.shared.refuse())
    }
}

impl Drop for Hasher {
    fn drop(&mut self) {
        self.shared.queue.close();
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher").field("params", &self.params).field("state", &self.state()).finish_non_exhaustive()
    }
}

/// A caller's place in the queue, given back when the caller goes away.
struct Place<'a> {
    shared: &'a Shared,
    ticket: Ticket,
}

impl Place<'_> {
    /// Leaves the queue; `false` when a thread has begun the job.
    fn leave(&self) -> bool {
        self.shared.queue.withdraw(self.ticket)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Shared {
    fn refuse(&self) -> Busy {
        self.refused.fetch_add(1, Ordering::Relaxed);
        Busy
    }

    /// One thread: its memory is allocated once, because page faults cost as much as the hashing itself, and not before the
    /// first hash: a server whose clients are all machines never needs it.
    fn work(&self, params: HashParams, number: usize) {
        let mut memory = Vec::new();
        while let Some(job) = self.queue.take() {
            self.running.fetch_add(1, Ordering::Relaxed);
            memory.resize_with(params.blocks(), Block::new);
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| job.run(params, &mut memory)));
            self.running.fetch_sub(1, Ordering::Relaxed);
            self.finished.fetch_add(1, Ordering::Relaxed);
            if ended.is_err() {
                tracing::error!(thread = number, "a password hash panicked; its caller is refused");
            }
        }
    }
}

impl Job {
    fn run(self, params: HashParams, memory: &mut [Block]) {
        match self {
            Self::Hash { password, salt, answer } => {
                if !answer.is_closed()
                    && let Some(text) = phc::hash(params, &password, &salt, memory)
                {
                    let _ = answer.send(text);
                }
            }
            Self::Verify { password, stored, answer } => {
                if !answer.is_closed() {
                    let _ = answer.send(verdict(params, &password, stored.as_ref(), memory));
                }
            }
        }
    }
}

fn verdict(params: HashParams, password: &Secret<String>, stored: Option<&Stored>, memory: &mut [Block]) -> Verdict {
    match stored {
        Some(stored) if stored.matches(password, memory) => Verdict::Right { rehash: stored.differs_from(params) },
        Some(_) => Verdict::Wrong,
        None => {
            let _ = phc::hash(params, password, &[0; SALT_LEN], memory);
            Verdict::Wrong
        }
    }
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
