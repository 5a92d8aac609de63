//! Collects what is wrong while the sections read their values.
//!
//! Every reader gives a value even where it refuses, so that the check goes on and reports everything at once. The
//! values given in that case are never seen: a [`super::Config`] leaves this room only without problems.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::Problem;
use super::key;
use super::secret;
use super::units::{self, RateLimit};

/// What to do about a file that cannot be read.
pub(super) const READABLE: &str =
    "name a file that the process may read; a relative path starts at the working directory";

/// An enumeration that a key chooses from.
pub(super) trait Choice: Copy + Default + 'static {
    /// Written word and value.
    const ALL: &'static [(&'static str, Self)];
}

/// The words of a choice.
pub(super) fn words<C: Choice>() -> Vec<&'static str> {
    C::ALL.iter().map(|(word, _)| *word).collect()
}

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Check {
    /// What must be repaired.
    pub problems: Vec<Problem>,
    /// What the operator should know.
    pub warnings: Vec<Problem>,
    /// Keys whose value came from the environment.
    pub from_environment: BTreeSet<&'static str>,
}

impl Check {
    /// Records what must be repaired.
    pub(super) fn refuse(&mut self, key: &str, message: impl Into<String>, hint: impl Into<String>) {
        let message = self.with_origin(key, message.into());
        self.problems.push(Problem::new(key, message, hint));
    }

    /// Records what the operator should know.
    pub(super) fn warn(&mut self, key: &str, message: impl Into<String>, hint: impl Into<String>) {
        let message = self.with_origin(key, message.into());
        self.warnings.push(Problem::new(key, message, hint));
    }

    /// Says where the value stands, when that is not the file.
    fn with_origin(&self, path: &str, message: String) -> String {
        match key::find(path).filter(|key| self.from_environment.contains(key.path)) {
            Some(key) => format!("{message} (set by {})", key.env_name()),
            None => message,
        }
    }

    /// A time within `range`.
    pub(super) fn duration(&mut self, key: &str, text: &str, range: RangeInclusive<Duration>) -> Duration {
        match units::parse_duration(text) {
            Some(time) if range.contains(&time) => return time,
            Some(_) => self.refuse(
                key,
                format!("\"{text}\" is out of range"),
                format!(
                    "choose a time from {} to {}",
                    units::show_duration(*range.start()),
                    units::show_duration(*range.end())
                ),
            ),
            None => self.refuse(
                key,
                format!("\"{text}\" is not a time"),
                "write a whole number and s, m, h or d, such as \"90s\" or \"12h\"",
            ),
        }
        *range.start()
    }

    /// A number of bytes within `range`.
    pub(super) fn size(&mut self, key: &str, text: &str, range: RangeInclusive<u64>) -> u64 {
        match units::parse_size(text) {
            Some(bytes) if range.contains(&bytes) => return bytes,
            Some(_) => self.refuse(
                key,
                format!("\"{text}\" is out of range"),
                format!(
                    "choose a size from {} to {}",
                    units::show_size(*range.start()),
                    units::show_size(*range.end())
                ),
            ),
            None => self.refuse(
                key,
                format!("\"{text}\" is not a size"),
                "write a whole number and B, KiB, MiB or GiB, such as \"64KiB\"",
            ),
        }
        *range.start()
    }

    /// A whole number within `range`.
    pub(super) fn integer(&mut self, key: &str, value: i64, range: RangeInclusive<u32>) -> u32 {
        if let Some(number) = u32::try_from(value).ok().filter(|number| range.contains(number)) {
            return number;
        }
        self.refuse(
            key,
            format!("{value} is out of range"),
            format!("choose a number from {} to {}", range.start(), range.end()),
        );
        *range.start()
    }

    /// A limit of frequency.
    pub(super) fn rate_limit(&mut self, key: &str, text: &str) -> RateLimit {
        units::parse_rate_limit(text).unwrap_or_else(|| {
            self.refuse(
                key,
                format!("\"{text}\" is not a limit"),
                "write a count and a time, such as \"5/1m\" for five in a minute, or \"off\"",
            );
            RateLimit::Off
        })
    }

