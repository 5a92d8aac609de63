//! What an upstream provider says of a person, and the link between that and an account.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::user::is_rpps;
use crate::base::Timestamp;
use crate::base::id::UserId;

/// Authentication context class of a sign-in at an upstream that names none.
pub const ACR_UPSTREAM: &str = "urn:guichet:acr:upstream";

/// Whom an upstream means: the one key of an identity. Never an address, a name or a number that can change.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IdentityKey {
    /// Name of the upstream in our configuration.
    pub upstream: String,
    /// The issuer, in the one spelling that it is compared by.
    pub issuer: String,
    /// The `sub`, or the id that the upstream's interface gives.
    pub subject: String,
}

/// What a national identifier numbers (TRE_G08: the first digit tells).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NationalKind {
    /// `8` and the 11 digits of the national directory (RPPS).
    Rpps,
    /// `0` and the 9 characters of the older directory (ADELI).
    Adeli,
    /// Staff of an establishment, test identities, whatever comes.
    Other,
}

/// A national identifier: kept as it came, never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NationalId(String);

impl NationalId {
    /// Reads an identifier: printable ASCII without spaces, 1 to 64 characters.
    pub fn parse(text: &str) -> Option<Self> {
        let good = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        good.then(|| Self(text.to_owned()))
    }

    /// As it came, with its prefix.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What it numbers.
    pub fn kind(&self) -> NationalKind {
        let rest = |prefix| self.0.strip_prefix(prefix).unwrap_or_default();
        if is_rpps(rest('8'), false) {
            NationalKind::Rpps
        } else if rest('0').len() == 9 && rest('0').bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()) {
            NationalKind::Adeli
        } else {
            NationalKind::Other
        }
    }

    /// The 11 digits, where it is an RPPS number; with a right key where `strict`.
    pub fn rpps(&self, strict: bool) -> Option<&str> {
        self.0.strip_prefix('8').filter(|digits| is_rpps(digits, strict))
    }
}

/// An address as an upstream tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamEmail {
    /// The address.
    pub address: String,
    /// Whether the upstream is an authority for it.
    pub verified: bool,
}

/// What an upstream said of a person at one sign-in, once everything was verified.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claimed {
    /// Whom it means.
    pub key: IdentityKey,
    /// The national identifier, of an upstream that is its authority.
    pub national: Option<NationalId>,
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// Address, where the upstream told one.
    pub email: Option<UpstreamEmail>,
    /// How the person proved who they are: authentication context class.
    pub acr: String,
    /// Authentication methods (RFC 8176).
    pub amr: Vec<String>,
    /// When the person did so, where the upstream said.
    pub auth_time: Option<Timestamp>,
    /// The upstream's session.
    pub session: Option<String>,
    /// The professional record, as it came, where the upstream has one.
    pub profile: Map<String, Value>,
    /// Exercises and activities, as they are used.
    pub activities: Vec<Activity>,
}

impl Claimed {
    /// Given and family name, or nothing.
    pub fn display_name(&self) -> String {
        format!("{} {}", self.given_name, self.family_name).trim().to_owned()
    }
}

/// One place where a professional practises, and as what.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Activity {
    /// Profession code.
    pub profession: String,
    /// Role code, where the profession does not say it all.
    pub role: String,
    /// FINESS numbers of the site and of its legal entity, where there are any.
    pub finess: Vec<String>,
    /// Name of the structure.
    pub structure: String,
}

/// The link of an account with an upstream's person.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Id, which the sealed tokens are bound to.
    pub id: Uuid,
    /// The account.
    pub user: UserId,
    /// Whom the upstream means.
    pub key: IdentityKey,
    /// The national identifier.
    pub national: Option<NationalId>,
    /// Address at the last sign-in, for the person to recognize the link by. Nothing is decided by it.
    pub email: Option<String>,
    /// When it was linked.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_login_at: Timestamp,
}

/// One line of a tenant's mapping: who practises as `profession` at `finess` gets `role` in the tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// FINESS number of a site or legal entity.
    pub finess: String,
    /// Profession code.
    pub profession: String,
    /// The role that comes of it.
    pub role: super::role::Role,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn national_identifiers() {
        let kind = |text: &str| NationalId::parse(text).map(|id| id.kind());
        assert_eq!(kind("899700123450"), Some(NationalKind::Rpps));
        assert_eq!(kind("0123456789"), Some(NationalKind::Adeli));
        for other in ["ANS20260101120000", "8997001234", "89970012345x", "3750000001/12", "8"] {
            assert_eq!(kind(other), Some(NationalKind::Other), "{other}");
        }
        assert_eq!(kind(""), None);
        assert_eq!(kind("8 99700123450"), None);
        let id = NationalId::parse("810107518424").unwrap();
        assert_eq!((id.rpps(true), id.rpps(false)), (Some("10107518424"), Some("10107518424")));
        let wrong = NationalId::parse("810003461033").unwrap();
        assert_eq!((wrong.rpps(true), wrong.rpps(false)), (None, Some("10003461033")));
    }
}
