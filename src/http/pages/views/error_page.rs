//! The page that says what went wrong and what to do. `data-page="error"`.

use askama::Template;

use super::{Layout, Link, text_of};

/// What went wrong, as a person understands it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// `client_id` is missing, unknown or disabled.
    UnknownClient,
    /// `redirect_uri` or `post_logout_redirect_uri` is missing or not registered.
    RedirectUri,
    /// Any other fault of a request that cannot be answered by a redirect.
    Request,
    /// The sign-in journey is unknown, too old or complete.
    JourneyExpired,
    /// The anti-forgery token is missing or wrong.
    StalePage,
    /// The browser sent no cookie back.
    Cookies,
    /// The person's account is disabled.
    AccountDisabled,
    /// The person belongs to no active tenant, and one is needed.
    NoTenant,
    /// The link of a password reset is unknown, used or too old.
    ResetLink,
    /// The link of an invitation is unknown, used, taken back or too old.
    InvitationOver,
    /// The invitation means somebody else than the person who signed in.
    InvitationOtherPerson,
    /// The person said no at the upstream provider.
    UpstreamCancelled,
    /// The upstream provider's answer is not believed, or it refused.
    UpstreamRefused,
    /// The upstream provider does not answer.
    UpstreamDown,
    /// The person did not answer the upstream provider in time.
    UpstreamTooLate,
    /// Nobody here is linked with the upstream's person.
    UpstreamNotLinked,
    /// Another account is linked with the upstream's person.
    LinkedElsewhere,
    /// The upstream's person is another professional than the account's.
    OtherProfessional,
    /// The link is the only way into the account.
    LastWay,
    /// The person may not do this.
    Forbidden,
    /// No such page.
    NotFound,
    /// The page exists, not for this method.
    Method,
    /// Too many requests.
    TooMany,
    /// The server cannot take more now.
    Busy,
    /// A fault of the server.
    Internal,
}

impl ErrorKind {
    /// All kinds.
    pub const ALL: [Self; 25] = [
        Self::UnknownClient,
        Self::RedirectUri,
        Self::Request,
        Self::JourneyExpired,
        Self::StalePage,
        Self::Cookies,
        Self::AccountDisabled,
        Self::NoTenant,
        Self::ResetLink,
        Self::InvitationOver,
        Self::InvitationOtherPerson,
        Self::UpstreamCancelled,
        Self::UpstreamRefused,
        Self::UpstreamDown,
        Self::UpstreamTooLate,
        Self::UpstreamNotLinked,
        Self::LinkedElsewhere,
        Self::OtherProfessional,
        Self::LastWay,
        Self::Forbidden,
        Self::NotFound,
        Self::Method,
        Self::TooMany,
        Self::Busy,
        Self::Internal,
    ];

    /// The HTTP status, and the part of the texts' keys that names the kind.
    const fn row(self) -> (u16, &'static str) {
        match self {
            Self::UnknownClient => (400, "unknown_client"),
            Self::RedirectUri => (400, "redirect_uri"),
            Self::Request => (400, "request"),
            Self::JourneyExpired => (400, "journey_expired"),
            Self::StalePage => (403, "stale_page"),
            Self::Cookies => (400, "cookies"),
            Self::AccountDisabled => (403, "account_disabled"),
            Self::NoTenant => (403, "no_tenant"),
            Self::ResetLink => (400, "reset_link"),
            Self::InvitationOver => (400, "invitation_over"),
            Self::InvitationOtherPerson => (403, "invitation_other_person"),
            Self::UpstreamCancelled => (400, "upstream_cancelled"),
            Self::UpstreamRefused => (403, "upstream_refused"),
            Self::UpstreamDown => (502, "upstream_down"),
            Self::UpstreamTooLate => (400, "upstream_too_late"),
            Self::UpstreamNotLinked => (403, "upstream_not_linked"),
            Self::LinkedElsewhere => (409, "linked_elsewhere"),
            Self::OtherProfessional => (409, "other_professional"),
            Self::LastWay => (409, "last_way"),
            Self::Forbidden => (403, "forbidden"),
            Self::NotFound => (404, "not_found"),
            Self::Method => (405, "method"),
            Self::TooMany => (429, "too_many"),
            Self::Busy => (503, "busy"),
            Self::Internal => (500, "internal"),
        }
    }

    /// The HTTP status that suits the kind.
    pub const fn status(self) -> u16 {
        self.row().0
    }

    /// The kind's stable name, as `data-error` shows it.
    pub const fn as_str(self) -> &'static str {
        self.row().1
    }
}

/// The error page.
#[derive(Debug, Clone, Template)]
#[template(path = "pages/error.html")]
pub struct ErrorPage {
    /// Around the content.
    pub layout: Layout,
    /// What went wrong.
    pub kind: ErrorKind,
    /// The OAuth error code, for those who build the application.
    pub code: Option<String>,
    /// The code's description, in English, chosen by us: never a part of the request.
    pub description: Option<String>,
    /// The request's id, to be told to support.
    pub reference: String,
    /// Where to go from here.
    pub link: Option<Link>,
}

impl ErrorPage {
    /// The page as HTML.
    pub fn render(&self) -> String {
        text_of(self)
    }

    /// The HTTP status that suits the page.
    pub const fn status(&self) -> u16 {
        self.kind.status()
    }

    fn key(&self, part: &str) -> String {
        format!("error.{}.{part}", self.kind.as_str())
    }
}

impl Link {
    /// Leads back to the named application.
    pub fn back_to(layout: &Layout, client: &str, url: String) -> Self {
        Self { url, label: layout.fill("error.back_to", "client", client) }
    }

    /// Leads to the home page.
    pub fn home(layout: &Layout, url: String) -> Self {
        Self { url, label: layout.t("error.home").to_owned() }
    }

    /// Leads to the sign-in page.
    pub fn sign_in(layout: &Layout, url: String) -> Self {
        Self { url, label: layout.t("button.sign_in").to_owned() }
    }

    /// Leads to where the person can ask for another link.
    pub fn reset(layout: &Layout, url: String) -> Self {
        Self { url, label: layout.t("reset.again").to_owned() }
    }

    /// Leads to where the person can begin again.
    pub fn again(layout: &Layout, url: String) -> Self {
        Self { url, label: layout.t("error.again").to_owned() }
    }
}
