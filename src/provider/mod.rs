//! The use cases of the OpenID provider.
//!
//! Owns what happens at each endpoint, without HTTP: authorize, dispatch of the sign-in journey, the grants of the token
//! endpoint, introspection, revocation, userinfo, end of session, discovery. Each reads *load → decide → record*: the
//! decision is a pure function of `oauth` or `model`, the record one transaction of `store`. Called by `http` and `jobs`;
//! does not know pages, cookies or how a person signs in.

pub mod access;
pub mod authorize;
mod begin;
mod client_algorithms;
pub mod client_auth;
pub mod client_signature;
pub mod clients;
pub mod direct;
pub mod discovery;
pub mod dispatch;
pub mod encryption;
pub mod end_session;
pub mod error;
pub mod grants;
pub mod introspect;
pub mod issue;
pub mod journeys;
pub mod keys;
pub mod logout;
pub mod published_keys;
pub mod pushed;
pub mod registration;
mod request_object;
pub mod revoke;
pub mod sector;
pub mod self_registration;
pub mod signed_answers;
pub mod subject;
pub mod tokens;
pub mod userinfo;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::base::seal::MasterKey;
use crate::base::{Clock, Entropy, Timestamp};
use crate::model::session::SessionLifetimes;
use crate::outbound::Outbound;
use crate::store::Store;

pub use error::ProviderError;

use clients::ClientDirectory;
use keys::KeyringHandle;
use published_keys::PublishedKeys;
use tokens::TokenSecrets;

/// How long things live and who they are for.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The issuer, without a trailing slash.
    pub issuer: String,
    /// Life of an access token.
    pub access_token_lifetime: Duration,
    /// Life of an ID token.
    pub id_token_lifetime: Duration,
    /// Life of an authorization code, at most 60 seconds.
    pub code_lifetime: Duration,
    /// Absolute life of a grant with `offline_access`.
    pub refresh_token_lifetime: Duration,
    /// How long an honest retry of a refresh may take.
    pub refresh_grace: Duration,
    /// Audience of access tokens whose request named no resource.
    pub audience: String,
    /// Life of browser sessions.
    pub sessions: SessionLifetimes,
    /// Who may register clients, and what those begin with.
    pub registration: self_registration::Terms,
}

/// The provider: everything that its use cases need.
#[derive(Debug, Clone)]
pub struct Provider(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    store: Store,
    keys: KeyringHandle,
    clients: ClientDirectory,
    secrets: TokenSecrets,
    metadata: std::sync::RwLock<Bytes>,
    outbound: Outbound,
    published_keys: PublishedKeys,
    request_objects: request_object::FetchedObjects,
}

/// What [`Provider::new`] is made of.
#[derive(Debug)]
pub struct Parts {
    /// Lives and audiences.
    pub settings: Settings,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Storage.
    pub store: Store,
    /// Signing keys.
    pub keys: KeyringHandle,
    /// What tokens are sealed under.
    pub master: MasterKey,
    /// The way to what clients publish.
    pub outbound: Outbound,
}

impl Provider {
    /// Puts the provider together.
    pub fn new(parts: Parts) -> Self {
        let Parts { settings, clock, entropy, store, keys, master, outbound } = parts;
        let clients = ClientDirectory::new(store.clone());
        let secrets = TokenSecrets::new(master);
        let metadata = std::sync::RwLock::new(discovery::document(&settings, &keys.current()));
        let published_keys = PublishedKeys::new(Arc::clone(&clock));
        Self(Arc::new(Inner {
            settings,
            clock,
            entropy,
            store,
            keys,
            clients,
            secrets,
            metadata,
            outbound,
            published_keys,
            request_objects: request_object::FetchedObjects::default(),
        }))
    }

    /// Lives and audiences.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The issuer, without a trailing slash.
    pub fn issuer(&self) -> &str {
        &self.0.settings.issuer
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// The directory of clients.
    pub fn clients(&self) -> &ClientDirectory {
        &self.0.clients
    }

    /// The signing keys.
    pub fn keys(&self) -> &KeyringHandle {
        &self.0.keys
    }

    /// The discovery document, ready to send.
    pub fn metadata(&self) -> Bytes {
        self.0.metadata.read().map(|document| document.clone()).unwrap_or_default()
    }

    /// Takes note of keys that changed, in this process or another.
    pub async fn reload_keys(&self) -> Result<(), ProviderError> {
        self.keys().reload(self.store()).await?;
        if let Ok(mut metadata) = self.0.metadata.write() {
            *metadata = discovery::document(self.settings(), &self.keys().current());
        }
        Ok(())
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn entropy(&self) -> &dyn Entropy {
        self.0.entropy.as_ref()
    }

    /// The way to what clients publish.
    pub(crate) fn outbound(&self) -> &Outbound {
        &self.0.outbound
    }

    /// The keys that clients publish.
    pub(crate) fn published_keys(&self) -> &PublishedKeys {
        &self.0.published_keys
    }

    fn request_objects(&self) -> &request_object::FetchedObjects {
        &self.0.request_objects
    }

    pub(crate) fn secrets(&self) -> &TokenSecrets {
        &self.0.secrets
    }
}
