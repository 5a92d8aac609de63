//! Looking after registrations: for the operator, and in the rounds of the job.

use std::time::Duration;

use super::answer::{self, Registered};
use super::row::{managed, seal, secrets};
use super::{about, anew, dynamic, is_good, present, renew, supersede};
use crate::audit::Action;
use crate::base::Timestamp;
use crate::federation::connectors::Standing;
use crate::federation::error::FederationError;
use crate::federation::round_trip::within;
use crate::federation::settings::Dynamic;
use crate::federation::{Federation, Upstream};
use crate::store::{StoreError, UpstreamClient};

/// How often the upstream is asked whether it still knows us.
const CHECK_EVERY: Duration = Duration::from_secs(900);
/// How long a superseded registration stays for what began with it.
const KEPT: Duration = Duration::from_secs(3_600);
/// How long an upstream that does not answer is asked to delete one, every so often.
const GIVEN_UP: Duration = Duration::from_secs(7 * 86_400);
/// Most registrations deleted in one round.
const AT_ONCE: u32 = 20;

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
        let is_deleted = let_go(federation, upstream, row, Patience::None).await?;
        withdrawn.forgotten = withdrawn.forgotten.saturating_add(1);
        withdrawn.deleted = withdrawn.deleted.saturating_add(usize::from(is_deleted));
    }
    Ok(withdrawn)
}

/// Whether an upstream that does not answer is asked again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// For a week.
    Some,
    /// Never.
    None,
}

/// Deletes a registration there and here; says whether the upstream did.
async fn let_go(
    federation: &Federation,
    upstream: &Upstream,
    row: UpstreamClient,
    patience: Patience,
) -> Result<bool, FederationError> {
    let since = federation.now().since(row.superseded_at.unwrap_or(row.created_at));
    let is_deleted = match managed(federation, &row) {
        None => false,
        Some(at) => match within(upstream, upstream.connector().unregister(&at)).await {
            Ok(()) => true,
            Err(FederationError::Down(_)) if patience == Patience::Some && since < GIVEN_UP => return Ok(false),
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
                let_go(federation, upstream, row, Patience::Some).await?;
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
