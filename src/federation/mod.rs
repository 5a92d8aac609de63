//! Sign-in at upstream providers: Pro Santé Connect, Google, Facebook, GitHub, and any OpenID provider.
//!
//! Owns the round trip (state, nonce, PKCE, all bound to one browser), what is believed of an upstream's answer, whom it
//! means here, and logout in both directions. What comes from an upstream stays on this side: its tokens are sealed at
//! rest and in no answer, page or log. No transaction is open while an upstream is called, and every step with an upstream
//! ends within five seconds. Knows no page and no relying application's request. Called by `http`, `cli` and `app`.
//!
//! ```text
//! begin ─► browser at the upstream ─► complete (a Proven) ─► people::sign_in or people::link (one transaction)
//! ```

mod cache;
pub mod ciba;
pub mod connectors;
mod credentials;
mod discovery;
mod error;
pub mod follow;
pub mod logout;
pub mod mapping;
pub mod nomenclature;
mod own_keys;
pub mod people;
pub mod registration;
mod reply;
pub mod request_object;
pub mod round_trip;
mod settings;
mod token;

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use crate::base::seal::MasterKey;
use crate::base::token::OpaqueToken;
use crate::base::{Clock, Entropy, Secret, Timestamp};
use crate::config::{self, Preset};
use crate::jose::JoseError;
use crate::jose::decryption::DecryptionKey;
use crate::model::tenant::Tenant;
use crate::outbound::{self, Outbound, OutboundError};
use crate::store::Store;

use connectors::Connector;
use connectors::facebook::Facebook;
use connectors::flavour::{Flavour, Standard};
use connectors::github::GitHub;
use connectors::google::Google;
use connectors::oidc::Oidc;
use connectors::pro_sante_connect::ProSanteConnect;

pub use credentials::Credentials;
pub use error::FederationError;
pub use own_keys::KeyLife;
pub use settings::{Registration, Settings};

use own_keys::OwnKeys;

/// An upstream, ready to be used.
#[derive(Debug)]
pub struct Upstream {
    /// Everything decided about it.
    pub settings: Arc<Settings>,
    connector: Box<dyn Connector>,
    decryption: Option<Arc<DecryptionKey>>,
    /// What signs for it.
    keys: OwnKeys,
    /// Who we are there, where somebody wrote it down.
    written: Option<Credentials>,
    /// Whose turn it is to register us.
    registering: registration::Flight,
}

/// Why the upstreams cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The way out to one.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// A key cannot be read.
    #[error("upstreams.{0}.{1}: {2}")]
    File(String, &'static str, std::io::Error),
    /// A key is none.
    #[error("upstreams.{0}.{1}: {2}")]
    Key(String, &'static str, JoseError),
}

impl Upstream {
    /// The keys that it may encrypt to and those that it verifies what we sign with, as a JWK Set, where there are any.
    pub fn published_keys(&self) -> Option<serde_json::Value> {
        if self.decryption.is_none() && !self.keys.is_used() {
            return None;
        }
        let mut keys = self.keys.jwks();
        keys.extend(self.decryption.iter().flat_map(|key| key.public().iter().cloned()));
        Some(serde_json::json!({ "keys": keys }))
    }

    /// What it can do.
    pub fn connector(&self) -> &dyn Connector {
        self.connector.as_ref()
    }

    /// Whether it is for people who come for `asked`, a tenant's code or UUID, or for none: a tenant's own provider is not
    /// for those who come for another.
    pub fn is_for(&self, asked: Option<&str>) -> bool {
        self.settings.tenants.is_empty() || asked.is_none_or(|asked| self.settings.names_tenant(asked))
    }

    /// Whether what it says of a person counts in this tenant.
    pub fn serves(&self, tenant: &Tenant) -> bool {
        let settings = &self.settings;
        settings.tenants.is_empty()
            || settings.names_tenant(&tenant.code)
            || settings.names_tenant(&tenant.uuid.to_string())
    }

    /// Whether it is Pro Santé Connect.
    pub fn is_pro_sante_connect(&self) -> bool {
        self.settings.is_pro_sante_connect()
    }
}

/// The upstreams and what their use cases need.
#[derive(Debug, Clone)]
pub struct Federation(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    upstreams: BTreeMap<String, Upstream>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    store: Store,
    master: MasterKey,
    issuer: String,
    strict_rpps: bool,
    brand: String,
    key_life: KeyLife,
    ways_back: fn(&Settings) -> Vec<String>,
}

/// What [`Federation::new`] is made of.
#[derive(Debug)]
pub struct Parts<'a> {
    /// The upstreams, as configured.
    pub upstreams: &'a [config::Upstream],
    /// The way out that all share.
    pub outbound: outbound::Settings,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Storage.
    pub store: Store,
    /// What secrets at rest depend on.
    pub master: MasterKey,
    /// Our own issuer, below which upstreams send browsers back.
    pub issuer: String,
    /// Whether a wrong RPPS key is refused.
    pub strict_rpps: bool,
    /// What we are called where we register ourselves.
    pub brand: String,
    /// When keys change that sign for upstreams.
    pub key_life: KeyLife,
    /// Paths below the issuer, beside the usual one, that an upstream sends browsers back to.
    pub ways_back: fn(&Settings) -> Vec<String>,
}

