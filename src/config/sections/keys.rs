//! `[keys]`: the signing keys.

use std::time::Duration;

use serde::Deserialize;

use super::{days, minutes};
use crate::config::check::{Check, Choice, quoted, words};
use crate::config::key::{Fallback, Kind, Section, key};

pub(in crate::config) const SECTION: Section = Section {
    name: "keys",
    about: "The signing keys: which algorithms there are, and when keys change.",
    keys: &[
        key(
            "keys.algorithms",
            Kind::List,
            Fallback::Value("RS256,PS256,ES256,EdDSA"),
            "Algorithms with a key of their own: some of `RS256`, `PS256`, `ES256`, `EdDSA`. `RS256` (the default of ID tokens) and `ES256` (that of access tokens) must be among them.",
        ),
        key(
            "keys.rotate_after",
            Kind::Duration,
            Fallback::Value("90d"),
            "How long a key signs before the next one takes over, `1d` to `730d`.",
        ),
        key(
            "keys.prepublish",
            Kind::Duration,
            Fallback::Value("1h"),
            "How long before that the next key is published, so that every cache knows it, `1m` to `30d` and less than `keys.rotate_after`.",
        ),
    ],
};

/// `[keys]`, as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Raw {
    algorithms: Vec<String>,
    rotate_after: String,
    prepublish: String,
}

/// The signing keys.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Algorithms with a key of their own, without duplicates; `RS256` and `ES256` are among them.
    pub algorithms: Vec<Algorithm>,
    /// How long a key signs.
    pub rotate_after: Duration,
    /// How long before its first signature a key is published.
    pub prepublish: Duration,
}

/// A signing algorithm (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Algorithm {
    /// RSA PKCS #1 v1.5 with SHA-256.
    #[default]
    Rs256,
    /// RSA-PSS with SHA-256.
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// The JOSE name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

impl Choice for Algorithm {
    const ALL: &'static [(&'static str, Self)] =
        &[("RS256", Self::Rs256), ("PS256", Self::Ps256), ("ES256", Self::Es256), ("EdDSA", Self::EdDsa)];
}

pub(in crate::config) fn read(raw: &Raw, check: &mut Check) -> Keys {
    let algorithms = algorithms(&raw.algorithms, check);
    let before = check.problems.len();
    let rotate_after = check.duration("keys.rotate_after", &raw.rotate_after, days(1)..=days(730));
    let prepublish = check.duration("keys.prepublish", &raw.prepublish, minutes(1)..=days(30));
    if check.problems.len() == before && prepublish >= rotate_after {
        check.refuse("keys.prepublish", "is not less than keys.rotate_after", "shorten it, or lengthen the other");
    }
    Keys { algorithms, rotate_after, prepublish }
}

fn algorithms(texts: &[String], check: &mut Check) -> Vec<Algorithm> {
    const KEY: &str = "keys.algorithms";
    let mut chosen = Vec::new();
    for text in texts {
        match Algorithm::ALL.iter().find(|(word, _)| word == text) {
            Some((_, algorithm)) if chosen.contains(algorithm) => {
                check.refuse(KEY, format!("names {text} twice"), "remove one of the two");
            }
            Some((_, algorithm)) => chosen.push(*algorithm),
            None => check.refuse(
                KEY,
                format!("{text:?} is not known"),
                format!("choose among {}", quoted(&words::<Algorithm>())),
            ),
        }
    }
    for needed in [Algorithm::Rs256, Algorithm::Es256] {
        if !chosen.contains(&needed) {
            check.refuse(
                KEY,
                format!("leaves out {}", needed.as_str()),
                "add it: RS256 is the default of ID tokens, which every relying party must be able to verify, and ES256 that of access tokens",
            );
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{problems, valid};

    const ISSUER: &str = "issuer = 'https://sso.example.org'\n[keys]\n";

    #[test]
    fn all_algorithms_by_default() {
        let keys = valid(ISSUER).config.keys;
        assert_eq!(keys.algorithms.len(), 4);
        assert_eq!((keys.rotate_after, keys.prepublish), (days(90), minutes(60)));
        for (word, algorithm) in Algorithm::ALL {
            assert_eq!(algorithm.as_str(), *word);
        }
    }

    #[test]
    fn two_are_needed_and_none_is_unknown_or_doubled() {
        let fewer = valid(&format!("{ISSUER}algorithms = ['ES256', 'RS256']")).config.keys.algorithms;
        assert_eq!(fewer, [Algorithm::Es256, Algorithm::Rs256]);
        assert_eq!(problems(&format!("{ISSUER}algorithms = []")).len(), 2);
        assert_eq!(problems(&format!("{ISSUER}algorithms = ['RS256', 'RS256', 'ES256', 'none', 'HS256']")).len(), 3);
    }

    #[test]
    fn a_key_is_published_before_it_signs() {
        let found = problems(&format!("{ISSUER}rotate_after = '1d'\nprepublish = '1d'"));
        assert_eq!(found[0].key, "keys.prepublish");
    }
}
