//! `guichet demo`: everything embedded, with people, tenants and clients to try it with.
//!
//! The demo's passwords and secrets are drawn at its first start and kept in its folder, so that a second start prints the
//! same ones; the server itself knows their digests alone.

use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::context::Context;
use super::output::Failure;
use super::serve::{Server, until_told};
use super::simulate;
use crate::account::people::{self, NewPerson};
use crate::account::tenants;
use crate::app::{self, App, World};
use crate::base::entropy::SystemEntropy;
use crate::base::{Entropy, Secret, entropy};
use crate::config::Config;
use crate::federation::mapping;
use crate::http::dialects::{carelink, medreport};
use crate::model::client::ClientPolicy;
use crate::model::identity::Mapping;
use crate::model::role::Role;
use crate::model::tenant::{Tenant, TenantKind};
use crate::oauth::client_metadata::{AuthMethod, ClientMetadata, GrantType};
use crate::oauth::response::ResponseType;
use crate::provider::discovery::path;
use crate::provider::registration;
use crate::simulation::{Client as UpstreamClient, Kind, Simulation};
use crate::telemetry;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder of the demo's data; made where it is missing.
    #[arg(long, value_name = "DIR", default_value = "guichet-demo")]
    data_dir: PathBuf,
    /// Address and port to serve on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Address and port of the simulated Pro Santé Connect; unless given, the next port, or a free one where that is taken.
    #[arg(long, value_name = "ADDRESS")]
    simulation_listen: Option<SocketAddr>,
}

