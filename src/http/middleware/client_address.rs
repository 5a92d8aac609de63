//! Where a request comes from, as far as it can be believed (security item 121).
//!
//! The peer of the socket, unless that is one of our own proxies: then the right-most hop that is not. Hops further left
//! are the client's own claims. `X-Forwarded-Host` and `X-Forwarded-Proto` are never read: our origin is a setting.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

use crate::http::server::PeerAddress;

/// Request extension: the client's address, canonical (no IPv4 in IPv6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

/// The header that our proxies write. Only this one is read: the other would come unchecked from the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// The peers whose forwarding header is believed.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies {
    /// Their networks. Empty: nobody is believed.
    pub networks: Vec<IpNet>,
    /// The header they write.
    pub header: ForwardedHeader,
}

impl TrustedProxies {
    /// Whether the peer is one of the proxies.
    pub fn trusts(&self, peer: Option<PeerAddress>) -> bool {
        peer.is_some_and(|PeerAddress(peer)| self.holds(peer.ip().to_canonical()))
    }

    /// The client's address. A header that cannot be read means the peer's address, never "no address".
    pub fn client(&self, peer: Option<PeerAddress>, headers: &HeaderMap) -> ClientAddress {
        let socket = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |PeerAddress(peer)| peer.ip()).to_canonical();
        let forwarded = || match self.header {
            ForwardedHeader::XForwardedFor => {
                self.first_foreign(headers, &HeaderName::from_static("x-forwarded-for"), |node| Some(node))
            }
            ForwardedHeader::Forwarded => self.first_foreign(headers, &header::FORWARDED, for_of),
        };
        let told = if self.holds(socket) { forwarded() } else { None };
        ClientAddress(told.unwrap_or(socket))
    }

    /// From right to left over all lines of the header, the first hop that is no proxy; the last of all if all are.
    fn first_foreign(&self, headers: &HeaderMap, name: &HeaderName, node: fn(&str) -> Option<&str>) -> Option<IpAddr> {
        let mut seen = None;
        for line in headers.get_all(name).iter().rev() {
            for hop in line.to_str().ok()?.rsplit(',') {
                let address = node(hop.trim()).and_then(parse_node)?;
                seen = Some(address);
                if !self.holds(address) {
                    return seen;
                }
            }
        }
        seen
    }

    fn holds(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }
}

/// The `for` parameter of one element of `Forwarded`.
fn for_of(element: &str) -> Option<&str> {
    let mut named = element.split(';').filter_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value.trim())
    });
    named.next().filter(|_| named.next().is_none())
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`, each with or without quotes.
fn parse_node(text: &str) -> Option<IpAddr> {
    let text = text.strip_prefix('"').map_or(Some(text), |text| text.strip_suffix('"'))?;
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip())).ok()?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, header: ForwardedHeader, lines: &[(&'static str, &'static str)]) -> String {
        let networks = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap()).to_vec();
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        let peer = Some(PeerAddress(peer.parse().unwrap()));
        TrustedProxies { networks, header }.client(peer, &headers).0.to_string()
    }

    #[test]
    fn item_121_a_stranger_is_not_believed() {
        for name in ["x-forwarded-for", "forwarded", "x-real-ip", "x_forwarded_for", "x-user-id", "client-ip"] {
            let lines = [(name, "203.0.113.9")];
            assert_eq!(client("192.0.2.1:5", ForwardedHeader::XForwardedFor, &lines), "192.0.2.1", "{name}");
        }
        let forwarded = [("forwarded", "for=203.0.113.9")];
        assert_eq!(client("192.0.2.1:5", ForwardedHeader::Forwarded, &forwarded), "192.0.2.1");
        assert_eq!(
            client("10.0.0.1:5", ForwardedHeader::XForwardedFor, &forwarded),
            "10.0.0.1",
            "not the chosen header"
        );
    }

    #[test]
    fn the_right_most_hop_that_is_no_proxy() {
        let told = |lines: &[(&'static str, &'static str)]| client("10.0.0.1:5", ForwardedHeader::XForwardedFor, lines);
        assert_eq!(told(&[]), "10.0.0.1");
        assert_eq!(told(&[("x-forwarded-for", "203.0.113.9")]), "203.0.113.9");
        assert_eq!(told(&[("x-forwarded-for", "198.51.100.1, 203.0.113.9, 10.1.1.1")]), "203.0.113.9");
        assert_eq!(told(&[("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "203.0.113.9")]), "203.0.113.9");
        assert_eq!(told(&[("x-forwarded-for", "10.3.3.3, 10.2.2.2")]), "10.3.3.3");
        assert_eq!(told(&[("x-forwarded-for", "junk, 203.0.113.9")]), "203.0.113.9");
        assert_eq!(told(&[("x-forwarded-for", "[2001:db8::1]:443")]), "2001:db8::1");
        assert_eq!(told(&[("x-forwarded-for", "::ffff:203.0.113.9")]), "203.0.113.9");
        assert_eq!(
            client("[fd00::1]:5", ForwardedHeader::XForwardedFor, &[("x-forwarded-for", "2001:db8::2")]),
            "2001:db8::2"
        );
        assert_eq!(
            client("[::ffff:10.0.0.1]:5", ForwardedHeader::XForwardedFor, &[("x-forwarded-for", "203.0.113.9")]),
            "203.0.113.9"
        );
    }

    #[test]
    fn malformed_means_the_peer() {
        for value in
            ["junk", "", ",", "203.0.113.9,", "203.0.113.9, unknown", "203.0.113.999", "1.2.3.4:x", "\"1.2.3.4"]
        {
            assert_eq!(
                client("10.0.0.1:5", ForwardedHeader::XForwardedFor, &[("x-forwarded-for", value)]),
                "10.0.0.1",
                "{value}"
            );
        }
    }

    #[test]
    fn forwarded_of_rfc_7239() {
        let told = |value| client("10.0.0.1:5", ForwardedHeader::Forwarded, &[("forwarded", value)]);
        assert_eq!(told("for=192.0.2.43, for=\"[2001:db8:cafe::17]:4711\";proto=https"), "2001:db8:cafe::17");
        assert_eq!(told("proto=http;For=192.0.2.60;by=203.0.113.43"), "192.0.2.60");
        assert_eq!(told("for=_hidden"), "10.0.0.1");
        assert_eq!(told("by=192.0.2.60"), "10.0.0.1");
        assert_eq!(told("for=192.0.2.1;for=192.0.2.2"), "10.0.0.1");
    }
}
