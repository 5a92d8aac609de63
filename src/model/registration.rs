//! Initial access tokens (RFC 7591 §3): what allows their bearer to register clients.

use crate::base::Timestamp;
use crate::oauth::Scope;

/// A token, without the token itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitialAccess {
    /// Internal id.
    pub id: i64,
    /// How many more clients it is good for; `None` for any number.
    pub uses_left: Option<i64>,
    /// The widest scope of a client registered with it.
    pub scope: Scope,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends; `None` for never.
    pub expires_at: Option<Timestamp>,
}

impl InitialAccess {
    /// Whether it is good for one more client.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.uses_left.is_none_or(|left| left > 0) && self.expires_at.is_none_or(|end| now < end)
    }
}
