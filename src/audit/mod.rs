//! What happened, to whom, by whom: one list of actions, one shape of event.
//!
//! Owns the vocabulary of the log. Storage appends and lists events (`store`), the use cases make them, in the transaction
//! of what they tell of. No event holds a secret, a token or a health datum.

use serde_json::{Map, Value};

use crate::base::Timestamp;
use crate::base::id::{ClientKey, TenantId, UserId};

/// Declares the actions and their wire names in one table.
macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $wire:literal,)*) => {
        /// What happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Action {
            $($(#[$doc])* $name,)*
        }

        impl Action {
            /// All actions, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The stored and shown name.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $wire,)*
                }
            }
        }
    };
}

actions! {
    /// A person signed in.
    UserSignedIn = "user.signed_in",
    /// A sign-in was refused.
    UserSignInFailed = "user.sign_in_failed",
    /// An account was made.
    UserCreated = "user.created",
    /// An account was disabled.
    UserDisabled = "user.disabled",
    /// An account was enabled again.
    UserEnabled = "user.enabled",
    /// A password was set.
    PasswordChanged = "password.changed",
    /// Somebody asked for a link to a new password; a failure where no account could get one.
    PasswordResetRequested = "password.reset_requested",
    /// A browser session was ended.
    SessionEnded = "session.ended",
    /// A client got tokens for a person.
    GrantIssued = "grant.issued",
    /// Such tokens were revoked.
    GrantRevoked = "grant.revoked",
    /// An authorization code was used a second time.
    CodeReused = "code.reused",
    /// A rotated refresh token was used again.
    RefreshReused = "refresh.reused",
    /// A person allowed a client something.
    ConsentGiven = "consent.given",
    /// A person withdrew what a client was allowed.
    ConsentWithdrawn = "consent.withdrawn",
    /// A client was registered.
    ClientCreated = "client.created",
    /// A client was changed.
    ClientUpdated = "client.updated",
    /// A client was deleted.
    ClientDeleted = "client.deleted",
    /// A client got another secret.
    ClientSecretRotated = "client.secret_rotated",
    /// An initial access token was made.
    InitialAccessCreated = "initial_access.created",
    /// An initial access token was revoked.
    InitialAccessRevoked = "initial_access.revoked",
    /// A tenant was made.
    TenantCreated = "tenant.created",
    /// A tenant was disabled.
    TenantDisabled = "tenant.disabled",
    /// A tenant was enabled again.
    TenantEnabled = "tenant.enabled",
    /// A person got a role in a tenant.
    RoleGranted = "role.granted",
    /// A person lost a role in a tenant.
    RoleRevoked = "role.revoked",
    /// An account was linked with a person of an upstream provider.
    IdentityLinked = "identity.linked",
    /// Such a link was removed.
    IdentityUnlinked = "identity.unlinked",
    /// The upstream names the same person by another subject now; the national identifier is the same.
    IdentityRebound = "identity.rebound",
    /// An account made beforehand was taken over by its owner, who proved it at an upstream provider: what others may have
    /// prepared on it is gone.
    AccountClaimed = "user.claimed",
    /// An address that was never proven was taken from an account, because its owner proved it.
    AddressReleased = "user.address_released",
    /// We registered ourselves at an upstream provider.
    UpstreamRegistered = "upstream.registered",
    /// A registration of ours at an upstream provider was given up.
    UpstreamWithdrawn = "upstream.withdrawn",
    /// Somebody was invited into a tenant.
    InvitationCreated = "invitation.created",
    /// An invitation was revoked.
    InvitationRevoked = "invitation.revoked",
    /// An invitation was accepted; a failure where somebody else than the invited person tried.
    InvitationAccepted = "invitation.accepted",
    /// Signing keys were rotated.
    KeysRotated = "keys.rotated",
}

impl Action {
    /// Reads the stored name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.as_str() == text)
    }
}

/// Whether it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was refused.
    Failure,
}

impl Outcome {
    /// The stored and shown text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
        }
    }

    /// Reads the stored text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Success, Self::Failure].into_iter().find(|known| known.as_str() == text)
    }
}

/// One entry of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEvent {
    /// When.
    pub at: Timestamp,
    /// What.
    pub action: Action,
    /// Whether it was done.
    pub outcome: Outcome,
    /// The person who did it.
    pub actor_user: Option<UserId>,
    /// The client that did it or through which it was done.
    pub actor_client: Option<ClientKey>,
    /// The tenant in which it was done.
    pub tenant: Option<TenantId>,
    /// The type of thing it was done to: `user`, `client`, `session` …
    pub entity_type: String,
    /// The id of that thing, as shown outside.
    pub entity_id: Option<String>,
    /// Network address of the one who did it.
    pub address: Option<String>,
    /// The request by which it was done.
    pub request_id: Option<String>,
    /// More, by action.
    pub details: Map<String, Value>,
}

impl AuditEvent {
    /// A successful act at `at`; what it was done to is of the type that the action's name begins with, until said otherwise.
    pub fn new(action: Action, at: Timestamp) -> Self {
        let entity_type = action.as_str().split('.').next().unwrap_or_default().to_owned();
        Self {
            at,
            action,
            outcome: Outcome::Success,
            actor_user: None,
            actor_client: None,
            tenant: None,
            entity_type,
            entity_id: None,
            address: None,
            request_id: None,
            details: Map::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_go_both_ways() {
        for action in Action::ALL {
            assert_eq!(Action::parse(action.as_str()), Some(*action));
        }
        assert_eq!(Action::parse("user.teleported"), None);
    }
}
