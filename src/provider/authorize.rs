//! The authorization request on its arrival: find the client, carry the request through the checks.

use std::sync::Arc;

use super::Provider;
use crate::model::client::Client;
use crate::oauth::authorization::{self, AuthorizationRequest, Refusal};
use crate::oauth::{ErrorCode, OAuthError, Params};

/// A checked request with its client.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// Who asks.
    pub client: Arc<Client>,
    /// For what.
    pub request: AuthorizationRequest,
}

/// Reads and checks an authorization request. Nothing is stored.
pub async fn accept(provider: &Provider, params: &Params) -> Result<Accepted, Refusal> {
    let client_id = params.require("client_id", "client_id is missing").map_err(Refusal::Page)?;
    let client = find(provider, client_id).await.map_err(Refusal::Page)?;
    let request = authorization::check(params, client.rules())?;
    Ok(Accepted { client, request })
}

/// The active client of a request, or the error that a page shows.
pub async fn find(provider: &Provider, client_id: &str) -> Result<Arc<Client>, OAuthError> {
    match provider.clients().find(client_id).await {
        Ok(Some(client)) => Ok(client),
        Ok(None) => Err(OAuthError::because(ErrorCode::InvalidClient, "The client is unknown or disabled")),
        Err(error) => Err(super::ProviderError::from(error).into_oauth()),
    }
}
