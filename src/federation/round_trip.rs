//! The way to an upstream and back. What the way back needs (nonce, verifier, purpose) waits in short-lived storage under
//! the digest of `state`, sealed, and belongs to the browser that began. It is taken once.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::connectors::{Back, Begin, Proven};
use super::error::FederationError;
use super::reply::code_word;
use super::settings::RequestObject;
use super::{Federation, Upstream, registration, request_object};
use crate::base::digest::{Digest, base64url};
use crate::base::entropy;
use crate::base::id::UserId;
use crate::base::secret::ct_eq;
use crate::base::token::TokenKind;
use crate::store::Kind;

/// How long a person may take at the upstream.
pub(super) const LIFETIME: Duration = Duration::from_secs(900);
/// Longest code, in bytes.
const LONGEST_CODE: usize = 4_096;
/// What the record is sealed for.
const SEAL: &str = "upstream-round-trip";

/// What a round trip is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "for")]
pub enum Purpose {
    /// A sign-in journey goes on.
    Journey {
        /// Its handle.
        handle: String,
    },
    /// A signed-in person links the upstream.
    Link {
        /// Who.
        user: UserId,
        /// In which session.
        sid: Uuid,
    },
    /// A program of ours that shows no page signs a person in: the callback answers with tokens.
    Program {
        /// Where the browser comes back to: a path below the issuer, registered at the upstream like the usual one.
        way_back: String,
        /// Code of the tenant that the tokens are to be for.
        tenant: Option<String>,
    },
    /// The session at the upstream ends; then the browser goes on.
    Logout {
        /// Where to: verified before.
        next: String,
    },
}

impl Purpose {
    /// The path below the issuer that the upstream sends the browser back to. Nothing else takes the answer.
    fn way_back(&self, upstream: &str) -> String {
        match self {
            Self::Journey { .. } | Self::Link { .. } => callback_path(upstream),
            Self::Program { way_back, .. } => way_back.clone(),
            Self::Logout { .. } => logout_path(upstream),
        }
    }
}

/// Where an upstream sends the browser back to, below the issuer.
pub fn callback_path(upstream: &str) -> String {
    format!("/federation/{upstream}/callback")
}

/// Where an upstream sends the browser after a logout there, below the issuer.
pub(super) fn logout_path(upstream: &str) -> String {
    format!("/federation/{upstream}/logout")
}

#[derive(Debug, Serialize, Deserialize)]
struct Trip {
    upstream: String,
    browser: String,
    purpose: Purpose,
    nonce: String,
    verifier: String,
    /// The registration of ours that it began with: whoever ends it, on whichever process, ends it as the same client.
    #[serde(default)]
    registration: Option<Uuid>,
    /// Where the request stands that the upstream fetches.
    #[serde(default)]
    request: Option<String>,
}

/// How a round trip begins.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The browser's binding.
    pub browser: &'a Digest,
    /// Whom the application believes to be about to sign in.
    pub login_hint: Option<&'a str>,
    /// Whether the person is to prove it anew.
    pub fresh: bool,
}

/// What the upstream's redirect carries.
#[derive(Debug, Clone, Copy, Default)]
pub struct Returned<'a> {
    /// The path below the issuer that it came to.
    pub path: &'a str,
    /// `state`.
    pub state: Option<&'a str>,
    /// `code`.
    pub code: Option<&'a str>,
    /// `iss` (RFC 9207).
    pub iss: Option<&'a str>,
    /// `error`.
    pub error: Option<&'a str>,
}

/// A round trip that gave nobody, and what it was for, where that is known.
#[derive(Debug)]
pub struct Failed {
    /// What it was for.
    pub purpose: Option<Purpose>,
    /// Why.
    pub error: FederationError,
}

impl From<FederationError> for Failed {
    fn from(error: FederationError) -> Self {
        Self { purpose: None, error }
    }
}

/// A step with an upstream, within the time that a person waits for it.
pub(super) async fn within<T>(
    upstream: &Upstream,
    step: impl Future<Output = Result<T, FederationError>>,
) -> Result<T, FederationError> {
    let late = || FederationError::Down("no answer in time".to_owned());
    tokio::time::timeout(upstream.settings.patience, step).await.unwrap_or_else(|_| Err(late()))
}

/// Begins a round trip; gives where the browser goes.
pub async fn begin(
    federation: &Federation,
    upstream: &Upstream,
    purpose: Purpose,
    wanted: Wanted<'_>,
) -> Result<String, FederationError> {
    let name = &upstream.settings.name;
    let random = || base64url(&entropy::bytes::<32>(federation.entropy()));
    let (nonce, verifier) = (random(), random());
    let challenge = Digest::of(verifier.as_bytes()).to_base64url();
    let state = TokenKind::UpstreamState.generate(federation.entropy());
    let redirect_uri = federation.below(&purpose.way_back(name));
    let by_reference = upstream.settings.requests.object == RequestObject::ByReference;
    let handle = by_reference.then(|| TokenKind::UpstreamObject.generate(federation.entropy()));
    let address = handle.as_ref().map(|handle| federation.request_uri(name, handle));
    let (begun, registration) = within(upstream, async {
        let client = registration::to_begin(federation, upstream, address.as_deref()).await?;
        let begin = Begin {
            client: &client,
            request_uri: address.as_deref(),
            redirect_uri: &redirect_uri,
            state: state.expose(),
            nonce: &nonce,
            challenge: &challenge,
            login_hint: wanted.login_hint,
            fresh: wanted.fresh,
        };
        Ok((upstream.connector().begin(begin).await?, client.registration))
    })
    .await?;
    if let (Some(object), Some(handle)) = (&begun.object, &handle) {
        request_object::put(federation, name, handle, object).await?;
    }
    let trip = Trip {
        upstream: name.clone(),
        browser: wanted.browser.to_base64url(),
        purpose,
        nonce,
        verifier,
        registration,
        request: handle.map(|handle| handle.digest().to_base64url()),
    };
    put(federation, &state.digest(), &trip).await?;
    Ok(begun.url)
}

