//! Tokens: made, refreshed, introspected, revoked.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::professionals::national_id;
use super::{ACCESS, Grant, IDLE, Psc, REALM, ciba};
use crate::base::digest::{Digest, base64url};
use crate::simulation::asked::Asked;
use crate::simulation::clients::{self, Client, authenticate};
use crate::simulation::desk::stable_uuid;
use crate::simulation::failure::{Failure, Fault, Stage};
use crate::simulation::reply;

/// `POST /token`.
pub(super) async fn endpoint(State(psc): State<Arc<Psc>>, asked: Asked) -> Response {
    psc.desk.count("token");
    let carried =
        asked.form.get("code").and_then(|code| psc.codes.get(code, psc.desk.now())).and_then(|held| held.failure);
    let (fault, trouble) =
        psc.desk.trouble(Stage::Token, carried, &format!("{REALM}/protocol/openid-connect/token")).await;
    if let Some(trouble) = trouble {
        return trouble;
    }
    match fault {
        Some(Fault::InvalidGrant) => return reply::refused("invalid_grant", "Code not valid"),
        Some(Fault::InvalidClient) => return clients::invalid_client("Simulated"),
        _ => {}
    }
    let client = match authenticate(&psc.desk.clients, &asked) {
        Ok(client) => client,
        Err(refusal) => return *refusal,
    };
    match asked.form.get("grant_type") {
        Some("authorization_code") => by_code(&psc, client, &asked),
        Some("refresh_token") => by_refresh(&psc, client, &asked),
        Some("urn:openid:params:grant-type:ciba") => ciba::poll(&psc, client, &asked),
        Some("password" | "client_credentials") => reply::refused("unauthorized_client", "Not enabled for this client"),
        Some(_) => reply::refused("unsupported_grant_type", "Unsupported grant_type"),
        None => reply::refused("invalid_request", "Missing form parameter: grant_type"),
    }
}

fn by_code(psc: &Psc, client: &Client, asked: &Asked) -> Response {
    let code = asked.form.get("code").unwrap_or_default();
    let Some(grant) = psc.codes.take(code, psc.desk.now()) else {
        return reply::refused("invalid_grant", "Code not valid");
    };
    if grant.client_id != client.client_id {
        return reply::refused("invalid_grant", "Code was issued to another client");
    }
    if asked.form.get("redirect_uri") != Some(grant.redirect_uri.as_str()) {
        return reply::refused("invalid_grant", "Incorrect redirect_uri");
    }
    if !is_proven(&grant, asked.form.get("code_verifier")) {
        return reply::refused("invalid_grant", "PKCE verification failed");
    }
    issue(psc, client, grant)
}

/// Whether the verifier belongs to the challenge; without a challenge there may be none.
fn is_proven(grant: &Grant, verifier: Option<&str>) -> bool {
    match (&grant.challenge, verifier) {
        (None, verifier) => verifier.is_none(),
        (Some((challenge, method)), Some(verifier)) if method == "S256" => {
            Digest::of(verifier.as_bytes()).to_base64url() == *challenge
        }
        (Some((challenge, _)), Some(verifier)) => verifier == challenge,
        (Some(_), None) => false,
    }
}

fn by_refresh(psc: &Psc, client: &Client, asked: &Asked) -> Response {
    let token = asked.form.get("refresh_token").unwrap_or_default();
    let ours = psc.refresh.get(token, psc.desk.now()).is_some_and(|grant| grant.client_id == client.client_id);
    let grant = if ours { psc.refresh.take(token, psc.desk.now()) } else { None };
    match grant.filter(|grant| psc.session(&grant.sid).is_some()) {
        // Keycloak puts no nonce into the ID tokens of a refresh.
        Some(grant) => issue(psc, client, Grant { nonce: None, failure: None, ..grant }),
        None => reply::refused("invalid_grant", "Token is not active"),
    }
}

