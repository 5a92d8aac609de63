//! Ends sessions that outlived those of the upstream providers they stand on.

use std::future::pending;
use std::time::Duration;

use super::rounds::Rounds;
use crate::federation::{Federation, follow};

/// What following needs.
#[derive(Debug, Clone)]
pub struct FollowJob(Federation);

impl FollowJob {
    /// A job, if an upstream is to be followed.
    pub fn of(federation: &Federation) -> Option<Self> {
        let is_wanted = federation.all().iter().any(|upstream| upstream.settings.follow_session.is_some());
        is_wanted.then(|| Self(federation.clone()))
    }
}

impl Rounds for FollowJob {
    const LOOK_EVERY: Duration = Duration::from_secs(10);
    const NAME: &'static str = "upstream sessions";

    async fn go_round(&self) {
        if let Err(error) = follow::round(&self.0).await {
            tracing::warn!(%error, "upstream sessions cannot be followed");
        }
    }

    async fn rung(&self) {
        pending::<()>().await;
    }
}
