//! Signing: private keys parsed once into aws-lc-rs key pairs, because the signature is the whole cost of a token.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding,
    RsaKeyPair,
};
use serde::Deserialize;

use super::jwk::PublicKey;
use super::{Algorithm, low_s};
use crate::base::Secret;
use crate::base::digest::from_base64url;

/// A private key ready to sign.
pub(super) enum SigningKey {
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

/// The private members of a JWK (RFC 7518 §6.2.2, §6.3.2; RFC 8037 §2).
#[derive(Deserialize)]
struct PrivateMembers {
    d: Secret<String>,
    p: Option<Secret<String>>,
    q: Option<Secret<String>>,
    dp: Option<Secret<String>>,
    dq: Option<Secret<String>>,
    qi: Option<Secret<String>>,
}

impl SigningKey {
    /// Parses the private JWK of `public`; `None` when the two do not belong together or do not fit `alg`.
    pub(super) fn open(alg: Algorithm, public: &PublicKey, private_jwk: &[u8]) -> Option<Self> {
        let private: PrivateMembers = serde_json::from_slice(private_jwk).ok()?;
        match (alg, public) {
            (Algorithm::Rs256, PublicKey::Rsa { n, e }) => {
                Some(Self::Rsa(open_rsa(n, e, &private)?, &RSA_PKCS1_SHA256))
            }
            (Algorithm::Ps256, PublicKey::Rsa { n, e }) => Some(Self::Rsa(open_rsa(n, e, &private)?, &RSA_PSS_SHA256)),
            (Algorithm::Es256, PublicKey::Ec { .. }) => EcdsaKeyPair::from_private_key_and_public_key(
                &ECDSA_P256_SHA256_FIXED_SIGNING,
                secret(Some(&private.d))?.expose(),
                &public.to_point()?,
            )
            .ok()
            .map(Self::Es256),
            (Algorithm::EdDsa, PublicKey::Ed25519 { x }) => {
                Ed25519KeyPair::from_seed_and_public_key(secret(Some(&private.d))?.expose(), x).ok().map(Self::EdDsa)
            }
            _ => None,
        }
    }

    /// The JWS signature over `text` (RFC 7518 §3, RFC 8037 §3.1); `None` when the library fails.
    pub(super) fn sign(&self, text: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Rsa(key, encoding) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(*encoding, &SystemRandom::new(), text, &mut signature).ok()?;
                Some(signature)
            }
            Self::Es256(key) => {
                let mut signature = key.sign(&SystemRandom::new(), text).ok()?.as_ref().to_vec();
                low_s::lower(&mut signature);
                Some(signature)
            }
            Self::EdDsa(key) => Some(key.try_sign(text).ok()?.as_ref().to_vec()),
        }
    }
}

fn open_rsa(modulus: &[u8], exponent: &[u8], private: &PrivateMembers) -> Option<RsaKeyPair> {
    let private_exponent = secret(Some(&private.d))?;
    let (p, q) = (secret(private.p.as_ref())?, secret(private.q.as_ref())?);
    let (dp, dq) = (secret(private.dp.as_ref())?, secret(private.dq.as_ref())?);
    let inverse = secret(private.qi.as_ref())?;
    RsaKeyPair::from_components(&KeyPairComponents {
        public_key: PublicKeyComponents { n: modulus, e: exponent },
        d: private_exponent.expose(),
        p: p.expose(),
        q: q.expose(),
        dP: dp.expose(),
        dQ: dq.expose(),
        qInv: inverse.expose(),
    })
    .ok()
}

fn secret(member: Option<&Secret<String>>) -> Option<Secret<Vec<u8>>> {
    member.and_then(|text| from_base64url(text.expose())).map(Secret::new)
}
