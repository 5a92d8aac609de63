//! Public keys that clients register, and the assertions they sign with them
//! ([RFC 7523](https://www.rfc-editor.org/rfc/rfc7523), OpenID Connect Core §9 `private_key_jwt`).
//!
//! Assertions are rare beside our own tokens and their keys are many, so their keys are not kept parsed: josekit does it
//! on the spot.

use josekit::jwk::Jwk;
use josekit::jws::{ES256, EdDSA, JwsVerifier, PS256, RS256};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::compact::{Unverified, Verified};
use super::jwk::{KeyRefusal, Members, PublicKey};
use super::{Algorithm, JoseError, MAX_TOKEN_BYTES, client_mac};

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

/// What is kept of a JWK Set that a client publishes: the keys that we can use, with the members that we read. Keys of other
/// kinds stand there for others (RFC 7517 §5). A private key makes the whole set doubtful.
pub fn published(set: &Value) -> Result<Value, JwksRefusal> {
    let keys = keys_of(set).ok_or(JwksRefusal::NotASet)?;
    if !(1..=MAX_KEYS).contains(&keys.len()) {
        return Err(JwksRefusal::Count);
    }
    let mut kept = Vec::new();
    for (position, jwk) in (1..).zip(keys) {
        match read_key(jwk) {
            Ok(_) => kept.push(only_read_members(jwk)),
            Err(KeyRefusal::NotPublic) => return Err(JwksRefusal::Key { position, why: KeyRefusal::NotPublic }),
            Err(_) => {}
        }
    }
    Ok(json!({ "keys": kept }))
}

fn only_read_members(jwk: &Value) -> Value {
    const READ: [&str; 10] = ["kty", "crv", "n", "e", "x", "y", "kid", "alg", "use", "key_ops"];
    let members = READ.iter().filter_map(|name| Some(((*name).to_owned(), jwk.get(name)?.clone())));
    Value::Object(members.collect())
}

/// Whether [`verify`] could ever accept `token`, whatever the keys are.
pub fn check_form(token: &str, allowed: &[Algorithm]) -> Result<(), JoseError> {
    read_allowed(token, allowed, CLIENT_KIND).map(|_| ())
}

/// What clients sign carries no `typ`, `JWT`, or its own (draft-ietf-oauth-rfc7523bis, RFC 9101 §10.8), between which the
/// caller tells.
const CLIENT_KIND: Kind =
    Kind { types: &["jwt", "client-authentication+jwt", "oauth-authz-req+jwt"], longest: MAX_TOKEN_BYTES };

/// A kind of token that others sign.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// What its `typ` may be, where it has one, in lower case and without `application/`.
    pub types: &'static [&'static str],
    /// How long it may be, in bytes.
    pub longest: usize,
}

fn read_allowed<'a>(token: &'a str, allowed: &[Algorithm], kind: Kind) -> Result<Unverified<'a>, JoseError> {
    let unverified = Unverified::read_up_to(token, kind.longest, Algorithm::parse)?;
    if !allowed.contains(&unverified.header.alg) {
        return Err(JoseError::AlgorithmNotAllowed);
    }
    check_typ(unverified.header.typ.as_deref(), kind.types)?;
    Ok(unverified)
}

/// Verifies an assertion: its algorithm is one of `allowed` and fits the key's type, curve, `alg`, `use` and `key_ops`;
/// its `kid` chooses the key, without one every fitting key is tried. Checks no claim.
pub fn verify(jwks: &Value, token: &str, allowed: &[Algorithm]) -> Result<Verified, JoseError> {
    verify_kind(jwks, token, allowed, CLIENT_KIND)
}

/// The same for a token of another kind.
pub fn verify_kind(jwks: &Value, token: &str, allowed: &[Algorithm], kind: Kind) -> Result<Verified, JoseError> {
    let unverified = read_allowed(token, allowed, kind)?;
    let alg = unverified.header.alg;
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
    let of_assertions = |name: &str| (name == client_mac::ALGORITHM || Algorithm::parse(name).is_some()).then_some(());
    match Unverified::read_as(token, of_assertions)?.unverified_claims()?.remove("sub") {
        Some(Value::String(subject)) => Ok(subject),
        _ => Err(JoseError::NoSubject),
    }
}

