//! One call: made, bounded, read.

use std::error::Error as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::guard::{Guard, Objection, PrivateAddress};
use crate::base::Secret;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(3);
/// How long a call may take unless it says otherwise; a person may be waiting for it.
const PATIENCE: Duration = Duration::from_secs(5);
/// How large an answer may be unless the call says otherwise, in bytes.
const LARGEST: usize = 256 * 1_024;
/// Name that servers see.
const USER_AGENT: &str = concat!("guichet/", env!("CARGO_PKG_VERSION"));

/// What calls may reach.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Further certificate authorities (a PEM file), beside those of the system.
    pub ca_files: Vec<PathBuf>,
    /// Hosts that may have a private address, and be called without TLS.
    pub allowed_private_hosts: Vec<String>,
    /// How long a call may take that does not say so itself.
    pub patience: Option<Duration>,
    /// The certificate to show where a server asks for one (RFC 8705).
    pub identity: Option<Identity>,
}

/// A client certificate with its key, each a PEM file.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate, then its chain.
    pub certificate_file: PathBuf,
    /// The private key.
    pub private_key_file: PathBuf,
}

/// Why a call gave no answer. Its text names no parameter of the URL and no content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// The URL is not one that is called.
    #[error("not an https URL")]
    Url,
    /// The host's address is private and the operator did not allow it (`outbound.allowed_private_hosts`).
    #[error("the host has a private address, which outbound.allowed_private_hosts does not name")]
    Private,
    /// No answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// No connection, or a broken one.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// The answer is larger than the limit.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    /// Certificates that are configured cannot be read.
    #[error("{0}")]
    Certificates(String),
}

/// A call that is to be made.
#[derive(Debug, Clone)]
pub struct Call {
    method: Method,
    url: String,
    accept: &'static str,
    authorization: Option<Secret<String>>,
    headers: Vec<(&'static str, &'static str)>,
    body: Option<(&'static str, Secret<Vec<u8>>)>,
    patience: Option<Duration>,
    largest: usize,
}

impl Call {
    fn new(method: Method, url: &str) -> Self {
        Self {
            method,
            url: url.to_owned(),
            accept: "application/json",
            authorization: None,
            headers: Vec::new(),
            body: None,
            patience: None,
            largest: LARGEST,
        }
    }

    /// A `GET`.
    pub fn get(url: &str) -> Self {
        Self::new(Method::GET, url)
    }

    /// A `POST` of a form.
    pub fn post_form<'a>(url: &str, fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let body = Some(("application/x-www-form-urlencoded", Secret::new(body.into_bytes())));
        Self { body, ..Self::new(Method::POST, url) }
    }

    /// A `POST` of a JSON document.
    pub fn post_json(url: &str, document: &serde_json::Value) -> Self {
        let body = Some(("application/json", Secret::new(document.to_string().into_bytes())));
        Self { body, ..Self::new(Method::POST, url) }
    }

    /// A `DELETE`.
    pub fn delete(url: &str) -> Self {
        Self::new(Method::DELETE, url)
    }

    /// What answers are taken; `application/json` unless said.
    #[must_use]
    pub fn accept(self, accept: &'static str) -> Self {
        Self { accept, ..self }
    }

    /// The `Authorization` header, its whole value.
    #[must_use]
    pub fn authorization(self, value: String) -> Self {
        Self { authorization: Some(Secret::new(value)), ..self }
    }

    /// A further header, in lower case.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// How long the whole call may take; 5 seconds unless said.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience: Some(patience), ..self }
    }

    /// How large the answer may be, in bytes; 256 KiB unless said.
    #[must_use]
    pub fn largest(self, largest: usize) -> Self {
        Self { largest, ..self }
    }
}

/// An answer, of any status.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, within the limit of the call.
    pub body: Bytes,
}

