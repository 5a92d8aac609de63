//! Upstream providers on the pages: which one a journey goes to, the way there, and the way back.
//!
//! `GET /sign-in/{upstream}` begins a journey there; `GET /interaction/{journey}/upstream` goes there from the sign-in page;
//! `GET /federation/{upstream}/callback` is where every upstream sends the browser back to.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::interaction::path_of;
use super::scene::{Scene, request_of};
use super::views::{self, ErrorKind};
use super::{ciba, invitations, links, show};
use crate::account::sessions;
use crate::federation::connectors::Proven;
use crate::federation::people::{self, Outcome, Through};
use crate::federation::round_trip::{self, Failed, Purpose as Trip, Returned, Wanted};
use crate::federation::{FederationError, Upstream, logout, request_object};
use crate::http::extract::{Browser, FormParams, QueryParams, Segment, Segments};
use crate::http::respond::authorization::see_other;
use crate::http::respond::json::{self, oauth_error};
use crate::http::respond::page;
use crate::http::site::Site;
use crate::http::trouble::Trouble;
use crate::i18n::{self, Locale};
use crate::model::client::ClientPolicy;
use crate::model::journey::{Journey, OwnPage, PendingLink, Purpose};
use crate::model::session::{ACR_PASSWORD, Session};
use crate::oauth::authorization::AuthorizationRequest;
use crate::oauth::{ErrorCode, OAuthError, Params, acr};
use crate::provider::dispatch::{Next, SignInReason};
use crate::provider::journeys::{self, Loaded};

/// Path of the way back, below the upstream's own.
pub const CALLBACK: &str = "/federation/{upstream}/callback";
/// Where an upstream sends the browser after a logout there.
pub const LOGOUT: &str = "/federation/{upstream}/logout";
/// Where an upstream finds the key that it may encrypt to.
pub const JWKS: &str = "/federation/{upstream}/jwks";
/// Where an upstream fetches a request of ours.
pub const REQUEST: &str = "/federation/{upstream}/request/{handle}";
/// Where an upstream announces that its sessions ended.
pub const BACKCHANNEL_LOGOUT: &str = "/federation/{upstream}/backchannel-logout";

/// The buttons of the sign-in page: a tenant's own provider is there for whoever comes for that tenant,
/// and no other one where the application always needs one.
pub fn buttons(site: &Site, locale: Locale, handle: &str, journey: &Journey, scene: &Scene) -> Vec<views::Upstream> {
    let button = |upstream: &&Upstream| {
        let settings = &upstream.settings;
        let key = if settings.is_pro_sante_connect() { "sign_in.with_professional" } else { "sign_in.with" };
        views::Upstream {
            name: settings.name.clone(),
            label: i18n::t_with(locale, key, &[("upstream", &settings.label)]),
            url: site.link(&format!("{}/upstream?name={}", path_of(handle), settings.name)),
            logo: settings.logo.clone(),
            telephone: settings.ciba.then(|| views::Link {
                url: site.link(&ciba::path_of(handle, &settings.name)),
                label: i18n::t_with(locale, "sign_in.with_telephone", &[("upstream", &settings.label)]),
            }),
        }
    };
    let asked = request_of(journey).and_then(|request| request.tenant.as_deref());
    let needed = scene.client.as_deref().and_then(|client| client.policy.required_upstream.as_deref());
    let is_offered =
        |upstream: &&&Upstream| upstream.is_for(asked) && needed.is_none_or(|needed| upstream.settings.name == needed);
    site.federation().all().iter().filter(is_offered).map(button).collect()
}

/// The upstream that reaches one of these authentication contexts.
pub fn for_acr<'a>(site: &'a Site, asked: Option<&[String]>) -> Option<&'a Upstream> {
    let asked = asked.filter(|asked| !asked.is_empty())?;
    let reaches = |upstream: &&Upstream| upstream.settings.acr_values.iter().any(|own| acr::is_met(asked, own));
    site.federation().all().into_iter().find(reaches)
}

