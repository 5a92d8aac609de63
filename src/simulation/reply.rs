//! Answers of the simulations.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};
use url::Url;

/// No script at all, and forms that lead to the simulation alone: what leaves it leaves by a refresh or a redirect.
const CSP: &str = "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; \
                   frame-ancestors 'none'";

/// A body of any type.
pub(super) fn body(status: StatusCode, media_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

pub(super) fn json(value: &Value) -> Response {
    json_with(StatusCode::OK, value)
}

pub(super) fn json_with(status: StatusCode, value: &Value) -> Response {
    body(status, "application/json", value.to_string())
}

/// An OAuth error.
pub(super) fn error(status: StatusCode, code: &str, description: &str) -> Response {
    json_with(status, &json!({"error": code, "error_description": description}))
}

/// An OAuth error with status 400.
pub(super) fn refused(code: &str, description: &str) -> Response {
    error(StatusCode::BAD_REQUEST, code, description)
}

/// A bearer token that is not good.
pub(super) fn unauthorized() -> Response {
    let refusal = error(StatusCode::UNAUTHORIZED, "invalid_token", "Token verification failed");
    with_header(refusal, WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")
}

/// A page.
pub(super) fn page(status: StatusCode, html: String) -> Response {
    let response = body(status, "text/html; charset=utf-8", html);
    let response = with_header(response, CONTENT_SECURITY_POLICY, CSP);
    with_header(response, HeaderName::from_static("x-content-type-options"), "nosniff")
}

pub(super) fn redirect(to: &str) -> Response {
    redirect_with(StatusCode::FOUND, to)
}

/// After a form.
pub(super) fn see_other(to: &str) -> Response {
    redirect_with(StatusCode::SEE_OTHER, to)
}

fn redirect_with(status: StatusCode, to: &str) -> Response {
    let mut response = with_header(Response::new(Body::empty()), LOCATION, to);
    *response.status_mut() = status;
    with_header(response, CACHE_CONTROL, "no-store")
}

pub(super) fn with_header(mut response: Response, name: HeaderName, value: &str) -> Response {
    if let Ok(value) = HeaderValue::try_from(value) {
        response.headers_mut().append(name, value);
    }
    response
}

/// An address with more parameters in its query.
pub(super) fn with_query<'a>(address: &str, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let Ok(mut url) = Url::parse(address) else { return address.to_owned() };
    url.query_pairs_mut().extend_pairs(pairs);
    // `query_pairs_mut` leaves a bare question mark where there was nothing to add.
    url.to_string().trim_end_matches('?').to_owned()
}
