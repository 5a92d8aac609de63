//! Network addresses as keys for limits, and which of them are private.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address as a key of limits: IPv4 whole, IPv6 by its /64 (one customer holds 2⁶⁴ addresses).
pub fn limit_key(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let masked = u128::from(v6) & (u128::MAX << 64);
            format!("{}/64", Ipv6Addr::from(masked))
        }
    }
}

/// Whether an address is loopback, private, link-local, multicast or otherwise not a public host.
pub fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => is_private_v4(v4),
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || matches!(
                    v6.segments(),
                    [0x64, 0xff9b, ..] | [0x2001, 0xdb8, ..] | [0x2002, ..] | [0, 0, 0, 0, 0, 0, ..]
                )
        }
    }
}

fn is_private_v4(v4: Ipv4Addr) -> bool {
    v4.is_loopback()
        || v4.is_private()
        || v4.is_link_local()
        || v4.is_unspecified()
        || v4.is_broadcast()
        || v4.is_multicast()
        || v4.is_documentation()
        || matches!(v4.octets(), [0 | 240..=255, ..] | [100, 64..=127, ..] | [192, 0, 0, _] | [198, 18 | 19, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_for_a_whole_ipv6_64() {
        let key = |text: &str| limit_key(text.parse().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("::ffff:192.0.2.1"), "192.0.2.1");
    }

    #[test]
    fn private_addresses() {
        for text in [
            "127.0.0.1",
            "10.1.2.3",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "::1",
            "fd00::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
        ] {
            assert!(text.parse().is_ok_and(is_private), "{text}");
        }
        for text in ["8.8.8.8", "172.32.0.1", "2606:4700::1111"] {
            assert!(text.parse().is_ok_and(|a| !is_private(a)), "{text}");
        }
    }
}
