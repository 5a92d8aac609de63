//! The rule of limits: an exact sliding log.

use std::time::Duration;

use crate::base::Timestamp;

/// How many hits in how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Most hits in a window.
    pub count: u32,
    /// Length of every window.
    pub window: Duration,
}

/// The answer to a hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    /// Whether it was admitted.
    pub allowed: bool,
    /// How many more would be admitted now.
    pub remaining: u32,
    /// After how long one would be admitted; zero when this one was.
    pub retry_after: Duration,
}

impl Hit {
    /// The answer from the counts: `held` hits in the window, this one among them if it was admitted; `free_at` is when
    /// the next would be.
    pub(super) fn of(allowed: bool, held: usize, limit: Limit, free_at: Timestamp, now: Timestamp) -> Self {
        Self {
            allowed,
            remaining: limit.count.saturating_sub(u32::try_from(held).unwrap_or(u32::MAX)),
            retry_after: if allowed { Duration::ZERO } else { free_at.since(now) },
        }
    }
}

/// Decides on a hit at `now` given the admitted hits in `log`, and changes the log accordingly.
///
/// The window is open at its start: a hit counts until `window` has passed, not longer. A hit of a process whose clock is
/// ahead counts too.
pub(super) fn decide(log: &mut Vec<Timestamp>, limit: Limit, now: Timestamp) -> Hit {
    let start = now.minus(limit.window);
    log.retain(|&at| at > start);
    let most = usize::try_from(limit.count).unwrap_or(usize::MAX);
    let allowed = log.len() < most;
    if allowed {
        log.push(now);
    }
    log.sort_unstable();
    // One is free when at most `count - 1` are left: when the `count`th from the end has left the window.
    let deciding = log.len().checked_sub(most).and_then(|at| log.get(at)).copied();
    Hit::of(allowed, log.len(), limit, deciding.unwrap_or(now).plus(limit.window), now)
}

/// The stored form of a log: eight bytes for each hit.
pub(super) fn encode(log: &[Timestamp]) -> Vec<u8> {
    log.iter().flat_map(|at| at.micros().to_be_bytes()).collect()
}

/// Reads [`encode`]; bytes beyond the last whole hit are dropped.
pub(super) fn decode(stored: &[u8]) -> Vec<Timestamp> {
    stored.as_chunks::<8>().0.iter().map(|bytes| Timestamp::from_micros(i64::from_be_bytes(*bytes))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit { count: 2, window: Duration::from_secs(10) };

    #[test]
    fn refused_hits_do_not_count() {
        let mut log = Vec::new();
        let at = Timestamp::from_seconds;
        let seconds = Duration::from_secs;
        assert_eq!(decide(&mut log, LIMIT, at(0)), Hit { allowed: true, remaining: 1, retry_after: seconds(0) });
        assert_eq!(decide(&mut log, LIMIT, at(4)), Hit { allowed: true, remaining: 0, retry_after: seconds(0) });
        assert_eq!(decide(&mut log, LIMIT, at(5)), Hit { allowed: false, remaining: 0, retry_after: seconds(5) });
        assert_eq!(decide(&mut log, LIMIT, at(9)), Hit { allowed: false, remaining: 0, retry_after: seconds(1) });
        assert_eq!(decide(&mut log, LIMIT, at(10)), Hit { allowed: true, remaining: 0, retry_after: seconds(0) });
        assert_eq!(decide(&mut log, LIMIT, at(11)), Hit { allowed: false, remaining: 0, retry_after: seconds(3) });
    }

    #[test]
    fn a_limit_of_none_admits_none() {
        let none = Limit { count: 0, window: Duration::from_secs(10) };
        let hit = decide(&mut Vec::new(), none, Timestamp::from_seconds(1));
        assert_eq!(hit, Hit { allowed: false, remaining: 0, retry_after: Duration::from_secs(10) });
    }

    #[test]
    fn the_stored_form_goes_both_ways() {
        let log = [Timestamp::from_micros(1), Timestamp::from_micros(-2), Timestamp::from_micros(i64::MAX)];
        assert_eq!(decode(&encode(&log)), log);
        assert_eq!(decode(&[1, 2, 3]), []);
    }
}
