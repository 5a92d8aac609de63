//! An invitation into a tenant: a mailed link that makes whoever proves to be meant a member.
//!
//! ```text
//! pending ──► accepted          by the person who is meant, once
//!    ├──────► revoked           by an operator, or by a newer one for the same address
//!    └──────► expired
//! ```

use uuid::Uuid;

use super::role::Role;
use super::tenant::{Tenant, TenantStatus};
use super::user::{User, canonical_email};
use crate::base::Timestamp;

/// Where an invitation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvitationState {
    /// Its link holds.
    Pending,
    /// It made somebody a member.
    Accepted,
    /// It was taken back.
    Revoked,
    /// Nobody came in time.
    Expired,
}

impl InvitationState {
    /// The shown text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }
}

/// An invitation.
#[derive(Debug, Clone)]
pub struct Invitation {
    /// Internal id, the order in which they were made.
    pub id: i64,
    /// Id shown outside. Not the link's token.
    pub uuid: Uuid,
    /// Into which tenant.
    pub tenant: Tenant,
    /// Where the link was mailed to.
    pub email: String,
    /// The professional who is meant, where that is known.
    pub rpps: Option<String>,
    /// The roles that come of it, at least one.
    pub roles: Vec<Role>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its link ends.
    pub expires_at: Timestamp,
    /// When it was accepted.
    pub accepted_at: Option<Timestamp>,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
}

/// What a new invitation is made of.
#[derive(Debug, Clone)]
pub struct NewInvitation {
    /// Into which tenant.
    pub tenant: Tenant,
    /// Where the link is mailed to.
    pub email: String,
    /// The professional who is meant.
    pub rpps: Option<String>,
    /// The roles that come of it.
    pub roles: Vec<Role>,
    /// When its link ends.
    pub expires_at: Timestamp,
}

impl Invitation {
    /// Where it stands at `now`.
    pub fn state(&self, now: Timestamp) -> InvitationState {
        match (self.accepted_at, self.revoked_at) {
            (Some(_), _) => InvitationState::Accepted,
            (None, Some(_)) => InvitationState::Revoked,
            (None, None) if self.expires_at <= now => InvitationState::Expired,
            (None, None) => InvitationState::Pending,
        }
    }

    /// Whether somebody may still accept it.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.state(now) == InvitationState::Pending && self.tenant.status == TenantStatus::Active
    }

    /// Whether `user`, who has shown the mailed link, may be the one who is meant: the professional, where the invitation
    /// names one; else nobody who is known by another address. An account without an address is nobody else's.
    pub fn means(&self, user: &User) -> bool {
        match (&self.rpps, user.address()) {
            (Some(rpps), _) => user.rpps.as_ref() == Some(rpps),
            (None, Some(address)) => self.is_mailed_to(address),
            (None, None) => true,
        }
    }

    /// Whether `address` is the one that the link was mailed to.
    pub fn is_mailed_to(&self, address: &str) -> bool {
        matches!((canonical_email(&self.email), canonical_email(address)), (Ok(own), Ok(other)) if own == other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::{TenantId, UserId};
    use crate::model::tenant::TenantKind;
    use crate::model::user::{UserStatus, placeholder_address};

    fn invitation(rpps: Option<&str>) -> Invitation {
        let at = Timestamp::from_seconds(100);
        let tenant = Tenant {
            id: TenantId::new(1),
            uuid: Uuid::nil(),
            code: "ORG-1".to_owned(),
            name: "Clinique".to_owned(),
            kind: TenantKind::Clinic,
            department: None,
            status: TenantStatus::Active,
            created_at: at,
            updated_at: at,
        };
        Invitation {
            id: 1,
            uuid: Uuid::nil(),
            tenant,
            email: "Ann@Example.test".to_owned(),
            rpps: rpps.map(str::to_owned),
            roles: vec![Role::Nurse],
            created_at: at,
            expires_at: Timestamp::from_seconds(200),
            accepted_at: None,
            revoked_at: None,
        }
    }

    fn user(email: &str, rpps: Option<&str>) -> User {
        let at = Timestamp::from_seconds(1);
        User {
            id: UserId::new(1),
            uuid: Uuid::nil(),
            email: email.to_owned(),
            email_verified: true,
            first_name: String::new(),
            last_name: String::new(),
            rpps: rpps.map(str::to_owned),
            locale: None,
            claims: serde_json::Map::new(),
            password_hash: None,
            password_changed_at: None,
            platform_admin: false,
            status: UserStatus::Active,
            created_at: at,
            updated_at: at,
            last_login_at: None,
        }
    }

    #[test]
    fn who_is_meant() {
        let none = placeholder_address(Uuid::nil());
        let by_address = invitation(None);
        assert!(by_address.means(&user("ann@example.TEST", None)));
        assert!(by_address.means(&user("ann@example.test", Some("99700218896"))));
        assert!(!by_address.means(&user("bob@example.test", None)));
        assert!(by_address.means(&user(&none, Some("99700218896"))), "no address is no other address");
        let by_number = invitation(Some("99700218896"));
        assert!(by_number.means(&user(&none, Some("99700218896"))));
        assert!(by_number.means(&user("bob@example.test", Some("99700218896"))), "the number is the stronger key");
        assert!(!by_number.means(&user("ann@example.test", None)));
        assert!(!by_number.means(&user("ann@example.test", Some("10107518424"))));
    }

    #[test]
    fn states() {
        let at = Timestamp::from_seconds;
        let one = invitation(None);
        assert_eq!((one.state(at(199)), one.state(at(200))), (InvitationState::Pending, InvitationState::Expired));
        let revoked = Invitation { revoked_at: Some(at(150)), ..one.clone() };
        let accepted = Invitation { accepted_at: Some(at(150)), ..one.clone() };
        assert_eq!(
            (revoked.state(at(300)), accepted.state(at(300))),
            (InvitationState::Revoked, InvitationState::Accepted)
        );
        let closed = Tenant { status: TenantStatus::Disabled, ..one.tenant.clone() };
        assert!(one.is_open(at(199)) && !Invitation { tenant: closed, ..one }.is_open(at(199)));
    }
}
