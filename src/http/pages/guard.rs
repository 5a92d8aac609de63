//! Who may post a form: this browser, from a page of ours (security item 105).

use axum::http::StatusCode;
use axum::response::Response;

use crate::http::extract::Browser;
use crate::http::middleware::check_same_origin;
use crate::http::respond::page;
use crate::http::site::Site;
use crate::oauth::{ErrorCode, OAuthError, Params};

/// The refusal of a form that another site sent, or that does not carry this browser's token: 403, nothing changed. `None` for
/// a form of ours.
pub fn foreign_form(site: &Site, browser: &Browser, params: &Params) -> Option<Response> {
    let own = check_same_origin(browser.headers(), &site.origin).is_ok() && browser.owns(site, params.get("csrf"));
    if own {
        return None;
    }
    let error = OAuthError::because(ErrorCode::AccessDenied, "The form did not come from a page of this browser");
    Some(page::oauth_error_with(site, browser, &error, StatusCode::FORBIDDEN))
}
