//! A sign-in on the person's telephone (CIBA): the number is typed here, two digits are shown, and the page waits.
//!
//! Everything stands at one address below the journey, and so belongs to the browser that began the journey: `GET` shows the
//! form, or looks what became of the request; `POST` begins one, or gives it up.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse as _, Response};

use super::scene::{Scene, request_of, scene};
use super::views::{CibaStart, CibaWait, Message};
use super::{guard, interaction, show, upstreams};
use crate::federation::ciba::{self, Begun, Look, Waiting};
use crate::federation::round_trip::{Failed, Purpose as Trip};
use crate::federation::{FederationError, Upstream};
use crate::http::extract::{Browser, FormParams, Segment, Segments};
use crate::http::respond::authorization::see_other;
use crate::http::respond::page::{self, FormTarget};
use crate::http::site::Site;
use crate::http::trouble::Trouble;
use crate::model::journey::{Journey, OwnPage, Purpose};
use crate::oauth::Params;
use crate::provider::dispatch::Next;
use crate::provider::journeys;

/// The page, below its journey.
pub const PAGE: &str = "/interaction/{journey}/ciba/{upstream}";
/// Where it begins without an application.
pub const SIGN_IN: &str = "/sign-in/{upstream}/ciba";

/// Longest text that is taken and shown again as typed, in characters.
const LONGEST_TYPED: usize = 80;
/// Seconds between two loads of the waiting page, at least: a page that flickers cannot be read.
const SLOWEST_EYE: u64 = 2;

/// The page of a journey at an upstream.
pub fn path_of(handle: &str, upstream: &str) -> String {
    format!("{}/ciba/{upstream}", interaction::path_of(handle))
}

/// An upstream that has such a sign-in.
fn find<'a>(site: &'a Site, name: &str) -> Option<&'a Upstream> {
    site.federation().find(name).filter(|upstream| upstream.settings.ciba)
}

/// `GET /sign-in/{upstream}/ciba`: begins a journey there that ends on the account page.
pub async fn sign_in(State(site): State<Site>, browser: Browser, Segment(name): Segment) -> Response {
    let outcome = async {
        let Some(upstream) = find(&site, &name) else { return Ok(page::not_found(&site, &browser)) };
        if browser.only_looks() {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        let purpose = Purpose::Own { page: OwnPage::Account };
        let handle = journeys::begin(site.provider(), purpose, &browser.digest()).await?;
        Ok(see_other(&site.link(&path_of(&handle, &upstream.settings.name))))
    };
    browser.remember(outcome.await.unwrap_or_else(|error: Trouble| page::trouble(&site, &browser, error)))
}

/// One request at the page: its journey is this browser's and waits for a sign-in.
struct Visit<'a> {
    site: &'a Site,
    browser: &'a Browser,
    upstream: &'a Upstream,
    handle: &'a str,
    journey: Journey,
    scene: Scene,
}

