//! The listener: TCP or TLS, HTTP/1.1 and 2, limits on every wait, and a shutdown that fails no request.
//!
//! Owns connections. What a request means is the router's matter. Each request carries [`PeerAddress`] and, over TLS
//! with a certificate, [`ClientCertificate`]. `axum::serve` is not used: it sets no timer, so that silent and slow
//! clients would keep their connections for ever.

mod accept;
mod activity;
mod certificate;
mod connection;
mod error;
mod options;
mod readiness;
mod stall;
mod tls;
mod verifier;

pub use accept::Bound;
pub use connection::Answering;
pub use error::ServeError;
pub use options::{ClientCertificates, ServerOptions, TlsOptions};
pub use readiness::Readiness;

use std::net::SocketAddr;

use bytes::Bytes;

/// Request extension: the other end of the socket, which may be a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

/// Request extension: the certificate that the client showed in the handshake, in DER.
///
/// The client has proven that it holds the key. Nothing else is proven: no issuer, name or date was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate(pub Bytes);

#[cfg(test)]
mod tests;
