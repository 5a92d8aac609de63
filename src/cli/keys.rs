//! `guichet keys list|rotate`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::context::Context;
use super::output::Failure;
use crate::app::{App, rotation_policy};
use crate::audit::{Action, AuditEvent};
use crate::jose::Algorithm;
use crate::provider::keys::{Rotation, rotate};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show the signing keys and where each stands: next, active, retired, gone.
    List,
    /// Sign with the next key from now on: next becomes active, active retires, a new next is published.
    ///
    /// A running server follows within a second. Tokens signed before stay valid until they expire.
    Rotate(RotateArguments),
}

#[derive(Debug, Args)]
pub(super) struct RotateArguments {
    /// Rotate only this algorithm's key (RS256, PS256, ES256, EdDSA).
    #[arg(long, value_name = "ALG")]
    alg: Option<String>,
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    let app = context.open().await?;
    if let Command::Rotate(arguments) = command {
        rotate_now(&app, arguments.alg.as_deref()).await?;
    }
    let keys = listed(&app).await?;
    context.output.list("keys", &keys, &["kid", "alg", "state", "created_at", "changed_at"]);
    app.store.close().await;
    Ok(())
}

async fn rotate_now(app: &App, alg: Option<&str>) -> Result<(), Failure> {
    let only = alg
        .map(|text| {
            Algorithm::parse(text).ok_or_else(|| Failure::new(format!("{text} is not RS256, PS256, ES256 or EdDSA")))
        })
        .transpose()?;
    let world = &app.world;
    rotate(&app.store, world.key_maker(&app.master), &rotation_policy(&app.config), Rotation::Now(only)).await?;
    let mut event = AuditEvent::new(Action::KeysRotated, world.clock.now());
    event.entity_id = alg.map(str::to_owned);
    app.store.write("keys_rotated", move |tx| Box::pin(async move { tx.append_audit(&event).await })).await?;
    Ok(())
}

async fn listed(app: &App) -> Result<Vec<Value>, Failure> {
    let records = app.store.read().await?.keys().await?;
    Ok(records
        .iter()
        .map(|key| {
            json!({
                "kid": key.kid,
                "alg": key.alg,
                "state": key.state.as_str(),
                "created_at": key.created_at.to_rfc3339_seconds(),
                "changed_at": key.changed_at.to_rfc3339_seconds(),
            })
        })
        .collect())
}