/// Whether a sign-in at an upstream can give what the request or the client needs.
pub fn steps_up(site: &Site, request: Option<&AuthorizationRequest>, policy: Option<&ClientPolicy>) -> bool {
    let federation = site.federation();
    let needed = policy.and_then(|policy| policy.required_upstream.as_deref()).and_then(|name| federation.find(name));
    let asked = request.map(|request| request.claims.acr.as_slice());
    let always = policy.map(|policy| policy.required_acr.as_slice());
    needed.or_else(|| for_acr(site, asked)).or_else(|| for_acr(site, always)).is_some()
}

/// The upstream that the request leads to: the one that its client always needs, the one that it names, the one that reaches
/// what it or its client needs, the one of its tenant, the one of the address's domain.
fn wanted<'a>(site: &'a Site, journey: &Journey, scene: &Scene) -> Option<&'a Upstream> {
    let request = request_of(journey)?;
    let federation = site.federation();
    let policy = scene.client.as_deref().map(|client| &client.policy);
    let needed = policy.and_then(|policy| policy.required_upstream.as_deref()).and_then(|name| federation.find(name));
    if needed.is_some() {
        return needed;
    }
    let always = policy.map(|policy| policy.required_acr.as_slice());
    let named = request.idp_hint.as_deref().and_then(|name| site.federation().find(name));
    let stronger = matches!(scene.next, Next::SignIn(SignInReason::Stronger));
    let asked = if request.claims.acr.is_empty() { &request.acr_values } else { &request.claims.acr };
    let password_does = acr::is_met(asked, ACR_PASSWORD);
    let by_acr = || for_acr(site, Some(asked)).filter(|_| stronger || (scene.person.is_none() && !password_does));
    let by_client = || for_acr(site, always).filter(|_| stronger || scene.person.is_none());
    let by_tenant = || request.tenant.as_deref().and_then(|tenant| federation.home_of_tenant(tenant));
    let by_domain = || request.login_hint.as_deref().and_then(|hint| site.federation().home_of(hint));
    let found = named.or_else(by_acr).or_else(by_client).or_else(by_tenant).or_else(by_domain);
    found.filter(|upstream| upstream.is_for(request.tenant.as_deref()))
}

/// The upstream where the people of this address sign in, if it is for the tenant that the request names.
pub fn home_of<'a>(site: &'a Site, journey: &Journey, address: &str) -> Option<&'a Upstream> {
    let asked = request_of(journey).and_then(|request| request.tenant.as_deref());
    site.federation().home_of(address).filter(|upstream| upstream.is_for(asked))
}

/// Whether the browser is to be sent to an upstream without a page of ours before: once in a journey.
pub fn is_due(site: &Site, journey: &Journey, scene: &Scene) -> bool {
    matches!(scene.next, Next::SignIn(_))
        && !journey.sent_upstream
        && journey.pending.is_none()
        && wanted(site, journey, scene).is_some()
}

/// Sends the browser where [`is_due`] said.
pub async fn send(
    site: &Site,
    browser: &Browser,
    handle: &str,
    mut loaded: Loaded,
    scene: &Scene,
) -> Result<Response, Trouble> {
    let Some(upstream) = wanted(site, &loaded.journey, scene) else {
        return Ok(show::step(site, browser, handle, &loaded.journey, scene, None));
    };
    if browser.only_looks() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    journeys::advance(site.provider(), &mut loaded, |journey| journey.sent_upstream = true).await?;
    go(site, browser, upstream, handle, &loaded.journey, scene).await
}

async fn go(
    site: &Site,
    browser: &Browser,
    upstream: &Upstream,
    handle: &str,
    journey: &Journey,
    scene: &Scene,
) -> Result<Response, Trouble> {
    let request = request_of(journey);
    let chooses = request.is_some_and(|request| request.prompt.select_account);
    let wanted = Wanted {
        browser: &browser.digest(),
        login_hint: request.and_then(|request| request.login_hint.as_deref()),
        fresh: chooses || matches!(scene.next, Next::SignIn(SignInReason::Fresh)),
    };
    let purpose = Trip::Journey { handle: handle.to_owned() };
    match round_trip::begin(site.federation(), upstream, purpose.clone(), wanted).await {
        Ok(url) => Ok(see_other(&url)),
        Err(error) => failed(site, browser, upstream, Failed { purpose: Some(purpose), error }),
    }
}

