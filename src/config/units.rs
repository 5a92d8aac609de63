//! Times, sizes and rates as an operator writes them.

use std::time::Duration;

const TIMES: [(&str, u64); 4] = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];
const SIZES: [(&str, u64); 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// How often something may be done from one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateLimit {
    /// No limit.
    Off,
    /// At most `count` times in any `window`.
    Per {
        /// How often.
        count: u32,
        /// In which time.
        window: Duration,
    },
}

/// Reads `90s`, `5m`, `12h`, `30d`.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    parse(text, &TIMES).map(Duration::from_secs)
}

/// Reads `512B`, `64KiB`, `1MiB`, `1GiB` as bytes.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    parse(text, &SIZES)
}

/// Reads `5/1m` or `off`.
pub(super) fn parse_rate_limit(text: &str) -> Option<RateLimit> {
    if text == "off" {
        return Some(RateLimit::Off);
    }
    let (count, window) = text.split_once('/')?;
    let count = u32::try_from(digits(count)?).ok().filter(|count| *count > 0)?;
    let window = parse_duration(window).filter(|window| !window.is_zero())?;
    Some(RateLimit::Per { count, window })
}

/// Writes a time in the largest unit that keeps it whole.
pub(super) fn show_duration(time: Duration) -> String {
    show(time.as_secs(), &TIMES)
}

/// Writes a number of bytes in the largest unit that keeps it whole.
pub(super) fn show_size(bytes: u64) -> String {
    show(bytes, &SIZES)
}

fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(at)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    digits(number)?.checked_mul(*factor)
}

/// A decimal number without sign: `parse` alone would take `+5`.
fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

fn show(value: u64, units: &[(&str, u64)]) -> String {
    let whole = |(_, factor): &&(&str, u64)| value >= *factor && value.is_multiple_of(*factor);
    let (name, factor) = units.iter().rev().find(whole).or(units.first()).copied().unwrap_or(("", 1));
    format!("{}{name}", value / factor)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_and_sizes() {
        assert_eq!(parse_duration("90s"), Some(Duration::from_secs(90)));
        assert_eq!(parse_duration("30d"), Some(Duration::from_secs(2_592_000)));
        assert_eq!(parse_duration("0s"), Some(Duration::ZERO));
        assert_eq!(parse_size("64KiB"), Some(65_536));
        for text in
            ["", "5", "s", "+5s", "-5s", "5 m", "1.5h", "5M", "5min", "99999999999999999999s", "999999999999999999d"]
        {
            assert_eq!(parse_duration(text), None, "{text}");
        }
        for text in ["1MB", "1", "1kib"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }

    #[test]
    fn rates() {
        assert_eq!(parse_rate_limit("off"), Some(RateLimit::Off));
        assert_eq!(parse_rate_limit("5/1m"), Some(RateLimit::Per { count: 5, window: Duration::from_secs(60) }));
        for text in ["", "5", "5/", "/1m", "0/1m", "5/0s", "5/m", "+5/1m", "Off", "5/1m/2", "4294967296/1m"] {
            assert_eq!(parse_rate_limit(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(seconds in 0..u64::MAX) {
            prop_assert_eq!(parse_duration(&show_duration(Duration::from_secs(seconds))), Some(Duration::from_secs(seconds)));
            prop_assert_eq!(parse_size(&show_size(seconds)), Some(seconds));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _ = (parse_duration(&text), parse_size(&text), parse_rate_limit(&text));
        }
    }
}
