//! Encryption at rest under the master key: AES-256-GCM with the row's identity as additional data.
//!
//! A sealed value moved to another row or purpose does not open.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use super::digest::hmac_sha256;
use super::{Entropy, Secret, entropy};

/// The key that everything secret at rest depends on: 32 bytes from `keys/` or a secret file.
#[derive(Clone)]
pub struct MasterKey(Secret<[u8; 32]>);

impl MasterKey {
    /// Takes the 32 bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(Secret::new(bytes))
    }

    /// A key of its own for `purpose`, so that no two uses share one.
    pub fn derive(&self, purpose: &str) -> Secret<[u8; 32]> {
        Secret::new(hmac_sha256(self.0.expose(), purpose.as_bytes()))
    }

    /// Encrypts `clear`; it opens again only with the same `purpose` and `row`.
    ///
    /// Gives nonce (12 bytes), ciphertext and tag (16 bytes).
    pub fn seal(&self, entropy: &dyn Entropy, purpose: &str, row: &str, clear: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = entropy::bytes(entropy);
        let mut text = clear.to_vec();
        let Some(key) = self.aead(purpose) else { return Vec::new() };
        match key.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(row.as_bytes()), &mut text)
        {
            Ok(tag) => [&nonce[..], &text, tag.as_ref()].concat(),
            Err(_) => Vec::new(),
        }
    }

    /// Decrypts what [`Self::seal`] gave; `None` when it was changed, moved, or sealed under another key.
    pub fn open(&self, purpose: &str, row: &str, sealed: &[u8]) -> Option<Secret<Vec<u8>>> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut text = text.to_vec();
        let key = self.aead(purpose)?;
        let clear =
            key.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(row.as_bytes()), &mut text).ok()?;
        Some(Secret::new(clear.to_vec()))
    }

    fn aead(&self, purpose: &str) -> Option<LessSafeKey> {
        UnboundKey::new(&AES_256_GCM, self.derive(purpose).expose()).ok().map(LessSafeKey::new)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[master key]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::entropy::SystemEntropy;

    #[test]
    fn opens_only_in_its_own_place() {
        let key = MasterKey::new([7; 32]);
        let sealed = key.seal(&SystemEntropy, "signing-key", "kid-1", b"private");
        assert_eq!(key.open("signing-key", "kid-1", &sealed).map(|s| s.expose().clone()), Some(b"private".to_vec()));
        assert!(key.open("signing-key", "kid-2", &sealed).is_none());
        assert!(key.open("upstream-token", "kid-1", &sealed).is_none());
        assert!(MasterKey::new([8; 32]).open("signing-key", "kid-1", &sealed).is_none());
        let mut changed = sealed.clone();
        if let Some(last) = changed.last_mut() {
            *last ^= 1;
        }
        assert!(key.open("signing-key", "kid-1", &changed).is_none());
        assert!(key.open("signing-key", "kid-1", &[]).is_none());
    }
}
