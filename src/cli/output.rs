//! What commands print: one JSON object, or lines for people.

use std::io::Write as _;
use std::process::ExitCode;

use serde_json::{Value, json};

/// Where and how a command prints.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    json: bool,
}

/// Why a command ends with exit code 1.
#[derive(Debug)]
pub(super) struct Failure {
    message: String,
    more: Value,
}

impl Failure {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), more: Value::Null }
    }

    /// Adds what `--json` shows beside the message.
    pub(super) fn with(message: impl Into<String>, more: Value) -> Self {
        Self { message: message.into(), more }
    }
}

/// A use case's own message is the failure's.
impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error.to_string())
    }
}

impl Output {
    pub(super) const fn new(json: bool) -> Self {
        Self { json }
    }

    pub(super) const fn is_json(self) -> bool {
        self.json
    }

    /// Prints an object: as JSON, or each member on a line of its own.
    pub(super) fn object(self, object: &Value) {
        if self.json {
            return print(&object.to_string());
        }
        let Some(members) = object.as_object() else { return print(&plain(object)) };
        let width = members.keys().map(String::len).max().unwrap_or(0);
        for (name, value) in members {
            print(&format!("{name:width$}  {}", plain(value)));
        }
    }

    /// Prints a list under `name`: as JSON, or as a table of `columns`.
    pub(super) fn list(self, name: &str, rows: &[Value], columns: &[&str]) {
        if self.json {
            return print(&json!({name: rows}).to_string());
        }
        if rows.is_empty() {
            return print(&format!("no {}", name.replace('_', " ")));
        }
        let cell = |row: &Value, column: &str| plain(row.get(column).unwrap_or(&Value::Null));
        let widths: Vec<usize> = columns
            .iter()
            .map(|column| rows.iter().map(|row| cell(row, column).chars().count()).max().unwrap_or(0).max(column.len()))
            .collect();
        let line = |cells: Vec<String>| {
            let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            print(padded.join("  ").trim_end());
        };
        line(columns.iter().map(|column| column.to_uppercase()).collect());
        for row in rows {
            line(columns.iter().map(|column| cell(row, column)).collect());
        }
    }

    /// Prints lines for people; nothing with `--json`.
    pub(super) fn text(self, text: &str) {
        if !self.json {
            print(text);
        }
    }

    /// Prints why the command failed, and gives its exit code.
    pub(super) fn fail(self, failure: &Failure) -> ExitCode {
        if self.json {
            let mut object = json!({"error": failure.message});
            if let (Some(object), Some(more)) = (object.as_object_mut(), failure.more.as_object()) {
                object.extend(more.clone());
            }
            print(&object.to_string());
        }
        drop(writeln!(std::io::stderr(), "guichet: {}", failure.message));
        ExitCode::FAILURE
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// A reader that went away (`guichet … | head`) is no failure of ours.
fn print(line: &str) {
    let mut out = std::io::stdout().lock();
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
}
