//! Tenants and who belongs to them.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::role::Role;
use crate::base::id::{TenantId, UserId};
use crate::base::{Entropy, Timestamp, entropy};

/// What a tenant is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TenantKind {
    /// A pharmacy.
    Pharmacy,
    /// A clinic.
    Clinic,
    /// A hospital.
    Hospital,
    /// A medical laboratory.
    Laboratory,
    /// A radiology centre.
    Radiology,
    /// A home-care service.
    HomeCare,
    /// A practice of one or more professionals.
    Practice,
    /// A care home.
    CareHome,
    /// A group of establishments.
    Group,
    /// Any other organization.
    Organization,
}

impl TenantKind {
    /// All kinds.
    pub const ALL: [Self; 10] = [
        Self::Pharmacy,
        Self::Clinic,
        Self::Hospital,
        Self::Laboratory,
        Self::Radiology,
        Self::HomeCare,
        Self::Practice,
        Self::CareHome,
        Self::Group,
        Self::Organization,
    ];

    /// The stored and shown text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pharmacy => "pharmacy",
            Self::Clinic => "clinic",
            Self::Hospital => "hospital",
            Self::Laboratory => "laboratory",
            Self::Radiology => "radiology",
            Self::HomeCare => "home-care",
            Self::Practice => "practice",
            Self::CareHome => "care-home",
            Self::Group => "group",
            Self::Organization => "organization",
        }
    }

    /// Reads the stored text; `home_care` counts as `home-care`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.replace('_', "-");
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }
}

/// Whether a tenant may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantStatus {
    /// Its members may sign in to it.
    Active,
    /// Nobody may sign in to it; tokens for it are dead.
    Disabled,
}

impl TenantStatus {
    /// The stored and shown text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }

    /// Reads the stored text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Disabled].into_iter().find(|known| known.as_str() == text)
    }
}

/// An establishment whose data is its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Internal id.
    pub id: TenantId,
    /// Id shown outside; the `tenant_id` claim.
    pub uuid: Uuid,
    /// Short code that people type, unique: `ORG-7K4M2X`.
    pub code: String,
    /// Name shown to people.
    pub name: String,
    /// What it is.
    pub kind: TenantKind,
    /// French department, `01` to `976`, `2A`, `2B`.
    pub department: Option<String>,
    /// Whether it may be used.
    pub status: TenantStatus,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What a new tenant is made of.
#[derive(Debug, Clone)]
pub struct NewTenant {
    /// Name shown to people.
    pub name: String,
    /// What it is.
    pub kind: TenantKind,
    /// French department.
    pub department: Option<String>,
    /// Its code, from [`new_code`].
    pub code: String,
}

/// A tenant of a person, with the roles there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The person.
    pub user: UserId,
    /// The tenant.
    pub tenant: Tenant,
    /// At least one role.
    pub roles: Vec<Role>,
}

/// A code for people to type: `ORG-` and six characters that cannot be mistaken for one another.
pub fn new_code(random: &dyn Entropy) -> String {
    const UNAMBIGUOUS: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    let bytes: [u8; 6] = entropy::bytes(random);
    let pick = |b: u8| char::from(*UNAMBIGUOUS.get(usize::from(b % 32)).unwrap_or(&b'2'));
    format!("ORG-{}", bytes.into_iter().map(pick).collect::<String>())
}

/// Whether `text` is a French department: `01` to `95` without `20`, `2A`, `2B`, `971` to `978`, `986` to `988`.
pub fn is_department(text: &str) -> bool {
    match (text, text.len()) {
        ("2A" | "2B", _) => true,
        _ if !text.bytes().all(|b| b.is_ascii_digit()) => false,
        (_, 2) => text.parse::<u8>().is_ok_and(|n| (1..=95).contains(&n) && n != 20),
        (_, 3) => text.parse::<u16>().is_ok_and(|n| (971..=978).contains(&n) || (986..=988).contains(&n)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::entropy::SystemEntropy;

    #[test]
    fn codes_are_unambiguous() {
        let code = new_code(&SystemEntropy);
        let typed = code.strip_prefix("ORG-").unwrap();
        assert_eq!(typed.len(), 6);
        assert!(!typed.contains(['0', 'O', '1', 'I']));
    }

    #[test]
    fn departments() {
        for text in ["01", "75", "95", "2A", "974", "988"] {
            assert!(is_department(text), "{text}");
        }
        for text in ["00", "20", "96", "1", "2C", "970", "+1", ""] {
            assert!(!is_department(text), "{text}");
        }
    }

    #[test]
    fn kinds() {
        assert_eq!(TenantKind::parse("home_care"), Some(TenantKind::HomeCare));
        assert_eq!(TenantKind::parse("casino"), None);
    }
}
