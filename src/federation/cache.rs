//! What is fetched from an upstream and kept: as long as its sender says (RFC 9111 §5.2.2), one flight at a time, a floor
//! between tries, the old copy while a new one cannot be had. Where nobody takes a connection any more, the old copy leads no
//! browser there: it ends what has begun, and begins nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::error::FederationError;
use crate::base::Timestamp;

/// How long a copy is used without asking again, at most and where its sender says nothing.
const FRESH: Duration = Duration::from_secs(3_600);
/// How long a copy may serve while the upstream does not answer.
const USABLE: Duration = Duration::from_secs(24 * 3_600);
/// Least time between two tries after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// How long a fetch may take while an old copy is at hand: nobody waits for what is not needed.
const PATIENCE_WITH_COPY: Duration = Duration::from_millis(1_500);
/// Least time between two fetches that a sign-in asks for: keys that nobody published make no storm of requests.
const FLOOR: Duration = Duration::from_secs(30);
/// The same where the sender wants nothing kept: it asks for the requests, and still gets no storm of them.
const LEAST_FLOOR: Duration = Duration::from_secs(1);

/// One thing that is kept.
#[derive(Debug)]
pub(super) struct Cached<T>(Mutex<State<T>>);

#[derive(Debug)]
struct State<T> {
    copy: Option<Copy<T>>,
    failed: Option<Failure>,
}

#[derive(Debug)]
struct Failure {
    why: String,
    /// Whether nobody took the connection.
    gone: bool,
    at: Timestamp,
}

#[derive(Debug)]
struct Copy<T> {
    value: Arc<T>,
    at: Timestamp,
    keep: Duration,
}

/// What a fetch gives.
#[derive(Debug)]
pub(super) struct Fetched<T> {
    pub(super) value: T,
    /// How long its sender lets it be kept; `None` where it does not say.
    pub(super) keep: Option<Duration>,
}

/// How fresh a copy must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// As fresh as its sender wants.
    Fresh,
    /// The one that is there, if it is not old: a round trip ends with the document that it began with, and keys are good
    /// until one is missing.
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
        fetch: impl Future<Output = Result<Fetched<T>, FederationError>>,
    ) -> Result<Arc<T>, FederationError> {
        let mut state = self.0.lock().await;
        if let Some(copy) = &state.copy
            && now.since(copy.at) < copy.serves(want)
        {
            return Ok(Arc::clone(&copy.value));
        }
        if let Some(Failure { why, gone, at }) = &state.failed
            && now.since(*at) < AFTER_FAILURE
        {
            let old = state.old(now).filter(|_| !(*gone && want == Want::Fresh));
            return old.ok_or_else(|| FederationError::Down(format!("a moment ago: {why}")));
        }
        // Noted before, so that a flight which is given up counts as a failure.
        state.failed = Some(Failure { why: "the flight was given up".to_owned(), gone: false, at: now });
        let fetched = match state.old(now) {
            Some(_) => tokio::time::timeout(PATIENCE_WITH_COPY, fetch)
                .await
                .unwrap_or_else(|_| Err(FederationError::Down("no answer in time".to_owned()))),
            None => fetch.await,
        };
        match fetched {
            Ok(Fetched { value, keep }) => {
                let value = Arc::new(value);
                let keep = keep.unwrap_or(FRESH).clamp(LEAST_FLOOR, FRESH);
                state.copy = Some(Copy { value: Arc::clone(&value), at: now, keep });
                state.failed = None;
                Ok(value)
            }
            // It answered, as somebody else: what it said before is no longer good either.
            Err(error @ FederationError::Refused(_)) => {
                let failed = Failure { why: error.to_string(), gone: false, at: now };
                *state = State { copy: None, failed: Some(failed) };
                Err(error)
            }
            Err(error) => {
                let gone = matches!(error, FederationError::Gone(_));
                state.failed = Some(Failure { why: error.to_string(), gone, at: now });
                state.old(now).filter(|_| !(gone && want == Want::Fresh)).ok_or(error)
            }
        }
    }
}

impl<T> Copy<T> {
    /// For how long it serves whoever wants this.
    fn serves(&self, want: Want) -> Duration {
        match want {
            Want::Fresh => self.keep,
            Want::Kept => FRESH,
            Want::Newer => self.keep.min(FLOOR),
        }
    }
}

