//! Registrations of ours at upstreams (OpenID Connect Registration 1.0, RFC 7591, RFC 7592).
//!
//! ```text
//! to_begin ─► present one good? ─► it              a round trip, and the session that comes of it, keep the row
//!              none, old, other metadata ─► register ─► the row begins sign-ins; the one before is superseded
//! round (job): does the upstream still know us? is it nearly over? what nobody stands on any more is deleted, there and here
//! ```
//!
//! One process registers at a time, and one request in it; of two that do so all the same the first row counts and the other
//! registration is deleted at the upstream. While a new one cannot be had, one that still holds serves on.

mod answer;
mod document;
mod row;
mod upkeep;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::credentials::Credentials;
use super::error::FederationError;
use super::round_trip::{LIFETIME, within};
use super::settings::{Dynamic, Registration};
use super::{Federation, Upstream};
use crate::audit::{Action, AuditEvent};
use crate::base::Timestamp;
use crate::base::digest::Digest;
use crate::base::entropy::uuid_v7;
use crate::store::{Kind, StoreError, UpstreamClient};

pub use upkeep::{Found, State, Withdrawn, check, is_dynamic, register_now, round, state, withdraw};

use row::{open, seal};

/// How long a registration may hold the turn of all processes: longer than any step with an upstream takes.
const TURN: Duration = Duration::from_secs(70);
/// How often whoever has not the turn looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Least time between two tries after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// How long before a secret ends another is wanted, at most.
const AHEAD: Duration = Duration::from_secs(86_400);
/// How long a new registration is let be. An upstream that does not know us so shortly after it registered us would not know
/// us after the next time either; and while replicas get a new configuration one by one, each would put its own in the
/// place of the others'.
const SETTLES: Duration = Duration::from_secs(60);

/// The single flight of one process, and what came of the last try.
#[derive(Debug, Default)]
pub(super) struct Flight {
    turn: tokio::sync::Mutex<()>,
    failed: Mutex<Option<(String, Timestamp)>>,
}

impl Flight {
    fn failed(&self) -> Option<(String, Timestamp)> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, failure: Option<(String, Timestamp)>) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }
}

/// The settings of an upstream where we register ourselves.
fn dynamic(upstream: &Upstream) -> Option<&Dynamic> {
    match &upstream.settings.registration {
        Registration::Dynamic(own) => Some(own),
        Registration::Static { .. } => None,
    }
}

/// Who we are in what begins now. `request_uri` is where the upstream will find the request.
pub(super) async fn to_begin(
    federation: &Federation,
    upstream: &Upstream,
    request_uri: Option<&str>,
) -> Result<Credentials, FederationError> {
    let Some(own) = dynamic(upstream) else {
        return upstream.written.clone().ok_or_else(|| FederationError::refused("there is no client_id"));
    };
    if own.is_for_one_sign_in() {
        let sent = document::of(federation, &upstream.settings, own, request_uri);
        let row = register(federation, upstream, own, &sent, Place::Beside).await?;
        return open(federation, upstream, &row).ok_or_else(gone);
    }
    let found = present(federation, upstream).await?;
    if let Some(row) = &found
        && is_good(federation, upstream, own, row)
        && let Some(credentials) = open(federation, upstream, row)
    {
        return Ok(credentials);
    }
    let (shared, name) = (federation.clone(), upstream.settings.name.clone());
    // What was begun is finished, also when the browser that needed it is gone: a registration that nobody wrote down would
    // stay there for ever.
    let flight = tokio::spawn(async move { renew(&shared, &name).await });
    match flight.await {
        Ok(Ok(row)) => open(federation, upstream, &row).ok_or_else(gone),
        Ok(Err(error)) => {
            let old = found.filter(|row| row.expires_at.is_none_or(|end| federation.now() < end));
            let old = old.and_then(|row| open(federation, upstream, &row)).ok_or(error)?;
            tracing::warn!(upstream = upstream.settings.name, "no new registration: the old one serves on");
            Ok(old)
        }
        Err(error) => Err(FederationError::Down(error.to_string())),
    }
}

