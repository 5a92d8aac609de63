//! The account of a person: passwords, sign-in, own sessions and consents.
//!
//! Owns how a password is judged, hashed and verified. Knows nothing of HTTP. Used by `http`, `provider` and `cli`.

pub mod passwords;
