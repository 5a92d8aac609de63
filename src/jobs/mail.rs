//! Answers questions for new passwords and delivers mails: when the bell rings, and every few seconds for what other
//! processes left and for what is to be tried again.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::every;
use crate::account::{Accounts, recovery};
use crate::mail::{Delivery, Tally};

/// How often is looked for mails without the bell.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long a slow mail server may delay the end of the process.
const GRACE: Duration = Duration::from_secs(5);

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

    /// Rounds until `stop` becomes true. A round that was begun has [`GRACE`] to end.
    pub(super) async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut ticks = every(LOOK_EVERY);
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                _ = ticks.tick() => {}
                () = self.delivery.outbox.rung() => {}
            }
            let mut round = pin!(self.round());
            let ended = tokio::select! {
                _ = &mut round => true,
                _ = stop.wait_for(|stop| *stop) => false,
            };
            if !ended {
                if timeout(GRACE, round).await.is_err() {
                    tracing::warn!("stopped while a mail was under way: it is delivered again at the next start");
                }
                return;
            }
        }
    }
}
