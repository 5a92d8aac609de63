//! `[sessions]`: how long a browser stays signed in.

use std::time::Duration;

use serde::Deserialize;

use super::{days, minutes};
use crate::config::check::Check;
use crate::config::key::{Fallback, Kind, Section, key};

pub(in crate::config) const SECTION: Section = Section {
    name: "sessions",
    about: "How long a browser stays signed in.",
    keys: &[
        key("sessions.idle", Kind::Duration, Fallback::Value("30m"), "Longest time without a request, `1m` to `30d`."),
        key(
            "sessions.absolute",
            Kind::Duration,
            Fallback::Value("12h"),
            "Longest time since sign-in, `1m` to `30d` and not less than `sessions.idle`.",
        ),
    ],
};

/// `[sessions]`, as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Raw {
    idle: String,
    absolute: String,
}

/// How long a browser stays signed in.
#[derive(Debug, Clone, Copy)]
pub struct Sessions {
    /// Longest time without a request.
    pub idle: Duration,
    /// Longest time since sign-in.
    pub absolute: Duration,
}

pub(in crate::config) fn read(raw: &Raw, check: &mut Check) -> Sessions {
    let range = minutes(1)..=days(30);
    let before = check.problems.len();
    let idle = check.duration("sessions.idle", &raw.idle, range.clone());
    let absolute = check.duration("sessions.absolute", &raw.absolute, range);
    if check.problems.len() == before && idle > absolute {
        check.refuse("sessions.idle", "is longer than sessions.absolute", "shorten it, or lengthen the other");
    }
    Sessions { idle, absolute }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{problems, valid};

    const ISSUER: &str = "issuer = 'https://sso.example.org'\n[sessions]\n";

    #[test]
    fn idle_is_within_absolute() {
        let sessions = valid(ISSUER).config.sessions;
        assert_eq!((sessions.idle, sessions.absolute), (minutes(30), minutes(12 * 60)));
        assert!(valid(&format!("{ISSUER}idle = '1h'\nabsolute = '1h'")).config.sessions.idle == minutes(60));
        assert_eq!(problems(&format!("{ISSUER}idle = '13h'"))[0].key, "sessions.idle");
        assert_eq!(problems(&format!("{ISSUER}idle = '31d'\nabsolute = '0s'")).len(), 2);
    }
}
