//! What operators and their machines ask: alive, ready, numbers.
//!
//! `/healthz` and `/readyz` say a word and no detail; `/metrics` belongs on a listener of its own, not on the public one
//! (security item 113).

use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;

use super::server::Readiness;
use crate::telemetry::{Metrics, metrics};

/// Longest time for the readiness check; storage that answers later is not ready.
const PATIENCE: Duration = Duration::from_secs(2);

/// The templates of [`health_router`].
pub const HEALTH: [&str; 2] = ["/healthz", "/readyz"];

/// `/healthz`: 200 while the process lives. `/readyz`: 200 when the flag is set and `check` says yes in time, else 503.
pub fn health_router<C, F>(readiness: Readiness, check: C) -> Router
where
    C: Fn() -> F + Clone + Send + Sync + 'static,
    F: Future<Output = bool> + Send + 'static,
{
    let ready = move || {
        let (readiness, check) = (readiness.clone(), check.clone());
        async move {
            let ready = readiness.is_ready() && tokio::time::timeout(PATIENCE, check()).await.unwrap_or(false);
            if ready { word(StatusCode::OK, "ready") } else { word(StatusCode::SERVICE_UNAVAILABLE, "not ready") }
        }
    };
    Router::new().route("/healthz", get(|| async { word(StatusCode::OK, "alive") })).route("/readyz", get(ready))
}

/// `/metrics` in the OpenMetrics form. `refresh` runs before each reading, for numbers that are looked up and not counted.
pub fn metrics_router<R>(metrics: Metrics, refresh: R) -> Router
where
    R: Fn(&Metrics) + Clone + Send + Sync + 'static,
{
    let page = move || {
        refresh(&metrics);
        let page = metrics.encode();
        async move { ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], page) }
    };
    Router::new().route("/metrics", get(page))
}

fn word(status: StatusCode, word: &'static str) -> impl IntoResponse {
    (status, [(header::CONTENT_TYPE, "text/plain")], word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt as _;

    async fn get(router: &Router, path: &str) -> (u16, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        (status, String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap())
    }

    #[tokio::test]
    async fn ready_needs_the_flag_and_the_check_and_alive_needs_neither() {
        for (flag, storage, status) in [(true, true, 200), (true, false, 503), (false, true, 503)] {
            let readiness = Readiness::default();
            readiness.set(flag);
            let router = health_router(readiness, move || async move { storage });
            assert_eq!(get(&router, "/readyz").await.0, status);
            assert_eq!(get(&router, "/healthz").await, (200, "alive".to_owned()));
        }
    }

    #[tokio::test]
    async fn a_hanging_check_is_not_ready() {
        let readiness = Readiness::default();
        readiness.set(true);
        let router = health_router(readiness, std::future::pending::<bool>);
        assert_eq!(get(&router, "/readyz").await.0, 503);
    }

    #[tokio::test]
    async fn numbers_are_looked_up_at_each_reading() {
        let router = metrics_router(Metrics::new(), |metrics| metrics.password_pool(5, 1, 0));
        let (status, page) = get(&router, "/metrics").await;
        assert_eq!(status, 200);
        assert!(page.contains("guichet_password_jobs_waiting 5"), "{page}");
    }
}
