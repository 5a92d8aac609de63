//! Typed integer ids: a session's id cannot be passed where a client's is wanted.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What an [`Id`] is the id of. Types without values.
pub mod kind {
    /// A person's account.
    #[derive(Debug)]
    pub enum User {}
    /// A pharmacy, clinic, hospital … whose data is its own.
    #[derive(Debug)]
    pub enum Tenant {}
    /// A relying application or resource server.
    #[derive(Debug)]
    pub enum Client {}
    /// A secret of a client.
    #[derive(Debug)]
    pub enum ClientSecret {}
}

/// The internal id of a row, a positive 64-bit integer unique within its kind.
pub struct Id<K>(i64, PhantomData<fn() -> K>);

/// Id of a [`kind::User`].
pub type UserId = Id<kind::User>;
/// Id of a [`kind::Tenant`].
pub type TenantId = Id<kind::Tenant>;
/// Internal id of a [`kind::Client`]; what a request names is the `client_id` text.
pub type ClientKey = Id<kind::Client>;
/// Id of a [`kind::ClientSecret`].
pub type ClientSecretId = Id<kind::ClientSecret>;

impl<K> Id<K> {
    /// Takes the integer of a row.
    pub const fn new(value: i64) -> Self {
        Self(value, PhantomData)
    }

    /// Gives the integer of the row.
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
impl<K> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0)
    }
}
impl<'de, K> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        i64::deserialize(deserializer).map(Self::new)
    }
}
