//! The pages of the simulations: French, without script, each under the banner that says what it is.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::failure::{Failure, Stage};
use super::reply;

/// Where the look of the pages is.
pub(super) const STYLE_PATH: &str = "/simulation/style.css";

/// What stands around every page.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// Whom this is a simulation of.
    pub(super) brand: &'static str,
}

/// A made-up person to be chosen.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) about: String,
}

/// A failure to be chosen.
#[derive(Debug, Clone)]
pub(super) struct FailureRow {
    name: String,
    label: String,
}

/// The failures that one sign-in can carry with it: those of discovery and keys come before any sign-in.
pub(super) fn carried_failures() -> Vec<FailureRow> {
    let carried = |failure: &Failure| !matches!(failure.stage, Stage::Discovery | Stage::Jwks | Stage::LogoutToken);
    let row = |failure: Failure| FailureRow { name: failure.to_string(), label: failure.about().to_owned() };
    Failure::all().filter(carried).map(row).collect()
}

/// Who is it? `data-page="simulation-choice"`.
#[derive(Debug, Template)]
#[template(path = "simulation/choice.html")]
pub(super) struct Choice {
    pub(super) frame: Frame,
    pub(super) action: &'static str,
    pub(super) sign_in: String,
    pub(super) client: String,
    pub(super) people: Vec<Person>,
    /// Ways to authenticate, and assurance levels: Pro Santé Connect alone has them.
    pub(super) levels: bool,
    pub(super) failures: Vec<FailureRow>,
}

/// Waiting for the telephone, and leaving. `data-page="simulation-wait"`.
#[derive(Debug, Template)]
#[template(path = "simulation/wait.html")]
pub(super) struct Wait {
    pub(super) frame: Frame,
    /// Seconds until the browser looks again.
    pub(super) refresh: u32,
    pub(super) next: String,
    /// It is decided: the browser goes back to the client.
    pub(super) leaving: bool,
    pub(super) number: Option<String>,
    pub(super) phone: Option<String>,
}

/// A request that the telephone shows.
#[derive(Debug)]
pub(super) struct PhoneRow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) client: String,
    pub(super) number: String,
}

/// The simulated telephone. `data-page="simulation-phone"`.
#[derive(Debug, Template)]
#[template(path = "simulation/phone.html")]
pub(super) struct Phone {
    pub(super) frame: Frame,
    pub(super) action: &'static str,
    pub(super) rows: Vec<PhoneRow>,
}

/// A message: signed out, an error. `data-page="simulation-message"`.
#[derive(Debug, Template)]
#[template(path = "simulation/message.html")]
pub(super) struct Message {
    pub(super) frame: Frame,
    pub(super) title: String,
    pub(super) text: String,
}

/// The first page. `data-page="simulation-home"`.
#[derive(Debug, Template)]
#[template(path = "simulation/home.html")]
pub(super) struct Home {
    pub(super) frame: Frame,
    pub(super) issuer: String,
    pub(super) discovery: Option<String>,
    pub(super) clients: Vec<String>,
    pub(super) people: Vec<Person>,
    pub(super) phone: bool,
}

/// A page as an answer. A template that fails is an empty page: it is a simulation.
pub(super) fn show(status: StatusCode, page: &impl Template) -> Response {
    reply::page(status, page.render().unwrap_or_default())
}

/// A request that is refused without leaving the page.
pub(super) fn refusal(frame: &Frame, text: &str) -> Response {
    let page = Message { frame: frame.clone(), title: "Demande refusée".to_owned(), text: text.to_owned() };
    show(StatusCode::BAD_REQUEST, &page)
}
