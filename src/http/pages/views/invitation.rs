//! The page of an invitation. `data-page="invitation"`.

use std::fmt;

use askama::Template;

use super::{Layout, Message, text_of};
use crate::model::role::Role;
use crate::model::tenant::TenantKind;

/// Who invites, to what, and how to accept. Its forms post `csrf` and `decision`: `accept` as the person who is signed in,
/// `sign-in` as another or as nobody yet, `join` with `first_name`, `last_name`, `new_password` and `repeat_password`.
/// `Debug` leaves out the action, which holds the link's token.
#[derive(Clone, Template)]
#[template(path = "pages/invitation.html")]
pub struct InvitationPage {
    /// Around the content; `signed_in_as` is whom `accept` is offered to.
    pub layout: Layout,
    /// Where the forms post.
    pub action: String,
    /// Name of the tenant.
    pub tenant: String,
    /// What it is.
    pub kind: TenantKind,
    /// The roles that come of it.
    pub roles: Vec<Role>,
    /// The invited address.
    pub email: String,
    /// Whether a professional is meant, who must sign in as such.
    pub professional: bool,
    /// Whether an account can be made here.
    pub joins: bool,
    /// Least number of characters of its password.
    pub minimum: usize,
    /// What was typed.
    pub first_name: String,
    /// What was typed.
    pub last_name: String,
    /// What is wrong with the names.
    pub name_error: Option<Message>,
    /// What is wrong with the password.
    pub new_error: Option<Message>,
    /// What is wrong with its second entry.
    pub repeat_error: Option<Message>,
}

impl fmt::Debug for InvitationPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InvitationPage").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

impl InvitationPage {
    /// The page as HTML.
    pub fn render(&self) -> String {
        text_of(self)
    }

    const fn failed(&self) -> bool {
        self.name_error.is_some() || self.new_error.is_some() || self.repeat_error.is_some()
    }

    fn heading(&self) -> String {
        self.layout.fill("invitation.title", "tenant", &self.tenant)
    }
}
