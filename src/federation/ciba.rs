//! A sign-in on the person's telephone, without the browser going anywhere (OpenID Connect CIBA, poll).
//!
//! ```text
//! begin (number typed) ─► waiting ─► poll … poll ─► proven, refused, or too late
//! ```
//!
//! The request waits in short-lived storage, sealed, under the journey that began it: that journey's browser alone can ask
//! what came of it, and a restart changes nothing. One poll flies at a time and never earlier than the upstream allows.
//! Whoever types a number proves nothing by it: the person is whom the upstream's ID token names, and must be the one typed.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::connectors::pro_sante_connect::typed;
use super::connectors::{Ask, Asked, Polled, Proven};
use super::error::FederationError;
use super::round_trip::within;
use super::{Federation, Upstream, registration};
use crate::base::address::limit_key;
use crate::base::digest::Digest;
use crate::base::{Secret, Timestamp, entropy};
use crate::model::identity::{NationalId, NationalKind};
use crate::store::{Kind, Limit};

/// What the record is sealed for.
const SEAL: &str = "upstream-request";
/// How long a person may have at most, whatever the upstream says.
const LONGEST: Duration = Duration::from_secs(600);
/// How long a request that is over can still be told from one that never was.
const AFTERWARDS: Duration = Duration::from_secs(300);
/// Least and most time between two polls.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
const LONGEST_INTERVAL: Duration = Duration::from_secs(60);
/// What `slow_down` adds (OpenID Connect CIBA §11).
const SLOWER: Duration = Duration::from_secs(5);
/// How long a poll may hold its turn: longer than any step with an upstream takes.
const TURN: Duration = Duration::from_secs(6);
/// How many polls in a row may meet trouble.
const MOST_TROUBLE: u8 = 3;
/// Nobody's telephone rings more often than this, whoever types the number.
const PER_PERSON: Limit = Limit { count: 5, window: Duration::from_secs(600) };
/// Requests from one address, behind which a whole hospital may be.
const PER_ADDRESS: Limit = Limit { count: 60, window: Duration::from_secs(600) };

/// A request that waits.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Waits {
    request: String,
    hint: NationalId,
    number: String,
    until: Timestamp,
    next: Timestamp,
    interval: u64,
    trouble: u8,
    #[serde(default)]
    registration: Option<Uuid>,
}

/// What came of a typed number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// The person is being asked.
    Waiting,
    /// It is no number.
    Malformed,
    /// The upstream knows nobody of this number.
    Nobody,
    /// Somebody asks this person already.
    Pending,
    /// Too many requests; how long to wait.
    TooMany(Duration),
}

/// What the waiting page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The two digits that the telephone shows as well.
    pub number: String,
    /// When to look again.
    pub again: Duration,
}

/// What a look found.
#[derive(Debug)]
pub enum Look {
    /// Nothing was begun, or it was given up.
    Nothing,
    /// The person has not decided.
    Waiting(Waiting),
    /// The person said yes.
    Proven(Box<Proven>),
}

/// Where a journey's request is, and who may be polling it, and whom it asks.
fn key_of(upstream: &Upstream, handle: &str) -> String {
    Digest::of(format!("journey\n{}\n{handle}", upstream.settings.name).as_bytes()).to_base64url()
}

fn turn_of(key: &str) -> String {
    Digest::of(format!("turn\n{key}").as_bytes()).to_base64url()
}

fn person_of(upstream: &Upstream, hint: &NationalId) -> String {
    Digest::of(format!("person\n{}\n{}", upstream.settings.name, hint.as_str()).as_bytes()).to_base64url()
}

