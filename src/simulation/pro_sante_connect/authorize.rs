//! From the authorization request to the answer: checks, the choice of a person, the wait for the telephone, the return.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::Response;

use super::session::Session;
use super::{Chosen, Decision, FRAME, Grant, Method, Psc, SignIn, ciba};
use crate::base::entropy;
use crate::simulation::asked::Asked;
use crate::simulation::clients::find;
use crate::simulation::failure::{Failure, Fault, Stage};
use crate::simulation::{pages, reply};

/// The wallet's authorization page.
pub(super) const PATH: &str = "/auth";
pub(super) const CHOICE: &str = "/auth/choice";
pub(super) const WAIT: &str = "/auth/wait";
pub(super) const RETURN: &str = "/auth/return";

/// Cookie of the single sign-on session. Cookies know no ports, so the name has to be this simulation's own.
pub(super) const COOKIE: &str = "simulation_psc";
/// How long the telephone takes to approve by itself.
const PHONE_DELAY: Duration = Duration::from_secs(2);
/// The one level that a client may ask for.
const ACR: &str = "eidas1";

/// `GET`: reads the request, then answers at once where a session or `simulate_person` says who it is, else asks.
pub(super) async fn begin(State(psc): State<Arc<Psc>>, asked: Asked) -> Response {
    psc.desk.count("authorization");
    let sign_in = match read(&psc, &asked) {
        Ok(sign_in) => sign_in,
        Err(refusal) => return *refusal,
    };
    if let Some(person) = asked.query.get("simulate_person").and_then(|id| psc.professionals.find(id)) {
        let number = number(&psc);
        let acr = asked.query.get("simulate_acr").unwrap_or(ACR).to_owned();
        let chosen = Chosen { person, method: Method::Card, acr, number, decision: Decision::Approved };
        let (sid, session) = psc.begin_session(&chosen);
        return with_session(grant(&psc, sign_in, &sid, session), &sid);
    }
    let prompt = asked.query.get("prompt").unwrap_or_default();
    let running = asked.cookie(COOKIE).and_then(|sid| Some((sid.to_owned(), psc.session(sid)?)));
    match running {
        Some((sid, session)) if prompt != "login" => grant(&psc, sign_in, &sid, session),
        _ if prompt == "none" => answer_error(&psc, &sign_in, "login_required", "User is not authenticated"),
        _ => {
            let handle = psc.desk.random();
            let client = sign_in.client_id.clone();
            psc.sign_ins.put(&handle, sign_in, psc.desk.now());
            let page = pages::Choice {
                frame: FRAME,
                action: CHOICE,
                sign_in: handle,
                client,
                people: psc.professionals.rows(),
                levels: true,
                failures: pages::carried_failures(),
            };
            pages::show(StatusCode::OK, &page)
        }
    }
}

/// The request, checked as the real service checks it. A doubtful client or return address is refused here, all else there.
fn read(psc: &Psc, asked: &Asked) -> Result<SignIn, Box<Response>> {
    let query = &asked.query;
    let here = |text: &str| Box::new(pages::refusal(&FRAME, text));
    let id = query.get("client_id").ok_or_else(|| here("client_id manque."))?;
    let client = find(&psc.desk.clients, id).ok_or_else(|| here("Ce client_id n’est pas enregistré."))?;
    let uri = query.get("redirect_uri").ok_or_else(|| here("redirect_uri manque."))?;
    if !client.may_return_to(uri) {
        return Err(here("Cette redirect_uri n’est pas enregistrée."));
    }
    let failure = match query.get("simulate") {
        Some(name) => Some(Failure::parse(name).ok_or_else(|| here("Cette panne n’existe pas."))?),
        None => None,
    };
    let method = query.get("code_challenge_method").unwrap_or("plain");
    let sign_in = SignIn {
        client_id: id.to_owned(),
        redirect_uri: uri.to_owned(),
        state: query.get("state").unwrap_or_default().to_owned(),
        nonce: query.get("nonce").map(str::to_owned),
        challenge: query.get("code_challenge").map(|challenge| (challenge.to_owned(), method.to_owned())),
        scope: query.get("scope").unwrap_or_default().to_owned(),
        failure,
        chosen: None,
    };
    let there = |code: &str, why: &str| Err(Box::new(answer_error(psc, &sign_in, code, why)));
    if let Some(name) = query.repeats() {
        return there("invalid_request", &format!("duplicated parameter {name}"));
    }
    if query.get("response_type") != Some("code") {
        return there(
            "unsupported_response_type",
            "Client is not allowed to initiate browser login with this response_type",
        );
    }
    if !sign_in.scope.split(' ').any(|scope| scope == "openid") {
        return there("invalid_scope", "openid is missing");
    }
    if query.get("acr_values") != Some(ACR) {
        return there("invalid_request", "acr_values must be eidas1");
    }
    if sign_in.state.is_empty() {
        return there("invalid_request", "state is missing");
    }
    if !["S256", "plain"].contains(&method) {
        return there("invalid_request", "Invalid parameter: invalid code_challenge_method");
    }
    Ok(sign_in)
}

