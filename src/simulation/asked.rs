//! A request as the simulations read it.

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::{ACCEPT, AUTHORIZATION, COOKIE, USER_AGENT};
use axum::http::{HeaderMap, HeaderName};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded;

use super::certificate::common_name;
use crate::http::server::ClientCertificate;

/// Longest body that is read.
const BODY_LIMIT: usize = 64 * 1024;

/// Names and values of a query or a form; of a repeated name the first counts.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    pub(super) fn parse(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().collect())
    }

    /// A value that is there and not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// Whether a name stands there more than once.
    pub(super) fn repeats(&self) -> Option<&str> {
        let repeated =
            |(at, (name, _)): &(usize, &(String, String))| self.0.iter().take(*at).any(|(key, _)| key == name);
        self.0.iter().enumerate().find(repeated).map(|(_, (name, _))| name.as_str())
    }
}

/// Everything that a handler may look at.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) query: Fields,
    pub(super) form: Fields,
    pub(super) body: Vec<u8>,
    headers: HeaderMap,
    /// Common name of the certificate that the client showed.
    pub(super) certificate_name: Option<String>,
}

impl<S: Send + Sync> FromRequest<S> for Asked {
    type Rejection = std::convert::Infallible;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Self::Rejection> {
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, BODY_LIMIT).await.unwrap_or_default().to_vec();
        let certificate = parts.extensions.get::<ClientCertificate>();
        Ok(Self {
            query: Fields::parse(parts.uri.query().unwrap_or_default().as_bytes()),
            form: Fields::parse(&body),
            body,
            certificate_name: certificate.and_then(|shown| common_name(&shown.0)),
            headers: parts.headers,
        })
    }
}

impl Asked {
    /// A parameter of the form, else of the query.
    pub(super) fn either(&self, name: &str) -> Option<&str> {
        self.form.get(name).or_else(|| self.query.get(name))
    }

    fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A header by a name in lower case.
    pub(super) fn named_header(&self, name: &'static str) -> Option<&str> {
        self.header(&HeaderName::from_static(name))
    }

    pub(super) fn accepts(&self, media_type: &str) -> bool {
        self.header(&ACCEPT).is_some_and(|accept| accept.to_ascii_lowercase().contains(media_type))
    }

    pub(super) fn user_agent(&self) -> Option<&str> {
        self.header(&USER_AGENT)
    }

    /// The token after `Bearer` (or GitHub's `token`).
    pub(super) fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header(&AUTHORIZATION)?.split_once(' ')?;
        (scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token")).then(|| token.trim())
    }

    /// Client id and secret of HTTP Basic, decoded as RFC 6749 §2.3.1 has it.
    pub(super) fn basic(&self) -> Option<(String, String)> {
        let (scheme, encoded) = self.header(&AUTHORIZATION)?.split_once(' ')?;
        let bytes = STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
        let text = String::from_utf8(bytes).ok()?;
        let (id, secret) = text.split_once(':')?;
        let decoded = |text: &str| {
            let whole = format!("{}=", text.replace('=', "%3D"));
            form_urlencoded::parse(whole.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
        };
        Some((decoded(id), decoded(secret)))
    }

    /// A cookie's value.
    pub(super) fn cookie(&self, name: &str) -> Option<&str> {
        self.headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find_map(|(key, value)| (key == name).then_some(value))
    }
}
