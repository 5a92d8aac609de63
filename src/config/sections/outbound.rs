//! `[outbound]`: calls that this process makes.

use std::path::PathBuf;

use serde::Deserialize;

use crate::config::check::Check;
use crate::config::key::{Fallback, Kind, Section, key};

pub(in crate::config) const SECTION: Section = Section {
    name: "outbound",
    about: "Calls that this process makes. Private addresses are refused, so that nobody can use it to reach the network behind.",
    keys: &[
        key(
            "outbound.ca_file",
            Kind::Path,
            Fallback::Absent,
            "Further certificate authorities to trust (PEM), beside those of the system.",
        ),
        key(
            "outbound.allowed_private_hosts",
            Kind::List,
            Fallback::Value(""),
            "Hosts that may be called though their address is private. Names are compared whole, without port.",
        ),
    ],
};

/// `[outbound]`, as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Raw {
    ca_file: Option<String>,
    allowed_private_hosts: Vec<String>,
}

/// What outgoing calls may reach.
#[derive(Debug, Clone, Default)]
pub struct Outbound {
    /// Further certificate authorities (PEM).
    pub ca_file: Option<PathBuf>,
    /// Hosts that may have a private address, as `url::Url::host_str` spells them.
    pub allowed_private_hosts: Vec<String>,
}

pub(in crate::config) fn read(raw: &Raw, check: &mut Check) -> Outbound {
    Outbound {
        ca_file: raw.ca_file.as_deref().map(|path| check.pem_file("outbound.ca_file", path, "CERTIFICATE")),
        allowed_private_hosts: raw.allowed_private_hosts.iter().filter_map(|text| host(text, check)).collect(),
    }
}

fn host(text: &str, check: &mut Check) -> Option<String> {
    let parsed = url::Host::parse(text).ok();
    if parsed.is_none() {
        check.refuse(
            "outbound.allowed_private_hosts",
            format!("{text:?} is not a host"),
            "write the name or address alone, such as \"idp.internal\" or \"[fd00::1]\"",
        );
    }
    parsed.map(|host| host.to_string())
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{problems, valid};

    const ISSUER: &str = "issuer = 'https://sso.example.org'\n[outbound]\n";

    #[test]
    fn hosts_have_one_spelling() {
        assert!(valid(ISSUER).config.outbound.allowed_private_hosts.is_empty());
        let text = format!("{ISSUER}allowed_private_hosts = ['IDP.internal', '10.0.0.1', '[FD00::1]']");
        assert_eq!(valid(&text).config.outbound.allowed_private_hosts, ["idp.internal", "10.0.0.1", "[fd00::1]"]);
        assert_eq!(
            problems(&format!("{ISSUER}allowed_private_hosts = ['idp:80', 'https://idp', '10.0.0.0/8']")).len(),
            3
        );
    }

    #[test]
    fn the_file_of_authorities_must_be_there() {
        assert_eq!(problems(&format!("{ISSUER}ca_file = '/nowhere'"))[0].key, "outbound.ca_file");
    }
}
