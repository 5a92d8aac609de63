//! A file per section: its rows of the table, its type, what it refuses, and the tests of that.

pub(super) mod clients;
pub(super) mod general;
pub(super) mod http;
pub(super) mod keys;
pub(super) mod log;
pub(super) mod mail;
pub(super) mod metrics;
pub(super) mod outbound;
pub(super) mod pages;
pub(super) mod passwords;
pub(super) mod rate_limits;
pub(super) mod registration;
pub(super) mod rpps;
pub(super) mod sessions;
pub(super) mod tls;
pub(super) mod tokens;
pub(super) mod upstreams;

use std::time::Duration;

/// `count` seconds, for the limits of sections.
const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// `count` minutes, for the limits of sections.
const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

/// `count` days, for the limits of sections.
const fn days(count: u64) -> Duration {
    Duration::from_secs(count * 86_400)
}
