//! What is wrong with a configuration, for people and for programs.

use std::fmt::Write as _;

use serde::Serialize;

/// One thing to repair or to know. Never holds the value of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Key path (`passwords.policy`), name of an environment variable, or path of the file.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl Problem {
    /// Makes a problem of its three texts.
    pub fn new(key: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { key: key.into(), message: message.into(), hint: hint.into() }
    }
}

/// The outcome of a check, as `check-config` shows it.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Report<'a> {
    /// What must be repaired before anything starts.
    pub problems: &'a [Problem],
    /// What works, and probably is not what the operator wants.
    pub warnings: &'a [Problem],
}

impl Report<'_> {
    /// Whether the configuration can be used.
    pub const fn is_valid(&self) -> bool {
        self.problems.is_empty()
    }

    /// Text for a terminal: one paragraph for each problem, then for each warning, then one line that sums up.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for (label, list) in [("error", self.problems), ("warning", self.warnings)] {
            for problem in list {
                let _ = writeln!(out, "{label}: {}: {}\n  → {}", problem.key, problem.message, problem.hint);
            }
        }
        let _ = match (self.problems.len(), self.warnings.len()) {
            (0, 0) => writeln!(out, "The configuration is valid."),
            (0, warnings) => writeln!(out, "The configuration is valid, with {}.", count(warnings, "warning")),
            (problems, _) => writeln!(out, "The configuration cannot be used: {}.", count(problems, "error")),
        };
        out
    }

    /// JSON for programs: `{"valid": …, "problems": […], "warnings": […]}`.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({ "valid": self.is_valid(), "problems": self.problems, "warnings": self.warnings })
    }
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_json_carry_all_three_parts() {
        let problems = [Problem::new("issuer", "is missing", "set it")];
        let report = Report { problems: &problems, warnings: &[] };
        assert_eq!(
            report.to_text(),
            "error: issuer: is missing\n  → set it\nThe configuration cannot be used: 1 error.\n"
        );
        let json = report.to_json();
        assert_eq!(json["valid"], false);
        assert_eq!(json["problems"][0]["hint"], "set it");
        assert_eq!(json["warnings"], serde_json::json!([]));
    }

    #[test]
    fn warnings_do_not_make_it_invalid() {
        let warnings = [Problem::new("mail", "a", "b"), Problem::new("tls", "a", "b")];
        let report = Report { problems: &[], warnings: &warnings };
        assert!(report.is_valid());
        assert!(report.to_text().ends_with("The configuration is valid, with 2 warnings.\n"));
    }
}
