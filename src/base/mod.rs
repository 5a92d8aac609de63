//! What every room may use: time, randomness, identifiers, secrets, digests, sealing.
//!
//! Owns the only ways to read the clock, to draw random bytes and to keep a secret out of a log.
//! Knows nothing of OAuth, HTTP or storage. Every room may call it; it calls none.

pub mod address;
pub mod clock;
pub mod digest;
pub mod entropy;
pub mod id;
pub mod retry;
pub mod seal;
pub mod secret;
pub mod token;

pub use clock::{Clock, Timestamp};
pub use entropy::Entropy;
pub use secret::Secret;
