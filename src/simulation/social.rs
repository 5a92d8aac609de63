//! What the simulations of Google, Facebook and GitHub share: the page of choice, codes, tokens, people.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::asked::Asked;
use super::clients::find;
use super::desk::Desk;
use super::failure::{Failure, Fault, Stage};
use super::pages::{self, Frame};
use super::reply;
use super::shelf::Shelf;

const LIST: &str = include_str!("people.json");
const CHOICE: &str = "/simulation/choice";
const RETURN: &str = "/simulation/return";

/// Names `numero-0` to `numero-999999` are people as well, who are on no page.
const NUMBERED: &str = "numero-";

/// Time to choose.
const CHOOSING: Duration = Duration::from_secs(10 * 60);
/// Life of a code, GitHub's.
const CODE: Duration = Duration::from_secs(10 * 60);
/// Life of an access token, Google's.
pub(super) const ACCESS: Duration = Duration::from_secs(3_599);

/// A made-up person.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Someone {
    id: String,
    name: String,
    about: String,
    pub(super) profile: Map<String, Value>,
    #[serde(default)]
    pub(super) emails: Vec<Value>,
}

/// An authorization request, then what its code and token stand for.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) state: Option<String>,
    pub(super) nonce: Option<String>,
    /// PKCE, `S256` alone.
    pub(super) challenge: Option<String>,
    pub(super) scope: String,
    pub(super) offline: bool,
    pub(super) failure: Option<Failure>,
    pub(super) person: Option<Arc<Someone>>,
}

/// How one provider speaks to the browser.
#[derive(Debug)]
pub(super) struct Manner {
    pub(super) frame: Frame,
    /// Key of its people.
    pub(super) name: &'static str,
    /// What its good answer has beside `code` and `state`; `iss` among it is the issuer of RFC 9207.
    pub(super) extra: fn(&Social, &Grant) -> Vec<(&'static str, String)>,
    /// What its refusal has beside `error` and `state`.
    pub(super) refusal: &'static [(&'static str, &'static str)],
    /// What it appends behind everything.
    pub(super) fragment: &'static str,
    /// The person of a number.
    pub(super) numbered: fn(u32) -> Value,
}

/// Everything that the handlers of one provider share.
#[derive(Debug)]
pub(super) struct Social {
    pub(super) desk: Arc<Desk>,
    manner: Manner,
    people: Vec<Arc<Someone>>,
    sign_ins: Shelf<Grant>,
    codes: Shelf<Grant>,
    pub(super) tokens: Shelf<Grant>,
    pub(super) refresh: Shelf<Grant>,
}

/// The routes that all three have.
pub(super) fn router() -> Router<Arc<Social>> {
    Router::new().route("/", get(home)).route(CHOICE, post(choose)).route(RETURN, get(leave))
}

impl Social {
    pub(super) fn new(desk: Arc<Desk>, manner: Manner) -> Self {
        let mut all: BTreeMap<String, Vec<Arc<Someone>>> = serde_json::from_str(LIST).unwrap_or_default();
        Self {
            people: all.remove(manner.name).unwrap_or_default(),
            desk,
            manner,
            sign_ins: Shelf::new(CHOOSING),
            codes: Shelf::new(CODE),
            tokens: Shelf::new(ACCESS),
            refresh: Shelf::new(Duration::from_secs(24 * 3_600)),
        }
    }

    fn person(&self, id: &str) -> Option<Arc<Someone>> {
        let listed = self.people.iter().find(|person| person.id == id).cloned();
        listed.or_else(|| {
            let number = id.strip_prefix(NUMBERED)?.parse().ok().filter(|number| *number <= 999_999)?;
            serde_json::from_value((self.manner.numbered)(number)).ok().map(Arc::new)
        })
    }

    fn rows(&self) -> Vec<pages::Person> {
        let row = |person: &Arc<Someone>| pages::Person {
            id: person.id.clone(),
            name: person.name.clone(),
            about: person.about.clone(),
        };
        self.people.iter().map(row).collect()
    }

