//! The command line: every operator's act, each with `--json`.
//!
//! Owns arguments, output and exit codes; what a command does is a use case of another room. With `--json` one object goes
//! to standard output; logs and messages always go to standard error. Exit codes: 0 done, 1 refused or failed, 2 wrong usage.

mod check_config;
mod client;
mod client_algorithms;
mod client_members;
mod context;
mod demo;
mod doctor;
mod invitation;
mod keys;
mod logout;
mod migrate;
mod output;
mod registration_token;
mod serve;
mod simulate;
mod tenant;
mod upstream;
mod user;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::telemetry;
use context::Context;
use output::{Failure, Output};

/// Identity and single sign-on broker for healthcare software.
#[derive(Debug, Parser)]
#[command(name = "guichet", version, about, propagate_version = true)]
struct Arguments {
    /// Configuration file (TOML); every key can also be set as `GUICHET_…`.
    #[arg(long, global = true, env = "GUICHET_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print one JSON object on standard output.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until SIGTERM or Ctrl-C.
    Serve,
    /// Serve with embedded storage and demo data; needs no configuration.
    Demo(demo::Arguments),
    /// Serve a simulated upstream provider, for integration and tests; never for people.
    Simulate(simulate::Arguments),
    /// Bring the database to this version's schema.
    Migrate,
    /// Check the configuration and report every problem.
    CheckConfig,
    /// Check the configuration, the storage, the keys and the clock as `serve` would find them.
    Doctor,
    /// List and rotate signing keys.
    #[command(subcommand)]
    Keys(keys::Command),
    /// Register and manage relying applications and resource servers.
    #[command(subcommand)]
    Client(client::Command),
    /// See which applications learned that sessions ended.
    #[command(subcommand)]
    Logout(logout::Command),
    /// Make and end tokens with which clients register themselves.
    #[command(subcommand)]
    RegistrationToken(registration_token::Command),
    /// Create and manage tenants.
    #[command(subcommand)]
    Tenant(tenant::Command),
    /// Create and manage people and their roles.
    #[command(subcommand)]
    User(user::Command),
    /// Invite people into tenants.
    #[command(subcommand)]
    Invitation(invitation::Command),
    /// List and test the providers where people sign in, and what their answers give.
    #[command(subcommand)]
    Upstream(upstream::Command),
}

/// Parses the command line, runs the command, prints its outcome.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let output = Output::new(arguments.json);
    let context = Context { config: arguments.config, output };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output.fail(&Failure::new(format!("the runtime does not start: {error}"))),
    };
    let ended = runtime.block_on(run(&context, arguments.command));
    telemetry::flush();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => output.fail(&failure),
    }
}

async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve => serve::run(context).await,
        Command::Demo(arguments) => demo::run(context, arguments).await,
        Command::Simulate(arguments) => simulate::run(context, arguments).await,
        Command::Migrate => migrate::run(context).await,
        Command::CheckConfig => check_config::run(context),
        Command::Doctor => doctor::run(context).await,
        Command::Keys(command) => keys::run(context, command).await,
        Command::Client(command) => client::run(context, command).await,
        Command::Logout(command) => logout::run(context, command).await,
        Command::RegistrationToken(command) => registration_token::run(context, command).await,
        Command::Tenant(command) => tenant::run(context, command).await,
        Command::User(command) => user::run(context, command).await,
        Command::Invitation(command) => invitation::run(context, command).await,
        Command::Upstream(command) => upstream::run(context, command).await,
    }
}
