//! What is fetched from an upstream and kept: one flight at a time, a floor between tries, the old copy while a new one
//! cannot be had.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::error::FederationError;
use crate::base::Timestamp;

/// How long a copy is used without asking again.
const FRESH: Duration = Duration::from_secs(3_600);
/// How long a copy may serve while the upstream does not answer.
const USABLE: Duration = Duration::from_secs(24 * 3_600);
/// Least time between two tries after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// Least time between two fetches that a sign-in asks for: keys that nobody published make no storm of requests.
const FLOOR: Duration = Duration::from_secs(30);

/// One thing that is kept.
#[derive(Debug)]
pub(super) struct Cached<T>(Mutex<State<T>>);

#[derive(Debug)]
struct State<T> {
    copy: Option<(Arc<T>, Timestamp)>,
    failed: Option<(String, Timestamp)>,
}

/// How fresh a copy must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// The usual.
    Kept,
    /// Newer than the one that did not help, unless that one is very new.
    Newer,
}

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self(Mutex::new(State { copy: None, failed: None }))
    }
}

impl<T> Cached<T> {
    /// The copy, or what `fetch` gives. Whoever comes while another fetches waits for that one's result.
    pub(super) async fn get(
        &self,
        want: Want,
        now: Timestamp,
        fetch: impl Future<Output = Result<T, FederationError>>,
    ) -> Result<Arc<T>, FederationError> {
        let mut state = self.0.lock().await;
        let longest = if want == Want::Newer { FLOOR } else { FRESH };
        if let Some((copy, at)) = &state.copy
            && now.since(*at) < longest
        {
            return Ok(Arc::clone(copy));
        }
        if let Some((why, at)) = &state.failed
            && now.since(*at) < AFTER_FAILURE
        {
            return state.old(now).ok_or_else(|| FederationError::Down(format!("a moment ago: {why}")));
        }
        // Noted before, so that a flight which is given up counts as a failure.
        state.failed = Some(("the flight was given up".to_owned(), now));
        match fetch.await {
            Ok(value) => {
                let value = Arc::new(value);
                state.copy = Some((Arc::clone(&value), now));
                state.failed = None;
                Ok(value)
            }
            Err(error) => {
                state.failed = Some((error.to_string(), now));
                state.old(now).ok_or(error)
            }
        }
    }
}

impl<T> State<T> {
    fn old(&self, now: Timestamp) -> Option<Arc<T>> {
        self.copy.as_ref().filter(|(_, at)| now.since(*at) < USABLE).map(|(copy, _)| Arc::clone(copy))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_000_000 + seconds)
    }

    #[tokio::test]
    async fn many_ask_and_one_flies() {
        let cached = Arc::new(Cached::default());
        let flights = Arc::new(AtomicUsize::new(0));
        let asks = (0..50).map(|_| {
            let (cached, flights) = (Arc::clone(&cached), Arc::clone(&flights));
            tokio::spawn(async move {
                let fetch = async {
                    flights.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    Ok(7)
                };
                *cached.get(Want::Kept, at(0), fetch).await.unwrap()
            })
        });
        for ask in asks.collect::<Vec<_>>() {
            assert_eq!(ask.await.unwrap(), 7);
        }
        assert_eq!(flights.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_failure_is_not_repeated_at_once_and_an_old_copy_serves() {
        let cached = Cached::default();
        let fail = || async { Err::<u8, _>(FederationError::Down("no".to_owned())) };
        assert!(cached.get(Want::Kept, at(0), fail()).await.is_err());
        assert!(cached.get(Want::Kept, at(4), async { Ok(1) }).await.is_err(), "the floor after a failure");
        assert_eq!(*cached.get(Want::Kept, at(5), async { Ok(1) }).await.unwrap(), 1);
        assert_eq!(*cached.get(Want::Newer, at(34), async { Ok(2) }).await.unwrap(), 1, "the floor");
        assert_eq!(*cached.get(Want::Newer, at(35), async { Ok(2) }).await.unwrap(), 2);
        assert_eq!(*cached.get(Want::Kept, at(4_000), fail()).await.unwrap(), 2, "old, and still of use");
        assert!(cached.get(Want::Kept, at(90_000), fail()).await.is_err(), "too old");
    }
}
