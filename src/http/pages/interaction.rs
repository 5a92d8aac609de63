//! The pages of a sign-in journey, all behind one resume route.
//!
//! `GET /interaction/{journey}` asks the dispatcher and shows its page, or answers the request. Each form posts one step,
//! which is recorded, and comes back to the same route by 303: pages never send to one another. A sign-in that leaves
//! nothing to ask answers the request itself: one redirect less for the person.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use super::scene::{self, Scene, request_of};
use super::{guard, invitations, show, upstreams};
use crate::account::sign_in::{Attempt, SignIn, sign_in};
use crate::account::{consents, sessions};
use crate::base::Secret;
use crate::base::id::TenantId;
use crate::http::extract::{Browser, FormParams, Segment};
use crate::http::oidc::check_session::state_for;
use crate::http::respond::authorization::{Target, redirect, see_other};
use crate::http::respond::{json, page};
use crate::http::site::Site;
use crate::http::trouble::Trouble;
use crate::model::journey::{Journey, OwnPage, Purpose};
use crate::model::session::Session;
use crate::oauth::authorization::AuthorizationRequest;
use crate::oauth::authorization::order::RedirectRefusal;
use crate::oauth::response::ResponseMode;
use crate::oauth::{ErrorCode, OAuthError, Params};
use crate::provider::dispatch::Next;
use crate::provider::journeys::{self, Loaded};
use crate::provider::{ProviderError, issue, pushed};

/// Longest password and address taken, in bytes.
const LONGEST_PASSWORD: usize = 1_024;
const LONGEST_EMAIL: usize = 320;

/// The resume route of a journey.
pub fn path_of(handle: &str) -> String {
    format!("/interaction/{handle}")
}

/// What comes next, as a page or as an answer.
#[derive(Debug)]
pub enum Step {
    /// A page of ours.
    Page(Box<Scene>),
    /// The end of the journey.
    Answer(Answer),
}

/// How a journey ends.
#[derive(Debug)]
pub enum Answer {
    /// With a code or tokens for the client, in this tenant; or on the page that the person came for.
    Done(Box<Scene>, Option<TenantId>),
    /// With a refusal for the client.
    Refused(OAuthError),
}

/// Asks the dispatcher.
pub async fn next(site: &Site, browser: &Browser, journey: &Journey) -> Result<Step, Trouble> {
    let scene = scene::scene(site, browser, journey).await?;
    Ok(match &scene.next {
        Next::Issue(tenant) => {
            let tenant = *tenant;
            Step::Answer(Answer::Done(Box::new(scene), tenant))
        }
        Next::Refuse(error) => Step::Answer(Answer::Refused(error.clone())),
        Next::SignIn(_) | Next::ChooseTenant | Next::Consent(_) => Step::Page(Box::new(scene)),
    })
}

/// Ends a journey that nobody else has ended.
pub async fn answer(site: &Site, browser: &Browser, journey: &Journey, answer: Answer) -> Response {
    match (&journey.purpose, answer) {
        (Purpose::Own { page: OwnPage::Account }, Answer::Done(..)) => see_other(&site.link("/account")),
        (Purpose::Own { page: OwnPage::Proof }, Answer::Done(..)) => see_other(&site.link("/account?done=proven")),
        (Purpose::Own { page: OwnPage::Invitation(uuid) }, Answer::Done(scene, _)) => match &scene.person {
            Some(person) => invitations::accept(site, browser, *uuid, &person.session)
                .await
                .unwrap_or_else(|error| page::trouble(site, browser, error)),
            None => page::journey_over(site, browser),
        },
        (Purpose::Own { .. }, Answer::Refused(_)) => see_other(&site.link("/")),
        (Purpose::Authorize { request }, answer) => match pushed::take(site.provider(), request).await {
            Ok(true) => answer_client(site, browser, request, answer).await,
            Ok(false) => page::oauth_error(site, browser, &ErrorCode::InvalidRequestUri.into()),
            Err(error) => page::trouble(site, browser, error.into()),
        },
    }
}

