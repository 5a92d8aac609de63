//! A person who forgot the password gets a link by mail and chooses a new one.
//!
//! Asking: 1. count the question  2. note it, sealed. No account is looked up, so that the answer and its time are the same
//! for every address. Answering, by a job, in one transaction: 3. find the account; it must be active and have a password
//! 4. a link in the place of the one before, 15 minutes long  5. the mail and the record.
//! Choosing: 6. the link must hold  7. the new password, by the policy  8. one transaction: the link is used up, the hash,
//! the end of all sessions and grants, the records, the mail that tells the person. Nobody is signed in by it.
//!
//! A link dies when it is used, at a new one, at any change of the password or of the account's status, and at a change of
//! the address. The mail goes to the address that the account has, not to the one typed.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::passwords::PasswordRefusal;
use super::{AccountError, Accounts, limits, notices, password_change, sessions};
use crate::audit::{Action, AuditEvent, Outcome};
use crate::base::entropy::uuid_v7;
use crate::base::token::{OpaqueToken, TokenKind};
use crate::base::{Secret, Timestamp};
use crate::mail::{Content, Outbox};
use crate::model::grant::GrantEnd;
use crate::model::session::SessionEnd;
use crate::model::user::{User, canonical_email};
use crate::store::Conn;

/// How long a link holds.
pub const LINK_LIFETIME: Duration = Duration::from_secs(900);

/// Where a link leads, below the issuer; the token follows.
pub const LINK_PATH: &str = "/password-reset";

/// What a noted question is sealed for.
const PURPOSE: &str = "reset-request";

/// Whether passwords are recovered here: only where mails leave.
pub fn is_offered(accounts: &Accounts) -> bool {
    accounts.outbox().is_some()
}

/// A person's question for a link.
#[derive(Debug)]
pub struct Question {
    /// Address as typed.
    pub email: String,
    /// Where the request came from.
    pub address: Option<IpAddr>,
    /// Language of the page.
    pub locale: Option<String>,
}

/// What is said to it; nothing of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// It is noted.
    Noted,
    /// What was typed is no address.
    Malformed,
    /// Too many questions.
    TooMany {
        /// How long to wait.
        retry_after: Duration,
    },
}

/// The noted question. Sealed in storage: it may name somebody who has no account.
#[derive(Serialize, Deserialize)]
struct Noted {
    email: String,
    address: Option<String>,
    locale: Option<String>,
}

/// Notes a question.
pub async fn ask(accounts: &Accounts, question: Question) -> Result<Asked, AccountError> {
    let Some(outbox) = accounts.outbox() else { return Ok(Asked::Noted) };
    let Ok(email) = canonical_email(&question.email) else { return Ok(Asked::Malformed) };
    if let Some(retry_after) = limits::hit_reset(accounts, question.address, &email).await? {
        return Ok(Asked::TooMany { retry_after });
    }
    let now = accounts.now();
    let id = uuid_v7(now, accounts.entropy());
    let address = question.address.map(|address| address.to_string());
    let sealed = outbox.seal_for(PURPOSE, id, &Noted { email, address, locale: question.locale });
    accounts
        .store()
        .write("ask_password_reset", move |tx| Box::pin(async move { tx.queue_reset_request(id, &sealed, now).await }))
        .await?;
    outbox.ring();
    Ok(Asked::Noted)
}

/// Answers all noted questions; gives how many.
pub async fn answer_all(accounts: &Accounts) -> Result<u32, AccountError> {
    let mut answered = 0;
    while accounts.store().read().await?.has_reset_request().await? && answer_one(accounts).await? {
        answered += 1;
    }
    Ok(answered)
}

/// Answers the question that waits for the longest. `false` when another process was faster.
async fn answer_one(accounts: &Accounts) -> Result<bool, AccountError> {
    let Some(outbox) = accounts.outbox().cloned() else { return Ok(false) };
    let link = Link { token: TokenKind::PasswordReset.generate(accounts.entropy()), issuer: accounts.0.issuer.clone() };
    let now = accounts.now();
    accounts
        .store()
        .write("answer_password_reset", move |tx| {
            Box::pin(async move {
                let Some((id, sealed)) = tx.take_reset_request().await? else { return Ok(false) };
                if let Some(noted) = outbox.open_for(PURPOSE, id, &sealed) {
                    answer(tx, &outbox, noted, &link, now).await?;
                } else {
                    tracing::error!("a question for a new password cannot be opened under this master key");
                }
                Ok(true)
            })
        })
        .await
}

