//! The page that says what goes to whom and asks whether it may. `data-page="consent"`.

use askama::Template;

use super::{Layout, text_of};
use crate::i18n::{self, Locale};
use crate::oauth::scope;

/// One thing that the application asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeItem {
    /// The scope's name.
    pub name: String,
    /// What it is, in words.
    pub title: String,
    /// What that means.
    pub description: String,
}

impl ScopeItem {
    /// Puts a scope in words. One without a meaning of its own here is shown by its name.
    pub fn describe(locale: Locale, name: &str) -> Self {
        let text = |key: &str| i18n::t(locale, key).to_owned();
        let known = scope::STANDARD.contains(&name);
        Self {
            name: name.to_owned(),
            title: if known { text(&format!("scope.{name}.title")) } else { name.to_owned() },
            description: text(&format!("scope.{}.description", if known { name } else { "other" })),
        }
    }
}

/// The consent page. The form posts `csrf` and `decision=allow` or `decision=deny`.
#[derive(Clone, Template)]
#[template(path = "pages/consent.html")]
pub struct Consent {
    /// Around the content; names the application.
    pub layout: Layout,
    /// Where the form posts.
    pub action: String,
    /// The person's name.
    pub person: String,
    /// The person's e-mail address.
    pub email: String,
    /// What is asked for.
    pub scopes: Vec<ScopeItem>,
    /// Name of the tenant.
    pub tenant: Option<String>,
    /// Host that the answer goes to, or the scheme of a native application.
    pub redirect_host: String,
}

impl std::fmt::Debug for Consent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consent").field("layout", &self.layout).field("scopes", &self.scopes).finish_non_exhaustive()
    }
}

impl Consent {
    /// The page as HTML.
    pub fn render(&self) -> String {
        text_of(self)
    }

    fn title(&self) -> String {
        self.layout.fill("consent.title", "client", self.layout.client_name())
    }
}