async fn answer_client(site: &Site, browser: &Browser, request: &AuthorizationRequest, answer: Answer) -> Response {
    match answer {
        Answer::Refused(error) => refuse_request(site, browser, request, error),
        Answer::Done(scene, tenant) => {
            let (Some(client), Some(person)) = (&scene.client, &scene.person) else {
                return page::trouble(site, browser, Trouble::Internal("issued without a person".to_owned()));
            };
            match issue::answer(site.provider(), request, client, &person.session, tenant).await {
                Ok(issued) => {
                    let target = Target { redirect_uri: &request.redirect_uri, mode: request.response_mode };
                    let mut fields: Vec<_> = issued.iter().map(|(name, value)| (*name, value.as_str())).collect();
                    fields.extend(request.state.as_deref().map(|state| ("state", state)));
                    respond(site, browser, target, &fields, state_for(site, browser, request).as_deref())
                }
                // Of its own keys, which are lacking: the client is who can mend that.
                Err(ProviderError::Refused(error))
                    if matches!(error.code, ErrorCode::InvalidRequest | ErrorCode::TemporarilyUnavailable) =>
                {
                    refuse_request(site, browser, request, error)
                }
                Err(error) => page::trouble(site, browser, error.into()),
            }
        }
    }
}

fn refuse_request(site: &Site, browser: &Browser, request: &AuthorizationRequest, error: OAuthError) -> Response {
    let refusal = RedirectRefusal {
        redirect_uri: request.redirect_uri.clone(),
        response_mode: request.response_mode,
        state: request.state.clone(),
        error,
    };
    refuse_in(site, browser, &refusal, state_for(site, browser, request).as_deref())
}

/// Tells the client of a refusal.
pub fn refuse(site: &Site, browser: &Browser, refusal: &RedirectRefusal) -> Response {
    refuse_in(site, browser, refusal, None)
}

/// The same, with the `session_state` of a request that was in order.
fn refuse_in(site: &Site, browser: &Browser, refusal: &RedirectRefusal, session_state: Option<&str>) -> Response {
    json::log(&refusal.error);
    let target = Target { redirect_uri: &refusal.redirect_uri, mode: refusal.response_mode };
    let mut fields = vec![("error", refusal.error.code.as_str()), ("error_description", refusal.error.description())];
    fields.extend(refusal.state.as_deref().map(|state| ("state", state)));
    respond(site, browser, target, &fields, session_state)
}

fn respond(
    site: &Site,
    browser: &Browser,
    target: Target<'_>,
    fields: &[(&str, &str)],
    session_state: Option<&str>,
) -> Response {
    let mut fields = fields.to_vec();
    fields.extend(session_state.map(|state| ("session_state", state)));
    fields.push(("iss", site.provider().issuer()));
    match target.mode {
        ResponseMode::FormPost => show::form_post(site, browser, target.redirect_uri, &fields),
        ResponseMode::Query | ResponseMode::Fragment => redirect(target, &fields),
    }
}

/// `GET /interaction/{journey}`.
pub async fn get(State(site): State<Site>, browser: Browser, Segment(handle): Segment) -> Response {
    let response = match resume(&site, &browser, &handle).await {
        Ok(response) => response,
        Err(error) => page::trouble(&site, &browser, error),
    };
    browser.remember(response)
}

async fn resume(site: &Site, browser: &Browser, handle: &str) -> Result<Response, Trouble> {
    let Some(loaded) = journeys::load(site.provider(), handle, browser.known_digest().as_ref()).await? else {
        return Ok(page::journey_over(site, browser));
    };
    match next(site, browser, &loaded.journey).await? {
        Step::Page(scene) if upstreams::is_due(site, &loaded.journey, &scene) => {
            upstreams::send(site, browser, handle, loaded, &scene).await
        }
        Step::Page(scene) => Ok(show::step(site, browser, handle, &loaded.journey, &scene, None)),
        Step::Answer(_) if browser.only_looks() => Ok(StatusCode::NO_CONTENT.into_response()),
        Step::Answer(end) => finish(site, browser, &loaded, end).await,
    }
}

