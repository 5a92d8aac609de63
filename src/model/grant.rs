//! A grant: what one sign-in gave to one client, and the family of tokens that came of it.
//!
//! ```text
//!  tokens in front ──► live(generation -1)
//!                        │ code redeemed
//!  code redeemed ──► live(generation 0) ──refresh──► live(generation 1) ──► …
//!                        │                                │
//!                        └──── reuse · logout · disabled · password · membership · consent ───► revoked
//! ```
//!
//! Refresh tokens are not stored: a token names its grant and generation and carries a MAC over both, so the row's
//! `generation` alone says which one is live, and one conditional update is the rotation.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::base::Timestamp;
use crate::base::id::{ClientKey, TenantId, UserId};
use crate::oauth::{NamedClaims, Scope};

/// Why a grant ended, for the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantEnd {
    /// Its code was used a second time.
    CodeReused,
    /// A rotated refresh token was used after the grace.
    RefreshReused,
    /// The client revoked it (RFC 7009).
    RevokedByClient,
    /// The person withdrew consent.
    ConsentWithdrawn,
    /// Its session was ended.
    SessionEnded,
    /// The password changed.
    PasswordChanged,
    /// The account was disabled.
    UserDisabled,
    /// The membership in its tenant ended.
    MembershipEnded,
    /// The client was deleted or disabled.
    ClientDisabled,
}

impl GrantEnd {
    /// The stored text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CodeReused => "code_reused",
            Self::RefreshReused => "refresh_reused",
            Self::RevokedByClient => "revoked_by_client",
            Self::ConsentWithdrawn => "consent_withdrawn",
            Self::SessionEnded => "session_ended",
            Self::PasswordChanged => "password_changed",
            Self::UserDisabled => "user_disabled",
            Self::MembershipEnded => "membership_ended",
            Self::ClientDisabled => "client_disabled",
        }
    }
}

/// A grant: begun by the redemption of a code, or at the authorization endpoint where tokens come from there.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Its id, part of every token of the family.
    pub id: Uuid,
    /// To whom.
    pub client: ClientKey,
    /// Of whom.
    pub user: UserId,
    /// In which tenant.
    pub tenant: Option<TenantId>,
    /// In which browser session.
    pub sid: Uuid,
    /// What was granted.
    pub scope: Scope,
    /// Claims to release beside those of the scope.
    pub claims: NamedClaims,
    /// For which resources.
    pub resources: Vec<String>,
    /// Nonce of the first ID token.
    pub nonce: Option<String>,
    /// When the person proved who they are.
    pub auth_time: Timestamp,
    /// Authentication context class.
    pub acr: String,
    /// Authentication methods.
    pub amr: Vec<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When refreshing ends for good, however often it was used.
    pub expires_at: Timestamp,
    /// Generation of the live refresh token; [`Grant::IN_FRONT`] before there can be one.
    pub generation: i64,
    /// When that generation began.
    pub rotated_at: Timestamp,
    /// When it was ended.
    pub revoked_at: Option<Timestamp>,
}

/// What a presented refresh token means for its grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// The live one: rotate to the next generation.
    Rotate,
    /// The one before, within the grace: answer with the live one again, make no second branch.
    Retry,
    /// An old one: somebody else has it. Revoke the family.
    Reused,
    /// The grant is over.
    Ended,
}

impl Grant {
    /// Generation of a grant that the authorization endpoint began: its code, if there is one, was not redeemed yet. The step
    /// to generation 0 is the redemption, so that of any number of rivals one makes it.
    pub const IN_FRONT: i64 = -1;

    /// The claims named one by one that a token of `scope` releases: none, once it was narrowed to less than the grant.
    pub fn claims_within(&self, scope: &Scope) -> NamedClaims {
        if self.scope.is_within(scope) { self.claims.clone() } else { NamedClaims::default() }
    }

    /// Decides on a token of `generation` at `now`; `grace` is how long an honest retry may take.
    pub fn refresh(&self, generation: i64, now: Timestamp, grace: Duration) -> Refresh {
        if self.revoked_at.is_some() || now >= self.expires_at {
            return Refresh::Ended;
        }
        match self.generation.checked_sub(generation) {
            Some(0) => Refresh::Rotate,
            Some(1) if now < self.rotated_at.plus(grace) => Refresh::Retry,
            _ => Refresh::Reused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant() -> Grant {
        let start = Timestamp::from_seconds(1_000);
        Grant {
            id: Uuid::nil(),
            client: ClientKey::new(1),
            user: UserId::new(1),
            tenant: None,
            sid: Uuid::nil(),
            scope: Scope::default(),
            claims: NamedClaims::default(),
            resources: Vec::new(),
            nonce: None,
            auth_time: start,
            acr: String::new(),
            amr: Vec::new(),
            created_at: start,
            expires_at: start.plus(Duration::from_secs(1_000)),
            generation: 5,
            rotated_at: start,
            revoked_at: None,
        }
    }

    #[test]
    fn only_the_live_generation_rotates() {
        let grace = Duration::from_secs(10);
        let at = Timestamp::from_seconds(1_009);
        assert_eq!(grant().refresh(5, at, grace), Refresh::Rotate);
        assert_eq!(grant().refresh(4, at, grace), Refresh::Retry);
        assert_eq!(grant().refresh(4, Timestamp::from_seconds(1_010), grace), Refresh::Reused);
        assert_eq!(grant().refresh(3, at, grace), Refresh::Reused);
        assert_eq!(grant().refresh(6, at, grace), Refresh::Reused);
    }

    #[test]
    fn a_narrowed_token_releases_no_named_claim() {
        let claims = NamedClaims { userinfo: vec!["name".to_owned()], ..NamedClaims::default() };
        let scope = Scope::parse("openid email").unwrap();
        let grant = Grant { claims: claims.clone(), scope: scope.clone(), ..grant() };
        assert_eq!(grant.claims_within(&scope), claims);
        assert_eq!(grant.claims_within(&Scope::parse("openid").unwrap()), NamedClaims::default());
    }

    #[test]
    fn an_ended_grant_gives_nothing() {
        let grace = Duration::from_secs(10);
        assert_eq!(grant().refresh(5, Timestamp::from_seconds(2_000), grace), Refresh::Ended);
        let revoked = Grant { revoked_at: Some(Timestamp::from_seconds(1_001)), ..grant() };
        assert_eq!(revoked.refresh(5, Timestamp::from_seconds(1_002), grace), Refresh::Ended);
    }
}