/// `GET /sign-in/{upstream}`: begins a sign-in there that ends on the account page.
pub async fn sign_in(State(site): State<Site>, browser: Browser, Segment(name): Segment) -> Response {
    let outcome = async {
        let Some(upstream) = site.federation().find(&name) else { return Ok(page::not_found(&site, &browser)) };
        if browser.only_looks() {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        let purpose = Purpose::Own { page: OwnPage::Account };
        let journey = Journey::begin(purpose.clone(), &browser.digest(), site.now());
        let scene = super::scene::scene(&site, &browser, &journey).await?;
        let handle = journeys::begin(site.provider(), purpose, &browser.digest()).await?;
        go(&site, &browser, upstream, &handle, &journey, &scene).await
    };
    browser.remember(outcome.await.unwrap_or_else(|error| page::trouble(&site, &browser, error)))
}

/// `GET /interaction/{journey}/upstream?name=…`: the button of the sign-in page.
pub async fn go_there(
    State(site): State<Site>,
    browser: Browser,
    Segment(handle): Segment,
    QueryParams(params): QueryParams,
) -> Response {
    let outcome = async {
        let params = params.map_err(Trouble::Refused)?;
        let known = browser.known_digest();
        let Some(loaded) = journeys::load(site.provider(), &handle, known.as_ref()).await? else {
            return Ok(page::journey_over(&site, &browser));
        };
        let Some(upstream) = params.get("name").and_then(|name| site.federation().find(name)) else {
            return Ok(page::not_found(&site, &browser));
        };
        if browser.only_looks() {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        let scene = super::scene::scene(&site, &browser, &loaded.journey).await?;
        let asked = request_of(&loaded.journey).and_then(|request| request.tenant.as_deref());
        if !upstream.is_for(asked) {
            return Ok(page::not_found(&site, &browser));
        }
        // Only the sign-in page has this button; another step is not left by it.
        if !matches!(scene.next, Next::SignIn(_)) {
            return Ok(see_other(&site.link(&path_of(&handle))));
        }
        go(&site, &browser, upstream, &handle, &loaded.journey, &scene).await
    };
    outcome.await.unwrap_or_else(|error| page::trouble(&site, &browser, error))
}

/// `GET /federation/{upstream}/callback`.
pub async fn callback(
    State(site): State<Site>,
    browser: Browser,
    Segment(name): Segment,
    QueryParams(params): QueryParams,
) -> Response {
    let outcome = async {
        let Some(upstream) = site.federation().find(&name) else { return Ok(page::not_found(&site, &browser)) };
        let params = params.map_err(Trouble::Refused)?;
        if browser.only_looks() {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        come_back(&site, &browser, upstream, &params).await
    };
    outcome.await.unwrap_or_else(|error| page::trouble(&site, &browser, error))
}

async fn come_back(site: &Site, browser: &Browser, upstream: &Upstream, params: &Params) -> Result<Response, Trouble> {
    let path = round_trip::callback_path(&upstream.settings.name);
    let returned = Returned {
        path: &path,
        state: params.get("state"),
        code: params.get("code"),
        iss: params.get("iss"),
        error: params.get("error"),
    };
    let known = browser.known_digest();
    match round_trip::complete(site.federation(), upstream, returned, known.as_ref()).await {
        Ok((Trip::Journey { handle }, proven)) => arrived(site, browser, upstream, &handle, proven).await,
        Ok((Trip::Link { user, sid }, proven)) => links::arrived(site, browser, (user, sid), proven).await,
        // Neither comes back here.
        Ok((Trip::Logout { .. } | Trip::Program { .. }, _)) => Ok(page::journey_over(site, browser)),
        Err(failure) => failed(site, browser, upstream, failure),
    }
}

/// The session that the browser has now, alive or not known.
pub async fn present(site: &Site, browser: &Browser) -> Result<Option<Session>, Trouble> {
    match browser.session_cookie() {
        Some(cookie) => Ok(sessions::find(site.accounts(), cookie).await?),
        None => Ok(None),
    }
}

/// Ends the way of a journey to an upstream: whom it proved is signed in, or a page says why not.
pub async fn arrived(
    site: &Site,
    browser: &Browser,
    upstream: &Upstream,
    handle: &str,
    proven: Proven,
) -> Result<Response, Trouble> {
    let known = browser.known_digest();
    let Some(mut loaded) = journeys::load(site.provider(), handle, known.as_ref()).await? else {
        return Ok(page::journey_over(site, browser));
    };
    let through = Through {
        present: present(site, browser).await?,
        address: browser.address(),
        user_agent: browser.user_agent(),
    };
    let claimed = proven.claimed.clone();
    let purpose = Trip::Journey { handle: handle.to_owned() };
    let invited = invitations::lets_in(site, &loaded.journey, &claimed).await?;
    let outcome = match people::sign_in(site.federation(), upstream, proven, through, invited).await {
        Ok(outcome) => outcome,
        Err(error) => return failed(site, browser, upstream, Failed { purpose: Some(purpose), error }),
    };
    let back = see_other(&site.link(&path_of(handle)));
    let (kind, count) = match &outcome {
        Outcome::SignedIn { .. } => (None, "done"),
        Outcome::Conflict { .. } => (None, "conflict"),
        Outcome::NotLinked => (Some(ErrorKind::UpstreamNotLinked), "refused"),
        Outcome::Disabled => (Some(ErrorKind::AccountDisabled), "refused"),
    };
    site.metrics.sign_in(count);
    if let Some(kind) = kind {
        return Ok(page::upstream_error(site, browser, kind, Some(path_of(handle))));
    }
    match outcome {
        Outcome::SignedIn { session, token, first } => {
            let own = matches!(loaded.journey.purpose, Purpose::Own { page: OwnPage::Account });
            let mut pending = None;
            journeys::advance(site.provider(), &mut loaded, |journey| {
                pending = journey.proven(session.sid, site.now());
            })
            .await?;
            link_pending(site, pending, &session).await?;
            // This journey ends where any other would, with a word of welcome.
            let welcome = own && first && journeys::take(site.provider(), &loaded).await?;
            let response = if welcome { see_other(&site.link("/account?done=welcome")) } else { back };
            Ok(browser.sign_in(site, response, token.expose()))
        }
        Outcome::Conflict { user } => {
            let pending = PendingLink { user, claimed: Box::new(claimed) };
            journeys::advance(site.provider(), &mut loaded, |journey| journey.pending = Some(pending)).await?;
            Ok(back)
        }
        Outcome::NotLinked | Outcome::Disabled => Ok(back),
    }
}

/// Links what an upstream proved before with the account that was proven now, if it is the one that waited for it.
pub async fn link_pending(site: &Site, pending: Option<PendingLink>, session: &Session) -> Result<(), Trouble> {
    let Some(pending) = pending.filter(|pending| pending.user == session.user) else { return Ok(()) };
    let linked = people::link(site.federation(), session.user, session.sid, *pending.claimed).await;
    if let Err(FederationError::Store(error)) = linked {
        return Err(error.into());
    }
    Ok(())
}

/// The page of a round trip that gave nobody.
pub fn failed(site: &Site, browser: &Browser, upstream: &Upstream, failure: Failed) -> Result<Response, Trouble> {
    let name = upstream.settings.name.as_str();
    let kind = match failure.error {
        FederationError::Store(error) => return Err(error.into()),
        FederationError::NoTrip => return Ok(page::journey_over(site, browser)),
        FederationError::Cancelled => ErrorKind::UpstreamCancelled,
        FederationError::Refused(why) => {
            tracing::warn!(upstream = name, why, "sign-in at the upstream refused");
            ErrorKind::UpstreamRefused
        }
        FederationError::ClientUnknown => {
            tracing::error!(upstream = name, "the upstream does not know our client: look at its registration");
            ErrorKind::UpstreamRefused
        }
        FederationError::Down(why) => {
            tracing::warn!(upstream = name, why, "the upstream is down");
            ErrorKind::UpstreamDown
        }
        FederationError::TooLate => ErrorKind::UpstreamTooLate,
        FederationError::Rival => ErrorKind::Busy,
    };
    site.metrics.sign_in("upstream");
    let back = match failure.purpose {
        Some(Trip::Journey { handle }) => Some(path_of(&handle)),
        Some(Trip::Link { .. }) => Some("/account".to_owned()),
        Some(Trip::Logout { .. } | Trip::Program { .. }) | None => None,
    };
    Ok(page::upstream_error(site, browser, kind, back))
}

/// `GET /federation/{upstream}/logout`: the browser comes back from a logout there and goes on.
pub async fn logged_out(
    State(site): State<Site>,
    browser: Browser,
    Segment(name): Segment,
    QueryParams(params): QueryParams,
) -> Response {
    let outcome = async {
        let Some(upstream) = site.federation().find(&name) else { return Ok(page::not_found(&site, &browser)) };
        let params = params.map_err(Trouble::Refused)?;
        if browser.only_looks() {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        let known = browser.known_digest();
        let next =
            round_trip::complete_logout(site.federation(), upstream, params.get("state"), known.as_ref()).await?;
        Ok(see_other(&next.unwrap_or_else(|| site.link(crate::provider::discovery::path::END_SESSION))))
    };
    outcome.await.unwrap_or_else(|error| page::trouble(&site, &browser, error))
}

/// `GET /federation/{upstream}/jwks`: our public keys for this upstream, where there are any.
pub async fn jwks(State(site): State<Site>, Segment(name): Segment) -> Response {
    let keys = site.federation().find(&name).and_then(Upstream::published_keys);
    match keys {
        Some(keys) => json::document(keys.to_string().into(), "public, max-age=300"),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// `GET /federation/{upstream}/request/{handle}`: an authorization request that the upstream fetches (RFC 9101 §5.2.3).
pub async fn request(State(site): State<Site>, Segments(name, handle): Segments) -> Response {
    let Some(upstream) = site.federation().find(&name) else { return StatusCode::NOT_FOUND.into_response() };
    match request_object::fetch(site.federation(), upstream, &handle).await {
        Ok(Some(object)) => {
            let headers =
                [(header::CONTENT_TYPE, "application/oauth-authz-req+jwt"), (header::CACHE_CONTROL, "no-store")];
            (headers, object).into_response()
        }
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => {
            tracing::error!(%error, "a request cannot be read");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

/// `POST /federation/{upstream}/backchannel-logout`: `logout_token` (OpenID Connect Back-Channel Logout §2.5).
pub async fn backchannel_logout(
    State(site): State<Site>,
    Segment(name): Segment,
    FormParams(params): FormParams,
) -> Response {
    let invalid = |why| oauth_error(&OAuthError::because(ErrorCode::InvalidRequest, why));
    let Some(upstream) = site.federation().find(&name) else { return invalid("There is no such upstream") };
    let Some(token) = params.get("logout_token") else { return invalid("logout_token is missing") };
    match logout::receive(site.federation(), upstream, token).await {
        Ok(_) => {
            let mut response = StatusCode::OK.into_response();
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(FederationError::Store(error)) => {
            tracing::error!(%error, "logout of an upstream failed");
            oauth_error(&OAuthError::new(ErrorCode::ServerError))
        }
        Err(error) => {
            tracing::warn!(upstream = name, %error, "logout token refused");
            invalid("The logout token is not acceptable")
        }
    }
}
