//! A sign-in at an upstream that a dialect begins and answers itself: there, back, and our tokens.
//!
//! It is the round trip and the decision of `federation`, as for the pages: `state` bound to the browser, nobody found by an
//! address. The upstream sends the browser back to the dialect's own path, which must be registered there. A person of several
//! tenants, of whom the application named none, chooses one on the hosted page in between.

use axum::http::header::ACCEPT;
use axum::response::Response;

use super::found;
use super::refusal::Refusal;
use crate::base::token::OpaqueToken;
use crate::federation::Upstream;
use crate::federation::connectors::Proven;
use crate::federation::people::{self, Outcome, Through};
use crate::federation::round_trip::{self, Purpose, Returned, Wanted};
use crate::http::extract::Browser;
use crate::http::pages::interaction::path_of;
use crate::http::pages::upstreams::present;
use crate::http::respond::authorization::see_other;
use crate::http::site::Site;
use crate::model::identity::Activity;
use crate::model::journey::Purpose as Ends;
use crate::model::tenant::Tenant;
use crate::oauth::{OAuthError, Params};
use crate::provider::direct::{self, Application, Direct};
use crate::provider::journeys;

/// What came of a way back.
pub(super) enum Came {
    /// The person is signed in.
    Arrived(Box<Arrived>),
    /// The person chooses a tenant first, and comes back.
    Chooses(Response),
}

/// A person who is signed in.
pub(super) struct Arrived {
    /// The tokens, and who it is; or why there are none, as of a tenant that is not the person's.
    pub(super) direct: Result<Direct, Refusal>,
    /// Where they practise, where the upstream says so.
    pub(super) activities: Vec<Activity>,
    /// The browser's new session, to be kept in its cookie; `None` where it has it.
    pub(super) session: Option<OpaqueToken>,
}

impl Arrived {
    /// The answer, with the cookie of a new session.
    pub(super) fn keep(&self, site: &Site, browser: &Browser, answer: Response) -> Response {
        match &self.session {
            Some(token) => browser.sign_in(site, answer, token.expose()),
            None => answer,
        }
    }
}

/// Sends the browser to the upstream; it comes back to `way_back`. `tenant` is whom the tokens are to be for.
pub(super) async fn begin(
    site: &Site,
    browser: &Browser,
    upstream: &Upstream,
    way_back: String,
    params: Result<Params, OAuthError>,
) -> Result<Response, Refusal> {
    let params = params.map_err(|_| Refusal::Malformed)?;
    let tenant = params.get("tenant").map(str::to_owned);
    let purpose = Purpose::Program { way_back, tenant };
    let wanted = Wanted { browser: &browser.digest(), login_hint: None, fresh: false };
    let url = round_trip::begin(site.federation(), upstream, purpose, wanted).await?;
    Ok(browser.remember(found(&url)))
}

/// Takes the browser back, at the path `way_back`.
pub(super) async fn complete(
    site: &Site,
    browser: &Browser,
    upstream: &Upstream,
    (way_back, application): (&str, Application),
    params: Result<Params, OAuthError>,
) -> Result<Came, Refusal> {
    let params = params.map_err(|_| Refusal::Malformed)?;
    if let Some(handle) = params.get("journey") {
        return chosen(site, browser, upstream, (way_back, application), handle).await;
    }
    for name in ["state", "code"] {
        if params.get(name).is_none() && params.get("error").is_none() {
            return Err(Refusal::Missing(name));
        }
    }
    let returned = Returned {
        path: way_back,
        state: params.get("state"),
        code: params.get("code"),
        iss: params.get("iss"),
        error: params.get("error"),
    };
    let known = browser.known_digest();
    let completed = round_trip::complete(site.federation(), upstream, returned, known.as_ref()).await;
    let answered = match completed {
        Ok((Purpose::Program { tenant, .. }, proven)) => {
            admit(site, browser, upstream, (way_back, application, tenant.as_deref()), proven).await
        }
        Ok(_) => Err(Refusal::Expired),
        Err(failed) => Err(failed.error.into()),
    };
    site.metrics.sign_in(match &answered {
        Ok(Came::Arrived(arrived)) if arrived.direct.is_err() => "refused",
        Ok(_) => "done",
        Err(Refusal::Conflict) => "conflict",
        Err(Refusal::NotLinked | Refusal::Disabled) => "refused",
        Err(_) => "upstream",
    });
    answered
}

async fn admit(
    site: &Site,
    browser: &Browser,
    upstream: &Upstream,
    (way_back, application, tenant): (&str, Application, Option<&str>),
    proven: Proven,
) -> Result<Came, Refusal> {
    // Before anything is written: an application that may not be used signs nobody in.
    let client = direct::client(site.provider(), application).await?;
    let through = Through {
        present: present(site, browser).await?,
        address: browser.address(),
        user_agent: browser.user_agent(),
    };
    let activities = proven.claimed.activities.clone();
    match people::sign_in(site.federation(), upstream, proven, through, false).await? {
        Outcome::SignedIn { session, token, .. } => {
            let serves = |tenant: &Tenant| upstream.serves(tenant);
            if tenant.is_none() && reads_pages(browser) && direct::is_open(site.provider(), &session, serves).await? {
                let purpose = Ends::Program { way_back: way_back.to_owned(), session: session.sid };
                let handle = journeys::begin(site.provider(), purpose, &browser.digest()).await?;
                let page = see_other(&site.link(&path_of(&handle)));
                return Ok(Came::Chooses(browser.sign_in(site, page, token.expose())));
            }
            let direct = direct::issue(site.provider(), &client, &session, tenant, serves).await;
            let direct = direct.map_err(Refusal::from);
            Ok(Came::Arrived(Box::new(Arrived { direct, activities, session: Some(token) })))
        }
        Outcome::Conflict { .. } => Err(Refusal::Conflict),
        Outcome::NotLinked => Err(Refusal::NotLinked),
        Outcome::Disabled => Err(Refusal::Disabled),
    }
}

/// Whether what asks is a person's browser, which is shown pages.
fn reads_pages(browser: &Browser) -> bool {
    let accepted = browser.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/html"))
}

/// The person of the journey `handle` chose a tenant and is back.
async fn chosen(
    site: &Site,
    browser: &Browser,
    upstream: &Upstream,
    (way_back, application): (&str, Application),
    handle: &str,
) -> Result<Came, Refusal> {
    let known = browser.known_digest();
    let loaded = journeys::load(site.provider(), handle, known.as_ref()).await?.ok_or(Refusal::Expired)?;
    let session = present(site, browser).await?.ok_or(Refusal::Expired)?;
    let proven = Ends::Program { way_back: way_back.to_owned(), session: session.sid };
    // Of any number of requests one goes on.
    if loaded.journey.purpose != proven || !journeys::take(site.provider(), &loaded).await? {
        return Err(Refusal::Expired);
    }
    let client = direct::client(site.provider(), application).await?;
    let serves = |tenant: &Tenant| upstream.serves(tenant);
    let direct = direct::issue(site.provider(), &client, &session, None, serves).await.map_err(Refusal::from);
    let links = people::links_of(site.federation(), session.user).await?;
    let activities = match links.iter().find(|link| link.key.upstream == upstream.settings.name) {
        Some(link) => people::practice_of(site.federation(), link.id).await?,
        None => Vec::new(),
    };
    Ok(Came::Arrived(Box::new(Arrived { direct, activities, session: None })))
}
