//! What every page has around its content.

use std::fmt;

use super::message::Message;
use crate::base::Timestamp;
use crate::i18n::{self, Locale};
use crate::model::role::Role;
use crate::model::tenant::TenantKind;
use crate::oauth::authorization::Display;

/// How the application that sent the person here presents itself. The links are the client's own metadata: those that
/// are not `https:` or `http:` are left out.
#[derive(Debug, Clone, Default)]
pub struct ClientBrand {
    /// Its name.
    pub name: String,
    /// Its logo; shown when it is `https:`.
    pub logo_uri: Option<String>,
    /// Its privacy policy.
    pub policy_uri: Option<String>,
    /// Its terms of use.
    pub tos_uri: Option<String>,
    /// Its home page.
    pub client_uri: Option<String>,
}

/// A link with its text in the person's language.
#[derive(Debug, Clone)]
pub struct Link {
    /// Where to.
    pub url: String,
    /// What it says.
    pub label: String,
}

/// What every page has around its content. `Debug` leaves out the anti-forgery token and the person.
#[derive(Clone)]
pub struct Layout {
    /// Language of the page.
    pub locale: Locale,
    /// What the page is shown in.
    pub display: Display,
    /// Name of the service.
    pub brand: String,
    /// Anti-forgery token of the page's forms.
    pub csrf: String,
    /// The application that sent the person here.
    pub client: Option<ClientBrand>,
    /// This page in the other languages; the links keep the journey.
    pub alternate: Vec<(Locale, String)>,
    /// Name of the person whose session this is.
    pub signed_in_as: Option<String>,
    /// Where the static files are served: `/static`, below the issuer's own path if it has one.
    pub static_path: String,
    /// See [`super::asset_version`].
    pub asset_version: String,
}

impl fmt::Debug for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layout").field("locale", &self.locale).field("client", &self.client).finish_non_exhaustive()
    }
}

impl Layout {
    /// The text of a key.
    pub(super) fn t<'a>(&self, key: &'a str) -> &'a str {
        i18n::t(self.locale, key)
    }

    /// The text of a key with one placeholder filled.
    pub(super) fn fill(&self, key: &str, name: &str, value: impl fmt::Display) -> String {
        i18n::t_with(self.locale, key, &[(name, &value.to_string())])
    }

    /// The document's title. An error comes first in it, where a screen reader begins.
    pub(super) fn document_title(&self, title: &str, failed: bool) -> String {
        let whole = i18n::t_with(self.locale, "layout.title", &[("title", title), ("brand", &self.brand)]);
        if failed { self.fill("layout.title_error", "title", whole) } else { whole }
    }

    /// The application's name, or words that stand for it.
    pub(super) fn client_name(&self) -> &str {
        match &self.client {
            Some(client) => &client.name,
            None => self.t("layout.this_application"),
        }
    }

    /// The application's links for the foot of the page.
    pub(super) fn client_links(&self) -> Vec<Link> {
        let Some(client) = &self.client else { return Vec::new() };
        let about = self.fill("layout.about_client", "client", &client.name);
        [
            (&client.client_uri, about),
            (&client.policy_uri, self.t("layout.policy").to_owned()),
            (&client.tos_uri, self.t("layout.terms").to_owned()),
        ]
        .into_iter()
        .filter_map(|(uri, label)| Some(Link { url: web_address(uri.as_deref())?.to_owned(), label }))
        .collect()
    }

    /// The application's logo, if it can be shown.
    pub fn client_logo(&self) -> Option<&str> {
        let uri = self.client.as_ref()?.logo_uri.as_deref()?;
        uri.starts_with("https://").then_some(uri)
    }

    /// What stands in place of a logo: the first letter of the application's name.
    pub(super) fn client_initial(&self) -> String {
        self.client_name()
            .chars()
            .find(|c| c.is_alphanumeric())
            .map(|c| c.to_uppercase().to_string())
            .unwrap_or_default()
    }

    /// The address of a static file, which changes when the files do.
    pub(super) fn asset(&self, name: &str) -> String {
        format!("{}/{name}?v={}", self.static_path, self.asset_version)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "templates pass references")]
impl Layout {
    /// A message in words.
    pub(super) fn say(&self, message: &Message) -> String {
        message.text(self.locale)
    }

    /// A role in words.
    pub(super) fn role(&self, role: &Role) -> String {
        self.t(&format!("role.{role}")).to_owned()
    }

    /// A kind of tenant in words.
    pub(super) fn tenant_kind(&self, kind: &TenantKind) -> String {
        self.t(&format!("tenant_kind.{}", kind.as_str())).to_owned()
    }

    /// A day in words.
    pub(super) fn date(&self, at: &Timestamp) -> String {
        i18n::date(self.locale, *at)
    }

    /// A moment in words.
    pub(super) fn moment(&self, at: &Timestamp) -> String {
        i18n::moment(self.locale, *at)
    }
}

/// Keeps `javascript:`, `data:` and the like out of links that others wrote.
fn web_address(uri: Option<&str>) -> Option<&str> {
    uri.filter(|uri| uri.starts_with("https://") || uri.starts_with("http://"))
}
