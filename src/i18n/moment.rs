//! Dates and durations in the person's language. Times are shown in UTC and say so: a server does not know where
//! a shared workstation stands.

use time::OffsetDateTime;

use super::{Locale, t, t_with};
use crate::base::Timestamp;

/// Above this many seconds a duration is told in minutes.
const LONGEST_IN_SECONDS: u64 = 90;

/// The day: `21 novembre 2026`, `21 November 2026`.
pub fn date(locale: Locale, at: Timestamp) -> String {
    let at = OffsetDateTime::from_unix_timestamp(at.seconds()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let day = match (locale, at.day()) {
        (Locale::Fr, 1) => "1er".to_owned(),
        (_, day) => day.to_string(),
    };
    let month = t(locale, month_key(at.month()));
    format!("{day} {month} {}", at.year())
}

/// The day and the minute: `21 novembre 2026 à 10:36 UTC`, `21 November 2026, 10:36 UTC`.
pub fn moment(locale: Locale, at: Timestamp) -> String {
    let day = date(locale, at);
    let minutes = at.seconds().div_euclid(60);
    let (hour, minute) = (minutes.div_euclid(60).rem_euclid(24), minutes.rem_euclid(60));
    t_with(locale, "date.moment", &[("date", &day), ("time", &format!("{hour:02}:{minute:02}"))])
}

/// How long to wait, in words: seconds up to a minute and a half, then minutes, rounded up.
pub fn duration(locale: Locale, seconds: u64) -> String {
    let (count, one, many) = if seconds <= LONGEST_IN_SECONDS {
        (seconds.max(1), "date.second", "date.seconds")
    } else {
        (seconds.div_ceil(60), "date.minute", "date.minutes")
    };
    t_with(locale, if count == 1 { one } else { many }, &[("count", &count.to_string())])
}

const fn month_key(month: time::Month) -> &'static str {
    match month {
        time::Month::January => "date.january",
        time::Month::February => "date.february",
        time::Month::March => "date.march",
        time::Month::April => "date.april",
        time::Month::May => "date.may",
        time::Month::June => "date.june",
        time::Month::July => "date.july",
        time::Month::August => "date.august",
        time::Month::September => "date.september",
        time::Month::October => "date.october",
        time::Month::November => "date.november",
        time::Month::December => "date.december",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        let at = Timestamp::parse_rfc3339("2026-11-21T10:36:59Z").unwrap();
        assert_eq!(moment(Locale::Fr, at), "21 novembre 2026 à 10:36 UTC");
        assert_eq!(moment(Locale::En, at), "21 November 2026, 10:36 UTC");
        let first = Timestamp::parse_rfc3339("2026-08-01T00:05:00Z").unwrap();
        assert_eq!(date(Locale::Fr, first), "1er août 2026");
        assert_eq!(date(Locale::En, first), "1 August 2026");
        assert_eq!(moment(Locale::En, Timestamp::from_seconds(-60)), "31 December 1969, 23:59 UTC");
    }

    #[test]
    fn durations() {
        let en = |seconds| duration(Locale::En, seconds);
        assert_eq!((en(0), en(1), en(90)), ("1 second".into(), "1 second".into(), "90 seconds".into()));
        assert_eq!((en(91), en(180), en(181)), ("2 minutes".into(), "3 minutes".into(), "4 minutes".into()));
        assert_eq!(duration(Locale::Fr, 45), "45 secondes");
    }
}
