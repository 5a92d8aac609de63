//! Keys that sign what is for one upstream: request objects and client assertions.
//!
//! Each upstream that is signed for has keys of its own, published at `/federation/<name>/jwks` and nowhere else. The
//! provider's keys sign none of this: in a request object the upstream chooses `iss`, which is our name there, and what it
//! chose must never stand under a key that vouches for people. Nor do two upstreams share a key, so that what one was given
//! proves nothing to another. Private parts are sealed under a key that is derived for the upstream.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::error::FederationError;
use super::settings::{ClientAuth, RequestObject, Settings};
use crate::base::digest::base64url;
use crate::base::seal::MasterKey;
use crate::base::{Clock, Entropy, Secret, Timestamp, entropy};
use crate::jose::rotation::{self, Change, Policy};
use crate::jose::{Algorithm, JoseError, Keyring, Typ, from_pem, generate};
use crate::model::key::KeyRecord;
use crate::store::{Conn, Store};

/// How long a key stays published after its last signature: longer than anything signed here is good.
const RETIRED_FOR: Duration = Duration::from_secs(3_600);

/// When these keys change: as the provider's do.
#[derive(Debug, Clone, Copy)]
pub struct KeyLife {
    /// How long a key is published before it signs.
    pub prepublish: Duration,
    /// How long a key signs.
    pub active_for: Duration,
}

/// The keys for one upstream. Clones share them.
#[derive(Clone)]
pub struct OwnKeys(Arc<Inner>);

struct Inner {
    upstream: String,
    algorithms: Vec<Algorithm>,
    /// Whether an operator's file holds the one key.
    is_fixed: bool,
    master: MasterKey,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    present: RwLock<Option<Arc<Keyring>>>,
}

impl fmt::Debug for OwnKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnKeys").field("algorithms", &self.0.algorithms).finish_non_exhaustive()
    }
}

/// What signs for this upstream.
fn wanted(settings: &Settings) -> Vec<Algorithm> {
    let requests = &settings.requests;
    let object = requests.object_alg.filter(|_| requests.object != RequestObject::Off);
    let assertion = (settings.auth == ClientAuth::Key).then_some(requests.assertion_alg);
    object.into_iter().chain(assertion).collect::<BTreeSet<_>>().into_iter().collect()
}

impl OwnKeys {
    /// The keys for an upstream; those of an operator's file are there at once, others come with [`Self::rotate`].
    pub(super) fn of(
        settings: &Settings,
        file: Option<&Secret<String>>,
        master: &MasterKey,
        (clock, entropy): (&Arc<dyn Clock>, &Arc<dyn Entropy>),
    ) -> Result<Self, JoseError> {
        let algorithms = wanted(settings);
        let own = MasterKey::new(*master.derive(&format!("upstream-keys\n{}", settings.name)).expose());
        let fixed = match file {
            Some(pem) => {
                let records = algorithms.iter().map(|alg| from_pem(*alg, pem, &own, entropy.as_ref(), clock.now()));
                Some(Arc::new(Keyring::open(&records.collect::<Result<Vec<_>, _>>()?, &own)?))
            }
            None => None,
        };
        Ok(Self(Arc::new(Inner {
            upstream: settings.name.clone(),
            algorithms,
            is_fixed: file.is_some(),
            master: own,
            clock: Arc::clone(clock),
            entropy: Arc::clone(entropy),
            present: RwLock::new(fixed),
        })))
    }

    pub(super) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// 256 random bits as text.
    pub(super) fn random(&self) -> String {
        base64url(&entropy::bytes::<32>(self.0.entropy.as_ref()))
    }

    /// Signs with the key of `alg`.
    pub(super) fn sign<C: Serialize>(&self, alg: Algorithm, typ: Typ, claims: &C) -> Result<String, FederationError> {
        let ring = self.present().ok_or(JoseError::NoActiveKey(alg));
        // A fault of ours, and nothing that the upstream said.
        ring.and_then(|ring| ring.sign(alg, typ, claims)).map_err(|error| FederationError::Down(error.to_string()))
    }

