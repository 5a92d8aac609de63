//! `[log]`: how much to tell, and in which form.

use serde::Deserialize;

use crate::config::check::{Check, Choice, words};
use crate::config::key::{Fallback, Kind, Section, key};

pub(in crate::config) const SECTION: Section = Section {
    name: "log",
    about: "The log, written to standard error output.",
    keys: &[
        key("log.level", Kind::Choice(words::<Level>), Fallback::Value("info"), "The least important level to write."),
        key(
            "log.format",
            Kind::Choice(words::<Format>),
            Fallback::Value("json"),
            "One JSON object a line, or text for people. `guichet demo` writes text.",
        ),
    ],
};

/// `[log]`, as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Raw {
    level: String,
    format: String,
}

/// How to log.
#[derive(Debug, Clone, Copy)]
pub struct Log {
    /// The least important level to write.
    pub level: Level,
    /// The form of a line.
    pub format: Format,
}

/// A level of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Level {
    /// What somebody must look at.
    Error,
    /// What somebody should look at.
    Warn,
    /// One line for a request, and what changes in the program's life.
    #[default]
    Info,
    /// What helps to find a fault.
    Debug,
    /// Everything.
    Trace,
}

impl Choice for Level {
    const ALL: &'static [(&'static str, Self)] = &[
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("trace", Self::Trace),
    ];
}

impl Level {
    /// The word of the level.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// The form of a line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// One JSON object.
    #[default]
    Json,
    /// Text for people.
    Text,
}

impl Choice for Format {
    const ALL: &'static [(&'static str, Self)] = &[("json", Self::Json), ("text", Self::Text)];
}

pub(in crate::config) fn read(raw: &Raw, check: &mut Check) -> Log {
    Log { level: check.choice("log.level", &raw.level), format: check.choice("log.format", &raw.format) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{problems, valid};

    const ISSUER: &str = "issuer = 'https://sso.example.org'\n[log]\n";

    #[test]
    fn levels_and_forms() {
        let log = valid(ISSUER).config.log;
        assert_eq!((log.level, log.format), (Level::Info, Format::Json));
        let log = valid(&format!("{ISSUER}level = 'debug'\nformat = 'text'")).config.log;
        assert_eq!((log.level, log.format), (Level::Debug, Format::Text));
        assert_eq!(problems(&format!("{ISSUER}level = 'wran'"))[0].hint, "did you mean \"warn\"?");
        for (word, level) in Level::ALL {
            assert_eq!(level.as_str(), *word);
        }
    }
}
