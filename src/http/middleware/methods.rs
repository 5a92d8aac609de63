//! Methods that no route has (security item 113). Override headers (`X-HTTP-Method-Override` …) are read by nobody.

use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;

use super::json_errors;

/// 405 for `TRACE`, which echoes headers, and `CONNECT`, even where a route takes any method.
pub(super) fn refuse(method: &Method) -> Option<Response> {
    if !matches!(*method, Method::TRACE | Method::CONNECT) {
        return None;
    }
    let mut response = json_errors::answer(StatusCode::METHOD_NOT_ALLOWED);
    let usual = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    response.headers_mut().insert(header::ALLOW, usual);
    Some(response)
}
