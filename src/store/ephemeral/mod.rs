//! Short-lived state: what lives for seconds or minutes, and what must be taken exactly once.
//!
//! Every operation is atomic among all processes of an installation. Whether something has expired is judged by the `now`
//! of the caller, never by the store's own clock, so that one clock rules and tests can move it. Two implementations,
//! SQL in the durable database and Redis, keep one contract (`tests/it/storage/ephemeral.rs`).

mod limit;
mod redis;
mod sql;

use std::fmt;
use std::time::Duration;

use super::StoreError;
use super::engine::Database;
use crate::base::{Secret, Timestamp};

pub use limit::{Hit, Limit};

/// What an entry is for. It is part of the key, so that a value of one kind is never found in the place of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Sign-in journeys.
    Journey,
    /// `jti` of client assertions, against replay.
    AssertionId,
    /// Links mailed for a new password, by digest.
    PasswordReset,
    /// Opaque access tokens, by digest.
    AccessToken,
    /// Pushed authorization requests.
    PushedRequest,
    /// Round trips to upstream providers, by digest of the state.
    Upstream,
    /// Sign-ins at upstream providers that wait for a person's own device.
    UpstreamRequest,
    /// Authorization requests that upstream providers fetch from us, by digest of their address.
    UpstreamObject,
    /// Who is registering us at an upstream provider at this moment.
    UpstreamRegistration,
    /// `jti` of upstream providers' logout tokens, against replay.
    LogoutTokenId,
    /// Logs of [`Ephemeral::hit`].
    Limit,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 11] = [
        Self::Journey,
        Self::AssertionId,
        Self::PasswordReset,
        Self::AccessToken,
        Self::PushedRequest,
        Self::Upstream,
        Self::UpstreamRequest,
        Self::UpstreamObject,
        Self::UpstreamRegistration,
        Self::LogoutTokenId,
        Self::Limit,
    ];

    /// The stored text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Journey => "journey",
            Self::AssertionId => "assertion",
            Self::PasswordReset => "password-reset",
            Self::AccessToken => "access-token",
            Self::PushedRequest => "pushed-request",
            Self::Upstream => "upstream",
            Self::UpstreamRequest => "upstream-request",
            Self::UpstreamObject => "upstream-object",
            Self::UpstreamRegistration => "upstream-registration",
            Self::LogoutTokenId => "logout-token",
            Self::Limit => "limit",
        }
    }
}

/// The short-lived state. Clones share it.
#[derive(Clone)]
pub struct Ephemeral(Backend);

#[derive(Clone)]
enum Backend {
    Sql(sql::Sql),
    Redis(redis::Redis),
}

/// Calls the same method of either implementation.
macro_rules! either {
    ($self:ident, $inner:ident => $call:expr) => {
        match &$self.0 {
            Backend::Sql($inner) => $call.await,
            Backend::Redis($inner) => $call.await,
        }
    };
}

impl Ephemeral {
    pub(super) async fn open(redis_url: Option<&Secret<String>>, database: Database) -> Result<Self, StoreError> {
        Ok(Self(match redis_url {
            Some(url) => Backend::Redis(redis::Redis::open(url).await?),
            None => Backend::Sql(sql::Sql::new(database)),
        }))
    }

    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        match &self.0 {
            // The database answers for itself.
            Backend::Sql(_) => Ok(()),
            Backend::Redis(redis) => redis.ping().await,
        }
    }

    /// Where the state is, if not in the database; without a password.
    pub(super) fn describe(&self) -> Option<String> {
        match &self.0 {
            Backend::Sql(_) => None,
            Backend::Redis(redis) => Some(redis.describe()),
        }
    }

    /// Stores `value` until `now` + `ttl`, in the place of what was there.
    pub async fn put(
        &self,
        kind: Kind,
        key: &str,
        value: &[u8],
        ttl: Duration,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        either!(self, store => store.put(kind, key, value, ttl, now))
    }

    /// Stores `value` unless something that has not expired is there; says whether it did. Of any number of rivals
    /// exactly one is told yes.
    pub async fn put_if_absent(
        &self,
        kind: Kind,
        key: &str,
        value: &[u8],
        ttl: Duration,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        either!(self, store => store.put_if_absent(kind, key, value, ttl, now))
    }

    /// What is there and has not expired.
    pub async fn get(&self, kind: Kind, key: &str, now: Timestamp) -> Result<Option<Vec<u8>>, StoreError> {
        either!(self, store => store.get(kind, key, now))
    }

    /// Removes and gives what is there and has not expired. Of any number of rivals exactly one gets it.
    pub async fn take(&self, kind: Kind, key: &str, now: Timestamp) -> Result<Option<Vec<u8>>, StoreError> {
        either!(self, store => store.take(kind, key, now))
    }

    /// Replaces the value if it is still `old` and has not expired; says whether it did. The expiry stays.
    pub async fn replace_if(
        &self,
        kind: Kind,
        key: &str,
        old: &[u8],
        new: &[u8],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        either!(self, store => store.replace_if(kind, key, old, new, now))
    }

    /// Removes what is there; says whether there was anything.
    pub async fn delete(&self, kind: Kind, key: &str) -> Result<bool, StoreError> {
        either!(self, store => store.delete(kind, key))
    }

    /// Admits at most `limit.count` hits of `key` in every window of `limit.window`, exactly; refused ones do not count.
    pub async fn hit(&self, key: &str, limit: Limit, now: Timestamp) -> Result<Hit, StoreError> {
        either!(self, store => store.hit(key, limit, now))
    }

    /// Frees at most `limit` entries that have expired; gives their number. Redis does so by itself.
    pub async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        match &self.0 {
            Backend::Sql(sql) => sql.delete_expired(now, limit).await,
            Backend::Redis(_) => Ok(0),
        }
    }
}

impl fmt::Debug for Ephemeral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Backend::Sql(_) => "Ephemeral(database)",
            Backend::Redis(_) => "Ephemeral(redis)",
        })
    }
}
