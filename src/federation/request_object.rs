//! Authorization requests as objects (OpenID Connect Core §6, RFC 9101): made for an upstream, and kept at an address of ours
//! where that is how it takes them.
//!
//! An address is 256 random bits below the upstream's own path. What is there is sealed, ends with the round trip at the
//! latest, and holds no secret that the browser would not see otherwise.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::error::FederationError;
use super::own_keys::OwnKeys;
use super::round_trip::LIFETIME;
use super::settings::Settings;
use super::{Federation, Upstream};
use crate::base::digest::base64url;
use crate::base::token::{OpaqueToken, TokenKind};
use crate::jose::{MAX_TOKEN_BYTES, Typ};
use crate::store::Kind;

/// How far the upstream's clock may be behind ours.
const LEEWAY: Duration = Duration::from_secs(60);
/// What objects are sealed for.
const SEAL: &str = "upstream-request-object";

/// Where an upstream fetches requests from, below the issuer.
pub(super) fn folder(upstream: &str) -> String {
    format!("/federation/{upstream}/request/")
}

/// The object of these parameters: ours by `iss`, for this upstream alone by `aud`, and of no use as a client assertion, because
/// it names no `sub` (RFC 9101 §10.8).
pub(super) fn make(
    settings: &Settings,
    keys: &OwnKeys,
    client_id: &str,
    fields: &[(&str, &str)],
) -> Result<String, FederationError> {
    let now = keys.now();
    let mut claims: Map<String, Value> =
        fields.iter().map(|(name, text)| ((*name).to_owned(), value(name, text))).collect();
    let own = json!({
        "iss": client_id,
        "aud": settings.issuer,
        "jti": keys.random(),
        "iat": now.seconds(),
        // Clocks differ.
        "nbf": now.minus(LEEWAY).seconds(),
        "exp": now.plus(LIFETIME).seconds(),
    });
    claims.extend(own.as_object().cloned().unwrap_or_default());
    let object = match settings.requests.object_alg {
        Some(alg) => keys.sign(alg, Typ::RequestObject, &claims)?,
        None => unsigned(&Value::Object(claims)),
    };
    if object.len() > MAX_TOKEN_BYTES {
        return Err(FederationError::refused("the request is longer than 8 KiB"));
    }
    Ok(object)
}

/// Numbers and objects are such in JSON (OpenID Connect Core §6.1).
fn value(name: &str, text: &str) -> Value {
    match name {
        "max_age" => text.parse::<u64>().map_or_else(|_| text.into(), Value::from),
        "claims" | "authorization_details" => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
        _ => text.into(),
    }
}

/// For upstreams that demand it: nothing vouches for it but the address that it is fetched from.
fn unsigned(claims: &Value) -> String {
    let header = json!({ "alg": "none", "typ": Typ::RequestObject.as_str() });
    format!("{}.{}.", base64url(header.to_string().as_bytes()), base64url(claims.to_string().as_bytes()))
}

/// Keeps an object at the address of `handle`.
pub(super) async fn put(
    federation: &Federation,
    upstream: &str,
    handle: &OpaqueToken,
    object: &str,
) -> Result<(), FederationError> {
    let key = handle.digest().to_base64url();
    let sealed = federation.master().seal(federation.entropy(), SEAL, &row(upstream, &key), object.as_bytes());
    let ephemeral = federation.store().ephemeral();
    ephemeral.put(Kind::UpstreamObject, &key, &sealed, LIFETIME, federation.now()).await?;
    Ok(())
}

fn row(upstream: &str, key: &str) -> String {
    format!("{upstream}\n{key}")
}

/// The object at an address, if it is this upstream's and the round trip is not over.
pub async fn fetch(
    federation: &Federation,
    upstream: &Upstream,
    handle: &str,
) -> Result<Option<String>, FederationError> {
    let Some(digest) = TokenKind::UpstreamObject.digest_of(handle) else { return Ok(None) };
    let key = digest.to_base64url();
    let found = federation.store().ephemeral().get(Kind::UpstreamObject, &key, federation.now()).await?;
    let clear = found.and_then(|sealed| federation.master().open(SEAL, &row(&upstream.settings.name, &key), &sealed));
    Ok(clear.and_then(|clear| String::from_utf8(clear.expose().clone()).ok()))
}

/// Removes what is at an address: the round trip is over.
pub(super) async fn delete(federation: &Federation, key: &str) -> Result<(), FederationError> {
    federation.store().ephemeral().delete(Kind::UpstreamObject, key).await?;
    Ok(())
}
