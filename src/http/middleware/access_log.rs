//! One log line and one count per request. A good answer of a route that programs poll has its line at the level `debug`.
//!
//! What is not in it is the point: no path, query, header, address or name; the route's template says enough, and holds
//! no identifier of anybody.

use std::time::{Duration, Instant};

use axum::body::HttpBody as _;
use axum::http::Method;
use axum::response::Response;

use super::RequestId;
use super::routes::Known;

/// Shown where the client went away before the answer.
const LEFT: u16 = 499;

/// A request on its way. Dropped without [`Line::end`], it says that the client left.
pub(super) struct Line<'a> {
    route: &'a Known,
    id: RequestId,
    method: &'static str,
    begun: Instant,
    ended: bool,
}

/// Starts the clock of a request.
pub(super) fn begin<'a>(route: &'a Known, id: &RequestId, method: &Method) -> Line<'a> {
    Line { route, id: id.clone(), method: name_of(method), begun: Instant::now(), ended: false }
}

impl Line<'_> {
    /// Writes the line of an answered request. The time is that until the answer begins.
    pub(super) fn end(mut self, response: &Response) {
        self.write(response.status().as_u16(), response.body().size_hint().exact());
    }

    fn write(&mut self, status: u16, bytes: Option<u64>) {
        self.ended = true;
        let took = self.begun.elapsed();
        self.route.numbers.request(self.method, status, took);
        // The level of an event is fixed where it stands.
        macro_rules! write_at {
            ($level:ident) => {
                tracing::$level!(
                    target: "guichet::access",
                    method = self.method,
                    route = self.route.numbers.name(),
                    status,
                    duration_us = micros(took),
                    bytes,
                    "request.id" = self.id.as_str(),
                    "request"
                )
            };
        }
        if self.route.polled && status < 400 {
            write_at!(debug);
        } else {
            write_at!(info);
        }
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.write(LEFT, None);
        }
    }
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

/// A method is the client's own text; only known ones may become a label.
fn name_of(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}
