//! A name for each request, in its log lines and its answer.

use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::base::{Clock, Entropy, entropy};

const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id that a proxy may give.
const LONGEST: usize = 64;
/// Random bytes of one id.
const RANDOM: usize = 10;
/// Ids whose random bytes are drawn at once: the system is asked once for all of them.
const DRAWN: usize = 64;

/// Request extension: the id of this request, safe to log and to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same text, shared.
    pub(super) fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

/// Names requests.
#[derive(Debug)]
pub(super) struct RequestIds {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    drawn: Mutex<Vec<[u8; RANDOM]>>,
}

impl RequestIds {
    pub(super) fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { clock, entropy, drawn: Mutex::default() }
    }

    /// The id that the peer gave, where it is `trusted` and the id harmless, else a UUIDv7.
    pub(super) fn of(&self, trusted: bool, headers: &HeaderMap) -> RequestId {
        let given = || headers.get(HEADER).and_then(|value| value.to_str().ok()).filter(|text| is_safe(text));
        match given().filter(|_| trusted) {
            Some(text) => RequestId(text.into()),
            None => RequestId(Arc::from(&*self.new_id().as_hyphenated().encode_lower(&mut [0; 36]))),
        }
    }

    fn new_id(&self) -> uuid::Uuid {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        if drawn.is_empty() {
            let mut bytes = [0; RANDOM * DRAWN];
            self.entropy.fill(&mut bytes);
            drawn.extend(bytes.as_chunks().0);
        }
        let random = drawn.pop().unwrap_or_default();
        drop(drawn);
        entropy::uuid_v7_of(self.clock.now(), &random)
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
