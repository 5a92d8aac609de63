//! `[rate_limits]`: how often one caller may do what costs or what an attacker would repeat.

use serde::Deserialize;

use crate::config::check::Check;
use crate::config::issuer::Issuer;
use crate::config::key::{Fallback, Kind, Section, key};
use crate::config::units::RateLimit;

pub(in crate::config) const SECTION: Section = Section {
    name: "rate_limits",
    about: "How often something may be done: a count and a time (`5/1m`), or `off`. An IPv6 caller is counted by its /64.",
    keys: &[
        key("rate_limits.login", Kind::RateLimit, Fallback::Value("5/1m"), "Attempts to sign in."),
        key(
            "rate_limits.register",
            Kind::RateLimit,
            Fallback::Value("3/1h"),
            "New accounts, and apart from them clients that register themselves.",
        ),
        key("rate_limits.sync", Kind::RateLimit, Fallback::Value("60/1h"), "Synchronisations of clinical data."),
        key("rate_limits.upload", Kind::RateLimit, Fallback::Value("20/1h"), "Uploads of files."),
        key("rate_limits.provision", Kind::RateLimit, Fallback::Value("600/1m"), "Calls of a partner."),
        key("rate_limits.api", Kind::RateLimit, Fallback::Value("120/1m"), "Other calls of the APIs."),
    ],
};

/// `[rate_limits]`, as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Raw {
    login: String,
    register: String,
    sync: String,
    upload: String,
    provision: String,
    api: String,
}

/// How often one caller may do what.
#[derive(Debug, Clone, Copy)]
pub struct RateLimits {
    /// Attempts to sign in.
    pub login: RateLimit,
    /// New accounts, and apart from them clients that register themselves.
    pub register: RateLimit,
    /// Synchronisations of clinical data.
    pub sync: RateLimit,
    /// Uploads of files.
    pub upload: RateLimit,
    /// Calls of a partner.
    pub provision: RateLimit,
    /// Other calls of the APIs.
    pub api: RateLimit,
}

pub(in crate::config) fn read(raw: &Raw, issuer: &Issuer, check: &mut Check) -> RateLimits {
    let limits = RateLimits {
        login: check.rate_limit("rate_limits.login", &raw.login),
        register: check.rate_limit("rate_limits.register", &raw.register),
        sync: check.rate_limit("rate_limits.sync", &raw.sync),
        upload: check.rate_limit("rate_limits.upload", &raw.upload),
        provision: check.rate_limit("rate_limits.provision", &raw.provision),
        api: check.rate_limit("rate_limits.api", &raw.api),
    };
    if raw.login == "off" && !issuer.is_loopback() {
        check.warn("rate_limits.login", "is off: passwords can be guessed without limit", "set it, such as \"5/1m\"");
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{problems, valid};

    const ISSUER: &str = "issuer = 'https://sso.example.org'\n[rate_limits]\n";

    #[test]
    fn defaults_and_off() {
        let limits = valid(ISSUER).config.rate_limits;
        assert_eq!(limits.login, RateLimit::Per { count: 5, window: super::super::minutes(1) });
        assert_eq!(limits.sync, RateLimit::Per { count: 60, window: super::super::minutes(60) });
        let loaded = valid(&format!("{ISSUER}login = 'off'\napi = 'off'"));
        assert_eq!(loaded.config.rate_limits.api, RateLimit::Off);
        assert!(loaded.warnings.iter().any(|warning| warning.key == "rate_limits.login"));
        assert_eq!(problems(&format!("{ISSUER}login = '5 per minute'\nregister = '0/1h'")).len(), 2);
    }
}
