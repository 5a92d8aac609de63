//! Answers questions for new passwords and delivers mails.

use std::time::Duration;

use super::rounds::Rounds;
use crate::account::{Accounts, recovery};
use crate::mail::{Delivery, Tally};

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
}

impl Rounds for MailJob {
    const LOOK_EVERY: Duration = Duration::from_secs(2);
    const NAME: &'static str = "mail";

    async fn go_round(&self) {
        self.round().await;
    }

    async fn rung(&self) {
        self.delivery.outbox.rung().await;
    }
}
