//! A sign-in on the person's telephone: the page that asks for the number, and the one that waits. `data-page="ciba"`,
//! `data-step="number"` or `"wait"`. The waiting page loads itself again, without a script.

use askama::Template;

use super::{Layout, Message, text_of};

/// The page that asks for the number. The form posts `csrf` and `national_id`.
#[derive(Debug, Clone, Template)]
#[template(path = "pages/ciba_start.html")]
pub struct CibaStart {
    /// Around the content.
    pub layout: Layout,
    /// Name of the service that asks the person.
    pub upstream: String,
    /// Where the form posts.
    pub action: String,
    /// What was typed.
    pub number: String,
    /// What is wrong with the number.
    pub number_error: Option<Message>,
    /// What is wrong with the whole.
    pub problem: Option<Message>,
    /// Back to the other ways to sign in.
    pub back_url: String,
}

impl CibaStart {
    /// The page as HTML.
    pub fn render(&self) -> String {
        text_of(self)
    }

    const fn failed(&self) -> bool {
        self.problem.is_some() || self.number_error.is_some()
    }
}

/// The page that waits. Its form posts `csrf` and `decision=cancel`.
#[derive(Debug, Clone, Template)]
#[template(path = "pages/ciba_wait.html")]
pub struct CibaWait {
    /// Around the content.
    pub layout: Layout,
    /// Where the form posts, and what the page loads again.
    pub action: String,
    /// The two digits to compare.
    pub number: String,
    /// Seconds until the page loads itself again.
    pub again: u64,
}

impl CibaWait {
    /// The page as HTML.
    pub fn render(&self) -> String {
        text_of(self)
    }
}
