//! What a journey's page is decided and drawn from: client, session, person, tenants, consent — and what comes next.

use std::sync::Arc;

use super::upstreams;
use crate::account::sessions;
use crate::http::extract::Browser;
use crate::http::site::Site;
use crate::http::trouble::Trouble;
use crate::model::client::Client;
use crate::model::consent::Consent;
use crate::model::journey::{Journey, OwnPage, Purpose};
use crate::model::session::Session;
use crate::model::tenant::Membership;
use crate::model::user::User;
use crate::oauth::authorization::AuthorizationRequest;
use crate::provider::dispatch::{self, Facts, Hint, Next, Progress, SessionFacts, SignInReason};
use crate::provider::{authorize, subject, tokens};

/// The person of an alive session.
#[derive(Debug, Clone)]
pub struct Person {
    /// The session.
    pub session: Session,
    /// The account.
    pub user: User,
    /// Their tenants.
    pub memberships: Vec<Membership>,
    /// The upstream that the session stands on, where that decides something.
    pub upstream: Option<String>,
    /// What they allowed this client before.
    pub consent: Option<Consent>,
}

/// A journey at one moment.
#[derive(Debug, Clone)]
pub struct Scene {
    /// Who asks; `None` where the person came by themselves.
    pub client: Option<Arc<Client>>,
    /// Who is signed in here.
    pub person: Option<Person>,
    /// What comes next.
    pub next: Next,
}

/// The request of a journey that a relying application began.
pub fn request_of(journey: &Journey) -> Option<&AuthorizationRequest> {
    match &journey.purpose {
        Purpose::Authorize { request } => Some(request),
        Purpose::Own { .. } | Purpose::Program { .. } => None,
    }
}

/// Looks everything up and asks the dispatcher.
pub async fn scene(site: &Site, browser: &Browser, journey: &Journey) -> Result<Scene, Trouble> {
    let request = request_of(journey);
    let client = match request {
        Some(request) => Some(authorize::find(site.provider(), &request.client_id).await.map_err(Trouble::Refused)?),
        None => None,
    };
    let policy = client.as_deref().map(|client| &client.policy);
    let person = person(site, browser, client.as_deref()).await?;
    let hint = request.and_then(|request| request.id_token_hint.as_deref());
    let sub_for =
        |client: Option<&Client>| person.as_ref().map(|person| subject::sub(site.provider(), client, &person.user));
    let sub = sub_for(client.as_deref()).unwrap_or_default();
    let hinted = match hint.map(|token| tokens::read_hint(site.provider(), token)) {
        None => None,
        Some(None) => Some(None),
        Some(Some(read)) => {
            // A hint speaks of the person by the name that the client knew which it was issued to.
            let issued_to = site.provider().clients().find(&read.aud).await?;
            let is_person = sub_for(issued_to.as_deref()).is_some_and(|own| own == read.sub);
            Some(Some(if is_person { sub.clone() } else { read.sub }))
        }
    };
    let facts = Facts {
        request,
        first_party: client.as_ref().is_some_and(|client| client.policy.first_party),
        hint: match &hinted {
            None => Hint::None,
            Some(None) => Hint::Unreadable,
            Some(Some(hinted)) => Hint::Sub(hinted),
        },
        session: person.as_ref().map(|person| SessionFacts {
            auth_time: person.session.auth_time,
            acr: &person.session.acr,
            tenant: person.session.tenant,
            sub: &sub,
            memberships: &person.memberships,
            consented: person.consent.as_ref().map(|consent| &consent.scope),
        }),
        progress: progress(journey, person.as_ref()),
        anew: matches!(journey.purpose, Purpose::Own { page: OwnPage::Proof }),
        for_tenant: matches!(journey.purpose, Purpose::Program { .. }),
        needed_acr: policy.map(|policy| policy.required_acr.as_slice()).unwrap_or_default(),
        upstream_met: match policy.and_then(|policy| policy.required_upstream.as_deref()) {
            None => true,
            needed => person.as_ref().is_none_or(|person| person.upstream.as_deref() == needed),
        },
        can_step_up: upstreams::steps_up(site, request, policy),
        now: site.now(),
    };
    // An invitation is accepted by whoever signs in for it, not by whoever happens to be signed in here.
    let for_invitation = matches!(journey.purpose, Purpose::Own { page: OwnPage::Invitation(_) });
    let next = match dispatch::next(&facts) {
        Next::Issue(_) if for_invitation && !facts.progress.signed_in => Next::SignIn(SignInReason::OtherPerson),
        // An upstream proved somebody whose account waits for its own proof: whoever is signed in here is not it.
        Next::Issue(_) | Next::ChooseTenant | Next::Consent(_) if journey.pending.is_some() => {
            Next::SignIn(SignInReason::OtherPerson)
        }
        next => next,
    };
    Ok(Scene { client, person, next })
}

/// What the journey saw counts only for the session that it saw it with.
fn progress(journey: &Journey, person: Option<&Person>) -> Progress {
    match person {
        Some(person) if journey.sid == Some(person.session.sid) => {
            Progress { signed_in: journey.signed_in_at.is_some(), tenant: journey.tenant, consented: journey.consented }
        }
        _ => Progress::default(),
    }
}

/// The person of the browser's session, if it is alive and the account is active.
pub async fn person(site: &Site, browser: &Browser, client: Option<&Client>) -> Result<Option<Person>, Trouble> {
    let Some(cookie) = browser.session_cookie() else { return Ok(None) };
    let found = sessions::find_with_person(site.accounts(), cookie).await?;
    let Some((session, user, mut memberships)) = found.filter(|(_, user, _)| user.is_active()) else { return Ok(None) };
    let store = site.accounts().store();
    // Nobody is asked for the operator's own applications.
    let consent = match client.filter(|client| !client.policy.first_party) {
        Some(client) => store.read().await?.consent(user.id, client.key).await?,
        None => None,
    };
    let counts = client.is_some_and(|client| client.policy.required_upstream.is_some()) || site.federation().confines();
    let upstream = if counts { store.read().await?.upstream_session(session.sid).await? } else { None };
    let upstream = upstream.map(|there| there.identity.key.upstream);
    // What a tenant's own provider says counts in that tenant alone.
    if let Some(home) = upstream.as_deref().and_then(|name| site.federation().find(name)) {
        memberships.retain(|member| home.serves(&member.tenant));
    }
    Ok(Some(Person { session, user, memberships, upstream, consent }))
}
