//! Userinfo (OpenID Connect Core §5.3): what the token's scopes and the request's `claims` release about the person, as it is now.

use super::signed_answers::{self, Answer};
use super::{Provider, ProviderError, access, subject};
use crate::oauth::{ErrorCode, OAuthError, Release};

/// The claims for a bearer of `token`, in the form that its client registered: `invalid_token` unless it is good and a person's, `insufficient_scope` without `openid`.
pub async fn userinfo(provider: &Provider, token: &str) -> Result<Answer, ProviderError> {
    let refused = || ProviderError::from(ErrorCode::InvalidToken);
    let live = access::live(provider, token).await?.ok_or_else(refused)?;
    let grant = live.grant.ok_or_else(refused)?;
    if !live.claims.scope.contains("openid") {
        return Err(ErrorCode::InsufficientScope.into());
    }
    let loaded = subject::load(&mut *provider.store().read().await?, grant.user, grant.tenant).await;
    let subject = loaded.map_err(|error| match error {
        ProviderError::Refused(_) => {
            OAuthError::new(ErrorCode::InvalidToken).detail("the person or tenant is gone").into()
        }
        other => other,
    })?;
    let scope = &live.claims.scope;
    let sub = subject::sub(provider, Some(&live.client), &subject.user);
    let asked = grant.claims_within(scope);
    let claims = subject.userinfo(sub, Release { scope, named: &asked.userinfo, locales: &asked.locales });
    signed_answers::userinfo(provider, &live.client, claims).await
}
