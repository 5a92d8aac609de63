//! Scopes (RFC 6749 §3.3): a set of names in the order of the request.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ErrorCode, OAuthError};

/// Longest scope text taken, in bytes.
const LONGEST: usize = 2_000;
/// Most names in one scope.
const MOST_NAMES: usize = 50;

/// Scopes with a meaning of their own: OpenID Connect Core §5.4 and §11, and the tenant and role claims.
pub const STANDARD: [&str; 8] = ["openid", "profile", "email", "address", "phone", "offline_access", "tenant", "roles"];

/// A set of scope names, without duplicates.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scope(Vec<String>);

impl Scope {
    /// Reads space-separated names. Refuses with `invalid_scope` characters outside RFC 6749 §3.3 and oversized input.
    pub fn parse(text: &str) -> Result<Self, OAuthError> {
        let malformed = || OAuthError::because(ErrorCode::InvalidScope, "The scope is malformed");
        if text.len() > LONGEST {
            return Err(malformed());
        }
        let mut names: Vec<String> = Vec::new();
        for name in text.split(' ').filter(|name| !name.is_empty()) {
            if names.len() == MOST_NAMES || !name.bytes().all(is_scope_byte) {
                return Err(malformed());
            }
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        Ok(Self(names))
    }

    /// All of [`STANDARD`].
    pub fn standard() -> Self {
        Self(STANDARD.iter().map(|name| (*name).to_owned()).collect())
    }

    /// Whether `name` is in the set.
    pub fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|known| known == name)
    }

    /// Whether every name of this set is in `other`.
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.iter().all(|name| other.contains(name))
    }

    /// The names that `keep` accepts.
    #[must_use]
    pub fn filtered(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|name| keep(name)).cloned().collect())
    }

    /// The set without `name`.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        self.filtered(|own| own != name)
    }

    /// This set and `other`.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut all = self.clone();
        all.0.extend(other.0.iter().filter(|name| !self.contains(name)).cloned());
        all
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether there is no name.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// RFC 6749 §3.3: `%x21 / %x23-5B / %x5D-7E`.
const fn is_scope_byte(b: u8) -> bool {
    matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

impl TryFrom<String> for Scope {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).map_err(|e| e.description())
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_semantics() {
        let scope = Scope::parse("openid  profile openid").unwrap();
        assert_eq!(scope.to_string(), "openid profile");
        assert!(Scope::parse("openid").unwrap().is_within(&scope));
        assert!(!scope.is_within(&Scope::parse("openid").unwrap()));
        assert_eq!(scope.union(&Scope::parse("email openid").unwrap()).to_string(), "openid profile email");
    }

    #[test]
    fn refuses_foreign_characters_and_floods() {
        for text in ["a\"b", "a\\b", "é", "a\nb"] {
            assert!(Scope::parse(text).is_err(), "{text}");
        }
        assert!(Scope::parse(&"a".repeat(LONGEST + 1)).is_err());
        assert!(Scope::parse(&(0..=MOST_NAMES).map(|i| format!("s{i} ")).collect::<String>()).is_err());
    }
}
