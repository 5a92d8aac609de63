//! JOSE: signing keys, signed tokens, the JWK Set, and the keys of clients.
//!
//! Owns josekit (key generation, JWK, client assertions) and the signatures of aws-lc-rs (our own tokens, whose cost is
//! the signature), and the encryption of tokens to clients; nothing is decrypted. Everything that arrives as a JWS is read by one strict function, `compact`, against a closed list
//! of algorithms; nothing that a header names is ever fetched. Checks no policy: who may use a token, when and for what
//! is the caller's business, with [`claims`] for the parts that all share.
//! Called by `provider`, `jobs`, `http` and `cli`; calls `model` and `base`.

pub mod claims;
pub mod client_keys;
pub mod client_mac;
pub mod decryption;
pub mod encryption;
pub mod master;
pub mod rotation;

mod algorithm;
mod compact;
mod error;
mod generate;
mod json;
mod jwk;
mod keyring;
mod low_s;
mod signing;
mod typ;
mod verifying;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use algorithm::Algorithm;
pub use compact::{MAX_TOKEN_BYTES, Verified};
pub use error::JoseError;
pub use generate::{from_pem, generate};
pub use jwk::KeyRefusal;
pub use keyring::Keyring;
pub use master::MasterKeyError;
pub use typ::Typ;
