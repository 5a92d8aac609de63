//! When signing keys change: pure, so that the job and the command only carry out what is decided here.
//!
//! ```text
//! Generate(next) ──prepublish──▶ active ──active_for──▶ retired ──retire_after──▶ gone
//! ```
//!
//! A key is published at least one cache life before its first signature, and stays published until the last token it
//! signed has expired: no relying party ever meets a token whose key it cannot find.

use std::time::Duration;

use super::Algorithm;
use crate::base::Timestamp;
use crate::model::key::{KeyRecord, KeyState};

/// How keys rotate.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The algorithms that have keys. Keys of other algorithms are retired.
    pub algorithms: Vec<Algorithm>,
    /// How long caches may keep the JWK Set: a key is published that long before it signs.
    pub prepublish: Duration,
    /// The longest life of a token and the skew of clocks: a key stays published that long after it stopped signing.
    pub retire_after: Duration,
    /// How long a key signs; `None` leaves rotation to the command.
    pub active_for: Option<Duration>,
}

/// A change that is due. A list of them is to be recorded in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Make a key in this state.
    Generate(Algorithm, KeyState),
    /// Move a key on, if it is still where it was.
    Move {
        /// The key.
        kid: String,
        /// Where it must still be.
        from: KeyState,
        /// Where it goes.
        to: KeyState,
    },
}

/// What the job has to do now: make the keys that are missing, rotate those that signed long enough once their successor
/// is known everywhere, and let go of those whose tokens have expired.
pub fn due(records: &[KeyRecord], now: Timestamp, policy: &Policy) -> Vec<Change> {
    let mut changes = Vec::new();
    for alg in &policy.algorithms {
        let keys = Keys::of(records, *alg);
        let expired = |active: &KeyRecord| policy.active_for.is_some_and(|life| now.since(active.changed_at) >= life);
        let known = |next: &KeyRecord| now.since(next.changed_at) >= policy.prepublish;
        match (keys.active, keys.next) {
            (None, Some(next)) => changes.extend(keys.promote(next)),
            (Some(active), Some(next)) if expired(active) && known(next) => changes.extend(keys.promote(next)),
            (active, next) => {
                let missing = [(active, KeyState::Active), (next, KeyState::Next)];
                changes.extend(
                    missing.iter().filter(|(key, _)| key.is_none()).map(|(_, state)| Change::Generate(*alg, *state)),
                );
                changes.extend(keys.superfluous.iter().map(|key| step(key, KeyState::Retired)));
            }
        }
    }
    changes.extend(abandoned(records, policy));
    changes.extend(outlived(records, now, policy));
    changes
}

/// What the command `keys rotate` does at once, for one algorithm of the policy or all: `next` signs from now on,
/// `active` retires, a new `next` is made.
///
/// `next` signs even if it is younger than the cache life of the JWK Set: who rotates by hand because a key leaked must
/// not have to wait. Relying parties whose cache lacks it refetch the set on an unknown `kid`.
pub fn rotate_now(records: &[KeyRecord], now: Timestamp, policy: &Policy, only: Option<Algorithm>) -> Vec<Change> {
    let mut changes = Vec::new();
    for alg in policy.algorithms.iter().filter(|alg| only.is_none_or(|only| only == **alg)) {
        let keys = Keys::of(records, *alg);
        if let Some(next) = keys.next {
            changes.extend(keys.promote(next));
        } else {
            changes.push(Change::Generate(*alg, KeyState::Active));
            changes.extend(keys.retire());
            changes.push(Change::Generate(*alg, KeyState::Next));
        }
    }
    changes.extend(outlived(records, now, policy));
    changes
}

/// The keys of one algorithm that matter to a decision.
struct Keys<'a> {
    alg: Algorithm,
    /// The one that signs: of several, the newest, as [`super::Keyring`] has it.
    active: Option<&'a KeyRecord>,
    /// Other active keys, as two processes that start at once on an empty store leave behind.
    superfluous: Vec<&'a KeyRecord>,
    /// The one known the longest.
    next: Option<&'a KeyRecord>,
}

impl<'a> Keys<'a> {
    fn of(records: &'a [KeyRecord], alg: Algorithm) -> Self {
        let in_state = |state| records.iter().filter(move |key| key.alg == alg.as_str() && key.state == state);
        let newest_first = |key: &&KeyRecord| (std::cmp::Reverse(key.changed_at), key.kid.clone());
        let mut active: Vec<_> = in_state(KeyState::Active).collect();
        active.sort_by_key(newest_first);
        let mut active = active.into_iter();
        Self {
            alg,
            active: active.next(),
            superfluous: active.collect(),
            next: in_state(KeyState::Next).min_by_key(|key| (key.changed_at, key.kid.clone())),
        }
    }

    /// Promotion comes first: carried out one by one, the list never leaves the algorithm without a key.
    fn promote(&self, next: &KeyRecord) -> Vec<Change> {
        let mut changes = vec![step(next, KeyState::Active)];
        changes.extend(self.retire());
        changes.push(Change::Generate(self.alg, KeyState::Next));
        changes
    }

    fn retire(&self) -> impl Iterator<Item = Change> {
        self.active.iter().chain(&self.superfluous).map(|key| step(key, KeyState::Retired))
    }
}

/// Keys of algorithms that the policy no longer has: they stop signing; those that never signed go at once.
fn abandoned<'a>(records: &'a [KeyRecord], policy: &'a Policy) -> impl Iterator<Item = Change> + 'a {
    let has = |name: &str| policy.algorithms.iter().any(|alg| alg.as_str() == name);
    records.iter().filter(move |key| !has(&key.alg)).filter_map(|key| match key.state {
        KeyState::Active => Some(step(key, KeyState::Retired)),
        KeyState::Next => Some(step(key, KeyState::Gone)),
        KeyState::Retired | KeyState::Gone => None,
    })
}

/// Retired keys whose last token has expired.
fn outlived<'a>(records: &'a [KeyRecord], now: Timestamp, policy: &'a Policy) -> impl Iterator<Item = Change> + 'a {
    records
        .iter()
        .filter(move |key| key.state == KeyState::Retired && now.since(key.changed_at) >= policy.retire_after)
        .map(|key| step(key, KeyState::Gone))
}

fn step(key: &KeyRecord, to: KeyState) -> Change {
    Change::Move { kid: key.kid.clone(), from: key.state, to }
}