async fn finish(site: &Site, browser: &Browser, loaded: &Loaded, end: Answer) -> Result<Response, Trouble> {
    if journeys::take(site.provider(), loaded).await? {
        Ok(answer(site, browser, &loaded.journey, end).await)
    } else {
        Ok(page::journey_over(site, browser))
    }
}

/// A posted step: the journey must be this browser's, and the form ours.
async fn posted(
    site: &Site,
    browser: &Browser,
    handle: &str,
    params: &Params,
) -> Result<Result<Loaded, Response>, Trouble> {
    if let Some(refused) = guard::foreign_form(site, browser, params) {
        return Ok(Err(refused));
    }
    match journeys::load(site.provider(), handle, browser.known_digest().as_ref()).await? {
        Some(loaded) => Ok(Ok(loaded)),
        None => Ok(Err(page::journey_over(site, browser))),
    }
}

/// `POST /interaction/{journey}/sign-in`: `email`, `password`; or `decision=cancel`.
pub async fn post_sign_in(
    State(site): State<Site>,
    browser: Browser,
    Segment(handle): Segment,
    FormParams(params): FormParams,
) -> Response {
    match try_sign_in(&site, &browser, &handle, &params).await {
        Ok(response) => response,
        Err(error) => page::trouble(&site, &browser, error),
    }
}

async fn try_sign_in(site: &Site, browser: &Browser, handle: &str, params: &Params) -> Result<Response, Trouble> {
    let loaded = match posted(site, browser, handle, params).await? {
        Ok(loaded) => loaded,
        Err(response) => return Ok(response),
    };
    if params.get("decision") == Some("cancel") {
        return cancelled(site, browser, &loaded).await;
    }
    let (email, password) = (params.get("email").unwrap_or_default(), params.get("password").unwrap_or_default());
    if email.len() > LONGEST_EMAIL || password.len() > LONGEST_PASSWORD {
        return Err(Trouble::Refused(OAuthError::because(ErrorCode::InvalidRequest, "A field is too long")));
    }
    let present = match browser.session_cookie() {
        Some(cookie) => sessions::find(site.accounts(), cookie).await?,
        None => None,
    };
    let attempt = Attempt {
        email: email.to_owned(),
        password: Secret::new(password.to_owned()),
        address: browser.address(),
        user_agent: browser.user_agent(),
        present,
    };
    let outcome = sign_in(site.accounts(), attempt).await?;
    site.metrics.sign_in(match &outcome {
        SignIn::Done { .. } => "done",
        SignIn::Refused => "refused",
        SignIn::TooMany { .. } => "limited",
    });
    match outcome {
        SignIn::Done { session, token } => {
            let signed_in = browser.signed_in(site, token.expose());
            Ok(signed_in.give(go_on(site, &signed_in, handle, loaded, &session).await?))
        }
        SignIn::Refused => failed(site, browser, handle, &loaded, show::Problem::WrongCredentials { email }).await,
        SignIn::TooMany { retry_after } => {
            failed(site, browser, handle, &loaded, show::Problem::TooMany { email, retry_after }).await
        }
    }
}

/// Goes on after a sign-in: answers the request where nothing is left to ask, else records the step and comes back to it.
async fn go_on(
    site: &Site,
    browser: &Browser,
    handle: &str,
    mut loaded: Loaded,
    session: &Session,
) -> Result<Response, Trouble> {
    let mut after = loaded.journey.clone();
    let pending = after.proven(session.sid, site.now());
    // A page in answer to a form with a password would send the password again when it is loaded again.
    let redirects = request_of(&after).is_some_and(|request| request.response_mode != ResponseMode::FormPost);
    if pending.is_none()
        && redirects
        && let Step::Answer(end) = next(site, browser, &after).await?
    {
        loaded.journey = after;
        return finish(site, browser, &loaded, end).await;
    }
    journeys::advance(site.provider(), &mut loaded, |journey| *journey = after).await?;
    upstreams::link_pending(site, pending, session).await?;
    Ok(see_other(&site.link(&path_of(handle))))
}

