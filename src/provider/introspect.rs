//! Token introspection (RFC 7662).
//!
//! 1. authenticate the client, which must have a credential  2. is the token good  3. may this client know: its own tokens,
//! or any if it is a resource server  4. answer; whatever is not to be known is `{"active": false}`.

use serde_json::{Map, Value, json};

use super::client_auth::AuthenticatedClient;
use super::{Provider, ProviderError, access};
use crate::model::client::Client;
use crate::model::grant::{Grant, Refresh};
use crate::oauth::client_metadata::SubjectType;
use crate::oauth::{ErrorCode, OAuthError, Params};

/// The answer for a token that is not good, or not this client's to know.
fn inactive() -> Map<String, Value> {
    Map::from_iter([("active".to_owned(), Value::Bool(false))])
}

/// Answers an introspection request.
pub async fn introspect(
    provider: &Provider,
    client: &AuthenticatedClient,
    params: &Params,
) -> Result<Map<String, Value>, ProviderError> {
    if !client.metadata.is_confidential() {
        return Err(OAuthError::because(ErrorCode::InvalidClient, "Introspection needs a confidential client").into());
    }
    let token = params.require("token", "token is missing")?;
    if let Some(answer) = refresh_token(provider, client, token).await? {
        return Ok(answer);
    }
    let Some(live) = access::live(provider, token).await? else { return Ok(inactive()) };
    if !may_know(client, &live.client) {
        return Ok(inactive());
    }
    let Ok(Value::Object(claims)) = serde_json::to_value(&live.claims) else { return Ok(inactive()) };
    let mut answer = claims;
    answer.insert("active".to_owned(), true.into());
    answer.insert("token_type".to_owned(), "Bearer".into());
    // The address would tell pairwise subjects of two sectors to be one person.
    let is_public = live.client.metadata.subject_type == SubjectType::Public;
    if let Some(grant) = live.grant.as_ref().filter(|_| is_public) {
        let user = provider.store().read().await?.user_by_id(grant.user).await?;
        if let Some(user) = user {
            answer.insert("username".to_owned(), user.email.into());
        }
    }
    Ok(answer)
}

fn may_know(asking: &Client, owner: &Client) -> bool {
    asking.key == owner.key || asking.policy.resource_server
}

async fn refresh_token(
    provider: &Provider,
    client: &AuthenticatedClient,
    token: &str,
) -> Result<Option<Map<String, Value>>, ProviderError> {
    let Some(reference) = provider.secrets().read_refresh_token(token) else { return Ok(None) };
    let grant: Option<Grant> = provider.store().read().await?.grant_by_id(reference.grant).await?;
    let Some(grant) = grant else { return Ok(Some(inactive())) };
    let live = grant.refresh(reference.generation, provider.now(), std::time::Duration::ZERO) == Refresh::Rotate;
    if !live || (grant.client != client.key && !client.policy.resource_server) {
        return Ok(Some(inactive()));
    }
    let Value::Object(answer) = json!({
        "active": true,
        "iss": provider.issuer(),
        "scope": grant.scope,
        "iat": grant.rotated_at.seconds(),
        "exp": grant.expires_at.seconds(),
        "token_type": "refresh_token",
    }) else {
        return Ok(Some(inactive()));
    };
    Ok(Some(answer))
}
