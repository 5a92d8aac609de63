//! What every handler works with.

use std::sync::Arc;

use crate::account::Accounts;
use crate::base::{Entropy, Secret, Timestamp};
use crate::federation::Federation;
use crate::i18n::Locale;
use crate::provider::Provider;
use crate::telemetry::Metrics;

/// The use cases and what the pages need to know, shared by all handlers.
#[derive(Debug, Clone)]
pub struct Site(Arc<Parts>);

/// What a [`Site`] is made of.
#[derive(Debug)]
pub struct Parts {
    /// The OpenID provider.
    pub provider: Provider,
    /// The accounts.
    pub accounts: Accounts,
    /// The upstream providers.
    pub federation: Federation,
    /// Randomness, for cookies.
    pub entropy: Arc<dyn Entropy>,
    /// What operators count.
    pub metrics: Metrics,
    /// Name shown on the pages.
    pub brand: String,
    /// Where people write to for help.
    pub support_email: Option<String>,
    /// Language of a person who asks for none of ours.
    pub default_locale: Locale,
    /// Scheme, host and port of the issuer.
    pub origin: String,
    /// Path of the issuer, without a trailing slash; empty where it has none.
    pub base_path: String,
    /// Whether the issuer is https: cookies are then `Secure` and carry the `__Host-` prefix.
    pub secure: bool,
    /// Key of the CSRF tokens.
    pub csrf_key: Secret<[u8; 32]>,
}

impl Site {
    /// Shares the parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The OpenID provider.
    pub fn provider(&self) -> &Provider {
        &self.0.provider
    }

    /// The accounts.
    pub fn accounts(&self) -> &Accounts {
        &self.0.accounts
    }

    /// The upstream providers.
    pub fn federation(&self) -> &Federation {
        &self.0.federation
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.0.provider.now()
    }

    /// A path of ours as a link, below the issuer's own path.
    pub fn link(&self, path: &str) -> String {
        format!("{}{path}", self.0.base_path)
    }

    /// A path of ours as a whole URL.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.0.provider.issuer())
    }
}

impl std::ops::Deref for Site {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}
