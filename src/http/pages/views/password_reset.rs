//! The three pages for a forgotten password. `data-page="password-reset"`.

use std::fmt;

use askama::Template;

use super::{Layout, Message, text_of};
use crate::i18n;

/// Asks for the e-mail address. The form posts `csrf` and `email`.
#[derive(Debug, Clone, Template)]
#[template(path = "pages/password_reset_request.html")]
pub struct PasswordResetRequest {
    /// Around the content.
    pub layout: Layout,
    /// Where the form posts.
    pub action: String,
    /// What was typed.
    pub email: String,
    /// What is wrong with the address.
    pub email_error: Option<Message>,
    /// What is wrong with the whole.
    pub problem: Option<Message>,
    /// The sign-in page to go back to.
    pub back_url: Option<String>,
}

impl PasswordResetRequest {
    /// The page as HTML.
    pub fn render(&self) -> String {
        text_of(self)
    }

    const fn failed(&self) -> bool {
        self.problem.is_some() || self.email_error.is_some()
    }
}

/// Says that a mail is on its way, whether or not there is such an account.
#[derive(Debug, Clone, Template)]
#[template(path = "pages/password_reset_sent.html")]
pub struct PasswordResetSent {
    /// Around the content.
    pub layout: Layout,
    /// How long the link is valid, in seconds.
    pub valid_seconds: u64,
    /// The page to ask again on.
    pub again_url: String,
    /// The sign-in page to go back to.
    pub back_url: Option<String>,
}

impl PasswordResetSent {
    /// The page as HTML.
    pub fn render(&self) -> String {
        text_of(self)
    }

    fn validity(&self) -> String {
        i18n::duration(self.layout.locale, self.valid_seconds)
    }
}

/// Takes the new password. The form posts `csrf`, `new_password` and `repeat_password`. `Debug` leaves out the action,
/// which may hold the link's token.
#[derive(Clone, Template)]
#[template(path = "pages/password_reset_form.html")]
pub struct PasswordResetForm {
    /// Around the content.
    pub layout: Layout,
    /// Where the form posts.
    pub action: String,
    /// The person's e-mail address, for password managers.
    pub email: String,
    /// What is wrong with the new password.
    pub new_error: Option<Message>,
    /// What is wrong with its second entry.
    pub repeat_error: Option<Message>,
    /// Least number of characters, for the rules shown.
    pub minimum: usize,
}

impl fmt::Debug for PasswordResetForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordResetForm").field("layout", &self.layout).finish_non_exhaustive()
    }
}

impl PasswordResetForm {
    /// The page as HTML.
    pub fn render(&self) -> String {
        text_of(self)
    }

    const fn failed(&self) -> bool {
        self.new_error.is_some() || self.repeat_error.is_some()
    }
}
