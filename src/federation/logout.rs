//! Logout in both directions: ours ends the upstream's session, the upstream's ends ours.

use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use super::error::FederationError;
use super::round_trip::begin_logout;
use super::{Federation, Upstream, registration};
use crate::audit::{Action, AuditEvent};
use crate::base::Timestamp;
use crate::base::digest::Digest;
use crate::model::grant::GrantEnd;
use crate::model::session::{Session, SessionEnd};
use crate::store::{Conn, Kind, StoreError};

/// How long a logout token's `jti` is remembered; older tokens have expired.
const REMEMBERED: Duration = Duration::from_secs(3_600);
/// What ID tokens are sealed for.
pub(super) const SEAL: &str = "upstream-id-token";

/// The way to an upstream's logout.
#[derive(Debug, Clone)]
pub struct WayOut {
    /// Where the browser goes.
    pub url: String,
    /// What people call the upstream.
    pub label: String,
}

/// Where the browser goes to end the upstream's session behind `session`, and then on to `next`; `None` where there is
/// none, where the upstream has no such place, and where it does not answer: signing out here never waits for it.
pub async fn way_out(
    federation: &Federation,
    session: &Session,
    next: String,
    browser: &Digest,
) -> Result<Option<WayOut>, FederationError> {
    let Some(there) = federation.store().read().await?.upstream_session(session.sid).await? else { return Ok(None) };
    let Some(upstream) = federation.find(&there.identity.key.upstream) else { return Ok(None) };
    let token = there.id_token.and_then(|sealed| federation.open(SEAL, session.sid, &sealed));
    let Some(token) = token else { return Ok(None) };
    match begin_logout(federation, upstream, (token.expose(), there.registration), next, browser).await {
        Err(FederationError::Down(why) | FederationError::Gone(why) | FederationError::Refused(why)) => {
            tracing::warn!(upstream = upstream.settings.name, why, "no logout at the upstream");
            Ok(None)
        }
        other => Ok(other?.map(|url| WayOut { url, label: upstream.settings.label.clone() })),
    }
}

/// Receives a logout token (OpenID Connect Back-Channel Logout §2.5): ends the sessions that stand on what ended there,
/// with their grants. Gives how many.
pub async fn receive(federation: &Federation, upstream: &Upstream, token: &str) -> Result<usize, FederationError> {
    if !upstream.settings.backchannel_logout {
        return Err(FederationError::refused("the upstream may not end sessions here"));
    }
    let now = federation.now();
    let notice = upstream.connector().read_logout(token, now).await?;
    if !registration::is_us(federation, upstream, &notice.client_id).await? {
        return Err(FederationError::refused("the logout token is for another client"));
    }
    let name = upstream.settings.name.clone();
    let key = Digest::of(format!("{name}\n{}", notice.jti).as_bytes()).to_base64url();
    if !federation.store().ephemeral().put_if_absent(Kind::LogoutTokenId, &key, b"", REMEMBERED, now).await? {
        return Err(FederationError::refused("the logout token was used before"));
    }
    federation
        .store()
        .write("upstream_logout", move |tx| {
            Box::pin(async move {
                let (subject, session) = (notice.subject.as_deref(), notice.session.as_deref());
                let ended = tx.sessions_of_upstream(&name, &notice.issuer, subject, session).await?;
                for sid in &ended {
                    end(tx, *sid, &name, now).await?;
                }
                Ok(ended.len())
            })
        })
        .await
}

/// Ends a session of ours because that of the upstream ended, with its grants.
pub(super) async fn end(tx: &mut Conn, sid: Uuid, upstream: &str, now: Timestamp) -> Result<(), StoreError> {
    if !tx.end_session(sid, SessionEnd::UpstreamLogout, now).await? {
        return Ok(());
    }
    tx.revoke_grants_of_session(sid, GrantEnd::SessionEnded, now).await?;
    let mut event = AuditEvent::new(Action::SessionEnded, now);
    event.entity_id = Some(sid.to_string());
    event.details.insert("reason".to_owned(), Value::from(SessionEnd::UpstreamLogout.as_str()));
    event.details.insert("upstream".to_owned(), Value::from(upstream));
    tx.append_audit(&event).await?;
    Ok(())
}
