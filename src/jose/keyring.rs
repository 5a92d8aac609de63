//! Signing keys in use, as an immutable snapshot: readers share it through an `Arc`, a change makes a new one.

use std::cmp::Reverse;
use std::fmt;

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::compact::{MAX_TOKEN_BYTES, Unverified, Verified};
use super::generate::PURPOSE;
use super::jwk::{KeyRefusal, Members, PublicKey};
use super::signing::SigningKey;
use super::verifying::VerifyingKey;
use super::{Algorithm, JoseError, Typ};
use crate::base::Timestamp;
use crate::base::digest::base64url;
use crate::base::seal::MasterKey;
use crate::model::key::{KeyRecord, KeyState};

/// The keys that sign and verify our tokens.
pub struct Keyring {
    keys: Vec<Key>,
    algorithms: Vec<Algorithm>,
    jwks: Bytes,
}

struct Key {
    kid: String,
    alg: Algorithm,
    state: KeyState,
    changed_at: Timestamp,
    public_jwk: Map<String, Value>,
    verifying: VerifyingKey,
    /// Of active keys alone: the others' private parts are not kept in memory.
    signing: Option<Signing>,
}

struct Signing {
    key: SigningKey,
    prefixes: Prefixes,
}

/// The encoded header and its dot, made once per key and type.
struct Prefixes {
    access_token: String,
    jwt: String,
    logout_token: String,
    introspection: String,
    request_object: String,
}

impl Keyring {
    /// Opens the records that are `next`, `active` or `retired`; `gone` ones are ignored.
    ///
    /// The clear columns are not trusted: the public key is taken from the sealed private one, and `kid` and `alg` must
    /// be those of that key. Who can write to the database but lacks the master key cannot have a key of his published.
    pub fn open(records: &[KeyRecord], master: &MasterKey) -> Result<Self, JoseError> {
        let live = records.iter().filter(|record| record.state != KeyState::Gone);
        let mut keys = live.map(|record| Key::open(record, master)).collect::<Result<Vec<_>, _>>()?;
        // Signing keys first: a reader that takes the first fitting key of the set is right most of the time.
        keys.sort_by(|a, b| a.order().cmp(&b.order()));
        let mut algorithms: Vec<_> = keys.iter().filter(|key| key.signing.is_some()).map(|key| key.alg).collect();
        algorithms.dedup();
        let jwks = json!({ "keys": keys.iter().map(|key| &key.public_jwk).collect::<Vec<_>>() });
        Ok(Self { jwks: Bytes::from(jwks.to_string()), keys, algorithms })
    }

    /// Signs `claims` as a compact JWS with `alg`, `typ` and `kid`.
    ///
    /// Refuses what would be longer than [`MAX_TOKEN_BYTES`], since we would not accept it back.
    pub fn sign<C: Serialize>(&self, alg: Algorithm, typ: Typ, claims: &C) -> Result<String, JoseError> {
        let key = self.active(alg).and_then(|key| key.signing.as_ref()).ok_or(JoseError::NoActiveKey(alg))?;
        let claims = serde_json::to_vec(claims).map_err(|_| JoseError::Claims)?;
        if claims.first() != Some(&b'{') {
            return Err(JoseError::Claims);
        }
        let mut token = [key.prefixes.of(typ), &base64url(&claims)].concat();
        let signature = key.key.sign(token.as_bytes()).ok_or(JoseError::Signing)?;
        token.push('.');
        token.push_str(&base64url(&signature));
        if token.len() > MAX_TOKEN_BYTES { Err(JoseError::TooLong) } else { Ok(token) }
    }

    /// The JWK Set document: public members of all keys, ready to send.
    pub const fn jwks(&self) -> &Bytes {
        &self.jwks
    }

    /// The algorithms with an active key.
    pub fn algorithms(&self) -> &[Algorithm] {
        &self.algorithms
    }

    /// The `kid` that signs tokens of `alg`.
    pub fn active_kid(&self, alg: Algorithm) -> Option<&str> {
        self.active(alg).map(|key| key.kid.as_str())
    }

    /// Verifies a token of ours: its `typ`, a known `kid`, the algorithm of that key, the signature. Checks no claim.
    pub fn verify(&self, token: &str, typ: Typ) -> Result<Verified, JoseError> {
        let unverified = Unverified::read(token)?;
        if unverified.header.typ.as_deref() != Some(typ.as_str()) {
            return Err(JoseError::WrongType);
        }
        let kid = unverified.header.kid.as_deref();
        let key = self.keys.iter().find(|key| Some(key.kid.as_str()) == kid).ok_or(JoseError::UnknownKey)?;
        if key.alg != unverified.header.alg {
            return Err(JoseError::WrongAlgorithm);
        }
        unverified.verify(|text, signature| key.verifying.is_signed(text, signature))
    }

