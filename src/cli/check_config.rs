//! `guichet check-config`: every problem and warning of the configuration, nothing started.

use super::context::Context;
use super::output::Failure;
use crate::config::Report;

pub(super) fn run(context: &Context) -> Result<(), Failure> {
    let loaded = context.load_with_warnings()?;
    let report = Report { problems: &[], warnings: &loaded.warnings };
    if context.output.is_json() {
        context.output.object(&report.to_json());
    } else {
        context.output.text(report.to_text().trim_end());
    }
    Ok(())
}
