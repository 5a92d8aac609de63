//! What comes next in a sign-in journey: the only place that decides it.
//!
//! ```text
//!              no session · prompt=login · max_age passed · another person hinted
//!   request ──────────────────────────────────────────────────────────────────► SignIn
//!      │ several tenants, none chosen ─────────────────────────────────────────► ChooseTenant
//!      │ scope not yet consented, prompt=consent ──────────────────────────────► Consent
//!      └───────────────────────────────────────────────────────────────────────► Issue
//! ```
//!
//! With `prompt=none` each page turns into the refusal that stands for it (OpenID Connect Core §3.1.2.6).

use std::time::Duration;

use crate::base::Timestamp;
use crate::base::id::TenantId;
use crate::model::tenant::Membership;
use crate::oauth::authorization::AuthorizationRequest;
use crate::oauth::{ErrorCode, OAuthError, Scope, acr};

/// The alive session of the browser.
#[derive(Debug, Clone, Copy)]
pub struct SessionFacts<'a> {
    /// When the person last proved who they are.
    pub auth_time: Timestamp,
    /// How: the authentication context class.
    pub acr: &'a str,
    /// The tenant last chosen.
    pub tenant: Option<TenantId>,
    /// The person's UUID as tokens name it.
    pub sub: &'a str,
    /// The person's tenants.
    pub memberships: &'a [Membership],
    /// What the person consented to for this client.
    pub consented: Option<&'a Scope>,
}

/// What this journey has seen so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    /// The person proved who they are in this journey.
    pub signed_in: bool,
    /// The tenant chosen in this journey.
    pub tenant: Option<TenantId>,
    /// The person consented in this journey.
    pub consented: bool,
}

/// What an `id_token_hint` says (OpenID Connect Core §3.1.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint<'a> {
    /// The request has none.
    None,
    /// It is not one of our tokens, or of keys long gone: nobody is named.
    Unreadable,
    /// The `sub` of an ID token of ours.
    Sub(&'a str),
}

/// Everything the decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The relying application's request; `None` where the person came by themselves.
    pub request: Option<&'a AuthorizationRequest>,
    /// Whether the client runs under the operator's own name.
    pub first_party: bool,
    /// Whom the `id_token_hint` names.
    pub hint: Hint<'a>,
    /// The browser's session.
    pub session: Option<SessionFacts<'a>>,
    /// What this journey has seen.
    pub progress: Progress,
    /// Whether the person who came by themselves is to prove anew who they are.
    pub anew: bool,
    /// Whether whoever comes without a request is to choose a tenant.
    pub for_tenant: bool,
    /// Authentication contexts of which the client always needs one.
    pub needed_acr: &'a [String],
    /// Whether the session stands on the upstream provider that the client always needs, if it does.
    pub upstream_met: bool,
    /// Whether a sign-in at an upstream provider can give what the request or the client needs.
    pub can_step_up: bool,
    /// The present moment.
    pub now: Timestamp,
}

/// Why a sign-in is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInReason {
    /// Nobody is signed in here.
    NoSession,
    /// The application asks for a fresh proof (`prompt=login`, `max_age`).
    Fresh,
    /// The application expects another person, or a choice of account.
    OtherPerson,
    /// The application needs a stronger proof than the session has.
    Stronger,
}

/// What comes next.
#[derive(Debug, Clone)]
pub enum Next {
    /// Show the sign-in page.
    SignIn(SignInReason),
    /// Show the choice of tenants.
    ChooseTenant,
    /// Show the consent page, for this tenant.
    Consent(Option<TenantId>),
    /// Answer the request, in this tenant.
    Issue(Option<TenantId>),
    /// Refuse the request, to the client.
    Refuse(OAuthError),
}

/// Decides. Order: person · authentication context · tenant · consent.
pub fn next(facts: &Facts<'_>) -> Next {
    let silent = facts.request.is_some_and(|request| request.prompt.none);
    let page = |page, code: ErrorCode| if silent { Next::Refuse(code.into()) } else { page };
    let session = match person(facts) {
        Ok(session) => session,
        Err(Missing::SignIn(reason)) => return page(Next::SignIn(reason), ErrorCode::LoginRequired),
        Err(Missing::AnotherCame) => {
            let why = "Another person signed in than the request names";
            return Next::Refuse(OAuthError::because(ErrorCode::LoginRequired, why));
        }
    };
    if !is_acr_met(facts, session) || !facts.upstream_met {
        if facts.can_step_up && !facts.progress.signed_in {
            return page(Next::SignIn(SignInReason::Stronger), ErrorCode::UnmetAuthenticationRequirements);
        }
        return Next::Refuse(ErrorCode::UnmetAuthenticationRequirements.into());
    }
    let tenant = match tenant(facts, session) {
        Tenant::Chosen(tenant) => tenant,
        Tenant::Open => return page(Next::ChooseTenant, ErrorCode::AccountSelectionRequired),
        Tenant::Foreign => {
            return Next::Refuse(OAuthError::because(
                ErrorCode::AccessDenied,
                "The person is not a member of the tenant",
            ));
        }
    };
    if needs_consent(facts, session) {
        return page(Next::Consent(tenant), ErrorCode::ConsentRequired);
    }
    Next::Issue(tenant)
}

