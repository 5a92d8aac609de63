//! Session management, OpenID Connect Session Management 1.0: the page for the frame, and `session_state`.

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;

use crate::base::entropy;
use crate::http::extract::Browser;
use crate::http::extract::cookies::CookieName;
use crate::http::pages::views::{CheckSession, asset_version};
use crate::http::site::Site;
use crate::oauth::authorization::AuthorizationRequest;
use crate::oauth::session_state::session_state;

/// The one page of ours that others may frame: it shows nothing and takes no click.
const POLICY: &str = "default-src 'none'; script-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors *";

/// `GET /session/check`. The same for everybody, so caches may keep it.
pub async fn get(State(site): State<Site>) -> Response {
    let view = CheckSession {
        script: format!("{}?v={}", site.link("/static/session.js"), asset_version()),
        cookie: CookieName::State.as_str(site.secure),
    };
    let mut response = Response::new(Body::from(view.render()));
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "public, max-age=3600"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The `session_state` of an authorization response (§3): for OpenID Connect requests of applications with an origin.
pub fn state_for(site: &Site, browser: &Browser, request: &AuthorizationRequest) -> Option<String> {
    if !request.scope.contains("openid") {
        return None;
    }
    let salt: [u8; 16] = entropy::bytes(site.entropy.as_ref());
    session_state(&request.client_id, request.redirect_uri.as_str(), browser.state(), &salt)
}
