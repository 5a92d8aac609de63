//! The longest time that a request may take until its answer begins, its own slow body included.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use super::json_errors;

/// Runs a handler for `time` at most; then it is dropped and the answer is 503 with `Retry-After`.
pub(super) async fn within(time: Duration, handler: impl Future<Output = Response>) -> Response {
    if let Ok(response) = tokio::time::timeout(time, handler).await {
        return response;
    }
    tracing::warn!("a request took too long");
    let mut response = json_errors::answer(StatusCode::SERVICE_UNAVAILABLE);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}
