//! The page that asks whether to sign out. `data-page="logout"`.

use askama::Template;

use super::{Layout, text_of};

/// The question (OpenID Connect RP-Initiated Logout §2). The form posts `csrf` and `decision=sign-out` or
/// `decision=cancel`.
#[derive(Debug, Clone, Template)]
#[template(path = "pages/logout.html")]
pub struct Logout {
    /// Around the content.
    pub layout: Layout,
    /// Where the form posts.
    pub action: String,
    /// Name of the application that asks.
    pub client: Option<String>,
}

impl Logout {
    /// The page as HTML.
    pub fn render(&self) -> String {
        text_of(self)
    }
}
