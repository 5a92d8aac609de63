//! Who the person is: the claims of Pro Santé Connect.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value};

use super::professionals::with_key;
use super::{Grant, Psc, REALM};
use crate::simulation::asked::Asked;
use crate::simulation::clients::find;
use crate::simulation::desk::stable_uuid;
use crate::simulation::failure::{Fault, Stage};
use crate::simulation::reply;

/// What `openid` alone gives; everything about the profession needs `scope_all`.
const WITHOUT_SCOPE: [&str; 5] = ["sub", "preferred_username", "given_name", "family_name", "email_verified"];

/// `GET` or `POST` with the access token.
pub(super) async fn endpoint(State(psc): State<Arc<Psc>>, asked: Asked) -> Response {
    psc.desk.count("userinfo");
    let grant = asked
        .bearer()
        .or_else(|| asked.form.get("access_token"))
        .and_then(|token| psc.access.get(token, psc.desk.now()));
    let Some(grant) = grant.filter(|grant| psc.session(&grant.sid).is_some()) else { return reply::unauthorized() };
    // The tokens of such a client are bound to its certificate (RFC 8705 §3).
    let bound = find(&psc.desk.clients, &grant.client_id).is_some_and(|client| client.mutual_tls);
    if bound && asked.certificate_name.as_deref() != Some(grant.client_id.as_str()) {
        return reply::unauthorized();
    }
    let path = format!("{REALM}/protocol/openid-connect/userinfo");
    let (fault, trouble) = psc.desk.trouble(Stage::Userinfo, grant.failure, &path).await;
    if let Some(trouble) = trouble {
        return trouble;
    }
    let mut claims = claims(&grant);
    spoil(&mut claims, fault);
    let signed = find(&psc.desk.clients, &grant.client_id).is_some_and(|client| client.userinfo_signed);
    match fault {
        Some(Fault::Unauthorized) => reply::unauthorized(),
        Some(Fault::WrongType) => reply::body(StatusCode::OK, "text/plain", Value::Object(claims).to_string()),
        _ if signed => {
            claims.insert("iss".to_owned(), psc.issuer().into());
            claims.insert("aud".to_owned(), grant.client_id.into());
            reply::body(StatusCode::OK, "application/jwt", psc.desk.key.sign("JWT", &claims, None, ""))
        }
        _ => reply::json(&Value::Object(claims)),
    }
}

fn claims(grant: &Grant) -> Map<String, Value> {
    let mut claims = Map::clone(&grant.session.person);
    claims.insert("authMode".to_owned(), grant.session.method.as_str().into());
    if !grant.scope.split(' ').any(|scope| scope == "scope_all") {
        claims.retain(|name, _| WITHOUT_SCOPE.contains(&name.as_str()));
    }
    claims
}

fn spoil(claims: &mut Map<String, Value>, fault: Option<Fault>) {
    let mut set = |names: &[&str], value: Value| {
        for name in names {
            claims.insert((*name).to_owned(), value.clone());
        }
    };
    let national = ["SubjectNameID", "preferred_username"];
    match fault {
        Some(Fault::OtherSubject) => set(&["sub"], stable_uuid("somebody else").into()),
        Some(Fault::NullSubject) => set(&["sub"], Value::Null),
        Some(Fault::EmptySubject) => set(&["sub"], "".into()),
        Some(Fault::NumberSubject) => set(&["sub"], 12_345.into()),
        Some(Fault::LongSubject) => set(&["sub"], "x".repeat(10 * 1024).into()),
        Some(Fault::OtherNationalId) => set(&national, format!("8{}", with_key("9970019999")).into()),
        Some(Fault::BadNationalId) => set(&national, "899700123451".into()),
        Some(Fault::NoNationalId) => {
            set(&national, "".into());
            claims.remove("otherIds");
        }
        Some(Fault::MissingSubject) => drop(claims.remove("sub")),
        _ => {}
    }
}
