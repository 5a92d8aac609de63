//! Time and identity claims (RFC 7519 §4.1), with their JSON types: a text where a number belongs is refused, not guessed.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::base::Timestamp;

/// How far clocks may be apart, to either side.
pub const LEEWAY: Duration = Duration::from_secs(30);
/// The last second that a date can name: 9999-12-31T23:59:59Z.
const LAST_SECOND: i64 = 253_402_300_799;

/// Why the claims of a token are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimRefusal {
    /// The claim is not there.
    #[error("the claim {0} is missing")]
    Missing(&'static str),
    /// The claim has the wrong JSON type, is empty, or is no date.
    #[error("the claim {0} is malformed")]
    Malformed(&'static str),
    /// `exp` is past.
    #[error("the token has expired")]
    Expired,
    /// `nbf` or `iat`, as named, is in the future.
    #[error("the claim {0} is in the future")]
    InFuture(&'static str),
    /// The claim has another value than the one asked for.
    #[error("the claim {0} is not the expected one")]
    Unexpected(&'static str),
}

/// The time claims of a token that is valid now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// `exp`.
    pub expires_at: Timestamp,
    /// `iat`.
    pub issued_at: Option<Timestamp>,
    /// `nbf`.
    pub not_before: Option<Timestamp>,
}

/// Checks `exp` (required), `nbf` and `iat` against `now`, with [`LEEWAY`] to either side.
pub fn check_times(claims: &Map<String, Value>, now: Timestamp) -> Result<Times, ClaimRefusal> {
    let expires_at = date(claims, "exp")?.ok_or(ClaimRefusal::Missing("exp"))?;
    if expires_at <= now.minus(LEEWAY) {
        return Err(ClaimRefusal::Expired);
    }
    let past = |name| match date(claims, name)? {
        Some(at) if at > now.plus(LEEWAY) => Err(ClaimRefusal::InFuture(name)),
        at => Ok(at),
    };
    Ok(Times { expires_at, not_before: past("nbf")?, issued_at: past("iat")? })
}

/// A claim that must be a non-empty text.
pub fn string_claim<'a>(claims: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, ClaimRefusal> {
    match claims.get(name) {
        None => Err(ClaimRefusal::Missing(name)),
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        Some(_) => Err(ClaimRefusal::Malformed(name)),
    }
}

/// A claim that must be exactly `expected`, such as `iss`: no case, slash or port is forgiven.
pub fn check_string(claims: &Map<String, Value>, name: &'static str, expected: &str) -> Result<(), ClaimRefusal> {
    if string_claim(claims, name)? == expected { Ok(()) } else { Err(ClaimRefusal::Unexpected(name)) }
}

/// `aud`: a text or an array of texts, none of them empty.
pub fn audience(claims: &Map<String, Value>) -> Result<Vec<&str>, ClaimRefusal> {
    let malformed = ClaimRefusal::Malformed("aud");
    let text = |value: &'_ Value| value.as_str().is_some_and(|text| !text.is_empty());
    match claims.get("aud") {
        None => Err(ClaimRefusal::Missing("aud")),
        Some(Value::Array(list)) if !list.is_empty() && list.iter().all(text) => {
            Ok(list.iter().filter_map(Value::as_str).collect())
        }
        Some(one @ Value::String(_)) if text(one) => Ok(one.as_str().into_iter().collect()),
        Some(_) => Err(malformed),
    }
}

/// `aud` must name `expected`, alone or among others.
pub fn check_audience(claims: &Map<String, Value>, expected: &str) -> Result<(), ClaimRefusal> {
    if audience(claims)?.contains(&expected) { Ok(()) } else { Err(ClaimRefusal::Unexpected("aud")) }
}

/// A `NumericDate` in whole seconds. Fractions are allowed by RFC 7519 §2 but made by nobody we talk to, and floats bring
/// values that no clock shows.
fn date(claims: &Map<String, Value>, name: &'static str) -> Result<Option<Timestamp>, ClaimRefusal> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => value
            .as_i64()
            .filter(|seconds| (0..=LAST_SECOND).contains(seconds))
            .map(|seconds| Some(Timestamp::from_seconds(seconds)))
            .ok_or(ClaimRefusal::Malformed(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: i64 = 1_800_000_000;

    fn times(claims: &Value) -> Result<Times, ClaimRefusal> {
        check_times(claims.as_object().unwrap(), Timestamp::from_seconds(NOW))
    }

    #[test]
    fn d57_exp_missing_mistyped_out_of_range_or_past_is_refused() {
        assert_eq!(times(&json!({})), Err(ClaimRefusal::Missing("exp")));
        for exp in [
            json!("1800000100"),
            json!(1e300),
            json!(1_800_000_100.5),
            json!(-1),
            json!(null),
            json!(true),
            json!([NOW]),
            json!(u64::MAX),
            json!(LAST_SECOND + 1),
        ] {
            assert_eq!(times(&json!({ "exp": exp })), Err(ClaimRefusal::Malformed("exp")), "{exp}");
        }
        assert_eq!(times(&json!({ "exp": 0 })), Err(ClaimRefusal::Expired));
        assert_eq!(times(&json!({ "exp": NOW - 61 })), Err(ClaimRefusal::Expired));
        assert_eq!(times(&json!({ "exp": NOW - 30 })), Err(ClaimRefusal::Expired));
        assert!(times(&json!({ "exp": NOW - 10 })).is_ok());
        assert_eq!(times(&json!({ "exp": NOW + 9, "nbf": NOW.to_string() })), Err(ClaimRefusal::Malformed("nbf")));
        assert_eq!(times(&json!({ "exp": NOW + 9, "iat": 1.5 })), Err(ClaimRefusal::Malformed("iat")));
    }

    #[test]
    fn d58_nbf_and_iat_ahead_of_the_clock() {
        for name in ["nbf", "iat"] {
            assert!(times(&json!({ "exp": NOW + 300, name: NOW + 10 })).is_ok());
            let refused = times(&json!({ "exp": NOW + 300, name: NOW + 120 }));
            assert_eq!(refused, Err(ClaimRefusal::InFuture(name)));
        }
        let found = times(&json!({ "exp": NOW + 300, "nbf": NOW - 1, "iat": NOW - 2 })).unwrap();
        assert_eq!(found.expires_at, Timestamp::from_seconds(NOW + 300));
        assert_eq!(found.not_before, Some(Timestamp::from_seconds(NOW - 1)));
        assert_eq!(found.issued_at, Some(Timestamp::from_seconds(NOW - 2)));
    }

    #[test]
    fn d59_audience_and_issuer_are_exact() {
        let us = "https://id.example";
        let check = |claims: Value| check_audience(claims.as_object().unwrap(), us);
        assert!(check(json!({ "aud": us })).is_ok());
        assert!(check(json!({ "aud": ["other", us] })).is_ok());
        assert_eq!(check(json!({})), Err(ClaimRefusal::Missing("aud")));
        for other in [json!("https://id.example/"), json!("other"), json!(["other"])] {
            assert_eq!(check(json!({ "aud": other })), Err(ClaimRefusal::Unexpected("aud")), "{other}");
        }
        for odd in [json!([]), json!(""), json!([us, 1]), json!([us, ""]), json!({ us: 1 }), json!(null)] {
            assert_eq!(check(json!({ "aud": odd })), Err(ClaimRefusal::Malformed("aud")), "{odd}");
        }
        let issuer = |claims: Value| check_string(claims.as_object().unwrap(), "iss", us);
        assert!(issuer(json!({ "iss": us })).is_ok());
        assert_eq!(issuer(json!({})), Err(ClaimRefusal::Missing("iss")));
        assert_eq!(issuer(json!({ "iss": [us] })), Err(ClaimRefusal::Malformed("iss")));
        for other in ["https://id.example/", "https://ID.example", "https://id.example/t/b"] {
            assert_eq!(issuer(json!({ "iss": other })), Err(ClaimRefusal::Unexpected("iss")), "{other}");
        }
    }
}
