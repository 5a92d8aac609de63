//! The composition root: configuration in, a running application out.
//!
//! The only place that knows every room. Nothing below it reads the configuration; each room gets the small struct it needs.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::account::limits::SignInLimit;
use crate::account::passwords::{HashParams, Hasher, Policy};
use crate::account::{self, Accounts};
use crate::base::clock::SystemClock;
use crate::base::entropy::SystemEntropy;
use crate::base::seal::MasterKey;
use crate::base::{Clock, Entropy};
use crate::config::{self, Config, RateLimit};
use crate::federation::{self, Federation, FederationError, KeyLife};
use crate::http::dialects;
use crate::http::middleware::{ByRoute, ForwardedHeader, Surround, Surrounded, TrustedProxies, surround};
use crate::http::oidc::discovery::documents;
use crate::http::operations::{HEALTH, health_router};
use crate::http::pages::views::{Stationery, letter};
use crate::http::router::{cross_origin, in_windows, published, router, templates};
use crate::http::server::{ClientCertificates, Readiness, ServerOptions, TlsOptions};
use crate::http::site::{self, Site};
use crate::i18n::Locale;
use crate::jobs;
use crate::jose::{Algorithm, master};
use crate::mail::{Delivery, Letters, Mailer, Outbox};
use crate::model::client::PkcePolicy;
use crate::model::session::SessionLifetimes;
use crate::outbound::{self, Outbound};
use crate::provider::keys::{KeyMaker, KeyringHandle, Rotation, RotationPolicy, rotate};
use crate::provider::logout::NoticeDelivery;
use crate::provider::self_registration::{Admits, RegistrationLimit, Terms};
use crate::provider::{self, Provider, ProviderError, Settings};
use crate::store::{Store, StoreError, StoreOptions};
use crate::telemetry::{Format, Metrics};

/// Why the application does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration lacks something that only serving needs.
    #[error("{0}")]
    Config(String),
    /// Storage cannot be opened or is of another version.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The master key cannot be read, or does not open the signing keys.
    #[error("{0}")]
    Keys(String),
}

impl From<ProviderError> for StartError {
    fn from(error: ProviderError) -> Self {
        match error {
            ProviderError::Store(error) => Self::Store(error),
            other => Self::Keys(other.to_string()),
        }
    }
}

impl From<FederationError> for StartError {
    fn from(error: FederationError) -> Self {
        match error {
            FederationError::Store(error) => Self::Store(error),
            other => Self::Keys(other.to_string()),
        }
    }
}

/// Time and randomness, which tests replace.
#[derive(Debug, Clone)]
pub struct World {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

impl Default for World {
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy) }
    }
}

impl World {
    /// What makes signing keys under `master`.
    pub fn key_maker(&self, master: &MasterKey) -> KeyMaker {
        KeyMaker { master: master.clone(), entropy: Arc::clone(&self.entropy), clock: Arc::clone(&self.clock) }
    }
}

/// The application, ready to be served or to be acted upon by the command line.
#[derive(Debug, Clone)]
pub struct App {
    /// Its configuration.
    pub config: Arc<Config>,
    /// Time and randomness.
    pub world: World,
    /// Storage.
    pub store: Store,
    /// What secrets at rest depend on.
    pub master: MasterKey,
    /// The accounts.
    pub accounts: Accounts,
    /// The OpenID provider.
    pub provider: Provider,
    /// The way to other servers.
    pub outbound: Outbound,
    /// The upstream providers.
    pub federation: Federation,
    /// What operators count.
    pub metrics: Metrics,
    /// Mails, where they leave.
    pub mail: Option<jobs::MailJob>,
    /// Logout notices.
    pub logouts: jobs::LogoutJob,
}

impl App {
    /// Opens storage, brings it up to date, makes the first keys and puts the rooms together.
    pub async fn start(config: Config, world: World) -> Result<Self, StartError> {
        let store = open_store(&config).await?;
        store.migrate().await?;
        Self::over(config, world, store).await
    }

