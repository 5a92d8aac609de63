//! A sign-in journey: one request for a sign-in, from its arrival to its answer, across pages.
//!
//! ```text
//! begun ─► signed in ─► tenant chosen ─► consented ─► answered (taken from the store once)
//! ```
//!
//! A journey is bound to the browser that began it and holds what this browser did for it. Which page comes next is
//! decided in one place, `provider::dispatch`, from this, the session, the client and the time.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::identity::Claimed;
use crate::base::Timestamp;
use crate::base::digest::Digest;
use crate::base::id::{TenantId, UserId};
use crate::oauth::authorization::AuthorizationRequest;

/// What the journey is for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "purpose")]
pub enum Purpose {
    /// A relying application asked.
    Authorize {
        /// Its request, checked.
        request: Box<AuthorizationRequest>,
    },
    /// The person came by themselves and ends on a page of ours.
    Own {
        /// Path on our own origin, chosen by us, never from the query.
        page: OwnPage,
    },
}

/// Pages of ours that a journey can end on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnPage {
    /// Sessions, consents, password.
    Account,
    /// The same, after the person proved anew who they are.
    Proof,
    /// The same, once the person accepted this invitation, whose link the browser showed.
    Invitation(Uuid),
}

/// The state of one journey.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Journey {
    /// What it is for.
    #[serde(flatten)]
    pub purpose: Purpose,
    /// Digest of the browser's binding cookie, as base64url.
    pub browser: String,
    /// When it began.
    pub began_at: Timestamp,
    /// When the person proved who they are in this journey.
    pub signed_in_at: Option<Timestamp>,
    /// The session that the last step belonged to.
    pub sid: Option<Uuid>,
    /// The tenant chosen in this journey.
    pub tenant: Option<TenantId>,
    /// Whether the person consented in this journey.
    pub consented: bool,
    /// Whether the browser was sent to an upstream provider by us, rather than by the person: that happens once.
    #[serde(default)]
    pub sent_upstream: bool,
    /// What an upstream proved, and what waits for the proof of the account that has the same address.
    #[serde(default)]
    pub pending: Option<PendingLink>,
}

/// A person of an upstream who is to be linked with an account, once its owner proves it in this journey.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PendingLink {
    /// The account.
    pub user: UserId,
    /// The person, verified.
    pub claimed: Box<Claimed>,
}

impl Journey {
    /// A journey that has just begun.
    pub fn begin(purpose: Purpose, browser: &Digest, now: Timestamp) -> Self {
        Self {
            purpose,
            browser: browser.to_base64url(),
            began_at: now,
            signed_in_at: None,
            sid: None,
            tenant: None,
            consented: false,
            sent_upstream: false,
            pending: None,
        }
    }

    /// Notes that the person proved who they are, in this session: what was seen with another one does not count. Gives the
    /// link that waited for this proof.
    pub fn proven(&mut self, sid: Uuid, now: Timestamp) -> Option<PendingLink> {
        self.sid = Some(sid);
        self.signed_in_at = Some(now);
        self.tenant = None;
        self.consented = false;
        self.pending.take()
    }

    /// Whether the journey belongs to the browser with this binding.
    pub fn is_of(&self, browser: &Digest) -> bool {
        crate::base::secret::ct_eq(self.browser.as_bytes(), browser.to_base64url().as_bytes())
    }
}
