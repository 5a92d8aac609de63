//! The two forms of a line.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, Full, Writer};
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::request;

/// The field that names the request.
const REQUEST_ID: &str = "request.id";

/// One JSON object: `timestamp`, `level`, the fields of the event with its `message`, `target`, and `request.id` where a
/// request is worked on.
#[derive(Debug, Clone, Copy, Default)]
pub struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        to.write_str("{\"timestamp\":\"")?;
        SystemTime.format_time(&mut to)?;
        to.write_str("\",\"level\":\"")?;
        to.write_str(event.metadata().level().as_str())?;
        to.write_char('"')?;
        let mut members = Members { to: &mut to, outcome: Ok(()), has_id: false };
        event.record(&mut members);
        if !members.has_id {
            request::current(|id| members.text(REQUEST_ID, id));
        }
        members.text("target", event.metadata().target());
        members.outcome?;
        to.write_str("}\n")
    }
}

/// Writes fields as members of the object.
struct Members<'w, 'a> {
    to: &'w mut Writer<'a>,
    outcome: fmt::Result,
    has_id: bool,
}

impl Members<'_, '_> {
    fn member(&mut self, name: &str, value: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        if self.outcome.is_ok() {
            self.outcome =
                quoted(self.to, ',', name).and_then(|()| self.to.write_char(':')).and_then(|()| value(self.to));
        }
    }

    fn text(&mut self, name: &str, text: &str) {
        self.member(name, |to| {
            to.write_char('"')?;
            Escaped(to).write_str(text)?;
            to.write_char('"')
        });
    }
}

fn quoted(to: &mut Writer<'_>, before: char, name: &str) -> fmt::Result {
    to.write_char(before)?;
    to.write_char('"')?;
    Escaped(to).write_str(name)?;
    to.write_char('"')
}

impl Visit for Members<'_, '_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.has_id |= field.name() == REQUEST_ID;
        self.text(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field.name(), |to| write!(to, "{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field.name(), |to| write!(to, "{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field.name(), |to| to.write_str(if value { "true" } else { "false" }));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no word for the others.
        self.member(field.name(), |to| if value.is_finite() { write!(to, "{value}") } else { to.write_str("null") });
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.has_id |= field.name() == REQUEST_ID;
        self.member(field.name(), |to| {
            to.write_char('"')?;
            write!(Escaped(to), "{value:?}")?;
            to.write_char('"')
        });
    }
}

/// Escapes what a JSON string cannot hold (RFC 8259 §7), so that no value can end its string or its line.
struct Escaped<'w, 'a>(&'w mut Writer<'a>);

impl fmt::Write for Escaped<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let plain = |c: char| c != '"' && c != '\\' && !c.is_control();
        let mut rest = text;
        while let Some(at) = rest.find(|c| !plain(c)) {
            let (before, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
            self.0.write_str(before)?;
            let mut characters = from.chars();
            match characters.next() {
                Some('"') => self.0.write_str("\\\"")?,
                Some('\\') => self.0.write_str("\\\\")?,
                Some('\n') => self.0.write_str("\\n")?,
                Some(other) => write!(self.0, "\\u{:04x}", u32::from(other))?,
                None => {}
            }
            rest = characters.as_str();
        }
        self.0.write_str(rest)
    }
}

/// The library's own line for terminals, and behind it the id of the request.
#[derive(Debug, Default)]
pub(super) struct TextLines(Format<Full>);

impl<S, N> FormatEvent<S, N> for TextLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        to.write_str(line.trim_end_matches('\n'))?;
        if event.metadata().fields().field(REQUEST_ID).is_none() {
            let mut outcome = Ok(());
            request::current(|id| outcome = write!(to, " {REQUEST_ID}={id:?}"));
            outcome?;
        }
        to.write_char('\n')
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines<F>(format: F, act: impl FnOnce()) -> String
    where
        F: for<'w> FormatEvent<tracing_subscriber::Registry, tracing_subscriber::fmt::format::DefaultFields>
            + Send
            + Sync
            + 'static,
    {
        let captured = Captured::default();
        let writer = captured.clone();
        let layer = tracing_subscriber::fmt::layer().event_format(format).with_writer(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), act);
        let bytes = captured.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn every_kind_of_value_is_json_and_no_value_breaks_the_line() {
        let text = lines(JsonLines, || {
            let nasty = "a\"b\\c\nd\u{1}\u{7f}\u{2028}é";
            tracing::warn!(nasty, debug = ?nasty, shown = %nasty, whole = -1_i64, count = u64::MAX, yes = true, part = 0.5,
                nan = f64::NAN, missing = Option::<u64>::None, "said \"so\"");
        });
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["message"], "said \"so\"");
        assert_eq!(line["nasty"], "a\"b\\c\nd\u{1}\u{7f}\u{2028}é");
        assert_eq!(line["shown"], line["nasty"]);
        assert_eq!((&line["whole"], &line["count"]), (&(-1).into(), &u64::MAX.into()));
        assert_eq!((&line["yes"], &line["part"], &line["nan"]), (&true.into(), &0.5.into(), &serde_json::Value::Null));
        assert!(line["target"].as_str().unwrap().contains("telemetry"));
        assert!(line.get("missing").is_none() && line.get("request.id").is_none());
        let stamp = line["timestamp"].as_str().unwrap();
        assert!(stamp.ends_with('Z') && stamp.len() == 27, "{stamp}");
    }

    #[test]
    fn lines_within_a_request_carry_its_id_once() {
        let said = || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(request::within("r-1".into(), async {
                tracing::info!("inside");
                tracing::info!("request.id" = "r-2", "its own");
            }));
        };
        let json: Vec<serde_json::Value> =
            lines(JsonLines, said).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&json[0]["request.id"], &json[1]["request.id"]), (&"r-1".into(), &"r-2".into()));
        let text = lines(TextLines::default(), said);
        let ids: Vec<_> = text.lines().map(|line| line.split("request.id=").nth(1).unwrap()).collect();
        assert_eq!(ids, ["\"r-1\"", "\"r-2\""], "{text}");
    }
}
