//! `guichet simulate`: a simulated upstream provider on a listener of its own, for whoever integrates or tests.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::context::Context;
use super::output::Failure;
use super::serve::until_told;
use crate::base::Secret;
use crate::base::clock::SystemClock;
use crate::base::entropy::SystemEntropy;
use crate::http::server::{ClientCertificates, TlsOptions};
use crate::simulation::{Client, Control, Kind, Settings, Simulation};

/// Whom to simulate.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Provider {
    /// Pro Santé Connect.
    ProSanteConnect,
    /// Google.
    Google,
    /// Facebook.
    Facebook,
    /// GitHub.
    Github,
}

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Whom to simulate.
    #[arg(value_enum)]
    provider: Provider,
    /// Address and port to serve on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Origin that it is reached at, where that is not the address.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Id of its one client.
    #[arg(long, default_value = "guichet")]
    client_id: String,
    /// Secret of the client.
    #[arg(long, default_value = "simulation")]
    client_secret: String,
    /// Where people return to, exactly; without it, any loopback address.
    #[arg(long, value_name = "URI")]
    redirect_uri: Vec<String>,
    /// Where people return to after signing out, exactly; without it, any loopback address.
    #[arg(long, value_name = "URI")]
    post_logout_redirect_uri: Vec<String>,
    /// Where logout tokens are sent to.
    #[arg(long, value_name = "URI")]
    backchannel_logout_uri: Option<String>,
    /// Answer userinfo as a signed JWT.
    #[arg(long)]
    userinfo_signed: bool,
    /// Take the client by a certificate whose common name is its id, and no secret; needs --certificate.
    #[arg(long, requires = "certificate")]
    mutual_tls: bool,
    /// PEM file of the server's certificate; serves HTTPS.
    #[arg(long, value_name = "FILE", requires = "private_key")]
    certificate: Option<PathBuf>,
    /// PEM file of its private key.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    private_key: Option<PathBuf>,
}

/// Serves until it is told to stop.
pub(super) async fn run(context: &Context, arguments: Arguments) -> Result<(), Failure> {
    let kind = match arguments.provider {
        Provider::ProSanteConnect => Kind::ProSanteConnect,
        Provider::Google => Kind::Google,
        Provider::Facebook => Kind::Facebook,
        Provider::Github => Kind::GitHub,
    };
    let tls = arguments.certificate.zip(arguments.private_key).map(|(certificate_file, private_key_file)| TlsOptions {
        certificate_file,
        private_key_file,
        client_certificates: ClientCertificates::Optional,
    });
    let client = Client {
        client_id: arguments.client_id,
        client_secret: Secret::new(arguments.client_secret),
        redirect_uris: arguments.redirect_uri,
        post_logout_redirect_uris: arguments.post_logout_redirect_uri,
        backchannel_logout_uri: arguments.backchannel_logout_uri,
        mutual_tls: arguments.mutual_tls,
        userinfo_signed: arguments.userinfo_signed,
    };
    let simulation = bind(kind, arguments.listen, arguments.url, tls, client.clone()).await?;
    context.output.object(&described(kind, &simulation.control(), &client));
    Ok(simulation.serve(until_told()).await?)
}

/// A simulation with the machine's clock and randomness, and one client.
pub(super) async fn bind(
    kind: Kind,
    listen: SocketAddr,
    url: Option<String>,
    tls: Option<TlsOptions>,
    client: Client,
) -> Result<Simulation, Failure> {
    let settings = Settings {
        kind,
        listen,
        url,
        tls,
        clients: vec![client],
        ca_files: Vec::new(),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    };
    Ok(Simulation::bind(settings).await?)
}

/// What somebody needs who wants to be its client.
pub(super) fn described(kind: Kind, control: &Control, client: &Client) -> Value {
    let name = match kind {
        Kind::ProSanteConnect => "pro_sante_connect",
        Kind::Google => "google",
        Kind::Facebook => "facebook",
        Kind::GitHub => "github",
    };
    let phone = format!("{}/simulation/phone", control.url());
    let phone = matches!(kind, Kind::ProSanteConnect).then_some(phone);
    let mut described = json!({
        "name": name,
        "url": control.url(),
        "issuer": control.issuer(),
        "discovery_url": control.discovery_url(),
        "client_id": client.client_id,
        "client_secret": client.client_secret.expose(),
    });
    if let (Some(phone), Some(members)) = (phone, described.as_object_mut()) {
        members.insert("phone".to_owned(), phone.into());
    }
    described
}
