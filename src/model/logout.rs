//! Notices to applications that a session ended (OpenID Connect Back-Channel Logout 1.0).

use uuid::Uuid;

use crate::base::Timestamp;
use crate::base::id::{ClientKey, UserId};

/// What became of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeState {
    /// It waits for its first attempt or the next one.
    Waiting,
    /// The client took it.
    Delivered,
    /// The client refused it: trying again would change nothing.
    Refused,
    /// It was given up after the last attempt, or there is nobody to tell any more.
    GivenUp,
}

impl NoticeState {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Delivered, Self::Refused, Self::GivenUp];

    /// The stored and shown text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::GivenUp => "given_up",
        }
    }

    /// Reads the stored text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }
}

/// A notice that was claimed for an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedNotice {
    /// The session that ended.
    pub sid: Uuid,
    /// Whom to tell.
    pub client: ClientKey,
    /// Whose session it was.
    pub user: UserId,
    /// The number of this attempt, from 1.
    pub attempt: u32,
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeAttempt {
    /// The state afterwards.
    pub state: NoticeState,
    /// When it was made.
    pub at: Timestamp,
    /// When the next one is due, where one is.
    pub due_at: Option<Timestamp>,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// What went wrong, without anything secret.
    pub error: Option<String>,
}

/// A notice as operators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeRecord {
    /// The session that ended.
    pub sid: Uuid,
    /// Whom to tell.
    pub client_id: String,
    /// What became of it.
    pub state: NoticeState,
    /// When the session ended.
    pub queued_at: Timestamp,
    /// When the next attempt is due.
    pub due_at: Option<Timestamp>,
    /// How many attempts were begun.
    pub attempts: u32,
    /// The status of the last answer.
    pub last_status: Option<u16>,
    /// What went wrong at the last attempt.
    pub last_error: Option<String>,
    /// When it was settled.
    pub settled_at: Option<Timestamp>,
}
