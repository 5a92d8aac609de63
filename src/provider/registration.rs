//! Clients as operators make and change them: checked, recorded, a secret shown once.

use std::net::IpAddr;
use std::time::Duration;

use super::{Provider, ProviderError, client_algorithms, sector};
use crate::audit::{Action, AuditEvent};
use crate::base::digest::Digest;
use crate::base::entropy::uuid_v7;
use crate::base::token::{OpaqueToken, TokenKind};
use crate::jose::{Algorithm, client_keys};
use crate::model::client::{Client, ClientPolicy, ClientStatus, NewClient, PkcePolicy};
use crate::model::grant::GrantEnd;
use crate::model::registration::InitialAccess;
use crate::oauth::registration::{Problem, check};
use crate::oauth::{AuthMethod, ClientMetadata, ErrorCode, OAuthError, Scope};

/// Why a client is not registered.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    /// What is wrong, all of it.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Problem>),
    /// Trouble of our own.
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

/// A client with the secret that is shown this once.
#[derive(Debug)]
pub struct Registered {
    /// The client.
    pub client: Client,
    /// Its secret, where it has one.
    pub secret: Option<OpaqueToken>,
}

/// All problems of metadata and policy together.
pub fn problems(metadata: &ClientMetadata, policy: &ClientPolicy) -> Vec<Problem> {
    let mut problems = check(metadata);
    problems.extend(client_algorithms::problems(metadata));
    if policy.access_token_alg.as_deref().is_some_and(|alg| Algorithm::parse(alg).is_none()) {
        problems.push(Problem { member: "access_token_alg", why: "must be RS256, PS256, ES256 or EdDSA".to_owned() });
    }
    if let Some(jwks) = &metadata.jwks
        && let Err(refusal) = client_keys::check_jwks(jwks)
    {
        problems.push(Problem { member: "jwks", why: refusal.to_string() });
    }
    if policy.pkce == PkcePolicy::Optional && !metadata.is_confidential() {
        problems.push(Problem { member: "pkce", why: "is required of a client without authentication".to_owned() });
    }
    problems
}

/// What a client that registers itself leaves behind, in the transaction that makes it.
#[derive(Debug, Clone)]
pub struct Enrolment {
    /// The initial access token that is used up by it.
    pub initial: Option<i64>,
    /// Digest of what it manages its registration with.
    pub access: Digest,
    /// Where the request came from.
    pub address: Option<IpAddr>,
}

/// What becomes of a client's secrets when its registration is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretChange {
    /// They stay.
    Keep,
    /// It had none that its method can use and gets this one, sealed as well where the method needs that.
    New(Digest, Option<Vec<u8>>),
    /// It authenticates in another way from now on.
    Remove,
}

/// Registers a client.
pub async fn register(
    provider: &Provider,
    metadata: ClientMetadata,
    policy: ClientPolicy,
) -> Result<Registered, RegistrationError> {
    enrol(provider, metadata, policy, None).await
}

/// Registers a client that an operator, or with an `enrolment` the client itself, asks for. An initial access token that
/// was used up in between is `invalid_token`.
pub async fn enrol(
    provider: &Provider,
    metadata: ClientMetadata,
    policy: ClientPolicy,
    enrolment: Option<Enrolment>,
) -> Result<Registered, RegistrationError> {
    let mut wrong = problems(&metadata, &policy);
    wrong.extend(client_algorithms::unsigned(&metadata, &policy, provider.keys().current().algorithms()));
    if wrong.is_empty() {
        wrong.extend(sector::check(provider, &metadata).await);
    }
    if !wrong.is_empty() {
        return Err(RegistrationError::Refused(wrong));
    }
    let now = provider.now();
    let client_id = uuid_v7(now, provider.entropy()).to_string();
    let secret =
        metadata.token_endpoint_auth_method.uses_secret().then(|| TokenKind::ClientSecret.generate(provider.entropy()));
    let sealed =
        secret.as_ref().map(|secret| sealed(provider, &client_id, metadata.token_endpoint_auth_method, secret));
    let sealed = sealed.transpose().map_err(RegistrationError::Provider)?.flatten();
    let new = NewClient { client_id, metadata, policy, secret: secret.as_ref().map(OpaqueToken::digest) };
    let mut event = about(Action::ClientCreated, &new.client_id, now);
    if let Some(enrolment) = &enrolment {
        by_itself(&mut event);
        event.address = enrolment.address.map(|address| address.to_string());
        event.details.insert("initial_access".to_owned(), enrolment.initial.into());
    }
    let client = provider
        .store()
        .write("register_client", move |tx| {
            Box::pin(async move {
                if let Some(initial) = enrolment.as_ref().and_then(|enrolment| enrolment.initial)
                    && !tx.use_initial_access(initial, now).await?
                {
                    return Err(ProviderError::from(ErrorCode::InvalidToken));
                }
                let mut client = tx.insert_client(&new, now).await?;
                if let Some(enrolment) = &enrolment {
                    tx.insert_registration_access(client.key, &enrolment.access).await?;
                }
                if let (Some(digest), Some(sealed)) = (&new.secret, &sealed) {
                    tx.keep_client_secret(client.key, digest, sealed).await?;
                    client = tx.client_by_key(client.key).await?.unwrap_or(client);
                }
                tx.append_audit(&event).await?;
                Ok(client)
            })
        })
        .await?;
    Ok(Registered { client, secret })
}

