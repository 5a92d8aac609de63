//! What surrounds every request, in one order.
//!
//! Owns what holds for all routes alike: identity of the request, limits, headers, the log line. A route cannot opt out
//! by being added elsewhere, because [`surround`] wraps the finished router, its 404 and 405 included.

pub mod access_log;
pub mod body_limit;
pub mod by_route;
pub mod client_address;
pub mod cors;
pub mod json_errors;
pub mod methods;
pub mod origin;
pub mod panics;
pub mod request_id;
pub mod security_headers;
pub mod timeout;

pub use by_route::ByRoute;
pub use client_address::{ClientAddress, ForwardedHeader, TrustedProxies};
pub use origin::{CrossSite, check_same_origin};
pub use request_id::RequestId;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;

use crate::base::{Clock, Entropy};
use crate::http::server::PeerAddress;
use crate::telemetry::Metrics;

/// What [`surround`] is made of.
#[derive(Debug, Clone)]
pub struct Surround {
    /// Time, for request ids.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for request ids.
    pub entropy: Arc<dyn Entropy>,
    /// Where requests are counted.
    pub metrics: Metrics,
    /// The peers whose word about the client's address is taken.
    pub proxies: TrustedProxies,
    /// Whether the issuer is an `https:` URL: only then HSTS is sent.
    pub https: bool,
    /// Route templates that scripts of any origin may call, without credentials: discovery, JWKS, token, userinfo, revocation.
    pub cross_origin: Vec<String>,
    /// Most bytes of a request's body, by route template.
    pub body_limit: ByRoute<usize>,
    /// Longest time until an answer begins, by route template.
    pub timeout: ByRoute<Duration>,
}

/// Wraps a finished router. Call it once, last.
pub fn surround(router: Router, with: Surround) -> Router {
    router.layer(axum::middleware::from_fn_with_state(Arc::new(with), around))
}

/// The order: who asks → what is refused unseen → limits around the handler → the answer's form and headers → the log line.
async fn around(State(with): State<Arc<Surround>>, mut request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = route.as_deref();
    let peer = request.extensions().get::<PeerAddress>().copied();
    let id = request_id::of(&with, peer, request.headers());
    let address = with.proxies.client(peer, request.headers());
    request.extensions_mut().insert(id.clone());
    request.extensions_mut().insert(address);
    let line = access_log::begin(&with.metrics, &id, request.method(), route);
    let cross_origin = route.is_some_and(|route| with.cross_origin.iter().any(|known| known == route));

    let mut response = if let Some(refusal) = methods::refuse(request.method()) {
        refusal
    } else if cross_origin && cors::is_preflight(&request) {
        cors::answer_preflight()
    } else {
        let limits = (with.body_limit.of(route), with.timeout.of(route));
        limited(limits, &with.metrics, request, next).instrument(line.span()).await
    };

    response = json_errors::fill(response);
    if cross_origin {
        cors::allow(response.headers_mut());
    }
    security_headers::add(response.headers_mut(), with.https, cross_origin);
    request_id::show(response.headers_mut(), &id);
    line.end(&response);
    response
}

async fn limited((bytes, time): (usize, Duration), metrics: &Metrics, request: Request, next: Next) -> Response {
    let Some((request, limit)) = body_limit::apply(request, bytes) else { return body_limit::refusal() };
    let answered = timeout::within(time, panics::catch(metrics, next.run(request))).await;
    limit.judge(answered)
}

#[cfg(test)]
mod tests;
