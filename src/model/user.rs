//! People.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::base::Timestamp;
use crate::base::id::UserId;

/// Whether an account may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserStatus {
    /// May sign in.
    Active,
    /// May not sign in; its sessions and tokens are dead.
    Disabled,
}

impl UserStatus {
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

/// A person's account.
#[derive(Debug, Clone)]
pub struct User {
    /// Internal id.
    pub id: UserId,
    /// Id shown outside; the `sub` of tokens.
    pub uuid: Uuid,
    /// Address as the person writes it.
    pub email: String,
    /// Whether the address was proven.
    pub email_verified: bool,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// National number of a health professional, 11 digits.
    pub rpps: Option<String>,
    /// Preferred language of pages and mails, a BCP 47 tag.
    pub locale: Option<String>,
    /// Further standard claims (OpenID Connect Core §5.1), already well typed.
    pub claims: Map<String, Value>,
    /// Encoded password hash; `None` for an account without a usable password.
    pub password_hash: Option<String>,
    /// When the password last changed.
    pub password_changed_at: Option<Timestamp>,
    /// May run the platform: sees no patient by that alone.
    pub platform_admin: bool,
    /// Whether the account may be used.
    pub status: UserStatus,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the profile last changed; the `updated_at` claim.
    pub updated_at: Timestamp,
    /// When the person last signed in.
    pub last_login_at: Option<Timestamp>,
}

/// The domain of placeholders: no mail ever reaches it (RFC 2606 §2).
const NO_ADDRESS: &str = "@no-address.invalid";

/// What stands for the address of a person of whom none is known.
pub fn placeholder_address(unique: Uuid) -> String {
    format!("{}{NO_ADDRESS}", unique.simple())
}

impl User {
    /// The address, where one is known.
    pub fn address(&self) -> Option<&str> {
        (!self.email.ends_with(NO_ADDRESS)).then_some(self.email.as_str())
    }

    /// Whether the account may be used.
    pub fn is_active(&self) -> bool {
        self.status == UserStatus::Active
    }

    /// Given and family name, or the address where neither is known.
    pub fn display_name(&self) -> String {
        let name = format!("{} {}", self.first_name, self.last_name);
        let name = name.trim();
        let other = || self.address().or(self.rpps.as_deref()).unwrap_or_default();
        if name.is_empty() { other().to_owned() } else { name.to_owned() }
    }
}

/// What a new account is made of.
#[derive(Debug, Clone, Default)]
pub struct NewUser {
    /// Address as the person writes it.
    pub email: String,
    /// Whether the address was proven.
    pub email_verified: bool,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// National number of a health professional.
    pub rpps: Option<String>,
    /// Preferred language.
    pub locale: Option<String>,
    /// Further standard claims.
    pub claims: Map<String, Value>,
    /// Encoded password hash.
    pub password_hash: Option<String>,
    /// May run the platform.
    pub platform_admin: bool,
}

/// Why an address is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not an e-mail address")]
pub struct MalformedEmail;

/// The one rule by which addresses are compared: trimmed, Unicode NFC, lower case (security item 99).
///
/// RFC 5321 §4.5.3.1: local part up to 64 bytes, domain up to 255, 254 in all. A trailing dot of the domain is refused.
pub fn canonical_email(text: &str) -> Result<String, MalformedEmail> {
    use unicode_normalization::UnicodeNormalization as _;
    let canonical: String = text.trim().nfc().collect::<String>().to_lowercase();
    let (local, domain) = canonical.rsplit_once('@').ok_or(MalformedEmail)?;
    let local_ok = !local.is_empty()
        && local.len() <= 64
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local.chars().all(|c| c.is_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(c));
    let label_ok = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    let domain_ok = domain.len() <= 255 && domain.split('.').all(label_ok);
    if local_ok && domain_ok && canonical.len() <= 254 { Ok(canonical) } else { Err(MalformedEmail) }
}

/// Whether `rpps` has 11 digits and, where `strict`, a right Luhn key.
pub fn is_rpps(rpps: &str, strict: bool) -> bool {
    let digits = rpps.len() == 11 && rpps.bytes().all(|b| b.is_ascii_digit());
    digits && (!strict || luhn_sum(rpps).is_multiple_of(10))
}

fn luhn_sum(digits: &str) -> u32 {
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, b)| {
            let digit = u32::from(b - b'0');
            if at % 2 == 1 { doubled(digit) } else { digit }
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_for_all_aliases_of_case_and_form() {
        assert_eq!(canonical_email(" Jean.Dupont@Example.FR "), Ok("jean.dupont@example.fr".to_owned()));
        assert_eq!(canonical_email("e\u{301}lo@x.fr"), canonical_email("élo@x.fr"));
        assert_eq!(canonical_email("a+tag@x.fr"), Ok("a+tag@x.fr".to_owned()));
        for text in ["", "a", "@x.fr", "a@", "a@x.fr.", "a@x..fr", "a b@x.fr", "a@-x.fr", ".a@x.fr", "a\n@x.fr"] {
            assert!(canonical_email(text).is_err(), "{text}");
        }
        assert!(canonical_email(&format!("{}@x.fr", "a".repeat(65))).is_err());
    }

    #[test]
    fn rpps_keys() {
        assert!(is_rpps("10000000019", true) == luhn_sum("10000000019").is_multiple_of(10));
        assert!(is_rpps("12345678901", false));
        assert!(!is_rpps("12345678901", true));
        assert!(!is_rpps("1234567890", false));
        assert!(!is_rpps("1234567890a", false));
        // The Luhn example of ISO/IEC 7812 with its key: 7992739871-3.
        assert!(is_rpps("79927398713", true));
    }
}
