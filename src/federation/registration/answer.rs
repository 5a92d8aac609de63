//! What an upstream makes of our registration (RFC 7591 §3.2.1). It may change what we said; what we could not work with, or
//! what is not about us, is refused.

use serde_json::{Map, Value};

use crate::base::{Secret, Timestamp};
use crate::federation::connectors::ManagedAt;
use crate::federation::discovery::is_endpoint;
use crate::federation::error::FederationError;
use crate::federation::reply::text;
use crate::federation::settings::{ClientAuth, Settings};
use crate::jose::Algorithm;
use crate::store::UpstreamClient;

/// Longest name of a client and longest secret, in bytes.
const LONGEST_NAME: usize = 512;
const LONGEST_SECRET: usize = 4_096;
const LONGEST_URI: usize = 2_048;

/// A registration, understood.
#[derive(Debug, Clone)]
pub(super) struct Registered {
    pub(super) client_id: String,
    pub(super) auth: ClientAuth,
    pub(super) secret: Option<Secret<String>>,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) managed: Option<ManagedAt>,
}

impl Registered {
    /// What is known of it before it is read again.
    pub(super) fn before(
        row: &UpstreamClient,
        secret: Option<Secret<String>>,
        at: ManagedAt,
    ) -> Result<Self, FederationError> {
        let auth = method(&row.auth_method).ok_or_else(|| refused("is of a method that is not known"))?;
        Ok(Self { client_id: row.client_id.clone(), auth, secret, expires_at: row.expires_at, managed: Some(at) })
    }
}

fn refused(why: &str) -> FederationError {
    FederationError::refused(format!("registration: {why}"))
}

/// The method of this name, if a registration of ours may have it.
pub(super) fn method(name: &str) -> Option<ClientAuth> {
    [ClientAuth::Basic, ClientAuth::Post, ClientAuth::Key, ClientAuth::None]
        .into_iter()
        .find(|method| method.as_str() == name)
}

/// Reads the answer to what was `sent`.
pub(super) fn read(
    settings: &Settings,
    sent: &Map<String, Value>,
    answer: &Map<String, Value>,
    now: Timestamp,
) -> Result<Registered, FederationError> {
    let client_id = text(answer, "client_id", LONGEST_NAME)?;
    if !client_id.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) {
        return Err(refused("client_id is malformed"));
    }
    is_about_us(sent, answer)?;
    let auth = agreed(settings.auth, answer)?;
    let needs_secret = matches!(auth, ClientAuth::Basic | ClientAuth::Post);
    let secret = secret(answer)?.filter(|_| needs_secret);
    if needs_secret && secret.is_none() {
        return Err(refused("client_secret is missing"));
    }
    if let Some(Value::String(alg)) = answer.get("id_token_signed_response_alg")
        && !Algorithm::parse(alg).is_some_and(|alg| settings.algorithms.contains(&alg))
    {
        // Its ID tokens will be refused; whoever reads that log entry finds the reason here.
        tracing::warn!(
            upstream = settings.name,
            "the upstream will sign ID tokens with an algorithm that is not taken"
        );
    }
    Ok(Registered {
        client_id,
        auth,
        expires_at: end(answer, now)?.filter(|_| secret.is_some()),
        secret,
        managed: managed(settings, answer)?,
    })
}

/// Reads what the upstream says of a registration later: secret and token may have changed (RFC 7592 §3).
pub(super) fn read_again(
    settings: &Settings,
    before: Registered,
    answer: &Map<String, Value>,
    now: Timestamp,
) -> Result<Registered, FederationError> {
    if answer.get("client_id").and_then(Value::as_str) != Some(before.client_id.as_str()) {
        return Err(refused("another client than ours was shown"));
    }
    let needs_secret = matches!(before.auth, ClientAuth::Basic | ClientAuth::Post);
    let new = secret(answer)?.filter(|_| needs_secret);
    let expires_at = if new.is_some() { end(answer, now)? } else { before.expires_at };
    let token = optional(answer, "registration_access_token", LONGEST_SECRET)?.map(Secret::new);
    let uri = optional(answer, "registration_client_uri", LONGEST_URI)?;
    if uri.as_ref().is_some_and(|uri| !is_endpoint(uri, settings)) {
        return Err(refused("registration_client_uri is no https URL"));
    }
    let managed = before.managed.map(|at| ManagedAt { uri: at.uri, token: token.unwrap_or(at.token) });
    Ok(Registered { secret: new.or(before.secret), expires_at, managed, ..before })
}

