//! One log line and one count per request.
//!
//! What is not in it is the point: no path, query, header, address or name; the route's template says enough, and holds
//! no identifier of anybody.

use std::time::{Duration, Instant};

use axum::body::HttpBody as _;
use axum::http::Method;
use axum::response::Response;

use super::RequestId;
use crate::telemetry::Route;

/// Shown where the client went away before the answer.
const LEFT: u16 = 499;

/// A request on its way. Dropped without [`Line::end`], it says that the client left.
pub(super) struct Line<'a> {
    numbers: &'a Route,
    id: RequestId,
    method: &'static str,
    begun: Instant,
    ended: bool,
}

/// Starts the clock of a request.
pub(super) fn begin<'a>(numbers: &'a Route, id: &RequestId, method: &Method) -> Line<'a> {
    Line { numbers, id: id.clone(), method: name_of(method), begun: Instant::now(), ended: false }
}

impl Line<'_> {
    /// Writes the line of an answered request. The time is that until the answer begins.
    pub(super) fn end(mut self, response: &Response) {
        self.write(response.status().as_u16(), response.body().size_hint().exact());
    }

    fn write(&mut self, status: u16, bytes: Option<u64>) {
        self.ended = true;
        let took = self.begun.elapsed();
        self.numbers.request(self.method, status, took);
        tracing::info!(
            target: "guichet::access",
            method = self.method,
            route = self.numbers.name(),
            status,
            duration_us = micros(took),
            bytes,
            "request.id" = self.id.as_str(),
            "request"
        );
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
