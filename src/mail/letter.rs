//! What a mail tells of, before it is put in words.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::Timestamp;

/// A mail to a person, not yet in words. `Debug` leaves out the person and the link.
#[derive(Clone, Serialize, Deserialize)]
pub struct Letter {
    /// The address.
    pub to: String,
    /// The person's name.
    pub name: String,
    /// Languages that the person reads, BCP 47 tags, the best first.
    pub locales: Vec<String>,
    /// What it tells of.
    pub content: Content,
}

/// What a mail tells of.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Content {
    /// The link to a new password.
    PasswordReset {
        /// The link, with its token.
        url: String,
        /// When it ends; the mail is not delivered after that.
        expires_at: Timestamp,
    },
    /// An invitation into a tenant.
    Invitation {
        /// The tenant's name.
        tenant: String,
        /// The link, with its token.
        url: String,
        /// When it ends; the mail is not delivered after that.
        expires_at: Timestamp,
    },
    /// The password was changed.
    PasswordChanged {
        /// When.
        at: Timestamp,
        /// The browser's name of itself; `None` where an operator changed it.
        user_agent: Option<String>,
    },
}

impl Letter {
    /// Whether it says nothing of use any more.
    pub fn is_over(&self, now: Timestamp) -> bool {
        match &self.content {
            Content::PasswordReset { expires_at, .. } | Content::Invitation { expires_at, .. } => *expires_at <= now,
            Content::PasswordChanged { .. } => false,
        }
    }
}

impl Content {
    /// A name for the log.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::PasswordReset { .. } => "password_reset",
            Self::Invitation { .. } => "invitation",
            Self::PasswordChanged { .. } => "password_changed",
        }
    }
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Letter").field("content", &self.content).finish_non_exhaustive()
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A letter in words. `Debug` leaves out the bodies, which may hold a link that sets a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// The subject.
    pub subject: String,
    /// The `text/plain` part.
    pub text: String,
    /// The `text/html` part.
    pub html: String,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail").field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// How a letter is put in words.
type Write = dyn Fn(&Letter, Timestamp) -> Mail + Send + Sync;

/// Puts letters in words, in the person's language, as of a moment.
#[derive(Clone)]
pub struct Letters(Arc<Write>);

impl Letters {
    /// Takes the templates.
    pub fn new(write: impl Fn(&Letter, Timestamp) -> Mail + Send + Sync + 'static) -> Self {
        Self(Arc::new(write))
    }

    /// The letter in words.
    pub fn write(&self, letter: &Letter, now: Timestamp) -> Mail {
        (self.0)(letter, now)
    }
}

impl fmt::Debug for Letters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Letters")
    }
}
