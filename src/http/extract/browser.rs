//! The browser at the pages: its binding, its session, its language, its address.

use std::fmt;
use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::header::{ACCEPT_LANGUAGE, SET_COOKIE, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::response::Response;

use super::cookies::CookieName;
use crate::base::digest::{Digest, base64url, hmac_sha256};
use crate::base::entropy;
use crate::base::secret::ct_eq;
use crate::base::token::TokenKind;
use crate::http::middleware::{ClientAddress, RequestId};
use crate::http::site::Site;
use crate::i18n::{self, Locale};

/// What is known of the browser before anything is looked up.
#[derive(Debug, Clone)]
pub struct Browser {
    headers: HeaderMap,
    lang: Option<String>,
    address: Option<IpAddr>,
    request_id: String,
    binding: String,
    is_new: bool,
    secure: bool,
    only_looks: bool,
    given: Option<Given>,
}

/// What the answer gives a browser that just signed in; here it has it already.
#[derive(Clone)]
struct Given {
    session: String,
    state: String,
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Given")
    }
}

impl FromRequestParts<Site> for Browser {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Self::Rejection> {
        let presented = CookieName::Browser
            .read(&parts.headers, site.secure)
            .filter(|value| TokenKind::Browser.digest_of(value).is_some())
            .map(str::to_owned);
        let is_new = presented.is_none();
        let binding =
            presented.unwrap_or_else(|| TokenKind::Browser.generate(site.entropy.as_ref()).expose().to_owned());
        let lang = parts.uri.query().and_then(|query| {
            form_urlencoded::parse(query.as_bytes())
                .find(|(name, _)| name == "lang")
                .map(|(_, value)| value.into_owned())
        });
        Ok(Self {
            headers: parts.headers.clone(),
            lang,
            address: parts.extensions.get::<ClientAddress>().map(|address| address.0),
            request_id: parts.extensions.get::<RequestId>().map(|id| id.as_str().to_owned()).unwrap_or_default(),
            binding,
            is_new,
            secure: site.secure,
            only_looks: parts.method == Method::HEAD || is_prefetch(&parts.headers),
            given: None,
        })
    }
}

impl Browser {
    /// The digest that journeys are bound to.
    pub fn digest(&self) -> Digest {
        Digest::of(self.binding.as_bytes())
    }

    /// The digest of a binding that the browser itself brought; a new one owns no journey.
    pub fn known_digest(&self) -> Option<Digest> {
        (!self.is_new).then(|| self.digest())
    }

    /// The value of the session cookie.
    pub fn session_cookie(&self) -> Option<&str> {
        match &self.given {
            Some(given) => Some(&given.session),
            None => CookieName::Session.read(&self.headers, self.secure),
        }
    }

    /// The browser's state for session management; empty where nobody signed in since it was started.
    pub fn state(&self) -> &str {
        match &self.given {
            Some(given) => &given.state,
            None => CookieName::State.read(&self.headers, self.secure).unwrap_or_default(),
        }
    }

    /// Where the request came from.
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// The browser's name of itself.
    pub fn user_agent(&self) -> Option<String> {
        self.headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).map(str::to_owned)
    }

    /// Whether nobody waits for the answer: a `HEAD`, or a page fetched in advance. Such a request uses nothing up.
    pub fn only_looks(&self) -> bool {
        self.only_looks
    }

    /// The request's id, which support can find in the log.
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The request's headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Language of the page: the `lang` parameter of our own links, then the remembered one, then `ui_locales`, then the browser's.
    pub fn locale(&self, ui_locales: &[String], default: Locale) -> Locale {
        let chosen = self.lang.as_deref().and_then(Locale::parse).map(|locale| locale.as_str().to_owned());
        let cookie = chosen.as_deref().or_else(|| CookieName::Locale.read(&self.headers, self.secure));
        let accepted = self.headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        i18n::negotiate(ui_locales, cookie, accepted, default)
    }

    /// The token that this browser's forms carry.
    pub fn csrf(&self, site: &Site) -> String {
        base64url(&hmac_sha256(site.csrf_key.expose(), self.binding.as_bytes()))
    }

    /// Whether a form carries this browser's token.
    pub fn owns(&self, site: &Site, csrf: Option<&str>) -> bool {
        !self.is_new && csrf.is_some_and(|csrf| ct_eq(csrf.as_bytes(), self.csrf(site).as_bytes()))
    }

    /// Adds the cookies that the browser lacks: its binding, and the language that it just chose.
    pub fn remember(&self, mut response: Response) -> Response {
        let binding = self.is_new.then(|| CookieName::Browser.set(&self.binding, self.secure)).flatten();
        let chosen = self.lang.as_deref().and_then(Locale::parse);
        let locale = chosen.and_then(|locale| CookieName::Locale.set(locale.as_str(), self.secure));
        add_cookies(&mut response, [binding, locale]);
        response
    }

    /// The browser as it will be once it has the answer to this request: with this session, and a new state.
    /// [`Self::give`] adds both to the answer.
    #[must_use]
    pub fn signed_in(&self, site: &Site, token: &str) -> Self {
        let state = base64url(&entropy::bytes::<16>(site.entropy.as_ref()));
        Self { given: Some(Given { session: token.to_owned(), state }), ..self.clone() }
    }

    /// Adds the cookies of [`Self::signed_in`].
    pub fn give(&self, mut response: Response) -> Response {
        if let Some(given) = &self.given {
            let session = CookieName::Session.set(&given.session, self.secure);
            add_cookies(&mut response, [session, CookieName::State.set(&given.state, self.secure)]);
        }
        response
    }

    /// Sets the session cookie, and a new state of the browser.
    pub fn sign_in(&self, site: &Site, response: Response, token: &str) -> Response {
        self.signed_in(site, token).give(response)
    }

    /// Removes the session cookie and the browser's state.
    pub fn sign_out(&self, mut response: Response) -> Response {
        add_cookies(&mut response, [CookieName::Session.clear(self.secure), CookieName::State.clear(self.secure)]);
        response
    }
}

/// `Sec-Purpose: prefetch` (Fetch §3.4), and the older `Purpose` and `X-Moz`.
fn is_prefetch(headers: &HeaderMap) -> bool {
    ["sec-purpose", "purpose", "x-moz"].iter().any(|name| {
        headers.get(*name).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains("prefetch"))
    })
}

fn add_cookies(response: &mut Response, cookies: [Option<HeaderValue>; 2]) {
    for cookie in cookies.into_iter().flatten() {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
}
