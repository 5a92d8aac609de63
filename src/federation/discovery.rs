//! What an OpenID provider publishes about itself (OpenID Connect Discovery 1.0): its document and its keys, cached.

use std::sync::Arc;

use serde_json::{Map, Value};
use url::Url;

use super::cache::{Cached, Fetched, Want};
use super::error::FederationError;
use super::reply;
use super::settings::Settings;
use crate::base::Timestamp;
use crate::jose::client_keys::{self, Kind};
use crate::jose::{Algorithm, JoseError, Verified};
use crate::outbound::{Call, Outbound};

/// The part of a document that is used.
#[derive(Debug, Clone)]
pub(super) struct Document {
    pub(super) authorization_endpoint: String,
    pub(super) token_endpoint: String,
    pub(super) userinfo_endpoint: Option<String>,
    pub(super) jwks_uri: String,
    pub(super) end_session_endpoint: Option<String>,
    /// Where a sign-in without the browser begins (OpenID Connect CIBA §4).
    pub(super) backchannel_authentication_endpoint: Option<String>,
    /// Whether the way back carries `iss` (RFC 9207).
    pub(super) sends_iss: bool,
}

/// Document and keys of one provider.
#[derive(Debug, Default)]
pub(super) struct Directory {
    document: Cached<Document>,
    keys: Cached<Value>,
}

impl Directory {
    /// The document to begin with: as fresh as the provider wants.
    pub(super) async fn fresh_document(
        &self,
        outbound: &Outbound,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<Arc<Document>, FederationError> {
        self.document.get(Want::Fresh, now, fetch_document(outbound, settings)).await
    }

    /// The document to go on with.
    pub(super) async fn document(
        &self,
        outbound: &Outbound,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<Arc<Document>, FederationError> {
        self.document.get(Want::Kept, now, fetch_document(outbound, settings)).await
    }

    /// Verifies what the provider signed; keys are fetched once more where the token names one that is not known.
    pub(super) async fn verify(
        &self,
        outbound: &Outbound,
        settings: &Settings,
        token: &str,
        kind: Kind,
        now: Timestamp,
    ) -> Result<Verified, FederationError> {
        let document = self.document(outbound, settings, now).await?;
        let try_with = |keys: &Value, allowed: &[Algorithm]| client_keys::verify_kind(keys, token, allowed, kind);
        let keys = self.keys.get(Want::Kept, now, fetch_keys(outbound, &document)).await?;
        match try_with(&keys, &settings.algorithms) {
            // A key that has the name and does not fit may be a new one under an old name.
            Err(JoseError::UnknownKey | JoseError::BadSignature) => {
                let keys = self.keys.get(Want::Newer, now, fetch_keys(outbound, &document)).await?;
                Ok(try_with(&keys, &settings.algorithms)?)
            }
            other => Ok(other?),
        }
    }
}

async fn fetch_document(outbound: &Outbound, settings: &Settings) -> Result<Fetched<Document>, FederationError> {
    let call = Call::get(&settings.discovery_url);
    let found = match &settings.other_discovery_url {
        None => None,
        Some(_) => reply::kept_object_if_there(outbound, "discovery", call.clone()).await?,
    };
    let (found, keep) = match (found, &settings.other_discovery_url) {
        (Some(found), _) => found,
        (None, Some(other)) => reply::kept_object(outbound, "discovery", Call::get(other)).await?,
        (None, None) => reply::kept_object(outbound, "discovery", call).await?,
    };
    Ok(Fetched { value: read_document(&found, settings)?, keep })
}

fn read_document(found: &Map<String, Value>, settings: &Settings) -> Result<Document, FederationError> {
    // Whoever else answers there is not the provider (OpenID Connect Discovery §4.3).
    if found.get("issuer").and_then(Value::as_str) != Some(settings.issuer.as_str()) {
        return Err(FederationError::Refused("discovery: the issuer is not the configured one".to_owned()));
    }
    let endpoint = |name| optional_endpoint(found, name, settings);
    let required =
        |name| endpoint(name)?.ok_or_else(|| FederationError::Refused(format!("discovery: {name} is missing")));
    let back = |name| match at_back(found, name, settings)? {
        Some(alias) => Ok(Some(alias)),
        None => endpoint(name),
    };
    Ok(Document {
        authorization_endpoint: required("authorization_endpoint")?,
        token_endpoint: back("token_endpoint")?.map_or_else(|| required("token_endpoint"), Ok)?,
        userinfo_endpoint: back("userinfo_endpoint")?,
        backchannel_authentication_endpoint: back("backchannel_authentication_endpoint")?,
        jwks_uri: required("jwks_uri")?,
        end_session_endpoint: endpoint("end_session_endpoint")?,
        sends_iss: found.get("authorization_response_iss_parameter_supported") == Some(&Value::Bool(true)),
    })
}

/// The address of an endpoint for whoever shows a certificate (RFC 8705 §5), where we have one and the document names it.
fn at_back(
    found: &Map<String, Value>,
    name: &'static str,
    settings: &Settings,
) -> Result<Option<String>, FederationError> {
    match found.get("mtls_endpoint_aliases").and_then(Value::as_object) {
        Some(aliases) if settings.shows_certificate => optional_endpoint(aliases, name, settings),
        _ => Ok(None),
    }
}

fn optional_endpoint(
    found: &Map<String, Value>,
    name: &'static str,
    settings: &Settings,
) -> Result<Option<String>, FederationError> {
    let Some(value) = found.get(name) else { return Ok(None) };
    let good = value.as_str().and_then(|text| Url::parse(text).ok()).filter(|url| {
        (url.scheme() == "https" || (settings.allow_private_addresses && url.scheme() == "http"))
            && url.host_str().is_some()
            && url.username().is_empty()
            && url.fragment().is_none()
    });
    match good {
        Some(_) => Ok(value.as_str().map(str::to_owned)),
        None => Err(FederationError::Refused(format!("discovery: {name} is no https URL"))),
    }
}

async fn fetch_keys(outbound: &Outbound, document: &Document) -> Result<Fetched<Value>, FederationError> {
    let (keys, keep) = reply::kept_object(outbound, "keys", Call::get(&document.jwks_uri)).await?;
    match keys.get("keys") {
        Some(Value::Array(_)) => Ok(Fetched { value: Value::Object(keys), keep }),
        _ => Err(FederationError::Down("keys: the answer is no JWK Set".to_owned())),
    }
}
