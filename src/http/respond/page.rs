//! HTML answers: their headers, and the error page.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use url::Url;

use super::json;
use crate::account::recovery::LINK_PATH;
use crate::http::extract::Browser;
use crate::http::pages::show::layout;
use crate::http::pages::views::{ErrorKind, ErrorPage, Link};
use crate::http::site::Site;
use crate::http::trouble::Trouble;
use crate::oauth::{ErrorCode, OAuthError};

/// Where the forms of a page may lead. Chromium holds `form-action` against the whole chain of redirects behind a form, so
/// a page whose answer goes to a client names the client's verified origin (security item 108).
#[derive(Debug, Clone, Copy)]
pub enum FormTarget<'a> {
    /// Pages of ours alone.
    Own,
    /// Pages of ours, and the origin of this registered URI.
    Client(&'a str),
}

/// A page that loads these URLs in frames; the policy names their origins alone.
pub fn html_with_frames(body: String, frames: &[String]) -> Response {
    let mut response = html(StatusCode::OK, body, FormTarget::Own);
    let sources: BTreeSet<String> = frames.iter().filter_map(|url| source_of(url)).collect();
    let sources: Vec<String> = sources.into_iter().collect();
    let policy = format!("{}; frame-src {}", content_security_policy(FormTarget::Own, None), sources.join(" "));
    if let Ok(policy) = HeaderValue::try_from(policy) {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// A page, never to be kept.
pub fn html(status: StatusCode, body: String, target: FormTarget<'_>) -> Response {
    html_with_pictures(status, body, target, None)
}

/// The same with pictures of others on it, the logos of an application and of upstreams: the origins of these `https` URLs are
/// those, beside ours, that the page may load a picture from.
pub fn html_with_pictures<'a>(
    status: StatusCode,
    body: String,
    target: FormTarget<'_>,
    pictures: impl IntoIterator<Item = &'a str>,
) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(policy) = HeaderValue::try_from(content_security_policy(target, pictures)) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

fn content_security_policy<'a>(target: FormTarget<'_>, pictures: impl IntoIterator<Item = &'a str>) -> String {
    let pictures = pictures.into_iter().filter(|uri| uri.starts_with("https://")).filter_map(source_of);
    let pictures: BTreeSet<String> = pictures.map(|source| format!(" {source}")).collect();
    let pictures: String = pictures.into_iter().collect();
    let beyond = match target {
        FormTarget::Own => String::new(),
        FormTarget::Client(uri) => source_of(uri).map(|source| format!(" {source}")).unwrap_or_default(),
    };
    format!(
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'{pictures}; \
         form-action 'self'{beyond}; base-uri 'none'; frame-ancestors 'none'"
    )
}

