//! Sign-in with a password.
//!
//! 1. count the try  2. find the account  3. check the password, a dummy one where there is none  4. the account must be
//! active  5. one transaction: a new session token (never the one that came), last login, the record.
//!
//! An unknown account, a wrong password, a disabled account and one without a password answer alike, in body and in time.

use std::net::IpAddr;
use std::time::Duration;

use uuid::Uuid;

use super::{AccountError, Accounts, limits};
use crate::audit::{Action, AuditEvent, Outcome};
use crate::base::entropy::uuid_v7;
use crate::base::token::{OpaqueToken, TokenKind};
use crate::base::{Secret, Timestamp};
use crate::model::grant::GrantEnd;
use crate::model::session::{ACR_PASSWORD, NewSession, Session, SessionEnd};
use crate::model::user::{User, canonical_email};
use crate::store::{Conn, StoreError};

use super::passwords::Verdict;

/// Longest browser name kept, in characters.
pub const LONGEST_USER_AGENT: usize = 300;

/// A try to sign in.
#[derive(Debug)]
pub struct Attempt {
    /// Address as typed.
    pub email: String,
    /// Password as typed.
    pub password: Secret<String>,
    /// Where the request came from.
    pub address: Option<IpAddr>,
    /// The browser's name of itself.
    pub user_agent: Option<String>,
    /// The session that the browser has now.
    pub present: Option<Session>,
}

/// What came of it.
#[derive(Debug)]
pub enum SignIn {
    /// The person is who they say; the cookie's new value.
    Done {
        /// The session.
        session: Box<Session>,
        /// The cookie's value.
        token: OpaqueToken,
    },
    /// The person is not known by this name and password.
    Refused,
    /// Too many tries.
    TooMany {
        /// How long to wait.
        retry_after: Duration,
    },
}

/// Tries to sign a person in.
pub async fn sign_in(accounts: &Accounts, attempt: Attempt) -> Result<SignIn, AccountError> {
    let canonical = canonical_email(&attempt.email).unwrap_or_default();
    if let Some(retry_after) = limits::hit(accounts, attempt.address, &canonical).await? {
        return Ok(SignIn::TooMany { retry_after });
    }
    let user = match canonical.as_str() {
        "" => None,
        known => accounts.store().read().await?.user_by_email(known).await?,
    };
    let stored = user.as_ref().and_then(|user| user.password_hash.as_deref());
    let verdict = accounts.hasher().verify(attempt.password.clone(), stored).await?;
    let Verdict::Right { rehash } = verdict else { return refuse(accounts, user, attempt).await };
    match user {
        Some(user) if user.is_active() => {
            let rehashed = if rehash {
                Some(accounts.hasher().hash(attempt.password.clone(), accounts.entropy()).await?)
            } else {
                None
            };
            admit(accounts, user, rehashed, attempt).await
        }
        other => refuse(accounts, other, attempt).await,
    }
}

async fn refuse(accounts: &Accounts, user: Option<User>, attempt: Attempt) -> Result<SignIn, AccountError> {
    let mut event = AuditEvent::new(Action::UserSignInFailed, accounts.now());
    event.outcome = Outcome::Failure;
    event.entity_id = user.map(|user| user.uuid.to_string());
    event.address = attempt.address.map(|address| address.to_string());
    accounts
        .store()
        .write_one("sign_in_failed", move |tx| Box::pin(async move { tx.append_audit(&event).await }))
        .await?;
    Ok(SignIn::Refused)
}

async fn admit(
    accounts: &Accounts,
    user: User,
    rehashed: Option<String>,
    attempt: Attempt,
) -> Result<SignIn, AccountError> {
    let now = accounts.now();
    let token = TokenKind::Session.generate(accounts.entropy());
    let new = NewSession {
        token: token.digest(),
        user: user.id,
        auth_time: None,
        acr: ACR_PASSWORD.to_owned(),
        amr: vec!["pwd".to_owned()],
        address: attempt.address.map(|address| address.to_string()),
        user_agent: attempt.user_agent.map(|name| name.chars().take(LONGEST_USER_AGENT).collect()),
    };
    let fresh_sid = uuid_v7(now, accounts.entropy());
    let present = attempt.present;
    let event = signed_in(&user, &new, now);
    let session = accounts
        .store()
        .write("sign_in", move |tx| {
            Box::pin(async move {
                if let Some(hash) = rehashed {
                    tx.rehash_password(user.id, &hash).await?;
                }
                tx.set_last_login(user.id, now).await?;
                tx.append_audit(&event).await?;
                let session = establish(tx, present, &new, fresh_sid, now).await?;
                // A password stands on no upstream's session, even where the browser's session began with one.
                if let Some(same) = session.as_ref().filter(|session| session.sid != fresh_sid) {
                    tx.delete_upstream_session(same.sid).await?;
                }
                Ok::<_, AccountError>(session)
            })
        })
        .await?;
    Ok(session.map_or(SignIn::Refused, |session| SignIn::Done { session: Box::new(session), token }))
}

/// Gives the browser a session after a proof, within a transaction: the present one with another token where it is the
/// same person's, else a new one, which ends the other person's.
pub async fn establish(
    tx: &mut Conn,
    present: Option<Session>,
    new: &NewSession,
    fresh_sid: Uuid,
    now: Timestamp,
) -> Result<Option<Session>, StoreError> {
    match present {
        Some(same) if same.user == new.user && tx.reauthenticate_session(same.sid, new, now).await? => {
            tx.session_by_sid(same.sid).await
        }
        other => {
            if let Some(old) = other.filter(|old| old.user != new.user) {
                tx.end_session(old.sid, SessionEnd::Replaced, now).await?;
                tx.revoke_grants_of_session(old.sid, GrantEnd::SessionEnded, now).await?;
            }
            Ok(Some(tx.insert_session(new, fresh_sid, now).await?))
        }
    }
}

/// The record of a sign-in.
pub fn signed_in(user: &User, session: &NewSession, now: Timestamp) -> AuditEvent {
    let mut event = AuditEvent::new(Action::UserSignedIn, now);
    event.actor_user = Some(user.id);
    event.entity_id = Some(user.uuid.to_string());
    event.address.clone_from(&session.address);
    event.details.insert("amr".to_owned(), session.amr.clone().into());
    event
}
