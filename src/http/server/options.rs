//! Settings of one listener.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How one listener serves.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Certificate and key; `None` serves plain HTTP, for a trusted proxy or loopback.
    pub tls: Option<TlsOptions>,
    /// Longest wait for a request's first byte and for its whole header. An HTTP/1 connection idles no longer either.
    pub header_timeout: Duration,
    /// Longest time that a client may leave an answer unread. (The time of the whole request is bounded by
    /// `http::middleware::timeout`.)
    pub request_timeout: Duration,
    /// Connections served at once; more wait in the kernel's queue.
    pub max_connections: usize,
    /// Longest time for requests in flight to end at shutdown.
    pub drain: Duration,
    /// Time between "not ready" and the end of accepting, in which proxies look elsewhere.
    pub drain_delay: Duration,
}

impl ServerOptions {
    /// Plain HTTP on `listen` with the default limits.
    pub fn plain(listen: SocketAddr) -> Self {
        Self {
            listen,
            tls: None,
            header_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            max_connections: 10_240,
            drain: Duration::from_secs(10),
            drain_delay: Duration::ZERO,
        }
    }
}

/// TLS of one listener. Both files are read again when they change and on SIGHUP.
#[derive(Debug, Clone)]
pub struct TlsOptions {
    /// PEM: the server's certificate, then the intermediate ones.
    pub certificate_file: PathBuf,
    /// PEM: the private key (PKCS#8, PKCS#1 or SEC1).
    pub private_key_file: PathBuf,
    /// Whether the handshake asks for a certificate of the client.
    pub client_certificates: ClientCertificates,
}

/// Whether the handshake asks for a certificate of the client (RFC 8705).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientCertificates {
    /// It does not.
    #[default]
    Off,
    /// It asks, and goes on without one. A self-signed one is taken: client authentication looks at it later.
    Optional,
}
