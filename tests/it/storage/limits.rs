//! Limits: in every window at most so many, exactly.

use std::time::Duration;

use guichet::base::Timestamp;
use guichet::store::{Hit, Limit};
use proptest::prelude::*;

use super::{START, at};
use crate::support::stores::stores;

const FIVE: Limit = Limit { count: 5, window: Duration::from_secs(60) };

#[tokio::test]
async fn refused_hits_do_not_count_and_the_answer_says_when() {
    for (engine, store) in stores().await {
        let state = store.ephemeral();
        let seconds = Duration::from_secs;
        for (second, remaining) in [(0, 4), (10, 3), (20, 2), (30, 1), (40, 0)] {
            let hit = state.hit("k", FIVE, at(second)).await.unwrap();
            assert_eq!(hit, Hit { allowed: true, remaining, retry_after: Duration::ZERO }, "{engine}");
        }
        for (second, after) in [(41, 19), (59, 1)] {
            let hit = state.hit("k", FIVE, at(second)).await.unwrap();
            assert_eq!(hit, Hit { allowed: false, remaining: 0, retry_after: seconds(after) }, "{engine}");
        }
        assert!(state.hit("k", FIVE, at(60)).await.unwrap().allowed, "{engine}: the first has left the window");
        assert_eq!(state.hit("k", FIVE, at(61)).await.unwrap().retry_after, seconds(9), "{engine}");
        assert!(state.hit("another", FIVE, at(61)).await.unwrap().allowed, "{engine}: keys are apart");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_32_rivals_exactly_as_many_as_allowed_are_admitted() {
    for (engine, store) in stores().await {
        let rivals: Vec<_> = (0..32)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { store.ephemeral().hit("k", FIVE, START).await.unwrap().allowed })
            })
            .collect();
        let mut admitted = 0;
        for rival in rivals {
            admitted += usize::from(rival.await.unwrap());
        }
        assert_eq!(admitted, 5, "{engine}");
    }
}

/// All that was ever admitted, looked through each time.
struct Naive {
    limit: Limit,
    admitted: Vec<Timestamp>,
}

impl Naive {
    fn hit(&mut self, now: Timestamp) -> Hit {
        let held = |at: Timestamp| self.admitted.iter().filter(|&&hit| hit > at.minus(self.limit.window)).count();
        let count = usize::try_from(self.limit.count).unwrap();
        let allowed = held(now) < count;
        // Tries every microsecond at which something leaves the window.
        let free = self.admitted.iter().map(|hit| hit.plus(self.limit.window)).filter(|&at| held(at) < count).min();
        let retry_after = if allowed { Duration::ZERO } else { free.unwrap().since(now) };
        if allowed {
            self.admitted.push(now);
        }
        let remaining =
            count - self.admitted.iter().filter(|&&hit| hit > now.minus(self.limit.window)).count().min(count);
        Hit { allowed, remaining: u32::try_from(remaining).unwrap(), retry_after }
    }
}

#[test]
fn every_implementation_agrees_with_the_naive_log() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stores = runtime.block_on(stores());
    let case = std::cell::Cell::new(0_u32);
    let hits = (1..6_u32, 1..2_000_u64, prop::collection::vec(0..900_i64, 1..40));
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    runner
        .run(&hits, |(count, window, steps)| {
            case.set(case.get() + 1);
            let limit = Limit { count, window: Duration::from_micros(window) };
            for (engine, store) in &stores {
                let mut naive = Naive { limit, admitted: Vec::new() };
                let mut now = START;
                for step in &steps {
                    now = now.plus(Duration::from_micros(u64::try_from(*step).unwrap()));
                    let key = format!("case {}", case.get());
                    let hit = runtime.block_on(store.ephemeral().hit(&key, limit, now)).unwrap();
                    prop_assert_eq!(hit, naive.hit(now), "{} at {:?}", engine, now);
                }
            }
            Ok(())
        })
        .unwrap();
}