impl Federation {
    /// Puts the upstreams together. Calls none of them.
    pub fn new(parts: Parts<'_>) -> Result<Self, SetupError> {
        let mut upstreams = BTreeMap::new();
        for given in parts.upstreams {
            let settings = Arc::new(Settings::of(given));
            let outbound = Outbound::new(&settings::way_out(given, &parts.outbound))?;
            let decryption = decryption_key(given)?;
            let pem = given.signing_key_file.as_ref().map(|file| pem(given, SIGNING, file)).transpose()?;
            let keys = OwnKeys::of(&settings, pem.as_ref(), &parts.master, (&parts.clock, &parts.entropy))
                .map_err(|error| SetupError::Key(given.name.clone(), SIGNING, error))?;
            let own = (decryption.clone(), keys.clone());
            let connector = connector(&settings, outbound, &parts.clock, own);
            let written = Credentials::written(&settings, &keys);
            let registering = registration::Flight::default();
            let upstream = Upstream { settings, connector, decryption, keys, written, registering };
            upstreams.insert(given.name.clone(), upstream);
        }
        Ok(Self(Arc::new(Inner {
            upstreams,
            clock: parts.clock,
            entropy: parts.entropy,
            store: parts.store,
            master: parts.master,
            issuer: parts.issuer,
            strict_rpps: parts.strict_rpps,
            brand: parts.brand,
            key_life: parts.key_life,
            ways_back: parts.ways_back,
        })))
    }

    /// Makes the keys that are missing, moves and lets go of those that are due, and reads what there is. Nothing of this
    /// happens for upstreams that nothing is signed for.
    pub async fn rotate_keys(&self) -> Result<(), FederationError> {
        for upstream in self.0.upstreams.values() {
            upstream.keys.rotate(self.store(), self.0.key_life, false).await?;
        }
        self.reload_keys().await
    }

    /// Has the next key for an upstream sign from now on: for one that leaked.
    pub async fn rotate_keys_of(&self, upstream: &Upstream) -> Result<(), FederationError> {
        if !upstream.keys.is_kept() {
            return Err(FederationError::refused("no key that Guichet made signs for it"));
        }
        upstream.keys.rotate(self.store(), self.0.key_life, true).await?;
        upstream.keys.reload(self.store()).await
    }

    /// Reads the keys again: another process changed them.
    pub async fn reload_keys(&self) -> Result<(), FederationError> {
        for upstream in self.0.upstreams.values() {
            upstream.keys.reload(self.store()).await?;
        }
        Ok(())
    }

    /// The upstream of this name.
    pub fn find(&self, name: &str) -> Option<&Upstream> {
        self.0.upstreams.get(name)
    }

    /// All upstreams in the order of the buttons: Pro Santé Connect first, then by name.
    pub fn all(&self) -> Vec<&Upstream> {
        let mut all: Vec<&Upstream> = self.0.upstreams.values().collect();
        all.sort_by_key(|upstream| !upstream.settings.is_pro_sante_connect());
        all
    }

    /// The upstream where people of this address's domain sign in.
    pub fn home_of(&self, address: &str) -> Option<&Upstream> {
        let (_, domain) = address.rsplit_once('@')?;
        let domain = domain.to_lowercase();
        self.0.upstreams.values().find(|upstream| upstream.settings.email_domains.contains(&domain))
    }

