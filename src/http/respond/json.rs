//! JSON answers of the OAuth endpoints (RFC 6749 §5, RFC 6750 §3).

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use serde::Serialize;
use serde_json::json;

use crate::oauth::{ErrorCode, OAuthError};

/// 200 with a JSON body that nobody may keep.
pub fn ok(body: &impl Serialize) -> Response {
    with_status(StatusCode::OK, body)
}

/// A JSON body with a status, not to be kept.
pub fn with_status(status: StatusCode, body: &impl Serialize) -> Response {
    let bytes = serde_json::to_vec(body).unwrap_or_default();
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// 200 with a token for a body, not to be kept.
pub fn token(media_type: &'static str, token: String) -> Response {
    let mut response = Response::new(Body::from(token));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// A status without a body, not to be kept.
pub fn empty(status: StatusCode) -> Response {
    (status, [(CACHE_CONTROL, HeaderValue::from_static("no-store"))]).into_response()
}

/// A ready JSON document that caches may keep for `max_age` seconds.
pub fn document(body: Bytes, max_age: &'static str) -> Response {
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(max_age));
    response
}

/// RFC 6749 §5.2: `error` and `error_description`; 401 names the scheme.
pub fn oauth_error(error: &OAuthError) -> Response {
    log(error);
    let mut response = with_status(status(error.code), &body(error));
    if error.code == ErrorCode::InvalidClient {
        response
            .headers_mut()
            .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"guichet\", charset=\"UTF-8\""));
    }
    if error.code == ErrorCode::TemporarilyUnavailable {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// The answer to a request without any token: the scheme, and no error, since nothing was wrong yet (RFC 6750 §3.1).
pub fn bearer_challenge() -> Response {
    let challenge = HeaderValue::from_static("Bearer realm=\"guichet\"");
    let no_store = HeaderValue::from_static("no-store");
    (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, challenge), (CACHE_CONTROL, no_store)]).into_response()
}

/// RFC 6750 §3.1: the error in the header, and in the body for whoever reads that.
pub fn bearer_error(error: &OAuthError) -> Response {
    let mut response = oauth_error(error);
    let challenge = format!(
        "Bearer realm=\"guichet\", error=\"{}\", error_description=\"{}\"",
        error.code.as_str(),
        error.description()
    );
    if let Ok(challenge) = HeaderValue::try_from(challenge)
        && matches!(error.code, ErrorCode::InvalidToken | ErrorCode::InsufficientScope | ErrorCode::InvalidRequest)
    {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

fn body(error: &OAuthError) -> serde_json::Value {
    json!({"error": error.code.as_str(), "error_description": error.description()})
}

/// The status of a code, as the table of codes has it.
pub fn status(code: ErrorCode) -> StatusCode {
    StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// One line for each refusal; trouble of our own is louder.
pub fn log(error: &OAuthError) {
    let (code, detail) = (error.code.as_str(), error.log_detail());
    if error.code.status() >= 500 {
        tracing::error!(error = code, detail, "request failed");
    } else {
        tracing::info!(error = code, reason = error.description(), detail, "request refused");
    }
}
