//! `[registration]`: dynamic registration of clients (RFC 7591).

use serde::Deserialize;

use crate::config::check::{Check, Choice, words};
use crate::config::issuer::Issuer;
use crate::config::key::{Fallback, Kind, Section, key};

pub(in crate::config) const SECTION: Section = Section {
    name: "registration",
    about: "Dynamic registration of clients (RFC 7591).",
    keys: &[key(
        "registration.policy",
        Kind::Choice(words::<RegistrationPolicy>),
        Fallback::Value("off"),
        "Who may register a client: nobody (`off`), who shows an initial access token (`token`), or everybody (`open`).",
    )],
};

/// `[registration]`, as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Raw {
    policy: String,
}

/// Dynamic registration of clients.
#[derive(Debug, Clone, Copy)]
pub struct Registration {
    /// Who may register.
    pub policy: RegistrationPolicy,
}

/// Who may register a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RegistrationPolicy {
    /// Nobody; the endpoint does not exist.
    #[default]
    Off,
    /// Who shows an initial access token (RFC 7591 §3).
    Token,
    /// Everybody.
    Open,
}

impl Choice for RegistrationPolicy {
    const ALL: &'static [(&'static str, Self)] = &[("off", Self::Off), ("token", Self::Token), ("open", Self::Open)];
}

pub(in crate::config) fn read(raw: &Raw, issuer: &Issuer, check: &mut Check) -> Registration {
    let policy = check.choice("registration.policy", &raw.policy);
    if policy == RegistrationPolicy::Open && !issuer.is_loopback() {
        check.warn(
            "registration.policy",
            "is \"open\": anybody may register a client that asks people for access",
            "set it to \"token\" unless this installation is for tests",
        );
    }
    Registration { policy }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{problems, valid};

    const ISSUER: &str = "issuer = 'https://sso.example.org'\n[registration]\n";

    #[test]
    fn off_unless_said() {
        assert_eq!(valid(ISSUER).config.registration.policy, RegistrationPolicy::Off);
        let open = valid(&format!("{ISSUER}policy = 'open'"));
        assert_eq!(open.config.registration.policy, RegistrationPolicy::Open);
        assert!(open.warnings.iter().any(|warning| warning.key == "registration.policy"));
        assert_eq!(problems(&format!("{ISSUER}policy = 'on'"))[0].key, "registration.policy");
    }
}
