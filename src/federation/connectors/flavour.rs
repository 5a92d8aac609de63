//! What an OpenID provider does its own way, and how the claims of any are understood.

use serde_json::{Map, Value};

use crate::base::Timestamp;
use crate::federation::error::FederationError;
use crate::federation::reply::{code_word, lenient};
use crate::federation::settings::Settings;
use crate::model::identity::{ACR_UPSTREAM, Claimed, IdentityKey, NationalId, UpstreamEmail};
use crate::oauth::acr;

/// What a verified sign-in said, before it is understood.
#[derive(Debug)]
pub struct Said<'a> {
    /// Claims of the ID token.
    pub token: &'a Map<String, Value>,
    /// Claims of userinfo, about the same subject.
    pub userinfo: Option<&'a Map<String, Value>>,
    /// The subject.
    pub subject: &'a str,
}

impl Said<'_> {
    /// A claim as text, of userinfo or else of the ID token; empty where there is none.
    pub fn text(&self, name: &str) -> String {
        let own = self.userinfo.map(|userinfo| lenient(userinfo, name)).unwrap_or_default();
        if own.is_empty() { lenient(self.token, name) } else { own }
    }
}

/// What a provider does its own way.
pub trait Flavour: Send + Sync + std::fmt::Debug {
    /// Whether a spelling of the issuer in an ID token is the configured one.
    fn is_issuer(&self, settings: &Settings, iss: &str) -> bool {
        iss == settings.issuer
    }

    /// Parameters of the authorization request that ask for a fresh proof.
    fn fresh(&self) -> &'static [(&'static str, &'static str)] {
        &[("prompt", "login")]
    }

    /// Parameters of a request that asks a person on their own device.
    fn asking(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// Understands what was said.
    fn claimed(&self, settings: &Settings, said: &Said<'_>) -> Result<Claimed, FederationError>;
}

/// A provider that keeps to the standards.
#[derive(Debug)]
pub struct Standard;

impl Flavour for Standard {
    fn claimed(&self, settings: &Settings, said: &Said<'_>) -> Result<Claimed, FederationError> {
        let names = &settings.claims;
        let national = match &names.national_id {
            Some(claim) => Some(
                NationalId::parse(&said.text(claim))
                    .ok_or_else(|| FederationError::refused("the national identifier is missing or malformed"))?,
            ),
            None => None,
        };
        Ok(Claimed { national, ..basic(settings, said)? })
    }
}

/// The claims that every flavour has.
pub fn basic(settings: &Settings, said: &Said<'_>) -> Result<Claimed, FederationError> {
    let names = &settings.claims;
    let address = said.text(&names.email);
    let verified = |claims: &Map<String, Value>| claims.get("email_verified") == Some(&Value::Bool(true));
    let is_verified = verified(said.token) || said.userinfo.is_some_and(verified);
    Ok(Claimed {
        key: IdentityKey {
            upstream: settings.name.clone(),
            issuer: settings.issuer.clone(),
            subject: said.subject.to_owned(),
        },
        national: None,
        given_name: said.text(&names.given_name),
        family_name: said.text(&names.family_name),
        email: (!address.is_empty())
            .then_some(UpstreamEmail { address, verified: settings.trust_email && is_verified }),
        acr: context(settings, said)?,
        amr: methods(said.token),
        auth_time: said
            .token
            .get("auth_time")
            .and_then(Value::as_i64)
            .filter(|at| *at > 0)
            .map(Timestamp::from_seconds),
        session: said.token.get("sid").and_then(Value::as_str).filter(|sid| sid.len() <= 255).map(str::to_owned),
        profile: Map::new(),
        activities: Vec::new(),
    })
}

/// The authentication context: what was asked for must be there. A provider of which nothing is asked has no say in ours.
fn context(settings: &Settings, said: &Said<'_>) -> Result<String, FederationError> {
    if settings.acr_values.is_empty() {
        return Ok(ACR_UPSTREAM.to_owned());
    }
    let answered = said.token.get("acr").and_then(Value::as_str).unwrap_or_default();
    if acr::is_met(&settings.acr_values, answered) {
        Ok(answered.to_owned())
    } else {
        let answered = if answered.is_empty() { "nothing".to_owned() } else { code_word(answered) };
        let asked = settings.acr_values.join(" ");
        Err(FederationError::refused(format!("acr is {answered}, which does not reach {asked}")))
    }
}

/// `amr`, as far as it has the form of RFC 8176; `fed` where the provider says nothing.
fn methods(token: &Map<String, Value>) -> Vec<String> {
    let is_word =
        |word: &&str| word.len() <= 32 && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b));
    let said = token.get("amr").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let words: Vec<String> =
        said.iter().filter_map(Value::as_str).filter(is_word).take(10).map(str::to_owned).collect();
    if words.is_empty() { vec!["fed".to_owned()] } else { words }
}
