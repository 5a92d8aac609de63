//! `guichet client create|list|show|update|disable|enable|delete|rotate-secret`.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::client_algorithms;
use super::client_members::{FurtherMembers, set};
use super::context::{self, Context};
use super::output::Failure;
use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::ClientKey;
use crate::config;
use crate::model::client::{AccessTokenFormat, Client, ClientPolicy, ClientStatus, PkcePolicy};
use crate::oauth::Scope;
use crate::oauth::client_metadata::{AuthMethod, ClientMetadata, GrantType};
use crate::oauth::registration_request::document;
use crate::oauth::response::ResponseType;
use crate::provider::registration;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Register a client. Its secret is printed once.
    Create(Box<CreateArguments>),
    /// List clients.
    List(super::tenant::PageArguments),
    /// Show a client: its registration and its policy.
    Show(ClientArgument),
    /// Change the named members of a client; lists are replaced.
    Update(Box<UpdateArguments>),
    /// Refuse every request of a client; its tokens die.
    Disable(ClientArgument),
    /// Allow a client again.
    Enable(ClientArgument),
    /// Delete a client with its consents; its tokens die.
    Delete(ClientArgument),
    /// Make a new secret, printed once; the present one goes on for a while (`clients.secret_overlap`).
    RotateSecret(ClientArgument),
}

