//! Clients that register and manage themselves (RFC 7591, RFC 7592, OpenID Connect Registration 1.0).
//!
//! 1. is there registration at all  2. the token, where one is needed or given  3. not too often  4. read the metadata
//! 5. what nobody may register, and what a client may not say of itself  6. one transaction: use the token, make the client.
//!
//! A client that registers itself is never first-party, no resource server, and needs PKCE unless the operator's defaults
//! exempt it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::registration::{self, Enrolment, RegistrationError, SecretChange};
use super::{Provider, ProviderError};
use crate::base::address::limit_key;
use crate::base::token::{OpaqueToken, TokenKind};
use crate::model::client::{Client, ClientPolicy, PkcePolicy};
use crate::model::registration::InitialAccess;
use crate::oauth::registration::Problem;
use crate::oauth::registration_request::{check_own, document, parse};
use crate::oauth::{AuthMethod, ClientMetadata, ErrorCode, GrantType, OAuthError, Scope};
use crate::store::Limit;

use super::discovery::path;

/// Who may register a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admits {
    /// Nobody; the endpoint does not exist.
    Nobody,
    /// Whoever shows an initial access token.
    TokenBearers,
    /// Everybody.
    Everybody,
}

/// At most `count` registrations in any `window`, for each address.
#[derive(Debug, Clone, Copy)]
pub struct RegistrationLimit {
    /// Registrations.
    pub count: u32,
    /// Length of the window.
    pub window: Duration,
}

/// Who may register clients, and what those begin with.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// Who may.
    pub admits: Admits,
    /// PKCE of a new confidential client.
    pub pkce: PkcePolicy,
    /// How often.
    pub limit: Option<RegistrationLimit>,
}

/// Why a registration is not made, read, changed or deleted.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There is no registration here.
    #[error("registration is off")]
    Off,
    /// A token is needed, and none was sent.
    #[error("a token is needed")]
    NoToken,
    /// Too many registrations from this address.
    #[error("too many registrations")]
    TooMany(Duration),
    /// The metadata is not acceptable; code and what is wrong.
    #[error("{1}")]
    Metadata(ErrorCode, String),
    /// Anything else, refused or our own trouble.
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Self::Provider(code.into())
    }
}

impl From<RegistrationError> for Refusal {
    fn from(error: RegistrationError) -> Self {
        match error {
            RegistrationError::Refused(problems) => refused(&problems),
            RegistrationError::Provider(error) => Self::Provider(error),
        }
    }
}

