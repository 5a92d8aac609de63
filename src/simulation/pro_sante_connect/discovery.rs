//! The discovery documents and the key set.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::{DISCOVERY, Psc, REALM, STANDARD_DISCOVERY, authorize};
use crate::simulation::failure::{Fault, Stage};
use crate::simulation::reply;

/// What does not change from place to place.
const ABILITIES: &str = include_str!("discovery.json");

/// Pro Santé Connect's own document, which sends the browser to the wallet.
pub(super) async fn wallet(State(psc): State<Arc<Psc>>) -> Response {
    document(&psc, DISCOVERY, &psc.desk.at(authorize::PATH)).await
}

/// The realm's standard document.
pub(super) async fn standard(State(psc): State<Arc<Psc>>) -> Response {
    document(&psc, STANDARD_DISCOVERY, &psc.desk.at(&format!("{REALM}/protocol/openid-connect/auth"))).await
}

async fn document(psc: &Psc, path: &str, authorization: &str) -> Response {
    psc.desk.count("discovery");
    let (fault, trouble) = psc.desk.trouble(Stage::Discovery, None, path).await;
    if let Some(trouble) = trouble {
        return trouble;
    }
    let mut document = members(psc, authorization);
    if fault == Some(Fault::WrongIssuer) {
        document.insert("issuer".to_owned(), "https://issuer.example/auth/realms/esante-wallet".into());
    }
    reply::json(&Value::Object(document))
}

fn members(psc: &Psc, authorization: &str) -> Map<String, Value> {
    let at = |path: &str| psc.desk.at(&format!("{REALM}/protocol/openid-connect{path}"));
    let registration = psc.desk.at(&format!("{REALM}/clients-registrations/openid-connect"));
    let aliased = json!({
        "token_endpoint": at("/token"),
        "revocation_endpoint": at("/revoke"),
        "introspection_endpoint": at("/token/introspect"),
        "device_authorization_endpoint": at("/auth/device"),
        "registration_endpoint": registration,
        "userinfo_endpoint": at("/userinfo"),
        "pushed_authorization_request_endpoint": at("/ext/par/request"),
        "backchannel_authentication_endpoint": at("/ext/ciba/auth"),
    });
    let own = json!({
        "issuer": psc.issuer(),
        "authorization_endpoint": authorization,
        "end_session_endpoint": at("/logout"),
        "jwks_uri": at("/certs"),
        "check_session_iframe": at("/login-status-iframe.html"),
        "mtls_endpoint_aliases": aliased,
    });
    let mut members: Map<String, Value> = serde_json::from_str(ABILITIES).unwrap_or_default();
    for part in [aliased, own] {
        members.extend(part.as_object().cloned().unwrap_or_default());
    }
    members
}

/// The key set.
pub(super) async fn certs(State(psc): State<Arc<Psc>>) -> Response {
    psc.desk.count("jwks");
    match psc.desk.trouble(Stage::Jwks, None, &format!("{REALM}/protocol/openid-connect/certs")).await {
        (_, Some(trouble)) => trouble,
        _ => reply::json(&psc.desk.key.jwks()),
    }
}