/// A link that is not yet anybody's.
struct Link {
    token: OpaqueToken,
    issuer: String,
}

async fn answer(tx: &mut Conn, outbox: &Outbox, noted: Noted, link: &Link, now: Timestamp) -> Result<(), AccountError> {
    let mut event = AuditEvent::new(Action::PasswordResetRequested, now);
    "user".clone_into(&mut event.entity_type);
    event.address = noted.address;
    match tx.user_by_email(&noted.email).await? {
        Some(user) if may_recover(&user) => {
            event.entity_id = Some(user.uuid.to_string());
            let expires_at = now.plus(LINK_LIFETIME);
            tx.put_password_reset(&user, &link.token.digest(), expires_at).await?;
            let url = format!("{}{LINK_PATH}/{}", link.issuer, link.token.expose());
            let letter = notices::letter(&user, noted.locale, Content::PasswordReset { url, expires_at });
            tx.queue_mail(&outbox.seal(&letter, now)).await?;
        }
        other => {
            event.outcome = Outcome::Failure;
            event.entity_id = other.map(|user| user.uuid.to_string());
        }
    }
    tx.append_audit(&event).await?;
    Ok(())
}

/// A link replaces a password; it never gives one to an account that signs in by other means.
fn may_recover(user: &User) -> bool {
    user.is_active() && user.password_hash.is_some()
}

/// Whose link this is, if it holds. Changes nothing, however often it is asked.
pub async fn owner(accounts: &Accounts, token: &str) -> Result<Option<User>, AccountError> {
    let Some(digest) = TokenKind::PasswordReset.digest_of(token) else { return Ok(None) };
    Ok(accounts.store().read().await?.password_reset_owner(&digest, accounts.now()).await?)
}

/// What the person behind a link chose.
pub struct Choice {
    /// The link's token.
    pub token: Secret<String>,
    /// The new password.
    pub new: Secret<String>,
    /// Where the request came from.
    pub address: Option<IpAddr>,
    /// The browser's name of itself.
    pub user_agent: Option<String>,
    /// Language of the page.
    pub locale: Option<String>,
}

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Choice").field("address", &self.address).finish_non_exhaustive()
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chosen {
    /// The password is set; all sessions and grants are ended.
    Done,
    /// The link does not hold.
    LinkOver,
    /// The password may not be chosen; the link still holds.
    Refused(PasswordRefusal),
}

/// Sets the password of the link's owner.
pub async fn choose(accounts: &Accounts, choice: Choice) -> Result<Chosen, AccountError> {
    let Some(digest) = TokenKind::PasswordReset.digest_of(choice.token.expose()) else { return Ok(Chosen::LinkOver) };
    let owner = accounts.store().read().await?.password_reset_owner(&digest, accounts.now()).await?;
    let Some(user) = owner else { return Ok(Chosen::LinkOver) };
    if let Err(refusal) = password_change::check(accounts, &user, choice.new.expose()) {
        return Ok(Chosen::Refused(refusal));
    }
    let hash = accounts.hasher().hash(choice.new, accounts.entropy()).await?;
    let now = accounts.now();
    let mut event = AuditEvent::new(Action::PasswordChanged, now);
    event.actor_user = Some(user.id);
    "user".clone_into(&mut event.entity_type);
    event.entity_id = Some(user.uuid.to_string());
    event.address = choice.address.map(|address| address.to_string());
    event.details.insert("by".to_owned(), "reset_link".into());
    let ended = sessions::ended(user.id, None, SessionEnd::PasswordChanged, now);
    let notice = notices::password_changed(accounts, &user, choice.locale, choice.user_agent, now);
    let chosen = accounts
        .store()
        .write("recover_password", move |tx| {
            Box::pin(async move {
                // The one who takes the link sets the password; whoever comes later changes nothing.
                if tx.take_password_reset(&digest, now).await? != Some(user.id) {
                    return Ok(Chosen::LinkOver);
                }
                tx.set_password(user.id, &hash, now).await?;
                tx.end_sessions_of(user.id, None, SessionEnd::PasswordChanged, now).await?;
                tx.revoke_grants_of_user(user.id, GrantEnd::PasswordChanged, now).await?;
                tx.append_audit(&event).await?;
                tx.append_audit(&ended).await?;
                if let Some(notice) = notice {
                    tx.queue_mail(&notice).await?;
                }
                Ok::<_, AccountError>(Chosen::Done)
            })
        })
        .await?;
    notices::ring(accounts);
    Ok(chosen)
}
