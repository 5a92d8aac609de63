//! The headers that every answer carries, whatever its status (security items 107 to 110).

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const PERMITTED: HeaderName = HeaderName::from_static("permissions-policy");
/// Room for these headers and those that come behind, so that the map never grows.
const ROOM: usize = 12;
/// Two years, the preload lists' wish.
const HSTS: &str = "max-age=63072000; includeSubDomains";
const CSP: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'";
const PERMISSIONS: &str = "accelerometer=(), browsing-topics=(), camera=(), display-capture=(), geolocation=(), \
                           gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=()";

/// What answers of a route carry, made once for each route. A page brings its own policy, a static file its own caching.
pub(super) fn of_route(https: bool, cross_origin: bool, in_window: bool) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(ROOM);
    let mut set = |name: HeaderName, value: &'static str| headers.insert(name, HeaderValue::from_static(value));
    if https {
        set(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::CONTENT_SECURITY_POLICY, CSP);
    set(header::CACHE_CONTROL, "no-store");
    set(OPENER, if in_window { "unsafe-none" } else { "same-origin" });
    set(RESOURCE, if cross_origin { "cross-origin" } else { "same-origin" });
    set(PERMITTED, PERMISSIONS);
    headers
}
