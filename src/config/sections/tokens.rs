//! `[tokens]`: how long codes and tokens live, and for whom they are.

use std::time::Duration;

use serde::Deserialize;

use super::{days, minutes, seconds};
use crate::config::check::Check;
use crate::config::key::{Fallback, Kind, Section, key};

pub(in crate::config) const SECTION: Section = Section {
    name: "tokens",
    about: "How long codes and tokens live, and for whom they are.",
    keys: &[
        key(
            "tokens.access_token_lifetime",
            Kind::Duration,
            Fallback::Value("30m"),
            "Life of an access token, `1m` to `24h`.",
        ),
        key("tokens.id_token_lifetime", Kind::Duration, Fallback::Value("5m"), "Life of an ID token, `1m` to `24h`."),
        key(
            "tokens.code_lifetime",
            Kind::Duration,
            Fallback::Value("60s"),
            "Life of an authorization code, `5s` to `60s`.",
        ),
        key(
            "tokens.refresh_token_lifetime",
            Kind::Duration,
            Fallback::Value("30d"),
            "How long a grant can be refreshed, counted from its beginning however often it is used, `5m` to `365d`.",
        ),
        key(
            "tokens.refresh_grace",
            Kind::Duration,
            Fallback::Value("10s"),
            "How long a rotated refresh token may be repeated by a client that lost the answer, `0s` to `60s`. Later it counts as stolen.",
        ),
        key(
            "tokens.audience",
            Kind::Text,
            Fallback::Derived("the issuer"),
            "The `aud` of access tokens whose request names no resource.",
        ),
    ],
};

/// `[tokens]`, as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Raw {
    access_token_lifetime: String,
    id_token_lifetime: String,
    code_lifetime: String,
    refresh_token_lifetime: String,
    refresh_grace: String,
    audience: Option<String>,
}

/// How long codes and tokens live, and for whom they are.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// Life of an access token.
    pub access_token_lifetime: Duration,
    /// Life of an ID token.
    pub id_token_lifetime: Duration,
    /// Life of an authorization code.
    pub code_lifetime: Duration,
    /// How long a grant can be refreshed, from its beginning.
    pub refresh_token_lifetime: Duration,
    /// How long a rotated refresh token may be repeated.
    pub refresh_grace: Duration,
    /// The `aud` of access tokens whose request names no resource; the issuer without it.
    pub audience: Option<String>,
}

pub(in crate::config) fn read(raw: Raw, check: &mut Check) -> Tokens {
    let a_day = minutes(1)..=days(1);
    let access = check.duration("tokens.access_token_lifetime", &raw.access_token_lifetime, a_day.clone());
    let refresh = minutes(5)..=days(365);
    Tokens {
        access_token_lifetime: access,
        id_token_lifetime: check.duration("tokens.id_token_lifetime", &raw.id_token_lifetime, a_day),
        code_lifetime: check.duration("tokens.code_lifetime", &raw.code_lifetime, seconds(5)..=seconds(60)),
        refresh_token_lifetime: check.duration("tokens.refresh_token_lifetime", &raw.refresh_token_lifetime, refresh),
        refresh_grace: check.duration("tokens.refresh_grace", &raw.refresh_grace, seconds(0)..=seconds(60)),
        audience: audience(raw.audience, check),
    }
}

fn audience(text: Option<String>, check: &mut Check) -> Option<String> {
    let text = text?;
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        check.refuse("tokens.audience", "holds a blank", "write one name or URL, such as \"https://api.example.org\"");
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{problems, valid};

    const ISSUER: &str = "issuer = 'https://sso.example.org/'\n[tokens]\n";

    #[test]
    fn defaults() {
        let tokens = valid(ISSUER).config.tokens;
        assert_eq!((tokens.access_token_lifetime, tokens.id_token_lifetime), (minutes(30), minutes(5)));
        assert_eq!((tokens.code_lifetime, tokens.refresh_grace), (seconds(60), seconds(10)));
        assert_eq!((tokens.refresh_token_lifetime, tokens.audience), (days(30), None));
    }

    #[test]
    fn codes_and_grace_cannot_be_long() {
        let found = problems(&format!("{ISSUER}code_lifetime = '61s'\nrefresh_grace = '2m'\naudience = 'a b'"));
        let keys: Vec<&str> = found.iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(keys, ["tokens.code_lifetime", "tokens.refresh_grace", "tokens.audience"]);
    }
}
