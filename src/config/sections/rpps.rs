//! `[rpps]`: national numbers of health professionals.

use serde::Deserialize;

use super::passwords::Policy;
use crate::config::check::{Check, words};
use crate::config::issuer::Issuer;
use crate::config::key::{Fallback, Kind, Section, key};

pub(in crate::config) const SECTION: Section = Section {
    name: "rpps",
    about: "National numbers of health professionals (RPPS).",
    keys: &[key(
        "rpps.policy",
        Kind::Choice(words::<Policy>),
        Fallback::Value("strict"),
        "`strict`: 11 digits with a right Luhn key. `seed`: a wrong key is taken with a warning in the log, for a loopback issuer only.",
    )],
};

/// `[rpps]`, as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Raw {
    policy: String,
}

/// Which numbers are taken.
#[derive(Debug, Clone, Copy)]
pub struct Rpps {
    /// Whether the Luhn key must be right.
    pub policy: Policy,
}

pub(in crate::config) fn read(raw: &Raw, issuer: &Issuer, check: &mut Check) -> Rpps {
    Rpps { policy: Policy::read("rpps.policy", &raw.policy, issuer, check) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{problems, valid};

    #[test]
    fn the_seed_policy_is_for_this_machine() {
        assert_eq!(valid("issuer = 'https://sso.example.org'").config.rpps.policy, Policy::Strict);
        let text = "issuer = 'https://sso.example.org'\n[rpps]\npolicy = 'seed'";
        assert_eq!(problems(text)[0].key, "rpps.policy");
        assert_eq!(
            valid(&text.replace("https://sso.example.org", "https://localhost")).config.rpps.policy,
            Policy::Seed
        );
    }
}
