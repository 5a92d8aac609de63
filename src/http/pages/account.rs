//! The person's own pages: sessions, consents, password.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use uuid::Uuid;

use super::scene::{Person, person};
use super::views::Message;
use super::{guard, links, show};
use crate::account::password_change::{Change, Changed, change};
use crate::account::{consents, overview, sessions};
use crate::base::Secret;
use crate::http::extract::{Browser, FormParams, QueryParams, Segment};
use crate::http::respond::authorization::see_other;
use crate::http::respond::page;
use crate::http::site::Site;
use crate::http::trouble::Trouble;
use crate::model::journey::{OwnPage, Purpose};
use crate::model::session::SessionEnd;
use crate::oauth::Params;
use crate::provider::discovery::path;
use crate::provider::end_session::LogoutRequest;
use crate::provider::{end_session, journeys, logout};

use super::interaction::path_of;

/// The account page.
pub const ACCOUNT: &str = "/account";

/// `GET /sign-in`: begins a sign-in that ends on the account page.
pub async fn sign_in(State(site): State<Site>, browser: Browser) -> Response {
    let response = match begin(&site, &browser).await {
        Ok(response) => response,
        Err(error) => page::trouble(&site, &browser, error),
    };
    browser.remember(response)
}

async fn begin(site: &Site, browser: &Browser) -> Result<Response, Trouble> {
    if browser.only_looks() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let purpose = Purpose::Own { page: OwnPage::Account };
    let handle = journeys::begin(site.provider(), purpose, &browser.digest()).await?;
    Ok(see_other(&site.link(&path_of(&handle))))
}

/// `GET /account`.
///
/// `done` names what a form of the page just did; anything else in it shows nothing.
pub async fn get(State(site): State<Site>, browser: Browser, QueryParams(params): QueryParams) -> Response {
    let done = params.ok().and_then(|params| params.get("done").and_then(flash));
    let response = match account(&site, &browser, done).await {
        Ok(response) => response,
        Err(error) => page::trouble(&site, &browser, error),
    };
    browser.remember(response)
}

fn flash(done: &str) -> Option<Message> {
    match done {
        "password-changed" => Some(Message::PasswordChanged),
        "session-ended" => Some(Message::SessionEnded),
        "others-ended" => Some(Message::OtherSessionsEnded),
        "consent-withdrawn" => Some(Message::ConsentWithdrawn),
        "welcome" => Some(Message::Welcome),
        "linked" => Some(Message::Linked),
        "unlinked" => Some(Message::Unlinked),
        "joined" => Some(Message::Joined),
        "proven" => Some(Message::Proven),
        _ => None,
    }
}

async fn account(site: &Site, browser: &Browser, done: Option<Message>) -> Result<Response, Trouble> {
    let Some(person) = person(site, browser, None).await? else { return begin(site, browser).await };
    match overview::overview(site.accounts(), person.user.id).await? {
        Some(content) => {
            let linked = links::shown(site, browser, &person).await?;
            Ok(show::account(site, browser, &person, &content, linked, done))
        }
        None => begin(site, browser).await,
    }
}

/// The signed-in person behind a form of ours, or the answer that sends the browser elsewhere.
async fn posted(site: &Site, browser: &Browser, params: &Params) -> Result<Result<Person, Response>, Trouble> {
    if let Some(refused) = guard::foreign_form(site, browser, params) {
        return Ok(Err(refused));
    }
    Ok(person(site, browser, None).await?.ok_or_else(|| see_other(&site.link("/sign-in"))))
}

/// `POST /account/sessions/{sid}/end`.
pub async fn end_one(
    State(site): State<Site>,
    browser: Browser,
    Segment(sid): Segment,
    FormParams(params): FormParams,
) -> Response {
    let Ok(sid) = Uuid::try_parse(&sid) else { return page::not_found(&site, &browser) };
    let outcome = async {
        let person = match posted(&site, &browser, &params).await? {
            Ok(person) => person,
            Err(response) => return Ok(response),
        };
        let done = see_other(&site.link("/account?done=session-ended"));
        if person.session.sid != sid {
            sessions::end_one(site.accounts(), person.user.id, sid).await?;
            return Ok(done);
        }
        end_session::end(site.provider(), &person.session, SessionEnd::Logout).await?;
        leave(&site, &browser, sid, done).await
    };
    outcome.await.unwrap_or_else(|error| page::trouble(&site, &browser, error))
}

