//! A mail on its way.

use uuid::Uuid;

use crate::base::Timestamp;

/// A mail in the outbox. What it says is sealed under the master key, bound to the id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedMail {
    /// Its id, which is its `Message-ID` too: a mail that is delivered twice can be told.
    pub id: Uuid,
    /// What it says and to whom, sealed.
    pub sealed: Vec<u8>,
    /// When it was written.
    pub queued_at: Timestamp,
    /// How many deliveries were begun.
    pub attempts: u32,
}