/// `POST`: who it is, and by which means.
pub(super) async fn choose(State(psc): State<Arc<Psc>>, asked: Asked) -> Response {
    let form = &asked.form;
    let handle = form.get("sign_in").unwrap_or_default();
    let now = psc.desk.now();
    let person = form.get("person").and_then(|id| psc.professionals.find(id));
    let cancelled = form.get("decision") == Some("cancel");
    let (method, decision) = match form.get("method") {
        Some("card") => (Method::Card, Decision::Approved),
        Some("phone") => (Method::Mobile, Decision::Pending(None)),
        _ => (Method::Mobile, Decision::Pending(Some(now.plus(PHONE_DELAY)))),
    };
    let decision = if cancelled { Decision::Refused } else { decision };
    let Some(person) = person.or_else(|| psc.professionals.find("medecin").filter(|_| cancelled)) else {
        return pages::refusal(&FRAME, "Cette personne n’existe pas.");
    };
    let acr = form.get("acr").unwrap_or(ACR).to_owned();
    let failure = form.get("failure").and_then(Failure::parse);
    let chosen = Chosen { person, method, acr, number: number(&psc), decision };
    let known = psc.sign_ins.with(handle, now, |sign_in| {
        sign_in.chosen = Some(chosen);
        sign_in.failure = failure.or(sign_in.failure);
    });
    match known {
        Some(()) => reply::see_other(&reply::with_query(&psc.desk.at(WAIT), [("sign_in", handle)])),
        None => over(),
    }
}

/// The page that waits; it looks again by itself until the telephone has decided. Nothing leaves from the answer to a form:
/// the page's policy, which names the simulation alone, would hold a browser back.
pub(super) async fn wait(State(psc): State<Arc<Psc>>, asked: Asked) -> Response {
    let handle = asked.query.get("sign_in").unwrap_or_default();
    let now = psc.desk.now();
    let Some(chosen) = psc.sign_ins.get(handle, now).and_then(|sign_in| sign_in.chosen) else { return over() };
    let leaving = match chosen.decision {
        Decision::Pending(until) => until.is_some_and(|until| until <= now),
        Decision::Approved | Decision::Refused => true,
    };
    let path = if leaving { RETURN } else { WAIT };
    let page = pages::Wait {
        frame: FRAME,
        refresh: u32::from(!leaving),
        next: reply::with_query(&psc.desk.at(path), [("sign_in", handle)]),
        leaving,
        number: Some(chosen.number),
        phone: Some(psc.desk.at(ciba::PHONE)),
    };
    pages::show(StatusCode::OK, &page)
}

