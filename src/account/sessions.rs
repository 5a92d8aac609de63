//! Browser sessions: found by their cookie, kept alive, ended.

use std::time::Duration;

use uuid::Uuid;

use super::{AccountError, Accounts};
use crate::audit::{Action, AuditEvent};
use crate::base::id::{TenantId, UserId};
use crate::base::token::TokenKind;
use crate::model::grant::GrantEnd;
use crate::model::session::{Session, SessionEnd};
use crate::model::tenant::Membership;
use crate::model::user::User;

/// `last_seen_at` is kept to this; a session is not written at every request.
const SEEN_EVERY: Duration = Duration::from_secs(60);

/// The alive session of a cookie's value.
pub async fn find(accounts: &Accounts, cookie: &str) -> Result<Option<Session>, AccountError> {
    let Some(token) = TokenKind::Session.digest_of(cookie) else { return Ok(None) };
    let found = accounts.store().read().await?.session_by_token(&token).await?;
    match found {
        Some(session) if is_alive(accounts, &session).await? => Ok(Some(session)),
        _ => Ok(None),
    }
}

/// The alive session of a cookie's value, with its person and their active tenants.
pub async fn find_with_person(
    accounts: &Accounts,
    cookie: &str,
) -> Result<Option<(Session, User, Vec<Membership>)>, AccountError> {
    let Some(token) = TokenKind::Session.digest_of(cookie) else { return Ok(None) };
    let found = accounts.store().read().await?.session_with_person(&token).await?;
    match found {
        Some(found) if is_alive(accounts, &found.0).await? => Ok(Some(found)),
        _ => Ok(None),
    }
}

/// Whether a session has not ended by itself; notes the use of one that has not.
async fn is_alive(accounts: &Accounts, session: &Session) -> Result<bool, AccountError> {
    let now = accounts.now();
    if !session.is_alive(now, accounts.0.lifetimes) {
        return Ok(false);
    }
    if now.since(session.last_seen_at) >= SEEN_EVERY {
        let sid = session.sid;
        accounts
            .store()
            .write_one("touch_session", move |tx| Box::pin(async move { tx.touch_session(sid, now).await }))
            .await?;
    }
    Ok(true)
}

/// Remembers the chosen tenant, for the next application.
pub async fn choose_tenant(accounts: &Accounts, session: &Session, tenant: TenantId) -> Result<(), AccountError> {
    let sid = session.sid;
    accounts
        .store()
        .write_one("choose_tenant", move |tx| Box::pin(async move { tx.set_session_tenant(sid, Some(tenant)).await }))
        .await?;
    Ok(())
}

/// Ends one session of a person, from another device. `false` when the person has no such session.
pub async fn end_one(accounts: &Accounts, user: UserId, sid: Uuid) -> Result<bool, AccountError> {
    let now = accounts.now();
    let event = ended(user, Some(sid), SessionEnd::EndedByUser, now);
    accounts
        .store()
        .write("end_one_session", move |tx| {
            Box::pin(async move {
                let own = tx.session_by_sid(sid).await?.is_some_and(|session| session.user == user);
                if !own || !tx.end_session(sid, SessionEnd::EndedByUser, now).await? {
                    return Ok(false);
                }
                tx.revoke_grants_of_session(sid, GrantEnd::SessionEnded, now).await?;
                tx.append_audit(&event).await?;
                Ok(true)
            })
        })
        .await
}

/// Ends all sessions of a person but `keep`; gives how many.
pub async fn end_others(accounts: &Accounts, user: UserId, keep: Uuid) -> Result<u64, AccountError> {
    let now = accounts.now();
    let event = ended(user, None, SessionEnd::EndedByUser, now);
    accounts
        .store()
        .write("end_other_sessions", move |tx| {
            Box::pin(async move {
                let count = tx.end_sessions_of(user, Some(keep), SessionEnd::EndedByUser, now).await?;
                tx.revoke_grants_of_user_except_session(user, keep, GrantEnd::SessionEnded, now).await?;
                tx.append_audit(&event).await?;
                Ok(count)
            })
        })
        .await
}

/// Ends all sessions of a person, this browser's too; gives how many.
pub async fn end_all(accounts: &Accounts, user: UserId) -> Result<u64, AccountError> {
    let now = accounts.now();
    let event = ended(user, None, SessionEnd::EndedByUser, now);
    accounts
        .store()
        .write("end_all_sessions", move |tx| {
            Box::pin(async move {
                let count = tx.end_sessions_of(user, None, SessionEnd::EndedByUser, now).await?;
                tx.revoke_grants_of_user(user, GrantEnd::SessionEnded, now).await?;
                tx.append_audit(&event).await?;
                Ok(count)
            })
        })
        .await
}

pub(super) fn ended(user: UserId, sid: Option<Uuid>, reason: SessionEnd, now: crate::base::Timestamp) -> AuditEvent {
    let mut event = AuditEvent::new(Action::SessionEnded, now);
    event.actor_user = Some(user);
    event.entity_id = sid.map(|sid| sid.to_string());
    event.details.insert("reason".to_owned(), reason.as_str().into());
    event
}
