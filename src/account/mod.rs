//! People's accounts: passwords, sign-in and its limits, recovery by mail, sessions, the person's own overview, and what operators do to accounts.
//!
//! Owns how a person proves who they are and how long that holds. Knows nothing of relying applications' requests
//! (`provider` does) nor of pages. Called by `http`, `cli` and `jobs`.

pub mod consents;
pub mod invitations;
pub mod limits;
mod notices;
pub mod overview;
pub mod password_change;
pub mod passwords;
pub mod people;
pub mod recovery;
pub mod sessions;
pub mod sign_in;
pub mod tenants;

use std::sync::Arc;

use crate::base::{Clock, Entropy, Secret, Timestamp};
use crate::mail::Outbox;
use crate::model::session::SessionLifetimes;
use crate::store::{Store, StoreError};

use limits::SignInLimit;
use passwords::{Hasher, Policy};

/// Why a use case of this room gives no answer.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// Storage failed.
    #[error("storage: {0}")]
    Store(#[from] StoreError),
    /// Too many passwords are being checked at this moment; try again in a second.
    #[error("the password pool is busy")]
    Busy,
}

impl From<passwords::Busy> for AccountError {
    fn from(_: passwords::Busy) -> Self {
        Self::Busy
    }
}

/// The accounts: everything that the use cases of this room need.
#[derive(Debug, Clone)]
pub struct Accounts(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    store: Store,
    hasher: Hasher,
    policy: Policy,
    lifetimes: SessionLifetimes,
    sign_in_limit: Option<SignInLimit>,
    brand: String,
    limit_key: Secret<[u8; 32]>,
    issuer: String,
    outbox: Option<Outbox>,
}

/// What [`Accounts::new`] is made of.
#[derive(Debug)]
pub struct Parts {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Storage.
    pub store: Store,
    /// The pool that hashes passwords.
    pub hasher: Hasher,
    /// Which passwords may be chosen.
    pub policy: Policy,
    /// Life of browser sessions.
    pub lifetimes: SessionLifetimes,
    /// How often a sign-in may be tried; `None` for any number.
    pub sign_in_limit: Option<SignInLimit>,
    /// Name of the product, which no password may contain.
    pub brand: String,
    /// Key under which account names are hashed for limits.
    pub limit_key: Secret<[u8; 32]>,
    /// The issuer, below which the links in mails lead. Nothing of a request is ever part of such a link.
    pub issuer: String,
    /// Where mails are put; `None` where no mail leaves: nobody is told of anything and no password is recovered.
    pub outbox: Option<Outbox>,
}

impl Accounts {
    /// Puts the room together.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Inner {
            clock: parts.clock,
            entropy: parts.entropy,
            store: parts.store,
            hasher: parts.hasher,
            policy: parts.policy,
            lifetimes: parts.lifetimes,
            sign_in_limit: parts.sign_in_limit,
            brand: parts.brand,
            limit_key: parts.limit_key,
            issuer: parts.issuer,
            outbox: parts.outbox,
        }))
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// What the pool that hashes passwords is doing, for the metrics.
    pub fn password_pool(&self) -> passwords::PoolState {
        self.0.hasher.state()
    }

    /// Which passwords may be chosen.
    pub fn policy(&self) -> Policy {
        self.0.policy
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    fn entropy(&self) -> &dyn Entropy {
        self.0.entropy.as_ref()
    }

    fn outbox(&self) -> Option<&Outbox> {
        self.0.outbox.as_ref()
    }

    fn hasher(&self) -> &Hasher {
        &self.0.hasher
    }
}
