//! A sign-in at an upstream that a dialect begins and answers itself: there, back, and our tokens.
//!
//! It is the round trip and the decision of `federation`, as for the pages: `state` bound to the browser, nobody found by an
//! address. The upstream sends the browser back to the dialect's own path, which must be registered there.

use axum::response::Response;

use super::found;
use super::refusal::Refusal;
use crate::base::token::OpaqueToken;
use crate::federation::Upstream;
use crate::federation::connectors::Proven;
use crate::federation::people::{self, Outcome, Through};
use crate::federation::round_trip::{self, Purpose, Returned, Wanted};
use crate::http::extract::Browser;
use crate::http::pages::upstreams::present;
use crate::http::site::Site;
use crate::model::identity::Activity;
use crate::model::tenant::Tenant;
use crate::oauth::{OAuthError, Params};
use crate::provider::direct::{self, Application, Direct};

/// A person who is signed in.
pub(super) struct Arrived {
    /// The tokens, and who it is; or why there are none, as of a tenant that is not the person's.
    pub(super) direct: Result<Direct, Refusal>,
    /// Where they practise, where the upstream says so.
    pub(super) activities: Vec<Activity>,
    /// The browser's session, to be kept in its cookie.
    pub(super) session: OpaqueToken,
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
) -> Result<Arrived, Refusal> {
    let params = params.map_err(|_| Refusal::Malformed)?;
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
            admit(site, browser, upstream, (application, tenant.as_deref()), proven).await
        }
        Ok(_) => Err(Refusal::Expired),
        Err(failed) => Err(failed.error.into()),
    };
    site.metrics.sign_in(match &answered {
        Ok(Arrived { direct: Ok(_), .. }) => "done",
        Err(Refusal::Conflict) => "conflict",
        Ok(Arrived { direct: Err(_), .. }) | Err(Refusal::NotLinked | Refusal::Disabled) => "refused",
        Err(_) => "upstream",
    });
    answered
}

async fn admit(
    site: &Site,
    browser: &Browser,
    upstream: &Upstream,
    (application, tenant): (Application, Option<&str>),
    proven: Proven,
) -> Result<Arrived, Refusal> {
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
            let direct = direct::issue(site.provider(), &client, &session, tenant, serves).await;
            let direct = direct.map_err(Refusal::from);
            Ok(Arrived { direct, activities, session: token })
        }
        Outcome::Conflict { .. } => Err(Refusal::Conflict),
        Outcome::NotLinked => Err(Refusal::NotLinked),
        Outcome::Disabled => Err(Refusal::Disabled),
    }
}
