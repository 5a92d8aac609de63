//! Why a listener does not start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a listener does not start or goes no further.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken, foreign or forbidden.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A TLS file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A TLS file holds no PEM of the wanted kind.
    #[error("{path} holds no {wanted} in PEM")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        wanted: &'static str,
    },
    /// Certificate and key do not fit each other, or are of a kind that TLS does not take.
    #[error("the certificate and its key cannot be used: {0}")]
    Tls(#[from] rustls::Error),
}
