//! Sessions follow those of the upstream: its refresh token, kept sealed with the session, is used every so often. When the
//! upstream says that it no longer holds, the session there is over, and ours ends with its grants.
//!
//! An upstream that does not answer, or not as it should, ends nobody's session. Each use brings a new refresh token and a new
//! ID token, which the next logout shows. Called by `jobs`, in every replica: a session is claimed before it is asked after.

use futures_util::StreamExt as _;
use futures_util::stream;

use super::connectors::Refreshed;
use super::error::FederationError;
use super::round_trip::within;
use super::{Federation, Upstream, logout, registration};
use crate::store::{DueSession, SealedTokens};

/// What refresh tokens are sealed for.
pub(super) const SEAL: &str = "upstream-refresh-token";
/// Most sessions of one upstream in one round.
const AT_ONCE: u32 = 200;
/// Calls to one upstream side by side.
const SIDE_BY_SIDE: usize = 4;

/// What a round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Sessions that stand.
    pub stand: usize,
    /// Sessions that ended.
    pub ended: usize,
    /// Sessions of which the upstream said nothing that can be used.
    pub unknown: usize,
}

/// Asks after every session that is due.
pub async fn round(federation: &Federation) -> Result<Tally, FederationError> {
    let mut tally = Tally::default();
    for upstream in federation.all() {
        let Some(every) = upstream.settings.follow_session else { continue };
        let before = federation.now().minus(every);
        let due =
            federation.store().read().await?.upstream_sessions_due(&upstream.settings.name, before, AT_ONCE).await?;
        let asked = stream::iter(due).map(|due| ask_after(federation, upstream, due)).buffer_unordered(SIDE_BY_SIDE);
        let found: Vec<Result<Found, FederationError>> = asked.collect().await;
        for found in found {
            match found? {
                Found::Stands => tally.stand = tally.stand.saturating_add(1),
                Found::Ended => tally.ended = tally.ended.saturating_add(1),
                Found::Unknown => tally.unknown = tally.unknown.saturating_add(1),
                Found::Elsewhere => {}
            }
        }
    }
    Ok(tally)
}

enum Found {
    Stands,
    Ended,
    Unknown,
    /// Another process asks, or the session is gone.
    Elsewhere,
}

async fn ask_after(federation: &Federation, upstream: &Upstream, due: DueSession) -> Result<Found, FederationError> {
    let (sid, now) = (due.sid, federation.now());
    let claim = federation
        .store()
        .write("follow_upstream", move |tx| Box::pin(async move { tx.claim_due_session(&due, now).await }))
        .await?;
    if !claim {
        return Ok(Found::Elsewhere);
    }
    let Some(there) = federation.store().read().await?.upstream_session(sid).await? else {
        return Ok(Found::Elsewhere);
    };
    let Some(used) = there.refresh_token.clone() else { return Ok(Found::Elsewhere) };
    let Some(token) = federation.open(SEAL, sid, &used) else { return Ok(Found::Unknown) };
    let name = upstream.settings.name.as_str();
    let asked = async {
        let client = registration::of(federation, upstream, there.registration).await?;
        within(upstream, upstream.connector().refresh(&client, &token, now)).await
    };
    match asked.await {
        Ok(Refreshed::Stands { id_token: Some((subject, _)), .. }) if subject != there.identity.key.subject => {
            tracing::warn!(upstream = name, "a refresh token brought another person");
            end(federation, name, sid).await
        }
        Ok(Refreshed::Stands { id_token, refresh_token, .. }) => {
            let id_token = id_token.map(|(_, token)| federation.seal(logout::SEAL, sid, &token));
            let next = refresh_token.map_or_else(|| used.clone(), |token| federation.seal(SEAL, sid, &token));
            federation
                .store()
                .write("follow_upstream", move |tx| {
                    Box::pin(async move {
                        let tokens = SealedTokens { id_token: id_token.as_deref(), refresh_token: Some(&next) };
                        tx.replace_upstream_tokens(sid, &used, tokens).await
                    })
                })
                .await?;
            Ok(Found::Stands)
        }
        Ok(Refreshed::Over) => end(federation, name, sid).await,
        Err(FederationError::Store(error)) => Err(error.into()),
        Err(error) => {
            if matches!(error, FederationError::ClientUnknown) {
                registration::doubt(federation, upstream, there.registration).await?;
            }
            tracing::warn!(upstream = name, %error, "whether sessions stand there is not known");
            Ok(Found::Unknown)
        }
    }
}

async fn end(federation: &Federation, upstream: &str, sid: uuid::Uuid) -> Result<Found, FederationError> {
    let (name, now) = (upstream.to_owned(), federation.now());
    federation
        .store()
        .write("end_upstream_session", move |tx| Box::pin(async move { logout::end(tx, sid, &name, now).await }))
        .await?;
    Ok(Found::Ended)
}
