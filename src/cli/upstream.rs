//! `guichet upstream list|test|register|withdraw|rotate-keys|map|unmap|mappings|professions`.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::context::{self, Context};
use super::output::Failure;
use crate::app::App;
use crate::base::Timestamp;
use crate::federation::registration::{self, Found, State};
use crate::federation::{Registration, Upstream, mapping, nomenclature};
use crate::model::identity::Mapping;
use crate::model::role::Role;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the upstreams with what their presets fill in, and the address to register there.
    List,
    /// Reach an upstream as a sign-in would, and ask it whether it still knows our registration. Registers nothing.
    Test(NameArgument),
    /// Register anew at an upstream with `registration = "dynamic"`. What began with the registration before ends with it.
    Register(NameArgument),
    /// Delete every registration of ours at an upstream, there as far as it lets us, and here. The next sign-in registers anew.
    Withdraw(NameArgument),
    /// Have the next key that signs for an upstream sign from now on: for one that leaked. It was published before.
    RotateKeys(NameArgument),
    /// Give a role to whom practises as a profession at a FINESS number of a tenant.
    Map(MappingArguments),
    /// Remove a line of a tenant's mapping. Roles that it gave go at each person's next sign-in.
    Unmap(MappingArguments),
    /// List a tenant's mapping.
    Mappings(TenantArgument),
    /// List the codes of professions and roles that a mapping may name, with what they mean.
    Professions,
}

#[derive(Debug, Args)]
pub(super) struct NameArgument {
    /// Name of the upstream in the configuration.
    #[arg(value_name = "NAME")]
    name: String,
}

#[derive(Debug, Args)]
pub(super) struct TenantArgument {
    /// Code or UUID of the tenant.
    #[arg(long, value_name = "CODE")]
    tenant: String,
}

#[derive(Debug, Args)]
pub(super) struct MappingArguments {
    /// Code or UUID of the tenant.
    #[arg(long, value_name = "CODE")]
    tenant: String,
    /// FINESS number of a site or legal entity, 9 characters.
    #[arg(long)]
    finess: String,
    /// Code of the profession (TRE_G15), or of the role (TRE_R85) where that says more.
    #[arg(long)]
    profession: String,
    /// The role that comes of it.
    #[arg(long)]
    role: String,
}

/// A code of the national tables as a row.
fn coded(entry: nomenclature::Entry) -> Value {
    json!({"code": entry.code, "label": entry.label, "table": entry.table, "replaced_by": entry.successor})
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    if matches!(command, Command::Professions) {
        let rows: Vec<Value> = nomenclature::entries().map(coded).collect();
        context.output.list("professions", &rows, &["code", "label", "table", "replaced_by"]);
        return Ok(());
    }
    let app = context.open().await?;
    match command {
        Command::List => {
            let mut rows = Vec::new();
            for upstream in app.federation.all() {
                rows.push(shown(&app, upstream).await?);
            }
            context.output.list(
                "upstreams",
                &rows,
                &["name", "preset", "label", "issuer", "client_id", "redirect_uri"],
            );
        }
        Command::Test(named) => test(context, &app, &named.name).await?,
        Command::Register(named) => {
            let upstream = find(&app, &named.name)?;
            let state = registration::register_now(&app.federation, upstream).await;
            let state = state.map_err(|error| Failure::new(format!("{}: {error}", named.name)))?;
            context.output.object(&with_name(&named.name, &registered(&state)));
        }
        Command::Withdraw(named) => {
            let upstream = find(&app, &named.name)?;
            let done = registration::withdraw(&app.federation, upstream).await?;
            let counts = json!({"forgotten": done.forgotten, "deleted_there": done.deleted});
            context.output.object(&with_name(&named.name, &counts));
        }
        Command::RotateKeys(named) => {
            let upstream = find(&app, &named.name)?;
            let done = app.federation.rotate_keys_of(upstream).await;
            done.map_err(|error| Failure::new(format!("{}: {error}", named.name)))?;
            context.output.object(&with_name(&named.name, &upstream.published_keys().unwrap_or_default()));
        }
        Command::Map(arguments) => {
            let (tenant, line) = read(&app, arguments).await?;
            let row = described(&line);
            let added = mapping::add(&app.federation, tenant, line).await?;
            context.output.object(&with(row, "added", added));
        }
        Command::Unmap(arguments) => {
            let (tenant, line) = read(&app, arguments).await?;
            let row = described(&line);
            let removed = mapping::remove(&app.federation, tenant, line).await?;
            context.output.object(&with(row, "removed", removed));
        }
        Command::Professions => {}
        Command::Mappings(named) => {
            let tenant = context::tenant(&app, &named.tenant).await?;
            let lines = app.store.read().await?.mappings_of(tenant.id).await?;
            let rows: Vec<Value> = lines.iter().map(described).collect();
            context.output.list("mappings", &rows, &["finess", "profession", "label", "role"]);
        }
    }
    app.store.close().await;
    Ok(())
}

/// A line, with what its code means; null for a code that no table has.
fn described(line: &Mapping) -> Value {
    let label = nomenclature::label(&line.profession);
    json!({"finess": line.finess, "profession": line.profession, "label": label, "role": line.role})
}