/// What the demo prints, and keeps in its folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Printed {
    users: Vec<PrintedUser>,
    clients: Vec<PrintedClient>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct PrintedUser {
    email: String,
    password: String,
    name: String,
    platform_admin: bool,
    tenants: Vec<PrintedTenant>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct PrintedTenant {
    code: String,
    name: String,
    kind: String,
    roles: Vec<Role>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct PrintedClient {
    client_id: String,
    client_secret: Option<String>,
    name: String,
    redirect_uris: Vec<String>,
    post_logout_redirect_uris: Vec<String>,
    token_endpoint_auth_method: String,
    grant_types: Vec<String>,
    first_party: bool,
    resource_server: bool,
}

pub(super) async fn run(context: &Context, arguments: Arguments) -> Result<(), Failure> {
    let config = Config::demo(&arguments.data_dir, arguments.listen);
    telemetry::init(config.log.level.as_str(), app::log_format(&config));
    let issuer = config.issuer.as_str().to_owned();
    let (simulation, simulations) = simulate(&arguments, &issuer).await?;
    let upstreams = simulations.iter().flat_map(as_upstream).collect();
    let config = Config::demo_with(&arguments.data_dir, arguments.listen, upstreams);
    let app = App::start(config, World::default()).await?;
    let printed = prepare(&app, &arguments.data_dir.join("demo.json")).await?;
    let server = Server::bind(app).await?;
    announce(context, &issuer, &arguments.data_dir.join("mails"), &printed, &simulations);
    let (served, simulated) = tokio::join!(server.serve(until_told()), simulation.serve(until_told()));
    served?;
    Ok(simulated?)
}

/// The simulated Pro Santé Connect, and what is said of it. Our secret there is drawn at each start, as its keys are.
async fn simulate(arguments: &Arguments, issuer: &str) -> Result<(Simulation, Vec<Value>), Failure> {
    let kind = Kind::ProSanteConnect;
    let name = "pro_sante_connect";
    let ours = |path: &str| format!("{issuer}/federation/{name}/{path}");
    let dialect = |path: &str| format!("{issuer}{path}");
    let client = UpstreamClient {
        redirect_uris: vec![ours("callback"), dialect(carelink::CALLBACK), dialect(&medreport::way_back(name))],
        post_logout_redirect_uris: vec![ours("logout")],
        backchannel_logout_uri: Some(ours("backchannel-logout")),
        ..UpstreamClient::new("guichet-demo", readable_password(&SystemEntropy))
    };
    let bind = |listen| simulate::bind(kind, listen, None, None, client.clone());
    let next = SocketAddr::new(arguments.listen.ip(), arguments.listen.port().checked_add(1).unwrap_or(0));
    let simulation = match arguments.simulation_listen {
        Some(listen) => bind(listen).await?,
        None => match bind(next).await {
            Ok(simulation) => simulation,
            Err(_) => bind(SocketAddr::new(next.ip(), 0)).await?,
        },
    };
    let described = simulate::described(kind, &simulation.control(), &client);
    Ok((simulation, vec![described]))
}

/// A simulation as the upstream of its name.
fn as_upstream(simulation: &Value) -> Vec<(String, String)> {
    let member = |name: &str| simulation.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let prefix = format!("GUICHET_UPSTREAMS__{}__", member("name").to_uppercase());
    ["issuer", "discovery_url", "client_id", "client_secret"]
        .map(|name| (name, member(name)))
        .into_iter()
        .chain([("allow_private_addresses", "true".to_owned()), ("ciba", "true".to_owned())])
        .map(|(name, value)| (format!("{prefix}{}", name.to_uppercase()), value))
        .collect()
}

/// The data of an earlier start, or fresh data on an empty store.
async fn prepare(app: &App, file: &Path) -> Result<Printed, Failure> {
    if let Ok(text) = std::fs::read_to_string(file) {
        return serde_json::from_str(&text).map_err(|error| {
            Failure::new(format!("{}: {error}; remove the demo's folder to begin anew", file.display()))
        });
    }
    if app.store.read().await?.count_users().await? > 0 {
        let folder = file.parent().unwrap_or(file).display();
        return Err(Failure::new(format!("{folder} holds data that is not the demo's; choose another --data-dir")));
    }
    let printed = Printed { users: seed_users(app).await?, clients: seed_clients(app).await? };
    let text = serde_json::to_string_pretty(&printed)?;
    let mut out = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    std::io::Write::write_all(&mut out, text.as_bytes())?;
    Ok(printed)
}

fn announce(context: &Context, issuer: &str, mails: &Path, printed: &Printed, simulations: &[Value]) {
    let at = |path: &str| format!("{issuer}{path}");
    let pages = json!({
        "home": at("/"),
        "sign_in": at("/sign-in"),
        "account": at("/account"),
        "discovery": at(path::OPENID_CONFIGURATION),
    });
    if context.output.is_json() {
        context.output.object(&json!({
            "issuer": issuer,
            "users": printed.users,
            "clients": printed.clients,
            "pages": pages,
            "mails": mails,
            "simulations": simulations,
        }));
        return;
    }
    let mut lines = vec![
        format!("\nGuichet is ready: {issuer}\n"),
        format!("  Sign in         {}", at("/sign-in")),
        format!("  Own account     {}", at("/account")),
        format!("  Mails           {}", mails.display()),
        format!("  For clients     {}\n", at(path::OPENID_CONFIGURATION)),
        "People, with their passwords:".to_owned(),
    ];
    for user in &printed.users {
        let tenants: Vec<String> =
            user.tenants.iter().map(|tenant| format!("{} ({})", tenant.name, tenant.code)).collect();
        let where_to = if user.platform_admin { "platform administrator".to_owned() } else { tenants.join(", ") };
        lines.push(format!("  {:32} {:20} {where_to}", user.email, user.password));
    }
    lines.push("\nClients:".to_owned());
    for client in &printed.clients {
        lines.push(format!("  {}\n    client_id     {}", client.name, client.client_id));
        if let Some(secret) = &client.client_secret {
            lines.push(format!("    client_secret {secret}"));
        }
        for uri in &client.redirect_uris {
            lines.push(format!("    redirect_uri  {uri}"));
        }
    }
    for simulation in simulations {
        let member = |name: &str| simulation.get(name).and_then(Value::as_str).unwrap_or_default();
        lines.push(format!(
            "\nSimulated upstream provider (made-up people, no tie to the real one):\n  {}",
            member("name")
        ));
        for name in ["url", "issuer", "discovery_url", "client_id", "client_secret"] {
            lines.push(format!("    {name:13} {}", member(name)));
        }
        if let Some(phone) = simulation.get("phone").and_then(Value::as_str) {
            lines.push(format!("    {:13} {phone}  (confirm e-CPS sign-ins here, in another tab)", "phone"));
        }
    }
    lines.push("\nCtrl-C stops it.".to_owned());
    context.output.text(&lines.join("\n"));
}

/// Where a person of the demo works, and as what.
type Places<'a> = &'a [(&'a Tenant, &'a [Role])];

async fn seed_users(app: &App) -> Result<Vec<PrintedUser>, Failure> {
    let clinic =
        tenants::create(&app.accounts, "Clinique des Lilas", TenantKind::Clinic, Some("75".to_owned())).await?;
    let practice =
        tenants::create(&app.accounts, "Cabinet Martin", TenantKind::Practice, Some("92".to_owned())).await?;
    let pharmacy =
        tenants::create(&app.accounts, "Pharmacie du Marché", TenantKind::Pharmacy, Some("69".to_owned())).await?;
    let laboratory =
        tenants::create(&app.accounts, "Laboratoire Rive Gauche", TenantKind::Laboratory, Some("33".to_owned()))
            .await?;
    let mapped = [
        (&clinic, "990001232", "10", Role::Doctor),
        (&clinic, "990001232", "60", Role::Nurse),
        (&clinic, "990002008", "10", Role::Doctor),
        (&laboratory, "990003006", "10", Role::Biologist),
        (&pharmacy, "990004004", "21", Role::Titulaire),
    ];
    // The made-up establishments of the simulated professionals.
    for (tenant, finess, profession, role) in mapped {
        let line = Mapping { finess: finess.to_owned(), profession: profession.to_owned(), role };
        mapping::add(&app.federation, tenant.id, line).await?;
    }
    let people: [(&str, &str, &str, Places<'_>); 5] = [
        (
            "claire.martin@demo.example",
            "Claire",
            "Martin",
            &[(&clinic, &[Role::Doctor]), (&practice, &[Role::Owner, Role::Doctor])],
        ),
        ("paul.bernard@demo.example", "Paul", "Bernard", &[(&pharmacy, &[Role::Titulaire])]),
        ("ines.petit@demo.example", "Inès", "Petit", &[(&clinic, &[Role::Nurse])]),
        ("luc.moreau@demo.example", "Luc", "Moreau", &[(&laboratory, &[Role::Admin, Role::Biologist])]),
        ("admin@demo.example", "Anne", "Durand", &[]),
    ];
    let mut printed = Vec::new();
    for (email, first_name, last_name, places) in people {
        printed.push(seed_user(app, (email, first_name, last_name), places).await?);
    }
    Ok(printed)
}

async fn seed_user(
    app: &App,
    (email, first_name, last_name): (&str, &str, &str),
    places: Places<'_>,
) -> Result<PrintedUser, Failure> {
    let password = readable_password(app.world.entropy.as_ref());
    let person = NewPerson {
        email: email.to_owned(),
        first_name: first_name.to_owned(),
        last_name: last_name.to_owned(),
        claims: sample_claims(first_name, last_name),
        password: Some(Secret::new(password.clone())),
        platform_admin: places.is_empty(),
        ..NewPerson::default()
    };
    let user = people::create(&app.accounts, person).await?;
    let mut tenants = Vec::new();
    for (tenant, roles) in places {
        for role in *roles {
            people::grant_role(&app.accounts, &user, tenant, *role).await?;
        }
        tenants.push(PrintedTenant {
            code: tenant.code.clone(),
            name: tenant.name.clone(),
            kind: tenant.kind.as_str().to_owned(),
            roles: roles.to_vec(),
        });
    }
    Ok(PrintedUser {
        email: email.to_owned(),
        password,
        name: user.display_name(),
        platform_admin: user.platform_admin,
        tenants,
    })
}

/// Three groups of four characters that cannot be mistaken for one another: 60 bits, easy to type.
fn readable_password(random: &dyn Entropy) -> String {
    const LETTERS: &[u8; 32] = b"23456789abcdefghjkmnpqrstuvwxyz-";
    let pick = |b: u8| char::from(*LETTERS.get(usize::from(b % 31)).unwrap_or(&b'2'));
    let groups: [[u8; 4]; 3] = [entropy::bytes(random), entropy::bytes(random), entropy::bytes(random)];
    groups.map(|group| group.map(pick).iter().collect::<String>()).join("-")
}

/// Every standard claim, so that each scope releases something.
fn sample_claims(first_name: &str, last_name: &str) -> Map<String, Value> {
    let nickname = first_name.to_lowercase();
    let claims = json!({
        "middle_name": "Camille",
        "nickname": first_name,
        "preferred_username": format!("{nickname}.{}", last_name.to_lowercase()),
        "profile": format!("https://demo.example/{nickname}"),
        "picture": format!("https://demo.example/{nickname}.png"),
        "website": "https://demo.example/",
        "gender": "female",
        "birthdate": "1980-05-17",
        "zoneinfo": "Europe/Paris",
        "locale": "fr-FR",
        "phone_number": "+33 1 99 00 12 34",
        "phone_number_verified": true,
        "address": {"formatted": "1 rue de la Paix, 75002 Paris", "street_address": "1 rue de la Paix", "postal_code": "75002", "locality": "Paris", "country": "FR"},
    });
    claims.as_object().cloned().unwrap_or_default()
}

/// A client of the demo: name, authentication, grants, redirect URIs, policy.
type Wanted<'a> = (&'a str, AuthMethod, &'a [GrantType], &'a [&'a str], ClientPolicy);

async fn seed_clients(app: &App) -> Result<Vec<PrintedClient>, Failure> {
    let web = ["http://127.0.0.1/callback", "http://localhost:3000/callback", "http://localhost:8081/callback"];
    let after = ["http://127.0.0.1/", "http://localhost:3000/", "http://localhost:8081/"];
    let third_party = ClientPolicy::default();
    let first_party = ClientPolicy { first_party: true, ..ClientPolicy::default() };
    let resource_server = ClientPolicy { resource_server: true, ..ClientPolicy::default() };
    let code = [GrantType::AuthorizationCode, GrantType::RefreshToken];
    let own = [GrantType::ClientCredentials];
    let wanted: [Wanted<'_>; 4] = [
        ("Agenda Santé (public, PKCE)", AuthMethod::None, &code, &web, third_party),
        ("Dossier Partagé (confidential)", AuthMethod::ClientSecretBasic, &code, &web, first_party),
        ("Service de facturation", AuthMethod::ClientSecretBasic, &own, &[], ClientPolicy::default()),
        ("API clinique (resource server)", AuthMethod::ClientSecretBasic, &own, &[], resource_server),
    ];
    let mut printed = Vec::new();
    for (name, method, grants, redirect_uris, policy) in wanted {
        let metadata = client(name, method, grants, redirect_uris, if redirect_uris.is_empty() { &[] } else { &after });
        let registered = registration::register(&app.provider, metadata, policy).await?;
        let metadata = &registered.client.metadata;
        printed.push(PrintedClient {
            client_id: registered.client.client_id.clone(),
            client_secret: registered.secret.map(|secret| secret.expose().to_owned()),
            name: name.to_owned(),
            redirect_uris: metadata.redirect_uris.clone(),
            post_logout_redirect_uris: metadata.post_logout_redirect_uris.clone(),
            token_endpoint_auth_method: method.as_str().to_owned(),
            grant_types: grants.iter().map(|grant| grant.as_str().to_owned()).collect(),
            first_party: registered.client.policy.first_party,
            resource_server: registered.client.policy.resource_server,
        });
    }
    Ok(printed)
}

fn client(
    name: &str,
    method: AuthMethod,
    grants: &[GrantType],
    redirect_uris: &[&str],
    after: &[&str],
) -> ClientMetadata {
    let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    ClientMetadata {
        redirect_uris: own(redirect_uris),
        post_logout_redirect_uris: own(after),
        grant_types: grants.to_vec(),
        response_types: if redirect_uris.is_empty() { Vec::new() } else { vec![ResponseType::Code] },
        token_endpoint_auth_method: method,
        ..ClientMetadata::new(name)
    }
}