/// A URI as a source of a policy: its origin, or the scheme of a native application's. A host may hold characters that end a
/// directive; such a one is no source.
fn source_of(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok()?;
    let source = match url.scheme() {
        "https" | "http" => url.origin().ascii_serialization(),
        scheme => format!("{scheme}:"),
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:/[]+_".contains(&byte);
    source.bytes().all(is_plain).then_some(source)
}

/// An OAuth error that may not be redirected, as a page.
pub fn oauth_error(site: &Site, browser: &Browser, error: &OAuthError) -> Response {
    let status = match error.code.status() {
        status if status >= 500 => StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        _ => StatusCode::BAD_REQUEST,
    };
    oauth_error_with(site, browser, error, status)
}

/// The same, with a status of its own.
pub fn oauth_error_with(site: &Site, browser: &Browser, error: &OAuthError, status: StatusCode) -> Response {
    json::log(error);
    let kind = match error.code {
        _ if status == StatusCode::FORBIDDEN => ErrorKind::StalePage,
        ErrorCode::InvalidClient => ErrorKind::UnknownClient,
        ErrorCode::TemporarilyUnavailable => ErrorKind::Busy,
        ErrorCode::ServerError => ErrorKind::Internal,
        _ if error.description().contains("redirect_uri") => ErrorKind::RedirectUri,
        _ => ErrorKind::Request,
    };
    let described = (!matches!(kind, ErrorKind::Busy | ErrorKind::Internal)).then_some(error);
    error_page(site, browser, kind, status, described)
}

/// How long to wait, in the whole seconds that people and `Retry-After` are told: rounded up, so that waiting so long is enough.
pub fn whole_seconds(wait: Duration) -> u64 {
    u64::try_from(wait.as_nanos().div_ceil(1_000_000_000)).unwrap_or(u64::MAX).max(1)
}

/// A journey that is unknown, over, or another browser's.
pub fn journey_over(site: &Site, browser: &Browser) -> Response {
    let kind = if browser.known_digest().is_none() { ErrorKind::Cookies } else { ErrorKind::JourneyExpired };
    error_page(site, browser, kind, StatusCode::BAD_REQUEST, None)
}

/// A link to a new password that does not hold.
pub fn reset_link_over(site: &Site, browser: &Browser) -> Response {
    error_page(site, browser, ErrorKind::ResetLink, StatusCode::BAD_REQUEST, None)
}

/// A link of an invitation that does not hold.
pub fn invitation_over(site: &Site, browser: &Browser) -> Response {
    error_page(site, browser, ErrorKind::InvitationOver, StatusCode::BAD_REQUEST, None)
}

/// No such page, or not for this method.
pub fn not_found(site: &Site, browser: &Browser) -> Response {
    error_page(site, browser, ErrorKind::NotFound, StatusCode::NOT_FOUND, None)
}

/// Trouble of our own, as a page.
pub fn trouble(site: &Site, browser: &Browser, error: Trouble) -> Response {
    match error {
        Trouble::Refused(error) => oauth_error(site, browser, &error),
        Trouble::Unavailable(cause) => {
            tracing::warn!(cause, "page unavailable");
            let mut response = error_page(site, browser, ErrorKind::Busy, StatusCode::SERVICE_UNAVAILABLE, None);
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            response
        }
        Trouble::Internal(cause) => {
            tracing::error!(cause, "page failed");
            error_page(site, browser, ErrorKind::Internal, StatusCode::INTERNAL_SERVER_ERROR, None)
        }
    }
}

/// A round trip to an upstream, or a link with one, that came to nothing; `back` is where the person goes on.
pub fn upstream_error(site: &Site, browser: &Browser, kind: ErrorKind, back: Option<String>) -> Response {
    let status = StatusCode::from_u16(kind.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let layout = layout(site, browser, &[], None, "/");
    let link = Link::again(&layout, site.link(&back.unwrap_or_else(|| "/sign-in".to_owned())));
    let reference = browser.request_id().to_owned();
    let view = ErrorPage { layout, kind, code: None, description: None, reference, link: Some(link) };
    html(status, view.render(), FormTarget::Own)
}

fn error_page(
    site: &Site,
    browser: &Browser,
    kind: ErrorKind,
    status: StatusCode,
    error: Option<&OAuthError>,
) -> Response {
    let layout = layout(site, browser, &[], None, "/");
    let link = match kind {
        ErrorKind::JourneyExpired | ErrorKind::Cookies | ErrorKind::StalePage => {
            Link::again(&layout, site.link("/sign-in"))
        }
        ErrorKind::ResetLink => Link::reset(&layout, site.link(LINK_PATH)),
        _ => Link::home(&layout, site.link("/")),
    };
    let view = ErrorPage {
        layout,
        kind,
        code: error.map(|error| error.code.as_str().to_owned()),
        description: error.map(|error| error.description().to_owned()),
        reference: browser.request_id().to_owned(),
        link: Some(link),
    };
    html(status, view.render(), FormTarget::Own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logo_opens_its_own_origin_and_nothing_else() {
        let pictures = |logo| {
            let policy = content_security_policy(FormTarget::Own, logo);
            policy.split("; ").find(|part| part.starts_with("img-src")).unwrap().to_owned()
        };
        assert_eq!(pictures(None), "img-src 'self'");
        assert_eq!(pictures(Some("https://cdn.example:8443/a/logo.png?x")), "img-src 'self' https://cdn.example:8443");
        for bad in ["http://cdn.example/logo", "data:image/png,x", "logo.png", "https://x;sandbox/", "https://x,y/"] {
            assert_eq!(pictures(Some(bad)), "img-src 'self'", "{bad}");
        }
    }
}
