//! A simulation as a server of its own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use url::Url;

use super::clients::Client;
use super::desk::Desk;
use super::failure::Failure;
use super::keys::SigningKey;
use super::{control, facebook, github, google, pro_sante_connect};
use crate::base::{Clock, Entropy};
use crate::http::server::{Bound, ServeError, ServerOptions, TlsOptions};
use crate::outbound::{self, Outbound, OutboundError};

/// Whom a simulation stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Pro Santé Connect.
    ProSanteConnect,
    /// Google.
    Google,
    /// Facebook.
    Facebook,
    /// GitHub.
    GitHub,
}

/// What a simulation is started with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whom it stands for.
    pub kind: Kind,
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Origin that it is reached at; unless given, the address that it listens on.
    pub url: Option<String>,
    /// Certificate and key. For mutual TLS, with client certificates.
    pub tls: Option<TlsOptions>,
    /// Its clients.
    pub clients: Vec<Client>,
    /// Certificate authorities of clients that are told of sign-outs.
    pub ca_files: Vec<PathBuf>,
    /// Its clock.
    pub clock: Arc<dyn Clock>,
    /// Its randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// Why a simulation does not start or ends.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// The listener.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The way out.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// The key.
    #[error("no RSA key could be made")]
    Key,
}

/// A simulation that holds its address and serves nobody yet.
#[derive(Debug)]
pub struct Simulation {
    bound: Bound,
    router: Router,
    control: Control,
}

/// What tests hold of a running simulation. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Control {
    kind: Kind,
    desk: Arc<Desk>,
}

impl Simulation {
    /// Takes the address and makes the key.
    pub async fn bind(settings: Settings) -> Result<Self, SimulationError> {
        let options = ServerOptions {
            tls: settings.tls.clone(),
            drain: Duration::from_millis(200),
            ..ServerOptions::plain(settings.listen)
        };
        let bound = Bound::bind(&options).await?;
        let scheme = if settings.tls.is_some() { "https" } else { "http" };
        let own = match bound.local_addr() {
            // Every address is none that a browser could go to.
            any if any.ip().is_unspecified() => format!("{scheme}://localhost:{}", any.port()),
            one => format!("{scheme}://{one}"),
        };
        let url = settings.url.unwrap_or(own).trim_end_matches('/').to_owned();
        let told = settings.clients.iter().filter_map(|client| client.backchannel_logout_uri.as_deref());
        let outbound = Outbound::new(&outbound::Settings {
            ca_files: settings.ca_files,
            allowed_private_hosts: told.filter_map(host).collect(),
            identity: None,
            patience: None,
        })?;
        let key = tokio::task::spawn_blocking(SigningKey::generate).await.ok().flatten().ok_or(SimulationError::Key)?;
        let desk = Arc::new(Desk::new(url, settings.clients, key, settings.clock, settings.entropy));
        let own = Arc::clone(&desk);
        let routes = match settings.kind {
            Kind::ProSanteConnect => pro_sante_connect::router(own, outbound),
            Kind::Google => google::router(own),
            Kind::Facebook => facebook::router(own),
            Kind::GitHub => github::router(own),
        };
        let router = routes.merge(control::router(Arc::clone(&desk)));
        Ok(Self { bound, router, control: Control { kind: settings.kind, desk } })
    }

    /// The handle that stays when [`Self::serve`] has taken the rest.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Serves until `stop` ends.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> Result<(), SimulationError> {
        Ok(self.bound.serve(self.router, stop).await?)
    }
}

impl Control {
    /// Its origin.
    pub fn url(&self) -> &str {
        &self.desk.url
    }

    /// What it calls itself in `iss`.
    pub fn issuer(&self) -> String {
        match self.kind {
            Kind::ProSanteConnect => self.desk.at(pro_sante_connect::REALM),
            Kind::GitHub => self.desk.at(github::ISSUER),
            Kind::Google | Kind::Facebook => self.desk.url.clone(),
        }
    }

    /// Where its discovery document is, if it has one.
    pub fn discovery_url(&self) -> Option<String> {
        match self.kind {
            Kind::ProSanteConnect => Some(self.desk.at(pro_sante_connect::DISCOVERY)),
            Kind::Google => Some(self.desk.at(google::DISCOVERY)),
            Kind::Facebook | Kind::GitHub => None,
        }
    }

    /// Arms a failure for so many calls, or (`None`) until [`Self::recover`].
    pub fn fail(&self, failure: Failure, times: Option<u32>) {
        self.desk.arm(failure, times);
    }

    /// Disarms all failures.
    pub fn recover(&self) {
        self.desk.disarm();
    }

    /// How often each endpoint was called: `discovery`, `jwks`, `authorization`, `token`, `userinfo`, …
    pub fn calls(&self) -> BTreeMap<&'static str, u64> {
        self.desk.calls()
    }
}

fn host(uri: &str) -> Option<String> {
    Url::parse(uri).ok()?.host_str().map(str::to_owned)
}