    /// Puts the rooms together over an open store.
    pub async fn over(config: Config, world: World, store: Store) -> Result<Self, StartError> {
        let master = master_key(&config, world.entropy.as_ref())?;
        let maker = world.key_maker(&master);
        rotate(&store, maker, &rotation_policy(&config), Rotation::Due).await?;
        let keys = KeyringHandle::open(&store, master.clone()).await?;
        let outbound =
            Outbound::new(&outbound_settings(&config)).map_err(|error| StartError::Config(error.to_string()))?;
        let provider = Provider::new(provider::Parts {
            settings: settings(&config),
            clock: Arc::clone(&world.clock),
            entropy: Arc::clone(&world.entropy),
            store: store.clone(),
            keys,
            master: master.clone(),
            outbound: outbound.clone(),
        });
        let federation = Federation::new(federation::Parts {
            upstreams: &config.upstreams,
            outbound: outbound_settings(&config),
            clock: Arc::clone(&world.clock),
            entropy: Arc::clone(&world.entropy),
            store: store.clone(),
            master: master.clone(),
            issuer: config.issuer.as_str().to_owned(),
            strict_rpps: config.rpps.policy == config::Policy::Strict,
            brand: config.pages.brand.clone(),
            key_life: KeyLife { prepublish: config.keys.prepublish, active_for: config.keys.rotate_after },
            ways_back: dialects::ways_back,
        })
        .map_err(|error| StartError::Config(error.to_string()))?;
        federation.rotate_keys().await?;
        let mailer = Mailer::new(&config.mail);
        let outbox = Outbox::new(master.clone(), Arc::clone(&world.entropy));
        let accounts = accounts(&config, &world, &store, &master, mailer.is_some().then(|| outbox.clone()));
        let mail = mailer.map(|mailer| jobs::MailJob {
            accounts: accounts.clone(),
            delivery: Delivery {
                store: store.clone(),
                outbox,
                letters: letters(&config),
                mailer,
                clock: Arc::clone(&world.clock),
            },
        });
        let metrics = Metrics::new();
        let delivery = NoticeDelivery { provider: provider.clone() };
        let logouts = jobs::LogoutJob::new(delivery, metrics.clone());
        Ok(Self {
            config: Arc::new(config),
            world,
            store,
            master,
            accounts,
            provider,
            outbound,
            federation,
            metrics,
            mail,
            logouts,
        })
    }

    /// What the handlers work with.
    pub fn site(&self) -> Site {
        let issuer = &self.config.issuer;
        Site::new(site::Parts {
            provider: self.provider.clone(),
            accounts: self.accounts.clone(),
            federation: self.federation.clone(),
            entropy: Arc::clone(&self.world.entropy),
            metrics: self.metrics.clone(),
            brand: self.config.pages.brand.clone(),
            support_email: self.config.pages.support_email.clone(),
            default_locale: locale(self.config.pages.default_locale),
            origin: issuer.origin(),
            base_path: issuer.path().to_owned(),
            secure: issuer.is_https(),
            csrf_key: self.master.derive("csrf"),
        })
    }

    /// All routes of the public listeners with what surrounds them, and the signs of life.
    pub fn router(&self, readiness: &Readiness) -> Surrounded {
        let site = self.site();
        let store = self.store.clone();
        let health = health_router(readiness.clone(), move || {
            let store = store.clone();
            async move { store.ping().await.is_ok() }
        });
        let with = surround_parts(self, &site);
        surround(router(site).merge(health), with)
    }

    /// What runs beside the requests.
    pub fn jobs(&self) -> jobs::Jobs {
        jobs::Jobs {
            store: self.store.clone(),
            provider: self.provider.clone(),
            keys: self.world.key_maker(&self.master),
            rotation: rotation_policy(&self.config),
            session_absolute: self.config.sessions.absolute,
            mail: self.mail.clone(),
            logouts: self.logouts.clone(),
            federation: self.federation.clone(),
            follow: jobs::FollowJob::of(&self.federation),
        }
    }
}

/// Opens the configured storage.
pub async fn open_store(config: &Config) -> Result<Store, StoreError> {
    Store::open(&StoreOptions {
        database_url: config.database_url.clone(),
        redis_url: config.redis_url.clone(),
        max_connections: 16,
    })
    .await
}

/// Reads the master key from the configuration or from `<data_dir>/keys`, where the first start makes one.
pub fn master_key(config: &Config, entropy: &dyn Entropy) -> Result<MasterKey, StartError> {
    let read = match &config.master_key {
        Some(text) => master::from_text(text),
        None => master::load_or_create(&config.data_dir.join("keys"), entropy),
    };
    read.map_err(|error| StartError::Keys(error.to_string()))
}

/// When signing keys change. A key verifies for as long as the longest-lived token that it signed, and an hour.
pub fn rotation_policy(config: &Config) -> RotationPolicy {
    let longest = config.tokens.access_token_lifetime.max(config.tokens.id_token_lifetime);
    RotationPolicy {
        algorithms: config.keys.algorithms.iter().filter_map(|named| Algorithm::parse(named.as_str())).collect(),
        prepublish: config.keys.prepublish,
        retire_after: longest + std::time::Duration::from_secs(3_600),
        active_for: config.keys.rotate_after,
    }
}

fn settings(config: &Config) -> Settings {
    Settings {
        issuer: config.issuer.as_str().to_owned(),
        access_token_lifetime: config.tokens.access_token_lifetime,
        id_token_lifetime: config.tokens.id_token_lifetime,
        code_lifetime: config.tokens.code_lifetime,
        refresh_token_lifetime: config.tokens.refresh_token_lifetime,
        refresh_grace: config.tokens.refresh_grace,
        audience: config.tokens.audience.clone().unwrap_or_else(|| config.issuer.as_str().to_owned()),
        sessions: lifetimes(config),
        registration: registration_terms(config),
    }
}

