//! Verification of our own tokens: public keys parsed once by aws-lc-rs.

use aws_lc_rs::signature::{self, ParsedPublicKey, RsaPublicKeyComponents};

use super::jwk::PublicKey;
use super::{Algorithm, low_s};

/// A public key bound to its one algorithm.
pub(super) struct VerifyingKey {
    alg: Algorithm,
    key: ParsedPublicKey,
}

impl VerifyingKey {
    /// Binds `key` to `alg`; `None` when they do not fit.
    pub(super) fn new(alg: Algorithm, key: &PublicKey) -> Option<Self> {
        if !key.fits(alg) {
            return None;
        }
        let parsed = match (key, alg) {
            (PublicKey::Rsa { n, e }, Algorithm::Ps256) => {
                RsaPublicKeyComponents { n, e }.to_parsed_public_key(&signature::RSA_PSS_2048_8192_SHA256)
            }
            (PublicKey::Rsa { n, e }, _) => {
                RsaPublicKeyComponents { n, e }.to_parsed_public_key(&signature::RSA_PKCS1_2048_8192_SHA256)
            }
            (PublicKey::Ec { .. }, _) => ParsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, key.to_point()?),
            (PublicKey::Ed25519 { .. }, _) => ParsedPublicKey::new(&signature::ED25519, key.to_point()?),
        };
        parsed.ok().map(|key| Self { alg, key })
    }

    /// Whether `signature` is ours over `text`. The mirror image of an ECDSA signature is not: we never make it.
    pub(super) fn is_signed(&self, text: &[u8], signature: &[u8]) -> bool {
        (self.alg != Algorithm::Es256 || low_s::is_low(signature)) && self.key.verify_sig(text, signature).is_ok()
    }
}