/// Who we were when something began.
pub(super) async fn of(
    federation: &Federation,
    upstream: &Upstream,
    registration: Option<Uuid>,
) -> Result<Credentials, FederationError> {
    let Some(id) = registration else { return upstream.written.clone().ok_or_else(gone) };
    let found = federation.store().read().await?.upstream_client(id).await?;
    found.and_then(|row| open(federation, upstream, &row)).ok_or_else(gone)
}

fn gone() -> FederationError {
    FederationError::refused("the registration that this began with is gone")
}

/// Whether an upstream that speaks to `client_id` speaks to us.
pub(super) async fn is_us(
    federation: &Federation,
    upstream: &Upstream,
    client_id: &str,
) -> Result<bool, FederationError> {
    if upstream.written.as_ref().is_some_and(|written| written.client_id == client_id) {
        return Ok(true);
    }
    let settings = &upstream.settings;
    Ok(federation.store().read().await?.is_upstream_client(&settings.name, &settings.issuer, client_id).await?)
}

/// The upstream did not know the client of this registration: the next sign-in makes another.
pub(super) async fn doubt(
    federation: &Federation,
    upstream: &Upstream,
    registration: Option<Uuid>,
) -> Result<(), FederationError> {
    let Some(id) = registration else { return Ok(()) };
    let now = federation.now();
    let found = federation.store().read().await?.upstream_client(id).await?;
    if found.is_some_and(|row| row.superseded_at.is_none() && now.since(row.created_at) >= SETTLES) {
        tracing::warn!(upstream = upstream.settings.name, "the upstream does not know our registration any more");
        supersede(federation, id, now).await?;
    }
    Ok(())
}

async fn supersede(federation: &Federation, id: Uuid, now: Timestamp) -> Result<bool, FederationError> {
    let done = federation
        .store()
        .write("upstream_client", move |tx| Box::pin(async move { tx.supersede_upstream_client(id, now).await }));
    Ok(done.await?)
}

async fn present(federation: &Federation, upstream: &Upstream) -> Result<Option<UpstreamClient>, FederationError> {
    let settings = &upstream.settings;
    Ok(federation.store().read().await?.present_upstream_client(&settings.name, &settings.issuer).await?)
}

/// Whether a registration may begin sign-ins: it says what we would say now, is not nearly over, and opens.
fn is_good(federation: &Federation, upstream: &Upstream, own: &Dynamic, row: &UpstreamClient) -> bool {
    let now = federation.now();
    let sent = document::of(federation, &upstream.settings, own, None);
    let is_young = own.longest.is_none_or(|longest| now.since(row.created_at) < longest);
    let lasts = row.expires_at.is_none_or(|end| now < end.minus(ahead(row, end)));
    let says_so = row.sent == digest_of(&sent) || now.since(row.created_at) < SETTLES;
    says_so && is_young && lasts && open(federation, upstream, row).is_some()
}

/// How long before its end a registration's secret is replaced: a round trip that begins with it must be able to end with it.
fn ahead(row: &UpstreamClient, end: Timestamp) -> Duration {
    let life = end.since(row.created_at);
    (life / 10).min(AHEAD).max(LIFETIME.min(life / 2))
}

/// The same whatever the order of the members.
fn digest_of(sent: &Map<String, Value>) -> Vec<u8> {
    let sorted: BTreeMap<&String, &Value> = sent.iter().collect();
    Digest::of(json!(sorted).to_string().as_bytes()).as_bytes().to_vec()
}

