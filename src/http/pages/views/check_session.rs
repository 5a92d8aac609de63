//! The page that applications load in a hidden frame to learn of a change (OpenID Connect Session Management 1.0 §4). It
//! shows nothing, so it has no language.

use askama::Template;

use super::text_of;

/// The page.
#[derive(Debug, Clone, Template)]
#[template(path = "pages/check_session.html")]
pub struct CheckSession {
    /// Address of the script.
    pub script: String,
    /// Name of the cookie that holds the browser's state.
    pub cookie: &'static str,
}

impl CheckSession {
    /// The page as HTML.
    pub fn render(&self) -> String {
        text_of(self)
    }
}
