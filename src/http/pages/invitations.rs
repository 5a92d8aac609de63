//! The page of an invitation's link: who invites, and how to accept.
//!
//! Looking changes nothing. Accepting is a form: as the person who is signed in here; by a sign-in of any kind, whose
//! journey ends with it; or with a new account for the invited address.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use uuid::Uuid;

use super::interaction::path_of;
use super::scene::person;
use super::show::{layout, why};
use super::upstreams::present;
use super::views::{ErrorKind, InvitationPage, Message};
use super::{account, guard};
use crate::account::invitations::{self, Accepted, Joined, LINK_PATH, Newcomer};
use crate::account::passwords::Policy;
use crate::base::Secret;
use crate::http::extract::{Browser, FormParams, Segment};
use crate::http::respond::authorization::see_other;
use crate::http::respond::page::{self, FormTarget};
use crate::http::site::Site;
use crate::http::trouble::Trouble;
use crate::model::identity::Claimed;
use crate::model::invitation::Invitation;
use crate::model::journey::{Journey, OwnPage, Purpose};
use crate::model::session::Session;
use crate::oauth::Params;
use crate::provider::journeys;

/// Route of the page.
pub const PAGE: &str = "/invitations/{token}";

/// `GET /invitations/{token}`.
pub async fn get(State(site): State<Site>, browser: Browser, Segment(token): Segment) -> Response {
    let outcome = async {
        let Some(invitation) = invitations::of_link(site.accounts(), &token).await? else {
            return Ok(over(&site, &browser));
        };
        show(&site, &browser, &token, &invitation, Wrong::default()).await
    };
    browser.remember(outcome.await.unwrap_or_else(|error| page::trouble(&site, &browser, error)))
}

/// `POST /invitations/{token}`: `decision`, and what goes with it.
pub async fn post(
    State(site): State<Site>,
    browser: Browser,
    Segment(token): Segment,
    FormParams(params): FormParams,
) -> Response {
    decide(&site, &browser, &token, &params).await.unwrap_or_else(|error| page::trouble(&site, &browser, error))
}

async fn decide(site: &Site, browser: &Browser, token: &str, params: &Params) -> Result<Response, Trouble> {
    if let Some(refused) = guard::foreign_form(site, browser, params) {
        return Ok(refused);
    }
    let Some(invitation) = invitations::of_link(site.accounts(), token).await? else { return Ok(over(site, browser)) };
    match params.get("decision") {
        Some("accept") => match present(site, browser).await? {
            Some(session) => accept(site, browser, invitation.uuid, &session).await,
            None => sign_in(site, browser, &invitation).await,
        },
        Some("join") => join(site, browser, token, &invitation, params).await,
        _ => sign_in(site, browser, &invitation).await,
    }
}

/// Begins a sign-in of any kind; its journey ends with the acceptance.
async fn sign_in(site: &Site, browser: &Browser, invitation: &Invitation) -> Result<Response, Trouble> {
    let purpose = Purpose::Own { page: OwnPage::Invitation(invitation.uuid) };
    let handle = journeys::begin(site.provider(), purpose, &browser.digest()).await?;
    Ok(see_other(&site.link(&path_of(&handle))))
}

/// Accepts as the person of `session`.
pub async fn accept(site: &Site, browser: &Browser, invitation: Uuid, session: &Session) -> Result<Response, Trouble> {
    Ok(match invitations::accept(site.accounts(), invitation, session, browser.address()).await? {
        Accepted::Done => see_other(&site.link("/account?done=joined")),
        Accepted::Over => over(site, browser),
        Accepted::OtherPerson => {
            page::upstream_error(site, browser, ErrorKind::InvitationOtherPerson, Some(account::ACCOUNT.to_owned()))
        }
    })
}

