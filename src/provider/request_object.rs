//! Request objects (OpenID Connect Core §6, RFC 9101): by value, or fetched from an address that the client registered.
//!
//! 1. at most one of `request` and `request_uri`  2. a reference is registered, and fetched  3. the signature is the client's
//! 4. its times, its parties  5. its parameters, with those beside it.

use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;
use serde_json::{Map, Value, json};

use super::{Provider, client_signature};
use crate::base::Timestamp;
use crate::jose::{Algorithm, claims};
use crate::model::client::Client;
use crate::oauth::authorization::{Refusal, is_unsigned, object, refuse_object};
use crate::oauth::{ErrorCode, OAuthError, Params};
use crate::outbound::Call;
use crate::store::Limit;

/// How long an object that was fetched is kept, if its address names its version by a fragment.
const KEPT: Duration = Duration::from_secs(60);
/// Most objects kept.
const MOST_KEPT: usize = 1_000;
/// Largest object fetched, in bytes: what a JWS of ours may be, with some white space.
const LARGEST: usize = 10_000;
/// How long a client may take to give its object; a person waits.
const PATIENCE: Duration = Duration::from_secs(4);
/// Longest reference (RFC 9101 §5.2).
const LONGEST_REFERENCE: usize = 512;
/// How often the server of one client is asked for objects: anybody can make us ask.
const MOST_FETCHES: Limit = Limit { count: 120, window: Duration::from_secs(60) };

/// Objects that were fetched a moment ago, by the whole address: its fragment tells versions apart (OpenID Connect Core §6.2).
#[derive(Debug)]
pub(super) struct FetchedObjects(Cache<String, (Timestamp, Arc<str>)>);

impl Default for FetchedObjects {
    fn default() -> Self {
        Self(Cache::new(MOST_KEPT))
    }
}

/// The parameters that the request's object holds, with those that count beside it; `None` for a request without one.
/// `alone` where nothing beside the object may count.
pub(super) async fn resolve(
    provider: &Provider,
    client: &Client,
    params: &Params,
    alone: bool,
) -> Result<Option<Params>, Refusal> {
    let refuse = |object: Option<&str>, error| refuse_object(params, client.rules(), object, error);
    let (object, unsigned) = match (params.get("request"), params.get("request_uri")) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            let why = "request and request_uri exclude each other";
            return Err(refuse(None, OAuthError::because(ErrorCode::InvalidRequest, why)));
        }
        (Some(object), None) => (Arc::from(object), ErrorCode::RequestNotSupported),
        (None, Some(uri)) => {
            let fetched = fetched(provider, client, uri).await.map_err(|error| refuse(None, error))?;
            (fetched, ErrorCode::RequestUriNotSupported)
        }
    };
    let read = async {
        if is_unsigned(&object) {
            return Err(OAuthError::new(unsigned));
        }
        let claims = verified(provider, client, &object).await?;
        object::check_parties(&claims, &client.client_id, provider.issuer())?;
        object::parameters(&claims, params, alone || client.metadata.require_signed_request_object)
    };
    read.await.map(Some).map_err(|error| refuse(Some(&object), error))
}

/// Verifies signature, type and times, where the object has them.
async fn verified(provider: &Provider, client: &Client, object: &str) -> Result<Map<String, Value>, OAuthError> {
    let refuse = |why: &'static str| OAuthError::because(ErrorCode::InvalidRequestObject, why);
    let allowed = match client.metadata.request_object_signing_alg.as_deref() {
        Some(only) => Algorithm::parse(only).into_iter().collect(),
        None => Algorithm::ALL.to_vec(),
    };
    let verified = client_signature::verify(provider, client, object, &allowed)
        .await
        .map_err(|error| refuse("The request object does not verify").detail(error.to_string()))?;
    if !verified.is_typed(&["jwt", "oauth-authz-req+jwt"]) {
        return Err(refuse("The request object has the type of another token"));
    }
    check_times(&verified.claims, provider.now())
        .map_err(|error| refuse("The request object is expired or from the future").detail(error.to_string()))?;
    Ok(verified.claims)
}

