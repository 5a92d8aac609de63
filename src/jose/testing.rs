//! Keys that the tests of this room share, made once.

use std::sync::LazyLock;

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