impl<T> State<T> {
    fn old(&self, now: Timestamp) -> Option<Arc<T>> {
        self.copy.as_ref().filter(|copy| now.since(copy.at) < USABLE).map(|copy| Arc::clone(&copy.value))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn says<T>(value: T, keep: Option<u64>) -> Fetched<T> {
        Fetched { value, keep: keep.map(Duration::from_secs) }
    }

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
                    Ok(says(7, None))
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
        let fail = || async { Err::<Fetched<u8>, _>(FederationError::Down("no".to_owned())) };
        assert!(cached.get(Want::Kept, at(0), fail()).await.is_err());
        assert!(cached.get(Want::Kept, at(4), async { Ok(says(1, None)) }).await.is_err(), "the floor after a failure");
        assert_eq!(*cached.get(Want::Kept, at(5), async { Ok(says(1, None)) }).await.unwrap(), 1);
        assert_eq!(*cached.get(Want::Newer, at(34), async { Ok(says(2, None)) }).await.unwrap(), 1, "the floor");
        assert_eq!(*cached.get(Want::Newer, at(35), async { Ok(says(2, None)) }).await.unwrap(), 2);
        assert_eq!(*cached.get(Want::Kept, at(4_000), fail()).await.unwrap(), 2, "old, and still of use");
        assert!(cached.get(Want::Kept, at(90_000), fail()).await.is_err(), "too old");
    }

    #[tokio::test]
    async fn the_sender_says_how_long() {
        let cached = Cached::default();
        let get = async |want, seconds, value, keep| {
            *cached.get(want, at(seconds), async move { Ok(says(value, keep)) }).await.unwrap()
        };
        assert_eq!(get(Want::Fresh, 0, 1, Some(0)).await, 1);
        assert_eq!(get(Want::Fresh, 0, 2, Some(0)).await, 1, "no storm, whatever the sender says");
        assert_eq!(get(Want::Kept, 60, 2, Some(0)).await, 1, "a round trip goes on with what it began with");
        assert_eq!(get(Want::Newer, 60, 2, Some(0)).await, 2, "the floor is the sender's, if lower");
        assert_eq!(get(Want::Fresh, 61, 3, Some(600)).await, 3);
        assert_eq!(get(Want::Fresh, 660, 4, None).await, 3);
        assert_eq!(get(Want::Newer, 661, 4, Some(99_999)).await, 4);
        assert_eq!(get(Want::Newer, 690, 5, None).await, 4, "the floor is ours, if lower");
        assert_eq!(get(Want::Fresh, 4_260, 5, None).await, 4);
        assert_eq!(get(Want::Fresh, 4_261, 5, None).await, 5, "never longer than an hour");
    }

    #[tokio::test]
    async fn what_is_refused_takes_the_old_copy_along() {
        let cached = Cached::default();
        let refuse = async { Err(FederationError::refused("another issuer")) };
        assert_eq!(*cached.get(Want::Fresh, at(0), async { Ok(says(1, Some(0))) }).await.unwrap(), 1);
        assert!(cached.get(Want::Fresh, at(5), refuse).await.is_err());
        assert!(
            cached.get(Want::Kept, at(6), async { Ok(says(1, None)) }).await.is_err(),
            "the floor, and nothing kept"
        );
        assert_eq!(*cached.get(Want::Kept, at(10), async { Ok(says(2, None)) }).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn nobody_is_sent_where_nobody_takes_a_connection() {
        let cached = Cached::default();
        let gone = || async { Err::<Fetched<u8>, _>(FederationError::Gone("refused".to_owned())) };
        assert_eq!(*cached.get(Want::Fresh, at(0), async { Ok(says(1, Some(0))) }).await.unwrap(), 1);
        assert!(cached.get(Want::Fresh, at(5), gone()).await.is_err());
        assert!(cached.get(Want::Fresh, at(6), gone()).await.is_err(), "nor a moment later");
        assert_eq!(*cached.get(Want::Kept, at(6), gone()).await.unwrap(), 1, "what began goes on");
        assert_eq!(*cached.get(Want::Fresh, at(10), async { Ok(says(2, Some(0))) }).await.unwrap(), 2);
        // An hour after, who goes on has the old copy still.
        assert_eq!(*cached.get(Want::Kept, at(4_000), gone()).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn nobody_waits_long_for_a_newer_copy() {
        let cached = Cached::default();
        let hangs = std::future::pending::<Result<Fetched<u8>, FederationError>>;
        assert_eq!(*cached.get(Want::Fresh, at(0), async { Ok(says(1, Some(0))) }).await.unwrap(), 1);
        let began = tokio::time::Instant::now();
        assert_eq!(*cached.get(Want::Fresh, at(5), hangs()).await.unwrap(), 1);
        assert_eq!(*cached.get(Want::Fresh, at(7), hangs()).await.unwrap(), 1, "the floor after a failure");
        assert!(began.elapsed() < PATIENCE_WITH_COPY * 2, "{:?}", began.elapsed());
    }
}
