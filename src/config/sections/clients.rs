//! `[clients]`: what new clients begin with.

use std::time::Duration;

use serde::Deserialize;

use super::{days, seconds};
use crate::config::check::{Check, Choice, words};
use crate::config::key::{Fallback, Kind, Section, key};

pub(in crate::config) const SECTION: Section = Section {
    name: "clients",
    about: "What new clients begin with. Changing it changes no existing client.",
    keys: &[
        key(
            "clients.pkce",
            Kind::Choice(words::<Pkce>),
            Fallback::Value("required"),
            "Whether every authorization request needs PKCE. `confidential_optional` lets confidential clients leave it out; public clients never may.",
        ),
        key(
            "clients.secret_overlap",
            Kind::Duration,
            Fallback::Value("7d"),
            "How long the former secret of a client still works after a new one was made, `0s` to `90d`.",
        ),
    ],
};

/// `[clients]`, as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Raw {
    pkce: String,
    secret_overlap: String,
}

/// What new clients begin with.
#[derive(Debug, Clone, Copy)]
pub struct Clients {
    /// Whether PKCE is needed.
    pub pkce: Pkce,
    /// How long a replaced secret still works.
    pub secret_overlap: Duration,
}

/// Whether a new client needs PKCE (RFC 7636).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pkce {
    /// Always.
    #[default]
    Required,
    /// A confidential client may leave it out.
    ConfidentialOptional,
}

impl Choice for Pkce {
    const ALL: &'static [(&'static str, Self)] =
        &[("required", Self::Required), ("confidential_optional", Self::ConfidentialOptional)];
}

pub(in crate::config) fn read(raw: &Raw, check: &mut Check) -> Clients {
    Clients {
        pkce: check.choice("clients.pkce", &raw.pkce),
        secret_overlap: check.duration("clients.secret_overlap", &raw.secret_overlap, seconds(0)..=days(90)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{problems, valid};

    const ISSUER: &str = "issuer = 'https://sso.example.org'\n[clients]\n";

    #[test]
    fn pkce_is_required_unless_said() {
        let clients = valid(ISSUER).config.clients;
        assert_eq!((clients.pkce, clients.secret_overlap), (Pkce::Required, days(7)));
        let clients = valid(&format!("{ISSUER}pkce = 'confidential_optional'")).config.clients;
        assert_eq!(clients.pkce, Pkce::ConfidentialOptional);
        assert_eq!(problems(&format!("{ISSUER}pkce = 'optional'\nsecret_overlap = '91d'")).len(), 2);
    }
}