    /// The provider that this tenant, by its code or UUID, has named as its own.
    pub fn home_of_tenant(&self, tenant: &str) -> Option<&Upstream> {
        self.0.upstreams.values().find(|upstream| upstream.settings.names_tenant(tenant))
    }

    /// Whether there is an upstream that is not for everybody.
    pub fn confines(&self) -> bool {
        self.0.upstreams.values().any(|upstream| !upstream.settings.tenants.is_empty())
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Where an upstream sends the browser back to.
    pub fn redirect_uri(&self, name: &str) -> String {
        self.below(&round_trip::callback_path(name))
    }

    /// Where an upstream sends the browser after a logout there.
    pub fn logout_uri(&self, name: &str) -> String {
        self.below(&round_trip::logout_path(name))
    }

    /// A path of ours as a whole URL.
    pub fn below(&self, path: &str) -> String {
        format!("{}{path}", self.0.issuer)
    }

    /// Where an upstream announces that its sessions ended.
    pub fn backchannel_uri(&self, name: &str) -> String {
        self.below(&format!("/federation/{name}/backchannel-logout"))
    }

    /// All addresses that an upstream may send browsers back to, the usual one first.
    pub fn ways_back(&self, settings: &Settings) -> Vec<String> {
        let more = (self.0.ways_back)(settings).into_iter().map(|path| self.below(&path));
        std::iter::once(self.redirect_uri(&settings.name)).chain(more).collect()
    }

    /// Where an upstream finds the keys that are for it.
    pub fn jwks_uri(&self, name: &str) -> String {
        self.below(&format!("/federation/{name}/jwks"))
    }

    /// Where an upstream finds a request.
    fn request_uri(&self, name: &str, handle: &OpaqueToken) -> String {
        self.below(&format!("{}{}", request_object::folder(name), handle.expose()))
    }

    fn brand(&self) -> &str {
        &self.0.brand
    }

    fn store(&self) -> &Store {
        &self.0.store
    }

    fn entropy(&self) -> &dyn Entropy {
        self.0.entropy.as_ref()
    }

    fn master(&self) -> &MasterKey {
        &self.0.master
    }

    /// A token of an upstream, sealed for `purpose` and bound to the row of our session.
    fn seal(&self, purpose: &str, sid: Uuid, token: &Secret<String>) -> Vec<u8> {
        self.master().seal(self.entropy(), purpose, &sid.to_string(), token.expose().as_bytes())
    }

    /// Such a token, if it is this row's.
    fn open(&self, purpose: &str, sid: Uuid, sealed: &[u8]) -> Option<Secret<String>> {
        let clear = self.master().open(purpose, &sid.to_string(), sealed)?;
        String::from_utf8(clear.expose().clone()).ok().map(Secret::new)
    }
}

fn decryption_key(given: &config::Upstream) -> Result<Option<Arc<DecryptionKey>>, SetupError> {
    let Some(file) = &given.decryption_key_file else { return Ok(None) };
    let key = DecryptionKey::from_pem(&pem(given, DECRYPTION, file)?)
        .map_err(|error| SetupError::Key(given.name.clone(), DECRYPTION, error))?;
    Ok(Some(Arc::new(key)))
}

/// The keys that name files.
const DECRYPTION: &str = "decryption_key_file";
const SIGNING: &str = "signing_key_file";

fn pem(given: &config::Upstream, key: &'static str, file: &std::path::Path) -> Result<Secret<String>, SetupError> {
    let text = std::fs::read_to_string(file).map_err(|error| SetupError::File(given.name.clone(), key, error))?;
    Ok(Secret::new(text))
}

fn connector(
    settings: &Arc<Settings>,
    outbound: Outbound,
    clock: &Arc<dyn Clock>,
    own: (Option<Arc<DecryptionKey>>, OwnKeys),
) -> Box<dyn Connector> {
    let oidc = |outbound, flavour: &'static dyn Flavour| {
        Box::new(Oidc::new(Arc::clone(settings), outbound, Arc::clone(clock), flavour, own))
    };
    match settings.preset {
        Preset::Oidc => oidc(outbound, &Standard),
        Preset::ProSanteConnect | Preset::ProSanteConnectSandbox => oidc(outbound, &ProSanteConnect),
        Preset::Google => oidc(outbound, &Google),
        Preset::Facebook => Box::new(Facebook::new(Arc::clone(settings), outbound)),
        Preset::GitHub => Box::new(GitHub::new(Arc::clone(settings), outbound)),
    }
}
