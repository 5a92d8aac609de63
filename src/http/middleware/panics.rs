//! A handler that panics costs its own request, not the process.

use std::panic::AssertUnwindSafe;

use axum::http::StatusCode;
use axum::response::Response;
use futures_util::FutureExt as _;

use super::json_errors;
use crate::telemetry::Metrics;

/// Runs a handler; a panic gives a 500 that says nothing of it. The place is logged by the hook of `telemetry`.
pub(super) async fn catch(metrics: &Metrics, handler: impl Future<Output = Response>) -> Response {
    if let Ok(response) = AssertUnwindSafe(handler).catch_unwind().await {
        return response;
    }
    metrics.panic();
    tracing::error!("a handler panicked");
    json_errors::answer(StatusCode::INTERNAL_SERVER_ERROR)
}
