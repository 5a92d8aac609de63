//! What surrounds every request, in one order.
//!
//! Owns what holds for all routes alike: identity of the request, limits, headers, the log line. A route cannot opt out
//! by being added elsewhere, because [`surround`] wraps the finished router, its 404 and 405 included. It stands outside
//! the router, not as a layer of each route: a layer costs every request a dozen allocations.

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
mod routes;
pub mod security_headers;
pub mod timeout;

pub use by_route::ByRoute;
pub use client_address::{ClientAddress, ForwardedHeader, TrustedProxies};
pub use origin::{CrossSite, check_same_origin};
pub use request_id::RequestId;

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::Method;
use axum::response::Response;
use futures_util::future::{BoxFuture, Either, Ready, ready};
use tower::Service;

use crate::base::{Clock, Entropy};
use crate::http::server::PeerAddress;
use crate::telemetry::{self, Metrics};

use request_id::RequestIds;
use routes::{Known, Routes};

/// Makes the answer to a GET of a route that needs nothing of the request.
pub type Document = Arc<dyn Fn() -> Response + Send + Sync>;

/// What [`surround`] is made of.
#[derive(Clone)]
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
    /// The templates of all routes. What is missing here counts as no route, with the limits of all.
    pub routes: Vec<String>,
    /// Route templates that scripts of any origin may call, without credentials: discovery, JWKS, token, userinfo, revocation.
    pub cross_origin: Vec<String>,
    /// Route templates that keep a window together with the application's that opened it, so that what comes back to the
    /// application in that window is told to the first. All others are cut off from foreign windows.
    pub in_windows: Vec<String>,
    /// Route templates that programs ask for again and again: discovery, JWKS, health, static files. Their good answers are
    /// counted, and logged at the level `debug` alone.
    pub polled: Vec<String>,
    /// Documents that are answered in front of the router, by route template: nothing of the request is read for them but
    /// its method and path.
    pub documents: Vec<(String, Document)>,
    /// Most bytes of a request's body, by route template.
    pub body_limit: ByRoute<usize>,
    /// Longest time until an answer begins, by route template.
    pub timeout: ByRoute<Duration>,
}

impl fmt::Debug for Surround {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surround").field("https", &self.https).field("routes", &self.routes).finish_non_exhaustive()
    }
}

/// Wraps a finished router. Call it once, last.
pub fn surround(router: Router, with: Surround) -> Surrounded {
    let routes = Routes::new(&with);
    let Surround { clock, entropy, metrics, proxies, .. } = with;
    let around = Around { ids: RequestIds::new(clock, entropy), metrics, proxies, routes };
    Surrounded { router, around: Arc::new(around) }
}

/// A router and what surrounds it.
#[derive(Debug, Clone)]
pub struct Surrounded {
    router: Router,
    around: Arc<Around>,
}

#[derive(Debug)]
struct Around {
    ids: RequestIds,
    metrics: Metrics,
    proxies: TrustedProxies,
    routes: Routes,
}

impl Service<Request> for Surrounded {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response, Infallible>>, BoxFuture<'static, Result<Response, Infallible>>>;

    /// At any time.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if let Some(response) = self.around.document(&request) {
            return Either::Left(ready(Ok(response)));
        }
        let (around, router) = (Arc::clone(&self.around), self.router.clone());
        Either::Right(Box::pin(async move { Ok(around.answer(router, request).await) }))
    }
}

impl Around {
    /// The answer of a route that has one ready.
    fn document(&self, request: &Request) -> Option<Response> {
        let route = self.routes.of(request.uri().path());
        let document = route.document.as_ref().filter(|_| request.method() == Method::GET)?;
        let peer = request.extensions().get::<PeerAddress>().copied();
        let id = self.ids.of(self.proxies.trusts(peer), request.headers());
        let line = access_log::begin(route, &id, request.method());
        let response = Self::headed(document(), route, &id);
        line.end(&response);
        Some(response)
    }

    /// An answer with the headers that every answer of its route has.
    fn headed(mut response: Response, route: &Known, id: &RequestId) -> Response {
        let own = std::mem::replace(response.headers_mut(), route.headers.clone());
        response.headers_mut().extend(own);
        request_id::show(response.headers_mut(), id);
        response
    }

    /// The order: who asks → what is refused unseen → limits around the handler → the answer's form and headers → the log line.
    async fn answer(&self, router: Router, mut request: Request) -> Response {
        let route = self.routes.of(request.uri().path());
        let peer = request.extensions().get::<PeerAddress>().copied();
        let id = self.ids.of(self.proxies.trusts(peer), request.headers());
        let address = self.proxies.client(peer, request.headers());
        request.extensions_mut().insert(id.clone());
        request.extensions_mut().insert(address);
        let line = access_log::begin(route, &id, request.method());

        let response = if let Some(refusal) = methods::refuse(request.method()) {
            refusal
        } else if route.cross_origin && cors::is_preflight(&request) {
            cors::answer_preflight()
        } else {
            telemetry::logs::within(id.shared(), limited(route, &self.metrics, router, request)).await
        };

        let response = Self::headed(json_errors::fill(response), route, &id);
        line.end(&response);
        response
    }
}

async fn limited(route: &Known, metrics: &Metrics, mut router: Router, request: Request) -> Response {
    let Some((request, limit)) = body_limit::apply(request, route.body_limit) else { return body_limit::refusal() };
    let handled = async move {
        match router.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    };
    let answered = timeout::within(route.timeout, panics::catch(metrics, handled)).await;
    limit.judge(answered)
}

#[cfg(test)]
mod tests;
