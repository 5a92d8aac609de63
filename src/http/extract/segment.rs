//! The variable part of a path.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::response::Response;

use super::Browser;
use crate::http::respond::page;
use crate::http::site::Site;

/// The one variable part of a route, decoded. What is not text is no path of ours: our own page says so, and repeats nothing.
#[derive(Debug)]
pub struct Segment(pub String);

/// The two variable parts of a route, likewise.
#[derive(Debug)]
pub struct Segments(pub String, pub String);

impl FromRequestParts<Site> for Segment {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Self::Rejection> {
        if let Ok(Path(text)) = Path::<String>::from_request_parts(parts, site).await {
            return Ok(Self(text));
        }
        Err(not_found(parts, site).await)
    }
}

impl FromRequestParts<Site> for Segments {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Self::Rejection> {
        if let Ok(Path((first, second))) = Path::<(String, String)>::from_request_parts(parts, site).await {
            return Ok(Self(first, second));
        }
        Err(not_found(parts, site).await)
    }
}

async fn not_found(parts: &mut Parts, site: &Site) -> Response {
    let Ok(browser) = Browser::from_request_parts(parts, site).await;
    page::not_found(site, &browser)
}
