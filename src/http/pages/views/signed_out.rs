//! The page after signing out. With frames, or on the way to an upstream provider's own logout, it is a stop on the way: the
//! script goes on once they have loaded, or after three seconds; without scripts the page does so by itself.
//!
//! `data-page="signed-out"`; the element `id="signed-out"` says so.

use askama::Template;

use super::{Layout, text_of};

/// The session is closed.
#[derive(Debug, Clone, Template)]
#[template(path = "pages/signed_out.html")]
pub struct SignedOut {
    /// Around the content.
    pub layout: Layout,
    /// The verified address to return to, or of the upstream's logout.
    pub return_url: Option<String>,
    /// Name of the application to return to.
    pub client: Option<String>,
    /// Name of the upstream, where the address is that of its logout.
    pub upstream: Option<String>,
    /// Whether the page is a stop on the way to that address.
    pub goes_on: bool,
    /// Pages of other applications that sign the person out there (OpenID Connect Front-Channel Logout §3).
    pub frames: Vec<String>,
    /// The page to sign in again, when there is no application to return to.
    pub sign_in_url: Option<String>,
}

impl SignedOut {
    /// The page as HTML.
    pub fn render(&self) -> String {
        text_of(self)
    }

    fn return_label(&self) -> String {
        if let Some(upstream) = &self.upstream {
            return self.layout.fill("signed_out.go_on", "upstream", upstream);
        }
        let name = self.client.as_deref().unwrap_or_else(|| self.layout.client_name());
        self.layout.fill("signed_out.back_to", "client", name)
    }
}