async fn failed(
    site: &Site,
    browser: &Browser,
    handle: &str,
    loaded: &Loaded,
    problem: show::Problem<'_>,
) -> Result<Response, Trouble> {
    let scene = scene::scene(site, browser, &loaded.journey).await?;
    Ok(show::sign_in(site, browser, handle, &loaded.journey, &scene, Some(problem)))
}

/// `POST /interaction/{journey}/tenant`: `tenant`, a code; or `decision=cancel`.
pub async fn post_tenant(
    State(site): State<Site>,
    browser: Browser,
    Segment(handle): Segment,
    FormParams(params): FormParams,
) -> Response {
    match choose_tenant(&site, &browser, &handle, &params).await {
        Ok(response) => response,
        Err(error) => page::trouble(&site, &browser, error),
    }
}

async fn choose_tenant(site: &Site, browser: &Browser, handle: &str, params: &Params) -> Result<Response, Trouble> {
    let mut loaded = match posted(site, browser, handle, params).await? {
        Ok(loaded) => loaded,
        Err(response) => return Ok(response),
    };
    if params.get("decision") == Some("cancel") {
        return cancelled(site, browser, &loaded).await;
    }
    let scene = scene::scene(site, browser, &loaded.journey).await?;
    let back = see_other(&site.link(&path_of(handle)));
    let Some(person) = scene.person else { return Ok(back) };
    let code = params.get("tenant").unwrap_or_default();
    let Some(chosen) = person.memberships.iter().find(|member| member.tenant.code == code) else { return Ok(back) };
    let tenant = chosen.tenant.id;
    sessions::choose_tenant(site.accounts(), &person.session, tenant).await?;
    journeys::advance(site.provider(), &mut loaded, |journey| {
        same_session(journey, person.session.sid);
        journey.tenant = Some(tenant);
    })
    .await?;
    Ok(back)
}

/// What a journey saw with another session does not count for this one.
fn same_session(journey: &mut Journey, sid: uuid::Uuid) {
    if journey.sid != Some(sid) {
        journey.sid = Some(sid);
        journey.signed_in_at = None;
        journey.tenant = None;
        journey.consented = false;
    }
}

/// `POST /interaction/{journey}/consent`: `decision`, `allow` or `deny`.
pub async fn post_consent(
    State(site): State<Site>,
    browser: Browser,
    Segment(handle): Segment,
    FormParams(params): FormParams,
) -> Response {
    match consent(&site, &browser, &handle, &params).await {
        Ok(response) => response,
        Err(error) => page::trouble(&site, &browser, error),
    }
}

async fn consent(site: &Site, browser: &Browser, handle: &str, params: &Params) -> Result<Response, Trouble> {
    let mut loaded = match posted(site, browser, handle, params).await? {
        Ok(loaded) => loaded,
        Err(response) => return Ok(response),
    };
    let decision = params.get("decision").unwrap_or_default();
    if decision == "deny" {
        return cancelled(site, browser, &loaded).await;
    }
    let scene = scene::scene(site, browser, &loaded.journey).await?;
    let back = see_other(&site.link(&path_of(handle)));
    // Consent counts where it was asked for: not before sign-in and the choice of tenant, and only from the consent page.
    let (Next::Consent(_), Some(person), Some(client)) = (&scene.next, &scene.person, &scene.client) else {
        return Ok(back);
    };
    let Some(request) = request_of(&loaded.journey).filter(|_| decision == "allow") else { return Ok(back) };
    consents::give(site.accounts(), person.user.id, client, &request.consent_scope(), browser.address()).await?;
    let sid = person.session.sid;
    journeys::advance(site.provider(), &mut loaded, |journey| {
        same_session(journey, sid);
        journey.consented = true;
    })
    .await?;
    Ok(back)
}

async fn cancelled(site: &Site, browser: &Browser, loaded: &Loaded) -> Result<Response, Trouble> {
    let error = OAuthError::because(ErrorCode::AccessDenied, "The person cancelled");
    finish(site, browser, loaded, Answer::Refused(error)).await
}
