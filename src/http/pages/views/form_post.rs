//! The page that carries an authorization response to the application by POST
//! (OAuth 2.0 Form Post Response Mode). `data-page="form-post"`.

use std::fmt;

use askama::Template;

use super::{Layout, text_of};

/// The response. The script sends it at once; without scripts the person presses the button. `Debug` leaves out the
/// fields, which hold codes and tokens.
#[derive(Clone, Template)]
#[template(path = "pages/form_post.html")]
pub struct FormPost {
    /// Around the content.
    pub layout: Layout,
    /// The verified redirect URI.
    pub action: String,
    /// The response parameters.
    pub fields: Vec<(String, String)>,
}

impl fmt::Debug for FormPost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FormPost").field("layout", &self.layout).field("action", &self.action).finish_non_exhaustive()
    }
}

impl FormPost {
    /// The page as HTML.
    pub fn render(&self) -> String {
        text_of(self)
    }
}