/// `exp`, `nbf` and `iat`, where they are there: neither specification requires them.
fn check_times(object: &Map<String, Value>, now: Timestamp) -> Result<(), claims::ClaimRefusal> {
    let mut times: Map<String, Value> = Map::new();
    times.insert("exp".to_owned(), json!(now.seconds() + 1));
    for name in ["exp", "nbf", "iat"] {
        if let Some(value) = object.get(name) {
            times.insert(name.to_owned(), value.clone());
        }
    }
    claims::check_times(&times, now).map(|_| ())
}

/// What is at a registered address, as it was at most a minute ago.
async fn fetched(provider: &Provider, client: &Client, uri: &str) -> Result<Arc<str>, OAuthError> {
    let refuse = |why: &'static str| OAuthError::because(ErrorCode::InvalidRequestUri, why);
    if uri.len() > LONGEST_REFERENCE || !is_registered(&client.metadata.request_uris, uri) {
        return Err(refuse("request_uri is not registered for this client"));
    }
    let now = provider.now();
    let kept = provider.request_objects().0.get(uri);
    if let Some((at, object)) = kept
        && now < at.plus(KEPT)
    {
        return Ok(object);
    }
    let key = format!("request-uri:{}", client.client_id);
    let hit = provider.store().ephemeral().hit(&key, MOST_FETCHES, now).await;
    if !hit.map_err(|error| super::ProviderError::from(error).into_oauth())?.allowed {
        return Err(OAuthError::new(ErrorCode::TemporarilyUnavailable).detail("too many request objects were fetched"));
    }
    let (address, version) = uri.split_once('#').map_or((uri, None), |(address, version)| (address, Some(version)));
    let call = Call::get(address).accept("application/oauth-authz-req+jwt, application/jwt").patience(PATIENCE);
    let reply = provider.outbound().send(call.largest(LARGEST)).await;
    let reply = reply.map_err(|error| refuse("request_uri gives no object").detail(error.to_string()))?;
    if reply.status.as_u16() != 200 {
        return Err(refuse("request_uri gives no object").detail(format!("status {}", reply.status)));
    }
    let object = std::str::from_utf8(&reply.body).map_err(|_| refuse("request_uri gives no object"))?;
    let object: Arc<str> = Arc::from(object.trim());
    if version.is_some() {
        provider.request_objects().0.insert(uri.to_owned(), (now, Arc::clone(&object)));
    }
    Ok(object)
}

/// Exactly as registered, but for the fragment: it names the version of what is there, not another place.
fn is_registered(registered: &[String], uri: &str) -> bool {
    let address = |uri: &str| uri.split('#').next().unwrap_or_default().to_owned();
    registered.iter().any(|known| address(known) == address(uri))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_registered_whatever_its_version() {
        let registered = ["https://app.example/r#one".to_owned(), "https://app.example/plain".to_owned()];
        for uri in ["https://app.example/r#one", "https://app.example/r#two", "https://app.example/plain#x"] {
            assert!(is_registered(&registered, uri), "{uri}");
        }
        for uri in
            ["https://app.example/r2#one", "https://app.example/R#one", "https://app.example/plain?x", "", "#one"]
        {
            assert!(!is_registered(&registered, uri), "{uri}");
        }
        assert!(!is_registered(&[], ""));
    }

    #[test]
    fn times_are_kept_to_where_they_are_there() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let check = |claims: Value| check_times(claims.as_object().unwrap(), now);
        let at = now.seconds();
        for good in [json!({}), json!({"exp": at + 60, "nbf": at, "iat": at})] {
            assert!(check(good.clone()).is_ok(), "{good}");
        }
        for bad in [json!({"exp": at - 60}), json!({"nbf": at + 60}), json!({"iat": at + 60}), json!({"exp": "soon"})] {
            assert!(check(bad.clone()).is_err(), "{bad}");
        }
    }
}
