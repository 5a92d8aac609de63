//! What a simulation remembers for a while: bounded in number and in time.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::base::Timestamp;

/// Most entries of a shelf. When one more comes, the oldest goes.
const ROOM: usize = 20_000;

/// Values under names, each until its end.
pub(super) struct Shelf<V> {
    life: Duration,
    held: Mutex<Held<V>>,
}

struct Held<V> {
    values: HashMap<String, (Timestamp, V)>,
    order: VecDeque<String>,
}

impl<V> fmt::Debug for Shelf<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf").field("entries", &self.held().values.len()).finish_non_exhaustive()
    }
}

impl<V> Shelf<V> {
    /// Holds each value for `life`.
    pub(super) fn new(life: Duration) -> Self {
        Self { life, held: Mutex::new(Held { values: HashMap::new(), order: VecDeque::new() }) }
    }

    fn held(&self) -> MutexGuard<'_, Held<V>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a value there, or in place of what is there; its time begins now.
    pub(super) fn put(&self, name: &str, value: V, now: Timestamp) {
        let mut held = self.held();
        if held.values.insert(name.to_owned(), (now.plus(self.life), value)).is_none() {
            held.order.push_back(name.to_owned());
        }
        while held.values.len() > ROOM {
            let Some(oldest) = held.order.pop_front() else { break };
            held.values.remove(&oldest);
        }
        // Names that were taken stay in line until they are too many.
        if held.order.len() > 2 * ROOM {
            let Held { values, order } = &mut *held;
            order.retain(|name| values.contains_key(name));
        }
    }

    /// Removes a value and gives it: of any number of callers one gets it.
    pub(super) fn take(&self, name: &str, now: Timestamp) -> Option<V> {
        let mut held = self.held();
        let (until, value) = held.values.remove(name)?;
        (until > now).then_some(value)
    }

    /// Looks at a value, and may change it.
    pub(super) fn with<T>(&self, name: &str, now: Timestamp, act: impl FnOnce(&mut V) -> T) -> Option<T> {
        self.held().values.get_mut(name).filter(|(until, _)| *until > now).map(|(_, value)| act(value))
    }

    /// Keeps a value for its whole life again.
    pub(super) fn renew(&self, name: &str, now: Timestamp) {
        if let Some((until, _)) = self.held().values.get_mut(name) {
            *until = now.plus(self.life);
        }
    }
}

impl<V: Clone> Shelf<V> {
    /// A copy of a value.
    pub(super) fn get(&self, name: &str, now: Timestamp) -> Option<V> {
        self.with(name, now, |value| value.clone())
    }

    /// Copies of all values with their names, oldest first.
    pub(super) fn all(&self, now: Timestamp) -> Vec<(String, V)> {
        let held = self.held();
        let live = |name: &String| held.values.get(name).filter(|(until, _)| *until > now);
        held.order.iter().filter_map(|name| Some((name.clone(), live(name)?.1.clone()))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    #[test]
    fn values_end_and_are_taken_once() {
        let shelf = Shelf::new(Duration::from_secs(60));
        shelf.put("a", 1, NOW);
        assert_eq!(shelf.get("a", NOW), Some(1));
        assert_eq!(shelf.get("a", NOW.plus(Duration::from_secs(60))), None);
        assert_eq!(shelf.take("a", NOW), Some(1));
        assert_eq!(shelf.take("a", NOW), None);
    }

    #[test]
    fn the_oldest_makes_room() {
        let shelf = Shelf::new(Duration::from_secs(60));
        for n in 0..=ROOM {
            shelf.put(&n.to_string(), n, NOW);
        }
        assert_eq!(shelf.get("0", NOW), None);
        assert_eq!(shelf.get("1", NOW), Some(1));
        assert_eq!(shelf.all(NOW).len(), ROOM);
    }
}