/// The way out of a session that just ended here: over the page with the frames of its applications, where they have some.
async fn leave(site: &Site, browser: &Browser, sid: Uuid, otherwise: Response) -> Result<Response, Trouble> {
    let frames = logout::frames(site.provider(), sid).await?;
    let response = match frames.as_slice() {
        [] => otherwise,
        _ => show::signed_out(site, browser, &LogoutRequest::default(), show::Farewell::Nowhere, frames),
    };
    Ok(browser.sign_out(response))
}

/// `POST /account/sessions/end-others`.
pub async fn end_others(State(site): State<Site>, browser: Browser, FormParams(params): FormParams) -> Response {
    act(&site, &browser, &params, "others-ended", async |person: Person| {
        sessions::end_others(site.accounts(), person.user.id, person.session.sid).await?;
        Ok(())
    })
    .await
}

/// `POST /account/sessions/end-all`: this browser's too, which goes on to the page that says so.
pub async fn end_all(State(site): State<Site>, browser: Browser, FormParams(params): FormParams) -> Response {
    let outcome = async {
        let person = match posted(&site, &browser, &params).await? {
            Ok(person) => person,
            Err(response) => return Ok(response),
        };
        sessions::end_all(site.accounts(), person.user.id).await?;
        leave(&site, &browser, person.session.sid, see_other(&site.link(path::END_SESSION))).await
    };
    outcome.await.unwrap_or_else(|error| page::trouble(&site, &browser, error))
}

/// `POST /account/consents/{client_id}/withdraw`.
pub async fn withdraw(
    State(site): State<Site>,
    browser: Browser,
    Segment(client_id): Segment,
    FormParams(params): FormParams,
) -> Response {
    act(&site, &browser, &params, "consent-withdrawn", async |person: Person| {
        consents::withdraw(site.accounts(), person.user.id, &client_id).await?;
        Ok(())
    })
    .await
}

async fn act(
    site: &Site,
    browser: &Browser,
    params: &Params,
    done: &str,
    act: impl AsyncFnOnce(Person) -> Result<(), Trouble>,
) -> Response {
    let outcome = async {
        match posted(site, browser, params).await? {
            Ok(person) => {
                act(person).await?;
                Ok(see_other(&site.link(&format!("{ACCOUNT}?done={done}"))))
            }
            Err(response) => Ok(response),
        }
    };
    outcome.await.unwrap_or_else(|error| page::trouble(site, browser, error))
}

/// `GET /account/password`.
pub async fn password(State(site): State<Site>, browser: Browser) -> Response {
    let response = match person(&site, &browser, None).await {
        Ok(Some(person)) => show::password(&site, &browser, &person, None, StatusCode::OK),
        Ok(None) => see_other(&site.link("/sign-in")),
        Err(error) => page::trouble(&site, &browser, error),
    };
    browser.remember(response)
}

/// `POST /account/password`: `current_password`, `new_password`, `repeat_password`.
pub async fn post_password(State(site): State<Site>, browser: Browser, FormParams(params): FormParams) -> Response {
    change_password(&site, &browser, &params).await.unwrap_or_else(|error| page::trouble(&site, &browser, error))
}

async fn change_password(site: &Site, browser: &Browser, params: &Params) -> Result<Response, Trouble> {
    let person = match posted(site, browser, params).await? {
        Ok(person) => person,
        Err(response) => return Ok(response),
    };
    let field = |name: &str| params.get(name).unwrap_or_default().to_owned();
    let new = field("new_password");
    if new != field("repeat_password") {
        let problem = show::PasswordProblem::Mismatch;
        return Ok(show::password(site, browser, &person, Some(problem), StatusCode::UNPROCESSABLE_ENTITY));
    }
    let wanted = Change {
        present: Secret::new(field("current_password")),
        new: Secret::new(new),
        address: browser.address(),
        user_agent: browser.user_agent(),
        locale: Some(browser.locale(&[], site.default_locale).as_str().to_owned()),
    };
    let (problem, status) = match change(site.accounts(), &person.session, wanted).await? {
        Changed::Done => return Ok(see_other(&site.link("/account?done=password-changed"))),
        Changed::WrongPassword => (show::PasswordProblem::Wrong, StatusCode::UNPROCESSABLE_ENTITY),
        Changed::Refused(refusal) => (show::PasswordProblem::Refused(refusal), StatusCode::UNPROCESSABLE_ENTITY),
        Changed::TooMany { retry_after } => {
            (show::PasswordProblem::TooMany(retry_after), StatusCode::TOO_MANY_REQUESTS)
        }
    };
    Ok(show::password(site, browser, &person, Some(problem), status))
}
