//! How a grant begins: when its code is redeemed, or at the authorization endpoint where tokens come from there.

use super::{Provider, ProviderError};
use crate::base::Timestamp;
use crate::model::client::Client;
use crate::model::code::AuthorizationCode;
use crate::model::grant::Grant;
use crate::oauth::{ErrorCode, OAuthError};
use crate::store::{Constraint, StoreError};

/// The grant that a code's record stands for, as it is when its code is redeemed at `now`.
pub(super) fn grant(provider: &Provider, code: &AuthorizationCode, now: Timestamp) -> Grant {
    let settings = provider.settings();
    let longest = now.plus(settings.refresh_token_lifetime);
    let expires_at = if code.scope.contains("offline_access") {
        longest
    } else {
        longest.min(code.session_began_at.plus(settings.sessions.absolute))
    };
    Grant {
        id: code.grant,
        client: code.client,
        user: code.user,
        tenant: code.tenant,
        sid: code.sid,
        scope: code.scope.clone(),
        claims: code.claims.clone(),
        resources: code.resources.clone(),
        nonce: code.nonce.clone(),
        auth_time: code.auth_time,
        acr: code.acr.clone(),
        amr: code.amr.clone(),
        created_at: now,
        expires_at,
        generation: 0,
        rotated_at: now,
        revoked_at: None,
    }
}

/// Begins `grant`, or redeems the one that began in front; `false` when that happened before. A session that ended or a
/// consent that was withdrawn since the person was asked gives nothing.
pub(super) async fn record(
    provider: &Provider,
    client: &Client,
    grant: Grant,
    began_in_front: bool,
) -> Result<bool, ProviderError> {
    let refused = |why: &'static str| ProviderError::from(OAuthError::new(ErrorCode::InvalidGrant).detail(why));
    let needs_consent = !client.policy.first_party;
    let begun = provider
        .store()
        .write("begin_grant", move |tx| {
            Box::pin(async move {
                if !tx.hold_session(grant.sid).await? {
                    return Err(refused("the session ended"));
                }
                if needs_consent {
                    let consent = tx.consent(grant.user, grant.client).await?;
                    if !consent.is_some_and(|known| grant.scope.is_within(&known.scope)) {
                        return Err(refused("the consent was withdrawn"));
                    }
                }
                if began_in_front {
                    return Ok(tx.rotate_grant(grant.id, Grant::IN_FRONT, grant.created_at).await?.is_some());
                }
                tx.insert_grant(&grant).await?;
                Ok(true)
            })
        })
        .await;
    match begun {
        Err(ProviderError::Store(StoreError::Conflict(Constraint::Grant))) => Ok(false),
        begun => begun,
    }
}
