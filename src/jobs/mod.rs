//! What runs beside the requests: watching for changes of other processes, cleanup, key rotation, mails,
//! logout notices, what we have at upstreams.
//!
//! Owns when these run; what they do is a use case of another room. Each is idempotent and may run in every replica.

mod follow;
mod logouts;
mod mail;
mod rounds;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::federation::Federation;
use crate::provider::Provider;
use crate::provider::keys::{KeyMaker, Rotation, RotationPolicy, rotate};
use crate::store::{Store, Topic};

pub use follow::FollowJob;
pub use logouts::LogoutJob;
pub use mail::MailJob;

/// How often changes of other processes are looked for: the longest that a disabled client stays in a cache.
const WATCH_EVERY: Duration = Duration::from_millis(200);
/// How often expired rows are deleted.
const CLEAN_EVERY: Duration = Duration::from_secs(60);
/// How often keys are looked at.
const ROTATE_EVERY: Duration = Duration::from_secs(600);
/// Most rows deleted in one go, so that no writer waits for a cleanup.
const CLEAN_AT_ONCE: u32 = 1_000;

/// What the jobs work with.
#[derive(Debug, Clone)]
pub struct Jobs {
    /// Storage.
    pub store: Store,
    /// The provider, whose caches follow.
    pub provider: Provider,
    /// Time, and what makes new keys.
    pub keys: KeyMaker,
    /// When keys change.
    pub rotation: RotationPolicy,
    /// Absolute life of a session.
    pub session_absolute: Duration,
    /// Mails, where they leave.
    pub mail: Option<MailJob>,
    /// Logout notices.
    pub logouts: LogoutJob,
    /// The upstreams, whose keys follow.
    pub federation: Federation,
    /// Sessions that follow those of upstream providers and registrations there, where there are any.
    pub follow: Option<FollowJob>,
}

impl Jobs {
    /// Starts all jobs; they end when `stop` becomes true.
    pub fn start(self, stop: &watch::Receiver<bool>) -> JoinSet<()> {
        let mut set = JoinSet::new();
        if let Some(mail) = self.mail.clone() {
            set.spawn(rounds::run(mail, stop.clone()));
        }
        set.spawn(rounds::run(self.logouts.clone(), stop.clone()));
        if let Some(follow) = self.follow.clone() {
            set.spawn(rounds::run(follow, stop.clone()));
        }
        let jobs = Arc::new(self);
        set.spawn(Arc::clone(&jobs).follow_changes(stop.clone()));
        set.spawn(Arc::clone(&jobs).clean(stop.clone()));
        set.spawn(jobs.rotate_keys(stop.clone()));
        set
    }

    async fn follow_changes(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut seen: Vec<(Topic, i64)> = Vec::new();
        let mut ticks = every(WATCH_EVERY);
        while next(&mut ticks, &mut stop).await {
            let read = async { self.store.read().await?.epochs().await };
            match read.await {
                Ok(present) if present != seen => {
                    self.take_note(&seen, &present).await;
                    seen = present;
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "changes cannot be read"),
            }
        }
    }

    async fn take_note(&self, seen: &[(Topic, i64)], present: &[(Topic, i64)]) {
        for entry in present.iter().filter(|entry| !seen.contains(entry)) {
            match entry.0 {
                Topic::Clients => self.provider.clients().forget(),
                Topic::Keys => {
                    if let Err(error) = self.provider.reload_keys().await {
                        tracing::error!(%error, "keys cannot be reloaded");
                    }
                    if let Err(error) = self.federation.reload_keys().await {
                        tracing::error!(%error, "keys for upstreams cannot be reloaded");
                    }
                }
                Topic::Logouts => self.logouts.ring(),
                Topic::Users | Topic::Tenants => {}
            }
        }
    }

    async fn clean(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut ticks = every(CLEAN_EVERY);
        while next(&mut ticks, &mut stop).await {
            let now = self.keys.clock.now();
            if let Err(error) = self.store.ephemeral().delete_expired(now, CLEAN_AT_ONCE).await {
                tracing::warn!(%error, "short-lived state cannot be cleaned");
            }
            let absolute = self.session_absolute;
            let cleaned = self
                .store
                .write("clean", move |tx| {
                    Box::pin(async move { tx.delete_expired(now, absolute, CLEAN_AT_ONCE).await })
                })
                .await;
            if let Err(error) = cleaned {
                tracing::warn!(%error, "expired rows cannot be deleted");
            }
        }
    }

    async fn rotate_keys(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut ticks = every(ROTATE_EVERY);
        while next(&mut ticks, &mut stop).await {
            match rotate(&self.store, self.keys.clone(), &self.rotation, Rotation::Due).await {
                Ok(changes) if !changes.is_empty() => tracing::info!(changes = changes.len(), "keys rotated"),
                Ok(_) => {}
                Err(error) => tracing::error!(%error, "keys cannot be rotated"),
            }
            if let Err(error) = self.federation.rotate_keys().await {
                tracing::error!(%error, "keys for upstreams cannot be rotated");
            }
        }
    }
}

fn every(period: Duration) -> tokio::time::Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Waits for the next tick; `false` when it is time to stop.
async fn next(ticks: &mut tokio::time::Interval, stop: &mut watch::Receiver<bool>) -> bool {
    tokio::select! {
        _ = ticks.tick() => true,
        _ = stop.wait_for(|stop| *stop) => false,
    }
}