#[derive(Debug, Args)]
pub(super) struct ClientArgument {
    /// The client's `client_id`.
    #[arg(long = "client", value_name = "CLIENT_ID")]
    client: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TokenFormat {
    Jwt,
    Opaque,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Pkce {
    Required,
    Optional,
}

#[derive(Debug, Args)]
pub(super) struct CreateArguments {
    /// Name shown to people.
    #[arg(long)]
    name: String,
    /// At the operator's own service: no consent page.
    #[arg(long)]
    first_party: bool,
    /// May introspect the tokens of all clients.
    #[arg(long)]
    resource_server: bool,
    #[command(flatten)]
    members: Members,
}

#[derive(Debug, Args)]
pub(super) struct UpdateArguments {
    #[command(flatten)]
    client: ClientArgument,
    /// Name shown to people.
    #[arg(long)]
    name: Option<String>,
    /// Whether there is no consent page.
    #[arg(long, value_name = "BOOL")]
    first_party: Option<bool>,
    /// Whether it may introspect the tokens of all clients.
    #[arg(long, value_name = "BOOL")]
    resource_server: Option<bool>,
    #[command(flatten)]
    members: Members,
}

/// What can be set at creation and changed later.
#[derive(Debug, Args)]
struct Members {
    /// Where authorization responses may go; exact, repeatable.
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<String>,
    /// Where a person may go after signing out; exact, repeatable.
    #[arg(long = "post-logout-redirect-uri", value_name = "URI")]
    post_logout_redirect_uris: Vec<String>,
    /// authorization_code, implicit, refresh_token or client_credentials; repeatable. Default: what the response types need
    /// with refresh_token, or client_credentials without redirect URI.
    #[arg(long = "grant-type", value_name = "GRANT")]
    grant_types: Vec<String>,
    /// code, "id_token", "id_token token", "code id_token", "code token", "code id_token token"; repeatable. Default: code.
    #[arg(long = "response-type", value_name = "TYPE")]
    response_types: Vec<String>,
    /// none, client_secret_basic, client_secret_post, client_secret_jwt or private_key_jwt. Default: client_secret_basic.
    /// After a change to client_secret_jwt the client needs a new secret (rotate-secret).
    #[arg(long, value_name = "METHOD")]
    auth_method: Option<String>,
    /// The widest scope, names with spaces between. Default: all standard scopes.
    #[arg(long)]
    scope: Option<String>,
    /// What its access tokens look like.
    #[arg(long)]
    access_token: Option<TokenFormat>,
    /// Algorithm of its signed access tokens: RS256, PS256, ES256 (default), EdDSA.
    #[arg(long, value_name = "ALG")]
    access_token_alg: Option<String>,
    #[command(flatten)]
    algorithms: client_algorithms::Algorithms,
    /// Where a sign-in at the client begins.
    #[arg(long, value_name = "URI")]
    initiate_login_uri: Option<String>,
    /// Whether its requests need PKCE. Default: `clients.pkce`.
    #[arg(long)]
    pkce: Option<Pkce>,
    /// The upstream that its people must have signed in at, by its name; "" for none.
    #[arg(long, value_name = "NAME")]
    require_upstream: Option<String>,
    /// An authentication context that its people must have reached, or one above it; repeatable, one of them is enough;
    /// "" for none.
    #[arg(long = "require-acr", value_name = "ACR")]
    require_acr: Vec<String>,
    /// A resource it may name (RFC 8707); repeatable. Default: any.
    #[arg(long = "resource", value_name = "URI")]
    resources: Vec<String>,
    /// Where its request objects are; repeatable. A fragment names a version and does not count.
    #[arg(long = "request-uri", value_name = "URI")]
    request_uris: Vec<String>,
    /// The only algorithm of its request objects. Default: RS256, PS256, ES256 and EdDSA.
    #[arg(long, value_name = "ALG")]
    request_object_alg: Option<String>,
    /// Whether it must push its authorization requests (RFC 9126). Default: false.
    #[arg(long, value_name = "BOOL")]
    require_pushed_requests: Option<bool>,
    /// Whether it must sign its authorization requests (RFC 9101). Default: false.
    #[arg(long, value_name = "BOOL")]
    require_signed_requests: Option<bool>,
    /// Its home page.
    #[arg(long, value_name = "URI")]
    client_uri: Option<String>,
    /// Its logo.
    #[arg(long, value_name = "URI")]
    logo_uri: Option<String>,
    /// Its privacy policy.
    #[arg(long, value_name = "URI")]
    policy_uri: Option<String>,
    /// Its terms of service.
    #[arg(long, value_name = "URI")]
    tos_uri: Option<String>,
    #[command(flatten)]
    further: FurtherMembers,
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    let app = context.open().await?;
    match command {
        Command::Create(arguments) => create(context, &app, *arguments).await?,
        Command::List(page) => {
            let found = app.store.read().await?.list_clients(page.limit, page.after.map(ClientKey::new)).await?;
            let rows: Vec<Value> = found.iter().map(shown).collect();
            context.output.list("clients", &rows, &["id", "client_id", "name", "token_endpoint_auth_method", "status"]);
        }
        Command::Show(named) => context.output.object(&shown(&context::client(&app, &named.client).await?)),
        Command::Update(arguments) => update(context, &app, *arguments).await?,
        Command::Disable(named) => set_status(context, &app, &named.client, ClientStatus::Disabled).await?,
        Command::Enable(named) => set_status(context, &app, &named.client, ClientStatus::Active).await?,
        Command::Delete(named) => {
            let client = context::client(&app, &named.client).await?;
            registration::delete(&app.provider, &client).await?;
            context.output.object(&json!({"client_id": client.client_id, "deleted": true}));
        }
        Command::RotateSecret(named) => rotate_secret(context, &app, &named.client).await?,
    }
    app.store.close().await;
    Ok(())
}

async fn create(context: &Context, app: &App, arguments: CreateArguments) -> Result<(), Failure> {
    let mut metadata = defaults(&arguments);
    let pkce = match app.config.clients.pkce {
        config::Pkce::ConfidentialOptional if arguments.members.auth_method.as_deref() != Some("none") => {
            PkcePolicy::Optional
        }
        config::Pkce::ConfidentialOptional | config::Pkce::Required => PkcePolicy::Required,
    };
    let mut policy = ClientPolicy {
        first_party: arguments.first_party,
        resource_server: arguments.resource_server,
        pkce,
        ..ClientPolicy::default()
    };
    apply(arguments.members, &mut metadata, &mut policy)?;
    check_upstream(app, &policy)?;
    let registered = registration::register(&app.provider, metadata, policy).await?;
    let mut object = shown(&registered.client);
    if let Some(members) = object.as_object_mut() {
        let secret = registered.secret.as_ref().map(|secret| secret.expose().to_owned());
        members.insert("client_secret".to_owned(), secret.into());
    }
    context.output.object(&object);
    Ok(())
}

/// An upstream that nobody configured would close the client.
fn check_upstream(app: &App, policy: &ClientPolicy) -> Result<(), Failure> {
    let missing = policy.required_upstream.as_deref().filter(|name| app.federation.find(name).is_none());
    missing.map_or(Ok(()), |name| Err(Failure::new(format!("there is no upstream {name}"))))
}

fn defaults(arguments: &CreateArguments) -> ClientMetadata {
    let signs_people_in = !arguments.members.redirect_uris.is_empty();
    ClientMetadata {
        grant_types: if signs_people_in {
            vec![GrantType::AuthorizationCode, GrantType::RefreshToken]
        } else {
            vec![GrantType::ClientCredentials]
        },
        response_types: if signs_people_in { vec![ResponseType::Code] } else { Vec::new() },
        ..ClientMetadata::new(arguments.name.clone())
    }
}

/// Takes over what was named; what was not stays.
fn apply(members: Members, metadata: &mut ClientMetadata, policy: &mut ClientPolicy) -> Result<(), Failure> {
    let unknown = |what: &str, text: &str| Failure::new(format!("{text} is no {what}"));
    if !members.redirect_uris.is_empty() {
        metadata.redirect_uris = members.redirect_uris;
    }
    if !members.post_logout_redirect_uris.is_empty() {
        metadata.post_logout_redirect_uris = members.post_logout_redirect_uris;
    }
    if !members.grant_types.is_empty() {
        let read =
            members.grant_types.iter().map(|text| GrantType::parse(text).ok_or_else(|| unknown("grant type", text)));
        metadata.grant_types = read.collect::<Result<_, _>>()?;
        let allowed = metadata.grant_types.clone();
        metadata.response_types.retain(|kind| kind.grants().iter().all(|grant| allowed.contains(grant)));
    }
    if !members.response_types.is_empty() {
        let read = members
            .response_types
            .iter()
            .map(|text| ResponseType::parse(text).ok_or_else(|| unknown("response type", text)));
        metadata.response_types = read.collect::<Result<_, _>>()?;
        if members.grant_types.is_empty() {
            metadata.fit_grants();
        }
    }
    if let Some(text) = &members.auth_method {
        metadata.token_endpoint_auth_method =
            AuthMethod::parse(text).ok_or_else(|| unknown("authentication method", text))?;
    }
    if let Some(text) = &members.scope {
        metadata.scope = Scope::parse(text).map_err(|error| Failure::new(error.description()))?;
    }
    members.algorithms.apply(metadata)?;
    if !members.request_uris.is_empty() {
        metadata.request_uris = members.request_uris;
    }
    if members.request_object_alg.is_some() {
        metadata.request_object_signing_alg = members.request_object_alg;
    }
    for (named, member) in [
        (members.require_pushed_requests, &mut metadata.require_pushed_authorization_requests),
        (members.require_signed_requests, &mut metadata.require_signed_request_object),
    ] {
        *member = named.unwrap_or(*member);
    }
    for (named, member) in [
        (members.initiate_login_uri, &mut metadata.initiate_login_uri),
        (members.client_uri, &mut metadata.client_uri),
        (members.logo_uri, &mut metadata.logo_uri),
        (members.policy_uri, &mut metadata.policy_uri),
        (members.tos_uri, &mut metadata.tos_uri),
    ] {
        set(member, named);
    }
    members.further.apply(metadata)?;
    match members.access_token {
        Some(TokenFormat::Jwt) => policy.access_token = AccessTokenFormat::Jwt,
        Some(TokenFormat::Opaque) => policy.access_token = AccessTokenFormat::Opaque,
        None => {}
    }
    if members.access_token_alg.is_some() {
        policy.access_token_alg = members.access_token_alg;
    }
    match members.pkce {
        Some(Pkce::Required) => policy.pkce = PkcePolicy::Required,
        Some(Pkce::Optional) => policy.pkce = PkcePolicy::Optional,
        None => {}
    }
    set(&mut policy.required_upstream, members.require_upstream);
    if !members.require_acr.is_empty() {
        policy.required_acr = members.require_acr.into_iter().filter(|acr| !acr.is_empty()).collect();
    }
    if !members.resources.is_empty() {
        policy.resources = members.resources;
    }
    Ok(())
}

async fn update(context: &Context, app: &App, arguments: UpdateArguments) -> Result<(), Failure> {
    let client = context::client(app, &arguments.client.client).await?;
    let (mut metadata, mut policy) = (client.metadata.clone(), client.policy.clone());
    if let Some(name) = arguments.name {
        metadata.client_name = name;
    }
    policy.first_party = arguments.first_party.unwrap_or(policy.first_party);
    policy.resource_server = arguments.resource_server.unwrap_or(policy.resource_server);
    apply(arguments.members, &mut metadata, &mut policy)?;
    check_upstream(app, &policy)?;
    registration::update(&app.provider, &client, metadata, policy).await?;
    context.output.object(&shown(&context::client(app, &client.client_id).await?));
    Ok(())
}

async fn set_status(context: &Context, app: &App, client_id: &str, status: ClientStatus) -> Result<(), Failure> {
    let client = context::client(app, client_id).await?;
    registration::set_status(&app.provider, &client, status).await?;
    context.output.object(&shown(&context::client(app, client_id).await?));
    Ok(())
}

async fn rotate_secret(context: &Context, app: &App, client_id: &str) -> Result<(), Failure> {
    let client = context::client(app, client_id).await?;
    if !client.metadata.token_endpoint_auth_method.uses_secret() {
        return Err(Failure::new(format!("{client_id} does not authenticate with a secret")));
    }
    let overlap = app.config.clients.secret_overlap;
    let secret = registration::rotate_secret(&app.provider, &client, overlap).await?;
    let ends = app.world.clock.now().plus(overlap).to_rfc3339_seconds();
    context.output.object(&json!({
        "client_id": client.client_id,
        "client_secret": secret.expose(),
        "previous_secret_expires_at": ends,
    }));
    Ok(())
}

fn shown(client: &Client) -> Value {
    let mut shown = document(&client.metadata);
    let policy = json!({
        "id": client.key,
        "client_id": client.client_id,
        "name": client.metadata.client_name,
        "first_party": client.policy.first_party,
        "resource_server": client.policy.resource_server,
        "access_token": client.policy.access_token,
        "access_token_alg": client.policy.access_token_alg.as_deref().unwrap_or("ES256"),
        "pkce": if client.requires_pkce() { "required" } else { "optional" },
        "required_upstream": client.policy.required_upstream,
        "required_acr": client.policy.required_acr,
        "resources": client.policy.resources,
        "secrets": client.secrets.iter().map(|secret| json!({
            "created_at": secret.created_at.to_rfc3339_seconds(),
            "expires_at": secret.expires_at.map(Timestamp::to_rfc3339_seconds),
        })).collect::<Vec<_>>(),
        "status": client.status.as_str(),
    });
    for more in [client_algorithms::shown(&client.metadata), policy] {
        if let Value::Object(members) = more {
            shown.extend(members);
        }
    }
    Value::Object(shown)
}
