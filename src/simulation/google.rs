//! A simulated Google: OpenID Connect with its own ways (`hd`, the old issuer, no sign-out).

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Map, Value, json};

use super::asked::Asked;
use super::clients::{self, Client, authenticate};
use super::desk::Desk;
use super::failure::{Fault, Stage};
use super::pages::Frame;
use super::pro_sante_connect::spoil_claims;
use super::reply;
use super::social::{self, ACCESS, Grant, Manner, Social, Unfit, spoil};
use crate::base::digest::{Digest, base64url};

pub(super) const DISCOVERY: &str = "/.well-known/openid-configuration";
const TOKEN: &str = "/token";
const CERTS: &str = "/oauth2/v3/certs";
const USERINFO: &str = "/v1/userinfo";

/// The routes.
pub(super) fn router(desk: Arc<Desk>) -> Router {
    let manner = Manner {
        frame: Frame { brand: "Google" },
        name: "google",
        extra: |social, grant| {
            vec![
                ("iss", social.desk.url.clone()),
                ("scope", granted_scope(grant)),
                ("authuser", "0".to_owned()),
                ("prompt", "consent".to_owned()),
            ]
        },
        refusal: &[],
        fragment: "",
        numbered: |number| {
            json!({"id": "numero", "name": "Exemple", "about": "", "profile": {
                "sub": format!("1099000000001{number:08}"), "name": format!("Exemple {number}"),
                "given_name": "Exemple", "family_name": number.to_string(),
                "email": format!("exemple.{number}@clinique.example"), "email_verified": true, "hd": "clinique.example",
            }})
        },
    };
    social::router()
        .route(DISCOVERY, get(discovery))
        .route("/o/oauth2/v2/auth", get(authorize))
        .route(TOKEN, post(token))
        .route(CERTS, get(certs))
        .route(USERINFO, get(userinfo).post(userinfo))
        .route("/revoke", post(revoke))
        .with_state(Arc::new(Social::new(desk, manner)))
}

/// Google names its scopes by address once they are granted.
fn granted_scope(grant: &Grant) -> String {
    let long = |name: &str| match name {
        "email" | "profile" => format!("https://www.googleapis.com/auth/userinfo.{name}"),
        other => other.to_owned(),
    };
    grant.scope.split_whitespace().map(long).collect::<Vec<_>>().join(" ")
}

