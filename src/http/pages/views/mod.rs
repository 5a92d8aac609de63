//! What the hosted pages and the mails show: one struct a page, everything in it already decided.
//!
//! Owns the askama structs, `templates/` and `static/`. Handlers fill a struct and call its `render()`; nothing here
//! reads a request, a store or a clock. The pages need no JavaScript and hold no inline style or script, so that they
//! stand under `default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'` and the origin of the
//! application's logo. The main
//! element's `data-page` names the page for programs; `id`s and `name`s of inputs are stable.

mod account;
mod assets;
mod check_session;
mod ciba;
mod consent;
mod device;
mod error_page;
mod form_post;
mod home;
mod invitation;
mod layout;
mod logout;
mod mail;
mod message;
mod onward;
mod password_change;
mod password_reset;
mod sign_in;
mod signed_out;
mod status;
mod tenant_choice;
#[cfg(test)]
mod tests;

use askama::Template;

pub use account::{
    Account, AccountMembership, AccountPractice, AccountSession, Application, GrantedConsent, LinkOffer, LinkedIdentity,
};
pub use assets::{StaticFile, asset_version, static_file};
pub use check_session::CheckSession;
pub use ciba::{CibaStart, CibaWait};
pub use consent::{Consent, ScopeItem};
pub use device::describe_device;
pub use error_page::{ErrorKind, ErrorPage};
pub use form_post::FormPost;
pub use home::Home;
pub use invitation::InvitationPage;
pub use layout::{ClientBrand, Layout, Link};
pub use logout::Logout;
pub use mail::{InvitationMail, PasswordChangedMail, PasswordResetMail, Stationery, letter};
pub use message::Message;
pub use onward::Onward;
pub use password_change::PasswordChange;
pub use password_reset::{PasswordResetForm, PasswordResetRequest, PasswordResetSent};
pub use sign_in::{SignIn, Upstream};
pub use signed_out::SignedOut;
pub use status::{Status, StatusKind};
pub use tenant_choice::{TenantChoice, TenantItem};

/// Renders a template. Writing to a `String` fails only with a failing `Display`, and ours do not; an empty text would
/// be the answer all the same.
fn text_of(template: &impl Template) -> String {
    template.render().unwrap_or_else(|error| {
        tracing::error!(%error, "a page could not be rendered");
        String::new()
    })
}
