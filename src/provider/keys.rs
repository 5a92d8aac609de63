//! The present keyring, shared by all requests and replaced whole when keys change.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crate::base::seal::MasterKey;
use crate::base::{Clock, Entropy, Timestamp};
use crate::jose::rotation::{self, Change, Policy};
use crate::jose::{Algorithm, Keyring, generate};
use crate::model::key::KeyRecord;
use crate::oauth::{ErrorCode, OAuthError};
use crate::store::{Conn, Store};

use super::ProviderError;

/// Holds the keyring.
#[derive(Debug, Clone)]
pub struct KeyringHandle {
    present: Arc<RwLock<Arc<Keyring>>>,
    master: MasterKey,
}

impl KeyringHandle {
    /// Opens the stored keys.
    pub async fn open(store: &Store, master: MasterKey) -> Result<Self, ProviderError> {
        let keyring = load(store, &master).await?;
        Ok(Self { present: Arc::new(RwLock::new(Arc::new(keyring))), master })
    }

    /// The keyring as it is now.
    pub fn current(&self) -> Arc<Keyring> {
        Arc::clone(&self.present.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the stored keys again.
    pub async fn reload(&self, store: &Store) -> Result<(), ProviderError> {
        let keyring = Arc::new(load(store, &self.master).await?);
        *self.present.write().unwrap_or_else(PoisonError::into_inner) = keyring;
        Ok(())
    }
}

async fn load(store: &Store, master: &MasterKey) -> Result<Keyring, ProviderError> {
    let records = store.read().await?.keys().await?;
    Ok(Keyring::open(&records, master)?)
}

/// When keys change.
#[derive(Debug, Clone)]
pub struct RotationPolicy {
    /// Algorithms that have keys.
    pub algorithms: Vec<Algorithm>,
    /// How long a key is published before it signs.
    pub prepublish: Duration,
    /// How long a key verifies after its last signature.
    pub retire_after: Duration,
    /// How long a key signs.
    pub active_for: Duration,
}

/// What makes new keys.
#[derive(Debug, Clone)]
pub struct KeyMaker {
    /// What private keys are sealed under.
    pub master: MasterKey,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// Which rotation is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// Only what is due by age; on a new store, the first keys.
    Due,
    /// Now: `next` signs, `active` retires, a new `next` is published. For one algorithm or all.
    Now(Option<Algorithm>),
}

/// Carries out a rotation; replicas that rotate at once make one set of keys. Gives the changes made.
pub async fn rotate(
    store: &Store,
    maker: KeyMaker,
    policy: &RotationPolicy,
    rotation: Rotation,
) -> Result<Vec<Change>, ProviderError> {
    let planned = Policy {
        algorithms: policy.algorithms.clone(),
        prepublish: policy.prepublish,
        retire_after: policy.retire_after,
        active_for: Some(policy.active_for),
    };
    let plan = {
        let planned = planned.clone();
        move |records: &[KeyRecord], now| match rotation {
            Rotation::Due => rotation::due(records, now, &planned),
            Rotation::Now(only) => rotation::rotate_now(records, now, &planned, only),
        }
    };
    let now = maker.clock.now();
    let foreseen = plan(&store.read().await?.keys().await?, now);
    let fresh = make(foreseen, maker, now).await?;
    store
        .write("rotate_keys", move |tx| {
            Box::pin(async move {
                tx.lock_keys().await?;
                let changes = plan(&tx.keys().await?, now);
                apply(tx, &changes, fresh, now).await?;
                Ok(changes)
            })
        })
        .await
}

/// Makes the foreseen keys, before the transaction and off the runtime's workers: RSA takes longer than either may be held.
async fn make(foreseen: Vec<Change>, maker: KeyMaker, now: Timestamp) -> Result<Vec<KeyRecord>, ProviderError> {
    let made = tokio::task::spawn_blocking(move || {
        let wanted = foreseen.iter().filter_map(|change| match change {
            Change::Generate(algorithm, state) => Some((*algorithm, *state)),
            Change::Move { .. } => None,
        });
        wanted
            .map(|(algorithm, state)| generate(algorithm, state, &maker.master, maker.entropy.as_ref(), now))
            .collect::<Result<Vec<_>, _>>()
    });
    match made.await {
        Ok(records) => Ok(records?),
        Err(error) => Err(OAuthError::new(ErrorCode::ServerError).detail(error.to_string()).into()),
    }
}

async fn apply(
    tx: &mut Conn,
    changes: &[Change],
    mut fresh: Vec<KeyRecord>,
    now: Timestamp,
) -> Result<(), ProviderError> {
    for change in changes {
        match change {
            Change::Move { kid, from, to } => {
                tx.set_key_state(kid, *from, *to, now).await?;
            }
            Change::Generate(algorithm, state) => {
                let made = fresh.iter().position(|key| key.alg == algorithm.as_str() && key.state == *state);
                if let Some(at) = made {
                    tx.insert_key(&fresh.swap_remove(at)).await?;
                }
            }
        }
    }
    Ok(())
}
