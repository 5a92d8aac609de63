//! The TLS configuration: versions 1.2 and 1.3, forward secrecy and authenticated encryption only.

use std::sync::Arc;

use rustls::server::{ResolvesServerCert, WantsServerCert};
use rustls::version::{TLS12, TLS13};
use rustls::{ConfigBuilder, ServerConfig};
use tokio_rustls::TlsAcceptor;

use super::certificate::Certificate;
use super::verifier::PossessionVerifier;
use super::{ClientCertificates, ServeError, TlsOptions};

/// The acceptor, and the certificate to keep fresh.
pub(super) struct Tls {
    pub(super) acceptor: TlsAcceptor,
    pub(super) certificate: Arc<Certificate>,
}

impl Tls {
    /// Reads the files. The cryptography is named here, not taken from a process-wide default.
    pub(super) async fn load(options: &TlsOptions) -> Result<Self, ServeError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let certificate = Arc::new(Certificate::load(options.clone(), Arc::clone(&provider)).await?);
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(ServeError::Tls)?;
        let builder = match options.client_certificates {
            ClientCertificates::Off => builder.with_no_client_auth(),
            ClientCertificates::Optional => builder.with_client_cert_verifier(Arc::new(PossessionVerifier(provider))),
        };
        let config = finish(builder, Arc::clone(&certificate) as Arc<dyn ResolvesServerCert>);
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), certificate })
    }
}

fn finish(
    builder: ConfigBuilder<ServerConfig, WantsServerCert>,
    resolver: Arc<dyn ResolvesServerCert>,
) -> ServerConfig {
    let mut config = builder.with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}