/// Replaces metadata and policy of a client, as an operator.
pub async fn update(
    provider: &Provider,
    client: &Client,
    metadata: ClientMetadata,
    policy: ClientPolicy,
) -> Result<(), RegistrationError> {
    let event = about(Action::ClientUpdated, &client.client_id, provider.now());
    change(provider, client, (metadata, policy), SecretChange::Keep, event).await
}

/// Replaces metadata and policy of a client, as the client itself.
pub async fn replace(
    provider: &Provider,
    client: &Client,
    metadata: ClientMetadata,
    policy: ClientPolicy,
    secrets: SecretChange,
) -> Result<(), RegistrationError> {
    let mut event = about(Action::ClientUpdated, &client.client_id, provider.now());
    by_itself(&mut event);
    event.actor_client = Some(client.key);
    change(provider, client, (metadata, policy), secrets, event).await
}

async fn change(
    provider: &Provider,
    client: &Client,
    (metadata, policy): (ClientMetadata, ClientPolicy),
    secrets: SecretChange,
    event: AuditEvent,
) -> Result<(), RegistrationError> {
    let mut wrong = problems(&metadata, &policy);
    wrong.extend(client_algorithms::unsigned(&metadata, &policy, provider.keys().current().algorithms()));
    let former = &client.metadata;
    let is_same_sector = (&metadata.sector_identifier_uri, &metadata.redirect_uris)
        == (&former.sector_identifier_uri, &former.redirect_uris);
    if wrong.is_empty() && !is_same_sector {
        wrong.extend(sector::check(provider, &metadata).await);
    }
    if !wrong.is_empty() {
        return Err(RegistrationError::Refused(wrong));
    }
    let (key, now) = (client.key, event.at);
    provider
        .store()
        .write("update_client", move |tx| {
            Box::pin(async move {
                tx.update_client(key, &metadata, &policy, now).await?;
                match secrets {
                    SecretChange::Keep => {}
                    SecretChange::New(digest, sealed) => {
                        tx.add_client_secret(key, &digest, now, now).await?;
                        if let Some(sealed) = &sealed {
                            tx.keep_client_secret(key, &digest, sealed).await?;
                        }
                    }
                    SecretChange::Remove => tx.delete_client_secrets(key).await?,
                }
                if metadata.token_endpoint_auth_method != AuthMethod::ClientSecretJwt {
                    tx.forget_sealed_secrets(key).await?;
                }
                tx.append_audit(&event).await?;
                Ok::<_, ProviderError>(())
            })
        })
        .await?;
    provider.clients().forget();
    Ok(())
}

/// Notes that no operator did it.
fn by_itself(event: &mut AuditEvent) {
    event.details.insert("by".to_owned(), "registration".into());
}

/// Gives a client a new secret; the present one goes on for `overlap`.
pub async fn rotate_secret(
    provider: &Provider,
    client: &Client,
    overlap: Duration,
) -> Result<OpaqueToken, ProviderError> {
    let now = provider.now();
    let secret = TokenKind::ClientSecret.generate(provider.entropy());
    let (key, digest) = (client.key, secret.digest());
    let sealed = sealed(provider, &client.client_id, client.metadata.token_endpoint_auth_method, &secret)?;
    let event = about(Action::ClientSecretRotated, &client.client_id, now);
    provider
        .store()
        .write("rotate_client_secret", move |tx| {
            Box::pin(async move {
                tx.add_client_secret(key, &digest, now, now.plus(overlap)).await?;
                if let Some(sealed) = &sealed {
                    tx.keep_client_secret(key, &digest, sealed).await?;
                }
                tx.append_audit(&event).await?;
                Ok::<_, ProviderError>(())
            })
        })
        .await?;
    provider.clients().forget();
    Ok(secret)
}

