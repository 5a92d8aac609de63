//! What an OpenID provider publishes about itself (OpenID Connect Discovery 1.0): its document and its keys, cached.

use std::sync::Arc;

use serde_json::{Map, Value};
use url::Url;

use super::cache::{Cached, Fetched, Want};
use super::error::FederationError;
use super::reply;
use super::settings::{Registration, Settings};
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
    /// Where we register ourselves, if that is how it knows us.
    pub(super) registration_endpoint: Option<String>,
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

    /// Verifies what the provider signed with one of `allowed`; keys are fetched once more where the token names one that is not known.
    pub(super) async fn verify(
        &self,
        outbound: &Outbound,
        settings: &Settings,
        token: &str,
        (kind, allowed): (Kind, &[Algorithm]),
        now: Timestamp,
    ) -> Result<Verified, FederationError> {
        let document = self.document(outbound, settings, now).await?;
        let try_with = |keys: &Value| client_keys::verify_kind(keys, token, allowed, kind);
        let keys = self.keys.get(Want::Kept, now, fetch_keys(outbound, &document)).await?;
        match try_with(&keys) {
            // A key that has the name and does not fit may be a new one under an old name.
            Err(JoseError::UnknownKey | JoseError::BadSignature) => {
                let keys = self.keys.get(Want::Newer, now, fetch_keys(outbound, &document)).await?;
                Ok(try_with(&keys)?)
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
        registration_endpoint: match settings.registration {
            Registration::Dynamic(_) => endpoint("registration_endpoint")?,
            Registration::Static { .. } => None,
        },
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
    match value.as_str().filter(|text| is_endpoint(text, settings)) {
        Some(text) => Ok(Some(text.to_owned())),
        None => Err(FederationError::Refused(format!("discovery: {name} is no https URL"))),
    }
}

/// Whether it is a URL that may be called there.
pub(super) fn is_endpoint(text: &str, settings: &Settings) -> bool {
    Url::parse(text).is_ok_and(|url| {
        (url.scheme() == "https" || (settings.allow_private_addresses && url.scheme() == "http"))
            && url.host_str().is_some()
            && url.username().is_empty()
            && url.fragment().is_none()
    })
}

async fn fetch_keys(outbound: &Outbound, document: &Document) -> Result<Fetched<Value>, FederationError> {
    let (keys, keep) = reply::kept_object(outbound, "keys", Call::get(&document.jwks_uri)).await?;
    match keys.get("keys") {
        Some(Value::Array(_)) => Ok(Fetched { value: Value::Object(keys), keep }),
        _ => Err(FederationError::Down("keys: the answer is no JWK Set".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(more: &str) -> Settings {
        let own = |(name, value): (&str, &str)| (format!("GUICHET_{name}"), value.to_owned());
        let mut environment: Vec<(String, String)> = [
            ("ISSUER", "https://sso.example.org"),
            ("UPSTREAMS__H__ISSUER", "https://h.example"),
            ("UPSTREAMS__H__REGISTRATION", more),
        ]
        .map(own)
        .into();
        if more == "static" {
            environment.push(own(("UPSTREAMS__H__CLIENT_ID", "me")));
        }
        let loaded = crate::config::Config::load(None, environment).unwrap();
        Settings::of(&loaded.config.upstreams[0])
    }

    #[test]
    fn we_register_over_tls_alone() {
        let document = |endpoint: &str| {
            let base = "https://h.example";
            let value = json!({
                "issuer": base, "authorization_endpoint": format!("{base}/a"), "token_endpoint": format!("{base}/t"),
                "jwks_uri": format!("{base}/j"), "registration_endpoint": endpoint,
            });
            value.as_object().unwrap().clone()
        };
        let read = |endpoint: &str, mode: &str| read_document(&document(endpoint), &settings(mode));
        let good = read("https://h.example/r", "dynamic").unwrap();
        assert_eq!(good.registration_endpoint.as_deref(), Some("https://h.example/r"));
        for bad in ["http://h.example/r", "ftp://h.example/r", "/r", "https://me@h.example/r", "https://h.example/r#x"]
        {
            assert!(matches!(read(bad, "dynamic"), Err(FederationError::Refused(_))), "{bad}");
            // Whoever does not register there does not care.
            assert_eq!(read(bad, "static").unwrap().registration_endpoint, None);
        }
    }
}
