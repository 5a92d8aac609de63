//! The operator's configuration: one TOML file, the environment, and files for secrets, made into one checked [`Config`].
//!
//! ```text
//! file ─┐
//! environment ─┼─ layers ─► raw (shapes) ─► sections (meaning) ─► Config + warnings, or every problem at once
//! defaults ─┘
//! ```
//!
//! Owns every key, its default, its check and its documentation. Reads only the files that the configuration names, and
//! never the process environment: that is an argument. Only the composition root and the command line call it; other
//! rooms get the small values they need. A file of `sections` holds all there is to one section.

mod check;
mod issuer;
mod key;
mod layers;
mod problem;
mod raw;
mod reference;
mod secret;
mod sections;
mod units;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::base::Secret;
use check::Check;
use raw::Raw;

pub use issuer::Issuer;
pub use problem::{Problem, Report};
pub use reference::reference;
pub use sections::clients::{Clients, Pkce};
pub use sections::http::Http;
pub use sections::keys::{Algorithm, Keys};
pub use sections::log::{Format, Level, Log};
pub use sections::mail::{Mail, Smtp, SmtpSecurity};
pub use sections::metrics::Metrics;
pub use sections::outbound::Outbound;
pub use sections::pages::{Locale, Pages};
pub use sections::passwords::{Passwords, Policy};
pub use sections::rate_limits::RateLimits;
pub use sections::registration::{Registration, RegistrationPolicy};
pub use sections::rpps::Rpps;
pub use sections::sessions::Sessions;
pub use sections::tls::{ClientCertificates, Tls};
pub use sections::tokens::Tokens;
pub use sections::upstreams::{
    AssertionAudience, ClientAuth, Preset, Provisioning, Registration as UpstreamRegistration, RegistrationMode,
    RequestObject, Requests, Upstream,
};
pub use units::RateLimit;

/// Reads a time as the configuration has it: `90s`, `5m`, `12h`, `30d`.
pub fn duration(text: &str) -> Option<std::time::Duration> {
    units::parse_duration(text)
}

/// A configuration without problems.
#[derive(Debug, Clone)]
pub struct Config {
    /// Our public address.
    pub issuer: Issuer,
    /// Addresses of the public listener, at least one.
    pub listen: Vec<SocketAddr>,
    /// Folder of the embedded database and of the keys.
    pub data_dir: PathBuf,
    /// Durable data.
    pub database_url: Secret<String>,
    /// Short-lived state; in the database without it.
    pub redis_url: Option<Secret<String>>,
    /// The master key, 43 characters of base64url; in the data folder without it.
    pub master_key: Option<Secret<String>>,
    /// TLS in this process.
    pub tls: Option<Tls>,
    /// Limits of the public listener.
    pub http: Http,
    /// Metrics.
    pub metrics: Metrics,
    /// The log.
    pub log: Log,
    /// Limits of frequency.
    pub rate_limits: RateLimits,
    /// Passwords.
    pub passwords: Passwords,
    /// National numbers of health professionals.
    pub rpps: Rpps,
    /// Outgoing mail.
    pub mail: Mail,
    /// Dynamic registration of clients.
    pub registration: Registration,
    /// Outgoing calls.
    pub outbound: Outbound,
    /// Browser sessions.
    pub sessions: Sessions,
    /// Codes and tokens.
    pub tokens: Tokens,
    /// Signing keys.
    pub keys: Keys,
    /// New clients.
    pub clients: Clients,
    /// Hosted pages.
    pub pages: Pages,
    /// Upstream providers, by name.
    pub upstreams: Vec<Upstream>,
}

/// A configuration, and what its operator should know about it.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What works, and probably is not what the operator wants.
    pub warnings: Vec<Problem>,
}