/// Asks the person of a typed number, for the journey of `handle`, which must be the browser's. A request that the journey
/// has already is given up.
pub async fn begin(
    federation: &Federation,
    upstream: &Upstream,
    handle: &str,
    number: &str,
    address: Option<IpAddr>,
) -> Result<Begun, FederationError> {
    let Some(hint) = typed(number).filter(|id| is_whole(federation, id)) else { return Ok(Begun::Malformed) };
    give_up(federation, upstream, handle).await?;
    let person = person_of(upstream, &hint);
    if let Some(wait) = too_many(federation, &person, address).await? {
        return Ok(Begun::TooMany(wait));
    }
    let (key, now) = (key_of(upstream, handle), federation.now());
    let ephemeral = federation.store().ephemeral();
    // Until it is known how long the request lives.
    if !ephemeral.put_if_absent(Kind::UpstreamRequest, &person, key.as_bytes(), TURN, now).await? {
        return Ok(Begun::Pending);
    }
    match ask(federation, upstream, &key, hint).await {
        Ok(Some(life)) => {
            ephemeral.put(Kind::UpstreamRequest, &person, key.as_bytes(), life, now).await?;
            Ok(Begun::Waiting)
        }
        other => {
            ephemeral.delete(Kind::UpstreamRequest, &person).await?;
            other.map(|_| Begun::Nobody)
        }
    }
}

/// Where keys are checked, an RPPS number with a wrong one is a mistake of typing.
fn is_whole(federation: &Federation, id: &NationalId) -> bool {
    id.kind() != NationalKind::Rpps || id.rpps(federation.0.strict_rpps).is_some()
}

async fn too_many(
    federation: &Federation,
    person: &str,
    address: Option<IpAddr>,
) -> Result<Option<Duration>, FederationError> {
    let own = address.map(|address| (format!("ciba:address:{}", limit_key(address)), PER_ADDRESS));
    for (key, limit) in own.into_iter().chain([(format!("ciba:person:{person}"), PER_PERSON)]) {
        let hit = federation.store().ephemeral().hit(&key, limit, federation.now()).await?;
        if !hit.allowed {
            return Ok(Some(hit.retry_after));
        }
    }
    Ok(None)
}

/// How long the person has; `None` where the upstream knows nobody of this number.
async fn ask(
    federation: &Federation,
    upstream: &Upstream,
    key: &str,
    hint: NationalId,
) -> Result<Option<Duration>, FederationError> {
    let now = federation.now();
    let number = binding_number(federation);
    let client = registration::to_begin(federation, upstream, None).await?;
    let ask = Ask { client: &client, login_hint: hint.as_str(), binding_message: &number, now };
    let (request, life, interval) = match within(upstream, upstream.connector().ask(ask)).await? {
        Asked::Waiting { request, life, interval } => (request, life.min(LONGEST), interval),
        Asked::Nobody => return Ok(None),
    };
    let interval = interval.clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL);
    let waits = Waits {
        request: request.expose().clone(),
        hint,
        number,
        until: now.plus(life),
        next: now.plus(interval),
        interval: interval.as_secs(),
        trouble: 0,
        registration: client.registration,
    };
    let sealed = seal(federation, key, &waits);
    federation.store().ephemeral().put(Kind::UpstreamRequest, key, &sealed, life + AFTERWARDS, now).await?;
    Ok(Some(life))
}

/// Two digits that nobody can foresee.
fn binding_number(federation: &Federation) -> String {
    let random = u64::from_be_bytes(entropy::bytes(federation.entropy()));
    format!("{:02}", random % 100)
}

fn seal(federation: &Federation, key: &str, waits: &Waits) -> Vec<u8> {
    let clear = serde_json::to_vec(waits).unwrap_or_default();
    federation.master().seal(federation.entropy(), SEAL, key, &clear)
}

/// The request as it is stored, and what it says.
async fn load(federation: &Federation, key: &str) -> Result<Option<(Vec<u8>, Waits)>, FederationError> {
    let found = federation.store().ephemeral().get(Kind::UpstreamRequest, key, federation.now()).await?;
    Ok(found.and_then(|sealed| {
        let clear = federation.master().open(SEAL, key, &sealed)?;
        let waits = serde_json::from_slice(clear.expose()).ok()?;
        Some((sealed, waits))
    }))
}