/// The token answer, with the fields of the real one.
pub(super) fn issue(psc: &Psc, client: &Client, grant: Grant) -> Response {
    let now = psc.desk.now();
    if psc.session(&grant.sid).is_none() {
        return reply::refused("invalid_grant", "Session not active");
    }
    psc.touch_session(&grant.sid, &client.client_id);
    let access = psc.desk.key.sign("JWT", &access_claims(psc, &grant), None, "");
    let refresh = psc.desk.random();
    let fault = psc.desk.fault(Stage::IdToken, grant.failure);
    let mut answer = json!({
        "access_token": access,
        "expires_in": ACCESS.as_secs(),
        "refresh_expires_in": IDLE.as_secs(),
        "refresh_token": refresh,
        "token_type": "Bearer",
        "not-before-policy": 0,
        "session_state": grant.sid,
        "scope": grant.scope,
    });
    if fault != Some(Fault::Missing)
        && let Some(answer) = answer.as_object_mut()
    {
        let claims = id_claims(psc, &grant, &access, fault);
        let token = psc.desk.key.sign("JWT", &claims, fault, client.client_secret.expose());
        answer.insert("id_token".to_owned(), token.into());
    }
    psc.access.put(&access, grant.clone(), now);
    psc.refresh.put(&refresh, grant, now);
    reply::json(&answer)
}

/// What both tokens say.
fn common_claims(psc: &Psc, grant: &Grant, typ: &str) -> Map<String, Value> {
    let now = psc.desk.now();
    let claims = json!({
        "exp": now.plus(ACCESS).seconds(),
        "iat": now.seconds(),
        "auth_time": grant.session.started.seconds(),
        "jti": psc.desk.uuid(),
        "iss": psc.issuer(),
        "sub": grant.session.subject(),
        "typ": typ,
        "azp": grant.client_id,
        "sid": grant.sid,
        "session_state": grant.sid,
        "acr": grant.session.acr,
        "preferred_username": national_id(&grant.session.person),
    });
    let mut claims = claims.as_object().cloned().unwrap_or_default();
    if let Some(nonce) = &grant.nonce {
        claims.insert("nonce".to_owned(), nonce.as_str().into());
    }
    claims
}

fn access_claims(psc: &Psc, grant: &Grant) -> Map<String, Value> {
    let mut claims = common_claims(psc, grant, "Bearer");
    let person = &grant.session.person;
    let psi =
        person.get("otherIds").and_then(Value::as_array).and_then(|ids| ids.iter().find(|id| id["origine"] == "PSI"));
    let psi = psi.and_then(|id| id.get("identifiant")).cloned().unwrap_or_else(|| "".into());
    for (name, value) in [
        ("scope", Value::from(grant.scope.as_str())),
        ("authMode", grant.session.method.as_str().into()),
        ("auth_level", "1".into()),
        ("SubjectNameID", national_id(person).into()),
        ("PSISubjectNameID", psi),
        ("otherIds", person.get("otherIds").cloned().unwrap_or_else(|| json!([]))),
    ] {
        claims.insert(name.to_owned(), value);
    }
    claims
}

fn id_claims(psc: &Psc, grant: &Grant, access: &str, fault: Option<Fault>) -> Map<String, Value> {
    let mut claims = common_claims(psc, grant, "ID");
    let half = Digest::of(access.as_bytes()).as_bytes().first_chunk::<16>().copied().unwrap_or_default();
    claims.insert("aud".to_owned(), grant.client_id.as_str().into());
    claims.insert("at_hash".to_owned(), base64url(&half).into());
    if grant.failure == Some(Failure::at(Stage::Userinfo, Fault::NoNationalId)) {
        claims.remove("preferred_username");
    }
    for name in ["given_name", "family_name"] {
        if let Some(value) = grant.session.person.get(name) {
            claims.insert(name.to_owned(), value.clone());
        }
    }
    spoil(&mut claims, fault);
    claims
}

