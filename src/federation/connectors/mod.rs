//! What an upstream can do, and a file for each kind of upstream.
//!
//! A capability that an upstream lacks is the trait's own answer; nobody asks a connector what it is.

pub mod facebook;
pub mod flavour;
pub mod github;
pub mod google;
pub mod oidc;
pub mod pro_sante_connect;

use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::credentials::Credentials;
use super::error::FederationError;
use super::settings::Settings;
use crate::base::{Secret, Timestamp};
use crate::model::identity::Claimed;

/// A round trip that begins.
#[derive(Debug, Clone, Copy)]
pub struct Begin<'a> {
    /// Who we are there.
    pub client: &'a Credentials,
    /// Where the upstream will find the request, where it fetches it.
    pub request_uri: Option<&'a str>,
    /// Where the upstream sends the browser back to.
    pub redirect_uri: &'a str,
    /// Comes back as it is.
    pub state: &'a str,
    /// Comes back in the ID token.
    pub nonce: &'a str,
    /// PKCE, `S256`.
    pub challenge: &'a str,
    /// Whom the application believes to be about to sign in.
    pub login_hint: Option<&'a str>,
    /// Whether the person is to prove it anew.
    pub fresh: bool,
}

/// Where a round trip leads.
#[derive(Debug)]
pub struct Begun {
    /// Where the browser goes.
    pub url: String,
    /// What is to stand at `request_uri`.
    pub object: Option<String>,
}

impl Begun {
    /// All that the upstream needs is in the address.
    const fn at(url: String) -> Self {
        Self { url, object: None }
    }
}

/// The parameters that begin every round trip (RFC 6749 §4.1.1, RFC 7636 §4.3).
fn code_request<'a>(settings: &'a Settings, begin: Begin<'a>, scope: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![
        ("response_type", "code"),
        ("client_id", begin.client.client_id.as_str()),
        ("redirect_uri", begin.redirect_uri),
        ("scope", scope),
        ("state", begin.state),
    ];
    if settings.pkce {
        fields.extend([("code_challenge", begin.challenge), ("code_challenge_method", "S256")]);
    }
    fields
}

/// For upstreams that need not tell `iss` on the way back: one that is told must be the upstream's.
fn check_issuer_if_told(settings: &Settings, iss: Option<&str>) -> Result<(), FederationError> {
    if iss.is_none_or(|iss| iss == settings.issuer) {
        Ok(())
    } else {
        Err(FederationError::refused("iss of the way back is another provider's"))
    }
}

/// A round trip that came back with a code.
#[derive(Debug, Clone, Copy)]
pub struct Back<'a> {
    /// Who we were there when it began.
    pub client: &'a Credentials,
    /// Where it came back to.
    pub redirect_uri: &'a str,
    /// The code.
    pub code: &'a str,
    /// As it was begun with.
    pub nonce: &'a str,
    /// PKCE.
    pub verifier: &'a str,
    /// The present moment.
    pub now: Timestamp,
}

/// What a round trip proved.
#[derive(Debug)]
pub struct Proven {
    /// The person, as the upstream says.
    pub claimed: Claimed,
    /// The ID token, for logout.
    pub id_token: Option<Secret<String>>,
    /// The refresh token.
    pub refresh_token: Option<Secret<String>>,
    /// The registration of ours that it began with.
    pub registration: Option<Uuid>,
}

/// What came of a refresh token.
#[derive(Debug)]
pub enum Refreshed {
    /// The session stands.
    Stands {
        /// The new ID token and its subject, where there is one and it holds.
        id_token: Option<(String, Secret<String>)>,
        /// The refresh token that takes the used one's place.
        refresh_token: Option<Secret<String>>,
    },
    /// The session there is over.
    Over,
}

/// A sign-in on the person's own device that begins (OpenID Connect CIBA §7.1).
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Who we are there.
    pub client: &'a Credentials,
    /// Whom to ask.
    pub login_hint: &'a str,
    /// What our page and the device both show.
    pub binding_message: &'a str,
    /// The present moment.
    pub now: Timestamp,
}

/// What came of asking.
#[derive(Debug)]
pub enum Asked {
    /// The person is being asked.
    Waiting {
        /// `auth_req_id`.
        request: Secret<String>,
        /// How long the person has.
        life: Duration,
        /// Least time between two polls.
        interval: Duration,
    },
    /// The upstream knows nobody of this name.
    Nobody,
}

