//! Public keys that clients register, and the assertions they sign with them
//! ([RFC 7523](https://www.rfc-editor.org/rfc/rfc7523), OpenID Connect Core §9 `private_key_jwt`).
//!
//! Assertions are rare beside our own tokens and their keys are many, so their keys are not kept parsed: josekit does it
//! on the spot.

use josekit::jwk::Jwk;
use josekit::jws::{ES256, EdDSA, JwsVerifier, PS256, RS256};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::compact::{Unverified, Verified};
use super::jwk::{KeyRefusal, Members, PublicKey};
use super::{Algorithm, JoseError};

/// Keys that a set may have; also what an assertion without `kid` can make us try.
pub const MAX_KEYS: usize = 20;

/// Members that only the owner of a key may hold (RFC 7518 §6.2.2, §6.3.2, §6.4).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Why a client's JWK Set is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwksRefusal {
    /// Not an object with an array `keys`.
    #[error("jwks must be an object with an array of keys")]
    NotASet,
    /// No key, or more than [`MAX_KEYS`].
    #[error("jwks must have 1 to 20 keys")]
    Count,
    /// A key is not acceptable.
    #[error("key {position} of jwks is refused: {why}")]
    Key {
        /// Its position, from 1.
        position: usize,
        /// What is wrong with it.
        why: KeyRefusal,
    },
}

/// Checks a JWK Set at registration: 1 to 20 public keys, RSA of 2048 bits or more, P-256, P-384, P-521 or Ed25519.
pub fn check_jwks(jwks: &Value) -> Result<(), JwksRefusal> {
    let keys = keys_of(jwks).ok_or(JwksRefusal::NotASet)?;
    if !(1..=MAX_KEYS).contains(&keys.len()) {
        return Err(JwksRefusal::Count);
    }
    for (position, jwk) in (1..).zip(keys) {
        read_key(jwk).map_err(|why| JwksRefusal::Key { position, why })?;
    }
    Ok(())
}

/// Verifies an assertion: its algorithm is one of `allowed` and fits the key's type, curve, `alg`, `use` and `key_ops`;
/// its `kid` chooses the key, without one every fitting key is tried. Checks no claim.
pub fn verify(jwks: &Value, token: &str, allowed: &[Algorithm]) -> Result<Verified, JoseError> {
    let unverified = Unverified::read(token)?;
    let alg = unverified.header.alg;
    if !allowed.contains(&alg) {
        return Err(JoseError::AlgorithmNotAllowed);
    }
    check_typ(unverified.header.typ.as_deref())?;
    let verifiers = fitting_keys(jwks, alg, unverified.header.kid.as_deref());
    if verifiers.is_empty() {
        return Err(JoseError::UnknownKey);
    }
    unverified.verify(|text, signature| {
        may_be_signature(alg, signature) && verifiers.iter().any(|key| key.verify(text, signature).is_ok())
    })
}

/// The `sub` of an assertion before verification: the client whose keys to verify with (RFC 7523 §3), and nothing else.
pub fn unverified_subject(token: &str) -> Result<String, JoseError> {
    let claims = Unverified::read(token)?.unverified_claims()?;
    match claims.get("sub") {
        Some(Value::String(subject)) => Ok(subject.clone()),
        _ => Err(JoseError::NotAnObject("payload")),
    }
}

/// Assertions carry no `typ`, `JWT`, or the one of draft-ietf-oauth-rfc7523bis; anything else (`at+jwt`, `logout+jwt`,
/// `dpop+jwt`) was signed for another purpose. Media types are compared without case and `application/` (RFC 7515 §4.1.9).
fn check_typ(typ: Option<&str>) -> Result<(), JoseError> {
    let Some(typ) = typ.map(str::to_ascii_lowercase) else { return Ok(()) };
    match typ.strip_prefix("application/").unwrap_or(&typ) {
        "jwt" | "client-authentication+jwt" => Ok(()),
        _ => Err(JoseError::WrongType),
    }
}

fn keys_of(jwks: &Value) -> Option<&Vec<Value>> {
    jwks.as_object()?.get("keys")?.as_array()
}

fn read_key(jwk: &Value) -> Result<(Members, PublicKey), KeyRefusal> {
    let map = jwk.as_object().ok_or(KeyRefusal::Malformed)?;
    if PRIVATE_MEMBERS.iter().any(|name| map.contains_key(*name)) {
        return Err(KeyRefusal::NotPublic);
    }
    let members = Members::deserialize(jwk).map_err(|_| KeyRefusal::Malformed)?;
    let key = PublicKey::read(&members)?;
    Ok((members, key))
}

fn fitting_keys(jwks: &Value, alg: Algorithm, kid: Option<&str>) -> Vec<Box<dyn JwsVerifier>> {
    let keys = keys_of(jwks).map(Vec::as_slice).unwrap_or_default();
    keys.iter()
        .take(MAX_KEYS)
        .filter_map(|jwk| read_key(jwk).ok())
        .filter(|(members, key)| key.fits(alg) && members.allow(alg))
        .filter(|(members, _)| kid.is_none() || members.kid.as_deref() == kid)
        .filter_map(|(_, key)| verifier(alg, key.members()))
        .collect()
}

fn verifier(alg: Algorithm, members: Map<String, Value>) -> Option<Box<dyn JwsVerifier>> {
    let jwk = Jwk::from_map(members).ok()?;
    match alg {
        Algorithm::Rs256 => Some(Box::new(RS256.verifier_from_jwk(&jwk).ok()?)),
        Algorithm::Ps256 => Some(Box::new(PS256.verifier_from_jwk(&jwk).ok()?)),
        Algorithm::Es256 => Some(Box::new(ES256.verifier_from_jwk(&jwk).ok()?)),
        Algorithm::EdDsa => Some(Box::new(EdDSA.verifier_from_jwk(&jwk).ok()?)),
    }
}

/// Refuses what no signer makes before a library sees it: wrong lengths, and the zeros of CVE-2022-21449.
fn may_be_signature(alg: Algorithm, signature: &[u8]) -> bool {
    let not_zero = |number: &[u8]| number.iter().any(|byte| *byte != 0);
    match alg {
        Algorithm::Rs256 | Algorithm::Ps256 => signature.len() >= 256 && not_zero(signature),
        Algorithm::Es256 => signature.len() == 64 && signature.chunks(32).all(not_zero),
        Algorithm::EdDsa => signature.len() == 64,
    }
}
