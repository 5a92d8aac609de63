//! What every command shares: the configuration, the open application, finding things by the names that people type.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::output::{Failure, Output};
use crate::app::{App, World};
use crate::base::Secret;
use crate::config::{Config, Loaded, Report};
use crate::model::client::Client;
use crate::model::tenant::Tenant;
use crate::model::user::{User, canonical_email};
use crate::telemetry::{self, Format};

/// Longest file or standard input taken, in bytes.
const LONGEST_INPUT: u64 = 1_048_576;

/// The command line's common part.
#[derive(Debug, Clone)]
pub(super) struct Context {
    pub(super) config: Option<PathBuf>,
    pub(super) output: Output,
}

impl Context {
    /// Reads the configuration; every problem at once is the failure. `serve`, `check-config` and `doctor` tell of warnings;
    /// a command that only acts does not repeat them.
    pub(super) fn load(&self) -> Result<Config, Failure> {
        Ok(self.load_with_warnings()?.config)
    }

    /// Reads the configuration with its warnings.
    pub(super) fn load_with_warnings(&self) -> Result<Loaded, Failure> {
        let environment =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Config::load(self.config.as_deref(), environment).map_err(|problems| {
            let report = Report { problems: &problems, warnings: &[] };
            Failure::with(report.to_text().trim_end(), report.to_json())
        })
    }

    /// Reads the configuration and opens the application, for a command that acts and ends. Logs warnings alone.
    pub(super) async fn open(&self) -> Result<App, Failure> {
        telemetry::init("warn", Format::Text);
        let config = self.load()?;
        Ok(App::start(config, World::default()).await?)
    }
}

/// The account with this address.
pub(super) async fn user(app: &App, email: &str) -> Result<User, Failure> {
    let canonical = canonical_email(email).map_err(|error| Failure::new(format!("{email}: {error}")))?;
    let found = app.store.read().await?.user_by_email(&canonical).await?;
    found.ok_or_else(|| Failure::new(format!("no user has the e-mail address {email}")))
}

/// The tenant with this code or UUID.
pub(super) async fn tenant(app: &App, code: &str) -> Result<Tenant, Failure> {
    let mut conn = app.store.read().await?;
    let found = match uuid::Uuid::parse_str(code) {
        Ok(uuid) => conn.tenant_by_uuid(uuid).await?,
        Err(_) => conn.tenant_by_code(code).await?,
    };
    found.ok_or_else(|| Failure::new(format!("no tenant has the code {code}; `guichet tenant list` shows them")))
}

/// The client with this `client_id`.
pub(super) async fn client(app: &App, client_id: &str) -> Result<Client, Failure> {
    let found = app.store.read().await?.client_by_client_id(client_id).await?;
    found.ok_or_else(|| {
        Failure::new(format!("no client has the client_id {client_id}; `guichet client list` shows them"))
    })
}

/// A password from standard input: its first line, without the line end.
pub(super) fn password_from_stdin() -> Result<Secret<String>, Failure> {
    let mut text = String::new();
    std::io::stdin().lock().take(LONGEST_INPUT).read_to_string(&mut text)?;
    let password = text.lines().next().unwrap_or_default().to_owned();
    if password.is_empty() { Err(Failure::new("no password on standard input")) } else { Ok(Secret::new(password)) }
}

/// A JSON document from a file; `-` is not taken, since standard input may carry a password.
pub(super) fn json_file(path: &Path) -> Result<Value, Failure> {
    let shown = path.display();
    let file = std::fs::File::open(path).map_err(|error| Failure::new(format!("{shown}: {error}")))?;
    let mut text = String::new();
    file.take(LONGEST_INPUT).read_to_string(&mut text).map_err(|error| Failure::new(format!("{shown}: {error}")))?;
    serde_json::from_str(&text).map_err(|error| Failure::new(format!("{shown}: not JSON: {error}")))
}