/// Makes the claims of an ID token wrong.
pub(in crate::simulation) fn spoil(claims: &mut Map<String, Value>, fault: Option<Fault>) {
    let Some(fault) = fault else { return };
    let value = match fault {
        Fault::WrongIssuer => Some(("iss", "https://issuer.example".into())),
        Fault::WrongAudience => Some(("aud", "another-client".into())),
        Fault::WrongNonce => Some(("nonce", "of-another-request".into())),
        Fault::WrongHash => Some(("at_hash", "AAAAAAAAAAAAAAAAAAAAAA".into())),
        Fault::UnknownAcr => Some(("acr", "0".into())),
        Fault::NullSubject => Some(("sub", Value::Null)),
        Fault::EmptySubject => Some(("sub", "".into())),
        Fault::OtherSubject => Some(("sub", stable_uuid("somebody else").into())),
        Fault::NumberSubject => Some(("sub", 12_345.into())),
        Fault::LongSubject => Some(("sub", "x".repeat(10 * 1024).into())),
        _ => None,
    };
    if let Some((name, value)) = value {
        claims.insert(name.to_owned(), value);
    }
    let mut shift = |by: i64| {
        for name in ["exp", "iat"] {
            let moved = claims.get(name).and_then(Value::as_i64).unwrap_or_default().saturating_add(by);
            claims.insert(name.to_owned(), moved.into());
        }
    };
    match fault {
        Fault::Expired => shift(-7_200),
        Fault::Future => shift(3_600),
        Fault::LegacyIssuer => {
            let issuer = claims.get("iss").and_then(Value::as_str).unwrap_or_default();
            let legacy = issuer.split_once("://").map_or(issuer, |(_, host)| host).to_owned();
            claims.insert("iss".to_owned(), legacy.into());
        }
        Fault::ManyAudiences => {
            let own = claims.get("aud").cloned().unwrap_or_default();
            claims.insert("aud".to_owned(), json!([own, "another-client"]));
            claims.insert("azp".to_owned(), "another-client".into());
        }
        Fault::MissingNonce => drop(claims.remove("nonce")),
        Fault::MissingExpiry => drop(claims.remove("exp")),
        Fault::MissingSubject => drop(claims.remove("sub")),
        Fault::MissingAcr => drop(claims.remove("acr")),
        _ => {}
    }
}

/// `POST /token/introspect`, of an access or a refresh token.
pub(super) async fn introspect(State(psc): State<Arc<Psc>>, asked: Asked) -> Response {
    psc.desk.count("introspection");
    if let Err(refusal) = authenticate(&psc.desk.clients, &asked) {
        return *refusal;
    }
    let (token, now) = (asked.form.get("token").unwrap_or_default(), psc.desk.now());
    let access = psc.access.get(token, now);
    let is_access = access.is_some();
    let Some(grant) = access.or_else(|| psc.refresh.get(token, now)).filter(|grant| psc.session(&grant.sid).is_some())
    else {
        return reply::json(&json!({"active": false}));
    };
    let mut claims =
        if is_access { psc.desk.key.open(token).unwrap_or_default() } else { common_claims(&psc, &grant, "Refresh") };
    for (name, value) in [
        ("active", true.into()),
        ("client_id", grant.client_id.as_str().into()),
        ("username", national_id(&grant.session.person).into()),
        ("scope", grant.scope.as_str().into()),
        ("authMode", grant.session.method.as_str().into()),
        ("otherIds", grant.session.person.get("otherIds").cloned().unwrap_or_default()),
    ] {
        claims.insert(name.to_owned(), value);
    }
    reply::json(&Value::Object(claims))
}

/// `POST /revoke`.
pub(super) async fn revoke(State(psc): State<Arc<Psc>>, asked: Asked) -> Response {
    psc.desk.count("revocation");
    if let Err(refusal) = authenticate(&psc.desk.clients, &asked) {
        return *refusal;
    }
    let (token, now) = (asked.form.get("token").unwrap_or_default(), psc.desk.now());
    psc.access.take(token, now);
    psc.refresh.take(token, now);
    reply::json(&json!({}))
}