/// A `typ` that is not expected was signed for another purpose (`at+jwt`, `dpop+jwt`). Media types are compared without
/// case and `application/` (RFC 7515 §4.1.9).
fn check_typ(typ: Option<&str>, types: &[&str]) -> Result<(), JoseError> {
    let Some(typ) = typ.map(str::to_ascii_lowercase) else { return Ok(()) };
    let short = typ.strip_prefix("application/").unwrap_or(&typ);
    if types.contains(&short) { Ok(()) } else { Err(JoseError::WrongType) }
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

/// The acceptable keys of a set, in its order.
pub(super) fn readable_keys(jwks: &Value) -> impl Iterator<Item = (Members, PublicKey)> {
    let keys = keys_of(jwks).map(Vec::as_slice).unwrap_or_default();
    keys.iter().take(MAX_KEYS).filter_map(|jwk| read_key(jwk).ok())
}

fn fitting_keys(jwks: &Value, alg: Algorithm, kid: Option<&str>) -> Vec<Box<dyn JwsVerifier>> {
    readable_keys(jwks)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::base64url;
    use crate::jose::Typ;
    use crate::jose::testing::{RECORDS, RING, private_jwk, signer};
    use josekit::jws::{self, JwsHeader};

    /// The public JWK of the fixture, with changes; null removes.
    fn public(alg: Algorithm, change: &Value) -> Value {
        let mut jwk = RECORDS.iter().find(|record| record.alg == alg.as_str()).unwrap().public_jwk.clone();
        for (name, value) in change.as_object().unwrap() {
            jwk[name] = value.clone();
        }
        jwk.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        jwk
    }

    fn set(keys: &[Value]) -> Value {
        json!({ "keys": keys })
    }

    fn assertion(alg: Algorithm, header: &Value) -> String {
        let header = JwsHeader::from_map(header.as_object().unwrap().clone()).unwrap();
        jws::serialize_compact(br#"{"iss":"app","sub":"app"}"#, &header, &*signer(alg)).unwrap()
    }

    fn refusal(jwks: &Value, token: &str) -> JoseError {
        verify(jwks, token, &Algorithm::ALL).unwrap_err()
    }

    #[test]
    fn an_assertion_of_each_algorithm_verifies() {
        for alg in Algorithm::ALL {
            for header in
                [json!({}), json!({ "typ": "JWT" }), json!({ "typ": "application/Client-Authentication+JWT" })]
            {
                let token = assertion(alg, &header);
                let jwks = set(&[public(alg, &json!({}))]);
                assert_eq!(check_jwks(&jwks), Ok(()));
                assert_eq!(unverified_subject(&token).as_deref(), Ok("app"));
                let verified = verify(&jwks, &token, &[alg]).unwrap();
                assert_eq!(verified.claims["sub"], "app");
                let others: Vec<_> = Algorithm::ALL.into_iter().filter(|other| *other != alg).collect();
                assert_eq!(verify(&jwks, &token, &others).unwrap_err(), JoseError::AlgorithmNotAllowed);
            }
        }
    }

    #[test]
    fn both_twins_of_an_ecdsa_assertion_verify() {
        let jwks = set(&[public(Algorithm::Es256, &json!({}))]);
        for _ in 0..16 {
            assert!(verify(&jwks, &assertion(Algorithm::Es256, &json!({})), &Algorithm::ALL).is_ok());
        }
    }

    #[test]
    fn tokens_for_other_purposes_are_no_assertions() {
        let jwks = set(&[public(Algorithm::Es256, &json!({}))]);
        for typ in ["at+jwt", "logout+jwt", "dpop+jwt", "token-introspection+jwt", "secevent+jwt", ""] {
            assert_eq!(refusal(&jwks, &assertion(Algorithm::Es256, &json!({ "typ": typ }))), JoseError::WrongType);
        }
        assert!(
            verify(&jwks, &RING.sign(Algorithm::Es256, Typ::AccessToken, &json!({})).unwrap(), &Algorithm::ALL)
                .is_err()
        );
    }

    #[test]
    fn the_kid_chooses_and_without_one_every_fitting_key_is_tried() {
        let other = crate::jose::testing::key(Algorithm::Es256, crate::model::key::KeyState::Active).public_jwk;
        let ours = public(Algorithm::Es256, &json!({ "kid": "ours" }));
        let jwks = set(&[other.clone(), public(Algorithm::Rs256, &json!({})), ours]);
        let with = |kid: &Value| assertion(Algorithm::Es256, &json!({ "kid": kid }));
        assert!(verify(&jwks, &assertion(Algorithm::Es256, &json!({})), &Algorithm::ALL).is_ok());
        assert!(verify(&jwks, &with(&json!("ours")), &Algorithm::ALL).is_ok());
        assert_eq!(refusal(&jwks, &with(&other["kid"])), JoseError::BadSignature);
        assert_eq!(refusal(&jwks, &with(&json!("unknown"))), JoseError::UnknownKey);
        assert_eq!(refusal(&set(&[]), &with(&json!("ours"))), JoseError::UnknownKey);
        assert_eq!(refusal(&json!(null), &with(&json!("ours"))), JoseError::UnknownKey);
    }

    #[test]
    fn a_key_for_another_use_does_not_verify() {
        let token = assertion(Algorithm::Rs256, &json!({}));
        for change in [
            json!({ "alg": "PS256" }),
            json!({ "alg": "RS512" }),
            json!({ "use": "enc" }),
            json!({ "key_ops": ["encrypt"] }),
        ] {
            let jwks = set(&[public(Algorithm::Rs256, &change)]);
            assert_eq!(refusal(&jwks, &token), JoseError::UnknownKey, "{change}");
        }
        for change in [json!({ "alg": null }), json!({ "use": null, "kid": null }), json!({ "key_ops": ["verify"] })] {
            let jwks = set(&[public(Algorithm::Rs256, &change)]);
            assert!(verify(&jwks, &token, &Algorithm::ALL).is_ok(), "{change}");
        }
        for alg in [Algorithm::Es256, Algorithm::EdDsa] {
            let jwks = set(&[public(alg, &json!({ "alg": null }))]);
            assert_eq!(refusal(&jwks, &token), JoseError::UnknownKey, "{alg}");
        }
    }

    #[test]
    fn what_registration_refuses() {
        let refused = |jwk: Value| check_jwks(&set(&[public(Algorithm::EdDsa, &json!({})), jwk]));
        let key = |why| Err(JwksRefusal::Key { position: 2, why });
        for name in PRIVATE_MEMBERS {
            assert_eq!(
                refused(public(Algorithm::Es256, &json!({ name: "AQAB" }))),
                key(KeyRefusal::NotPublic),
                "{name}"
            );
        }
        assert_eq!(refused(private_jwk(Algorithm::Rs256)), key(KeyRefusal::NotPublic));
        assert_eq!(refused(json!({ "kty": "oct" })), key(KeyRefusal::NotPublic));
        let short = base64url(&[0xff; 128]);
        assert_eq!(refused(public(Algorithm::Rs256, &json!({ "n": short }))), key(KeyRefusal::RsaSize));
        for change in [json!({ "crv": "secp256k1" }), json!({ "kty": "EX" }), json!({ "kty": "OKP" })] {
            assert_eq!(refused(public(Algorithm::Es256, &change)), key(KeyRefusal::Unsupported), "{change}");
        }
        for change in [
            json!({ "kty": null }),
            json!({ "crv": null }),
            json!({ "x": null }),
            json!({ "x": "AQAB" }),
            json!({ "x": 1 }),
            json!({ "kid": 1 }),
            json!({ "use": ["sig"] }),
        ] {
            assert_eq!(refused(public(Algorithm::Es256, &change)), key(KeyRefusal::Malformed), "{change}");
        }
        assert_eq!(refused(json!("key")), key(KeyRefusal::Malformed));
        for odd in [json!(null), json!([]), json!({}), json!({ "keys": {} }), public(Algorithm::Es256, &json!({}))] {
            assert_eq!(check_jwks(&odd), Err(JwksRefusal::NotASet), "{odd}");
        }
        let many = |count| set(&vec![public(Algorithm::Es256, &json!({})); count]);
        assert_eq!((check_jwks(&many(0)), check_jwks(&many(21))), (Err(JwksRefusal::Count), Err(JwksRefusal::Count)));
        assert_eq!(check_jwks(&many(20)), Ok(()));
    }

    #[test]
    fn an_assertion_without_subject_names_nobody() {
        for claims in [json!({ "iss": "app" }), json!({ "sub": 1 }), json!({ "sub": ["app"] })] {
            let token = RING.sign(Algorithm::EdDsa, Typ::IdToken, &claims).unwrap();
            assert_eq!(unverified_subject(&token), Err(JoseError::NoSubject), "{claims}");
        }
        assert_eq!(unverified_subject("a.b"), Err(JoseError::NotCompact));
    }

    #[test]
    fn other_curves_may_be_registered() {
        use josekit::jwk::alg::ec::{EcCurve, EcKeyPair};
        for curve in [EcCurve::P384, EcCurve::P521] {
            let pair = EcKeyPair::generate(curve).unwrap();
            let jwk = Value::Object(josekit::jwk::KeyPair::to_jwk_public_key(&pair).as_ref().clone());
            assert_eq!(check_jwks(&set(&[jwk])), Ok(()), "{curve}");
        }
    }

    #[test]
    fn of_a_published_set_what_we_can_use_is_kept() {
        let ours = public(Algorithm::Es256, &json!({ "x5c": ["MIIB"], "kid": "1" }));
        let x25519 = json!({ "kty": "OKP", "crv": "X25519", "x": "AA" });
        let kept = published(&set(&[x25519.clone(), ours.clone()])).unwrap();
        assert_eq!(kept, set(&[public(Algorithm::Es256, &json!({ "kid": "1" }))]));
        assert_eq!(published(&set(&[x25519])), Ok(set(&[])));
        let why = KeyRefusal::NotPublic;
        let leaked = public(Algorithm::Es256, &json!({ "d": "AQ" }));
        assert_eq!(published(&set(&[ours.clone(), leaked])), Err(JwksRefusal::Key { position: 2, why }));
        assert_eq!(published(&set(&vec![ours; 21])), Err(JwksRefusal::Count));
        assert_eq!(published(&set(&[])), Err(JwksRefusal::Count));
        for odd in [json!(null), json!([]), json!({ "keys": {} })] {
            assert_eq!(published(&odd), Err(JwksRefusal::NotASet));
        }
    }

    #[test]
    fn a_keyring_of_ours_is_an_acceptable_set() {
        assert_eq!(check_jwks(&serde_json::from_slice(RING.jwks()).unwrap()), Ok(()));
    }
}
