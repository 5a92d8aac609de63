//! Who we are at an upstream, and how we prove it: written down by the operator, or come of a registration of ours.

use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use super::error::FederationError;
use super::own_keys::OwnKeys;
use super::settings::{AssertionAudience, ClientAuth, Registration, Settings};
use crate::base::Secret;
use crate::jose::{Algorithm, Typ};

/// How long an assertion is good.
const ASSERTION_LIFE: Duration = Duration::from_secs(60);

/// Who we are there.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The registration that it came of, where we registered ourselves.
    pub registration: Option<Uuid>,
    /// Our name there.
    pub client_id: String,
    /// How we prove it.
    pub proof: Proof,
}

/// How we prove who we are.
#[derive(Debug, Clone)]
pub enum Proof {
    /// HTTP Basic.
    Basic(Secret<String>),
    /// In the form.
    Post(Secret<String>),
    /// By an assertion that our key signs.
    Key(Assertions),
    /// By the certificate of the connection, or by nothing: the name alone stands in the form.
    Name,
}

impl Credentials {
    /// What the operator wrote down, if it was written down.
    pub(super) fn written(settings: &Settings, keys: &OwnKeys) -> Option<Self> {
        match &settings.registration {
            Registration::Static { client_id, client_secret } => Some(Self {
                registration: None,
                client_id: client_id.clone(),
                proof: Proof::of(settings, settings.auth, client_secret.clone(), keys),
            }),
            Registration::Dynamic(_) => None,
        }
    }
}

impl Proof {
    /// The proof of a method. A secret that is not there proves nothing: the name alone is left.
    pub(super) fn of(settings: &Settings, method: ClientAuth, secret: Option<Secret<String>>, keys: &OwnKeys) -> Self {
        match (method, secret) {
            (ClientAuth::Basic, Some(secret)) => Self::Basic(secret),
            (ClientAuth::Post, Some(secret)) => Self::Post(secret),
            (ClientAuth::Key, _) => Self::Key(Assertions::of(settings, keys)),
            _ => Self::Name,
        }
    }
}

/// Makes client assertions for one upstream (RFC 7523 §3, OpenID Connect Core §9).
#[derive(Debug, Clone)]
pub struct Assertions {
    keys: OwnKeys,
    alg: Algorithm,
    issuer: String,
    audience: AssertionAudience,
}

impl Assertions {
    fn of(settings: &Settings, keys: &OwnKeys) -> Self {
        Self {
            keys: keys.clone(),
            alg: settings.requests.assertion_alg,
            issuer: settings.issuer.clone(),
            audience: settings.requests.assertion_audience,
        }
    }

    /// An assertion that `client_id` is us, for a call of `endpoint`. Its audience is the issuer that the operator named: an
    /// endpoint of a provider's document may be another provider's.
    pub(super) fn assertion(&self, client_id: &str, endpoint: &str) -> Result<String, FederationError> {
        let audience = match self.audience {
            AssertionAudience::Issuer => self.issuer.as_str(),
            AssertionAudience::TokenEndpoint => endpoint,
        };
        let now = self.keys.now();
        let claims = json!({
            "iss": client_id,
            "sub": client_id,
            "aud": audience,
            "jti": self.keys.random(),
            "iat": now.seconds(),
            "exp": now.plus(ASSERTION_LIFE).seconds(),
        });
        self.keys.sign(self.alg, Typ::ClientAssertion, &claims)
    }
}
