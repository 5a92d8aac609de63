//! Pushed authorization requests (RFC 9126): a client sends its request itself and the browser brings the reference.
//!
//! A pushed request may be opened several times until one of its journeys is answered: mail scanners, the back button and a
//! second tab open it too. The answer ends it, by one atomic step.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::client_auth::AuthenticatedClient;
use super::{Provider, ProviderError, journeys, request_object};
use crate::base::digest::{Digest, base64url, from_base64url};
use crate::base::entropy;
use crate::base::id::ClientKey;
use crate::model::client::Client;
use crate::oauth::authorization::{self, Arrival, AuthorizationRequest, Refusal};
use crate::oauth::{ErrorCode, OAuthError, Params};
use crate::store::Kind;

/// What every reference begins with (RFC 9126 §2.2).
pub const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";
/// How long a reference can be opened.
const LIFETIME: Duration = Duration::from_secs(60);
/// Parameters by which a client proves itself; no part of its request.
const CREDENTIALS: [&str; 4] = ["client_id", "client_secret", "client_assertion", "client_assertion_type"];

/// The answer to a pushed request.
#[derive(Debug, Serialize)]
pub struct Pushed {
    /// For the `request_uri` parameter.
    pub request_uri: String,
    /// Seconds that it can be opened.
    pub expires_in: u64,
}

#[derive(Serialize, Deserialize)]
struct Record {
    client: ClientKey,
    request: AuthorizationRequest,
}

/// Checks a request as the authorization endpoint would, and keeps it.
pub async fn push(provider: &Provider, client: &AuthenticatedClient, params: &Params) -> Result<Pushed, ProviderError> {
    let request = check(provider, client, params).await?;
    let random = base64url(&entropy::bytes::<32>(provider.entropy()));
    let record = serde_json::to_vec(&Record { client: client.key, request }).unwrap_or_default();
    let key = key_of(&random);
    provider.store().ephemeral().put(Kind::PushedRequest, &key, &record, LIFETIME, provider.now()).await?;
    Ok(Pushed { request_uri: format!("{PREFIX}{random}"), expires_in: LIFETIME.as_secs() })
}

async fn check(provider: &Provider, client: &Client, params: &Params) -> Result<AuthorizationRequest, OAuthError> {
    let refuse = |why| OAuthError::because(ErrorCode::InvalidRequest, why);
    if params.get("request_uri").is_some() {
        return Err(refuse("A pushed request must not hold request_uri"));
    }
    if params.get("client_id").is_some_and(|named| named != client.client_id) {
        return Err(refuse("client_id differs from the client that pushes"));
    }
    let own = params.pairs().filter(|(name, _)| !CREDENTIALS.contains(name));
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let client_id = ("client_id".to_owned(), client.client_id.clone());
    let params = Params::from_pairs(std::iter::once(client_id).chain(own))?;
    // RFC 9126 §3: with an object, every parameter of the request is in it.
    let resolved = request_object::resolve(provider, client, &params, true).await.map_err(said)?;
    let arrival = Arrival { pushed: true, signed: resolved.is_some() };
    authorization::check(resolved.as_ref().unwrap_or(&params), client.rules(), arrival).map_err(said)
}

/// There is no browser here to send anywhere: every refusal is the answer itself.
fn said(refusal: Refusal) -> OAuthError {
    match refusal {
        Refusal::Page(error) => error,
        Refusal::Redirect(refusal) => refusal.error,
    }
}

/// The request of a reference that this client pushed, if it can still be opened.
pub(super) async fn open(provider: &Provider, client: &Client, uri: &str) -> Result<AuthorizationRequest, OAuthError> {
    let refused = || OAuthError::new(ErrorCode::InvalidRequestUri);
    let random = uri.strip_prefix(PREFIX).filter(|rest| rest.len() == 43 && from_base64url(rest).is_some());
    let key = key_of(random.ok_or_else(refused)?);
    let found = provider.store().ephemeral().get(Kind::PushedRequest, &key, provider.now()).await;
    let found = found.map_err(|error| ProviderError::from(error).into_oauth())?.ok_or_else(refused)?;
    let record: Record = serde_json::from_slice(&found).map_err(|_| refused())?;
    if record.client != client.key {
        return Err(refused().detail("the request was pushed by another client"));
    }
    Ok(AuthorizationRequest { pushed: Some(key), ..record.request })
}

/// Ends a request with its answer: of any number of journeys that it began, one may answer it. `true` for a request that was
/// not pushed.
pub async fn take(provider: &Provider, request: &AuthorizationRequest) -> Result<bool, ProviderError> {
    let Some(key) = &request.pushed else { return Ok(true) };
    let store = provider.store().ephemeral();
    // What was opened in its last moment may be answered as long as a journey lasts.
    let remembered = LIFETIME + journeys::LIFETIME;
    let mark = format!("{key}.answered");
    let first = store.put_if_absent(Kind::PushedRequest, &mark, b"", remembered, provider.now()).await?;
    if first {
        store.delete(Kind::PushedRequest, key).await?;
    }
    Ok(first)
}

fn key_of(random: &str) -> String {
    Digest::of(random.as_bytes()).to_base64url()
}
