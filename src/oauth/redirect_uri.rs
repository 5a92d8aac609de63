//! Redirect URIs: which may be registered, and which a request may name.
//!
//! Comparison is by exact text (RFC 9700 §2.1). The one exception is the port of a native client's loopback address
//! (RFC 8252 §7.3), and it is compared on the text too, so that no URL parser can disagree with another.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// Longest URI taken, in bytes.
const LONGEST: usize = 2_000;

/// A redirect URI that was found among those that the client registered. Only [`verify`] makes one, and nothing
/// redirects to anything else.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifiedRedirectUri(String);

impl VerifiedRedirectUri {
    /// The URI exactly as the request named it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for VerifiedRedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Finds the URI to answer to: the one named by the request if it is registered, or the only registered one when none
/// is named and `may_omit` holds (RFC 6749 §3.1.2.3; OpenID Connect Core §3.1.2.1 wants it always).
pub fn verify(registered: &[String], named: Option<&str>) -> Option<VerifiedRedirectUri> {
    let named = named?;
    registered
        .iter()
        .any(|known| known == named || is_same_loopback(known, named))
        .then(|| VerifiedRedirectUri(named.to_owned()))
}

/// RFC 8252 §7.3: `http://127.0.0.1` and `http://[::1]` match with any port; everything else stays exact.
fn is_same_loopback(registered: &str, named: &str) -> bool {
    ["http://127.0.0.1", "http://[::1]"].iter().any(|host| {
        match (registered.strip_prefix(host), named.strip_prefix(host)) {
            (Some(registered), Some(named)) => match (without_port(registered), without_port(named)) {
                (Some(registered), Some(named)) => registered == named,
                _ => false,
            },
            _ => false,
        }
    })
}

/// The rest behind an optional `:port`; `None` when what follows the host is neither port, path, query nor end.
fn without_port(rest: &str) -> Option<&str> {
    let rest = match rest.strip_prefix(':') {
        Some(port) => {
            let digits = port.bytes().take_while(u8::is_ascii_digit).count();
            if !port.get(..digits)?.parse::<u16>().is_ok_and(|port| port > 0) {
                return None;
            }
            port.get(digits..)?
        }
        None => rest,
    };
    (rest.is_empty() || rest.starts_with('/') || rest.starts_with('?')).then_some(rest)
}

/// Why a URI cannot be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationRefusal {
    /// Not an absolute URI, too long, or with characters that parsers read differently.
    #[error("is not an absolute URI in its normal form")]
    Malformed,
    /// RFC 6749 §3.1.2.
    #[error("must not have a fragment")]
    Fragment,
    /// User-info serves to disguise a host.
    #[error("must not have user information")]
    UserInfo,
    /// RFC 9700 §2.1.
    #[error("must not have a wildcard")]
    Wildcard,
    /// `http` is for loopback alone; private-use schemes need a dot (RFC 8252 §7.1).
    #[error("must use https, http on a loopback host, or a private-use scheme with a dot")]
    Scheme,
}

/// Whether a redirect or post-logout URI may be registered.
pub fn check_registrable(uri: &str) -> Result<(), RegistrationRefusal> {
    let hostile = |c: char| {
        c.is_control()
            || c.is_whitespace()
            || !c.is_ascii()
            || matches!(c, '\\' | '"' | '<' | '>' | '^' | '`' | '{' | '|' | '}')
    };
    if uri.len() > LONGEST || uri.chars().any(hostile) {
        return Err(RegistrationRefusal::Malformed);
    }
    if uri.contains('#') {
        return Err(RegistrationRefusal::Fragment);
    }
    if uri.contains('*') {
        return Err(RegistrationRefusal::Wildcard);
    }
    let url = Url::parse(uri).map_err(|_| RegistrationRefusal::Malformed)?;
    let authority = uri.split_once("://").map_or("", |(_, rest)| rest.split(['/', '?']).next().unwrap_or(""));
    if authority.contains('@') {
        return Err(RegistrationRefusal::UserInfo);
    }
    match url.scheme() {
        "https" => check_web(uri, &url),
        "http" if is_loopback(&url) => check_web(uri, &url),
        scheme if scheme.contains('.') => Ok(()),
        _ => Err(RegistrationRefusal::Scheme),
    }
}

