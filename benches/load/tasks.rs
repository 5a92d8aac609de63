//! The tasks: which lanes they are, and which limit stands beside each.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::lane::{Client, Lane, Target, ask, text_of};
use crate::measure::{Plan, Seen, run};
use crate::process::Server;
use crate::report::Row;
use crate::{Failure, hash_alone, http};

/// Sign-ins at once: more than any machine's cores hash, fewer than the product lets wait.
const SIGN_INS: usize = 12;
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    Discovery,
    Jwks,
    ClientCredentials,
    ClientCredentialsEdDsa,
    ClientCredentialsRs256,
    ClientCredentialsOpaque,
    IntrospectJwt,
    IntrospectOpaque,
    Refresh,
    RefreshRs256,
    Code,
    CodeRs256,
    SignIn,
}

impl Task {
    pub(crate) const ALL: [Self; 13] = [
        Self::Discovery,
        Self::Jwks,
        Self::ClientCredentials,
        Self::ClientCredentialsEdDsa,
        Self::ClientCredentialsRs256,
        Self::ClientCredentialsOpaque,
        Self::IntrospectJwt,
        Self::IntrospectOpaque,
        Self::Refresh,
        Self::RefreshRs256,
        Self::Code,
        Self::CodeRs256,
        Self::SignIn,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Discovery => "discovery",
            Self::Jwks => "jwks",
            Self::ClientCredentials => "client_credentials ES256",
            Self::ClientCredentialsEdDsa => "client_credentials EdDSA",
            Self::ClientCredentialsRs256 => "client_credentials RS256",
            Self::ClientCredentialsOpaque => "client_credentials opaque",
            Self::IntrospectJwt => "introspection JWT",
            Self::IntrospectOpaque => "introspection opaque",
            Self::Refresh => "refresh ES256",
            Self::RefreshRs256 => "refresh RS256",
            Self::Code => "code flow ES256",
            Self::CodeRs256 => "code flow RS256",
            Self::SignIn => "sign-in with password",
        }
    }

    /// What it is to reach, if anything.
    pub(crate) const fn wanted(self) -> Option<Wanted> {
        match self {
            Self::Discovery | Self::Jwks => Some(Wanted::OfLimit(0.75)),
            Self::ClientCredentials => Some(Wanted::OfLimit(0.65)),
            Self::ClientCredentialsRs256 => Some(Wanted::OfLimit(0.85)),
            Self::IntrospectOpaque | Self::Code => Some(Wanted::TimesPeer(3.0)),
            Self::Refresh => Some(Wanted::TimesPeer(2.0)),
            Self::SignIn => Some(Wanted::OfLimit(0.9)),
            Self::ClientCredentialsEdDsa
            | Self::ClientCredentialsOpaque
            | Self::IntrospectJwt
            | Self::RefreshRs256
            | Self::CodeRs256 => None,
        }
    }

    /// What no implementation could leave out.
    const fn limit(self) -> &'static str {
        match self {
            Self::Discovery | Self::Jwks => "same bytes",
            Self::ClientCredentials => "ES256",
            Self::ClientCredentialsEdDsa => "EdDSA",
            Self::ClientCredentialsRs256 => "RS256",
            Self::ClientCredentialsOpaque | Self::IntrospectOpaque => "fixed bytes",
            Self::IntrospectJwt => "ES256 verified",
            Self::Refresh | Self::Code => "2 x ES256",
            Self::RefreshRs256 | Self::CodeRs256 => "ES256 + RS256",
            Self::SignIn => "hash alone",
        }
    }
}

/// A target of a task.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wanted {
    /// At least this part of the limit.
    OfLimit(f64),
    /// At least this many times the peer.
    TimesPeer(f64),
}

/// The running servers and how they are measured.
pub(crate) struct Stage<'a> {
    pub(crate) ours: (&'a Server, &'a Target),
    pub(crate) limits: &'a Server,
    pub(crate) peer: Option<(&'a Server, &'a Target)>,
    pub(crate) plan: Plan,
    pub(crate) cores: Option<&'a str>,
}

