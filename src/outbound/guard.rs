//! Which hosts a call may reach.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::base::address::is_private;

/// Hosts that may have a private address, as [`Url::host_str`] spells them.
#[derive(Debug, Clone, Default)]
pub(super) struct Guard(Arc<BTreeSet<String>>);

/// Why a URL is not called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Objection {
    /// Not an absolute URL of `https`, or of `http` at an allowed host, without user and password.
    Url,
    /// An address that is private, of a host that is not allowed.
    Private,
}

impl Guard {
    pub(super) fn new(allowed: impl IntoIterator<Item = String>) -> Self {
        Self(Arc::new(allowed.into_iter().map(|host| host.to_ascii_lowercase()).collect()))
    }

    fn allows(&self, host: &str) -> bool {
        self.0.contains(&host.to_ascii_lowercase())
    }

    /// Reads a URL and checks all of it but the addresses of a name, which [`Resolve`] checks.
    pub(super) fn check(&self, text: &str) -> Result<Url, Objection> {
        let url = Url::parse(text).map_err(|_| Objection::Url)?;
        let host = url.host_str().ok_or(Objection::Url)?;
        let allowed = self.allows(host);
        let is_plain_allowed = url.scheme() == "http" && allowed;
        if !(url.scheme() == "https" || is_plain_allowed) || !url.username().is_empty() || url.password().is_some() {
            return Err(Objection::Url);
        }
        let is_private_literal = match url.host() {
            Some(Host::Ipv4(address)) => is_private(address.into()),
            Some(Host::Ipv6(address)) => is_private(address.into()),
            Some(Host::Domain(_)) | None => false,
        };
        if is_private_literal && !allowed { Err(Objection::Private) } else { Ok(url) }
    }
}

/// What the resolver fails with where every connection would go to a private address.
#[derive(Debug, thiserror::Error)]
#[error("the host has a private address")]
pub(super) struct PrivateAddress;

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            // One private address among public ones is refused as well: which of them is taken is not ours to choose.
            if !guard.allows(name.as_str()) && found.iter().any(|address| is_private(address.ip())) {
                return Err(PrivateAddress.into());
            }
            if found.is_empty() {
                return Err(io::Error::from(io::ErrorKind::NotFound).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_public_literals_pass_unless_the_host_is_allowed() {
        let strict = Guard::new([]);
        for good in ["https://client.example/jwks", "https://8.8.8.8/", "https://[2606:4700::1111]/"] {
            assert!(strict.check(good).is_ok(), "{good}");
        }
        for (bad, why) in [
            ("http://client.example/jwks", Objection::Url),
            ("ftp://client.example/", Objection::Url),
            ("file:///etc/passwd", Objection::Url),
            ("https://user@client.example/", Objection::Url),
            ("https://:secret@client.example/", Objection::Url),
            ("/jwks", Objection::Url),
            ("https://127.0.0.1/", Objection::Private),
            ("https://2130706433/", Objection::Private),
            ("https://0x7f.1/", Objection::Private),
            ("https://10.1.2.3/", Objection::Private),
            ("https://169.254.169.254/latest/meta-data", Objection::Private),
            ("https://[::1]/", Objection::Private),
            ("https://[::ffff:10.0.0.1]/", Objection::Private),
            ("https://[fd00::1]/", Objection::Private),
            ("https://0.0.0.0/", Objection::Private),
        ] {
            assert_eq!(strict.check(bad), Err(why), "{bad}");
        }
        let open = Guard::new(["127.0.0.1".to_owned(), "idp.internal".to_owned()]);
        for good in ["http://127.0.0.1:8080/", "https://127.0.0.1/", "http://IDP.internal/"] {
            assert!(open.check(good).is_ok(), "{good}");
        }
        assert_eq!(open.check("https://127.0.0.2/"), Err(Objection::Private));
    }

    #[tokio::test]
    async fn a_name_with_a_private_address_is_refused_where_it_is_resolved() {
        let name = || "localhost".parse::<Name>().unwrap();
        let refused = Guard::new([]).resolve(name()).await.map(|_| ()).unwrap_err();
        assert!(refused.is::<PrivateAddress>());
        assert!(Guard::new(["localhost".to_owned()]).resolve(name()).await.is_ok());
    }
}
