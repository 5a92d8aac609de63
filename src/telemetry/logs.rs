//! Log lines on standard error, for machines (JSON) or people (text).

use std::panic::PanicHookInfo;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The form of the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// One JSON object per line.
    #[default]
    Json,
    /// For a terminal.
    Text,
}

/// Why logging does not start.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The level is none of `error`, `warn`, `info`, `debug`, `trace`, nor a list of `target=level`.
    #[error("not a log level: {0}")]
    Level(#[from] tracing_subscriber::filter::ParseError),
    /// Called a second time.
    #[error("logging has already started")]
    Twice,
}

/// Starts logging for the whole process. `level` is a level or a list such as `info,guichet::http=debug`.
pub fn init(level: &str, format: LogFormat) -> Result<(), InitError> {
    let filter = EnvFilter::builder().parse(level)?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(filter);
    let started = match format {
        LogFormat::Json => {
            registry.with(lines.json().flatten_event(true).with_current_span(true).with_span_list(false)).try_init()
        }
        LogFormat::Text => registry.with(lines).try_init(),
    };
    started.map_err(|_| InitError::Twice)?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// The place of a panic, and its message only where it is a literal: a formatted one may hold a secret.
fn log_panic(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string);
    let literal = info.payload().downcast_ref::<&'static str>();
    tracing::error!(place, reason = literal.copied(), "panicked");
}
