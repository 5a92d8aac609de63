//! The stop on the way to the service where the people of a typed address sign in. `data-page="onward"`. It goes on by itself.

use askama::Template;

use super::{Layout, text_of};

/// The page.
#[derive(Debug, Clone, Template)]
#[template(path = "pages/onward.html")]
pub struct Onward {
    /// Around the content.
    pub layout: Layout,
    /// Name of the service.
    pub upstream: String,
    /// The way there.
    pub url: String,
    /// Back to the sign-in page.
    pub back_url: String,
}

impl Onward {
    /// The page as HTML.
    pub fn render(&self) -> String {
        text_of(self)
    }
}
