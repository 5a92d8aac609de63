//! `[metrics]`: the listener of `/metrics`.

use std::net::SocketAddr;

use serde::Deserialize;

use crate::config::check::Check;
use crate::config::key::{Fallback, Kind, Section, key};

pub(in crate::config) const SECTION: Section = Section {
    name: "metrics",
    about: "Prometheus metrics, on a listener of their own that asks nobody who they are.",
    keys: &[key(
        "metrics.listen",
        Kind::Address,
        Fallback::Absent,
        "Address and port of `/metrics`, such as `127.0.0.1:9090`; there are no metrics without it. Keep it off the public network.",
    )],
};

/// `[metrics]`, as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Raw {
    listen: Option<String>,
}

/// Where metrics are served.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// Address of `/metrics`; none without it.
    pub listen: Option<SocketAddr>,
}

pub(in crate::config) fn read(raw: &Raw, public: &[SocketAddr], check: &mut Check) -> Metrics {
    let listen = raw.listen.as_deref().and_then(|text| check.address("metrics.listen", text));
    // Port 0 is a new port each time it is asked for.
    if listen.is_some_and(|listen| listen.port() != 0 && public.contains(&listen)) {
        check.refuse("metrics.listen", "is the public listener too", "choose another port");
    }
    Metrics { listen }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{problems, valid};

    const ISSUER: &str = "issuer = 'https://sso.example.org'\n[metrics]\n";

    #[test]
    fn off_by_default_and_apart_from_the_public_listener() {
        assert_eq!(valid(ISSUER).config.metrics.listen, None);
        let config = valid(&format!("{ISSUER}listen = '127.0.0.1:9090'")).config;
        assert_eq!(config.metrics.listen, "127.0.0.1:9090".parse().ok());
        assert_eq!(problems(&format!("{ISSUER}listen = '127.0.0.1:8080'"))[0].key, "metrics.listen");
        assert_eq!(problems(&format!("{ISSUER}listen = '9090'"))[0].key, "metrics.listen");
    }
}