/// What a poll found (OpenID Connect CIBA §11).
#[derive(Debug)]
pub enum Polled {
    /// The person has not decided.
    Pending,
    /// The same, and we asked too soon.
    TooSoon,
    /// The person said no.
    Denied,
    /// The request is over.
    Expired,
    /// The person said yes.
    Proven(Box<Proven>),
}

/// A logout that an upstream announced, verified.
#[derive(Debug, Clone)]
pub struct LogoutNotice {
    /// The issuer.
    pub issuer: String,
    /// Whom the token is for. Whoever reads it must be that client.
    pub client_id: String,
    /// Whose sessions end.
    pub subject: Option<String>,
    /// Which of its sessions ended.
    pub session: Option<String>,
    /// The token's own id.
    pub jti: String,
}

/// Where a registration of ours is read and deleted, and what lets us (RFC 7592 §3).
#[derive(Debug, Clone)]
pub struct ManagedAt {
    /// `registration_client_uri`.
    pub uri: String,
    /// `registration_access_token`.
    pub token: Secret<String>,
}

/// What an upstream says of a registration of ours.
#[derive(Debug)]
pub enum Standing {
    /// It knows it: so it is now.
    Stands(Map<String, Value>),
    /// It does not know it.
    Gone,
}

/// The answer of a capability.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, FederationError>>;

/// An upstream.
pub trait Connector: Send + Sync + fmt::Debug {
    /// Where the browser goes.
    fn begin<'a>(&'a self, begin: Begin<'a>) -> Answer<'a, Begun>;

    /// Checks `iss` of the way back (RFC 9207): who announces it must send it, and it must be its own.
    fn check_issuer<'a>(&'a self, iss: Option<&'a str>) -> Answer<'a, ()>;

    /// Turns a code into a person.
    fn complete<'a>(&'a self, back: Back<'a>) -> Answer<'a, Proven>;

    /// Uses a refresh token, which tells whether the session there still stands.
    fn refresh<'a>(
        &'a self,
        _client: &'a Credentials,
        _token: &'a Secret<String>,
        _now: Timestamp,
    ) -> Answer<'a, Refreshed> {
        Box::pin(std::future::ready(Err(FederationError::refused("the upstream has no refresh tokens"))))
    }

    /// Asks a person on their own device.
    fn ask<'a>(&'a self, _ask: Ask<'a>) -> Answer<'a, Asked> {
        Box::pin(std::future::ready(Err(FederationError::refused("the upstream asks nobody by itself"))))
    }

    /// What the person who was asked said.
    fn poll<'a>(
        &'a self,
        _client: &'a Credentials,
        _request: &'a Secret<String>,
        _now: Timestamp,
    ) -> Answer<'a, Polled> {
        Box::pin(std::future::ready(Err(FederationError::refused("the upstream asks nobody by itself"))))
    }

    /// Where the browser goes to end the session there; `None` where the upstream has no such place.
    fn end_session<'a>(
        &'a self,
        _client: &'a Credentials,
        _id_token: &'a str,
        _return_to: &'a str,
        _state: &'a str,
    ) -> Answer<'a, Option<String>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Reads a logout token.
    fn read_logout<'a>(&'a self, _token: &'a str, _now: Timestamp) -> Answer<'a, LogoutNotice> {
        Box::pin(std::future::ready(Err(FederationError::refused("the upstream announces no logout"))))
    }

    /// Registers us (RFC 7591 §3) with this initial access token, where the upstream wants one.
    fn register<'a>(
        &'a self,
        _said: &'a Map<String, Value>,
        _token: Option<&'a Secret<String>>,
    ) -> Answer<'a, Map<String, Value>> {
        Box::pin(std::future::ready(Err(FederationError::refused("the upstream registers nobody"))))
    }

    /// Reads a registration of ours (RFC 7592 §2.1).
    fn registration<'a>(&'a self, _at: &'a ManagedAt) -> Answer<'a, Standing> {
        Box::pin(std::future::ready(Err(FederationError::refused("the upstream registers nobody"))))
    }

    /// Deletes a registration of ours (RFC 7592 §2.3).
    fn unregister<'a>(&'a self, _at: &'a ManagedAt) -> Answer<'a, ()> {
        Box::pin(std::future::ready(Err(FederationError::refused("the upstream registers nobody"))))
    }

    /// Reaches the upstream as a sign-in would; gives what was found, for the operator.
    fn test(&self) -> Answer<'_, Vec<(&'static str, String)>>;
}