fn refused(problems: &[Problem]) -> Refusal {
    let code = match problems {
        [] => ErrorCode::InvalidClientMetadata,
        some if some.iter().all(|problem| problem.member == "redirect_uris") => ErrorCode::InvalidRedirectUri,
        _ => ErrorCode::InvalidClientMetadata,
    };
    Refusal::Metadata(code, problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

/// Registers a client (RFC 7591 §3) and gives the members of the answer.
pub async fn register(
    provider: &Provider,
    bearer: Option<&str>,
    address: Option<IpAddr>,
    body: &[u8],
) -> Result<Map<String, Value>, Refusal> {
    let terms = provider.settings().registration;
    let initial = admit(provider, terms.admits, bearer).await?;
    limit(provider, terms.limit, address).await?;
    let mut metadata = read(body)?;
    let standard = Scope::standard();
    let widest = initial.as_ref().map_or(standard.clone(), |initial| initial.scope.union(&standard));
    if !body_names_scope(body) {
        metadata.scope = widest.clone();
    }
    let wrong = problems(&metadata, &widest, initial.is_some());
    if !wrong.is_empty() {
        return Err(refused(&wrong));
    }
    let policy = ClientPolicy { pkce: pkce(&metadata, terms.pkce), ..ClientPolicy::default() };
    let access = TokenKind::RegistrationAccess.generate(provider.entropy());
    let enrolment = Enrolment { initial: initial.map(|initial| initial.id), access: access.digest(), address };
    let made = registration::enrol(provider, metadata, policy, Some(enrolment)).await?;
    Ok(answer(provider, &made.client, made.secret.as_ref().map(OpaqueToken::expose), access.expose()))
}

/// Reads a registration (RFC 7592 §2.1). The secret is not kept in clear, so it is not given again.
pub async fn show(provider: &Provider, client_id: &str, bearer: Option<&str>) -> Result<Map<String, Value>, Refusal> {
    let (client, token) = own(provider, client_id, bearer).await?;
    Ok(answer(provider, &client, None, token))
}

/// Replaces a registration (RFC 7592 §2.2): what the document does not name takes its default again.
pub async fn replace(
    provider: &Provider,
    client_id: &str,
    bearer: Option<&str>,
    body: &[u8],
) -> Result<Map<String, Value>, Refusal> {
    let (client, token) = own(provider, client_id, bearer).await?;
    if client.policy.first_party || client.policy.resource_server {
        let why = "The operator vouches for this client and changes it";
        return Err(ProviderError::from(OAuthError::because(ErrorCode::AccessDenied, why)).into());
    }
    let named = named_credentials(body, &client, provider)?;
    let mut metadata = read(body)?;
    if !body_names_scope(body) {
        metadata.scope = client.metadata.scope.clone();
    }
    let widest = client.metadata.scope.union(&Scope::standard());
    let had_machine = client.metadata.allows_grant(GrantType::ClientCredentials);
    let wrong = problems(&metadata, &widest, had_machine);
    if !wrong.is_empty() {
        return Err(refused(&wrong));
    }
    let policy = ClientPolicy { pkce: pkce(&metadata, client.policy.pkce), ..client.policy.clone() };
    let (before, after) = (client.metadata.token_endpoint_auth_method, metadata.token_endpoint_auth_method);
    // A secret that is kept by its digest alone serves no method that needs it in clear.
    let needs_clear = after == AuthMethod::ClientSecretJwt && before != after;
    let fresh = (after.uses_secret() && (needs_clear || !before.uses_secret()))
        .then(|| TokenKind::ClientSecret.generate(provider.entropy()));
    let change = match &fresh {
        Some(secret) => {
            SecretChange::New(secret.digest(), registration::sealed(provider, &client.client_id, after, secret)?)
        }
        None if !after.uses_secret() => SecretChange::Remove,
        None => SecretChange::Keep,
    };
    registration::replace(provider, &client, metadata.clone(), policy.clone(), change).await?;
    let changed = Client { metadata, policy, ..(*client).clone() };
    let secret = fresh.as_ref().map(|secret| secret.expose().to_owned());
    let secret = secret.or(named.filter(|_| after.uses_secret()));
    Ok(answer(provider, &changed, secret.as_deref(), token))
}

/// Deletes a registration (RFC 7592 §2.3); the client's tokens die.
pub async fn delete(provider: &Provider, client_id: &str, bearer: Option<&str>) -> Result<(), Refusal> {
    let (client, _) = own(provider, client_id, bearer).await?;
    Ok(registration::delete(provider, &client).await?)
}

/// Whether the request may register: what its initial access token allows, where it shows one.
async fn admit(provider: &Provider, admits: Admits, bearer: Option<&str>) -> Result<Option<InitialAccess>, Refusal> {
    match (admits, bearer) {
        (Admits::Nobody, _) => Err(Refusal::Off),
        (Admits::TokenBearers, None) => Err(Refusal::NoToken),
        (Admits::Everybody, None) => Ok(None),
        (Admits::TokenBearers | Admits::Everybody, Some(token)) => {
            let digest = TokenKind::InitialAccess.digest_of(token).ok_or(ErrorCode::InvalidToken)?;
            let found = provider.store().read().await.map_err(ProviderError::from)?.initial_access(&digest).await;
            let found = found.map_err(ProviderError::from)?.filter(|initial| initial.is_good(provider.now()));
            found.map(Some).ok_or(ErrorCode::InvalidToken.into())
        }
    }
}

async fn limit(provider: &Provider, limit: Option<RegistrationLimit>, address: Option<IpAddr>) -> Result<(), Refusal> {
    let (Some(limit), Some(address)) = (limit, address) else { return Ok(()) };
    let limit = Limit { count: limit.count, window: limit.window };
    let key = format!("register:address:{}", limit_key(address));
    let hit = provider.store().ephemeral().hit(&key, limit, provider.now()).await.map_err(ProviderError::from)?;
    if hit.allowed { Ok(()) } else { Err(Refusal::TooMany(hit.retry_after.max(Duration::from_secs(1)))) }
}

/// The client that a registration access token is of. An unknown client, a disabled one and a foreign token are the same.
async fn own<'a>(
    provider: &Provider,
    client_id: &str,
    bearer: Option<&'a str>,
) -> Result<(Arc<Client>, &'a str), Refusal> {
    if provider.settings().registration.admits == Admits::Nobody {
        return Err(Refusal::Off);
    }
    let token = bearer.ok_or(Refusal::NoToken)?;
    let digest = TokenKind::RegistrationAccess.digest_of(token).ok_or(ErrorCode::InvalidToken)?;
    let client = provider.clients().find(client_id).await.map_err(ProviderError::from)?;
    let client = client.ok_or(ErrorCode::InvalidToken)?;
    let mut conn = provider.store().read().await.map_err(ProviderError::from)?;
    let kept = conn.registration_access(client.key).await.map_err(ProviderError::from)?;
    if kept.is_some_and(|kept| kept.ct_eq(&digest)) { Ok((client, token)) } else { Err(ErrorCode::InvalidToken.into()) }
}

fn read(body: &[u8]) -> Result<ClientMetadata, Refusal> {
    parse(body).map_err(|malformed| {
        let text = malformed.to_string();
        let code = if text.starts_with("redirect_uris:") {
            ErrorCode::InvalidRedirectUri
        } else {
            ErrorCode::InvalidClientMetadata
        };
        Refusal::Metadata(code, text)
    })
}

fn body_names_scope(body: &[u8]) -> bool {
    member(body, "scope").is_some()
}

fn member(body: &[u8], name: &str) -> Option<Value> {
    let whole: Value = serde_json::from_slice(body).ok()?;
    whole.get(name).filter(|value| !value.is_null()).cloned()
}

/// `client_id` and `client_secret` of a replacement must be the client's own (RFC 7592 §2.2); gives the secret.
fn named_credentials(body: &[u8], client: &Client, provider: &Provider) -> Result<Option<String>, Refusal> {
    let foreign = |name| Refusal::Metadata(ErrorCode::InvalidClientMetadata, format!("{name}: is not this client's"));
    if member(body, "client_id").is_some_and(|id| id.as_str() != Some(&client.client_id)) {
        return Err(foreign("client_id"));
    }
    let Some(secret) = member(body, "client_secret") else { return Ok(None) };
    let secret = secret.as_str().filter(|secret| client.has_secret(secret, provider.now()));
    secret.map(|secret| Some(secret.to_owned())).ok_or_else(|| foreign("client_secret"))
}

/// What this client may not register for itself; what nobody may register is looked for where every client is made.
fn problems(metadata: &ClientMetadata, widest: &Scope, is_vouched_for: bool) -> Vec<Problem> {
    let mut wrong = check_own(metadata);
    let mut add = |member, why: &str| wrong.push(Problem { member, why: why.to_owned() });
    if !metadata.scope.is_within(widest) {
        add("scope", "holds a name that this registration does not allow");
    }
    if metadata.allows_grant(GrantType::ClientCredentials) && !is_vouched_for {
        add("grant_types", "client_credentials needs an initial access token");
    }
    wrong
}

/// A client without authentication needs PKCE whatever the defaults say.
fn pkce(metadata: &ClientMetadata, wanted: PkcePolicy) -> PkcePolicy {
    if metadata.is_confidential() { wanted } else { PkcePolicy::Required }
}

/// The client information response (RFC 7591 §3.2.1, RFC 7592 §3).
fn answer(provider: &Provider, client: &Client, secret: Option<&str>, access: &str) -> Map<String, Value> {
    let mut members = document(&client.metadata);
    let uri = format!("{}{}/{}", provider.issuer(), path::REGISTER, client.client_id);
    let mut add = |name: &str, value: Value| members.insert(name.to_owned(), value);
    add("client_id", client.client_id.clone().into());
    add("client_id_issued_at", client.created_at.seconds().into());
    if let Some(secret) = secret {
        add("client_secret", secret.into());
        add("client_secret_expires_at", 0.into());
    }
    add("registration_client_uri", uri.into());
    add("registration_access_token", access.into());
    members
}
