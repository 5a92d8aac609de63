//! The page that asks where a person with several tenants works now. `data-page="tenant"`.

use askama::Template;

use super::{Layout, Message, text_of};
use crate::model::role::Role;
use crate::model::tenant::TenantKind;

/// One establishment to choose.
#[derive(Debug, Clone)]
pub struct TenantItem {
    /// The posted value.
    pub code: String,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: TenantKind,
    /// What the person does there.
    pub roles: Vec<Role>,
    /// Its French department.
    pub department: Option<String>,
    /// Whether it is chosen to begin with (the last one used).
    pub selected: bool,
}

/// The choice. The form posts `csrf`, `tenant` (a code), and `decision=cancel` from its second button.
#[derive(Debug, Clone, Template)]
#[template(path = "pages/tenant_choice.html")]
pub struct TenantChoice {
    /// Around the content.
    pub layout: Layout,
    /// Where the form posts.
    pub action: String,
    /// What is wrong.
    pub problem: Option<Message>,
    /// The choices.
    pub tenants: Vec<TenantItem>,
    /// Whether there is a button that goes back to the application with `access_denied`.
    pub cancel: bool,
}

impl TenantChoice {
    /// The page as HTML.
    pub fn render(&self) -> String {
        text_of(self)
    }
}
