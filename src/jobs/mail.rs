//! Answers questions for new passwords and delivers mails: when the bell rings, and every few seconds for what other
//! processes left and for what is to be tried again.

use std::time::Duration;

use tokio::sync::watch;

use super::every;
use crate::account::{Accounts, recovery};
use crate::mail::{Delivery, Tally};

/// How often is looked for mails without the bell.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What mails need.
#[derive(Debug, Clone)]
pub struct MailJob {
    /// Where the questions are answered.
    pub accounts: Accounts,
    /// What delivers.
    pub delivery: Delivery,
}

impl MailJob {
    /// One round, at once: what was asked is answered, what is due is delivered.
    pub async fn round(&self) -> Tally {
        if let Err(error) = recovery::answer_all(&self.accounts).await {
            tracing::warn!(%error, "questions for new passwords cannot be answered");
        }
        match self.delivery.round().await {
            Ok(tally) => tally,
            Err(error) => {
                tracing::warn!(%error, "mails cannot be delivered");
                Tally::default()
            }
        }
    }

    /// Rounds until `stop` becomes true. A delivery that was begun is ended first.
    pub(super) async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut ticks = every(LOOK_EVERY);
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                _ = ticks.tick() => {}
                () = self.delivery.outbox.rung() => {}
            }
            self.round().await;
        }
    }
}
