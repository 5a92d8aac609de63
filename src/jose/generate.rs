//! New signing keys, made or taken from an operator's file.

use josekit::jwk::Jwk;
use josekit::jwk::alg::ec::{EcCurve, EcKeyPair};
use josekit::jwk::alg::ed::{EdCurve, EdKeyPair};
use josekit::jwk::alg::rsa::RsaKeyPair;

use super::jwk::{Members, PublicKey};
use super::{Algorithm, JoseError};
use crate::base::seal::MasterKey;
use crate::base::{Entropy, Secret, Timestamp};
use crate::model::key::{KeyRecord, KeyState};

/// Bits of our RSA moduli: what every library accepts, and the cheapest to sign with.
const RSA_BITS: u32 = 2048;
/// What private JWKs are sealed for; the row is their `kid`.
pub(super) const PURPOSE: &str = "signing-key";

/// Makes a key, its private part sealed by `master` (`entropy` gives the nonce; the key itself is drawn by OpenSSL).
///
/// Making an RSA key takes tenths of a second of computing: call it where that blocks nobody.
pub fn generate(
    alg: Algorithm,
    state: KeyState,
    master: &MasterKey,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<KeyRecord, JoseError> {
    let private_jwk = private_jwk(alg).ok_or(JoseError::Generation(alg))?;
    record(alg, state, &private_jwk, master, entropy, now)
}

/// The record of a private key (PEM) that signs with `alg` from now on.
pub fn from_pem(
    alg: Algorithm,
    pem: &Secret<String>,
    master: &MasterKey,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<KeyRecord, JoseError> {
    let bytes = pem.expose().as_bytes();
    let pair = match alg {
        Algorithm::Rs256 | Algorithm::Ps256 => RsaKeyPair::from_pem(bytes).map(|pair| pair.to_jwk_private_key()),
        Algorithm::Es256 => EcKeyPair::from_pem(bytes, Some(EcCurve::P256)).map(|pair| pair.to_jwk_private_key()),
        Algorithm::EdDsa => EdKeyPair::from_pem(bytes).map(|pair| pair.to_jwk_private_key()),
    };
    let mut jwk = pair.map_err(|_| JoseError::NoSigningKey(alg))?;
    jwk.set_algorithm(alg.as_str());
    let private_jwk = Secret::new(jwk.to_string().into_bytes());
    record(alg, KeyState::Active, &private_jwk, master, entropy, now).map_err(|_| JoseError::NoSigningKey(alg))
}

fn record(
    alg: Algorithm,
    state: KeyState,
    private_jwk: &Secret<Vec<u8>>,
    master: &MasterKey,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<KeyRecord, JoseError> {
    let failed = || JoseError::Generation(alg);
    let members: Members = serde_json::from_slice(private_jwk.expose()).map_err(|_| failed())?;
    let public = PublicKey::read(&members).map_err(|_| failed())?;
    let kid = public.thumbprint();
    let sealed_private = master.seal(entropy, PURPOSE, &kid, private_jwk.expose());
    if sealed_private.is_empty() {
        return Err(failed());
    }
    Ok(KeyRecord {
        kid,
        alg: alg.as_str().to_owned(),
        state,
        public_jwk: public.to_jwk(alg).into(),
        sealed_private,
        created_at: now,
        changed_at: now,
    })
}

/// The text of a fresh private JWK that names its algorithm, so that the record's clear `alg` can be held to it.
fn private_jwk(alg: Algorithm) -> Option<Secret<Vec<u8>>> {
    let mut jwk = match alg {
        Algorithm::Rs256 | Algorithm::Ps256 => Jwk::generate_rsa_key(RSA_BITS),
        Algorithm::Es256 => Jwk::generate_ec_key(EcCurve::P256),
        Algorithm::EdDsa => Jwk::generate_ed_key(EdCurve::Ed25519),
    }
    .ok()?;
    jwk.set_algorithm(alg.as_str());
    Some(Secret::new(jwk.to_string().into_bytes()))
}