/// A web URI must read the same before and after parsing, but for an empty path: no `..`, no odd host spelling.
fn check_web(uri: &str, url: &Url) -> Result<(), RegistrationRefusal> {
    let parsed = url.as_str();
    let default_port = matches!((url.scheme(), url.port()), (_, None)) && (uri.contains(":443") || uri.contains(":80"));
    if parsed == uri || parsed.strip_suffix('/') == Some(uri) || default_port || parsed.replacen("/?", "?", 1) == uri {
        Ok(())
    } else {
        Err(RegistrationRefusal::Malformed)
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(registered: &str, named: &str) -> bool {
        verify(&[registered.to_owned()], Some(named)).is_some()
    }

    #[test]
    fn one_character_off_is_another_uri() {
        let registered = "https://app.example/cb?x=1";
        assert!(matches(registered, registered));
        for named in [
            "https://app.example/cb?x=1&y=2",
            "https://app.example/cb",
            "https://app.example/cb/?x=1",
            "https://app.example/CB?x=1",
            "https://app.example:443/cb?x=1",
            "https://app.example/cb?x=1#f",
            "https://app.example/%63b?x=1",
            "https://app.example@evil.tld/cb?x=1",
            "https://app.example.evil.tld/cb?x=1",
            "https://app.example/cb?x=1\t",
        ] {
            assert!(!matches(registered, named), "{named}");
        }
        assert!(verify(&[registered.to_owned()], None).is_none());
    }

    #[test]
    fn loopback_takes_any_port_and_nothing_else() {
        assert!(matches("http://127.0.0.1/cb", "http://127.0.0.1:49152/cb"));
        assert!(matches("http://127.0.0.1:80/cb", "http://127.0.0.1:9/cb"));
        assert!(matches("http://[::1]/cb", "http://[::1]:49152/cb"));
        for named in [
            "http://127.0.0.1:49152/other",
            "http://127.0.0.1:0/cb",
            "http://127.0.0.1:99999/cb",
            "http://127.0.0.1:1@evil.tld/cb",
            "http://127.0.0.1.evil.tld/cb",
            "http://127.0.0.1:8080.evil.tld/cb",
            "http://localhost.evil.tld/cb",
            "https://127.0.0.1/cb",
        ] {
            assert!(!matches("http://127.0.0.1/cb", named), "{named}");
        }
        assert!(!matches("http://localhost:3000/cb", "http://localhost:3001/cb"));
    }

    #[test]
    fn registration() {
        for uri in [
            "https://app.example/cb",
            "https://app.example",
            "https://app.example?x=1",
            "https://app.example:8443/cb?a=b",
            "https://suite.test:8443/test/a/guichet/callback?dummy1=lorem&dummy2=ipsum",
            "http://127.0.0.1/cb",
            "http://localhost:3000/cb",
            "http://[::1]:3000/cb",
            "fr.example.app:/cb",
            "fr.example.app://cb",
        ] {
            assert_eq!(check_registrable(uri), Ok(()), "{uri}");
        }
        for uri in [
            "https://*.example/cb",
            "https://app.example/cb#f",
            "http://app.example/cb",
            "JaVaScRiPt:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "https://user@app.example/cb",
            "https://app.example/a/../cb",
            "https://app.example\\@evil.tld/cb",
            "https://exämple.tld/cb",
            "/cb",
            "",
            "http://localhost.evil.tld/cb",
        ] {
            assert!(check_registrable(uri).is_err(), "{uri}");
        }
    }
}