/// What names addresses and keys must name ours: with anything else, codes would go to others, or others could speak for us.
fn is_about_us(sent: &Map<String, Value>, answer: &Map<String, Value>) -> Result<(), FederationError> {
    let list = |map: &Map<String, Value>, name: &str| map.get(name).and_then(Value::as_array).cloned();
    if let (Some(ours), Some(theirs)) = (list(sent, "redirect_uris"), list(answer, "redirect_uris"))
        && !(ours.iter().all(|uri| theirs.contains(uri)) && theirs.iter().all(|uri| ours.contains(uri)))
    {
        return Err(refused("redirect_uris are not ours"));
    }
    for name in ["response_types", "grant_types"] {
        let needed = list(sent, name).and_then(|ours| ours.first().cloned());
        if let (Some(needed), Some(theirs)) = (needed, list(answer, name))
            && !theirs.contains(&needed)
        {
            return Err(refused(&format!("{name} lack {needed}")));
        }
    }
    if answer.get("jwks_uri").is_some_and(|theirs| !theirs.is_null() && Some(theirs) != sent.get("jwks_uri")) {
        return Err(refused("jwks_uri is not ours"));
    }
    Ok(())
}

/// The method that counts: ours, or the other way to show a secret. Nothing weaker.
fn agreed(wanted: ClientAuth, answer: &Map<String, Value>) -> Result<ClientAuth, FederationError> {
    let said = match answer.get("token_endpoint_auth_method") {
        None | Some(Value::Null) => return Ok(wanted),
        Some(said) => said.as_str().and_then(method),
    };
    let shows_secret = |method| matches!(method, ClientAuth::Basic | ClientAuth::Post);
    match said {
        Some(said) if said == wanted || (shows_secret(said) && shows_secret(wanted)) => Ok(said),
        _ => Err(refused("token_endpoint_auth_method is not what was asked for")),
    }
}

fn optional(
    answer: &Map<String, Value>,
    name: &'static str,
    longest: usize,
) -> Result<Option<String>, FederationError> {
    match answer.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(_) => text(answer, name, longest).map(Some),
    }
}

fn secret(answer: &Map<String, Value>) -> Result<Option<Secret<String>>, FederationError> {
    Ok(optional(answer, "client_secret", LONGEST_SECRET)?.map(Secret::new))
}

/// When the secret ends; zero, as nothing, means never.
fn end(answer: &Map<String, Value>, now: Timestamp) -> Result<Option<Timestamp>, FederationError> {
    let seconds = match answer.get("client_secret_expires_at") {
        None | Some(Value::Null) => 0,
        Some(value) => value.as_i64().ok_or_else(|| refused("client_secret_expires_at is malformed"))?,
    };
    match seconds {
        0 => Ok(None),
        // Later than anybody plans for; the clock's own limit is further away.
        seconds if (now.seconds()..=now.seconds().saturating_add(LATEST)).contains(&seconds) => {
            Ok(Some(Timestamp::from_seconds(seconds)))
        }
        seconds if seconds > now.seconds() => Ok(None),
        _ => Err(refused("client_secret_expires_at is past")),
    }
}

/// A hundred years.
const LATEST: i64 = 100 * 366 * 86_400;

/// Where the registration is read and deleted. One of the two without the other is of no use.
fn managed(settings: &Settings, answer: &Map<String, Value>) -> Result<Option<ManagedAt>, FederationError> {
    let uri = optional(answer, "registration_client_uri", LONGEST_URI)?;
    let token = optional(answer, "registration_access_token", LONGEST_SECRET)?;
    let (Some(uri), Some(token)) = (uri, token) else { return Ok(None) };
    if !is_endpoint(&uri, settings) {
        return Err(refused("registration_client_uri is no https URL"));
    }
    Ok(Some(ManagedAt { uri, token: Secret::new(token) }))
}
