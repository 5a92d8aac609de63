//! A stop on the way to another site, which goes on by itself. `data-page="onward"`.

use askama::Template;

use super::{Layout, text_of};

/// The way to an upstream provider.
#[derive(Debug, Clone, Template)]
#[template(path = "pages/onward.html")]
pub struct Onward {
    /// Around the content.
    pub layout: Layout,
    /// What people call the provider.
    pub upstream: String,
    /// Where it goes.
    pub url: String,
}

impl Onward {
    /// The page as HTML.
    pub fn render(&self) -> String {
        text_of(self)
    }
}
