//! Ends sessions that outlived those of the upstream providers they stand on, and looks after our registrations there.

use std::future::pending;
use std::time::Duration;

use super::rounds::Rounds;
use crate::federation::registration::{self, is_dynamic};
use crate::federation::{Federation, Upstream, follow};

/// What following needs.
#[derive(Debug, Clone)]
pub struct FollowJob(Federation);

impl FollowJob {
    /// A job, if an upstream is to be followed or we register ourselves at one.
    pub fn of(federation: &Federation) -> Option<Self> {
        let needs = |upstream: &&Upstream| upstream.settings.follow_session.is_some() || is_dynamic(upstream);
        let is_wanted = federation.all().iter().any(needs);
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
        if let Err(error) = registration::round(&self.0).await {
            tracing::warn!(%error, "registrations at upstreams cannot be looked after");
        }
    }

    async fn rung(&self) {
        pending::<()>().await;
    }
}
