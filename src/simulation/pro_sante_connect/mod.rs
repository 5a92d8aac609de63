//! A simulated Pro Santé Connect: a Keycloak realm with the names, claims and times of the real one.
//!
//! The real one has two hosts, `wallet.*` for the browser and `auth.*` for everything else; here both are one, and the
//! authorization endpoint keeps its own path.

mod authorize;
mod ciba;
mod discovery;
mod logout;
mod professionals;
mod session;
mod token;
mod userinfo;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Map, Value};

use super::desk::Desk;
use super::failure::Failure;
use super::pages::{self, Frame};
use super::reply;
use super::shelf::Shelf;
use crate::base::Timestamp;
use crate::outbound::Outbound;
use professionals::Professionals;
use session::Session;
pub(super) use token::spoil as spoil_claims;

/// Path of the realm.
pub(super) const REALM: &str = "/auth/realms/esante-wallet";
/// The discovery document that Pro Santé Connect documents.
pub(super) const DISCOVERY: &str = "/auth/realms/esante-wallet/.well-known/wallet-openid-configuration";
/// Keycloak's own, whose authorization endpoint is on the other host.
const STANDARD_DISCOVERY: &str = "/auth/realms/esante-wallet/.well-known/openid-configuration";

const FRAME: Frame = Frame { brand: "Pro Santé Connect" };

/// Life of an access token and of an ID token.
const ACCESS: Duration = Duration::from_secs(120);
/// A session that is not used ends, and a refresh token with it.
const IDLE: Duration = Duration::from_secs(30 * 60);
/// A session ends at the latest.
const LONGEST: Duration = Duration::from_secs(4 * 3600);
/// Life of a code (Keycloak's).
const CODE: Duration = Duration::from_secs(60);
/// Time to choose and to wait for the telephone.
const CHOOSING: Duration = Duration::from_secs(10 * 60);

/// How the person proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Card,
    Mobile,
}

impl Method {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Card => "CARD",
            Self::Mobile => "MOBILE",
        }
    }
}

/// What the telephone said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    /// Nothing yet; `Some` moment when it approves by itself.
    Pending(Option<Timestamp>),
    Approved,
    Refused,
}

/// An authorization request that waits for the person.
#[derive(Debug, Clone)]
struct SignIn {
    client_id: String,
    redirect_uri: String,
    state: String,
    nonce: Option<String>,
    /// Challenge and method.
    challenge: Option<(String, String)>,
    scope: String,
    failure: Option<Failure>,
    chosen: Option<Chosen>,
}

/// Who, how, and how far it is.
#[derive(Debug, Clone)]
struct Chosen {
    person: Arc<Map<String, Value>>,
    method: Method,
    acr: String,
    number: String,
    decision: Decision,
}

/// What a code or a token stands for.
#[derive(Debug, Clone)]
struct Grant {
    client_id: String,
    redirect_uri: String,
    nonce: Option<String>,
    challenge: Option<(String, String)>,
    scope: String,
    failure: Option<Failure>,
    sid: String,
    session: Session,
}

/// A backchannel authentication request (CIBA).
#[derive(Debug, Clone)]
struct Request {
    client_id: String,
    scope: String,
    chosen: Chosen,
    polled: Option<Timestamp>,
}

/// Everything that the handlers share.
#[derive(Debug)]
struct Psc {
    desk: Arc<Desk>,
    professionals: Professionals,
    outbound: Outbound,
    sign_ins: Shelf<SignIn>,
    requests: Shelf<Request>,
    codes: Shelf<Grant>,
    access: Shelf<Grant>,
    refresh: Shelf<Grant>,
    sessions: Shelf<Session>,
}

/// The routes. `outbound` carries logout tokens.
pub(super) fn router(desk: Arc<Desk>, outbound: Outbound) -> Router {
    let psc = Psc {
        desk,
        professionals: Professionals::load(),
        outbound,
        sign_ins: Shelf::new(CHOOSING),
        requests: Shelf::new(ciba::LIFE),
        codes: Shelf::new(CODE),
        access: Shelf::new(ACCESS),
        refresh: Shelf::new(IDLE),
        sessions: Shelf::new(IDLE),
    };
    let protocol = |path: &str| format!("{REALM}/protocol/openid-connect{path}");
    Router::new()
        .route("/", get(home))
        .route(DISCOVERY, get(discovery::wallet))
        .route(STANDARD_DISCOVERY, get(discovery::standard))
        .route(authorize::PATH, get(authorize::begin))
        .route(&protocol("/auth"), get(authorize::begin))
        .route(authorize::CHOICE, post(authorize::choose))
        .route(authorize::WAIT, get(authorize::wait))
        .route(authorize::RETURN, get(authorize::leave))
        .route(&protocol("/token"), post(token::endpoint))
        .route(&protocol("/token/introspect"), post(token::introspect))
        .route(&protocol("/revoke"), post(token::revoke))
        .route(&protocol("/userinfo"), get(userinfo::endpoint).post(userinfo::endpoint))
        .route(&protocol("/certs"), get(discovery::certs))
        .route(&protocol("/logout"), get(logout::by_browser).post(logout::by_form))
        .route(&protocol("/ext/ciba/auth"), post(ciba::begin))
        .route(&protocol("/ext/par/request"), post(not_simulated))
        .route(&protocol("/auth/device"), post(not_simulated))
        .route(&protocol("/login-status-iframe.html"), get(not_simulated))
        .route(ciba::PHONE, get(ciba::phone).post(ciba::decide))
        .route("/simulation/back-channel-logout", post(logout::from_outside))
        .with_state(Arc::new(psc))
}

async fn home(State(psc): State<Arc<Psc>>) -> Response {
    let page = pages::Home {
        frame: FRAME,
        issuer: psc.issuer(),
        discovery: Some(psc.desk.at(DISCOVERY)),
        clients: psc.desk.clients.iter().map(|client| client.client_id.clone()).collect(),
        people: psc.professionals.rows(),
        phone: true,
    };
    pages::show(StatusCode::OK, &page)
}

async fn not_simulated() -> Response {
    reply::error(StatusCode::NOT_IMPLEMENTED, "not_simulated", "Announced as Pro Sante Connect does, and not simulated")
}

impl Psc {
    fn issuer(&self) -> String {
        self.desk.at(REALM)
    }

    fn session(&self, sid: &str) -> Option<Session> {
        let now = self.desk.now();
        self.sessions.get(sid, now).filter(|session| now < session.started.plus(LONGEST))
    }
}
