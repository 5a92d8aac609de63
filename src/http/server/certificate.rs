//! The server's certificate, replaced in flight when its files change.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::signal::unix::{SignalKind, signal};
use zeroize::Zeroizing;

use super::{ServeError, TlsOptions};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(60);

/// The certificate in use. Connections take the one of the moment of their handshake.
#[derive(Debug)]
pub(super) struct Certificate {
    provider: Arc<CryptoProvider>,
    options: TlsOptions,
    current: RwLock<Loaded>,
}

#[derive(Debug)]
struct Loaded {
    files: Files,
    key: Arc<CertifiedKey>,
}

/// The bytes of both files; a mounted secret changes without its time of change being of any use.
#[derive(PartialEq, Eq)]
struct Files {
    certificate: Vec<u8>,
    private_key: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[certificate and key]")
    }
}

impl Certificate {
    /// Reads both files for the first time.
    pub(super) async fn load(options: TlsOptions, provider: Arc<CryptoProvider>) -> Result<Self, ServeError> {
        let files = Files::read(&options).await?;
        let key = Arc::new(files.parse(&options, &provider)?);
        Ok(Self { provider, options, current: RwLock::new(Loaded { files, key }) })
    }

    /// Reads the files again and says whether they had changed. What cannot be used changes nothing.
    pub(super) async fn reload(&self) -> Result<bool, ServeError> {
        let files = Files::read(&self.options).await?;
        if self.current.read().unwrap_or_else(PoisonError::into_inner).files == files {
            return Ok(false);
        }
        let key = Arc::new(files.parse(&self.options, &self.provider)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Loaded { files, key };
        Ok(true)
    }

    /// Reloads once a minute and on SIGHUP, for ever.
    pub(super) async fn keep_fresh(self: Arc<Self>) {
        let mut hang_up = signal(SignalKind::hangup()).ok();
        loop {
            let asked = async {
                match hang_up.as_mut() {
                    Some(hang_up) => hang_up.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = tokio::time::sleep(LOOK) => (),
                Some(()) = asked => (),
            }
            match self.reload().await {
                Ok(true) => tracing::info!("the TLS certificate was replaced"),
                Ok(false) => (),
                Err(error) => tracing::error!(%error, "the TLS certificate stays the old one"),
            }
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).key))
    }
}

impl Files {
    async fn read(options: &TlsOptions) -> Result<Self, ServeError> {
        Ok(Self {
            certificate: read(&options.certificate_file).await?,
            private_key: Zeroizing::new(read(&options.private_key_file).await?),
        })
    }

    fn parse(&self, options: &TlsOptions, provider: &CryptoProvider) -> Result<CertifiedKey, ServeError> {
        let pem = |path: &Path, wanted| ServeError::Pem { path: path.to_owned(), wanted };
        let chain = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<Vec<_>, _>>()
            .ok()
            .filter(|chain| !chain.is_empty())
            .ok_or_else(|| pem(&options.certificate_file, "certificate"))?;
        let key = PrivateKeyDer::from_pem_slice(&self.private_key)
            .map_err(|_| pem(&options.private_key_file, "private key"))?;
        Ok(CertifiedKey::from_der(chain, key, provider)?)
    }
}

async fn read(path: &Path) -> Result<Vec<u8>, ServeError> {
    tokio::fs::read(path).await.map_err(|source| ServeError::Read { path: path.to_owned(), source })
}
