//! The `authorization_code` grant (RFC 6749 §4.1.3, RFC 7636 §4.5).
//!
//! 1. find the code  2. it is this client's, alive, for this redirect URI and verifier — else it is burnt
//! 3. the person and the tenant are still good  4. begin the grant: its id was fixed when the code was made, so of any
//! number of rivals one insert succeeds and every other is a second use, which revokes what the first gave
//! 5. mint.

use super::{Answer, TokenResponse, narrowed_resources, respond};
use crate::audit::{Action, AuditEvent};
use crate::base::Timestamp;
use crate::base::token::TokenKind;
use crate::model::code::AuthorizationCode;
use crate::model::grant::{Grant, GrantEnd};
use crate::oauth::pkce::check_verifier;
use crate::oauth::{ErrorCode, GrantType, OAuthError, Params};
use crate::provider::client_auth::AuthenticatedClient;
use crate::provider::tokens::RefreshReference;
use crate::provider::{Provider, ProviderError, subject};
use crate::store::{Constraint, Kind, StoreError};

pub(super) async fn exchange(
    provider: &Provider,
    client: &AuthenticatedClient,
    params: &Params,
) -> Result<TokenResponse, ProviderError> {
    let presented = params.require("code", "code is missing")?;
    let refused = || OAuthError::new(ErrorCode::InvalidGrant);
    let key = TokenKind::AuthorizationCode.digest_of(presented).ok_or_else(refused)?.to_base64url();
    let now = provider.now();
    let stored = provider.store().ephemeral().get(Kind::Code, &key, now).await?.ok_or_else(refused)?;
    let code: AuthorizationCode = serde_json::from_slice(&stored).map_err(|_| refused())?;
    if let Err(error) = check(&code, client, params, now) {
        burn(provider, &key, new_grant(provider, &code, now)).await?;
        return Err(error.into());
    }
    let grant = new_grant(provider, &code, now);
    let resources = narrowed_resources(client, &grant, params)?;
    let subject = subject::load(&mut *provider.store().read().await?, code.user, code.tenant).await?;
    if !record(provider, client, grant.clone()).await? {
        report_reuse(provider, &code, client, now).await?;
        return Err(OAuthError::new(ErrorCode::InvalidGrant).detail("the code was used before").into());
    }
    let refresh = client
        .metadata
        .allows_grant(GrantType::RefreshToken)
        .then_some(RefreshReference { grant: grant.id, generation: grant.generation });
    let answer = Answer {
        grant: &grant,
        subject: &subject,
        scope: &grant.scope,
        resources: &resources,
        nonce: grant.nonce.as_deref(),
        refresh,
    };
    respond(provider, client, answer)
}

/// Binding and life of a code; every failure is `invalid_grant`.
fn check(
    code: &AuthorizationCode,
    client: &AuthenticatedClient,
    params: &Params,
    now: Timestamp,
) -> Result<(), OAuthError> {
    let refuse = |why: &'static str| Err(OAuthError::new(ErrorCode::InvalidGrant).detail(why));
    if code.client != client.key {
        return refuse("the code belongs to another client");
    }
    if now >= code.expires_at {
        return refuse("the code has expired");
    }
    if params.get("redirect_uri") != Some(code.redirect_uri.as_str()) {
        return Err(OAuthError::because(
            ErrorCode::InvalidGrant,
            "redirect_uri differs from the authorization request",
        ));
    }
    check_verifier(code.code_challenge.as_ref(), params.get("code_verifier"))
}

/// A code that was offered wrongly is in the wrong hands: nobody may use it any more, and what it gave ends. The grant is
/// put down as revoked, so that a rival who has read the code already finds it taken.
async fn burn(provider: &Provider, key: &str, grant: Grant) -> Result<(), ProviderError> {
    provider.store().ephemeral().delete(Kind::Code, key).await?;
    let now = grant.created_at;
    let spent = Grant { revoked_at: Some(now), ..grant };
    provider
        .store()
        .write("burn_code", move |tx| {
            Box::pin(async move {
                match tx.insert_grant(&spent).await {
                    Err(StoreError::Conflict(Constraint::Grant)) => {
                        tx.revoke_grant(spent.id, GrantEnd::CodeReused, now).await?;
                        Ok(())
                    }
                    inserted => inserted,
                }
            })
        })
        .await?;
    Ok(())
}

fn new_grant(provider: &Provider, code: &AuthorizationCode, now: Timestamp) -> Grant {
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

/// `false` when the grant had begun already. A session that ended or a consent that was withdrawn since the code was made
/// gives nothing.
async fn record(provider: &Provider, client: &AuthenticatedClient, grant: Grant) -> Result<bool, ProviderError> {
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
                tx.insert_grant(&grant).await?;
                Ok(())
            })
        })
        .await;
    match begun {
        Ok(()) => Ok(true),
        Err(ProviderError::Store(StoreError::Conflict(Constraint::Grant))) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn report_reuse(
    provider: &Provider,
    code: &AuthorizationCode,
    client: &AuthenticatedClient,
    now: Timestamp,
) -> Result<(), ProviderError> {
    let mut event = AuditEvent::new(Action::CodeReused, now);
    event.actor_client = Some(client.key);
    event.actor_user = Some(code.user);
    event.tenant = code.tenant;
    "grant".clone_into(&mut event.entity_type);
    event.entity_id = Some(code.grant.to_string());
    let grant = code.grant;
    provider
        .store()
        .write("code_reused", move |tx| {
            Box::pin(async move {
                if tx.revoke_grant(grant, GrantEnd::CodeReused, now).await? {
                    tx.append_audit(&event).await?;
                }
                Ok(())
            })
        })
        .await
}
