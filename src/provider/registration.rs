//! Clients as operators make and change them: checked, recorded, a secret shown once.

use std::time::Duration;

use super::{Provider, ProviderError};
use crate::audit::{Action, AuditEvent};
use crate::base::entropy::uuid_v7;
use crate::base::token::{OpaqueToken, TokenKind};
use crate::jose::{Algorithm, client_keys};
use crate::model::client::{Client, ClientPolicy, ClientStatus, NewClient, PkcePolicy};
use crate::model::grant::GrantEnd;
use crate::oauth::ClientMetadata;
use crate::oauth::registration::{Problem, check};

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
    if Algorithm::parse(&metadata.id_token_signed_response_alg).is_none() {
        problems.push(Problem {
            member: "id_token_signed_response_alg",
            why: "must be RS256, PS256, ES256 or EdDSA".to_owned(),
        });
    }
    if metadata.request_object_signing_alg.as_deref().is_some_and(|alg| Algorithm::parse(alg).is_none()) {
        problems.push(Problem {
            member: "request_object_signing_alg",
            why: "must be RS256, PS256, ES256 or EdDSA".to_owned(),
        });
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

/// Registers a client.
pub async fn register(
    provider: &Provider,
    metadata: ClientMetadata,
    policy: ClientPolicy,
) -> Result<Registered, RegistrationError> {
    let wrong = problems(&metadata, &policy);
    if !wrong.is_empty() {
        return Err(RegistrationError::Refused(wrong));
    }
    let now = provider.now();
    let client_id = uuid_v7(now, provider.entropy()).to_string();
    let secret =
        metadata.token_endpoint_auth_method.uses_secret().then(|| TokenKind::ClientSecret.generate(provider.entropy()));
    let new = NewClient { client_id, metadata, policy, secret: secret.as_ref().map(OpaqueToken::digest) };
    let event = about(Action::ClientCreated, &new.client_id, now);
    let client = provider
        .store()
        .write("register_client", move |tx| {
            Box::pin(async move {
                let client = tx.insert_client(&new, now).await?;
                tx.append_audit(&event).await?;
                Ok::<_, ProviderError>(client)
            })
        })
        .await?;
    Ok(Registered { client, secret })
}

/// Replaces metadata and policy of a client.
pub async fn update(
    provider: &Provider,
    client: &Client,
    metadata: ClientMetadata,
    policy: ClientPolicy,
) -> Result<(), RegistrationError> {
    let wrong = problems(&metadata, &policy);
    if !wrong.is_empty() {
        return Err(RegistrationError::Refused(wrong));
    }
    let now = provider.now();
    let key = client.key;
    let event = about(Action::ClientUpdated, &client.client_id, now);
    provider
        .store()
        .write("update_client", move |tx| {
            Box::pin(async move {
                tx.update_client(key, &metadata, &policy, now).await?;
                tx.append_audit(&event).await?;
                Ok::<_, ProviderError>(())
            })
        })
        .await?;
    provider.clients().forget();
    Ok(())
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
    let event = about(Action::ClientSecretRotated, &client.client_id, now);
    provider
        .store()
        .write("rotate_client_secret", move |tx| {
            Box::pin(async move {
                tx.add_client_secret(key, &digest, now, now.plus(overlap)).await?;
                tx.append_audit(&event).await?;
                Ok::<_, ProviderError>(())
            })
        })
        .await?;
    provider.clients().forget();
    Ok(secret)
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

fn about(action: Action, client_id: &str, now: crate::base::Timestamp) -> AuditEvent {
    let mut event = AuditEvent::new(action, now);
    event.entity_id = Some(client_id.to_owned());
    event
}
