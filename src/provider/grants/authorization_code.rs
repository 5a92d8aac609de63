//! The `authorization_code` grant (RFC 6749 §4.1.3, RFC 7636 §4.5).
//!
//! 1. open the code  2. it is this client's, alive, for this redirect URI and verifier — else it is burnt
//! 3. the person and the tenant are still good  4. begin the grant: its id was fixed when the code was made, so of any
//! number of rivals one insert succeeds (one update, where the grant began with tokens in front) and every other is a second
//! use, which revokes what the first and the authorization endpoint gave  5. mint.

use std::time::Duration;

use super::{Answer, TokenResponse, narrowed_resources, respond};
use crate::audit::{Action, AuditEvent};
use crate::base::Timestamp;
use crate::model::code::AuthorizationCode;
use crate::model::grant::{Grant, GrantEnd};
use crate::oauth::pkce::check_verifier;
use crate::oauth::{ErrorCode, GrantType, OAuthError, Params};
use crate::provider::client_auth::AuthenticatedClient;
use crate::provider::tokens::RefreshReference;
use crate::provider::{Provider, ProviderError, begin, subject};
use crate::store::{Constraint, StoreError};

/// How long after its end a code that is offered still burns, and revokes what it gave. Its grant is remembered for longer.
const REMEMBERED: Duration = Duration::from_secs(600);

pub(super) async fn exchange(
    provider: &Provider,
    client: &AuthenticatedClient,
    params: &Params,
) -> Result<TokenResponse, ProviderError> {
    let presented = params.require("code", "code is missing")?;
    let refused = || OAuthError::new(ErrorCode::InvalidGrant);
    let now = provider.now();
    let code = provider.secrets().open_code(presented).ok_or_else(refused)?;
    if now >= code.expires_at.plus(REMEMBERED) {
        return Err(refused().detail("the code expired long ago").into());
    }
    if let Err(error) = check(&code, client, params, now) {
        burn(provider, begin::grant(provider, &code, now)).await?;
        return Err(error.into());
    }
    let grant = begin::grant(provider, &code, now);
    let resources = narrowed_resources(client, &grant, params)?;
    let subject = subject::load(&mut *provider.store().read().await?, code.user, code.tenant).await?;
    if !begin::record(provider, client, grant.clone(), code.began_in_front).await? {
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
async fn burn(provider: &Provider, grant: Grant) -> Result<(), ProviderError> {
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
