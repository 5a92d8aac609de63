//! The authorization request on its arrival: find the client, find the parameters (here, in an object, or pushed before),
//! carry them through the checks.

use std::sync::Arc;

use super::{Provider, pushed, request_object};
use crate::model::client::Client;
use crate::oauth::authorization::{self, Arrival, AuthorizationRequest, Refusal};
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
    let reference = params.get("request_uri").filter(|uri| uri.starts_with(pushed::PREFIX));
    let request = if let Some(uri) = reference {
        // RFC 9126 §4: whatever else stands beside the reference does not count.
        pushed::open(provider, &client, uri).await.map_err(Refusal::Page)?
    } else {
        let resolved = request_object::resolve(provider, &client, params, false).await?;
        let arrival = Arrival { pushed: false, signed: resolved.is_some() };
        authorization::check(resolved.as_ref().unwrap_or(params), client.rules(), arrival)?
    };
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