/// Looks what became of the journey's request; asks the upstream if it is time to.
pub async fn look(federation: &Federation, upstream: &Upstream, handle: &str) -> Result<Look, FederationError> {
    let key = key_of(upstream, handle);
    let Some((_, waits)) = load(federation, &key).await? else { return Ok(Look::Nothing) };
    if federation.now() >= waits.until {
        give_up(federation, upstream, handle).await?;
        return Err(FederationError::TooLate);
    }
    let turn = turn_of(&key);
    let ephemeral = federation.store().ephemeral();
    let early = federation.now() < waits.next;
    if early || !ephemeral.put_if_absent(Kind::UpstreamRequest, &turn, b"", TURN, federation.now()).await? {
        return Ok(Look::Waiting(waits.shown()));
    }
    let found = poll(federation, upstream, handle, &key).await;
    ephemeral.delete(Kind::UpstreamRequest, &turn).await?;
    found
}

/// One poll, by whoever has the turn.
async fn poll(federation: &Federation, upstream: &Upstream, handle: &str, key: &str) -> Result<Look, FederationError> {
    // Whoever had the turn before may have been here a moment ago.
    let Some((sealed, mut waits)) = load(federation, key).await? else { return Ok(Look::Nothing) };
    if federation.now() < waits.next {
        return Ok(Look::Waiting(waits.shown()));
    }
    let request = Secret::new(waits.request.clone());
    let asked = async {
        let client = registration::of(federation, upstream, waits.registration).await?;
        within(upstream, upstream.connector().poll(&client, &request, federation.now())).await
    };
    let polled = asked.await;
    let end = match polled {
        Ok(Polled::Pending) => {
            waits.trouble = 0;
            None
        }
        Ok(Polled::TooSoon) => {
            waits.slower(SLOWER);
            None
        }
        Err(FederationError::Down(why) | FederationError::Gone(why))
            if waits.trouble.saturating_add(1) < MOST_TROUBLE =>
        {
            tracing::warn!(upstream = upstream.settings.name, why, "a poll met trouble");
            waits.trouble = waits.trouble.saturating_add(1);
            // Who has trouble is asked less often (RFC 8628 §3.5).
            waits.slower(Duration::from_secs(waits.interval));
            None
        }
        Ok(Polled::Denied) => Some(Err(FederationError::Cancelled)),
        Ok(Polled::Expired) => Some(Err(FederationError::TooLate)),
        Ok(Polled::Proven(proven)) => Some(Ok(proven)),
        Err(error) => Some(Err(error)),
    };
    let Some(end) = end else {
        waits.next = federation.now().plus(Duration::from_secs(waits.interval));
        let new = seal(federation, key, &waits);
        let ephemeral = federation.store().ephemeral();
        let is_there = ephemeral.replace_if(Kind::UpstreamRequest, key, &sealed, &new, federation.now()).await?;
        return Ok(if is_there { Look::Waiting(waits.shown()) } else { Look::Nothing });
    };
    // Given up meanwhile: what the upstream proved goes nowhere.
    if !give_up(federation, upstream, handle).await? {
        return Ok(Look::Nothing);
    }
    let proven = end?;
    if proven.claimed.national.as_ref() != Some(&waits.hint) {
        return Err(FederationError::refused("another person than the one asked"));
    }
    Ok(Look::Proven(proven))
}

/// Ends the journey's request here; says whether there was one. The upstream lets it run out.
pub async fn give_up(federation: &Federation, upstream: &Upstream, handle: &str) -> Result<bool, FederationError> {
    let (key, now) = (key_of(upstream, handle), federation.now());
    let Some((_, waits)) = load(federation, &key).await? else { return Ok(false) };
    let ephemeral = federation.store().ephemeral();
    if ephemeral.take(Kind::UpstreamRequest, &key, now).await?.is_none() {
        return Ok(false);
    }
    let person = person_of(upstream, &waits.hint);
    if ephemeral.get(Kind::UpstreamRequest, &person, now).await?.is_some_and(|owner| owner == key.as_bytes()) {
        ephemeral.delete(Kind::UpstreamRequest, &person).await?;
    }
    Ok(true)
}

impl Waits {
    fn slower(&mut self, by: Duration) {
        let interval = Duration::from_secs(self.interval).saturating_add(by).min(LONGEST_INTERVAL);
        self.interval = interval.as_secs();
    }

    fn shown(&self) -> Waiting {
        Waiting { number: self.number.clone(), again: Duration::from_secs(self.interval) }
    }
}