    /// Verifies an ID token given as `id_token_hint`: signature and `typ`. It may have expired long ago (OpenID Connect
    /// RP-Initiated Logout §2), and a signed `UserInfo` response of ours passes too: the caller checks `exp`, `aud`, `iss`.
    pub fn verify_hint(&self, token: &str) -> Result<Verified, JoseError> {
        self.verify(token, Typ::IdToken)
    }

    fn active(&self, alg: Algorithm) -> Option<&Key> {
        self.keys.iter().find(|key| key.alg == alg && key.state == KeyState::Active)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| (&key.kid, key.alg, key.state))).finish()
    }
}

impl Key {
    fn open(record: &KeyRecord, master: &MasterKey) -> Result<Self, JoseError> {
        let private = master
            .open(PURPOSE, &record.kid, &record.sealed_private)
            .ok_or_else(|| JoseError::DoesNotOpen { kid: record.kid.clone() })?;
        Self::read(record, private.expose()).map_err(|why| JoseError::Unusable { kid: record.kid.clone(), why })
    }

    fn read(record: &KeyRecord, private_jwk: &[u8]) -> Result<Self, KeyRefusal> {
        let members: Members = serde_json::from_slice(private_jwk).map_err(|_| KeyRefusal::Malformed)?;
        let alg = Algorithm::parse(&record.alg)
            .filter(|alg| members.alg.as_deref() == Some(alg.as_str()))
            .ok_or(KeyRefusal::WrongAlgorithm)?;
        let public = PublicKey::read(&members)?;
        if public.thumbprint() != record.kid {
            return Err(KeyRefusal::WrongThumbprint);
        }
        let signing = match record.state {
            KeyState::Active => Some(Signing {
                key: SigningKey::open(alg, &public, private_jwk).ok_or(KeyRefusal::Invalid)?,
                prefixes: Prefixes::new(alg, &record.kid),
            }),
            KeyState::Next | KeyState::Retired | KeyState::Gone => None,
        };
        Ok(Self {
            kid: record.kid.clone(),
            alg,
            state: record.state,
            changed_at: record.changed_at,
            public_jwk: public.to_jwk(alg),
            verifying: VerifyingKey::new(alg, &public).ok_or(KeyRefusal::WrongAlgorithm)?,
            signing,
        })
    }

    /// Active keys first, then by algorithm, the newest first: should two keys of an algorithm be active, that one signs.
    fn order(&self) -> (bool, Algorithm, Reverse<Timestamp>, &str) {
        (self.state != KeyState::Active, self.alg, Reverse(self.changed_at), &self.kid)
    }
}

impl Prefixes {
    fn new(alg: Algorithm, kid: &str) -> Self {
        let prefix = |typ: Typ| {
            let header = json!({ "alg": alg.as_str(), "typ": typ.as_str(), "kid": kid });
            format!("{}.", base64url(header.to_string().as_bytes()))
        };
        Self {
            access_token: prefix(Typ::AccessToken),
            jwt: prefix(Typ::IdToken),
            logout_token: prefix(Typ::LogoutToken),
            introspection: prefix(Typ::Introspection),
            request_object: prefix(Typ::RequestObject),
        }
    }

