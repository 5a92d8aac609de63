//! The page at `/`. `data-page="home"`.

use askama::Template;

use super::{Layout, text_of};

/// What this is, and where to go.
#[derive(Debug, Clone, Template)]
#[template(path = "pages/home.html")]
pub struct Home {
    /// Around the content; `signed_in_as` decides which button is shown.
    pub layout: Layout,
    /// The page to sign in at.
    pub sign_in_url: String,
    /// The person's account.
    pub account_url: String,
    /// The OpenID Connect discovery document.
    pub discovery_url: String,
}

impl Home {
    /// The page as HTML.
    pub fn render(&self) -> String {
        text_of(self)
    }
}
