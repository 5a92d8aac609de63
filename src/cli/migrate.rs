//! `guichet migrate`: brings the database to this version's schema.

use serde_json::json;

use super::context::Context;
use super::output::Failure;
use crate::app;
use crate::telemetry::{self, Format};

pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    telemetry::init("warn", Format::Text);
    let config = context.load()?;
    let store = app::open_store(&config).await?;
    let ran = store.migrate().await?;
    store.close().await;
    context.output.object(&json!({"database": store.describe(), "migrated": ran}));
    Ok(())
}
