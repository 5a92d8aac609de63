//! Signing in without the browser (CIBA, poll), and the simulated telephone that approves.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::token::issue;
use super::{Chosen, Decision, FRAME, Grant, Method, Psc, Request};
use crate::simulation::asked::Asked;
use crate::simulation::clients::{Client, authenticate};
use crate::simulation::{pages, reply};

/// The telephone's page; `POST` with `request` and `decision=approve|refuse` is its button.
pub(super) const PHONE: &str = "/simulation/phone";

/// Life of a request.
pub(super) const LIFE: Duration = Duration::from_secs(120);
/// Least time between two polls.
const INTERVAL: Duration = Duration::from_secs(1);

/// `POST /ext/ciba/auth`.
pub(super) async fn begin(State(psc): State<Arc<Psc>>, asked: Asked) -> Response {
    psc.desk.count("ciba");
    let client = match authenticate(&psc.desk.clients, &asked) {
        Ok(client) => client,
        Err(refusal) => return *refusal,
    };
    let form = &asked.form;
    let scope = form.get("scope").unwrap_or_default();
    if !scope.split(' ').any(|scope| scope == "openid") {
        return reply::refused("invalid_scope", "openid is missing");
    }
    if form.get("acr_values") != Some("eidas1") {
        return reply::refused("invalid_request", "acr_values must be eidas1");
    }
    let number = form.get("binding_message").unwrap_or_default();
    if number.len() != 2 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return reply::refused("invalid_binding_message", "binding_message must be two digits");
    }
    let method = match form.get("channel") {
        Some("CARD") => Method::Card,
        Some("MOBILE") | None => Method::Mobile,
        Some(_) => return reply::refused("invalid_request", "channel must be CARD or MOBILE"),
    };
    let Some(person) = form.get("login_hint").and_then(|id| psc.professionals.find_by_national_id(id)) else {
        return reply::refused("unknown_user_id", "login_hint names nobody");
    };
    let acr = "eidas1".to_owned();
    let chosen = Chosen { person, method, acr, number: number.to_owned(), decision: Decision::Pending(None) };
    let request = Request { client_id: client.client_id.clone(), scope: scope.to_owned(), chosen, polled: None };
    let id = psc.desk.random();
    psc.requests.put(&id, request, psc.desk.now());
    reply::json(&json!({"auth_req_id": id, "expires_in": LIFE.as_secs(), "interval": INTERVAL.as_secs()}))
}

/// The token endpoint's part: pending, refused, too fast, or done once.
pub(super) fn poll(psc: &Psc, client: &Client, asked: &Asked) -> Response {
    let (id, now) = (asked.form.get("auth_req_id").unwrap_or_default(), psc.desk.now());
    let looked = psc.requests.with(id, now, |request| {
        let fast = request.polled.is_some_and(|polled| now.since(polled) < INTERVAL);
        request.polled = Some(now);
        (request.client_id == client.client_id, fast, request.chosen.decision)
    });
    match looked {
        None => reply::refused("expired_token", "Request is over"),
        Some((false, ..)) => reply::refused("invalid_grant", "Request of another client"),
        Some((_, true, Decision::Pending(_))) => reply::refused("slow_down", "Too many polls"),
        Some((_, _, Decision::Pending(_))) => reply::refused("authorization_pending", "The person has not decided"),
        Some((_, _, Decision::Refused)) => {
            psc.requests.take(id, now);
            reply::refused("access_denied", "User denied access")
        }
        Some((_, _, Decision::Approved)) => match psc.requests.take(id, now) {
            Some(request) => issue(psc, client, granted(psc, request)),
            None => reply::refused("invalid_grant", "Request is used"),
        },
    }
}

fn granted(psc: &Psc, request: Request) -> Grant {
    let (sid, session) = psc.begin_session(&request.chosen);
    Grant {
        client_id: request.client_id,
        redirect_uri: String::new(),
        nonce: None,
        challenge: None,
        scope: request.scope,
        failure: None,
        sid,
        session,
    }
}

/// Everything that waits for a telephone.
pub(super) async fn phone(State(psc): State<Arc<Psc>>) -> Response {
    let now = psc.desk.now();
    let waiting = |chosen: &Chosen| matches!(chosen.decision, Decision::Pending(_));
    let row = |id: String, chosen: &Chosen, client: String| pages::PhoneRow {
        id,
        name: name(&chosen.person),
        client,
        number: chosen.number.clone(),
    };
    let asked = psc.requests.all(now).into_iter().map(|(id, request)| (id, request.chosen, request.client_id));
    let opened =
        psc.sign_ins.all(now).into_iter().filter_map(|(id, sign_in)| Some((id, sign_in.chosen?, sign_in.client_id)));
    let rows = asked
        .chain(opened)
        .filter(|(_, chosen, _)| waiting(chosen))
        .map(|(id, chosen, client)| row(id, &chosen, client))
        .collect();
    pages::show(StatusCode::OK, &pages::Phone { frame: FRAME, action: PHONE, rows })
}

/// A button of the telephone.
pub(super) async fn decide(State(psc): State<Arc<Psc>>, asked: Asked) -> Response {
    let (id, now) = (asked.form.get("request").unwrap_or_default(), psc.desk.now());
    let decision = match asked.form.get("decision") {
        Some("approve") => Decision::Approved,
        Some("refuse") => Decision::Refused,
        _ => return reply::refused("invalid_request", "decision must be approve or refuse"),
    };
    let set = |chosen: &mut Chosen| {
        if matches!(chosen.decision, Decision::Pending(_)) {
            chosen.decision = decision;
        }
    };
    let found = psc.requests.with(id, now, |request| set(&mut request.chosen)).or_else(|| {
        psc.sign_ins.with(id, now, |sign_in| {
            if let Some(chosen) = &mut sign_in.chosen {
                set(chosen);
            }
        })
    });
    match found {
        Some(()) => reply::see_other(&psc.desk.at(PHONE)),
        None => pages::refusal(&FRAME, "Cette demande n’existe pas, ou elle est terminée."),
    }
}

fn name(person: &Map<String, Value>) -> String {
    let text = |name: &str| person.get(name).and_then(Value::as_str).unwrap_or_default();
    format!("{} {}", text("given_name"), text("family_name"))
}
