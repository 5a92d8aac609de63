//! A name for each request, in its log lines and its answer.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::Surround;
use crate::base::entropy;
use crate::http::server::PeerAddress;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id that a proxy may give.
const LONGEST: usize = 64;

/// Request extension: the id of this request, safe to log and to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A trusted proxy's id where it is harmless, else a UUIDv7.
pub(super) fn of(with: &Surround, peer: Option<PeerAddress>, headers: &HeaderMap) -> RequestId {
    let given = headers.get(HEADER).and_then(|value| value.to_str().ok()).filter(|text| is_safe(text));
    match given.filter(|_| with.proxies.trusts(peer)) {
        Some(text) => RequestId(text.into()),
        None => RequestId(entropy::uuid_v7(with.clock.now(), with.entropy.as_ref()).to_string().into()),
    }
}

/// Puts the id into the answer.
pub(super) fn show(headers: &mut HeaderMap, id: &RequestId) {
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        headers.insert(HEADER, value);
    }
}

/// Nothing that breaks a log line, a header or a page.
fn is_safe(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}
