//! A body for the errors that no handler wrote: `{"error": …, "error_description": …}`.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

/// Code and description by status.
fn text(status: StatusCode) -> (&'static str, &'static str) {
    match status {
        StatusCode::NOT_FOUND => ("not_found", "there is nothing at this path"),
        StatusCode::METHOD_NOT_ALLOWED => ("method_not_allowed", "this path takes other methods: see Allow"),
        StatusCode::PAYLOAD_TOO_LARGE => ("request_too_large", "the body is too large"),
        StatusCode::SERVICE_UNAVAILABLE => ("temporarily_unavailable", "try again later"),
        status if status.is_server_error() => ("server_error", "something went wrong on our side"),
        _ => ("invalid_request", "the request cannot be answered"),
    }
}

/// An answer of this status.
pub(super) fn answer(status: StatusCode) -> Response {
    let (error, error_description) = text(status);
    let body = serde_json::json!({ "error": error, "error_description": error_description }).to_string();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Gives the router's own 404 and 405, which have no body, one. What a handler wrote stays.
pub(super) fn fill(response: Response) -> Response {
    let bare = !response.headers().contains_key(header::CONTENT_TYPE);
    if !bare || !matches!(response.status(), StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) {
        return response;
    }
    let (parts, _) = response.into_parts();
    let mut filled = answer(parts.status);
    // The rest (`Allow`) was right; the length was that of no body.
    for (name, value) in parts.headers.iter().filter(|(name, _)| **name != header::CONTENT_LENGTH) {
        filled.headers_mut().insert(name.clone(), value.clone());
    }
    filled
}