    /// Takes an authorization request: a page of choice, or at once the answer where `simulate_person` says who it is.
    pub(super) fn authorize(&self, asked: &Asked) -> Response {
        self.desk.count("authorization");
        let query = &asked.query;
        let here = |text: &str| pages::refusal(&self.manner.frame, text);
        let Some(client) = query.get("client_id").and_then(|id| find(&self.desk.clients, id)) else {
            return here("Ce client_id n’est pas enregistré.");
        };
        let Some(uri) = query.get("redirect_uri").filter(|uri| client.may_return_to(uri)) else {
            return here("Cette redirect_uri n’est pas enregistrée.");
        };
        let failure = query.get("simulate").map(Failure::parse);
        if query.get("response_type").is_some_and(|kind| kind != "code") || failure == Some(None) {
            return here("Cette demande ne convient pas.");
        }
        let own = |name: &str| query.get(name).map(str::to_owned);
        let grant = Grant {
            client_id: client.client_id.clone(),
            redirect_uri: uri.to_owned(),
            state: own("state"),
            nonce: own("nonce"),
            challenge: own("code_challenge").filter(|_| query.get("code_challenge_method") == Some("S256")),
            scope: own("scope").unwrap_or_default(),
            offline: query.get("access_type") == Some("offline"),
            failure: failure.flatten(),
            person: query.get("simulate_person").and_then(|id| self.person(id)),
        };
        if query.get("prompt") == Some("none") {
            return self.refuse(&grant, "interaction_required");
        }
        if grant.person.is_some() {
            return self.grant(grant);
        }
        let sign_in = self.desk.random();
        self.sign_ins.put(&sign_in, grant, self.desk.now());
        let page = pages::Choice {
            frame: self.manner.frame.clone(),
            action: CHOICE,
            sign_in,
            client: client.client_id.clone(),
            people: self.rows(),
            levels: false,
            failures: pages::carried_failures(),
        };
        pages::show(StatusCode::OK, &page)
    }

    fn grant(&self, grant: Grant) -> Response {
        let fault = self.desk.fault(Stage::Callback, grant.failure);
        match fault {
            Some(Fault::AccessDenied) => return self.refuse(&grant, "access_denied"),
            Some(Fault::LoginRequired) => return self.refuse(&grant, "login_required"),
            Some(Fault::ServerError) => return self.refuse(&grant, "server_error"),
            Some(Fault::Unavailable) => return self.refuse(&grant, "temporarily_unavailable"),
            _ => {}
        }
        let code = self.desk.random();
        let mut pairs = vec![("code", code.clone())];
        pairs.extend(grant.state.clone().map(|state| ("state", state)));
        pairs.extend((self.manner.extra)(self, &grant));
        for (name, value) in &mut pairs {
            match (fault, *name) {
                (Some(Fault::WrongState), "state") => "of-another-request".clone_into(value),
                (Some(Fault::WrongIssuer), "iss") => "https://issuer.example".clone_into(value),
                (Some(Fault::UnknownCode), "code") => "of-another-provider".clone_into(value),
                _ => {}
            }
        }
        pairs.retain(|(name, _)| {
            !matches!(
                (fault, *name),
                (Some(Fault::MissingState), "state")
                    | (Some(Fault::MissingIssuer), "iss")
                    | (Some(Fault::MissingCode), "code")
            )
        });
        let to = reply::with_query(&grant.redirect_uri, pairs.iter().map(|(name, value)| (*name, value.as_str())));
        self.codes.put(&code, grant, self.desk.now());
        reply::redirect(&format!("{to}{}", self.manner.fragment))
    }

    fn refuse(&self, grant: &Grant, code: &str) -> Response {
        let mut pairs = vec![("error", code)];
        pairs.extend_from_slice(self.manner.refusal);
        pairs.extend(grant.state.as_deref().map(|state| ("state", state)));
        // A refusal names its issuer as well (RFC 9207 §2).
        let extra = (self.manner.extra)(self, grant);
        pairs.extend(extra.iter().filter(|(name, _)| *name == "iss").map(|(name, value)| (*name, value.as_str())));
        let to = reply::with_query(&grant.redirect_uri, pairs);
        reply::redirect(&format!("{to}{}", self.manner.fragment))
    }

    /// The failure that a code carries, without using the code.
    pub(super) fn carried(&self, code: Option<&str>) -> Option<Failure> {
        self.codes.get(code?, self.desk.now())?.failure
    }

