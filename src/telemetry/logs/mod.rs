//! Log lines on standard error, for machines (JSON) or people (text).
//!
//! Each line that is written while a request is worked on carries the request's id: see [`within`].

mod format;
mod output;
mod request;

use std::panic::PanicHookInfo;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

pub use format::JsonLines;
pub use output::flush;
pub use request::within;

use format::TextLines;
use output::Output;

/// The form of the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// One JSON object per line.
    #[default]
    Json,
    /// For a terminal.
    Text,
}

/// Starts logging for the whole process. `level` is a level or a list such as `info,guichet::http=debug`; one that cannot
/// be read counts as `info`. A second call changes nothing.
pub fn init(level: &str, format: Format) {
    let (filter, unreadable) = match EnvFilter::builder().parse(level) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new("info"), Some(error)),
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(Output::standard_error());
    let registry = tracing_subscriber::registry().with(filter);
    let started = match format {
        Format::Json => registry.with(lines.event_format(JsonLines)).try_init(),
        Format::Text => registry.with(lines.event_format(TextLines::default())).try_init(),
    };
    if started.is_err() {
        return;
    }
    std::panic::set_hook(Box::new(log_panic));
    if let Some(error) = unreadable {
        tracing::warn!(%error, "the log level cannot be read: info it is");
    }
}

/// The place of a panic, and its message only where it is a literal: a formatted one may hold a secret.
fn log_panic(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string);
    let literal = info.payload().downcast_ref::<&'static str>();
    tracing::error!(place, reason = literal.copied(), "panicked");
}