impl<'a> Visit<'a> {
    async fn of(
        site: &'a Site,
        browser: &'a Browser,
        (handle, name): (&'a str, &str),
    ) -> Result<Result<Self, Response>, Trouble> {
        let known = browser.known_digest();
        let Some(loaded) = journeys::load(site.provider(), handle, known.as_ref()).await? else {
            return Ok(Err(page::journey_over(site, browser)));
        };
        let asked = request_of(&loaded.journey).and_then(|request| request.tenant.as_deref());
        let Some(upstream) = find(site, name).filter(|upstream| upstream.is_for(asked)) else {
            return Ok(Err(page::not_found(site, browser)));
        };
        let scene = scene(site, browser, &loaded.journey).await?;
        // Another step of the journey is not left by this; and the other tab may have ended it.
        if !matches!(scene.next, Next::SignIn(_)) {
            return Ok(Err(see_other(&site.link(&interaction::path_of(handle)))));
        }
        Ok(Ok(Self { site, browser, upstream, handle, journey: loaded.journey, scene }))
    }

    fn here(&self) -> String {
        path_of(self.handle, &self.upstream.settings.name)
    }

    /// The form, with what went wrong.
    fn form(&self, typed: &str, wrong: Option<Wrong>) -> Response {
        let here = self.here();
        let (status, number_error, problem) = match wrong {
            None => (StatusCode::OK, None, None),
            Some(Wrong::Number(message)) => (StatusCode::UNPROCESSABLE_ENTITY, Some(message), None),
            Some(Wrong::Pending) => (StatusCode::CONFLICT, None, Some(Message::NumberPending)),
            Some(Wrong::TooMany(seconds)) => {
                (StatusCode::TOO_MANY_REQUESTS, None, Some(Message::TooManyTries { seconds }))
            }
        };
        let view = CibaStart {
            layout: show::journey_layout_at(self.site, self.browser, &self.journey, &self.scene, &here),
            upstream: self.upstream.settings.label.clone(),
            action: self.site.link(&here),
            number: typed.chars().take(LONGEST_TYPED).collect(),
            number_error,
            problem,
            back_url: self.site.link(&interaction::path_of(self.handle)),
        };
        let mut response = page::html(status, view.render(), FormTarget::Own);
        if let Some(Wrong::TooMany(seconds)) = wrong {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }

    fn wait(&self, waiting: Waiting) -> Response {
        let here = self.here();
        let view = CibaWait {
            layout: show::journey_layout_at(self.site, self.browser, &self.journey, &self.scene, &here),
            action: self.site.link(&here),
            number: waiting.number,
            again: page::whole_seconds(waiting.again).max(SLOWEST_EYE),
        };
        page::html(StatusCode::OK, view.render(), FormTarget::Own)
    }

    fn failed(&self, error: FederationError) -> Result<Response, Trouble> {
        let purpose = Trip::Journey { handle: self.handle.to_owned() };
        upstreams::failed(self.site, self.browser, self.upstream, Failed { purpose: Some(purpose), error })
    }
}

/// What is wrong with the form.
#[derive(Debug, Clone, Copy)]
enum Wrong {
    Number(Message),
    Pending,
    TooMany(u64),
}

/// `GET /interaction/{journey}/ciba/{upstream}`.
pub async fn get(State(site): State<Site>, browser: Browser, Segments(handle, name): Segments) -> Response {
    let outcome = async {
        let visit = match Visit::of(&site, &browser, (&handle, &name)).await? {
            Ok(visit) => visit,
            Err(response) => return Ok(response),
        };
        if browser.only_looks() {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        match ciba::look(site.federation(), visit.upstream, &handle).await {
            Ok(Look::Nothing) => Ok(visit.form("", None)),
            Ok(Look::Waiting(waiting)) => Ok(visit.wait(waiting)),
            Ok(Look::Proven(proven)) => upstreams::arrived(&site, &browser, visit.upstream, &handle, *proven).await,
            Err(error) => visit.failed(error),
        }
    };
    browser.remember(outcome.await.unwrap_or_else(|error| page::trouble(&site, &browser, error)))
}

/// `POST /interaction/{journey}/ciba/{upstream}`: `national_id`; or `decision=cancel`.
pub async fn post(
    State(site): State<Site>,
    browser: Browser,
    Segments(handle, name): Segments,
    FormParams(params): FormParams,
) -> Response {
    let outcome = posted(&site, &browser, (&handle, &name), &params).await;
    outcome.unwrap_or_else(|error| page::trouble(&site, &browser, error))
}

async fn posted(
    site: &Site,
    browser: &Browser,
    (handle, name): (&str, &str),
    params: &Params,
) -> Result<Response, Trouble> {
    if let Some(refused) = guard::foreign_form(site, browser, params) {
        return Ok(refused);
    }
    let visit = match Visit::of(site, browser, (handle, name)).await? {
        Ok(visit) => visit,
        Err(response) => return Ok(response),
    };
    if params.get("decision") == Some("cancel") {
        return match ciba::give_up(site.federation(), visit.upstream, handle).await {
            Ok(_) => Ok(see_other(&site.link(&interaction::path_of(handle)))),
            Err(error) => visit.failed(error),
        };
    }
    let typed = params.get("national_id").unwrap_or_default();
    let begun = ciba::begin(site.federation(), visit.upstream, handle, typed, browser.address()).await;
    let wrong = match begun {
        Ok(Begun::Waiting) => return Ok(see_other(&site.link(&visit.here()))),
        Ok(Begun::Malformed) => Wrong::Number(Message::NumberMalformed),
        Ok(Begun::Nobody) => Wrong::Number(Message::NumberUnknown),
        Ok(Begun::Pending) => Wrong::Pending,
        Ok(Begun::TooMany(wait)) => Wrong::TooMany(page::whole_seconds(wait.max(Duration::from_secs(1)))),
        Err(error) => return visit.failed(error),
    };
    site.metrics.sign_in("upstream");
    Ok(visit.form(typed, Some(wrong)))
}
