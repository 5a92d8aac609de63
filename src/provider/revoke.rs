//! Token revocation (RFC 7009).
//!
//! 1. find the token, whatever its kind  2. another client's is refused silently  3. revoke it and, for a refresh token, all
//! that came of its grant. An unknown token is a success (§2.2).

use super::client_auth::AuthenticatedClient;
use super::{Provider, ProviderError, access};
use crate::audit::{Action, AuditEvent};
use crate::base::Timestamp;
use crate::model::grant::GrantEnd;
use crate::oauth::Params;

/// Revokes a token of this client.
pub async fn revoke(provider: &Provider, client: &AuthenticatedClient, params: &Params) -> Result<(), ProviderError> {
    let token = params.require("token", "token is missing")?;
    let now = provider.now();
    if let Some(reference) = provider.secrets().read_refresh_token(token) {
        return revoke_grant(provider, client, reference.grant, now).await;
    }
    let Some(claims) = access::read(provider, token) else { return Ok(()) };
    if claims.client_id != client.client_id {
        return Ok(());
    }
    let expires_at = Timestamp::from_seconds(claims.exp);
    provider
        .store()
        .write("revoke_access_token", move |tx| {
            Box::pin(async move {
                tx.revoke_access_token(&claims.jti, expires_at, now).await?;
                Ok(())
            })
        })
        .await
}

async fn revoke_grant(
    provider: &Provider,
    client: &AuthenticatedClient,
    id: uuid::Uuid,
    now: Timestamp,
) -> Result<(), ProviderError> {
    let grant = provider.store().read().await?.grant_by_id(id).await?;
    let Some(grant) = grant.filter(|grant| grant.client == client.key) else { return Ok(()) };
    let mut event = AuditEvent::new(Action::GrantRevoked, now);
    event.actor_client = Some(client.key);
    event.actor_user = Some(grant.user);
    event.tenant = grant.tenant;
    event.entity_id = Some(id.to_string());
    provider
        .store()
        .write("revoke_grant", move |tx| {
            Box::pin(async move {
                if tx.revoke_grant(id, GrantEnd::RevokedByClient, now).await? {
                    tx.append_audit(&event).await?;
                }
                Ok(())
            })
        })
        .await
}
