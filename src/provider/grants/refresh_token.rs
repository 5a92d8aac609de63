//! The `refresh_token` grant (RFC 6749 §6, RFC 9700 §4.14): rotation, an honest retry, reuse.
//!
//! 1. the token is ours and names this client's grant  2. decide: rotate, retry, reused, ended  3. rotate by one conditional
//! update; who loses the race looks again and is then a retry  4. the person and the tenant are still good  5. mint.

use super::{Answer, TokenResponse, narrowed_resources, respond};
use crate::audit::{Action, AuditEvent};
use crate::base::Timestamp;
use crate::model::grant::{Grant, GrantEnd, Refresh};
use crate::oauth::{ErrorCode, OAuthError, Params, Scope};
use crate::provider::client_auth::AuthenticatedClient;
use crate::provider::tokens::RefreshReference;
use crate::provider::{Provider, ProviderError, subject};

pub(super) async fn exchange(
    provider: &Provider,
    client: &AuthenticatedClient,
    params: &Params,
) -> Result<TokenResponse, ProviderError> {
    let refused = |why: &'static str| ProviderError::from(OAuthError::new(ErrorCode::InvalidGrant).detail(why));
    let presented = params.require("refresh_token", "refresh_token is missing")?;
    let reference = provider.secrets().read_refresh_token(presented).ok_or_else(|| refused("not a token of ours"))?;
    let (grant, subject) = {
        let mut conn = provider.store().read().await?;
        let grant = conn.grant_by_id(reference.grant).await?.filter(|grant| grant.client == client.key);
        let grant = grant.ok_or_else(|| refused("no such grant of this client"))?;
        let subject = subject::load(&mut conn, grant.user, grant.tenant).await?;
        (grant, subject)
    };
    let scope = narrowed(&grant, params)?;
    let resources = narrowed_resources(client, &grant, params)?;
    let grant = rotate(provider, client, grant, reference.generation).await?;
    let next = RefreshReference { grant: grant.id, generation: grant.generation };
    respond(
        provider,
        client,
        Answer {
            grant: &grant,
            subject: &subject,
            scope: &scope,
            resources: &resources,
            nonce: None,
            refresh: Some(next),
        },
    )
}

/// RFC 6749 §6: the same scope or less.
fn narrowed(grant: &Grant, params: &Params) -> Result<Scope, OAuthError> {
    match params.get("scope") {
        None => Ok(grant.scope.clone()),
        Some(text) => {
            let asked = Scope::parse(text)?;
            if asked.is_within(&grant.scope) && !asked.is_empty() {
                Ok(asked)
            } else {
                Err(ErrorCode::InvalidScope.into())
            }
        }
    }
}

async fn rotate(
    provider: &Provider,
    client: &AuthenticatedClient,
    mut grant: Grant,
    generation: i64,
) -> Result<Grant, ProviderError> {
    let refused = |why: &'static str| Err(OAuthError::new(ErrorCode::InvalidGrant).detail(why).into());
    let now = provider.now();
    let grace = provider.settings().refresh_grace;
    // Twice at most: a lost race shows itself as the next generation on the second look.
    for _ in 0..2 {
        match grant.refresh(generation, now, grace) {
            Refresh::Ended => return refused("the grant is over"),
            Refresh::Retry => return Ok(grant),
            Refresh::Reused => {
                report_reuse(provider, client, &grant, now).await?;
                return refused("the refresh token was used before");
            }
            Refresh::Rotate => {}
        }
        let id = grant.id;
        let rotated = provider
            .store()
            .write_one("rotate_grant", move |tx| Box::pin(async move { tx.rotate_grant(id, generation, now).await }))
            .await?;
        if let Some(rotated) = rotated {
            return Ok(rotated);
        }
        match provider.store().read().await?.grant_by_id(id).await? {
            Some(again) => grant = again,
            None => return refused("the grant is gone"),
        }
    }
    refused("the grant is over")
}

async fn report_reuse(
    provider: &Provider,
    client: &AuthenticatedClient,
    grant: &Grant,
    now: Timestamp,
) -> Result<(), ProviderError> {
    let mut event = AuditEvent::new(Action::RefreshReused, now);
    event.actor_client = Some(client.key);
    event.actor_user = Some(grant.user);
    event.tenant = grant.tenant;
    "grant".clone_into(&mut event.entity_type);
    event.entity_id = Some(grant.id.to_string());
    let id = grant.id;
    provider
        .store()
        .write("refresh_reused", move |tx| {
            Box::pin(async move {
                if tx.revoke_grant(id, GrantEnd::RefreshReused, now).await? {
                    tx.append_audit(&event).await?;
                }
                Ok(())
            })
        })
        .await
}
