//! Browser sessions: who signed in here, when and how.

use std::time::Duration;

use uuid::Uuid;

use crate::base::Timestamp;
use crate::base::digest::Digest;
use crate::base::id::{TenantId, UserId};

/// Authentication context class of a password alone.
pub const ACR_PASSWORD: &str = "urn:guichet:acr:password";

/// How long sessions live.
#[derive(Debug, Clone, Copy)]
pub struct SessionLifetimes {
    /// Longest time without a request.
    pub idle: Duration,
    /// Longest time since sign-in.
    pub absolute: Duration,
}

/// A session that has not been ended. Whether it is still alive at a moment is for [`Session::is_alive`] to say.
#[derive(Debug, Clone)]
pub struct Session {
    /// Public id, the `sid` claim.
    pub sid: Uuid,
    /// SHA-256 of the cookie's token.
    pub token: Digest,
    /// Who signed in.
    pub user: UserId,
    /// The tenant last chosen.
    pub tenant: Option<TenantId>,
    /// When the person last proved who they are.
    pub auth_time: Timestamp,
    /// Authentication context class.
    pub acr: String,
    /// Authentication methods (RFC 8176).
    pub amr: Vec<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used (kept to the minute).
    pub last_seen_at: Timestamp,
    /// Address at sign-in.
    pub address: Option<String>,
    /// Browser at sign-in.
    pub user_agent: Option<String>,
}

impl Session {
    /// Whether the session may be used at `now`.
    pub fn is_alive(&self, now: Timestamp, lifetimes: SessionLifetimes) -> bool {
        now < self.last_seen_at.plus(lifetimes.idle) && now < self.created_at.plus(lifetimes.absolute)
    }
}

/// What a new session is made of.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// SHA-256 of the cookie's token.
    pub token: Digest,
    /// Who signed in.
    pub user: UserId,
    /// When the person proved who they are, where that was earlier than now: at an upstream provider.
    pub auth_time: Option<Timestamp>,
    /// Authentication context class.
    pub acr: String,
    /// Authentication methods (RFC 8176).
    pub amr: Vec<String>,
    /// Address at sign-in.
    pub address: Option<String>,
    /// Browser at sign-in, cut to 300 characters.
    pub user_agent: Option<String>,
}

/// Why a session ended, for the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionEnd {
    /// The person signed out.
    Logout,
    /// The person ended it from another device.
    EndedByUser,
    /// A new sign-in in the same browser replaced it.
    Replaced,
    /// The password changed.
    PasswordChanged,
    /// An administrator disabled the account.
    UserDisabled,
    /// The upstream provider said that its session ended.
    UpstreamLogout,
    /// The account was claimed by its owner, who proved it at an upstream provider for the first time.
    Claimed,
}

impl SessionEnd {
    /// The stored text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::EndedByUser => "ended_by_user",
            Self::Replaced => "replaced",
            Self::PasswordChanged => "password_changed",
            Self::UserDisabled => "user_disabled",
            Self::UpstreamLogout => "upstream_logout",
            Self::Claimed => "claimed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_and_absolute_ends() {
        let start = Timestamp::from_seconds(1_000_000);
        let mut session = Session {
            sid: Uuid::nil(),
            token: Digest::of(b""),
            user: UserId::new(1),
            tenant: None,
            auth_time: start,
            acr: String::new(),
            amr: Vec::new(),
            created_at: start,
            last_seen_at: start,
            address: None,
            user_agent: None,
        };
        let lifetimes = SessionLifetimes { idle: Duration::from_secs(60), absolute: Duration::from_secs(600) };
        assert!(session.is_alive(start.plus(Duration::from_secs(59)), lifetimes));
        assert!(!session.is_alive(start.plus(Duration::from_secs(60)), lifetimes));
        session.last_seen_at = start.plus(Duration::from_secs(590));
        assert!(session.is_alive(start.plus(Duration::from_secs(599)), lifetimes));
        assert!(!session.is_alive(start.plus(Duration::from_secs(600)), lifetimes));
    }
}
