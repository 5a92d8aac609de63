//! The most bytes that a request's body may have, counted while it comes in.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use http_body_util::{LengthLimitError, Limited};
use hyper::body::{Frame, SizeHint};

use super::json_errors;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Remembers whether a body went past its limit.
pub(super) struct Limit(Option<Arc<AtomicBool>>);

/// Puts the limit around the body; `None` for one that announces more: refuse it unread.
pub(super) fn apply(request: Request, most: usize) -> Option<(Request, Limit)> {
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > u64::try_from(most).unwrap_or(u64::MAX)) {
        return None;
    }
    if request.body().is_end_stream() {
        return Some((request, Limit(None)));
    }
    let passed = Arc::new(AtomicBool::new(false));
    let limit = Limit(Some(Arc::clone(&passed)));
    Some((request.map(|body| Body::new(Counted { body: Limited::new(body, most), passed })), limit))
}

impl Limit {
    /// 413 where the body was too large, whatever the handler made of its end.
    pub(super) fn judge(&self, answered: Response) -> Response {
        let passed = self.0.as_ref().is_some_and(|passed| passed.load(Ordering::Relaxed));
        if passed { refusal() } else { answered }
    }
}

/// 413.
pub(super) fn refusal() -> Response {
    json_errors::answer(StatusCode::PAYLOAD_TOO_LARGE)
}

struct Counted {
    body: Limited<Body>,
    passed: Arc<AtomicBool>,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Err(error))) = &polled
            && error.is::<LengthLimitError>()
        {
            self.passed.store(true, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
