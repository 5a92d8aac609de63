//! How a grant begins: when its code is redeemed, or at the authorization endpoint where tokens come from there.

use super::{Provider, ProviderError};
use crate::base::Timestamp;
use crate::model::client::Client;
use crate::model::code::AuthorizationCode;
use crate::model::grant::Grant;
use crate::oauth::{ErrorCode, OAuthError};
use crate::store::Conn;

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
    let id = grant.id;
    let begun = match (began_in_front, client.policy.first_party) {
        (true, first_party) => return redeem(provider, grant, !first_party).await,
        (false, true) => begin(provider, grant).await?,
        (false, false) => begin_by_consent(provider, grant).await?,
    };
    if !begun && provider.store().read().await?.grant_by_id(id).await?.is_none() {
        return Err(refused("the session ended"));
    }
    Ok(begun)
}

fn refused(why: &'static str) -> ProviderError {
    OAuthError::new(ErrorCode::InvalidGrant).detail(why).into()
}

/// Begins a grant that needs no consent.
async fn begin(provider: &Provider, grant: Grant) -> Result<bool, ProviderError> {
    let begun = provider
        .store()
        .write_one("begin_grant", move |tx| Box::pin(async move { tx.begin_grant(&grant).await }))
        .await?;
    Ok(begun)
}

/// Begins a grant that stands on the person's consent. The session goes first: withdrawing a consent does not touch it, but
/// who ends it must find this grant.
async fn begin_by_consent(provider: &Provider, grant: Grant) -> Result<bool, ProviderError> {
    provider
        .store()
        .write("begin_grant", move |tx| {
            Box::pin(async move {
                if !tx.begin_grant(&grant).await? {
                    return Ok(false);
                }
                stands_on_consent(tx, &grant).await?;
                Ok(true)
            })
        })
        .await
}

/// Redeems a grant that began at the authorization endpoint.
async fn redeem(provider: &Provider, grant: Grant, needs_consent: bool) -> Result<bool, ProviderError> {
    provider
        .store()
        .write("redeem_grant", move |tx| {
            Box::pin(async move {
                if !tx.hold_session(grant.sid).await? {
                    return Err(refused("the session ended"));
                }
                if needs_consent {
                    stands_on_consent(tx, &grant).await?;
                }
                Ok(tx.rotate_grant(grant.id, Grant::IN_FRONT, grant.created_at).await?.is_some())
            })
        })
        .await
}

async fn stands_on_consent(tx: &mut Conn, grant: &Grant) -> Result<(), ProviderError> {
    let consent = tx.consent(grant.user, grant.client).await?;
    let stands = consent.is_some_and(|known| grant.scope.is_within(&known.scope));
    if stands { Ok(()) } else { Err(refused("the consent was withdrawn")) }
}
