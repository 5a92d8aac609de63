//! `guichet registration-token create|list|revoke`: initial access tokens (RFC 7591 §3).

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::context::Context;
use super::output::Failure;
use crate::base::Timestamp;
use crate::config;
use crate::model::registration::InitialAccess;
use crate::oauth::Scope;
use crate::provider::registration;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a token that registers clients, and print it once.
    Create(CreateArguments),
    /// List the tokens, without the tokens themselves.
    List(super::tenant::PageArguments),
    /// End a token. Clients that were registered with it stay.
    Revoke(RevokeArguments),
}

#[derive(Debug, Args)]
pub(super) struct CreateArguments {
    /// How many clients it is good for.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "unlimited")]
    uses: u32,
    /// Good for any number of clients until it ends.
    #[arg(long)]
    unlimited: bool,
    /// How long it is good: `12h`, `30d`.
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = duration)]
    expires: Duration,
    /// Scope that its clients may register beside the standard one, names with spaces between.
    #[arg(long, default_value = "", hide_default_value = true)]
    scope: String,
}

#[derive(Debug, Args)]
pub(super) struct RevokeArguments {
    /// The token's id, as `list` shows it.
    #[arg(long, value_name = "ID")]
    id: i64,
}

fn duration(text: &str) -> Result<Duration, String> {
    let read = config::duration(text).filter(|duration| !duration.is_zero());
    read.ok_or_else(|| "is no duration such as 12h or 30d".to_owned())
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    let app = context.open().await?;
    match command {
        Command::Create(arguments) => {
            let scope = Scope::parse(&arguments.scope).map_err(|error| Failure::new(error.description()))?;
            let uses = (!arguments.unlimited).then_some(arguments.uses);
            let (made, token) =
                registration::create_initial_access(&app.provider, uses, scope, Some(arguments.expires)).await?;
            let mut object = shown(&made);
            if let Some(members) = object.as_object_mut() {
                members.insert("token".to_owned(), token.expose().into());
            }
            context.output.object(&object);
            context.output.text("\nThe token is shown now and never again.");
        }
        Command::List(page) => {
            let after = page.after.unwrap_or_default();
            let found = app.store.read().await?.list_initial_access(page.limit, after).await?;
            let rows: Vec<Value> = found.iter().map(shown).collect();
            context.output.list(
                "registration_tokens",
                &rows,
                &["id", "uses_left", "scope", "created_at", "expires_at"],
            );
        }
        Command::Revoke(arguments) => {
            if !registration::revoke_initial_access(&app.provider, arguments.id).await? {
                return Err(Failure::new(format!("no registration token has the id {}", arguments.id)));
            }
            context.output.object(&json!({"id": arguments.id, "revoked": true}));
        }
    }
    app.store.close().await;
    Ok(())
}

fn shown(token: &InitialAccess) -> Value {
    json!({
        "id": token.id,
        "uses_left": token.uses_left,
        "scope": token.scope,
        "created_at": token.created_at.to_rfc3339_seconds(),
        "expires_at": token.expires_at.map(Timestamp::to_rfc3339_seconds),
    })
}
