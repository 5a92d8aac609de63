//! End-session endpoint, OpenID Connect RP-Initiated Logout 1.0.
//!
//! 1. read the request  2. proven by its hint: end the session and go on  3. otherwise ask the person; nothing ends on a GET
//! that proves nothing (security item 47).

use axum::extract::{RawQuery, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use url::form_urlencoded::Serializer;

use crate::federation::logout as upstream_logout;
use crate::http::extract::{Browser, FormParams, QueryParams};
use crate::http::pages::scene::{Person, person};
use crate::http::pages::show::Farewell;
use crate::http::pages::{guard, show};
use crate::http::respond::authorization::see_other;
use crate::http::respond::page;
use crate::http::site::Site;
use crate::http::trouble::Trouble;
use crate::model::session::SessionEnd;
use crate::oauth::Params;
use crate::provider::discovery::path;
use crate::provider::end_session::{self, LogoutRequest};
use crate::provider::logout;
use crate::provider::subject;

/// `GET /end-session`.
pub async fn get(State(site): State<Site>, browser: Browser, QueryParams(params): QueryParams) -> Response {
    let outcome = match params {
        Ok(params) => begin(&site, &browser, &params).await,
        Err(error) => Err(Trouble::Refused(error)),
    };
    browser.remember(outcome.unwrap_or_else(|error| page::trouble(&site, &browser, error)))
}

/// `POST /end-session`: a relying application's POST comes without our cookies and goes on as a GET; the form of our own
/// confirmation page carries `csrf`, has the request in its address, and ends the session.
pub async fn post(
    State(site): State<Site>,
    browser: Browser,
    RawQuery(query): RawQuery,
    FormParams(params): FormParams,
) -> Response {
    if params.get("csrf").is_none() {
        let query = Serializer::new(String::new()).extend_pairs(params.pairs()).finish();
        return see_other(&format!("{}?{query}", site.link(path::END_SESSION)));
    }
    if params.get("decision") == Some("cancel") {
        return see_other(&site.link("/account"));
    }
    let whole = params.and(query.unwrap_or_default().as_bytes());
    let outcome = match whole {
        Ok(params) => confirmed(&site, &browser, &params).await,
        Err(error) => Err(Trouble::Refused(error)),
    };
    outcome.unwrap_or_else(|error| page::trouble(&site, &browser, error))
}

async fn begin(site: &Site, browser: &Browser, params: &Params) -> Result<Response, Trouble> {
    let request = end_session::read(site.provider(), params).await?;
    let present = person(site, browser, None).await?;
    // The client of the request is the one that the hint was issued to.
    let client = request.client.as_deref();
    let sub = present.as_ref().map(|person| subject::sub(site.provider(), client, &person.user));
    if browser.only_looks() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    if request.is_proven(sub.as_deref()) {
        return end(site, browser, present, &request, Proof::Hint).await;
    }
    if present.is_none() {
        return Ok(show::signed_out(site, browser, &request, Farewell::Nowhere, Vec::new()));
    }
    Ok(show::logout(site, browser, params, &request))
}

async fn confirmed(site: &Site, browser: &Browser, params: &Params) -> Result<Response, Trouble> {
    if let Some(refused) = guard::foreign_form(site, browser, params) {
        return Ok(refused);
    }
    let request = end_session::read(site.provider(), params).await?;
    let present = person(site, browser, None).await?;
    end(site, browser, present, &request, Proof::Person).await
}

/// What allows the session to end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// An ID token of ours about this person: the client may be redirected to.
    Hint,
    /// The person's own word; without a hint nobody proved who asks, so nothing redirects.
    Person,
}

async fn end(
    site: &Site,
    browser: &Browser,
    present: Option<Person>,
    request: &LogoutRequest,
    proof: Proof,
) -> Result<Response, Trouble> {
    let is_known = proof == Proof::Hint || request.hint.is_some();
    let onward = request.return_uri.as_deref().filter(|_| is_known);
    let onward = onward.map(|uri| with_state(uri, request.state.as_deref()));
    let mut upstream = None;
    let mut frames = Vec::new();
    if let Some(Person { session, .. }) = &present {
        let last = onward.clone().unwrap_or_else(|| site.link(path::END_SESSION));
        upstream = upstream_logout::way_out(site.federation(), session, last, &browser.digest()).await?;
        end_session::end(site.provider(), session, SessionEnd::Logout).await?;
        logout::give_a_chance(site.provider(), session.sid).await?;
        frames = logout::frames(site.provider(), session.sid).await?;
    }
    let mut response = match (upstream, onward) {
        (Some(upstream), _) if frames.is_empty() && proof == Proof::Hint => see_other(&upstream.url),
        // The policy of the page whose form was sent does not name the upstream, and browsers hold it against redirects.
        (Some(upstream), _) => show::signed_out(site, browser, request, Farewell::Upstream(upstream), frames),
        (None, Some(uri)) if frames.is_empty() => see_other(&uri),
        (None, Some(uri)) => show::signed_out(site, browser, request, Farewell::Client(uri), frames),
        (None, None) => show::signed_out(site, browser, request, Farewell::Nowhere, frames),
    };
    response.headers_mut().insert("clear-site-data", HeaderValue::from_static("\"cache\", \"storage\""));
    Ok(browser.sign_out(response))
}

fn with_state(uri: &str, state: Option<&str>) -> String {
    let Some(state) = state else { return uri.to_owned() };
    let separator = if uri.contains('?') { '&' } else { '?' };
    let encoded = Serializer::new(String::new()).append_pair("state", state).finish();
    format!("{uri}{separator}{encoded}")
}
