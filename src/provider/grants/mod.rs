//! The token endpoint (RFC 6749 §3.2): phases that every grant passes, and what each grant does of its own.
//!
//! 1. authenticate the client  2. is the grant known, and registered by this client  3. is there a key, if the client
//! wants its ID tokens encrypted  4. the grant itself  5. respond.

mod authorization_code;
mod client_credentials;
mod refresh_token;

use serde::Serialize;

use super::client_auth::{AuthenticatedClient, authenticate};
use super::encryption::{self, Purpose};
use super::subject::Subject;
use super::tokens::{self, AccessFacts, IdTokenFacts, RefreshReference};
use super::{Provider, ProviderError};
use crate::model::grant::Grant;
use crate::oauth::{ErrorCode, GrantType, OAuthError, Params, Scope, resource};

/// A successful answer of the token endpoint (RFC 6749 §5.1).
#[derive(Debug, Serialize)]
pub struct TokenResponse {
    /// The access token.
    pub access_token: String,
    /// Always `Bearer`.
    pub token_type: &'static str,
    /// Life of the access token in seconds.
    pub expires_in: u64,
    /// The granted scope.
    #[serde(skip_serializing_if = "Scope::is_empty")]
    pub scope: Scope,
    /// The refresh token, where the client registered the grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// The ID token, where `openid` was granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
}

/// A token request as it arrived.
#[derive(Debug, Clone, Copy)]
pub struct TokenRequest<'a> {
    /// The `Authorization` header.
    pub authorization: Option<&'a [u8]>,
    /// The form.
    pub params: &'a Params,
    /// URL of the token endpoint.
    pub endpoint: &'a str,
}

/// Answers a token request; gives the grant type too, for the record.
pub async fn exchange(
    provider: &Provider,
    request: TokenRequest<'_>,
) -> Result<(GrantType, TokenResponse), ProviderError> {
    let client = authenticate(provider, request.authorization, request.params, request.endpoint).await?;
    let grant = permitted(&client, request.params)?;
    if grant != GrantType::ClientCredentials {
        encryption::ready(provider, &client, Purpose::IdToken).await?;
    }
    let response = match grant {
        GrantType::AuthorizationCode => authorization_code::exchange(provider, &client, request.params).await?,
        GrantType::RefreshToken => refresh_token::exchange(provider, &client, request.params).await?,
        GrantType::ClientCredentials => client_credentials::exchange(provider, &client, request.params)?,
        GrantType::Implicit => return Err(ErrorCode::UnsupportedGrantType.into()),
    };
    Ok((grant, response))
}

fn permitted(client: &AuthenticatedClient, params: &Params) -> Result<GrantType, OAuthError> {
    let named = params.require("grant_type", "grant_type is missing")?;
    let of_this_endpoint = |grant: &GrantType| *grant != GrantType::Implicit;
    let grant = GrantType::parse(named).filter(of_this_endpoint);
    let grant = grant.ok_or(OAuthError::new(ErrorCode::UnsupportedGrantType))?;
    if client.metadata.allows_grant(grant) {
        Ok(grant)
    } else {
        Err(OAuthError::because(ErrorCode::UnauthorizedClient, "The client did not register this grant_type"))
    }
}

/// What a person's grant is answered with, on its first use and on each refresh.
#[derive(Debug, Clone, Copy)]
struct Answer<'a> {
    grant: &'a Grant,
    subject: &'a Subject,
    /// What this access token may do: the grant's scope or less.
    scope: &'a Scope,
    /// Whom this access token is for; empty means the default audience.
    resources: &'a [String],
    /// Of the authorization request; repeated in the first ID token alone.
    nonce: Option<&'a str>,
    /// The refresh token to hand out.
    refresh: Option<RefreshReference>,
}

/// RFC 8707 §2.2: a token request may name some of the resources that were granted; where none were, any that the client may.
fn narrowed_resources(client: &AuthenticatedClient, grant: &Grant, params: &Params) -> Result<Vec<String>, OAuthError> {
    let allowed = if grant.resources.is_empty() { &client.policy.resources } else { &grant.resources };
    let named = resource::check(params.all("resource"), allowed)?;
    Ok(if named.is_empty() { grant.resources.clone() } else { named })
}

fn respond(
    provider: &Provider,
    client: &AuthenticatedClient,
    answer: Answer<'_>,
) -> Result<TokenResponse, ProviderError> {
    let Answer { grant, subject, scope, resources, nonce, refresh } = answer;
    let access_token = tokens::access_token(provider, client, subject, AccessFacts { grant, scope, resources })?;
    let id_token = if scope.contains("openid") {
        let facts = IdTokenFacts { grant, scope, nonce, code: None, access_token: Some(&access_token), alone: false };
        Some(tokens::id_token(provider, client, subject, facts)?)
    } else {
        None
    };
    Ok(TokenResponse {
        access_token,
        token_type: "Bearer",
        expires_in: provider.settings().access_token_lifetime.as_secs(),
        scope: scope.clone(),
        refresh_token: refresh.map(|reference| provider.secrets().refresh_token(reference)),
        id_token,
    })
}