/// Why the person of the request is not here.
enum Missing {
    SignIn(SignInReason),
    /// Somebody signed in for this request, and it is not the one whom the application expects.
    AnotherCame,
}

fn person<'a>(facts: &Facts<'a>) -> Result<SessionFacts<'a>, Missing> {
    let session = facts.session.ok_or(Missing::SignIn(SignInReason::NoSession))?;
    let Some(request) = facts.request else {
        let again = facts.anew && !facts.progress.signed_in;
        return if again { Err(Missing::SignIn(SignInReason::Fresh)) } else { Ok(session) };
    };
    let asked = request.claims.sub.as_deref().map_or(facts.hint, Hint::Sub);
    match asked {
        Hint::Sub(sub) if sub != session.sub && facts.progress.signed_in => return Err(Missing::AnotherCame),
        Hint::Sub(sub) if sub != session.sub => return Err(Missing::SignIn(SignInReason::OtherPerson)),
        Hint::Unreadable if request.prompt.none => return Err(Missing::SignIn(SignInReason::OtherPerson)),
        Hint::None | Hint::Unreadable | Hint::Sub(_) => {}
    }
    if facts.progress.signed_in {
        return Ok(session);
    }
    if request.prompt.select_account {
        return Err(Missing::SignIn(SignInReason::OtherPerson));
    }
    let too_old = request
        .max_age
        .is_some_and(|age| facts.now.seconds() >= session.auth_time.plus(Duration::from_secs(age)).seconds());
    if request.prompt.login || too_old { Err(Missing::SignIn(SignInReason::Fresh)) } else { Ok(session) }
}

/// An essential `acr` that was not reached counts as a failed sign-in (OpenID Connect Core §5.5.1.1). What the operator needs
/// of the client's people is as essential.
fn is_acr_met(facts: &Facts<'_>, session: SessionFacts<'_>) -> bool {
    let asked = facts.request.map(|request| request.claims.acr.as_slice()).unwrap_or_default();
    [asked, facts.needed_acr].iter().all(|needed| needed.is_empty() || acr::is_met(needed, session.acr))
}

enum Tenant {
    Chosen(Option<TenantId>),
    Open,
    Foreign,
}

/// The request's tenant wins, then the choice of this journey, then the only one, then the session's last choice.
fn tenant(facts: &Facts<'_>, session: SessionFacts<'_>) -> Tenant {
    let members = session.memberships;
    if let Some(hint) = facts.request.and_then(|request| request.tenant.as_deref()) {
        let named =
            members.iter().find(|m| m.tenant.code.eq_ignore_ascii_case(hint) || m.tenant.uuid.to_string() == hint);
        return named.map_or(Tenant::Foreign, |m| Tenant::Chosen(Some(m.tenant.id)));
    }
    let still_member = |id: Option<TenantId>| id.filter(|id| members.iter().any(|m| m.tenant.id == *id));
    match (still_member(facts.progress.tenant), members, still_member(session.tenant)) {
        (Some(chosen), _, _) => Tenant::Chosen(Some(chosen)),
        (None, [], _) => Tenant::Chosen(None),
        (None, [only], _) => Tenant::Chosen(Some(only.tenant.id)),
        (None, _, Some(last)) => Tenant::Chosen(Some(last)),
        (None, _, None) if facts.request.is_none() && !facts.for_tenant => Tenant::Chosen(None),
        (None, _, None) => Tenant::Open,
    }
}

fn needs_consent(facts: &Facts<'_>, session: SessionFacts<'_>) -> bool {
    let Some(request) = facts.request else { return false };
    if facts.progress.consented {
        return false;
    }
    if request.prompt.consent {
        return !facts.first_party;
    }
    !facts.first_party && !session.consented.is_some_and(|known| request.consent_scope().is_within(known))
}

#[cfg(test)]
mod tests;