    /// Whether anything is signed for this upstream.
    pub(super) fn is_used(&self) -> bool {
        !self.0.algorithms.is_empty()
    }

    /// The public keys, for the upstream to verify with.
    pub(super) fn jwks(&self) -> Vec<Value> {
        let set = self.present().and_then(|ring| serde_json::from_slice::<Value>(ring.jwks()).ok());
        set.and_then(|set| set.get("keys")?.as_array().cloned()).unwrap_or_default()
    }

    fn present(&self) -> Option<Arc<Keyring>> {
        self.0.present.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the database holds them.
    pub(super) fn is_kept(&self) -> bool {
        self.is_used() && !self.0.is_fixed
    }

    /// Reads them again.
    pub(super) async fn reload(&self, store: &Store) -> Result<(), FederationError> {
        if self.is_kept() {
            let records = store.read().await?.upstream_keys(&self.0.upstream).await?;
            let ring = Keyring::open(&records, &self.0.master)?;
            *self.0.present.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(ring));
        }
        Ok(())
    }

    /// Makes, moves and lets go of what is due, or with `now` has the next key sign at once; replicas that do so at once make one set of keys.
    pub(super) async fn rotate(&self, store: &Store, life: KeyLife, at_once: bool) -> Result<(), FederationError> {
        if !self.is_kept() {
            return Ok(());
        }
        let plan = move |records: &[KeyRecord], now, policy: &Policy| {
            if at_once { rotation::rotate_now(records, now, policy, None) } else { rotation::due(records, now, policy) }
        };
        let policy = Policy {
            algorithms: self.0.algorithms.clone(),
            prepublish: life.prepublish,
            retire_after: RETIRED_FOR,
            active_for: Some(life.active_for),
        };
        let now = self.now();
        let name = self.0.upstream.clone();
        let foreseen = plan(&store.read().await?.upstream_keys(&name).await?, now, &policy);
        if foreseen.is_empty() {
            return Ok(());
        }
        let fresh = self.make(foreseen, now).await?;
        store
            .write("rotate_upstream_keys", move |tx| {
                Box::pin(async move {
                    tx.lock_keys().await?;
                    let changes = plan(&tx.upstream_keys(&name).await?, now, &policy);
                    apply(tx, &name, &changes, fresh, now).await
                })
            })
            .await
    }

    /// Makes the foreseen keys before the transaction and off the runtime's workers: RSA takes longer than either may be held.
    async fn make(&self, foreseen: Vec<Change>, now: Timestamp) -> Result<Vec<KeyRecord>, FederationError> {
        let own = Arc::clone(&self.0);
        let made = tokio::task::spawn_blocking(move || {
            let wanted = foreseen.iter().filter_map(|change| match change {
                Change::Generate(alg, state) => Some((*alg, *state)),
                Change::Move { .. } => None,
            });
            wanted
                .map(|(alg, state)| generate(alg, state, &own.master, own.entropy.as_ref(), now))
                .collect::<Result<Vec<_>, _>>()
        });
        Ok(made.await.map_err(|error| FederationError::Down(error.to_string()))??)
    }
}

async fn apply(
    tx: &mut Conn,
    upstream: &str,
    changes: &[Change],
    mut fresh: Vec<KeyRecord>,
    now: Timestamp,
) -> Result<(), FederationError> {
    for change in changes {
        match change {
            Change::Move { kid, from, to } => {
                tx.set_upstream_key_state(kid, *from, *to, now).await?;
            }
            Change::Generate(alg, state) => {
                if let Some(at) = fresh.iter().position(|key| key.alg == alg.as_str() && key.state == *state) {
                    tx.insert_upstream_key(upstream, &fresh.swap_remove(at)).await?;
                }
            }
        }
    }
    Ok(())
}