/// The secret sealed, for the one method that needs it in clear again; every other gives `None`.
pub fn sealed(
    provider: &Provider,
    client_id: &str,
    method: AuthMethod,
    secret: &OpaqueToken,
) -> Result<Option<Vec<u8>>, ProviderError> {
    if method != AuthMethod::ClientSecretJwt {
        return Ok(None);
    }
    let sealed = provider.secrets().seal_client_secret(client_id, secret, provider.entropy());
    let failed = || OAuthError::new(ErrorCode::ServerError).detail("a client's secret cannot be sealed");
    sealed.ok_or_else(failed).map(Some).map_err(Into::into)
}

/// Disables or enables a client. Disabling ends every grant it holds.
pub async fn set_status(provider: &Provider, client: &Client, status: ClientStatus) -> Result<(), ProviderError> {
    let now = provider.now();
    let key = client.key;
    let mut event = about(Action::ClientUpdated, &client.client_id, now);
    event.details.insert("status".to_owned(), status.as_str().into());
    provider
        .store()
        .write("set_client_status", move |tx| {
            Box::pin(async move {
                tx.set_client_status(key, status, now).await?;
                if status == ClientStatus::Disabled {
                    tx.revoke_grants_of_client(key, GrantEnd::ClientDisabled, now).await?;
                }
                tx.append_audit(&event).await?;
                Ok::<_, ProviderError>(())
            })
        })
        .await?;
    provider.clients().forget();
    Ok(())
}

/// Deletes a client and ends every grant it holds.
pub async fn delete(provider: &Provider, client: &Client) -> Result<(), ProviderError> {
    let now = provider.now();
    let key = client.key;
    let event = about(Action::ClientDeleted, &client.client_id, now);
    provider
        .store()
        .write("delete_client", move |tx| {
            Box::pin(async move {
                tx.revoke_grants_of_client(key, GrantEnd::ClientDisabled, now).await?;
                tx.delete_client(key).await?;
                tx.append_audit(&event).await?;
                Ok::<_, ProviderError>(())
            })
        })
        .await?;
    provider.clients().forget();
    Ok(())
}

/// Makes an initial access token: good for `uses` clients (`None` for any number) until `expires_at`, whose scope may be
/// the standard one and `scope`. It is shown this once.
pub async fn create_initial_access(
    provider: &Provider,
    uses: Option<u32>,
    scope: Scope,
    life: Option<Duration>,
) -> Result<(InitialAccess, OpaqueToken), ProviderError> {
    let now = provider.now();
    let token = TokenKind::InitialAccess.generate(provider.entropy());
    let digest = token.digest();
    let new = InitialAccess {
        id: 0,
        uses_left: uses.map(i64::from),
        scope,
        created_at: now,
        expires_at: life.map(|life| now.plus(life)),
    };
    let made = provider
        .store()
        .write("create_initial_access", move |tx| {
            Box::pin(async move {
                let made = tx.insert_initial_access(&digest, &new).await?;
                tx.append_audit(&about(Action::InitialAccessCreated, &made.id.to_string(), now)).await?;
                Ok::<_, ProviderError>(made)
            })
        })
        .await?;
    Ok((made, token))
}

/// Ends an initial access token; the clients that were registered with it stay. `false` when there was none.
pub async fn revoke_initial_access(provider: &Provider, id: i64) -> Result<bool, ProviderError> {
    let now = provider.now();
    provider
        .store()
        .write("revoke_initial_access", move |tx| {
            Box::pin(async move {
                if !tx.delete_initial_access(id).await? {
                    return Ok::<_, ProviderError>(false);
                }
                tx.append_audit(&about(Action::InitialAccessRevoked, &id.to_string(), now)).await?;
                Ok(true)
            })
        })
        .await
}

fn about(action: Action, client_id: &str, now: crate::base::Timestamp) -> AuditEvent {
    let mut event = AuditEvent::new(action, now);
    event.entity_id = Some(client_id.to_owned());
    event
}