impl Config {
    /// Reads the file, if one is named, and the variables `GUICHET_…` of `environment`. Gives every problem there is.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Loaded, Vec<Problem>> {
        let mut check = Check::default();
        let table = file.map(|path| read_file(path, &mut check)).unwrap_or_default();
        let config = Self::assemble(layers::merge(&table, environment, &mut check), &mut check);
        match config {
            Some(config) if check.problems.is_empty() => Ok(Loaded { config, warnings: check.warnings }),
            _ => Err(check.problems),
        }
    }

    /// What `guichet demo` runs with: everything in `data_dir`, the policies that take the older interfaces' examples,
    /// mails as files, text in the log. The issuer is `http://<listen>`, or `http://localhost:<port>` where `listen` is
    /// not a loopback address.
    pub fn demo(data_dir: &Path, listen: SocketAddr) -> Self {
        Self::demo_with(data_dir, listen, Vec::new())
    }

    /// The same with further variables of the environment, which have to be valid: the demo's upstream provider.
    #[expect(clippy::missing_panics_doc, reason = "the callers' own variables are valid; a test holds it to that")]
    pub fn demo_with(data_dir: &Path, listen: SocketAddr, more: Vec<(String, String)>) -> Self {
        let loopback = listen.ip().to_canonical().is_loopback();
        let host = if loopback { listen.to_string() } else { format!("localhost:{}", listen.port()) };
        let data_dir = if data_dir.as_os_str().is_empty() { Path::new(".") } else { data_dir };
        let environment = [
            ("GUICHET_ISSUER", format!("http://{host}")),
            ("GUICHET_LISTEN", listen.to_string()),
            ("GUICHET_DATA_DIR", data_dir.to_string_lossy().into_owned()),
            ("GUICHET_PASSWORDS__POLICY", "seed".to_owned()),
            ("GUICHET_RPPS__POLICY", "seed".to_owned()),
            ("GUICHET_MAIL__FOLDER", data_dir.join("mails").to_string_lossy().into_owned()),
            ("GUICHET_MAIL__FROM", "guichet@localhost".to_owned()),
            ("GUICHET_LOG__FORMAT", "text".to_owned()),
            ("GUICHET_RATE_LIMITS__LOGIN", "30/1m".to_owned()),
        ];
        #[expect(clippy::expect_used, reason = "it takes every address and every folder; a test holds it to that")]
        let loaded =
            Self::load(None, environment.map(|(name, value)| (name.to_owned(), value)).into_iter().chain(more))
                .expect("the demo's configuration is valid");
        loaded.config
    }

    /// Reads the meaning of a complete table. Where `check` holds problems afterwards, the result must not be used.
    fn assemble(table: toml::Table, check: &mut Check) -> Option<Self> {
        let Ok(Raw { general, sections: raw, upstreams }) = Raw::read(table) else {
            // Cannot be, because shapes were checked; serde's own message is left out because it may show a secret.
            check.refuse("configuration", "has a key of two shapes in the program", "report this as a fault");
            return None;
        };
        let general = sections::general::read(general, check);
        let issuer = general.issuer;
        let config = Self {
            tls: sections::tls::read(&raw.tls, &issuer, check),
            http: sections::http::read(&raw.http, check),
            metrics: sections::metrics::read(&raw.metrics, &general.listen, check),
            log: sections::log::read(&raw.log, check),
            rate_limits: sections::rate_limits::read(&raw.rate_limits, &issuer, check),
            passwords: sections::passwords::read(&raw.passwords, &issuer, check),
            rpps: sections::rpps::read(&raw.rpps, &issuer, check),
            mail: sections::mail::read(raw.mail, check),
            registration: sections::registration::read(&raw.registration, &issuer, check),
            outbound: sections::outbound::read(&raw.outbound, check),
            sessions: sections::sessions::read(&raw.sessions, check),
            tokens: sections::tokens::read(raw.tokens, check),
            keys: sections::keys::read(&raw.keys, check),
            clients: sections::clients::read(&raw.clients, check),
            pages: sections::pages::read(raw.pages, check),
            upstreams: sections::upstreams::read(upstreams, &issuer, check),
            issuer,
            listen: general.listen,
            data_dir: general.data_dir,
            database_url: general.database_url,
            redis_url: general.redis_url,
            master_key: general.master_key,
        };
        config.warn_of_missing_tls(check);
        Some(config)
    }

    /// Somebody must terminate TLS, and the caller's address must come from somewhere.
    fn warn_of_missing_tls(&self, check: &mut Check) {
        if self.issuer.is_https() && self.tls.is_none() && self.http.trusted_proxies.is_empty() {
            check.warn(
                "tls",
                "the issuer is https, but neither [tls] nor http.trusted_proxies is set: this process speaks plain http, and takes a proxy in front of it for the caller",
                "set tls.certificate_file and tls.private_key_file, or name the proxy in http.trusted_proxies",
            );
        }
    }
}

fn read_file(path: &Path, check: &mut Check) -> toml::Table {
    let name = path.display().to_string();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => Secret::new(text),
        Err(error) => {
            check.refuse(&name, format!("cannot be read: {error}"), "name a file that there is, or none");
            return toml::Table::new();
        }
    };
    let table = match layers::parse_file(&name, text.expose()) {
        Ok(table) => table,
        Err(problem) => {
            check.problems.push(problem);
            return toml::Table::new();
        }
    };
    secret::warn_of_open_file(path, &table, check);
    table
}

#[cfg(test)]
mod tests;