/// Whether a person whom an upstream proved may get an account at an upstream that makes none: the one whom the journey's
/// invitation means.
pub async fn lets_in(site: &Site, journey: &Journey, claimed: &Claimed) -> Result<bool, Trouble> {
    let Purpose::Own { page: OwnPage::Invitation(uuid) } = journey.purpose else { return Ok(false) };
    let Some(invitation) = invitations::open(site.accounts(), uuid).await? else { return Ok(false) };
    Ok(match (&invitation.rpps, &claimed.email) {
        (Some(rpps), _) => claimed.national.as_ref().and_then(|national| national.rpps(false)) == Some(rpps.as_str()),
        (None, Some(email)) => email.verified && invitation.is_mailed_to(&email.address),
        (None, None) => false,
    })
}

async fn join(
    site: &Site,
    browser: &Browser,
    token: &str,
    invitation: &Invitation,
    params: &Params,
) -> Result<Response, Trouble> {
    let field = |name: &str| params.get(name).unwrap_or_default().to_owned();
    let typed = Wrong { first_name: field("first_name"), last_name: field("last_name"), ..Wrong::default() };
    let new = field("new_password");
    if new != field("repeat_password") {
        let wrong = Wrong { repeat: Some(Message::PasswordsDiffer), ..typed };
        return show(site, browser, token, invitation, wrong).await;
    }
    let newcomer = Newcomer {
        token: Secret::new(token.to_owned()),
        first_name: typed.first_name.clone(),
        last_name: typed.last_name.clone(),
        password: Secret::new(new),
        address: browser.address(),
        user_agent: browser.user_agent(),
        locale: Some(browser.locale(&[], site.default_locale).as_str().to_owned()),
        present: present(site, browser).await?,
    };
    match invitations::join(site.accounts(), newcomer).await? {
        Joined::Done(session) => {
            site.metrics.sign_in("done");
            Ok(browser.sign_in(site, see_other(&site.link("/account?done=joined")), session.expose()))
        }
        Joined::Over => Ok(over(site, browser)),
        Joined::SignInInstead => sign_in(site, browser, invitation).await,
        Joined::Name => {
            show(site, browser, token, invitation, Wrong { name: Some(Message::NameMissing), ..typed }).await
        }
        Joined::Refused(refusal) => {
            show(site, browser, token, invitation, Wrong { new: Some(why(refusal)), ..typed }).await
        }
    }
}

/// What was typed, and what is wrong with it.
#[derive(Debug, Default)]
struct Wrong {
    first_name: String,
    last_name: String,
    name: Option<Message>,
    new: Option<Message>,
    repeat: Option<Message>,
}

async fn show(
    site: &Site,
    browser: &Browser,
    token: &str,
    invitation: &Invitation,
    wrong: Wrong,
) -> Result<Response, Trouble> {
    let here = format!("{LINK_PATH}/{token}");
    let mut layout = layout(site, browser, &[], None, &here);
    layout.signed_in_as = person(site, browser, None).await?.map(|person| person.user.display_name());
    let is_wrong = wrong.name.is_some() || wrong.new.is_some() || wrong.repeat.is_some();
    let status = if is_wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let known = invitation.rpps.is_some() || invitations::has_account(site.accounts(), invitation).await?;
    let view = InvitationPage {
        layout,
        action: site.link(&here),
        tenant: invitation.tenant.name.clone(),
        kind: invitation.tenant.kind,
        roles: invitation.roles.clone(),
        email: invitation.email.clone(),
        professional: invitation.rpps.is_some(),
        joins: !known,
        minimum: match site.accounts().policy() {
            Policy::Strict => 15,
            Policy::Seed => 8,
        },
        first_name: wrong.first_name,
        last_name: wrong.last_name,
        name_error: wrong.name,
        new_error: wrong.new,
        repeat_error: wrong.repeat,
    };
    Ok(page::html(status, view.render(), FormTarget::Own).into_response())
}

fn over(site: &Site, browser: &Browser) -> Response {
    page::invitation_over(site, browser)
}
