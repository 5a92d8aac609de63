//! `guichet check-config`: every problem and warning of the configuration, nothing started.

use serde_json::json;

use super::context::Context;
use super::output::Failure;
use crate::config::problem;

pub(super) fn run(context: &Context) -> Result<(), Failure> {
    let loaded = context.load_with_warnings()?;
    if context.output.is_json() {
        context.output.object(&json!({"ok": true, "warnings": problem::to_json(&loaded.warnings)}));
    } else {
        if !loaded.warnings.is_empty() {
            context.output.text(&problem::to_text(&loaded.warnings));
        }
        context.output.text("the configuration is in order");
    }
    Ok(())
}