fn with(mut row: Value, name: &str, done: bool) -> Value {
    if let Some(row) = row.as_object_mut() {
        row.insert(name.to_owned(), done.into());
    }
    row
}

async fn read(app: &App, given: MappingArguments) -> Result<(crate::base::id::TenantId, Mapping), Failure> {
    let tenant = context::tenant(app, &given.tenant).await?;
    let role = Role::parse(&given.role).ok_or_else(|| {
        let known: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
        Failure::new(format!("{} is no role; there are {}", given.role, known.join(", ")))
    })?;
    let is_finess =
        given.finess.len() == 9 && given.finess.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
    if !is_finess {
        return Err(Failure::new(format!("{} is no FINESS number: 9 digits, 2A or 2B for Corsica", given.finess)));
    }
    // A code that the tables do not have yet is kept; something that is no code is a mistake.
    let is_code =
        (1..=8).contains(&given.profession.len()) && given.profession.bytes().all(|b| b.is_ascii_alphanumeric());
    if !is_code {
        let why = "is no code; `guichet upstream professions` lists those of the national tables";
        return Err(Failure::new(format!("{} {why}", given.profession)));
    }
    Ok((tenant.id, Mapping { finess: given.finess, profession: given.profession, role }))
}

fn find<'a>(app: &'a App, name: &str) -> Result<&'a Upstream, Failure> {
    app.federation.find(name).ok_or_else(|| {
        let known: Vec<String> = app.federation.all().iter().map(|upstream| upstream.settings.name.clone()).collect();
        Failure::new(match known.as_slice() {
            [] => format!("there is no upstream {name}: none is configured ([upstreams.<name>])"),
            known => format!("there is no upstream {name}; there are {}", known.join(", ")),
        })
    })
}

/// What the upstream says of our registration.
const fn said(found: Found) -> &'static str {
    match found {
        Found::None => "none yet",
        Found::Unmanaged => "there is one; the upstream gives no way to ask about it",
        Found::Stands => "stands",
        Found::Gone => "the upstream does not know it any more; the next sign-in registers anew",
    }
}

fn with_name(name: &str, more: &Value) -> Value {
    let mut object: Map<String, Value> = Map::new();
    object.insert("upstream".to_owned(), name.into());
    object.extend(more.as_object().cloned().unwrap_or_default());
    Value::Object(object)
}

/// A registration as an object. Its secret is nobody's to see.
fn registered(state: &State) -> Value {
    json!({
        "client_id": state.client_id,
        "client_auth_method": state.auth_method,
        "registered_at": state.created_at.to_rfc3339_seconds(),
        "secret_expires_at": state.expires_at.map(Timestamp::to_rfc3339_seconds),
        "managed": state.is_managed,
        "earlier": state.earlier,
    })
}

async fn test(context: &Context, app: &App, name: &str) -> Result<(), Failure> {
    let upstream = find(app, name)?;
    let found = upstream.connector().test().await.map_err(|error| Failure::new(format!("{name}: {error}")))?;
    let mut object: Map<String, Value> = Map::new();
    object.insert("upstream".to_owned(), name.into());
    object.extend(found.into_iter().map(|(what, value)| (what.to_owned(), Value::from(value))));
    if registration::is_dynamic(upstream) {
        let found = registration::check(&app.federation, upstream).await;
        let found = found.map_err(|error| Failure::new(format!("{name}: {error}")))?;
        object.insert("registration".to_owned(), said(found).into());
    }
    context.output.object(&Value::Object(object));
    Ok(())
}

async fn shown(app: &App, upstream: &Upstream) -> Result<Value, Failure> {
    let settings = &upstream.settings;
    let (client_id, state) = match &settings.registration {
        Registration::Static { client_id, .. } => (Some(client_id.clone()), None),
        Registration::Dynamic(_) => {
            let state = registration::state(&app.federation, upstream).await?;
            (state.as_ref().map(|state| state.client_id.clone()), state)
        }
    };
    Ok(json!({
        "name": settings.name,
        "preset": settings.preset_name(),
        "label": settings.label,
        "issuer": settings.issuer,
        "discovery_url": settings.discovery_url,
        "client_id": client_id,
        "registration": if registration::is_dynamic(upstream) { "dynamic" } else { "static" },
        "registered": state.as_ref().map(registered),
        "scopes": settings.scopes,
        "acr_values": settings.acr_values,
        "client_auth_method": settings.auth.as_str(),
        "ciba": settings.ciba,
        "follow_session": settings.follow_session.map(|every| every.as_secs()),
        "redirect_uri": app.federation.redirect_uri(&settings.name),
        "dialect_redirect_uris": app.federation.ways_back(settings).into_iter().skip(1).collect::<Vec<_>>(),
        "post_logout_redirect_uri": app.federation.logout_uri(&settings.name),
        "backchannel_logout_uri": settings.backchannel_logout.then(|| app.federation.backchannel_uri(&settings.name)),
        "jwks_uri": upstream.published_keys().map(|_| app.federation.jwks_uri(&settings.name)),
    }))
}
