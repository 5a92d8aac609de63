//! Tells applications that sessions ended.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::rounds::Rounds;
use crate::provider::logout::{NoticeDelivery, Tally};
use crate::telemetry::Metrics;

/// What logout notices need.
#[derive(Debug, Clone)]
pub struct LogoutJob {
    delivery: NoticeDelivery,
    metrics: Metrics,
    bell: Arc<Notify>,
}

impl LogoutJob {
    /// A job that delivers with `delivery` and counts in `metrics`.
    pub fn new(delivery: NoticeDelivery, metrics: Metrics) -> Self {
        Self { delivery, metrics, bell: Arc::new(Notify::new()) }
    }

    /// One round, at once: what is due is delivered.
    pub async fn round(&self) -> Tally {
        let tally = self.delivery.round().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "logout notices cannot be delivered");
            Tally::default()
        });
        for (outcome, count) in [
            ("delivered", tally.delivered),
            ("refused", tally.refused),
            ("put_off", tally.put_off),
            ("given_up", tally.given_up),
        ] {
            self.metrics.logout_notices(outcome, count);
        }
        tally
    }

    /// Tells the job of this process that something waits.
    pub(super) fn ring(&self) {
        self.bell.notify_one();
    }
}

impl Rounds for LogoutJob {
    const LOOK_EVERY: Duration = Duration::from_secs(2);
    const NAME: &'static str = "logout notices";

    async fn go_round(&self) {
        self.round().await;
    }

    async fn rung(&self) {
        self.bell.notified().await;
    }
}
