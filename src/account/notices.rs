//! Mails that tell a person what was done to their account.

use super::Accounts;
use crate::base::Timestamp;
use crate::mail::{Content, Letter};
use crate::model::mail::QueuedMail;
use crate::model::user::User;

/// Longest browser name kept, in characters.
const LONGEST_USER_AGENT: usize = 300;

/// The mail that the password was changed, to be queued in the same transaction; `None` where no mail leaves, and for an
/// account that is disabled.
pub(super) fn password_changed(
    accounts: &Accounts,
    user: &User,
    page_locale: Option<String>,
    user_agent: Option<String>,
    at: Timestamp,
) -> Option<QueuedMail> {
    let user_agent = user_agent.map(|name| name.chars().take(LONGEST_USER_AGENT).collect());
    let content = Content::PasswordChanged { at, user_agent };
    let outbox = accounts.outbox().filter(|_| user.is_active() && user.address().is_some())?;
    Some(outbox.seal(&letter(user, page_locale, content), at))
}

/// A letter to this person, at the address that the account has.
pub(super) fn letter(user: &User, page_locale: Option<String>, content: Content) -> Letter {
    Letter {
        to: user.email.clone(),
        name: user.display_name(),
        locales: user.locale.clone().into_iter().chain(page_locale).collect(),
        content,
    }
}

/// Tells the job that a mail was queued.
pub(super) fn ring(accounts: &Accounts) {
    if let Some(outbox) = accounts.outbox() {
        outbox.ring();
    }
}
