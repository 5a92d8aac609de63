//! The outbox: letters sealed for the database, and the bell that tells the job of them.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::Letter;
use crate::base::entropy::uuid_v7;
use crate::base::seal::MasterKey;
use crate::base::{Entropy, Timestamp};
use crate::model::mail::QueuedMail;

/// What a sealed letter is sealed for.
const PURPOSE: &str = "mail";

/// Seals and opens what waits to be mailed. Clones share the bell.
#[derive(Clone)]
pub struct Outbox {
    master: MasterKey,
    entropy: Arc<dyn Entropy>,
    bell: Arc<Notify>,
}

impl Outbox {
    /// An outbox sealed under `master`.
    pub fn new(master: MasterKey, entropy: Arc<dyn Entropy>) -> Self {
        Self { master, entropy, bell: Arc::new(Notify::new()) }
    }

    /// A letter for [`queue_mail`](crate::store::Conn::queue_mail). Ring the bell once it is committed.
    pub fn seal(&self, letter: &Letter, now: Timestamp) -> QueuedMail {
        let id = uuid_v7(now, self.entropy.as_ref());
        QueuedMail { id, sealed: self.seal_for(PURPOSE, id, letter), queued_at: now, attempts: 0 }
    }

    /// The letter of a queued mail; `None` when it was changed, moved, or sealed under another key.
    pub fn open(&self, mail: &QueuedMail) -> Option<Letter> {
        self.open_for(PURPOSE, mail.id, &mail.sealed)
    }

    /// Seals a value that waits in a row of its own.
    pub(crate) fn seal_for(&self, purpose: &str, row: Uuid, value: &impl Serialize) -> Vec<u8> {
        let clear = Zeroizing::new(serde_json::to_vec(value).unwrap_or_default());
        self.master.seal(self.entropy.as_ref(), purpose, &row.to_string(), &clear)
    }

    /// Opens what [`Self::seal_for`] gave for the same purpose and row.
    pub(crate) fn open_for<T: DeserializeOwned>(&self, purpose: &str, row: Uuid, sealed: &[u8]) -> Option<T> {
        let clear = self.master.open(purpose, &row.to_string(), sealed)?;
        serde_json::from_slice(clear.expose()).ok()
    }

    /// Tells the job of this process that something waits. Jobs of other processes find it by themselves.
    pub fn ring(&self) {
        self.bell.notify_one();
    }

    /// Waits for the bell.
    pub async fn rung(&self) {
        self.bell.notified().await;
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outbox")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::entropy::SystemEntropy;
    use crate::mail::Content;

    #[test]
    fn a_letter_opens_only_in_its_own_row() {
        let outbox = Outbox::new(MasterKey::new([7; 32]), Arc::new(SystemEntropy));
        let letter = Letter {
            to: "claire@example.org".to_owned(),
            name: "Claire".to_owned(),
            locales: vec!["fr".to_owned()],
            content: Content::PasswordReset {
                url: "https://sso.example.org/password-reset/gpr_secret".to_owned(),
                expires_at: Timestamp::from_seconds(900),
            },
        };
        let queued = outbox.seal(&letter, Timestamp::from_seconds(1));
        let text = String::from_utf8_lossy(&queued.sealed).into_owned();
        assert!(!text.contains("gpr_") && !text.contains("claire"));
        assert_eq!(outbox.open(&queued).unwrap().to, letter.to);
        let moved = QueuedMail { id: outbox.seal(&letter, Timestamp::from_seconds(1)).id, ..queued.clone() };
        assert!(outbox.open(&moved).is_none());
        assert!(outbox.open_for::<Letter>("reset-request", queued.id, &queued.sealed).is_none());
        let other = Outbox::new(MasterKey::new([8; 32]), Arc::new(SystemEntropy));
        assert!(other.open(&queued).is_none());
        let shown = format!("{letter:?} {queued:?} {outbox:?}");
        assert!(!shown.contains("gpr_") && !shown.contains("claire"), "{shown}");
    }
}
