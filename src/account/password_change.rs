//! A person changes their password.
//!
//! 1. the present password, counted like a sign-in  2. the new one, by the policy  3. one transaction: the hash, the end of
//! every other session and of every grant that came of them, the record, the mail that tells the person.

use std::net::IpAddr;
use std::time::Duration;

use super::passwords::{PasswordRefusal, Verdict, policy};
use super::{AccountError, Accounts, limits, notices, sessions};
use crate::audit::{Action, AuditEvent};
use crate::base::Secret;
use crate::model::grant::GrantEnd;
use crate::model::session::{Session, SessionEnd};
use crate::model::user::{User, canonical_email};

/// What the person typed.
#[derive(Debug)]
pub struct Change {
    /// The present password.
    pub present: Secret<String>,
    /// The new one.
    pub new: Secret<String>,
    /// Where the request came from.
    pub address: Option<IpAddr>,
    /// The browser's name of itself.
    pub user_agent: Option<String>,
    /// Language of the page, for the mail to a person whose own is not known.
    pub locale: Option<String>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// The password is changed and all other sessions are ended.
    Done,
    /// The present password is wrong.
    WrongPassword,
    /// The new password may not be chosen.
    Refused(PasswordRefusal),
    /// Too many tries.
    TooMany {
        /// How long to wait.
        retry_after: Duration,
    },
}

/// Changes the password of the session's person.
pub async fn change(accounts: &Accounts, session: &Session, change: Change) -> Result<Changed, AccountError> {
    let Some(user) = accounts.store().read().await?.user_by_id(session.user).await? else {
        return Ok(Changed::WrongPassword);
    };
    let canonical = canonical_email(&user.email).unwrap_or_default();
    if let Some(retry_after) = limits::hit(accounts, change.address, &canonical).await? {
        return Ok(Changed::TooMany { retry_after });
    }
    if accounts.hasher().verify(change.present, user.password_hash.as_deref()).await? == Verdict::Wrong {
        return Ok(Changed::WrongPassword);
    }
    if let Err(refusal) = check(accounts, &user, change.new.expose()) {
        return Ok(Changed::Refused(refusal));
    }
    let hash = accounts.hasher().hash(change.new, accounts.entropy()).await?;
    let now = accounts.now();
    let keep = session.sid;
    let mut event = AuditEvent::new(Action::PasswordChanged, now);
    event.actor_user = Some(user.id);
    "user".clone_into(&mut event.entity_type);
    event.entity_id = Some(user.uuid.to_string());
    event.address = change.address.map(|address| address.to_string());
    let ended = sessions::ended(user.id, None, SessionEnd::PasswordChanged, now);
    let notice = notices::password_changed(accounts, &user, change.locale, change.user_agent, now);
    accounts
        .store()
        .write("change_password", move |tx| {
            Box::pin(async move {
                tx.set_password(user.id, &hash, now).await?;
                tx.end_sessions_of(user.id, Some(keep), SessionEnd::PasswordChanged, now).await?;
                tx.revoke_grants_of_user(user.id, GrantEnd::PasswordChanged, now).await?;
                tx.append_audit(&event).await?;
                tx.append_audit(&ended).await?;
                if let Some(notice) = notice {
                    tx.queue_mail(&notice).await?;
                }
                Ok::<_, AccountError>(())
            })
        })
        .await?;
    notices::ring(accounts);
    Ok(Changed::Done)
}

/// Whether this person may choose this password.
pub fn check(accounts: &Accounts, user: &User, password: &str) -> Result<(), PasswordRefusal> {
    check_for(accounts, password, user.platform_admin, &[&user.email, &user.first_name, &user.last_name])
}

/// Whether a person with this address and these names may choose this password.
pub fn check_for(
    accounts: &Accounts,
    password: &str,
    platform_admin: bool,
    own: &[&str],
) -> Result<(), PasswordRefusal> {
    let mut context: Vec<&str> = own.to_vec();
    context.push(&accounts.0.brand);
    if platform_admin {
        policy::check_administrator(accounts.policy(), password, &context)
    } else {
        policy::check(accounts.policy(), password, &context)
    }
}