    /// Redeems a code: once, by its client, to its address, with its verifier. An error is the provider's to word.
    pub(super) fn redeem(&self, client_id: &str, asked: &Asked) -> Result<Grant, Unfit> {
        let code = asked.either("code").ok_or(Unfit::Code)?;
        let grant = self.codes.take(code, self.desk.now()).ok_or(Unfit::Code)?;
        if grant.client_id != client_id {
            return Err(Unfit::Code);
        }
        if asked.either("redirect_uri").is_some_and(|uri| uri != grant.redirect_uri) {
            return Err(Unfit::RedirectUri);
        }
        let digest = |verifier: &str| crate::base::digest::Digest::of(verifier.as_bytes()).to_base64url();
        match (&grant.challenge, asked.either("code_verifier")) {
            (Some(challenge), Some(verifier)) if digest(verifier) == *challenge => Ok(grant),
            (None, _) => Ok(grant),
            (Some(_), _) => Err(Unfit::Verifier),
        }
    }

    /// What an access token stands for.
    pub(super) fn token(&self, token: Option<&str>) -> Option<Grant> {
        self.tokens.get(token?, self.desk.now())
    }
}

/// Why a code is not redeemed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    Code,
    RedirectUri,
    Verifier,
}

/// Makes the id of a profile wrong; `name` is `sub` or `id`.
pub(super) fn spoil(profile: &mut Map<String, Value>, name: &str, fault: Option<Fault>) {
    let turned = |value: Option<&Value>| match value {
        Some(Value::Number(number)) => json!(number.to_string()),
        _ => json!(12_345),
    };
    let other = |value: Option<&Value>| match value {
        Some(Value::Number(_)) => json!(99_999_999),
        _ => json!("109999999999999999999"),
    };
    let value = match fault {
        Some(Fault::NullSubject) => Value::Null,
        Some(Fault::EmptySubject) => "".into(),
        Some(Fault::NumberSubject) => turned(profile.get(name)),
        Some(Fault::LongSubject) => "9".repeat(10 * 1024).into(),
        Some(Fault::OtherSubject) => other(profile.get(name)),
        Some(Fault::MissingSubject) => return drop(profile.remove(name)),
        Some(Fault::NoEmail) => return drop(profile.remove("email")),
        _ => return,
    };
    profile.insert(name.to_owned(), value);
}

async fn home(State(social): State<Arc<Social>>) -> Response {
    let page = pages::Home {
        frame: social.manner.frame.clone(),
        issuer: social.desk.url.clone(),
        discovery: None,
        clients: social.desk.clients.iter().map(|client| client.client_id.clone()).collect(),
        people: social.rows(),
        phone: false,
    };
    pages::show(StatusCode::OK, &page)
}

/// Who it is. The answer leaves by the page's refresh: see the wait of Pro Santé Connect.
async fn choose(State(social): State<Arc<Social>>, asked: Asked) -> Response {
    let form = &asked.form;
    let handle = form.get("sign_in").unwrap_or_default();
    let person = form.get("person").and_then(|id| social.person(id));
    if person.is_none() && form.get("decision") != Some("cancel") {
        return pages::refusal(&social.manner.frame, "Cette personne n’existe pas.");
    }
    let failure = form.get("failure").and_then(Failure::parse);
    let known = social.sign_ins.with(handle, social.desk.now(), |grant| {
        grant.person = person;
        grant.failure = failure.or(grant.failure);
    });
    if known.is_none() {
        return pages::refusal(&social.manner.frame, "Cette demande n’existe pas, ou elle est terminée.");
    }
    let page = pages::Wait {
        frame: social.manner.frame.clone(),
        refresh: 0,
        next: reply::with_query(&social.desk.at(RETURN), [("sign_in", handle)]),
        leaving: true,
        number: None,
        phone: None,
    };
    pages::show(StatusCode::OK, &page)
}

async fn leave(State(social): State<Arc<Social>>, asked: Asked) -> Response {
    let handle = asked.query.get("sign_in").unwrap_or_default();
    match social.sign_ins.take(handle, social.desk.now()) {
        Some(grant) if grant.person.is_some() => social.grant(grant),
        Some(grant) => social.refuse(&grant, "access_denied"),
        None => pages::refusal(&social.manner.frame, "Cette demande n’existe pas, ou elle est terminée."),
    }
}