/// Who may register clients, and what those begin with.
const fn registration_terms(config: &Config) -> Terms {
    Terms {
        admits: match config.registration.policy {
            config::RegistrationPolicy::Off => Admits::Nobody,
            config::RegistrationPolicy::Token => Admits::TokenBearers,
            config::RegistrationPolicy::Open => Admits::Everybody,
        },
        pkce: match config.clients.pkce {
            config::Pkce::Required => PkcePolicy::Required,
            config::Pkce::ConfidentialOptional => PkcePolicy::Optional,
        },
        limit: match config.rate_limits.register {
            RateLimit::Off => None,
            RateLimit::Per { count, window } => Some(RegistrationLimit { count, window }),
        },
    }
}

/// What calls to other servers may reach.
pub fn outbound_settings(config: &Config) -> outbound::Settings {
    outbound::Settings {
        ca_files: config.outbound.ca_file.iter().cloned().collect(),
        allowed_private_hosts: config.outbound.allowed_private_hosts.clone(),
        identity: None,
        patience: None,
    }
}

const fn lifetimes(config: &Config) -> SessionLifetimes {
    SessionLifetimes { idle: config.sessions.idle, absolute: config.sessions.absolute }
}

/// What mails look like: the hosted pages' words and templates.
fn letters(config: &Config) -> Letters {
    let stationery = Stationery {
        brand: config.pages.brand.clone(),
        default_locale: locale(config.pages.default_locale),
        account_url: format!("{}/account", config.issuer.as_str()),
    };
    Letters::new(move |written, now| letter(&stationery, written, now))
}

fn accounts(config: &Config, world: &World, store: &Store, master: &MasterKey, outbox: Option<Outbox>) -> Accounts {
    let params = HashParams { memory_kib: config.passwords.memory_kib, iterations: config.passwords.iterations };
    Accounts::new(account::Parts {
        clock: Arc::clone(&world.clock),
        entropy: Arc::clone(&world.entropy),
        store: store.clone(),
        hasher: Hasher::start(params, config.passwords.workers, config.passwords.queue),
        policy: match config.passwords.policy {
            config::Policy::Strict => Policy::Strict,
            config::Policy::Seed => Policy::Seed,
        },
        lifetimes: lifetimes(config),
        sign_in_limit: match config.rate_limits.login {
            RateLimit::Off => None,
            RateLimit::Per { count, window } => Some(SignInLimit { count, window }),
        },
        brand: config.pages.brand.clone(),
        limit_key: master.derive("limits"),
        issuer: config.issuer.as_str().to_owned(),
        outbox,
    })
}

const fn locale(named: config::Locale) -> Locale {
    match named {
        config::Locale::Fr => Locale::Fr,
        config::Locale::En => Locale::En,
    }
}

/// The form of the log.
pub const fn log_format(config: &Config) -> Format {
    match config.log.format {
        config::Format::Json => Format::Json,
        config::Format::Text => Format::Text,
    }
}

/// How one public listener serves.
pub fn server_options(config: &Config, listen: SocketAddr) -> ServerOptions {
    let tls = config.tls.as_ref().map(|tls| TlsOptions {
        certificate_file: tls.certificate_file.clone(),
        private_key_file: tls.private_key_file.clone(),
        client_certificates: match tls.client_certificates {
            config::ClientCertificates::Off => ClientCertificates::Off,
            config::ClientCertificates::Optional => ClientCertificates::Optional,
        },
    });
    ServerOptions {
        listen,
        tls,
        header_timeout: config.http.header_timeout,
        request_timeout: config.http.request_timeout,
        max_connections: usize::try_from(config.http.max_connections).unwrap_or(usize::MAX),
        drain: config.http.drain,
        drain_delay: config.http.drain_delay,
    }
}

/// What surrounds every request of the public listeners.
fn surround_parts(app: &App, site: &Site) -> Surround {
    let http = &app.config.http;
    Surround {
        clock: Arc::clone(&app.world.clock),
        entropy: Arc::clone(&app.world.entropy),
        metrics: app.metrics.clone(),
        proxies: TrustedProxies { networks: http.trusted_proxies.clone(), header: ForwardedHeader::XForwardedFor },
        https: app.config.issuer.is_https(),
        routes: templates(site).into_iter().chain(HEALTH.map(str::to_owned)).collect(),
        cross_origin: cross_origin(site),
        in_windows: in_windows(site),
        documents: documents(site),
        polled: published(site).chain(HEALTH.map(str::to_owned)).collect(),
        body_limit: ByRoute::all(http.body_limit),
        timeout: ByRoute::all(http.request_timeout),
    }
}
