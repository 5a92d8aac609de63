//! The `client_credentials` grant (RFC 6749 §4.4): a confidential client for itself. Writes and reads nothing.

use super::TokenResponse;
use crate::oauth::{ErrorCode, OAuthError, Params, Scope, resource};
use crate::provider::client_auth::AuthenticatedClient;
use crate::provider::{Provider, ProviderError, tokens};

/// Scopes that speak of a person; a client for itself has none.
const OF_A_PERSON: [&str; 6] = ["openid", "profile", "email", "address", "phone", "offline_access"];

pub(super) fn exchange(
    provider: &Provider,
    client: &AuthenticatedClient,
    params: &Params,
) -> Result<TokenResponse, ProviderError> {
    if !client.metadata.is_confidential() {
        return Err(OAuthError::because(ErrorCode::UnauthorizedClient, "A public client cannot act for itself").into());
    }
    let scope = granted(client, params)?;
    let resources = resource::check(params.all("resource"), &client.policy.resources)?;
    Ok(TokenResponse {
        access_token: tokens::client_access_token(provider, client, &scope, &resources)?,
        token_type: "Bearer",
        expires_in: provider.settings().access_token_lifetime.as_secs(),
        scope,
        refresh_token: None,
        id_token: None,
    })
}

/// What was asked for, or all that the client registered; never a scope that speaks of a person.
fn granted(client: &AuthenticatedClient, params: &Params) -> Result<Scope, OAuthError> {
    let registered = client.metadata.scope.filtered(|name| !OF_A_PERSON.contains(&name));
    match params.get("scope") {
        None => Ok(registered),
        Some(text) => {
            let asked = Scope::parse(text)?;
            if asked.is_within(&registered) { Ok(asked) } else { Err(ErrorCode::InvalidScope.into()) }
        }
    }
}
