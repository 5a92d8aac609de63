//! The page that asks who the person is. `data-page="sign-in"`.

use askama::Template;

use super::{Layout, Link, Message, text_of};

/// Another service that can say who the person is.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// Its stable name, for programs: `pro_sante_connect`.
    pub name: String,
    /// What its button says, in the person's language: `S’identifier avec Pro Santé Connect`.
    pub label: String,
    /// Where its button leads.
    pub url: String,
    /// Its logo: a static file or an `https:` address.
    pub logo: Option<String>,
    /// Whether the logo is the whole button, words included, as Pro Santé Connect's official image is.
    pub is_picture: bool,
    /// The same service by the person's telephone, where it offers that.
    pub telephone: Option<Link>,
}

/// The sign-in page. The form posts `csrf`, `email`, `password`, and `decision=cancel` from its second button.
#[derive(Debug, Clone, Template)]
#[template(path = "pages/sign_in.html")]
pub struct SignIn {
    /// Around the content.
    pub layout: Layout,
    /// Where the form posts.
    pub action: String,
    /// What was typed, or is known (`login_hint`).
    pub email: String,
    /// What is wrong with the address.
    pub email_error: Option<Message>,
    /// What is wrong with the password field itself (it is empty).
    pub password_error: Option<Message>,
    /// What is wrong with the whole.
    pub problem: Option<Message>,
    /// The person is known and only proves it again: the address is fixed.
    pub reauthenticate: bool,
    /// With `reauthenticate`: the link for someone else.
    pub not_you_url: Option<String>,
    /// The page for a forgotten password.
    pub forgot_url: Option<String>,
    /// Whether there is a button that goes back to the application with `access_denied`.
    pub cancel: bool,
    /// Whether an address alone can lead to another service.
    pub names_home: bool,
    /// Other services; they come first on the page.
    pub upstreams: Vec<Upstream>,
}

impl SignIn {
    /// The page as HTML.
    pub fn render(&self) -> String {
        text_of(self)
    }

    fn heading(&self) -> &str {
        self.layout.t(if self.reauthenticate { "sign_in.title_again" } else { "sign_in.title" })
    }

    const fn failed(&self) -> bool {
        self.problem.is_some() || self.email_error.is_some() || self.password_error.is_some()
    }

    /// Wrong credentials say nothing of which field, so both are marked.
    fn credentials_wrong(&self) -> bool {
        self.problem == Some(Message::WrongCredentials)
    }

    /// The first field that wants typing; after a refusal, the first that is wrong.
    const fn focus_password(&self) -> bool {
        self.email_error.is_none() && (self.reauthenticate || !self.email.is_empty())
    }
}
