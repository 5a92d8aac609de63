//! Authorization endpoint, RFC 6749 §3.1, OpenID Connect Core §3.1.2.
//!
//! 1. read and check the request  2. ask the dispatcher what comes next  3. answer at once, or begin a journey.

use axum::extract::{OriginalUri, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use url::form_urlencoded::Serializer;

use crate::http::extract::{Browser, FormParams, QueryParams};
use crate::http::pages::interaction::{self, Step};
use crate::http::respond::authorization::see_other;
use crate::http::respond::page;
use crate::http::site::Site;
use crate::model::journey::{Journey, Purpose};
use crate::oauth::authorization::Refusal;
use crate::oauth::{ErrorCode, OAuthError};
use crate::provider::authorize::{Accepted, accept};
use crate::provider::discovery::path;
use crate::provider::journeys;

/// Longest query that is built of a posted request, in bytes; more is refused rather than cut.
const LONGEST_QUERY: usize = 12_000;

/// `GET /authorize`.
pub async fn get(State(site): State<Site>, browser: Browser, QueryParams(params): QueryParams) -> Response {
    let accepted = match params.map_err(Refusal::Page) {
        Ok(params) => accept(site.provider(), &params).await,
        Err(refusal) => Err(refusal),
    };
    let response = match accepted {
        Ok(accepted) => begin(&site, &browser, accepted).await,
        Err(Refusal::Page(error)) => page::oauth_error(&site, &browser, &error),
        Err(Refusal::Redirect(refusal)) => interaction::refuse(&site, &browser, &refusal),
    };
    browser.remember(response)
}

/// `POST /authorize`: the same request as a GET. Cookies that are `SameSite=Lax` do not come with a cross-site POST, so the
/// browser is sent to the GET form of the request, where they do.
pub async fn post(
    State(site): State<Site>,
    browser: Browser,
    OriginalUri(uri): OriginalUri,
    FormParams(params): FormParams,
) -> Response {
    let query = Serializer::new(String::new()).extend_pairs(params.pairs()).finish();
    if query.len() > LONGEST_QUERY || uri.query().is_some() {
        let error =
            OAuthError::because(ErrorCode::InvalidRequest, "The request is too long, or in query and body at once");
        return page::oauth_error(&site, &browser, &error);
    }
    see_other(&format!("{}?{query}", site.link(path::AUTHORIZE)))
}

async fn begin(site: &Site, browser: &Browser, accepted: Accepted) -> Response {
    let request = accepted.request;
    let journey = Journey::begin(Purpose::Authorize { request: Box::new(request) }, &browser.digest(), site.now());
    let step = match interaction::next(site, browser, &journey).await {
        Ok(step) => step,
        Err(error) => return page::trouble(site, browser, error),
    };
    match step {
        _ if browser.only_looks() => StatusCode::NO_CONTENT.into_response(),
        Step::Answer(answer) => interaction::answer(site, browser, &journey, answer).await,
        Step::Page(_) => match journeys::begin(site.provider(), journey.purpose, &browser.digest()).await {
            Ok(handle) => see_other(&site.link(&interaction::path_of(&handle))),
            Err(error) => page::trouble(site, browser, error.into()),
        },
    }
}
