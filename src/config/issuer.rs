//! The issuer identifier: the public address of this installation (OpenID Connect Discovery 1.0 §3, RFC 8414 §2).

use std::fmt;

use url::{Host, Url};

/// An issuer identifier in its one spelling: lower-case host, no default port, no trailing slash.
///
/// Relying parties compare it byte for byte with the `iss` of tokens, so this text is the one that is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    text: String,
    /// Length of scheme, host and port within `text`.
    origin: usize,
    host: String,
    https: bool,
    loopback: bool,
}

/// Why a text is no issuer: what is wrong, and what to do.
pub(super) type Refusal = (&'static str, &'static str);

impl Issuer {
    /// Reads and normalises an issuer. The refusal never repeats the text, which may hold a password by mistake.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let url = Url::parse(text)
            .map_err(|_| ("is not an absolute URL", "write the public address, such as \"https://sso.example.org\""))?;
        let https = url.scheme() == "https";
        if !https && url.scheme() != "http" {
            return Err(("is neither https nor http", "write the public address, such as \"https://sso.example.org\""));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(("holds a user name or password", "leave out everything before the host"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(("holds a query or fragment", "leave out everything from \"?\" or \"#\" on"));
        }
        let loopback = is_loopback(&url);
        if !https && !loopback {
            return Err((
                "is http on a host that is not this machine",
                "use https; plain http is for localhost, 127.0.0.1 and [::1] only, and no switch changes that",
            ));
        }
        let text = url.as_str().trim_end_matches('/').to_owned();
        let origin = url.origin().ascii_serialization().len();
        Ok(Self { text, origin, host: url.host_str().unwrap_or_default().to_owned(), https, loopback })
    }

    /// Stands for an issuer that was refused while the rest is checked. It is on this machine, so that what depends on
    /// the issuer is not refused for it a second time.
    pub(super) const fn refused() -> Self {
        Self { text: String::new(), origin: 0, host: String::new(), https: false, loopback: true }
    }

    /// The identifier, as published and signed.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Scheme, host and port: what browsers send in `Origin`.
    pub fn origin(&self) -> String {
        self.text.get(..self.origin).unwrap_or(&self.text).to_owned()
    }

    /// The path below which all endpoints stand; empty for an issuer at the root.
    pub fn path(&self) -> &str {
        self.text.get(self.origin..).unwrap_or_default()
    }

    /// The host, without port; an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The absolute URL of a path of ours that begins with a slash.
    pub fn url_of(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }

    /// Whether browsers reach us by https, so that cookies are `Secure`.
    pub const fn is_https(&self) -> bool {
        self.https
    }

    /// Whether only this machine can reach us.
    pub const fn is_loopback(&self) -> bool {
        self.loopback
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether the host is this machine: `localhost` and below (RFC 6761 §6.3), or a loopback address.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_spelling() {
        for (text, normal) in [
            ("https://sso.example.org", "https://sso.example.org"),
            ("https://SSO.example.org:443/", "https://sso.example.org"),
            ("https://sso.example.org/a/", "https://sso.example.org/a"),
            ("http://localhost:8080/", "http://localhost:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("http://demo.localhost", "http://demo.localhost"),
            ("http://127.9.9.9", "http://127.9.9.9"),
        ] {
            assert_eq!(Issuer::parse(text).unwrap().as_str(), normal);
        }
    }

    #[test]
    fn parts() {
        let issuer = Issuer::parse("https://sso.example.org:8443/health/").unwrap();
        assert_eq!(issuer.origin(), "https://sso.example.org:8443");
        assert_eq!(issuer.path(), "/health");
        assert_eq!(issuer.host(), "sso.example.org");
        assert_eq!(issuer.url_of("/jwks"), "https://sso.example.org:8443/health/jwks");
        assert!(issuer.is_https() && !issuer.is_loopback());
        assert!(Issuer::parse("https://localhost").unwrap().is_loopback());
    }

    #[test]
    fn refusals() {
        for text in [
            "",
            "sso.example.org",
            "ftp://sso.example.org",
            "http://sso.example.org",
            "http://localhost.example.org",
            "http://notlocalhost",
            "http://10.0.0.1",
            "http://0.0.0.0:8080",
            "https://user@sso.example.org",
            "https://:secret@sso.example.org",
            "https://sso.example.org?",
            "https://sso.example.org#",
            "https://sso.example.org/?tenant=1",
            "https://",
        ] {
            assert!(Issuer::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(host in "[a-zA-Z][a-zA-Z0-9]{0,9}", path in "(/[a-z]{0,4}){0,3}") {
            let once = Issuer::parse(&format!("https://{host}.org{path}")).unwrap();
            prop_assert_eq!(Issuer::parse(once.as_str()).unwrap(), once);
        }
    }
}