async fn put(federation: &Federation, state: &Digest, trip: &Trip) -> Result<(), FederationError> {
    let key = state.to_base64url();
    let clear = serde_json::to_vec(trip).unwrap_or_default();
    let sealed = federation.master().seal(federation.entropy(), SEAL, &key, &clear);
    federation.store().ephemeral().put(Kind::Upstream, &key, &sealed, LIFETIME, federation.now()).await?;
    Ok(())
}

/// Takes the record of `state`, if it is this browser's and this upstream's, and came back where it was sent. What is
/// another's stays.
async fn take(
    federation: &Federation,
    upstream: &Upstream,
    (state, path): (Option<&str>, &str),
    browser: Option<&Digest>,
) -> Result<Trip, FederationError> {
    let known = state.and_then(|state| TokenKind::UpstreamState.digest_of(state));
    let (Some(digest), Some(browser)) = (known, browser) else { return Err(FederationError::NoTrip) };
    let (key, now) = (digest.to_base64url(), federation.now());
    let ephemeral = federation.store().ephemeral();
    let sealed = ephemeral.get(Kind::Upstream, &key, now).await?.ok_or(FederationError::NoTrip)?;
    let clear = federation.master().open(SEAL, &key, &sealed).ok_or(FederationError::NoTrip)?;
    let trip: Trip = serde_json::from_slice(clear.expose()).map_err(|_| FederationError::NoTrip)?;
    let is_own = ct_eq(trip.browser.as_bytes(), browser.to_base64url().as_bytes());
    if !is_own || trip.upstream != upstream.settings.name || trip.purpose.way_back(&trip.upstream) != path {
        return Err(FederationError::NoTrip);
    }
    // Of any number of requests with one state, one goes on.
    ephemeral.take(Kind::Upstream, &key, now).await?.ok_or(FederationError::NoTrip)?;
    if let Some(request) = &trip.request {
        request_object::delete(federation, request).await?;
    }
    Ok(trip)
}

/// Ends a round trip: whom did the upstream prove?
pub async fn complete(
    federation: &Federation,
    upstream: &Upstream,
    returned: Returned<'_>,
    browser: Option<&Digest>,
) -> Result<(Purpose, Proven), Failed> {
    let trip = take(federation, upstream, (returned.state, returned.path), browser).await?;
    match prove(federation, upstream, returned, &trip).await {
        Ok(proven) => Ok((trip.purpose, proven)),
        Err(error) => {
            if matches!(error, FederationError::ClientUnknown) {
                registration::doubt(federation, upstream, trip.registration).await?;
            }
            Err(Failed { purpose: Some(trip.purpose), error })
        }
    }
}

async fn prove(
    federation: &Federation,
    upstream: &Upstream,
    returned: Returned<'_>,
    trip: &Trip,
) -> Result<Proven, FederationError> {
    let redirect_uri = federation.below(returned.path);
    within(upstream, async {
        upstream.connector().check_issuer(returned.iss).await?;
        match returned.error {
            None => {}
            Some("access_denied" | "user_cancelled_login") => return Err(FederationError::Cancelled),
            Some("temporarily_unavailable" | "server_error") => {
                return Err(FederationError::Down("it says so itself".to_owned()));
            }
            Some(code) => {
                let code = code_word(code);
                return Err(FederationError::refused(format!("the upstream refused the request: {code}")));
            }
        }
        let code = returned.code.filter(|code| (1..=LONGEST_CODE).contains(&code.len()));
        let code = code.ok_or_else(|| FederationError::refused("there is no code"))?;
        let client = registration::of(federation, upstream, trip.registration).await?;
        let back = Back {
            client: &client,
            redirect_uri: &redirect_uri,
            code,
            nonce: &trip.nonce,
            verifier: &trip.verifier,
            now: federation.now(),
        };
        upstream.connector().complete(back).await
    })
    .await
}

/// Begins the way to an upstream's logout; gives where the browser goes, if the upstream has such a place.
pub(super) async fn begin_logout(
    federation: &Federation,
    upstream: &Upstream,
    (id_token, registration): (&str, Option<Uuid>),
    next: String,
    browser: &Digest,
) -> Result<Option<String>, FederationError> {
    let client = registration::of(federation, upstream, registration).await?;
    let name = &upstream.settings.name;
    let state = TokenKind::UpstreamState.generate(federation.entropy());
    let return_to = federation.logout_uri(name);
    let there =
        within(upstream, upstream.connector().end_session(&client, id_token, &return_to, state.expose())).await?;
    if there.is_some() {
        let trip = Trip {
            upstream: name.clone(),
            browser: browser.to_base64url(),
            purpose: Purpose::Logout { next },
            nonce: String::new(),
            verifier: String::new(),
            registration,
            request: None,
        };
        put(federation, &state.digest(), &trip).await?;
    }
    Ok(there)
}

/// Where the browser goes after it signed out at the upstream; `None` where nobody knows.
pub async fn complete_logout(
    federation: &Federation,
    upstream: &Upstream,
    state: Option<&str>,
    browser: Option<&Digest>,
) -> Result<Option<String>, FederationError> {
    let path = logout_path(&upstream.settings.name);
    match take(federation, upstream, (state, &path), browser).await {
        Ok(Trip { purpose: Purpose::Logout { next }, .. }) => Ok(Some(next)),
        Ok(_) | Err(FederationError::NoTrip) => Ok(None),
        Err(error) => Err(error),
    }
}
