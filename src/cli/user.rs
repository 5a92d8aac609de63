//! `guichet user create|list|show|disable|enable|set-password|grant|revoke`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::context::{self, Context};
use super::output::Failure;
use crate::account::people::{self, NewPerson};
use crate::app::App;
use crate::base::id::UserId;
use crate::config;
use crate::model::role::Role;
use crate::model::user::{User, UserStatus};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create an account.
    Create(CreateArguments),
    /// List accounts.
    List(ListArguments),
    /// Show an account with its tenants and roles.
    Show(UserArgument),
    /// End all sessions and tokens of an account and refuse its sign-ins.
    Disable(UserArgument),
    /// Allow an account to sign in again.
    Enable(UserArgument),
    /// Give an account a new password, read from standard input; ends its sessions and tokens.
    SetPassword(SetPasswordArguments),
    /// Give a person a role in a tenant.
    Grant(RoleArguments),
    /// Take a role in a tenant, or with no --role the whole membership, from a person.
    Revoke(RevokeArguments),
}

#[derive(Debug, Args)]
pub(super) struct CreateArguments {
    /// E-mail address, by which the person signs in.
    #[arg(long)]
    email: String,
    /// Given name.
    #[arg(long, default_value = "")]
    first_name: String,
    /// Family name.
    #[arg(long, default_value = "")]
    last_name: String,
    /// RPPS number, 11 digits.
    #[arg(long)]
    rpps: Option<String>,
    /// A JSON object of standard claims (OpenID Connect Core 5.1).
    #[arg(long, value_name = "FILE")]
    claims: Option<PathBuf>,
    /// Read the password from standard input; without it the account has none.
    #[arg(long)]
    password_stdin: bool,
    /// The person may run the platform; sees no patient by that alone.
    #[arg(long)]
    platform_admin: bool,
}

#[derive(Debug, Args)]
pub(super) struct ListArguments {
    /// Only accounts whose name or address holds this, accents and case aside.
    #[arg(long)]
    search: Option<String>,
    #[command(flatten)]
    page: super::tenant::PageArguments,
}

#[derive(Debug, Args)]
pub(super) struct UserArgument {
    /// E-mail address of the account.
    #[arg(long, value_name = "EMAIL")]
    user: String,
}

#[derive(Debug, Args)]
pub(super) struct SetPasswordArguments {
    #[command(flatten)]
    user: UserArgument,
    /// Read the password from standard input.
    #[arg(long, required = true)]
    password_stdin: bool,
}

#[derive(Debug, Args)]
pub(super) struct RoleArguments {
    #[command(flatten)]
    user: UserArgument,
    /// Code or UUID of the tenant.
    #[arg(long, value_name = "CODE")]
    tenant: String,
    /// The role.
    #[arg(long)]
    role: String,
}

#[derive(Debug, Args)]
pub(super) struct RevokeArguments {
    #[command(flatten)]
    user: UserArgument,
    /// Code or UUID of the tenant.
    #[arg(long, value_name = "CODE")]
    tenant: String,
    /// The role; without it the whole membership ends.
    #[arg(long)]
    role: Option<String>,
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    let app = context.open().await?;
    match command {
        Command::Create(arguments) => create(context, &app, arguments).await?,
        Command::List(arguments) => list(context, &app, arguments).await?,
        Command::Show(named) => show(context, &app, &named.user).await?,
        Command::Disable(named) => set_status(context, &app, &named.user, UserStatus::Disabled).await?,
        Command::Enable(named) => set_status(context, &app, &named.user, UserStatus::Active).await?,
        Command::SetPassword(arguments) => {
            let user = context::user(&app, &arguments.user.user).await?;
            people::set_password(&app.accounts, &user, context::password_from_stdin()?).await?;
            context.output.object(&json!({"user": user.email, "password": "changed"}));
        }
        Command::Grant(arguments) => grant(context, &app, arguments).await?,
        Command::Revoke(arguments) => revoke(context, &app, arguments).await?,
    }
    app.store.close().await;
    Ok(())
}

async fn create(context: &Context, app: &App, arguments: CreateArguments) -> Result<(), Failure> {
    let claims = match &arguments.claims {
        Some(path) => match context::json_file(path)? {
            Value::Object(claims) => claims,
            _ => return Err(Failure::new(format!("{}: must hold a JSON object", path.display()))),
        },
        None => Map::new(),
    };
    let password = if arguments.password_stdin { Some(context::password_from_stdin()?) } else { None };
    let person = NewPerson {
        email: arguments.email,
        first_name: arguments.first_name,
        last_name: arguments.last_name,
        rpps: arguments.rpps,
        claims,
        password,
        platform_admin: arguments.platform_admin,
        strict_rpps: app.config.rpps.policy == config::Policy::Strict,
    };
    let user = people::create(&app.accounts, person).await?;
    context.output.object(&shown(&user));
    Ok(())
}

async fn list(context: &Context, app: &App, arguments: ListArguments) -> Result<(), Failure> {
    let after = arguments.page.after.map(UserId::new);
    let found = app.store.read().await?.list_users(arguments.search.as_deref(), arguments.page.limit, after).await?;
    let rows: Vec<Value> = found.iter().map(shown).collect();
    context.output.list("users", &rows, &["id", "email", "first_name", "last_name", "rpps", "status"]);
    Ok(())
}

async fn show(context: &Context, app: &App, email: &str) -> Result<(), Failure> {
    let user = context::user(app, email).await?;
    let memberships = app.store.read().await?.memberships_of(user.id).await?;
    let mut object = shown(&user);
    let tenants: Vec<Value> = memberships
        .iter()
        .map(|member| json!({"code": member.tenant.code, "name": member.tenant.name, "roles": member.roles}))
        .collect();
    if let Some(members) = object.as_object_mut() {
        members.insert("tenants".to_owned(), tenants.into());
    }
    context.output.object(&object);
    Ok(())
}

async fn set_status(context: &Context, app: &App, email: &str, status: UserStatus) -> Result<(), Failure> {
    let user = context::user(app, email).await?;
    people::set_status(&app.accounts, &user, status).await?;
    context.output.object(&shown(&context::user(app, email).await?));
    Ok(())
}

async fn grant(context: &Context, app: &App, arguments: RoleArguments) -> Result<(), Failure> {
    let (user, tenant) =
        (context::user(app, &arguments.user.user).await?, context::tenant(app, &arguments.tenant).await?);
    let roles = people::grant_role(&app.accounts, &user, &tenant, role(&arguments.role)?).await?;
    context.output.object(&json!({"user": user.email, "tenant": tenant.code, "roles": roles}));
    Ok(())
}

async fn revoke(context: &Context, app: &App, arguments: RevokeArguments) -> Result<(), Failure> {
    let (user, tenant) =
        (context::user(app, &arguments.user.user).await?, context::tenant(app, &arguments.tenant).await?);
    let named = arguments.role.as_deref().map(role).transpose()?;
    let roles = people::revoke_role(&app.accounts, &user, &tenant, named).await?;
    context.output.object(&json!({"user": user.email, "tenant": tenant.code, "roles": roles}));
    Ok(())
}

pub(super) fn role(text: &str) -> Result<Role, Failure> {
    Role::parse(text).ok_or_else(|| {
        let known: Vec<_> = Role::ALL.iter().map(|role| role.as_str()).collect();
        Failure::new(format!("{text} is no role; one of {}", known.join(", ")))
    })
}

fn shown(user: &User) -> Value {
    json!({
        "id": user.id,
        "uuid": user.uuid,
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "rpps": user.rpps,
        "platform_admin": user.platform_admin,
        "status": user.status.as_str(),
    })
}
