//! The page that says that something is done. `data-page="status"`.

use askama::Template;

use super::{Layout, Link, text_of};

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusKind {
    /// The password was changed by a reset link.
    PasswordChanged,
    /// The step was already taken: a page sent twice, or reopened from history.
    AlreadyDone,
}

impl StatusKind {
    const fn keys(self) -> (&'static str, &'static str) {
        match self {
            Self::PasswordChanged => ("status.password_changed.title", "status.password_changed.text"),
            Self::AlreadyDone => ("status.already_done.title", "status.already_done.text"),
        }
    }
}

/// Something is done.
#[derive(Debug, Clone, Template)]
#[template(path = "pages/status.html")]
pub struct Status {
    /// Around the content.
    pub layout: Layout,
    /// What is done.
    pub kind: StatusKind,
    /// Where to go from here.
    pub link: Option<Link>,
}

impl Status {
    /// The page as HTML.
    pub fn render(&self) -> String {
        text_of(self)
    }
}
