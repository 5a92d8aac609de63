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

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::connectors::{ManagedAt, Standing};
use super::credentials::{Credentials, Proof};
use super::error::FederationError;
use super::round_trip::{LIFETIME, within};
use super::settings::{ClientAuth, Dynamic, Registration};
use super::{Federation, Upstream};
use crate::audit::{Action, AuditEvent};
use crate::base::digest::Digest;
use crate::base::entropy::uuid_v7;
use crate::base::{Secret, Timestamp};
use crate::store::{Kind, StoreError, UpstreamClient};

use answer::Registered;

/// What secrets are sealed for.
const SEAL: &str = "upstream-registration";
/// How long a registration may hold the turn of all processes: longer than any step with an upstream takes.
const TURN: Duration = Duration::from_secs(70);
/// How often whoever has not the turn looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Least time between two tries after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// How long before a secret ends another is wanted, at most.
const AHEAD: Duration = Duration::from_secs(86_400);
/// An upstream that does not know us so shortly after it registered us would not know us after the next time either.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);
/// How often the upstream is asked whether it still knows us.
const CHECK_EVERY: Duration = Duration::from_secs(900);
/// How long a superseded registration stays for what began with it.
const KEPT: Duration = Duration::from_secs(3_600);
/// Most registrations deleted in one round.
const AT_ONCE: u32 = 20;

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
    if found.is_some_and(|row| row.superseded_at.is_none() && now.since(row.created_at) >= FORGOTTEN_AFTER) {
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
    row.sent == digest_of(&sent) && is_young && lasts && open(federation, upstream, row).is_some()
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
        if let Some(row) = present(federation, upstream).await?.filter(|row| is_good(federation, upstream, own, row)) {
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
    let done = anew(federation, upstream, own).await;
    ephemeral.delete(Kind::UpstreamRegistration, name).await?;
    upstream.registering.note(done.as_ref().err().map(|error| (error.to_string(), federation.now())));
    done
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

/// The secrets of a registration, bound to its row.
fn seal(federation: &Federation, id: Uuid, registered: &Registered) -> Vec<u8> {
    let shown = |secret: Option<&Secret<String>>| secret.map_or(Value::Null, |secret| secret.expose().clone().into());
    let token = registered.managed.as_ref().map(|at| &at.token);
    let clear = Value::from(vec![shown(registered.secret.as_ref()), shown(token)]);
    federation.master().seal(federation.entropy(), SEAL, &id.to_string(), clear.to_string().as_bytes())
}

/// Secret, and registration access token.
type Secrets = (Option<Secret<String>>, Option<Secret<String>>);

/// What a row holds sealed.
fn secrets(federation: &Federation, row: &UpstreamClient) -> Option<Secrets> {
    let clear = federation.master().open(SEAL, &row.id.to_string(), &row.sealed)?;
    serde_json::from_slice(clear.expose()).ok()
}

/// Who we are by a row, if it is this upstream's and opens.
fn open(federation: &Federation, upstream: &Upstream, row: &UpstreamClient) -> Option<Credentials> {
    let settings = &upstream.settings;
    if row.upstream != settings.name || row.issuer != settings.issuer {
        return None;
    }
    let (secret, _) = secrets(federation, row)?;
    let method = answer::method(&row.auth_method)?;
    if matches!(method, ClientAuth::Basic | ClientAuth::Post) && secret.is_none() {
        return None;
    }
    Some(Credentials {
        registration: Some(row.id),
        client_id: row.client_id.clone(),
        proof: Proof::of(settings, method, secret, &upstream.keys),
    })
}

fn managed(federation: &Federation, row: &UpstreamClient) -> Option<ManagedAt> {
    let (_, token) = secrets(federation, row)?;
    Some(ManagedAt { uri: row.registration_uri.clone()?, token: token? })
}

/// A registration, for the operator.
#[derive(Debug, Clone)]
pub struct State {
    /// Who we are there.
    pub client_id: String,
    /// How we prove it.
    pub auth_method: String,
    /// Since when.
    pub created_at: Timestamp,
    /// When its secret ends.
    pub expires_at: Option<Timestamp>,
    /// Whether we can read and delete it there.
    pub is_managed: bool,
    /// Registrations before it that something still stands on.
    pub earlier: usize,
}

impl State {
    fn of(row: &UpstreamClient, earlier: usize) -> Self {
        Self {
            client_id: row.client_id.clone(),
            auth_method: row.auth_method.clone(),
            created_at: row.created_at,
            expires_at: row.expires_at,
            is_managed: row.registration_uri.is_some(),
            earlier,
        }
    }
}

/// Whether we register ourselves at an upstream.
pub fn is_dynamic(upstream: &Upstream) -> bool {
    dynamic(upstream).is_some()
}

/// The registration that begins sign-ins now.
pub async fn state(federation: &Federation, upstream: &Upstream) -> Result<Option<State>, FederationError> {
    let settings = &upstream.settings;
    let rows = federation.store().read().await?.upstream_clients_of(&settings.name, &settings.issuer).await?;
    let earlier = rows.iter().filter(|row| row.superseded_at.is_some()).count();
    Ok(rows.iter().find(|row| row.superseded_at.is_none()).map(|row| State::of(row, earlier)))
}

/// Registers us anew at an operator's word. What began with the registration before ends with it.
pub async fn register_now(federation: &Federation, upstream: &Upstream) -> Result<State, FederationError> {
    let own = dynamic(upstream).ok_or_else(not_dynamic)?;
    let row = anew(federation, upstream, own).await?;
    Ok(State::of(&row, 0))
}

fn not_dynamic() -> FederationError {
    FederationError::refused("registration is not \"dynamic\" in the configuration")
}

/// What came of a withdrawal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Withdrawn {
    /// Registrations that are gone here.
    pub forgotten: usize,
    /// Those of them that the upstream deleted as well.
    pub deleted: usize,
}

/// Deletes all registrations of ours there, as far as the upstream lets us, and forgets them here.
pub async fn withdraw(federation: &Federation, upstream: &Upstream) -> Result<Withdrawn, FederationError> {
    let settings = &upstream.settings;
    let rows = federation.store().read().await?.upstream_clients_of(&settings.name, &settings.issuer).await?;
    let mut withdrawn = Withdrawn::default();
    for row in rows {
        let is_deleted = let_go(federation, upstream, row).await?;
        withdrawn.forgotten = withdrawn.forgotten.saturating_add(1);
        withdrawn.deleted = withdrawn.deleted.saturating_add(usize::from(is_deleted));
    }
    Ok(withdrawn)
}

/// Deletes a registration there and here; says whether the upstream did.
async fn let_go(federation: &Federation, upstream: &Upstream, row: UpstreamClient) -> Result<bool, FederationError> {
    let is_deleted = match managed(federation, &row) {
        None => false,
        Some(at) => match within(upstream, upstream.connector().unregister(&at)).await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(upstream = row.upstream, %error, "a registration cannot be deleted there");
                false
            }
        },
    };
    let now = federation.now();
    let gone = federation.store().write("upstream_client", move |tx| {
        Box::pin(async move {
            if tx.delete_upstream_client(row.id).await? {
                tx.append_audit(&about(Action::UpstreamWithdrawn, &row, now)).await?;
            }
            Ok::<_, StoreError>(())
        })
    });
    gone.await?;
    Ok(is_deleted)
}