impl Stage<'_> {
    /// The limit, the product and the peer, one right after the other, and all of it again as often as the plan says.
    pub(crate) async fn measure(&self, task: Task) -> Result<Row, Failure> {
        let (server, target) = self.ours;
        let (mut ours, mut limits, mut peers) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.plan.rounds {
            limits.push(self.limit(task, target).await?);
            ours.push(run(self.lanes(task, target).await?, server.pid(), self.plan).await?);
            if let Some((server, target)) = self.peer
                && Self::compares(task)
            {
                peers.push(run(self.lanes(task, target).await?, server.pid(), self.plan).await?);
            }
        }
        Ok(Row {
            name: task.name(),
            limit_name: task.limit(),
            wanted: task.wanted(),
            ours: Seen::median(&ours),
            limit: Seen::median(&limits),
            peer: (!peers.is_empty()).then(|| Seen::median(&peers)),
        })
    }

    /// The peer's own sign-in page takes any password, and its JWTs cannot be introspected.
    const fn compares(task: Task) -> bool {
        !matches!(task, Task::SignIn | Task::IntrospectJwt)
    }

    async fn limit(&self, task: Task, target: &Target) -> Result<Seen, Failure> {
        let get_of = async |path: &str| -> Result<Vec<u8>, Failure> {
            let mut connection = http::Connection::open(target.address).await?;
            let size = connection.exchange(&http::get(target.address, path, "")).await?.body.len();
            Ok(http::get(self.limits.address, &format!("/fixed/{size}"), ""))
        };
        let posted = |path: &str| {
            let request = target.client_credentials(&target.service, Some("ES256"));
            replace_path(&request, &target.token, path)
        };
        let request = match task {
            Task::Discovery => get_of(DISCOVERY).await?,
            Task::Jwks => get_of(&target.jwks).await?,
            Task::ClientCredentials => posted("/es256"),
            Task::ClientCredentialsEdDsa => posted("/eddsa"),
            Task::ClientCredentialsRs256 => posted("/rs256"),
            Task::ClientCredentialsOpaque | Task::IntrospectOpaque => posted("/posted/600"),
            Task::IntrospectJwt => posted("/verify"),
            Task::Refresh | Task::Code => posted("/twice"),
            Task::RefreshRs256 | Task::CodeRs256 => posted("/both"),
            Task::SignIn => return hash_alone(self.cores, self.plan),
        };
        let at = Target { address: self.limits.address, ..target.clone() };
        run(self.same(&at, &request, b"").await?, self.limits.pid(), self.plan).await
    }

    async fn lanes(&self, task: Task, target: &Target) -> Result<Vec<Lane>, Failure> {
        match task {
            Task::Discovery => self.same(target, &http::get(target.address, DISCOVERY, ""), b"\"issuer\"").await,
            Task::Jwks => self.same(target, &http::get(target.address, &target.jwks, ""), b"\"keys\"").await,
            Task::ClientCredentials => self.tokens(target, &target.service, "ES256").await,
            Task::ClientCredentialsEdDsa => self.tokens(target, &target.eddsa, "EdDSA").await,
            Task::ClientCredentialsRs256 => self.tokens(target, &target.rs256, "RS256").await,
            Task::ClientCredentialsOpaque => {
                self.same(target, &target.client_credentials(&target.opaque, None), b"\"access_token\"").await
            }
            Task::IntrospectJwt => {
                self.introspection(target, &target.client_credentials(&target.service, Some("ES256"))).await
            }
            Task::IntrospectOpaque => {
                self.introspection(target, &target.client_credentials(&target.opaque, None)).await
            }
            Task::Refresh => self.refreshes(target).await,
            Task::RefreshRs256 => self.refreshes(&target.with_rs256()).await,
            Task::Code => self.codes(target).await,
            Task::CodeRs256 => self.codes(&target.with_rs256()).await,
            Task::SignIn => {
                let mut lanes = Vec::new();
                for _ in 0..self.plan.connections.min(SIGN_INS) {
                    lanes.push(Lane::sign_in(target).await?);
                }
                Ok(lanes)
            }
        }
    }

    async fn refreshes(&self, target: &Target) -> Result<Vec<Lane>, Failure> {
        let mut lanes = Vec::new();
        for _ in 0..self.plan.connections {
            lanes.push(Lane::refresh(target).await?);
        }
        Ok(lanes)
    }

    async fn codes(&self, target: &Target) -> Result<Vec<Lane>, Failure> {
        let mut lanes = Vec::new();
        for _ in 0..self.plan.connections {
            lanes.push(Lane::code(target).await?);
        }
        Ok(lanes)
    }

    /// Lanes for signed tokens; one is looked at, to be sure that it was signed as the task says.
    async fn tokens(&self, target: &Target, client: &Client, alg: &str) -> Result<Vec<Lane>, Failure> {
        let request = target.client_credentials(client, Some(alg));
        let token = text_of(&ask(target, &request).await?, "access_token")?;
        let head = token.split('.').next().and_then(|head| URL_SAFE_NO_PAD.decode(head).ok()).unwrap_or_default();
        let head: serde_json::Value = serde_json::from_slice(&head).unwrap_or_default();
        if head.get("alg").and_then(serde_json::Value::as_str) != Some(alg) {
            return Err(Failure::new(format!("awaited a token signed with {alg}, got {head}")));
        }
        self.same(target, &request, b"\"access_token\":\"ey").await
    }

    async fn introspection(&self, target: &Target, token_request: &[u8]) -> Result<Vec<Lane>, Failure> {
        let token = text_of(&ask(target, token_request).await?, "access_token")?;
        self.same(target, &target.introspection(&token), b"\"active\":true").await
    }

    async fn same(&self, target: &Target, request: &[u8], holds: &'static [u8]) -> Result<Vec<Lane>, Failure> {
        let mut lanes = Vec::new();
        for _ in 0..self.plan.connections {
            lanes.push(Lane::same(target, request.to_vec(), holds).await?);
        }
        Ok(lanes)
    }
}

/// The same request to another path.
fn replace_path(request: &[u8], from: &str, to: &str) -> Vec<u8> {
    String::from_utf8_lossy(request).replacen(&format!("POST {from} "), &format!("POST {to} "), 1).into_bytes()
}