/// Back to the client, once.
pub(super) async fn leave(State(psc): State<Arc<Psc>>, asked: Asked) -> Response {
    let handle = asked.query.get("sign_in").unwrap_or_default();
    let now = psc.desk.now();
    let pending =
        |chosen: &Chosen| matches!(chosen.decision, Decision::Pending(until) if until.is_none_or(|at| at > now));
    let waits = psc.sign_ins.with(handle, now, |sign_in| sign_in.chosen.as_ref().is_none_or(pending));
    if waits != Some(false) {
        return over();
    }
    let Some(mut sign_in) = psc.sign_ins.take(handle, now) else { return over() };
    match sign_in.chosen.take() {
        Some(chosen) if chosen.decision != Decision::Refused => {
            let (sid, session) = psc.begin_session(&chosen);
            with_session(grant(&psc, sign_in, &sid, session), &sid)
        }
        _ => answer_error(&psc, &sign_in, "access_denied", "User denied access"),
    }
}

/// Makes the code, and the answer that brings it, unless a failure has another one.
fn grant(psc: &Psc, sign_in: SignIn, sid: &str, session: Session) -> Response {
    let fault = psc.desk.fault(Stage::Callback, sign_in.failure);
    let refusal = match fault {
        Some(Fault::AccessDenied) => Some("access_denied"),
        Some(Fault::LoginRequired) => Some("login_required"),
        Some(Fault::ServerError) => Some("server_error"),
        Some(Fault::Unavailable) => Some("temporarily_unavailable"),
        _ => None,
    };
    if let Some(code) = refusal {
        return answer_error(psc, &sign_in, code, "Simulated");
    }
    let code = format!("{}.{sid}.{}", psc.desk.uuid(), psc.desk.random());
    let (issuer, uri, state) = (psc.issuer(), sign_in.redirect_uri.clone(), sign_in.state.clone());
    let grant = Grant {
        client_id: sign_in.client_id,
        redirect_uri: sign_in.redirect_uri,
        nonce: sign_in.nonce,
        challenge: sign_in.challenge,
        scope: sign_in.scope,
        failure: sign_in.failure,
        sid: sid.to_owned(),
        session,
    };
    psc.codes.put(&code, grant, psc.desk.now());
    let mut pairs = vec![("state", state.as_str()), ("session_state", sid), ("iss", &issuer), ("code", &code)];
    match fault {
        Some(Fault::MissingState) => pairs.retain(|(name, _)| *name != "state"),
        Some(Fault::MissingIssuer) => pairs.retain(|(name, _)| *name != "iss"),
        Some(Fault::MissingCode) => pairs.retain(|(name, _)| *name != "code"),
        Some(Fault::WrongState) => replace(&mut pairs, "state", "of-another-request"),
        Some(Fault::WrongIssuer) => replace(&mut pairs, "iss", "https://issuer.example"),
        Some(Fault::UnknownCode) => replace(&mut pairs, "code", "of-another-provider"),
        _ => {}
    }
    reply::redirect(&reply::with_query(&uri, pairs))
}

fn replace<'a>(pairs: &mut [(&'a str, &'a str)], name: &str, value: &'a str) {
    pairs.iter_mut().filter(|(key, _)| *key == name).for_each(|pair| pair.1 = value);
}

fn answer_error(psc: &Psc, sign_in: &SignIn, code: &str, why: &str) -> Response {
    let issuer = psc.issuer();
    let mut pairs = vec![("error", code), ("error_description", why)];
    if !sign_in.state.is_empty() {
        pairs.push(("state", &sign_in.state));
    }
    pairs.push(("iss", &issuer));
    reply::redirect(&reply::with_query(&sign_in.redirect_uri, pairs))
}

fn with_session(response: Response, sid: &str) -> Response {
    reply::with_header(response, SET_COOKIE, &format!("{COOKIE}={sid}; Path=/; HttpOnly; SameSite=Lax"))
}

/// Two digits that the page and the telephone show.
fn number(psc: &Psc) -> String {
    let [byte] = entropy::bytes::<1>(psc.desk.entropy.as_ref());
    format!("{:02}", byte % 100)
}

fn over() -> Response {
    pages::refusal(&FRAME, "Cette demande n’existe pas, ou elle est terminée.")
}
