//! Sessions end: by the browser, by a refresh token, from outside. Clients that have a back channel are told.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::Response;
use serde_json::{Value, json};

use super::authorize::COOKIE;
use super::professionals::national_id;
use super::session::Session;
use super::token::spoil;
use super::{FRAME, Psc};
use crate::outbound::Call;
use crate::simulation::asked::Asked;
use crate::simulation::clients::{Client, authenticate, find};
use crate::simulation::failure::{Fault, Stage};
use crate::simulation::{pages, reply};

/// Life of a logout token.
const LIFE: Duration = Duration::from_secs(120);

/// `GET /logout` of a browser: `id_token_hint`, `post_logout_redirect_uri`, `state`, `client_id`.
pub(super) async fn by_browser(State(psc): State<Arc<Psc>>, asked: Asked) -> Response {
    psc.desk.count("logout");
    let query = &asked.query;
    let hint = query.get("id_token_hint").map(|hint| psc.desk.key.open(hint));
    if matches!(hint, Some(None)) {
        return pages::refusal(&FRAME, "id_token_hint n’est pas un jeton d’ici.");
    }
    let hint = hint.flatten();
    let text = |name: &str| hint.as_ref().and_then(|claims| claims.get(name)).and_then(Value::as_str);
    let client = text("azp").or_else(|| query.get("client_id")).and_then(|id| find(&psc.desk.clients, id));
    let back = query.get("post_logout_redirect_uri");
    if let Some(back) = back
        && !client.is_some_and(|client| client.may_leave_to(back))
    {
        return pages::refusal(&FRAME, "Cette post_logout_redirect_uri n’est pas enregistrée.");
    }
    let sid = text("sid").or_else(|| asked.cookie(COOKIE)).map(str::to_owned);
    if let Some(sid) = sid {
        end(&psc, &sid).await;
    }
    let answer = if let Some(back) = back {
        reply::redirect(&reply::with_query(back, query.get("state").map(|state| ("state", state))))
    } else {
        let (title, text) = ("Vous êtes déconnecté", "La session simulée est terminée.");
        let page = pages::Message { frame: FRAME, title: title.to_owned(), text: text.to_owned() };
        pages::show(StatusCode::OK, &page)
    };
    reply::with_header(answer, SET_COOKIE, &format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"))
}

/// `POST /logout` of a client with its refresh token, as Keycloak takes it.
pub(super) async fn by_form(State(psc): State<Arc<Psc>>, asked: Asked) -> Response {
    psc.desk.count("logout");
    let client = match authenticate(&psc.desk.clients, &asked) {
        Ok(client) => client,
        Err(refusal) => return *refusal,
    };
    let token = asked.form.get("refresh_token").unwrap_or_default();
    let grant = psc.refresh.get(token, psc.desk.now()).filter(|grant| grant.client_id == client.client_id);
    let Some(grant) = grant else { return reply::refused("invalid_grant", "Invalid refresh token") };
    end(&psc, &grant.sid).await;
    reply::body(StatusCode::NO_CONTENT, "text/plain", "")
}

/// `POST /simulation/back-channel-logout`: ends sessions by `sid`, or by `national_id`, or all, and says what each client answered.
pub(super) async fn from_outside(State(psc): State<Arc<Psc>>, asked: Asked) -> Response {
    let (sid, national) = (asked.either("sid"), asked.either("national_id"));
    let mut answers = Vec::new();
    for (name, session) in psc.sessions.all(psc.desk.now()) {
        let meant = sid.is_none_or(|sid| sid == name) && national.is_none_or(|id| id == national_id(&session.person));
        if meant {
            answers.extend(end(&psc, &name).await);
        }
    }
    reply::json(&json!({"told": answers}))
}

/// Ends a session and tells the clients. Its tokens are dead with it.
async fn end(psc: &Psc, sid: &str) -> Vec<Value> {
    let Some(session) = psc.sessions.take(sid, psc.desk.now()) else { return Vec::new() };
    let mut answers = Vec::new();
    for client in session.clients.iter().filter_map(|id| find(&psc.desk.clients, id)) {
        if let Some(uri) = &client.backchannel_logout_uri {
            let token = logout_token(psc, client, sid, &session);
            let sent = psc.outbound.send(Call::post_form(uri, [("logout_token", token.as_str())])).await;
            answers.push(match sent {
                Ok(reply) => json!({"client_id": client.client_id, "sid": sid, "status": reply.status.as_u16()}),
                Err(error) => json!({"client_id": client.client_id, "sid": sid, "error": error.to_string()}),
            });
        }
    }
    answers
}

fn logout_token(psc: &Psc, client: &Client, sid: &str, session: &Session) -> String {
    let now = psc.desk.now();
    let fault = psc.desk.fault(Stage::LogoutToken, None);
    let claims = json!({
        "iat": now.seconds(),
        "exp": now.plus(LIFE).seconds(),
        "jti": psc.desk.uuid(),
        "iss": psc.issuer(),
        "aud": client.client_id,
        "sub": session.subject(),
        "typ": "Logout",
        "sid": sid,
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    });
    let mut claims = claims.as_object().cloned().unwrap_or_default();
    match fault {
        Some(Fault::NoEvents) => drop(claims.remove("events")),
        Some(Fault::WithNonce) => drop(claims.insert("nonce".to_owned(), "forbidden".into())),
        _ => spoil(&mut claims, fault),
    }
    psc.desk.key.sign("logout+jwt", &claims, fault, client.client_secret.expose())
}
