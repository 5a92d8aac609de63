//! Cookies: their names, how they are read and how they are set.
//!
//! With an https issuer every cookie is `__Host-`, `Secure`, without `Domain`, and `HttpOnly` but for the one that holds
//! nothing secret and is there for a script (security item 103). On plain
//! http, which only a loopback issuer may use, the prefix and `Secure` are left out: clients would drop the cookie.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};

/// What a cookie is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CookieName {
    /// The session of a person who signed in.
    Session,
    /// The browser, so that journeys and forms belong to it.
    Browser,
    /// The language that the person chose.
    Locale,
    /// The browser's state for session management: a random text that changes when somebody signs in or out. Our script
    /// reads it in a frame on other sites' pages, so it is neither `HttpOnly` nor `SameSite`; it opens nothing.
    State,
}

impl CookieName {
    /// The name on the wire.
    pub const fn as_str(self, secure: bool) -> &'static str {
        match (self, secure) {
            (Self::Session, true) => "__Host-guichet-session",
            (Self::Session, false) => "guichet-session",
            (Self::Browser, true) => "__Host-guichet-browser",
            (Self::Browser, false) => "guichet-browser",
            (Self::Locale, true) => "__Host-guichet-locale",
            (Self::Locale, false) => "guichet-locale",
            (Self::State, true) => "__Host-guichet-state",
            (Self::State, false) => "guichet-state",
        }
    }

    /// The value that the request carries. A name given twice gives nothing: one of the two is not ours.
    pub fn read(self, headers: &HeaderMap, secure: bool) -> Option<&str> {
        let name = self.as_str(secure);
        let mut values = headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(known, _)| *known == name)
            .map(|(_, value)| value);
        let first = values.next()?;
        values.all(|other| other == first).then_some(first)
    }

    /// A `Set-Cookie` value. Cookies end with the browser: workstations are shared.
    pub fn set(self, value: &str, secure: bool) -> Option<HeaderValue> {
        self.header(value, "", secure)
    }

    /// A `Set-Cookie` value that removes the cookie.
    pub fn clear(self, secure: bool) -> Option<HeaderValue> {
        self.header("", "; Max-Age=0", secure)
    }

    fn header(self, value: &str, more: &str, secure: bool) -> Option<HeaderValue> {
        let reach = match (self, secure) {
            // Browsers take `SameSite=None` only together with `Secure`.
            (Self::State, true) => "SameSite=None; Secure",
            (Self::State, false) => "SameSite=Lax",
            (_, true) => "HttpOnly; SameSite=Lax; Secure",
            (_, false) => "HttpOnly; SameSite=Lax",
        };
        let name = self.as_str(secure);
        HeaderValue::try_from(format!("{name}={value}; Path=/; {reach}{more}")).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g103_cookies_are_host_bound() {
        let set = CookieName::Session.set("v", true).unwrap();
        assert_eq!(set, "__Host-guichet-session=v; Path=/; HttpOnly; SameSite=Lax; Secure");
        assert!(CookieName::Session.set("v\r\nx", true).is_none());
        let state = CookieName::State.set("v", true).unwrap();
        assert_eq!(state, "__Host-guichet-state=v; Path=/; SameSite=None; Secure");
    }

    #[test]
    fn two_values_of_one_name_are_none() {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_static("a=1; guichet-session=x; guichet-browser=b"));
        assert_eq!(CookieName::Session.read(&headers, false), Some("x"));
        assert_eq!(CookieName::Session.read(&headers, true), None);
        headers.append(COOKIE, HeaderValue::from_static("guichet-session=y"));
        assert_eq!(CookieName::Session.read(&headers, false), None);
    }
}
