//! Keys that the tests of this room share, made once.

use std::sync::LazyLock;

use josekit::jwk::Jwk;
use josekit::jws::{self, JwsSigner};

use super::{Algorithm, Keyring, generate};
use crate::base::Timestamp;
use crate::base::entropy::SystemEntropy;
use crate::base::seal::MasterKey;
use crate::model::key::{KeyRecord, KeyState};

pub(super) const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

pub(super) fn master() -> MasterKey {
    MasterKey::new([7; 32])
}

pub(super) fn key(alg: Algorithm, state: KeyState) -> KeyRecord {
    generate(alg, state, &master(), &SystemEntropy, NOW).unwrap()
}

/// An active key of each algorithm.
pub(super) static RECORDS: LazyLock<Vec<KeyRecord>> =
    LazyLock::new(|| Algorithm::ALL.into_iter().map(|alg| key(alg, KeyState::Active)).collect());

pub(super) static RING: LazyLock<Keyring> = LazyLock::new(|| Keyring::open(&RECORDS, &master()).unwrap());

/// The private JWK of an active key.
pub(super) fn private_jwk(alg: Algorithm) -> serde_json::Value {
    let record = RECORDS.iter().find(|record| record.alg == alg.as_str()).unwrap();
    let opened = master().open("signing-key", &record.kid, &record.sealed_private).unwrap();
    serde_json::from_slice(opened.expose()).unwrap()
}

/// josekit's signer with an active key.
pub(super) fn signer(alg: Algorithm) -> Box<dyn JwsSigner> {
    let jwk = Jwk::from_map(private_jwk(alg).as_object().unwrap().clone()).unwrap();
    match alg {
        Algorithm::Rs256 => Box::new(jws::RS256.signer_from_jwk(&jwk).unwrap()),
        Algorithm::Ps256 => Box::new(jws::PS256.signer_from_jwk(&jwk).unwrap()),
        Algorithm::Es256 => Box::new(jws::ES256.signer_from_jwk(&jwk).unwrap()),
        Algorithm::EdDsa => Box::new(jws::EdDSA.signer_from_jwk(&jwk).unwrap()),
    }
}
