//! Authorization responses, good and bad, in the mode of the request (RFC 6749 §4.1.2, RFC 9207, Form Post Response Mode).
//!
//! Every one carries `iss` and, where the request had it, `state`. Only a verified URI can be answered to.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use url::form_urlencoded::Serializer;

use crate::oauth::redirect_uri::VerifiedRedirectUri;
use crate::oauth::response::ResponseMode;

/// Where and how an authorization response goes.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The verified URI.
    pub redirect_uri: &'a VerifiedRedirectUri,
    /// The mode.
    pub mode: ResponseMode,
}

/// A response that is not a page: 303 to the client with `fields` in the query or the fragment.
pub fn redirect(target: Target<'_>, fields: &[(&str, &str)]) -> Response {
    let encoded = Serializer::new(String::new()).extend_pairs(fields).finish();
    let uri = target.redirect_uri.as_str();
    let separator = match target.mode {
        ResponseMode::Fragment => '#',
        ResponseMode::Query | ResponseMode::FormPost if uri.contains('?') => '&',
        ResponseMode::Query | ResponseMode::FormPost => '?',
    };
    see_other(&format!("{uri}{separator}{encoded}"))
}

/// 303, never to be kept: after a POST the browser goes on with GET and without the credentials (RFC 9700 §4.12).
pub fn see_other(location: &str) -> Response {
    let mut response = Response::new(Body::empty());
    match HeaderValue::try_from(location) {
        Ok(value) => {
            *response.status_mut() = StatusCode::SEE_OTHER;
            response.headers_mut().insert(LOCATION, value);
        }
        Err(_) => *response.status_mut() = StatusCode::BAD_REQUEST,
    }
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