impl Reply {
    /// The media type in lower case, without parameters; empty where there is none.
    pub fn media_type(&self) -> String {
        let value = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// How long the answer may be kept, by its `Cache-Control`; `None` where that does not say.
    pub fn lifetime(&self) -> Option<Duration> {
        lifetime(self.headers.get(CACHE_CONTROL)?.to_str().ok()?)
    }
}

/// What a `Cache-Control` says of keeping (RFC 9111 §5.2.2).
fn lifetime(directives: &str) -> Option<Duration> {
    let words = || directives.split(',').map(|word| word.trim().to_ascii_lowercase());
    if words().any(|word| word == "no-store" || word == "no-cache") {
        return Some(Duration::ZERO);
    }
    words().find_map(|word| word.strip_prefix("max-age=")?.trim_matches('"').parse().ok()).map(Duration::from_secs)
}

/// The way out. Cheap to clone; connections are kept and shared.
#[derive(Debug, Clone)]
pub struct Outbound {
    client: Client,
    guard: Guard,
    patience: Duration,
}

impl Outbound {
    /// Reads the certificates. Fails where a file cannot be read.
    #[expect(clippy::disallowed_methods, reason = "the one HTTP client")]
    pub fn new(settings: &Settings) -> Result<Self, OutboundError> {
        let guard = Guard::new(settings.allowed_private_hosts.iter().cloned());
        let client = Client::builder()
            .tls_backend_preconfigured(tls(settings)?)
            .dns_resolver(Arc::new(guard.clone()))
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .pool_idle_timeout(Duration::from_secs(30))
            .user_agent(USER_AGENT)
            .build()
            .map_err(|error| OutboundError::Certificates(error.to_string()))?;
        Ok(Self { client, guard, patience: settings.patience.unwrap_or(PATIENCE) })
    }

    /// Makes a call. An answer of any status is an answer; a redirect is one that is not followed.
    pub async fn send(&self, call: Call) -> Result<Reply, OutboundError> {
        let url = self.guard.check(&call.url).map_err(|objection| match objection {
            Objection::Url => OutboundError::Url,
            Objection::Private => OutboundError::Private,
        })?;
        let request = build(self.client.request(call.method.clone(), url), &call);
        let exchange = async {
            let response = request.send().await.map_err(|error| failure(&error))?;
            read(response, call.largest).await
        };
        tokio::time::timeout(call.patience.unwrap_or(self.patience), exchange)
            .await
            .map_err(|_| OutboundError::TimedOut)?
    }
}

fn build(mut request: RequestBuilder, call: &Call) -> RequestBuilder {
    request = request.header(ACCEPT, call.accept);
    if let Some(value) = &call.authorization
        && let Ok(mut header) = HeaderValue::from_str(value.expose())
    {
        header.set_sensitive(true);
        request = request.header(AUTHORIZATION, header);
    }
    for (name, value) in &call.headers {
        request = request.header(*name, *value);
    }
    match &call.body {
        Some((media_type, body)) => request.header(CONTENT_TYPE, *media_type).body(body.expose().clone()),
        None => request,
    }
}

async fn read(mut response: Response, largest: usize) -> Result<Reply, OutboundError> {
    let announced = response.content_length().and_then(|length| usize::try_from(length).ok());
    if announced.is_some_and(|length| length > largest) {
        return Err(OutboundError::TooLarge(largest));
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
        if body.len() + chunk.len() > largest {
            return Err(OutboundError::TooLarge(largest));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Reply { status: response.status(), headers: std::mem::take(response.headers_mut()), body: body.freeze() })
}

/// The innermost cause says what went wrong; the outer ones repeat the URL.
fn failure(error: &reqwest::Error) -> OutboundError {
    if error.is_timeout() {
        return OutboundError::TimedOut;
    }
    let mut cause = error.source();
    let mut innermost = None;
    while let Some(inner) = cause {
        if inner.is::<PrivateAddress>() {
            return OutboundError::Private;
        }
        innermost = Some(inner.to_string());
        cause = inner.source();
    }
    OutboundError::Unreachable(innermost.unwrap_or_else(|| "no connection".to_owned()))
}

fn tls(settings: &Settings) -> Result<ClientConfig, OutboundError> {
    let wrong = |error: rustls::Error| OutboundError::Certificates(error.to_string());
    let mut roots = RootCertStore::empty();
    // A system without certificates can still call hosts of the operator's own authority.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for file in &settings.ca_files {
        for certificate in certificates(file)? {
            roots.add(certificate).map_err(wrong)?;
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(wrong)?
        .with_root_certificates(roots);
    match &settings.identity {
        None => Ok(config.with_no_client_auth()),
        Some(identity) => {
            let key = PrivateKeyDer::from_pem_file(&identity.private_key_file)
                .map_err(|error| unreadable(&identity.private_key_file, &error))?;
            config.with_client_auth_cert(certificates(&identity.certificate_file)?, key).map_err(wrong)
        }
    }
}

fn certificates(file: &std::path::Path) -> Result<Vec<CertificateDer<'static>>, OutboundError> {
    let read: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(file).map_err(|error| unreadable(file, &error))?.collect();
    read.map_err(|error| unreadable(file, &error))
}

fn unreadable(file: &std::path::Path, error: &rustls::pki_types::pem::Error) -> OutboundError {
    OutboundError::Certificates(format!("cannot read {}: {error}", file.display()))
}

#[cfg(test)]
mod tests;
