//! `guichet tenant create|list|show|members|disable|enable`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::context::{self, Context};
use super::output::Failure;
use crate::account::tenants;
use crate::app::App;
use crate::base::id::TenantId;
use crate::model::tenant::{Tenant, TenantKind, TenantStatus};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create a tenant; its code is made here.
    Create(CreateArguments),
    /// List tenants.
    List(PageArguments),
    /// Show a tenant.
    Show(TenantArgument),
    /// List the members of a tenant with their roles.
    Members(TenantArgument),
    /// Nobody may sign in to the tenant any more; its tokens die.
    Disable(TenantArgument),
    /// Allow sign-ins to the tenant again.
    Enable(TenantArgument),
}

#[derive(Debug, Args)]
pub(super) struct CreateArguments {
    /// Name shown to people.
    #[arg(long)]
    name: String,
    /// pharmacy, clinic, hospital, laboratory, radiology, home-care, practice, care-home, group or organization.
    #[arg(long)]
    kind: String,
    /// French department: 01 to 95, 2A, 2B, 971 …
    #[arg(long)]
    department: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct TenantArgument {
    /// Code or UUID of the tenant.
    #[arg(long, value_name = "CODE")]
    tenant: String,
}

#[derive(Debug, Args)]
pub(super) struct PageArguments {
    /// Most rows to show.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) limit: u32,
    /// Show the rows behind this id.
    #[arg(long, value_name = "ID")]
    pub(super) after: Option<i64>,
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    let app = context.open().await?;
    match command {
        Command::Create(arguments) => create(context, &app, arguments).await?,
        Command::List(page) => {
            let found = app.store.read().await?.list_tenants(page.limit, page.after.map(TenantId::new)).await?;
            let rows: Vec<Value> = found.iter().map(shown).collect();
            context.output.list("tenants", &rows, &["id", "code", "kind", "name", "department", "status"]);
        }
        Command::Show(named) => context.output.object(&shown(&context::tenant(&app, &named.tenant).await?)),
        Command::Members(named) => members(context, &app, &named.tenant).await?,
        Command::Disable(named) => set_status(context, &app, &named.tenant, TenantStatus::Disabled).await?,
        Command::Enable(named) => set_status(context, &app, &named.tenant, TenantStatus::Active).await?,
    }
    app.store.close().await;
    Ok(())
}

async fn create(context: &Context, app: &App, arguments: CreateArguments) -> Result<(), Failure> {
    let kind = TenantKind::parse(&arguments.kind).ok_or_else(|| {
        let known: Vec<_> = TenantKind::ALL.iter().map(|kind| kind.as_str()).collect();
        Failure::new(format!("{} is no kind of tenant; one of {}", arguments.kind, known.join(", ")))
    })?;
    let tenant = tenants::create(&app.accounts, &arguments.name, kind, arguments.department).await?;
    context.output.object(&shown(&tenant));
    Ok(())
}

async fn set_status(context: &Context, app: &App, code: &str, status: TenantStatus) -> Result<(), Failure> {
    let tenant = context::tenant(app, code).await?;
    tenants::set_status(&app.accounts, &tenant, status).await?;
    context.output.object(&shown(&context::tenant(app, code).await?));
    Ok(())
}

async fn members(context: &Context, app: &App, code: &str) -> Result<(), Failure> {
    let tenant = context::tenant(app, code).await?;
    let found = app.store.read().await?.members_of(tenant.id, 1_000, None).await?;
    let rows: Vec<Value> = found
        .iter()
        .map(|(user, roles)| {
            json!({"user": user.email, "name": user.display_name(), "roles": roles, "status": user.status.as_str()})
        })
        .collect();
    context.output.list("members", &rows, &["user", "name", "roles", "status"]);
    Ok(())
}

fn shown(tenant: &Tenant) -> Value {
    json!({
        "id": tenant.id,
        "uuid": tenant.uuid,
        "code": tenant.code,
        "name": tenant.name,
        "kind": tenant.kind.as_str(),
        "department": tenant.department,
        "status": tenant.status.as_str(),
    })
}
