//! `[http]`: limits of the public listener, and whom it believes.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;

use super::{minutes, seconds};
use crate::config::check::Check;
use crate::config::key::{Fallback, Kind, Section, key};

pub(in crate::config) const SECTION: Section = Section {
    name: "http",
    about: "Limits of the public listener, and which proxies it believes.",
    keys: &[
        key(
            "http.trusted_proxies",
            Kind::List,
            Fallback::Value(""),
            "Networks (CIDR, or single addresses) of the proxies whose forwarding headers name the caller. Headers of anybody else are ignored.",
        ),
        key(
            "http.header_timeout",
            Kind::Duration,
            Fallback::Value("10s"),
            "Longest time for the head of a request to arrive, `1s` to `5m`.",
        ),
        key(
            "http.request_timeout",
            Kind::Duration,
            Fallback::Value("30s"),
            "Longest time for a whole request, `1s` to `10m`.",
        ),
        key("http.body_limit", Kind::Size, Fallback::Value("1MiB"), "Largest body of a request, `1KiB` to `1GiB`."),
        key(
            "http.max_connections",
            Kind::Integer,
            Fallback::Value("10000"),
            "Most connections at a time; more wait in the system's queue.",
        ),
        key(
            "http.drain",
            Kind::Duration,
            Fallback::Value("10s"),
            "Longest time after SIGTERM for requests under way to end, `0s` to `10m`.",
        ),
        key(
            "http.drain_delay",
            Kind::Duration,
            Fallback::Value("0s"),
            "Time after SIGTERM in which connections are still taken while `/readyz` says no, so that a load balancer notices, `0s` to `5m`.",
        ),
    ],
};

/// `[http]`, as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Raw {
    trusted_proxies: Vec<String>,
    header_timeout: String,
    request_timeout: String,
    body_limit: String,
    max_connections: i64,
    drain: String,
    drain_delay: String,
}

/// Limits of the public listener.
#[derive(Debug, Clone)]
pub struct Http {
    /// Networks whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Longest time for the head of a request.
    pub header_timeout: Duration,
    /// Longest time for a whole request.
    pub request_timeout: Duration,
    /// Largest body, in bytes.
    pub body_limit: usize,
    /// Most connections at a time.
    pub max_connections: u32,
    /// Longest time for requests under way after SIGTERM.
    pub drain: Duration,
    /// Time after SIGTERM in which connections are still taken.
    pub drain_delay: Duration,
}

pub(in crate::config) fn read(raw: &Raw, check: &mut Check) -> Http {
    let body_limit = check.size("http.body_limit", &raw.body_limit, 1 << 10..=1 << 30);
    Http {
        trusted_proxies: raw.trusted_proxies.iter().filter_map(|text| proxy(text, check)).collect(),
        header_timeout: check.duration("http.header_timeout", &raw.header_timeout, seconds(1)..=minutes(5)),
        request_timeout: check.duration("http.request_timeout", &raw.request_timeout, seconds(1)..=minutes(10)),
        body_limit: usize::try_from(body_limit).unwrap_or(usize::MAX),
        max_connections: check.integer("http.max_connections", raw.max_connections, 1..=1_000_000),
        drain: check.duration("http.drain", &raw.drain, seconds(0)..=minutes(10)),
        drain_delay: check.duration("http.drain_delay", &raw.drain_delay, seconds(0)..=minutes(5)),
    }
}

fn proxy(text: &str, check: &mut Check) -> Option<IpNet> {
    const KEY: &str = "http.trusted_proxies";
    let network = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    let Some(network) = network else {
        check.refuse(
            KEY,
            format!("\"{text}\" is not a network"),
            "write it as \"10.0.0.0/8\", \"192.0.2.7\" or \"fd00::/8\"",
        );
        return None;
    };
    if network != network.trunc() {
        check.refuse(
            KEY,
            format!("\"{text}\" has bits set beyond its prefix"),
            format!("write \"{}\" for the network or \"{}\" for the host", network.trunc(), network.addr()),
        );
    }
    if network.prefix_len() == 0 {
        check.warn(
            KEY,
            format!("\"{text}\" is everybody"),
            "name the proxies alone: whoever is trusted can pretend to be any address, and so escapes all limits",
        );
    }
    Some(network)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{problems, valid};

    const ISSUER: &str = "issuer = 'https://sso.example.org'\n[http]\n";

    #[test]
    fn defaults() {
        let http = valid(ISSUER).config.http;
        assert_eq!((http.body_limit, http.max_connections), (1 << 20, 10_000));
        assert_eq!((http.header_timeout, http.request_timeout), (seconds(10), seconds(30)));
        assert_eq!((http.drain, http.drain_delay), (seconds(10), seconds(0)));
        assert!(http.trusted_proxies.is_empty());
    }

    #[test]
    fn proxies_are_networks_or_hosts() {
        let loaded = valid(&format!("{ISSUER}trusted_proxies = ['10.0.0.0/8', '192.0.2.7', '::1']"));
        let texts: Vec<String> = loaded.config.http.trusted_proxies.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["10.0.0.0/8", "192.0.2.7/32", "::1/128"]);
        let found = problems(&format!("{ISSUER}trusted_proxies = ['proxy.local', '10.0.0.1/8', '10.0.0.0/33']"));
        assert_eq!(found.len(), 3);
        assert!(found[1].hint.contains("\"10.0.0.0/8\"") && found[1].hint.contains("\"10.0.0.1\""));
        let warned = valid(&format!("{ISSUER}trusted_proxies = ['0.0.0.0/0']"));
        assert!(warned.warnings.iter().any(|warning| warning.key == "http.trusted_proxies"));
    }

    #[test]
    fn limits_have_limits() {
        let found = problems(&format!(
            "{ISSUER}header_timeout = '0s'\nrequest_timeout = '1h'\nbody_limit = '1B'\nmax_connections = 0\ndrain = '1d'\n\
             drain_delay = '6m'"
        ));
        assert_eq!(found.len(), 6);
    }
}
