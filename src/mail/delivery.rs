//! Delivers what is in the outbox: claim one, put it in words, hand it over, delete it.
//!
//! A mail is delivered at least once: when the process dies between handing over and deleting, it goes out again, with the
//! same `Message-ID`. After the last retry it is given up; the log says so, without the address.

use std::sync::Arc;
use std::time::Duration;

use super::{Letters, Mailer, Message, Outbox};
use crate::base::retry::pause_after;
use crate::base::{Clock, Timestamp};
use crate::model::mail::QueuedMail;
use crate::store::{Store, StoreError};

/// How long after each failed attempt the next one is made; after the last of these a mail is given up.
pub const RETRIES: [Duration; 4] =
    [Duration::from_secs(60), Duration::from_secs(300), Duration::from_secs(1_800), Duration::from_secs(7_200)];

/// How long a claim holds: longer than an attempt can take.
const CLAIM: Duration = Duration::from_secs(120);

/// What one round did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Mails handed over.
    pub delivered: u32,
    /// Mails put off.
    pub put_off: u32,
    /// Mails given up.
    pub given_up: u32,
}

/// Delivers mails.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Where they wait.
    pub store: Store,
    /// What opens them.
    pub outbox: Outbox,
    /// What puts them in words.
    pub letters: Letters,
    /// The way out.
    pub mailer: Mailer,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// What became of one mail.
enum Fate {
    Delivered,
    PutOff(Timestamp),
    GivenUp,
}

impl Delivery {
    /// Delivers all mails that are due.
    pub async fn round(&self) -> Result<Tally, StoreError> {
        let mut tally = Tally::default();
        while self.store.read().await?.has_due_mail(self.clock.now()).await? {
            let now = self.clock.now();
            let claimed = self
                .store
                .write("claim_mail", move |tx| Box::pin(async move { tx.claim_mail(now, now.plus(CLAIM)).await }))
                .await?;
            // Another process got it, and looks for the next one itself.
            let Some(mail) = claimed else { break };
            let fate = self.attempt(&mail).await;
            match fate {
                Fate::Delivered => tally.delivered += 1,
                Fate::PutOff(_) => tally.put_off += 1,
                Fate::GivenUp => tally.given_up += 1,
            }
            self.record(&mail, fate).await?;
        }
        Ok(tally)
    }

    async fn attempt(&self, mail: &QueuedMail) -> Fate {
        let now = self.clock.now();
        let Some(letter) = self.outbox.open(mail) else {
            tracing::error!(mail = %mail.id, "a mail cannot be opened under this master key; given up");
            return Fate::GivenUp;
        };
        let kind = letter.content.name();
        if letter.is_over(now) {
            tracing::warn!(mail = %mail.id, kind, "a mail was not delivered in time; given up");
            return Fate::GivenUp;
        }
        let message = Message { id: mail.id, at: now, to: letter.to.clone(), mail: self.letters.write(&letter, now) };
        match self.mailer.send(&message).await {
            Ok(()) => {
                tracing::info!(mail = %mail.id, kind, "mail delivered");
                Fate::Delivered
            }
            Err(error) => {
                let Some(wait) = pause_after(&RETRIES, mail.attempts) else {
                    tracing::error!(mail = %mail.id, kind, %error, "a mail was not taken; given up");
                    return Fate::GivenUp;
                };
                tracing::warn!(mail = %mail.id, kind, %error, wait_s = wait.as_secs(), "a mail was not taken");
                Fate::PutOff(now.plus(wait))
            }
        }
    }

    async fn record(&self, mail: &QueuedMail, fate: Fate) -> Result<(), StoreError> {
        let id = mail.id;
        self.store
            .write("mail_attempted", move |tx| {
                Box::pin(async move {
                    match fate {
                        Fate::PutOff(until) => tx.put_off_mail(id, until).await,
                        Fate::Delivered | Fate::GivenUp => tx.delete_mail(id).await.map(drop),
                    }
                })
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_retries() {
        let minutes: Vec<_> = (1..=5).map(|n| pause_after(&RETRIES, n).map(|wait| wait.as_secs() / 60)).collect();
        assert_eq!(minutes, [Some(1), Some(5), Some(30), Some(120), None]);
    }
}
