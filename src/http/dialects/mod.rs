//! The dialects: our use cases in the words of other documented interfaces, for applications that were written for those.
//!
//! A dialect is a thin translation of names, shapes and errors; it holds no rule of its own. Each has a file here that says
//! what its answers look like. Their paths take a trailing slash or none, and what they have no method for is answered in
//! their own shape.

pub mod carelink;
pub mod medreport;
mod refusal;
mod sign_in;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

use crate::federation::Settings;
use crate::http::extract::Browser;
use crate::http::respond::json;
use crate::i18n::{self, Locale};

/// Where an upstream sends browsers back to that a dialect sent there.
pub fn ways_back(upstream: &Settings) -> Vec<String> {
    let professional = upstream.is_pro_sante_connect().then(|| carelink::CALLBACK.to_owned());
    std::iter::once(medreport::way_back(&upstream.name)).chain(professional).collect()
}

/// Language of a person who asks for none of ours: the dialects' own.
const USUAL: Locale = Locale::Fr;

/// Language of the messages.
fn locale(browser: &Browser) -> Locale {
    browser.locale(&[], USUAL)
}

/// 302 to an upstream: what the dialects' documents print.
fn found(url: &str) -> Response {
    let mut response = json::empty(StatusCode::FOUND);
    match HeaderValue::try_from(url) {
        Ok(url) => drop(response.headers_mut().insert(header::LOCATION, url)),
        Err(_) => *response.status_mut() = StatusCode::BAD_GATEWAY,
    }
    response
}

/// The same of a request that is answered before anything is known of the browser.
fn accepted(headers: &HeaderMap) -> Locale {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    i18n::negotiate(&[], None, accepted, USUAL)
}
