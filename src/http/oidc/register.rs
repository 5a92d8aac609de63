//! Client registration endpoint, RFC 7591 §3, and client configuration endpoint, RFC 7592 §2.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{Extensions, HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};

use crate::http::extract::bearer::bearer;
use crate::http::middleware::ClientAddress;
use crate::http::respond::{json, page};
use crate::http::site::Site;
use crate::oauth::ErrorCode;
use crate::provider::ProviderError;
use crate::provider::self_registration::{self, Refusal};

/// Largest document, in bytes.
const LARGEST: usize = 65_536;
/// Longest `error_description`, in bytes.
const LONGEST_DESCRIPTION: usize = 500;

/// `POST /register`.
pub async fn post(State(site): State<Site>, headers: HeaderMap, extensions: Extensions, body: Bytes) -> Response {
    let address = extensions.get::<ClientAddress>().map(|address| address.0);
    let outcome = async {
        let token = token(&headers)?;
        self_registration::register(site.provider(), token.as_deref(), address, readable(&headers, &body)).await
    };
    answer(outcome.await, StatusCode::CREATED)
}

/// `GET /register/{client_id}`.
pub async fn get(State(site): State<Site>, Path(client_id): Path<String>, headers: HeaderMap) -> Response {
    let outcome = async { self_registration::show(site.provider(), &client_id, token(&headers)?.as_deref()).await };
    answer(outcome.await, StatusCode::OK)
}

/// `PUT /register/{client_id}`.
pub async fn put(State(site): State<Site>, Path(client_id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let outcome = async {
        let token = token(&headers)?;
        self_registration::replace(site.provider(), &client_id, token.as_deref(), readable(&headers, &body)).await
    };
    answer(outcome.await, StatusCode::OK)
}

/// `DELETE /register/{client_id}`.
pub async fn delete(State(site): State<Site>, Path(client_id): Path<String>, headers: HeaderMap) -> Response {
    let outcome = async { self_registration::delete(site.provider(), &client_id, token(&headers)?.as_deref()).await };
    match outcome.await {
        Ok(()) => json::empty(StatusCode::NO_CONTENT),
        Err(refusal) => refuse(refusal),
    }
}

fn token(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    bearer(headers, None).map_err(|error| ProviderError::from(error).into())
}

/// The body where it is JSON of a reasonable size; nothing otherwise, which is no document.
fn readable<'a>(headers: &HeaderMap, body: &'a Bytes) -> &'a [u8] {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") && body.len() <= LARGEST { body } else { &[] }
}

fn answer(outcome: Result<Map<String, Value>, Refusal>, status: StatusCode) -> Response {
    match outcome {
        Ok(members) => json::with_status(status, &members),
        Err(refusal) => refuse(refusal),
    }
}

fn refuse(refusal: Refusal) -> Response {
    match refusal {
        Refusal::Off => StatusCode::NOT_FOUND.into_response(),
        Refusal::NoToken => json::bearer_challenge(),
        Refusal::TooMany(wait) => too_many(wait),
        Refusal::Metadata(code, why) => metadata(code, &why),
        Refusal::Provider(error) => json::bearer_error(&error.into_oauth()),
    }
}

fn too_many(wait: Duration) -> Response {
    let code = ErrorCode::TemporarilyUnavailable.as_str();
    let body = json!({"error": code, "error_description": "Too many registrations from this address"});
    let mut response = json::with_status(StatusCode::TOO_MANY_REQUESTS, &body);
    response.headers_mut().insert(RETRY_AFTER, page::whole_seconds(wait).into());
    response
}

/// What is wrong with each member, in the characters that a description may have (RFC 6749 §5.2).
fn metadata(code: ErrorCode, why: &str) -> Response {
    let is_plain = |c: &char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
    let description: String = why.chars().filter(is_plain).take(LONGEST_DESCRIPTION).collect();
    tracing::info!(error = code.as_str(), reason = description, "registration refused");
    json::with_status(json::status(code), &json!({"error": code.as_str(), "error_description": description}))
}
