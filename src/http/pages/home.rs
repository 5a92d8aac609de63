//! The page at `/`, and the static files.

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;

use super::scene::person;
use super::show::layout;
use super::views::{Home, static_file};
use crate::http::extract::{Browser, Segment};
use crate::http::respond::page::{self, FormTarget};
use crate::http::site::Site;
use crate::provider::discovery::path;

/// `GET /`.
pub async fn get(State(site): State<Site>, browser: Browser) -> Response {
    let present = match person(&site, &browser, None).await {
        Ok(present) => present,
        Err(error) => return page::trouble(&site, &browser, error),
    };
    let mut layout = layout(&site, &browser, &[], None, "/");
    layout.signed_in_as = present.map(|person| person.user.display_name());
    let view = Home {
        layout,
        sign_in_url: site.link("/sign-in"),
        account_url: site.link("/account"),
        discovery_url: site.link(path::OPENID_CONFIGURATION),
    };
    browser.remember(page::html(StatusCode::OK, view.render(), FormTarget::Own))
}

/// `GET /static/{file}`. Addresses carry the version, so that a file may be kept for a year.
pub async fn file(State(site): State<Site>, browser: Browser, Segment(name): Segment, headers: HeaderMap) -> Response {
    let Some(found) = static_file(&name) else { return page::not_found(&site, &browser) };
    let known = headers.get(IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == found.etag.as_bytes());
    let mut response = Response::new(if known { Body::empty() } else { Body::from(found.body) });
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(found.content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    if let Ok(tag) = HeaderValue::try_from(found.etag) {
        headers.insert(ETAG, tag);
    }
    response
}

/// Whatever no route answers.
pub async fn not_found(State(site): State<Site>, browser: Browser) -> Response {
    page::not_found(&site, &browser)
}
