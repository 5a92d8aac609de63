//! What a person allowed a client to have.

use crate::base::Timestamp;
use crate::base::id::{ClientKey, UserId};
use crate::oauth::Scope;

/// A remembered consent, one for each person and client; its scope only grows until it is withdrawn.
#[derive(Debug, Clone)]
pub struct Consent {
    /// Who allowed.
    pub user: UserId,
    /// Whom.
    pub client: ClientKey,
    /// What.
    pub scope: Scope,
    /// When first.
    pub created_at: Timestamp,
    /// When last extended.
    pub updated_at: Timestamp,
}
