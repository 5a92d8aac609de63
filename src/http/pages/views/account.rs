//! The person's own page: establishments, open sessions, allowed applications, password. `data-page="account"`.

use std::fmt;

use askama::Template;

use super::{Layout, Message, text_of};
use crate::base::Timestamp;
use crate::model::role::Role;
use crate::model::tenant::TenantKind;

/// What may stand before a name.
const TITLES: [&str; 9] = ["Dr", "Dre", "Pr", "Pre", "M", "Mme", "Mr", "Mrs", "Ms"];

/// A tenant of the person.
#[derive(Debug, Clone)]
pub struct AccountMembership {
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: TenantKind,
    /// What the person does there.
    pub roles: Vec<Role>,
    /// Its French department.
    pub department: Option<String>,
}

/// An open session.
#[derive(Debug, Clone)]
pub struct AccountSession {
    /// Its public id, posted as `sid`.
    pub sid: String,
    /// The browser, from [`super::describe_device`].
    pub device: String,
    /// Address at sign-in.
    pub address: Option<String>,
    /// When it began.
    pub started: Timestamp,
    /// When it was last used.
    pub last_seen: Timestamp,
    /// Whether it is this browser's.
    pub current: bool,
    /// Where the button that ends it posts.
    pub action: String,
}

/// A consent that stands.
#[derive(Debug, Clone)]
pub struct GrantedConsent {
    /// Name of the application.
    pub client: String,
    /// Its `client_id`, posted as `client_id`.
    pub client_id: String,
    /// What was allowed, in words.
    pub scopes: Vec<String>,
    /// Since when.
    pub since: Timestamp,
    /// Where the button that withdraws it posts.
    pub action: String,
}

/// An upstream provider that the account is linked with.
#[derive(Debug, Clone)]
pub struct LinkedIdentity {
    /// Its stable name, for programs.
    pub upstream: String,
    /// What people call it.
    pub label: String,
    /// The person's address there, to recognize the link by.
    pub account: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// Where the person practises, as the provider said last.
    pub practices: Vec<AccountPractice>,
    /// Where the button that removes the link posts.
    pub action: String,
}

/// A place of practice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountPractice {
    /// Profession and role, in the words of the national tables.
    pub title: String,
    /// Name of the structure, where there is one.
    pub structure: String,
    /// Its FINESS numbers.
    pub finess: String,
}

/// An upstream provider that can be linked.
#[derive(Debug, Clone)]
pub struct LinkOffer {
    /// Its stable name, for programs.
    pub name: String,
    /// What people call it.
    pub label: String,
    /// Where its button leads.
    pub url: String,
}

/// An application that a sign-in can begin at from here.
#[derive(Debug, Clone)]
pub struct Application {
    /// Its name.
    pub name: String,
    /// Its `client_id`.
    pub client_id: String,
    /// Where its sign-in begins, with `iss`.
    pub url: String,
}

/// The account page. Each button is a form of its own that posts `csrf` and the id of what it stands beside.
#[derive(Clone, Template)]
#[template(path = "pages/account.html")]
pub struct Account {
    /// Around the content.
    pub layout: Layout,
    /// The person's name.
    pub person: String,
    /// The person's e-mail address.
    pub email: String,
    /// The person's tenants.
    pub memberships: Vec<AccountMembership>,
    /// The open sessions, this browser's first.
    pub sessions: Vec<AccountSession>,
    /// Applications to go to.
    pub applications: Vec<Application>,
    /// The consents.
    pub consents: Vec<GrantedConsent>,
    /// The links with upstream providers.
    pub identities: Vec<LinkedIdentity>,
    /// The upstream providers that can be linked; where there are none and no links, nothing is said of them.
    pub link_offers: Vec<LinkOffer>,
    /// The page to change the password.
    pub password_url: String,
    /// Where the button that ends all other sessions posts.
    pub end_others_action: String,
    /// Where the button that ends all sessions, this one too, posts.
    pub end_all_action: String,
    /// Where the button that signs out posts.
    pub sign_out_action: String,
    /// What was just done.
    pub flash: Option<Message>,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("layout", &self.layout).finish_non_exhaustive()
    }
}

impl Account {
    /// The page as HTML.
    pub fn render(&self) -> String {
        text_of(self)
    }

    fn has_other_sessions(&self) -> bool {
        self.sessions.iter().any(|session| !session.current)
    }

    fn initials(&self) -> String {
        initials(&self.person)
    }
}

/// One or two letters that stand for a person: first and last name, without a title before them.
fn initials(person: &str) -> String {
    let is_name = |word: &&str| !TITLES.contains(&word.trim_end_matches('.'));
    let mut letters = person.split_whitespace().filter(is_name).filter_map(|word| word.chars().next());
    let first = letters.next();
    first.into_iter().chain(letters.next_back()).flat_map(char::to_uppercase).collect()
}

impl AccountSession {
    fn end_label(&self, layout: &Layout) -> String {
        layout.fill("account.end_named", "device", &self.device)
    }
}

#[cfg(test)]
mod tests {
    use super::initials;

    #[test]
    fn initials_leave_titles_out() {
        for (person, expected) in
            [("Dr Camille Lefèvre-Martin", "CL"), ("M. Élie de La Tour", "ÉT"), ("Zoé", "Z"), ("Dr", ""), ("", "")]
        {
            assert_eq!(initials(person), expected, "{person}");
        }
    }
}