    fn of(&self, typ: Typ) -> &str {
        match typ {
            Typ::AccessToken => &self.access_token,
            Typ::IdToken | Typ::UserInfo | Typ::ClientAssertion => &self.jwt,
            Typ::LogoutToken => &self.logout_token,
            Typ::Introspection => &self.introspection,
            Typ::RequestObject => &self.request_object,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::testing::{NOW, RECORDS, RING, key, master};
    use std::time::Duration;

    fn refusal(record: KeyRecord) -> JoseError {
        Keyring::open(&[record], &master()).unwrap_err()
    }

    #[test]
    fn d64_only_public_members_are_published() {
        let set: Value = serde_json::from_slice(RING.jwks()).unwrap();
        let keys = set["keys"].as_array().unwrap();
        assert_eq!(keys.len(), 4);
        for (jwk, record) in keys.iter().zip(RECORDS.iter()) {
            assert_eq!(*jwk, record.public_jwk);
            let names: Vec<_> = jwk.as_object().unwrap().keys().map(String::as_str).collect();
            let expected: &[&str] = match jwk["kty"].as_str().unwrap() {
                "RSA" => &["e", "kty", "n", "kid", "alg", "use"],
                "EC" => &["crv", "kty", "x", "y", "kid", "alg", "use"],
                _ => &["crv", "kty", "x", "kid", "alg", "use"],
            };
            assert_eq!(names, expected);
            assert_eq!((&jwk["use"], &jwk["kid"]), (&json!("sig"), &json!(record.kid)));
        }
        assert_eq!(RING.algorithms(), Algorithm::ALL);
    }

    #[test]
    fn d65_next_is_published_and_retired_still_verifies() {
        let mut record = key(Algorithm::EdDsa, KeyState::Active);
        let signed = Keyring::open(std::slice::from_ref(&record), &master()).unwrap();
        let token = signed.sign(Algorithm::EdDsa, Typ::IdToken, &json!({ "sub": "1" })).unwrap();
        for (state, known) in [(KeyState::Next, true), (KeyState::Retired, true), (KeyState::Gone, false)] {
            record.state = state;
            let ring = Keyring::open(std::slice::from_ref(&record), &master()).unwrap();
            assert_eq!(String::from_utf8_lossy(ring.jwks()).contains(&record.kid), known, "{state:?}");
            assert_eq!(ring.verify_hint(&token).is_ok(), known, "{state:?}");
            assert_eq!((ring.active_kid(Algorithm::EdDsa), ring.algorithms()), (None, &[][..]));
            let refused = ring.sign(Algorithm::EdDsa, Typ::IdToken, &json!({})).unwrap_err();
            assert_eq!(refused, JoseError::NoActiveKey(Algorithm::EdDsa));
        }
    }

    #[test]
    fn the_newest_of_two_active_keys_signs() {
        let old = key(Algorithm::EdDsa, KeyState::Active);
        let mut new = key(Algorithm::EdDsa, KeyState::Active);
        new.changed_at = NOW.plus(Duration::from_secs(1));
        let ring = Keyring::open(&[old, new.clone()], &master()).unwrap();
        assert_eq!(ring.active_kid(Algorithm::EdDsa), Some(new.kid.as_str()));
        assert_eq!(ring.algorithms(), [Algorithm::EdDsa]);
    }

    #[test]
    fn a_record_that_does_not_open_is_named() {
        let record = || RECORDS[2].clone();
        let kid = record().kid;
        let other_master = Keyring::open(&[record()], &MasterKey::new([8; 32])).unwrap_err();
        assert_eq!(other_master, JoseError::DoesNotOpen { kid: kid.clone() });
        assert!(other_master.to_string().contains(&kid));
        let moved = KeyRecord { sealed_private: RECORDS[3].sealed_private.clone(), ..record() };
        assert_eq!(refusal(moved), JoseError::DoesNotOpen { kid: kid.clone() });
        assert_eq!(refusal(KeyRecord { sealed_private: Vec::new(), ..record() }), JoseError::DoesNotOpen { kid });
    }

    #[test]
    fn clear_columns_changed_in_the_database_do_not_count() {
        let unusable = |record: KeyRecord, why| {
            let kid = record.kid.clone();
            assert_eq!(refusal(record), JoseError::Unusable { kid, why });
        };
        unusable(KeyRecord { alg: "PS256".to_owned(), ..RECORDS[0].clone() }, KeyRefusal::WrongAlgorithm);
        unusable(KeyRecord { alg: "HS256".to_owned(), ..RECORDS[0].clone() }, KeyRefusal::WrongAlgorithm);
        let theirs = key(Algorithm::Es256, KeyState::Active).public_jwk;
        let ring = Keyring::open(&[KeyRecord { public_jwk: theirs, ..RECORDS[2].clone() }], &master()).unwrap();
        let set: Value = serde_json::from_slice(ring.jwks()).unwrap();
        assert_eq!(set["keys"][0], RECORDS[2].public_jwk);
    }

    #[test]
    fn claims_must_be_an_object() {
        for claims in [json!([]), json!("text"), json!(null)] {
            assert_eq!(RING.sign(Algorithm::EdDsa, Typ::IdToken, &claims), Err(JoseError::Claims));
        }
    }

    #[test]
    fn nothing_private_is_shown() {
        let shown = format!("{:?} {:?}", *RING, RECORDS[2].kid);
        assert!(shown.contains("Es256") && !shown.contains("EcdsaKeyPair"), "{shown}");
    }
}
