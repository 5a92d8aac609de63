//! The page after signing out. `data-page="signed-out"`; the element `id="signed-out"` says so.

use askama::Template;

use super::{Layout, text_of};

/// The session is closed.
#[derive(Debug, Clone, Template)]
#[template(path = "pages/signed_out.html")]
pub struct SignedOut {
    /// Around the content.
    pub layout: Layout,
    /// The verified address to return to.
    pub return_url: Option<String>,
    /// Name of the application to return to.
    pub client: Option<String>,
    /// The page to sign in again, when there is no application to return to.
    pub sign_in_url: Option<String>,
}

impl SignedOut {
    /// The page as HTML.
    pub fn render(&self) -> String {
        text_of(self)
    }

    fn return_label(&self) -> String {
        let name = self.client.as_deref().unwrap_or_else(|| self.layout.client_name());
        self.layout.fill("signed_out.back_to", "client", name)
    }
}
