//! Work that comes in rounds: when its bell rings, and every so often for what other processes left and for what is to be
//! tried again.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::every;

/// How long a slow receiver may delay the end of the process.
const GRACE: Duration = Duration::from_secs(5);

/// Such work.
pub(super) trait Rounds {
    /// How often is looked without the bell.
    const LOOK_EVERY: Duration;
    /// What it is, for the log.
    const NAME: &'static str;

    /// One round, at once.
    fn go_round(&self) -> impl Future<Output = ()> + Send;

    /// Waits for the bell.
    fn rung(&self) -> impl Future<Output = ()> + Send;
}

/// Rounds until `stop` becomes true. A round that was begun has [`GRACE`] to end.
pub(super) async fn run(work: impl Rounds, mut stop: watch::Receiver<bool>) {
    run_until(&work, &mut stop).await;
}

async fn run_until<W: Rounds>(work: &W, stop: &mut watch::Receiver<bool>) {
    let mut ticks = every(W::LOOK_EVERY);
    loop {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            _ = ticks.tick() => {}
            () = work.rung() => {}
        }
        let mut round = pin!(work.go_round());
        let ended = tokio::select! {
            () = &mut round => true,
            _ = stop.wait_for(|stop| *stop) => false,
        };
        if !ended {
            if timeout(GRACE, round).await.is_err() {
                tracing::warn!(work = W::NAME, "stopped while it was under way: it is done again at the next start");
            }
            return;
        }
    }
}
