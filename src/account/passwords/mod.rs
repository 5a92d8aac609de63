//! Passwords: which are taken ([`policy`]), how they are stored ([`phc`]) and on what they are hashed ([`pool`]).
//!
//! Owns Argon2id. A hash costs 19 MiB and tens of milliseconds of a core, so all of them run on a small pool of threads
//! with a bounded queue: a flood of sign-ins gets [`Busy`] and leaves the rest of the server alone (CWE-400).
//! Tokens, client secrets and partner keys are random and are digested in `base`, never hashed here.

pub mod phc;
pub mod policy;
pub mod pool;
mod queue;

pub use phc::HashParams;
pub use policy::{PasswordRefusal, Policy};
pub use pool::{Busy, Hasher, PoolState, Verdict};

/// Longest password in bytes, as received. Longer ones are refused before hashing.
pub const LONGEST: usize = 1_024;
