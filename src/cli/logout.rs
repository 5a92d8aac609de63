//! `guichet logout list`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::context::Context;
use super::output::Failure;
use crate::base::Timestamp;
use crate::model::logout::NoticeRecord;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List what applications were told of ended sessions, the newest first; settled notices are kept for 7 days.
    List(ListArguments),
}

#[derive(Debug, Args)]
pub(super) struct ListArguments {
    /// Only notices that were refused or given up, or whose last attempt failed.
    #[arg(long)]
    failed: bool,
    /// Most rows to show.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    let app = context.open().await?;
    match command {
        Command::List(ListArguments { failed, limit }) => {
            let found = app.store.read().await?.logout_notices(failed, limit).await?;
            let rows: Vec<Value> = found.iter().map(shown).collect();
            let columns = ["queued_at", "client_id", "sid", "state", "attempts", "due_at", "last_status", "last_error"];
            context.output.list("notices", &rows, &columns);
        }
    }
    app.store.close().await;
    Ok(())
}

fn shown(notice: &NoticeRecord) -> Value {
    json!({
        "sid": notice.sid.to_string(),
        "client_id": notice.client_id,
        "state": notice.state.as_str(),
        "queued_at": notice.queued_at.to_rfc3339_micros(),
        "due_at": notice.due_at.map(Timestamp::to_rfc3339_micros),
        "attempts": notice.attempts,
        "last_status": notice.last_status,
        "last_error": notice.last_error,
        "settled_at": notice.settled_at.map(Timestamp::to_rfc3339_micros),
    })
}
