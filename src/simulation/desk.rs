//! What every simulation has: its address, its clients, its key, the failures that are armed, the count of its calls.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::response::Response;
use uuid::Uuid;

use super::clients::Client;
use super::failure::{Failure, Fault, Stage};
use super::keys::SigningKey;
use super::trouble;
use crate::base::digest::base64url;
use crate::base::{Clock, Entropy, Timestamp, entropy};

/// A failure that waits for its moment, and for how many moments (`None`: every one).
type Armed = (Failure, Option<u32>);

/// Shared by the handlers of one simulation.
#[derive(Debug)]
pub(super) struct Desk {
    /// Origin, without a slash at its end.
    pub(super) url: String,
    pub(super) clients: Vec<Client>,
    pub(super) key: SigningKey,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    armed: Mutex<Vec<Armed>>,
    calls: Mutex<BTreeMap<&'static str, u64>>,
}

impl Desk {
    pub(super) fn new(
        url: String,
        clients: Vec<Client>,
        key: SigningKey,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { url, clients, key, clock, entropy, armed: Mutex::default(), calls: Mutex::default() }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The address of a path here.
    pub(super) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// A name that nobody guesses.
    pub(super) fn random(&self) -> String {
        base64url(&entropy::bytes::<24>(self.entropy.as_ref()))
    }

    /// A random UUID, as Keycloak names sessions and tokens.
    pub(super) fn uuid(&self) -> String {
        uuid::Builder::from_random_bytes(entropy::bytes(self.entropy.as_ref())).into_uuid().to_string()
    }

    /// What is to go wrong with a call: what the sign-in carries with it, else what is armed. Ask once
    /// for each call.
    pub(super) fn fault(&self, stage: Stage, carried: Option<Failure>) -> Option<Fault> {
        if let Some(carried) = carried.filter(|carried| carried.stage == stage) {
            return Some(carried.fault);
        }
        let mut armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        let (failure, times) = armed.iter_mut().find(|(failure, _)| failure.stage == stage)?;
        let failure = *failure;
        if let Some(times) = times {
            *times = times.saturating_sub(1);
        }
        armed.retain(|(_, times)| *times != Some(0));
        Some(failure.fault)
    }

    /// The fault of a call, and the answer that it gives where it is one of the transport.
    pub(super) async fn trouble(
        &self,
        stage: Stage,
        carried: Option<Failure>,
        path: &str,
    ) -> (Option<Fault>, Option<Response>) {
        let fault = self.fault(stage, carried);
        (fault, trouble::answer(fault, &self.at(path)).await)
    }

    /// Arms a failure.
    pub(super) fn arm(&self, failure: Failure, times: Option<u32>) {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner).push((failure, times));
    }

    /// Disarms every failure.
    pub(super) fn disarm(&self) {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(super) fn armed(&self) -> Vec<Armed> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts a call of an endpoint.
    pub(super) fn count(&self, endpoint: &'static str) {
        *self.calls.lock().unwrap_or_else(PoisonError::into_inner).entry(endpoint).or_default() += 1;
    }

    pub(super) fn calls(&self) -> BTreeMap<&'static str, u64> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The UUID that stands for a text: the same each time.
pub(super) fn stable_uuid(text: &str) -> String {
    Uuid::from_bytes(
        crate::base::digest::Digest::of(text.as_bytes()).as_bytes().first_chunk().copied().unwrap_or_default(),
    )
    .to_string()
}
