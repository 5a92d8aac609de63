//! A simulated provider over a real loopback socket, and a person at its pages.

use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use guichet::base::clock::ManualClock;
use guichet::base::entropy::SystemEntropy;
use guichet::http::server::{ClientCertificates, TlsOptions};
use guichet::outbound::{self, Call, Outbound, Reply};
use guichet::simulation::{Client, Control, Kind, Settings, Simulation};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use tempfile::TempDir;

use super::app::{ISSUER, START, TestApp};
use super::browser::{Browser, Page};
use super::upstream::{OWN_TIME, left};

/// Who we are there.
pub const CLIENT: &str = "guichet-test";
/// Our secret there.
pub const SECRET: &str = "secret-at-the-simulation";

/// Certificates for mutual TLS, in a folder that goes with them.
pub struct Papers(TempDir);

impl Papers {
    /// The server's, and ours, whose common name is `name`.
    pub fn issue(name: &str) -> Self {
        let papers = Self(TempDir::new().expect("a folder"));
        for (file, common_name) in [("server", "simulation"), ("client", name)] {
            let key = KeyPair::generate().expect("a key");
            let mut parameters = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("parameters");
            parameters.distinguished_name = DistinguishedName::new();
            parameters.distinguished_name.push(DnType::CommonName, common_name);
            let certificate = parameters.self_signed(&key).expect("a certificate");
            papers.write(&format!("{file}.pem"), &certificate.pem());
            papers.write(&format!("{file}-key.pem"), &key.serialize_pem());
        }
        papers
    }

    fn write(&self, name: &str, text: &str) {
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(self.file(name)).expect("a file");
        file.write_all(text.as_bytes()).expect("written");
    }

    /// Where one is.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// A running simulation.
#[derive(Clone)]
pub struct Simulated {
    /// Its handle.
    pub control: Control,
    /// Our name for it.
    pub name: &'static str,
    /// Its time.
    pub clock: ManualClock,
    outbound: Outbound,
}

impl Simulated {
    /// Starts one that knows us as its client.
    pub async fn start(kind: Kind) -> Self {
        Self::with(kind, |_| ()).await
    }

    /// The same with a changed client.
    pub async fn with(kind: Kind, change: impl FnOnce(&mut Client)) -> Self {
        Self::over(kind, None, change).await
    }

    /// The same over TLS, by our secret.
    pub async fn with_tls(kind: Kind, papers: &Papers) -> Self {
        Self::over(kind, Some(papers), |_| ()).await
    }

    /// The same over TLS, where it takes us by our certificate alone.
    pub async fn with_mutual_tls(kind: Kind, papers: &Papers) -> Self {
        Self::over(kind, Some(papers), |client| client.mutual_tls = true).await
    }

    async fn over(kind: Kind, papers: Option<&Papers>, change: impl FnOnce(&mut Client)) -> Self {
        let name = match kind {
            Kind::ProSanteConnect => "pro_sante_connect",
            Kind::Google => "google",
            Kind::Facebook => "facebook",
            Kind::GitHub => "github",
        };
        let clock = ManualClock::at(START);
        let mut client = Client::new(CLIENT, SECRET);
        client.redirect_uris = vec![format!("{ISSUER}/federation/{name}/callback")];
        client.post_logout_redirect_uris = vec![format!("{ISSUER}/federation/{name}/logout")];
        change(&mut client);
        let simulation = Simulation::bind(Settings {
            kind,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            url: None,
            tls: papers.map(|papers| TlsOptions {
                certificate_file: papers.file("server.pem"),
                private_key_file: papers.file("server-key.pem"),
                client_certificates: ClientCertificates::Optional,
            }),
            clients: vec![client],
            ca_files: Vec::new(),
            clock: Arc::new(clock.clone()),
            entropy: Arc::new(SystemEntropy),
        })
        .await
        .expect("the simulation starts");
        let control = simulation.control();
        tokio::spawn(simulation.serve(std::future::pending()));
        let allowed = outbound::Settings {
            allowed_private_hosts: vec!["127.0.0.1".to_owned()],
            ca_files: papers.iter().map(|papers| papers.file("server.pem")).collect(),
            ..Default::default()
        };
        Self { control, name, clock, outbound: Outbound::new(&allowed).expect("a way out") }
    }

    /// Configuration that makes it an upstream, and more.
    pub fn environment(&self, more: &[(&str, &str)]) -> Vec<(String, String)> {
        let prefix = format!("GUICHET_UPSTREAMS__{}__", self.name.to_uppercase());
        let (issuer, url) = (self.control.issuer(), self.control.url().to_owned());
        let mut own = vec![
            ("ISSUER", issuer),
            ("CLIENT_ID", CLIENT.to_owned()),
            ("CLIENT_SECRET", SECRET.to_owned()),
            ("ALLOW_PRIVATE_ADDRESSES", "true".to_owned()),
        ];
        match self.control.discovery_url() {
            Some(document) => own.push(("DISCOVERY_URL", document)),
            None => own.extend([("WEB_URL", url.clone()), ("API_URL", url)]),
        }
        if more.iter().all(|(name, _)| *name != "TIMEOUT") {
            own.push(("TIMEOUT", "60s".to_owned()));
        }
        let more =
            more.iter().filter(|(_, value)| *value != OWN_TIME).map(|(name, value)| (*name, (*value).to_owned()));
        own.into_iter().chain(more).map(|(name, value)| (format!("{prefix}{name}"), value)).collect()
    }

    /// An application with this upstream.
    pub async fn app(&self) -> TestApp {
        self.app_with(&[]).await
    }

    /// The same with further keys of the upstream.
    pub async fn app_with(&self, more: &[(&str, &str)]) -> TestApp {
        let environment = self.environment(more);
        let pairs: Vec<(&str, &str)> =
            environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        TestApp::with(&pairs).await
    }

    /// A request of the person's browser; redirects are not followed.
    pub async fn fetch(&self, url: &str) -> Reply {
        self.outbound.send(Call::get(url)).await.unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    /// A form of the person's browser.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let url = format!("{}{path}", self.control.url());
        self.outbound
            .send(Call::post_form(&url, fields.iter().copied()))
            .await
            .unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    /// At the address that we sent the browser to: signs in as `person`, with a failure; gives where the browser comes back,
    /// a path of ours.
    pub async fn answer(&self, url: &str, person: &str, failure: Option<&str>) -> String {
        assert!(url.starts_with(self.control.url()), "{url}");
        let failure = failure.map(|failure| format!("&simulate={failure}")).unwrap_or_default();
        let reply = self.fetch(&format!("{url}&simulate_person={person}{failure}")).await;
        own_path(&reply)
    }

    /// Where to begin without an application.
    pub fn start_path(&self) -> String {
        format!("/sign-in/{}", self.name)
    }

    /// Begins at `start`, signs in as `person` and comes back.
    pub async fn sign_in(&self, browser: &mut Browser, start: &str, person: &str, failure: Option<&str>) -> Page {
        let url = left(&browser.get(start).await.answer);
        let back = self.answer(&url, person, failure).await;
        browser.get(&back).await
    }
}

/// The place in our site that an answer leads to.
#[track_caller]
pub fn own_path(reply: &Reply) -> String {
    let location = reply.headers.get("location").unwrap_or_else(|| panic!("{reply:?}")).to_str().unwrap();
    let path = location.strip_prefix(ISSUER).unwrap_or_else(|| panic!("{location} is not ours"));
    // A browser keeps what stands behind `#` to itself.
    path.split('#').next().unwrap().to_owned()
}
