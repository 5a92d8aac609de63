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

#[cfg(test)]
mod tests {
    use super::*;
    use KeyState::{Active, Gone, Next, Retired};
    use serde_json::Value;

    const DAY: u64 = 86_400;

    fn policy() -> Policy {
        Policy {
            algorithms: vec![Algorithm::Es256],
            prepublish: Duration::from_secs(3_600),
            retire_after: Duration::from_secs(7_200),
            active_for: Some(Duration::from_secs(30 * DAY)),
        }
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000).plus(Duration::from_secs(seconds))
    }

    fn record(kid: &str, state: KeyState, since: u64) -> KeyRecord {
        KeyRecord {
            kid: kid.to_owned(),
            alg: "ES256".to_owned(),
            state,
            public_jwk: Value::Null,
            sealed_private: Vec::new(),
            created_at: at(since),
            changed_at: at(since),
        }
    }

    fn moved(kid: &str, from: KeyState, to: KeyState) -> Change {
        Change::Move { kid: kid.to_owned(), from, to }
    }

    /// Carries changes out, as the store does.
    fn apply(records: &mut Vec<KeyRecord>, changes: Vec<Change>, seconds: u64) {
        for change in changes {
            match change {
                Change::Generate(_, state) => {
                    let kid = format!("k{}", records.len());
                    records.push(record(&kid, state, seconds));
                }
                Change::Move { kid, from, to } => {
                    let key = records.iter_mut().find(|key| key.kid == kid && key.state == from).unwrap();
                    (key.state, key.changed_at) = (to, at(seconds));
                }
            }
        }
    }

    #[test]
    fn the_first_start_makes_an_active_and_a_next_key_per_algorithm() {
        let all = Policy { algorithms: Algorithm::ALL.to_vec(), ..policy() };
        let expected: Vec<_> = Algorithm::ALL
            .into_iter()
            .flat_map(|alg| [Change::Generate(alg, Active), Change::Generate(alg, Next)])
            .collect();
        assert_eq!(due(&[], at(0), &all), expected);
        assert_eq!(rotate_now(&[], at(0), &all, None), expected);
    }

    #[test]
    fn nothing_is_due_before_its_time() {
        let keys = [record("a", Active, 0), record("n", Next, 0), record("r", Retired, 0)];
        assert_eq!(due(&keys, at(7_199), &policy()), []);
        assert_eq!(due(&keys, at(7_200), &policy()), [moved("r", Retired, Gone)]);
        let never = Policy { active_for: None, ..policy() };
        assert_eq!(due(&keys[..2], at(10_000 * DAY), &never), []);
    }

    #[test]
    fn d65_next_signs_only_after_a_cache_life() {
        let keys = [record("a", Active, 0), record("n", Next, 30 * DAY)];
        assert_eq!(due(&keys, at(30 * DAY + 3_599), &policy()), []);
        let changes = [moved("n", Next, Active), moved("a", Active, Retired), Change::Generate(Algorithm::Es256, Next)];
        assert_eq!(due(&keys, at(30 * DAY + 3_600), &policy()), changes);
        assert_eq!(rotate_now(&keys, at(30 * DAY + 1), &policy(), None), changes, "the command does not wait");
    }

    #[test]
    fn d65_over_a_year_every_token_finds_its_key_in_every_cache() {
        let (step, life) = (1_800, 7_200);
        let mut records = Vec::new();
        // kid → when it was published, last signed and was dropped.
        let mut history: std::collections::BTreeMap<String, (u64, u64, Option<u64>)> =
            std::collections::BTreeMap::new();
        for seconds in (0..365 * DAY).step_by(step) {
            let changes = due(&records, at(seconds), &policy());
            apply(&mut records, changes, seconds);
            assert_eq!(records.iter().filter(|key| key.state == Active).count(), 1);
            for key in &records {
                let first = history.entry(key.kid.clone()).or_insert((seconds, 0, None));
                match key.state {
                    Active if first.1 == 0 && seconds > 0 => {
                        assert!(key.kid == "k0" || seconds - first.0 >= 3_600, "{} signs too early", key.kid);
                        first.1 = seconds;
                    }
                    Active => first.1 = seconds,
                    Gone if first.2.is_none() => first.2 = Some(seconds),
                    _ => {}
                }
            }
        }
        let gone: Vec<_> = history.values().filter_map(|(_, signed, gone)| gone.map(|gone| (signed, gone))).collect();
        assert!(gone.len() >= 10, "{history:?}");
        assert!(gone.iter().all(|(signed, gone)| gone - *signed >= life), "{history:?}");
    }

    #[test]
    fn what_is_missing_is_made_and_an_orphan_next_takes_over() {
        assert_eq!(due(&[record("a", Active, 0)], at(1), &policy()), [Change::Generate(Algorithm::Es256, Next)]);
        let orphan = [moved("n", Next, Active), Change::Generate(Algorithm::Es256, Next)];
        assert_eq!(due(&[record("n", Next, 0)], at(1), &policy()), orphan);
        let lonely = [record("a", Active, 0)];
        let by_hand = [
            Change::Generate(Algorithm::Es256, Active),
            moved("a", Active, Retired),
            Change::Generate(Algorithm::Es256, Next),
        ];
        assert_eq!(rotate_now(&lonely, at(1), &policy(), None), by_hand);
    }

    #[test]
    fn of_several_active_keys_the_newest_stays_and_of_several_next_the_oldest_is_promoted() {
        let keys = [record("a", Active, 0), record("b", Active, 5), record("m", Next, 9), record("n", Next, 8)];
        assert_eq!(due(&keys, at(10), &policy()), [moved("a", Active, Retired)]);
        let changes = rotate_now(&keys, at(10), &policy(), None);
        assert_eq!(changes[..3], [moved("n", Next, Active), moved("b", Active, Retired), moved("a", Active, Retired)]);
    }

    #[test]
    fn the_command_for_one_algorithm_leaves_the_others() {
        let both = Policy { algorithms: vec![Algorithm::Es256, Algorithm::EdDsa], ..policy() };
        let keys = [record("a", Active, 0), record("n", Next, 0)];
        assert_eq!(rotate_now(&keys, at(1), &both, Some(Algorithm::Es256)).len(), 3);
        assert_eq!(rotate_now(&keys, at(1), &both, Some(Algorithm::EdDsa)).len(), 2);
        assert_eq!(rotate_now(&keys, at(1), &both, Some(Algorithm::Rs256)), []);
    }

    #[test]
    fn keys_of_an_abandoned_algorithm_stop_signing() {
        let none = Policy { algorithms: Vec::new(), ..policy() };
        let keys = [record("a", Active, 0), record("n", Next, 0), record("r", Retired, 0), record("g", Gone, 0)];
        assert_eq!(due(&keys, at(1), &none), [moved("a", Active, Retired), moved("n", Next, Gone)]);
    }
}