/// A new registration, unless somebody else brings one first.
async fn renew(federation: &Federation, name: &str) -> Result<UpstreamClient, FederationError> {
    let found = federation.find(name).and_then(|upstream| dynamic(upstream).map(|own| (upstream, own)));
    let Some((upstream, own)) = found else { return Err(gone()) };
    let _held = upstream.registering.turn.lock().await;
    let ephemeral = federation.store().ephemeral();
    let began = tokio::time::Instant::now();
    loop {
        if let Some(row) = good(federation, upstream, own).await? {
            return Ok(row);
        }
        let now = federation.now();
        if let Some((why, at)) = upstream.registering.failed()
            && now.since(at) < AFTER_FAILURE
        {
            return Err(FederationError::Down(format!("a moment ago: {why}")));
        }
        if ephemeral.put_if_absent(Kind::UpstreamRegistration, name, b"", TURN, now).await? {
            break;
        }
        if began.elapsed() > upstream.settings.patience {
            return Err(FederationError::Down("another process registers us, and does not end".to_owned()));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    // Whoever had the turn before may have ended between our look and ours.
    let done = match good(federation, upstream, own).await {
        Ok(Some(row)) => Ok(row),
        Ok(None) => anew(federation, upstream, own).await,
        Err(error) => Err(error),
    };
    ephemeral.delete(Kind::UpstreamRegistration, name).await?;
    upstream.registering.note(done.as_ref().err().map(|error| (error.to_string(), federation.now())));
    done
}

/// The registration that may begin sign-ins, if there is one.
async fn good(
    federation: &Federation,
    upstream: &Upstream,
    own: &Dynamic,
) -> Result<Option<UpstreamClient>, FederationError> {
    Ok(present(federation, upstream).await?.filter(|row| is_good(federation, upstream, own, row)))
}

/// Registers us, whatever is there.
async fn anew(federation: &Federation, upstream: &Upstream, own: &Dynamic) -> Result<UpstreamClient, FederationError> {
    let before = present(federation, upstream).await?.map(|row| row.id);
    let sent = document::of(federation, &upstream.settings, own, None);
    register(federation, upstream, own, &sent, Place::After(before)).await
}

/// Where a new registration stands.
enum Place {
    /// In the place of this one.
    After(Option<Uuid>),
    /// Beside all others: for one sign-in.
    Beside,
}

async fn register(
    federation: &Federation,
    upstream: &Upstream,
    own: &Dynamic,
    sent: &Map<String, Value>,
    place: Place,
) -> Result<UpstreamClient, FederationError> {
    let settings = &upstream.settings;
    let answer = within(upstream, upstream.connector().register(sent, own.token.as_ref())).await?;
    let now = federation.now();
    let registered = answer::read(settings, sent, &answer, now)?;
    let id = uuid_v7(now, federation.entropy());
    let row = UpstreamClient {
        id,
        upstream: settings.name.clone(),
        issuer: settings.issuer.clone(),
        client_id: registered.client_id.clone(),
        auth_method: registered.auth.as_str().to_owned(),
        sent: digest_of(sent),
        sealed: seal(federation, id, &registered),
        registration_uri: registered.managed.as_ref().map(|at| at.uri.clone()),
        created_at: now,
        checked_at: now,
        expires_at: registered.expires_at,
        superseded_at: matches!(place, Place::Beside).then_some(now),
    };
    let first = write(federation, row.clone(), place, now).await?;
    if first {
        return Ok(row);
    }
    // Somebody was faster: theirs counts, and ours must not stay there.
    if let Some(managed) = &registered.managed
        && let Err(error) = within(upstream, upstream.connector().unregister(managed)).await
    {
        tracing::warn!(upstream = settings.name, %error, "a registration too many cannot be deleted");
    }
    present(federation, upstream).await?.ok_or(FederationError::Rival)
}

async fn write(
    federation: &Federation,
    row: UpstreamClient,
    place: Place,
    now: Timestamp,
) -> Result<bool, FederationError> {
    let write = federation.store().write("upstream_client", move |tx| {
        Box::pin(async move {
            if let Place::After(Some(before)) = place {
                tx.supersede_upstream_client(before, now).await?;
            }
            let first = tx.insert_upstream_client(&row).await?;
            if first {
                tx.append_audit(&about(Action::UpstreamRegistered, &row, now)).await?;
            }
            Ok::<_, StoreError>(first)
        })
    });
    Ok(write.await?)
}

fn about(action: Action, row: &UpstreamClient, now: Timestamp) -> AuditEvent {
    let mut event = AuditEvent::new(action, now);
    event.entity_id = Some(row.upstream.clone());
    event.details.insert("client_id".to_owned(), row.client_id.clone().into());
    event
}
