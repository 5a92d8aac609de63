//! What a connection is doing: how many requests are under way, and since when none is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Longest time that an HTTP/2 connection stays open between requests.
const IDLE: Duration = Duration::from_secs(60);

/// The requests of one connection.
#[derive(Debug, Clone)]
pub(super) struct Activity(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    under_way: usize,
    any_yet: bool,
    quiet_since: Instant,
}

/// What the driver of the connection does about the silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quiet {
    /// Look again then.
    LookAgain(Instant),
    /// There was never a request: close.
    Silent,
    /// There were requests, long ago: say good-bye.
    Idle,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(State { under_way: 0, any_yet: false, quiet_since: Instant::now() })))
    }

    /// Notes a request, until the guard is dropped with the answer's body.
    pub(super) fn begin(&self) -> UnderWay {
        let mut state = self.lock();
        state.under_way += 1;
        state.any_yet = true;
        drop(state);
        UnderWay(self.clone())
    }

    /// Judges the silence at `now`, where a first request may take `first` to come.
    pub(super) fn judge(&self, first: Duration, now: Instant) -> Quiet {
        let state = self.lock();
        let bound = if state.any_yet { IDLE } else { first };
        let end = if state.under_way > 0 { now + bound } else { state.quiet_since + bound };
        match (end > now, state.any_yet) {
            (true, _) => Quiet::LookAgain(end),
            (false, false) => Quiet::Silent,
            (false, true) => Quiet::Idle,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is under way.
#[derive(Debug)]
pub(super) struct UnderWay(Activity);

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.under_way = state.under_way.saturating_sub(1);
        state.quiet_since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_bounded_and_work_is_not() {
        let activity = Activity::new();
        let first = Duration::from_secs(10);
        let begun = Instant::now();
        assert!(matches!(activity.judge(first, begun), Quiet::LookAgain(then) if then <= begun + first));
        assert_eq!(activity.judge(first, begun + first), Quiet::Silent);
        let request = activity.begin();
        assert!(matches!(activity.judge(first, begun + IDLE * 2), Quiet::LookAgain(_)));
        drop(request);
        let quiet = Instant::now();
        assert!(matches!(activity.judge(first, quiet), Quiet::LookAgain(then) if then > quiet + first));
        assert_eq!(activity.judge(first, quiet + IDLE), Quiet::Idle);
    }
}