    /// One of the words of `C`.
    pub(super) fn choice<C: Choice>(&mut self, key: &str, text: &str) -> C {
        if let Some((_, value)) = C::ALL.iter().find(|(word, _)| *word == text) {
            return *value;
        }
        let known = words::<C>();
        let hint = match key::nearest(text, known.iter().map(|word| (*word).to_owned()), ".") {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None => format!("choose one of {}", quoted(&known)),
        };
        self.refuse(key, format!("\"{text}\" is not known"), hint);
        C::default()
    }

    /// One network address with port.
    pub(super) fn address(&mut self, key: &str, text: &str) -> Option<std::net::SocketAddr> {
        let parsed = text.parse().ok();
        if parsed.is_none() {
            self.refuse(
                key,
                format!("\"{text}\" is not an IP address and port"),
                "write it as \"127.0.0.1:8080\", \"0.0.0.0:8443\" or \"[::]:8443\"; host names are not resolved here",
            );
        }
        parsed
    }

    /// A PEM file that can be read now and holds a block whose label ends in `label`.
    pub(super) fn pem_file(&mut self, key: &str, path: &str, label: &str) -> PathBuf {
        match std::fs::read(path) {
            Err(error) => self.refuse(key, format!("{path} cannot be read: {error}"), READABLE),
            Ok(bytes) => self.pem_block(key, path, &bytes, label),
        }
        PathBuf::from(path)
    }

    /// The same for a file that nobody else may read.
    pub(super) fn secret_pem_file(&mut self, key: &str, path: &str, label: &str) -> PathBuf {
        match secret::read(path) {
            Err((message, hint)) => self.refuse(key, message, hint),
            Ok(text) => self.pem_block(key, path, text.expose().as_bytes(), label),
        }
        PathBuf::from(path)
    }

    fn pem_block(&mut self, key: &str, path: &str, bytes: &[u8], label: &str) {
        if !has_pem_block(bytes, label) {
            self.refuse(
                key,
                format!("{path} holds no PEM block {label}"),
                format!("name a PEM file with a line \"-----BEGIN … {label}-----\""),
            );
        }
    }
}

/// Whether a line of the file opens a PEM block (RFC 7468 §2) whose label ends in `label` (`RSA PRIVATE KEY` does in `PRIVATE KEY`).
fn has_pem_block(bytes: &[u8], label: &str) -> bool {
    String::from_utf8_lossy(bytes).lines().any(|line| {
        line.trim_end()
            .strip_prefix("-----BEGIN ")
            .and_then(|rest| rest.strip_suffix("-----"))
            .is_some_and(|found| found.ends_with(label))
    })
}

/// Words in quotes with commas between.
pub(super) fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn limits_are_inclusive_and_named() {
        let mut check = Check::default();
        assert_eq!(check.duration("sessions.idle", "60s", MINUTE..=MINUTE * 2), MINUTE);
        assert_eq!(check.duration("sessions.idle", "2m", MINUTE..=MINUTE * 2), MINUTE * 2);
        assert!(check.problems.is_empty());
        check.duration("sessions.idle", "121s", MINUTE..=MINUTE * 2);
        assert_eq!(check.problems[0].hint, "choose a time from 1m to 2m");
        check.integer("passwords.queue", -1, 1..=9);
        check.integer("passwords.queue", i64::MAX, 1..=9);
        check.size("http.body_limit", "1GiB", 1..=2);
        assert_eq!(check.problems.len(), 4);
    }

    #[test]
    fn the_environment_is_named_as_origin() {
        let mut check = Check::default();
        check.from_environment.insert("sessions.idle");
        check.duration("sessions.idle", "soon", MINUTE..=MINUTE);
        assert_eq!(check.problems[0].key, "sessions.idle");
        assert_eq!(check.problems[0].message, "\"soon\" is not a time (set by GUICHET_SESSIONS__IDLE)");
    }

    #[test]
    fn pem_labels() {
        assert!(has_pem_block(b"text\n-----BEGIN RSA PRIVATE KEY-----\r\nAA", "PRIVATE KEY"));
        assert!(!has_pem_block(b"-----BEGIN PUBLIC KEY-----\n", "PRIVATE KEY"));
        assert!(!has_pem_block(b"\xff\x00", "CERTIFICATE"));
    }
}