async fn discovery(State(google): State<Arc<Social>>) -> Response {
    google.desk.count("discovery");
    let (fault, trouble) = google.desk.trouble(Stage::Discovery, None, DISCOVERY).await;
    if let Some(trouble) = trouble {
        return trouble;
    }
    let at = |path: &str| google.desk.at(path);
    let issuer =
        if fault == Some(Fault::WrongIssuer) { "https://issuer.example".to_owned() } else { google.desk.url.clone() };
    reply::json(&json!({
        "issuer": issuer,
        "authorization_endpoint": at("/o/oauth2/v2/auth"),
        "device_authorization_endpoint": at("/device/code"),
        "token_endpoint": at(TOKEN),
        "userinfo_endpoint": at(USERINFO),
        "revocation_endpoint": at("/revoke"),
        "jwks_uri": at(CERTS),
        "response_types_supported": ["code", "token", "id_token", "code token", "code id_token", "token id_token",
            "code token id_token", "none"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "email", "profile"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "claims_supported": ["aud", "email", "email_verified", "exp", "family_name", "given_name", "iat", "iss", "name",
            "picture", "sub"],
        "code_challenge_methods_supported": ["plain", "S256"],
        "grant_types_supported": ["authorization_code", "refresh_token",
            "urn:ietf:params:oauth:grant-type:device_code", "urn:ietf:params:oauth:grant-type:jwt-bearer"],
        "authorization_response_iss_parameter_supported": true,
    }))
}

async fn authorize(State(google): State<Arc<Social>>, asked: Asked) -> Response {
    google.authorize(&asked)
}

async fn certs(State(google): State<Arc<Social>>) -> Response {
    google.desk.count("jwks");
    if let (_, Some(trouble)) = google.desk.trouble(Stage::Jwks, None, CERTS).await {
        return trouble;
    }
    let mut response = reply::json(&google.desk.key.jwks());
    response.headers_mut().remove(CACHE_CONTROL);
    reply::with_header(response, CACHE_CONTROL, "public, max-age=19800, must-revalidate, no-transform")
}

async fn token(State(google): State<Arc<Social>>, asked: Asked) -> Response {
    google.desk.count("token");
    let (fault, trouble) = google.desk.trouble(Stage::Token, google.carried(asked.form.get("code")), TOKEN).await;
    if let Some(trouble) = trouble {
        return trouble;
    }
    let client = match authenticate(&google.desk.clients, &asked) {
        Ok(_) if fault == Some(Fault::InvalidClient) => return clients::invalid_client("Simulated"),
        Ok(client) => client,
        Err(refusal) => return *refusal,
    };
    let grant = match (fault, asked.form.get("grant_type")) {
        (Some(Fault::InvalidGrant), _) => Err(Unfit::Code),
        (_, Some("authorization_code")) => google.redeem(&client.client_id, &asked),
        (_, Some("refresh_token")) => {
            let token = asked.form.get("refresh_token").unwrap_or_default();
            let held = google.refresh.get(token, google.desk.now());
            held.filter(|grant| grant.client_id == client.client_id).map(again).ok_or(Unfit::Code)
        }
        _ => return reply::refused("unsupported_grant_type", "Invalid grant_type"),
    };
    match grant {
        Ok(grant) => tokens(&google, client, grant),
        Err(Unfit::RedirectUri) => reply::refused("redirect_uri_mismatch", "Bad Request"),
        Err(Unfit::Verifier) => reply::refused("invalid_grant", "Invalid code verifier."),
        Err(Unfit::Code) => reply::refused("invalid_grant", "Malformed auth code."),
    }
}

/// A refresh has neither nonce nor failure, and gives no second refresh token.
fn again(grant: Grant) -> Grant {
    Grant { nonce: None, failure: None, offline: false, ..grant }
}

fn tokens(google: &Social, client: &Client, grant: Grant) -> Response {
    let now = google.desk.now();
    let access = format!("ya29.{}", google.desk.random());
    let fault = google.desk.fault(Stage::IdToken, grant.failure);
    let mut answer = json!({
        "access_token": access,
        "expires_in": ACCESS.as_secs(),
        "scope": granted_scope(&grant),
        "token_type": "Bearer",
    });
    if let Some(answer) = answer.as_object_mut() {
        if fault != Some(Fault::Missing) {
            let claims = claims(google, client, &grant, &access, fault);
            let token = google.desk.key.sign("JWT", &claims, fault, client.client_secret.expose());
            answer.insert("id_token".to_owned(), token.into());
        }
        if grant.offline {
            let refresh = format!("1//{}", google.desk.random());
            google.refresh.put(&refresh, grant.clone(), now);
            answer.insert("refresh_token".to_owned(), refresh.into());
        }
    }
    google.tokens.put(&access, grant, now);
    reply::json(&answer)
}

fn claims(google: &Social, client: &Client, grant: &Grant, access: &str, fault: Option<Fault>) -> Map<String, Value> {
    let now = google.desk.now();
    let half = Digest::of(access.as_bytes()).as_bytes().first_chunk::<16>().copied().unwrap_or_default();
    let mut claims = released(grant);
    let more = json!({
        "iss": google.desk.url,
        "azp": client.client_id,
        "aud": client.client_id,
        "at_hash": base64url(&half),
        "iat": now.seconds(),
        "exp": now.seconds() + 3_600,
    });
    claims.extend(more.as_object().cloned().unwrap_or_default());
    if let Some(nonce) = &grant.nonce {
        claims.insert("nonce".to_owned(), nonce.as_str().into());
    }
    spoil_claims(&mut claims, fault);
    claims
}

/// The claims that the scopes release; `hd` comes with any.
fn released(grant: &Grant) -> Map<String, Value> {
    let asked = |name: &str| grant.scope.split_whitespace().any(|scope| scope == name);
    let mut profile = grant.person.as_ref().map(|person| person.profile.clone()).unwrap_or_default();
    profile.retain(|name, _| match name.as_str() {
        "sub" | "hd" => true,
        "email" | "email_verified" => asked("email"),
        _ => asked("profile"),
    });
    profile
}

async fn userinfo(State(google): State<Arc<Social>>, asked: Asked) -> Response {
    google.desk.count("userinfo");
    let Some(grant) = google.token(asked.bearer()) else { return reply::unauthorized() };
    let (fault, trouble) = google.desk.trouble(Stage::Userinfo, grant.failure, USERINFO).await;
    if let Some(trouble) = trouble {
        return trouble;
    }
    let mut claims = released(&grant);
    spoil(&mut claims, "sub", fault);
    match fault {
        Some(Fault::Unauthorized) => reply::unauthorized(),
        Some(Fault::WrongType) => reply::body(StatusCode::OK, "text/plain", Value::Object(claims).to_string()),
        _ => reply::json(&Value::Object(claims)),
    }
}

async fn revoke(State(google): State<Arc<Social>>, asked: Asked) -> Response {
    google.desk.count("revocation");
    let (token, now) = (asked.either("token").unwrap_or_default(), google.desk.now());
    let known = google.tokens.take(token, now).or_else(|| google.refresh.take(token, now));
    match known {
        Some(_) => reply::json(&json!({})),
        None => reply::refused("invalid_token", "Token expired or revoked"),
    }
}
