//! Keys that clients publish at their `jwks_uri`: fetched when they are needed, kept for a while, and never fetched often.
//!
//! 1. a set is good for [`LIFETIME`], then it is fetched again; where that fails, the old set serves up to [`STALE`]
//! 2. a signature that no key of the set explains has the set fetched anew, but not within [`FLOOR`] of the last try, so
//! that whoever names keys that do not exist makes nobody call  3. one call at a time for each address; whoever comes
//! meanwhile waits for it  4. a call that was begun is finished, also when the request that needed it is gone.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quick_cache::sync::Cache;
use serde_json::Value;

use crate::base::{Clock, Timestamp};
use crate::jose::client_keys;
use crate::outbound::{Call, Outbound};

/// Most addresses kept; the least used ones are fetched again.
const KEPT: usize = 1_000;
/// How long a set is used before it is looked at again.
const LIFETIME: Duration = Duration::from_secs(5 * 60);
/// How long a set is used when its address does not answer any more.
const STALE: Duration = Duration::from_secs(24 * 3_600);
/// Least time between two fetches, whatever came of the first.
const FLOOR: Duration = Duration::from_secs(10);
/// The same while there is a set to go on with.
const FLOOR_OF_STALE: Duration = Duration::from_secs(60);
/// Largest set taken, in bytes.
const LARGEST: usize = 64 * 1_024;

/// The published keys of all clients.
#[derive(Debug)]
pub struct PublishedKeys {
    clock: Arc<dyn Clock>,
    known: Cache<String, Arc<Address>>,
}

/// One address with what it gave.
#[derive(Debug, Default)]
struct Address {
    held: Mutex<Held>,
    flight: Arc<tokio::sync::Mutex<()>>,
}

/// What is known of an address.
#[derive(Debug, Clone, Default)]
struct Held {
    keys: Option<Arc<Value>>,
    fetched_at: Timestamp,
    tried_at: Option<Timestamp>,
}

/// Why a set is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// There is none, or it is old.
    Age,
    /// It lacks a key.
    Lacking,
}

impl Held {
    fn is_due(&self, reason: Reason, now: Timestamp) -> bool {
        let floor = match (reason, &self.keys) {
            (Reason::Age, Some(_)) => FLOOR_OF_STALE,
            _ => FLOOR,
        };
        let is_free = self.tried_at.is_none_or(|tried| now.since(tried) >= floor);
        let is_wanted = reason == Reason::Lacking || self.keys.is_none() || now.since(self.fetched_at) >= LIFETIME;
        is_free && is_wanted
    }

    fn usable(self, now: Timestamp) -> Option<Arc<Value>> {
        self.keys.filter(|_| now.since(self.fetched_at) < STALE)
    }
}

impl Address {
    fn held(&self) -> Held {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut Held)) {
        change(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl PublishedKeys {
    /// An empty memory.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, known: Cache::new(KEPT) }
    }

    /// The set published at `uri`; `None` where there is none to be had.
    pub async fn present(&self, outbound: &Outbound, uri: &str) -> Option<Arc<Value>> {
        self.after(outbound, uri, Reason::Age).await
    }

    /// The set of `uri` that is held at this moment; nothing is fetched for it.
    pub fn held(&self, uri: &str) -> Option<Arc<Value>> {
        self.known.get(uri)?.held().usable(self.clock.now())
    }

    /// The set at `uri` where it is another than `lacking`, which has not the key that is needed.
    pub async fn newer(&self, outbound: &Outbound, uri: &str, lacking: &Arc<Value>) -> Option<Arc<Value>> {
        let is_newer = |keys: &Arc<Value>| !Arc::ptr_eq(keys, lacking);
        match self.address(uri).held().usable(self.clock.now()).filter(is_newer) {
            Some(keys) => Some(keys),
            None => self.after(outbound, uri, Reason::Lacking).await.filter(is_newer),
        }
    }

    async fn after(&self, outbound: &Outbound, uri: &str, reason: Reason) -> Option<Arc<Value>> {
        let address = self.address(uri);
        if address.held().is_due(reason, self.clock.now()) {
            let flight = Arc::clone(&address.flight).lock_owned().await;
            // Whoever waited finds what the other brought.
            if address.held().is_due(reason, self.clock.now()) {
                let (outbound, clock) = (outbound.clone(), Arc::clone(&self.clock));
                let (uri, fetched) = (uri.to_owned(), Arc::clone(&address));
                let call = tokio::spawn(async move {
                    fetch(&outbound, clock.as_ref(), &uri, &fetched).await;
                    drop(flight);
                });
                // A task that panicked leaves the address as it was.
                drop(call.await);
            }
        }
        address.held().usable(self.clock.now())
    }

    fn address(&self, uri: &str) -> Arc<Address> {
        match self.known.get_or_insert_with(uri, || Ok::<_, Infallible>(Arc::default())) {
            Ok(address) => address,
            Err(never) => match never {},
        }
    }
}

async fn fetch(outbound: &Outbound, clock: &dyn Clock, uri: &str, address: &Address) {
    let found = read(outbound, uri).await;
    let now = clock.now();
    match found {
        Ok(keys) => address.change(|held| {
            *held = Held { keys: Some(Arc::new(keys)), fetched_at: now, tried_at: Some(now) };
        }),
        Err(why) => {
            tracing::warn!(uri, why, "the keys that a client publishes cannot be had");
            address.change(|held| held.tried_at = Some(now));
        }
    }
}

async fn read(outbound: &Outbound, uri: &str) -> Result<Value, String> {
    let call = Call::get(uri).accept("application/jwk-set+json, application/json").largest(LARGEST);
    let reply = outbound.send(call).await.map_err(|error| error.to_string())?;
    if reply.status.as_u16() != 200 {
        return Err(format!("status {}", reply.status.as_u16()));
    }
    let set: Value = serde_json::from_slice(&reply.body).map_err(|_| "not JSON".to_owned())?;
    client_keys::published(&set).map_err(|refusal| refusal.to_string())
}

#[cfg(test)]
mod tests;
