//! Signing keys as they are stored: public part clear, private part sealed under the master key.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::Timestamp;

/// Where a signing key stands in its life.
///
/// ```text
/// next (published, not yet signing) → active (signing) → retired (published, verifying) → gone
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// Published in advance, so that every cache knows it before its first signature.
    Next,
    /// Signs.
    Active,
    /// No longer signs; still published until the last token it signed has expired.
    Retired,
    /// No longer published.
    Gone,
}

impl KeyState {
    /// The stored and shown text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retired => "retired",
            Self::Gone => "gone",
        }
    }

    /// Reads the stored text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Next, Self::Active, Self::Retired, Self::Gone].into_iter().find(|known| known.as_str() == text)
    }
}

/// A signing key at rest.
#[derive(Debug, Clone)]
pub struct KeyRecord {
    /// RFC 7638 thumbprint of the public key.
    pub kid: String,
    /// JOSE algorithm (`RS256`, `PS256`, `ES256`, `EdDSA`).
    pub alg: String,
    /// Where it stands.
    pub state: KeyState,
    /// Public JWK with `kid`, `alg` and `use`.
    pub public_jwk: Value,
    /// Private JWK, sealed with the `kid` as row.
    pub sealed_private: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed state.
    pub changed_at: Timestamp,
}