/// What a look at a registration found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// There is none yet.
    None,
    /// There is one, and the upstream gave no way to ask about it.
    Unmanaged,
    /// The upstream knows it.
    Stands,
    /// The upstream does not know it any more: the next sign-in makes another.
    Gone,
}

/// Asks the upstream whether it knows the registration that begins sign-ins now (RFC 7592 §2.1).
pub async fn check(federation: &Federation, upstream: &Upstream) -> Result<Found, FederationError> {
    let Some(row) = present(federation, upstream).await? else { return Ok(Found::None) };
    let Some(at) = managed(federation, &row) else { return Ok(Found::Unmanaged) };
    let now = federation.now();
    match within(upstream, upstream.connector().registration(&at)).await? {
        Standing::Gone => {
            tracing::warn!(upstream = row.upstream, "the upstream does not know our registration any more");
            supersede(federation, row.id, now).await?;
            Ok(Found::Gone)
        }
        Standing::Stands(said) => {
            let (secret, _) = secrets(federation, &row).unwrap_or_default();
            let before = Registered::before(&row, secret, at)?;
            let renewed = answer::read_again(&upstream.settings, before, &said, now)?;
            let (id, sealed, end) = (row.id, seal(federation, row.id, &renewed), renewed.expires_at);
            let write = federation.store().write("upstream_client", move |tx| {
                Box::pin(async move { tx.renew_upstream_client(id, &sealed, end).await })
            });
            write.await?;
            Ok(Found::Stands)
        }
    }
}

/// Looks after the registrations at all upstreams. Called by `jobs`, in every replica: each look is claimed before.
pub async fn round(federation: &Federation) -> Result<(), FederationError> {
    for upstream in federation.all() {
        let Some(own) = dynamic(upstream) else { continue };
        let name = upstream.settings.name.as_str();
        if let Err(error) = look_after(federation, upstream, own).await {
            tracing::warn!(upstream = name, %error, "the registration there cannot be looked after");
        }
        let before = federation.now().minus(KEPT);
        for row in federation.store().read().await?.idle_upstream_clients(name, before, AT_ONCE).await? {
            let (id, seen, now) = (row.id, row.checked_at, federation.now());
            let claim = federation.store().write("upstream_client", move |tx| {
                Box::pin(async move { tx.claim_upstream_client(id, seen, now).await })
            });
            if claim.await? {
                let_go(federation, upstream, row).await?;
            }
        }
    }
    Ok(())
}

async fn look_after(federation: &Federation, upstream: &Upstream, own: &Dynamic) -> Result<(), FederationError> {
    let now = federation.now();
    let Some(row) = present(federation, upstream).await? else { return Ok(()) };
    if now.since(row.checked_at) < CHECK_EVERY {
        return Ok(());
    }
    let (id, seen) = (row.id, row.checked_at);
    let claim = federation
        .store()
        .write("upstream_client", move |tx| Box::pin(async move { tx.claim_upstream_client(id, seen, now).await }));
    if !claim.await? {
        return Ok(());
    }
    check(federation, upstream).await?;
    // Before somebody waits for it.
    let is_good = present(federation, upstream).await?.is_some_and(|row| is_good(federation, upstream, own, &row));
    if !is_good {
        renew(federation, &upstream.settings.name).await?;
    }
    Ok(())
}
