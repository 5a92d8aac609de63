//! The page on which a signed-in person changes the password. `data-page="password"`.

use std::fmt;

use askama::Template;

use super::{Layout, Message, text_of};

/// The form. It posts `csrf`, `current_password`, `new_password` and `repeat_password`.
#[derive(Clone, Template)]
#[template(path = "pages/password_change.html")]
pub struct PasswordChange {
    /// Around the content.
    pub layout: Layout,
    /// Where the form posts.
    pub action: String,
    /// The person's e-mail address, for password managers.
    pub email: String,
    /// What is wrong with the whole.
    pub problem: Option<Message>,
    /// What is wrong with the current password.
    pub current_error: Option<Message>,
    /// What is wrong with the new password.
    pub new_error: Option<Message>,
    /// What is wrong with its second entry.
    pub repeat_error: Option<Message>,
    /// Least number of characters, for the rules shown.
    pub minimum: usize,
    /// The page to go back to.
    pub cancel_url: String,
}

impl fmt::Debug for PasswordChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordChange").field("layout", &self.layout).finish_non_exhaustive()
    }
}

impl PasswordChange {
    /// The page as HTML.
    pub fn render(&self) -> String {
        text_of(self)
    }

    const fn failed(&self) -> bool {
        self.problem.is_some()
            || self.current_error.is_some()
            || self.new_error.is_some()
            || self.repeat_error.is_some()
    }
}
