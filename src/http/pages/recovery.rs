//! The pages for a forgotten password: ask for a link, open it, choose.
//!
//! Looking changes nothing: a link is used up by the form that it shows, so that programs which open links before the
//! person does (mail filters, previews) cannot use it up.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::Response;

use super::guard;
use super::show::{self, layout};
use super::views::{Link, Message, PasswordResetForm, PasswordResetRequest, PasswordResetSent, Status, StatusKind};
use crate::account::recovery::{self, Asked, Choice, Chosen, LINK_LIFETIME, LINK_PATH, Question};
use crate::base::Secret;
use crate::http::extract::{Browser, FormParams, Segment};
use crate::http::respond::page::{self, FormTarget};
use crate::http::site::Site;
use crate::http::trouble::Trouble;
use crate::model::user::User;
use crate::oauth::Params;

/// Longest address taken, in bytes.
const LONGEST_EMAIL: usize = 320;

/// `GET /password-reset`: the form that asks for the address.
pub async fn get(State(site): State<Site>, browser: Browser) -> Response {
    if !recovery::is_offered(site.accounts()) {
        return page::not_found(&site, &browser);
    }
    browser.remember(request_page(&site, &browser, "", None))
}

/// `POST /password-reset`: `email`. The answer is the same whether or not there is such an account.
pub async fn post(State(site): State<Site>, browser: Browser, FormParams(params): FormParams) -> Response {
    ask(&site, &browser, &params).await.unwrap_or_else(|error| page::trouble(&site, &browser, error))
}

async fn ask(site: &Site, browser: &Browser, params: &Params) -> Result<Response, Trouble> {
    if let Some(refused) = guard::foreign_form(site, browser, params) {
        return Ok(refused);
    }
    if !recovery::is_offered(site.accounts()) {
        return Ok(page::not_found(site, browser));
    }
    let email = params.get("email").unwrap_or_default();
    if email.trim().is_empty() {
        return Ok(request_page(site, browser, "", Some(Message::EmailMissing)));
    }
    if email.len() > LONGEST_EMAIL {
        return Ok(request_page(site, browser, "", Some(Message::EmailMalformed)));
    }
    let question =
        Question { email: email.to_owned(), address: browser.address(), locale: Some(locale(site, browser)) };
    Ok(match recovery::ask(site.accounts(), question).await? {
        Asked::Noted => sent_page(site, browser),
        Asked::Malformed => request_page(site, browser, email, Some(Message::EmailMalformed)),
        Asked::TooMany { retry_after } => {
            let seconds = page::whole_seconds(retry_after);
            let mut response = request_page(site, browser, email, Some(Message::TooManyTries { seconds }));
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
            response
        }
    })
}

/// `GET /password-reset/{token}`: the form for the new password, if the link holds.
pub async fn get_link(State(site): State<Site>, browser: Browser, Segment(token): Segment) -> Response {
    let response = match recovery::owner(site.accounts(), &token).await {
        Ok(Some(owner)) => form_page(&site, &browser, &token, &owner, None),
        Ok(None) => page::reset_link_over(&site, &browser),
        Err(error) => page::trouble(&site, &browser, error.into()),
    };
    browser.remember(response)
}

/// `POST /password-reset/{token}`: `new_password`, `repeat_password`.
pub async fn post_link(
    State(site): State<Site>,
    browser: Browser,
    Segment(token): Segment,
    FormParams(params): FormParams,
) -> Response {
    choose(&site, &browser, &token, &params).await.unwrap_or_else(|error| page::trouble(&site, &browser, error))
}

async fn choose(site: &Site, browser: &Browser, token: &str, params: &Params) -> Result<Response, Trouble> {
    if let Some(refused) = guard::foreign_form(site, browser, params) {
        return Ok(refused);
    }
    let Some(owner) = recovery::owner(site.accounts(), token).await? else {
        return Ok(page::reset_link_over(site, browser));
    };
    let new = params.get("new_password").unwrap_or_default();
    if new != params.get("repeat_password").unwrap_or_default() {
        return Ok(form_page(site, browser, token, &owner, Some(Wrong::Repeat)));
    }
    let choice = Choice {
        token: Secret::new(token.to_owned()),
        new: Secret::new(new.to_owned()),
        address: browser.address(),
        user_agent: browser.user_agent(),
        locale: Some(locale(site, browser)),
    };
    Ok(match recovery::choose(site.accounts(), choice).await? {
        Chosen::Done => done_page(site, browser),
        Chosen::LinkOver => page::reset_link_over(site, browser),
        Chosen::Refused(refusal) => form_page(site, browser, token, &owner, Some(Wrong::New(show::why(refusal)))),
    })
}

/// Language of the page, for the mails to a person whose own is not known.
fn locale(site: &Site, browser: &Browser) -> String {
    browser.locale(&[], site.default_locale).as_str().to_owned()
}

/// The form that asks for the address; a message about the address stands beside it, one about the whole above it.
fn request_page(site: &Site, browser: &Browser, email: &str, wrong: Option<Message>) -> Response {
    let whole = wrong.filter(|message| message.is_warning());
    let status = match (wrong, whole) {
        (None, _) => StatusCode::OK,
        (Some(_), None) => StatusCode::UNPROCESSABLE_ENTITY,
        (Some(_), Some(_)) => StatusCode::TOO_MANY_REQUESTS,
    };
    let view = PasswordResetRequest {
        layout: layout(site, browser, &[], None, LINK_PATH),
        action: site.link(LINK_PATH),
        email: email.to_owned(),
        email_error: wrong.filter(|message| !message.is_warning()),
        problem: whole,
        back_url: Some(site.link("/sign-in")),
    };
    page::html(status, view.render(), FormTarget::Own)
}

fn sent_page(site: &Site, browser: &Browser) -> Response {
    let view = PasswordResetSent {
        layout: layout(site, browser, &[], None, LINK_PATH),
        valid_seconds: LINK_LIFETIME.as_secs(),
        again_url: site.link(LINK_PATH),
        back_url: Some(site.link("/sign-in")),
    };
    page::html(StatusCode::OK, view.render(), FormTarget::Own)
}

/// What is wrong with the new password.
#[derive(Clone, Copy)]
enum Wrong {
    New(Message),
    Repeat,
}

fn form_page(site: &Site, browser: &Browser, token: &str, owner: &User, wrong: Option<Wrong>) -> Response {
    let here = format!("{LINK_PATH}/{token}");
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let (new_error, repeat_error) = match wrong {
        None => (None, None),
        Some(Wrong::New(message)) => (Some(message), None),
        Some(Wrong::Repeat) => (None, Some(Message::PasswordsDiffer)),
    };
    let view = PasswordResetForm {
        layout: layout(site, browser, &[], None, &here),
        action: site.link(&here),
        email: owner.email.clone(),
        new_error,
        repeat_error,
        minimum: show::least(site, owner),
    };
    page::html(status, view.render(), FormTarget::Own)
}

fn done_page(site: &Site, browser: &Browser) -> Response {
    let layout = layout(site, browser, &[], None, LINK_PATH);
    let link = Some(Link::sign_in(&layout, site.link("/sign-in")));
    let view = Status { layout, kind: StatusKind::PasswordChanged, link };
    page::html(StatusCode::OK, view.render(), FormTarget::Own)
}
