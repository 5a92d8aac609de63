//! Clients that registered themselves, and requests as objects: checked to the letter.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use guichet::jose::client_keys::{Kind, verify_kind};
use guichet::jose::{Algorithm, MAX_TOKEN_BYTES, Verified};
use serde_json::{Map, Value, json};

const fn kind(types: &'static [&'static str]) -> Kind {
    Kind { types, longest: MAX_TOKEN_BYTES }
}

use super::{CLIENT, Handle, Op, SECRET, Shared, answer, overlay};
use crate::support::app::{ISSUER, TestApp, basic, form};

/// RFC 7523 §2.2.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client that registered itself.
#[derive(Debug, Clone)]
pub struct Client {
    /// Its name here.
    pub id: String,
    secret: Option<String>,
    token: String,
    document: Value,
}

impl Op {
    /// Forgets every client that registered itself.
    pub fn forget_clients(&self) {
        self.shared.lock().expect("no panic").clients.clear();
    }

    /// Gives the last client another secret and another registration access token, which it learns when it reads itself.
    pub fn rotate_last(&self) {
        let mut shared = self.shared.lock().expect("no panic");
        let last = shared.clients.last_mut().expect("a client");
        last.secret = Some("another-secret".to_owned());
    }

    /// Clients that are registered here now.
    pub fn clients(&self) -> Vec<String> {
        self.shared.lock().expect("no panic").clients.iter().map(|client| client.id.clone()).collect()
    }

    /// Takes our published keys, as whoever fetches our `jwks_uri`.
    pub async fn fetch_keys(&self, app: &TestApp, name: &str) {
        let keys = app.get(&format!("/federation/{name}/jwks")).await;
        assert_eq!(keys.status, 200, "{keys:?}");
        for key in keys.json()["keys"].as_array().expect("a set") {
            assert!(["d", "p", "q", "k"].iter().all(|private| key.get(private).is_none()), "private: {key}");
        }
        self.behave(|behaviour| behaviour.our_keys = Some(keys.json()));
    }

    /// A request as plain parameters, wherever it was: what an object says alone counts, after every check of OpenID Connect Core
    /// §6.1 and §6.2 and RFC 9101 §5 and §10.
    pub async fn read_request(&self, app: &TestApp, url: &str) -> String {
        let asked: Map<String, Value> = parameters(url);
        let object = match (asked.get("request"), asked.get("request_uri")) {
            (None, None) => return url.to_owned(),
            (Some(object), None) => object.as_str().expect("text").to_owned(),
            (None, Some(address)) => fetch(app, address.as_str().expect("text")).await,
            both => panic!("{both:?}"),
        };
        let mut beside: Vec<&str> =
            asked.keys().map(String::as_str).filter(|name| !name.starts_with("request")).collect();
        beside.sort_unstable();
        assert_eq!(beside, ["client_id", "response_type", "scope"], "all else is in the object");
        let claims = self.check_object(app, &object);
        for name in beside {
            assert_eq!(claims[name], asked[name], "{name} differs");
        }
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let own = ["iss", "aud", "iat", "nbf", "exp", "jti"];
        let rest: Vec<(&str, String)> = claims
            .iter()
            .filter(|(name, _)| !own.contains(&name.as_str()))
            .map(|(name, value)| (name.as_str(), text(value)))
            .collect();
        let rest: Vec<(&str, &str)> = rest.iter().map(|(name, value)| (*name, value.as_str())).collect();
        format!("{}/authorize?{}", self.issuer, form(&rest))
    }

    fn check_object(&self, app: &TestApp, object: &str) -> Map<String, Value> {
        let part = |at: usize| -> Value {
            let text = object.split('.').nth(at).expect("three parts");
            serde_json::from_slice(&guichet::base::digest::from_base64url(text).expect("base64url")).expect("JSON")
        };
        let (head, claims) = (part(0), part(1));
        let claims = claims.as_object().expect("claims").clone();
        assert_eq!(head["typ"], "oauth-authz-req+jwt");
        let shared = self.shared.lock().expect("no panic");
        let client = claims["client_id"].as_str().expect("client_id");
        let agreed = shared.clients.iter().find(|known| known.id == client).map(|known| known.document.clone());
        if let Some(alg) = agreed.as_ref().and_then(|document| document.get("request_object_signing_alg")) {
            assert_eq!(head["alg"], *alg, "not the algorithm that was registered");
        }
        if head["alg"] == "none" {
            assert!(object.ends_with('.'), "no signature");
        } else {
            let keys = shared.behaviour.our_keys.clone().expect("fetch_keys");
            let verified = verify_kind(&keys, object, &Algorithm::ALL, kind(&["oauth-authz-req+jwt"]));
            assert_eq!(verified.expect("our signature").claims, claims);
        }
        let now = app.now().seconds();
        let (issued, end) = (claims["iat"].as_i64().expect("iat"), claims["exp"].as_i64().expect("exp"));
        assert!(issued <= now && now < end && end - issued <= 3_600, "{claims:?}");
        assert!(claims["nbf"].as_i64().expect("nbf") <= now);
        assert_eq!((claims["iss"].as_str(), claims["aud"].as_str()), (Some(client), Some(shared.issuer.as_str())));
        assert!(claims["jti"].as_str().is_some_and(|id| id.len() >= 22));
        for name in ["sub", "request", "request_uri", "client_secret", "code_verifier"] {
            assert!(!claims.contains_key(name), "{name} in {claims:?}");
        }
        for name in ["state", "nonce", "redirect_uri", "code_challenge"] {
            assert!(claims.contains_key(name), "{name} is not in {claims:?}");
        }
        claims
    }
}

fn parameters(url: &str) -> Map<String, Value> {
    let all: Vec<(String, String)> = url::Url::parse(url).expect("a URL").query_pairs().into_owned().collect();
    let map: Map<String, Value> = all.iter().cloned().map(|(name, value)| (name, value.into())).collect();
    assert_eq!(map.len(), all.len(), "a parameter twice: {url}");
    map
}

async fn fetch(app: &TestApp, address: &str) -> String {
    assert!(address.len() <= 512, "RFC 9101 §5.2");
    let path = address.strip_prefix(ISSUER).expect("ours");
    let fetched = app.get(path).await;
    assert_eq!(fetched.status, 200, "{fetched:?}");
    assert_eq!(fetched.header("content-type"), Some("application/oauth-authz-req+jwt"));
    assert_eq!(fetched.header("cache-control"), Some("no-store"));
    fetched.body
}

impl Shared {
    /// Who proves to be whom.
    pub(super) fn authenticate(&mut self, headers: &HeaderMap, fields: &[(String, String)]) -> Option<String> {
        let one = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let mut known = vec![(CLIENT.to_owned(), Some(SECRET.to_owned()), None)];
        for client in &self.clients {
            known.push((client.id.clone(), client.secret.clone(), Some(client.document.clone())));
        }
        if let Some(assertion) = one("client_assertion") {
            assert_eq!(one("client_assertion_type"), Some(JWT_BEARER));
            assert!(one("client_secret").is_none() && headers.get(header::AUTHORIZATION).is_none(), "two proofs");
            let claimed = self.check_assertion(assertion)?;
            assert_eq!(one("client_id"), Some(claimed.as_str()));
            return known.into_iter().find(|(id, ..)| *id == claimed).map(|(id, ..)| id);
        }
        let shown = headers.get(header::AUTHORIZATION);
        let found = known.into_iter().find(|(id, secret, document)| {
            let method = document.as_ref().map(|document| document["token_endpoint_auth_method"].clone());
            let allows = |wanted: &str| method.as_ref().is_none_or(|method| *method == wanted);
            let Some(secret) = secret else { return false };
            let by_header = shown.is_some_and(|value| value == basic(id, secret).as_str());
            let by_form = one("client_id") == Some(id) && one("client_secret") == Some(secret);
            (by_header && allows("client_secret_basic")) || (by_form && allows("client_secret_post"))
        });
        found.map(|(id, ..)| id)
    }

    /// RFC 7523 §3: once, for us, about whom it is by, and for a minute.
    fn check_assertion(&mut self, assertion: &str) -> Option<String> {
        let keys = self.behaviour.our_keys.clone().expect("fetch_keys");
        let Verified { claims, .. } = verify_kind(&keys, assertion, &Algorithm::ALL, kind(&["jwt"])).ok()?;
        assert_eq!(claims["iss"], claims["sub"]);
        let (issued, end) = (claims["iat"].as_i64().expect("iat"), claims["exp"].as_i64().expect("exp"));
        assert_eq!(end - issued, 60);
        let audience = claims["aud"].as_str().expect("one audience");
        assert!(audience == self.issuer || audience == format!("{}/token", self.issuer), "{audience}");
        let jti = claims["jti"].as_str().expect("jti").to_owned();
        assert!(!self.assertions.contains(&jti), "an assertion twice");
        self.assertions.push(jti);
        claims["sub"].as_str().map(str::to_owned)
    }

    pub(super) fn check_redirect(&self, client: &str, redirect: &str) {
        if let Some(known) = self.clients.iter().find(|known| known.id == client) {
            let all = known.document["redirect_uris"].as_array().expect("redirect_uris");
            assert!(all.iter().any(|uri| uri == redirect), "{redirect} is not registered: {all:?}");
        }
    }

    pub(super) fn wants_signed_userinfo(&self, client: &str) -> bool {
        let known = self.clients.iter().find(|known| known.id == client);
        known.is_some_and(|known| known.document.get("userinfo_signed_response_alg").is_some())
    }

    fn answer_of(&self, client: &Client) -> Value {
        let mut said = client.document.clone();
        said["client_id"] = client.id.clone().into();
        if let Some(secret) = &client.secret {
            said["client_secret"] = secret.clone().into();
            said["client_secret_expires_at"] = 0.into();
        }
        said["registration_access_token"] = client.token.clone().into();
        said["registration_client_uri"] = format!("{}/register/{}", self.issuer, client.id).into();
        overlay(&mut said, &self.behaviour.registration);
        said
    }
}

pub(super) async fn register(State(shared): Handle, headers: HeaderMap, body: Bytes) -> Response {
    super::hang(&shared, "register").await;
    let gathers = shared.lock().expect("no panic").behaviour.gathers.clone();
    if let Some(all) = gathers {
        all.wait().await;
    }
    let mut shared = shared.lock().expect("no panic");
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    if shown != shared.behaviour.initial_token.map(|token| format!("Bearer {token}")) {
        return answer(401, "application/json", json!({"error": "invalid_token"}).to_string());
    }
    assert_eq!(headers.get(header::CONTENT_TYPE).expect("a type"), "application/json");
    let document: Value = serde_json::from_slice(&body).expect("JSON");
    check_document(&document);
    shared.behaviour.registered.push(document.clone());
    if let Some((status, body)) = shared.behaviour.registration_body.clone() {
        return answer(status, "application/json", body);
    }
    shared.count += 1;
    let count = shared.count;
    let method = document["token_endpoint_auth_method"].as_str().unwrap_or("client_secret_basic");
    let client = Client {
        id: format!("client-{count}"),
        secret: method.starts_with("client_secret").then(|| format!("registered-secret-{count}")),
        token: format!("registered-token-{count}"),
        document,
    };
    let said = shared.answer_of(&client);
    shared.clients.push(client);
    answer(201, "application/json", said.to_string())
}

/// OpenID Connect Registration §2: nothing but what is known, everything of its kind.
fn check_document(document: &Value) {
    let members = document.as_object().expect("an object");
    for (name, value) in members {
        let good = match name.as_str() {
            "redirect_uris" | "post_logout_redirect_uris" | "request_uris" => value.as_array().is_some_and(|all| {
                !all.is_empty() && all.iter().all(|uri| uri.as_str().is_some_and(|uri| uri.starts_with(ISSUER)))
            }),
            "backchannel_logout_uri" | "jwks_uri" => value.as_str().is_some_and(|uri| uri.starts_with(ISSUER)),
            "response_types" | "grant_types" | "contacts" => value.as_array().is_some_and(|all| !all.is_empty()),
            "backchannel_logout_session_required" => value.is_boolean(),
            "client_name"
            | "application_type"
            | "token_endpoint_auth_method"
            | "token_endpoint_auth_signing_alg"
            | "id_token_signed_response_alg"
            | "userinfo_signed_response_alg"
            | "request_object_signing_alg" => value.as_str().is_some_and(|text| !text.is_empty()),
            _ => false,
        };
        assert!(good, "{name}: {value}");
    }
}

fn own<'a>(shared: &'a Shared, id: &str, headers: &HeaderMap) -> Option<&'a Client> {
    let client = shared.clients.iter().find(|client| client.id == id)?;
    let shown = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    (shown == format!("Bearer {}", client.token)).then_some(client)
}

pub(super) async fn read(State(shared): Handle, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let shared = shared.lock().expect("no panic");
    match own(&shared, &id, &headers) {
        Some(client) => answer(200, "application/json", shared.answer_of(client).to_string()),
        None => answer(401, "application/json", json!({"error": "invalid_token"}).to_string()),
    }
}

pub(super) async fn delete(State(shared): Handle, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let mut shared = shared.lock().expect("no panic");
    if own(&shared, &id, &headers).is_none() {
        return answer(401, "application/json", json!({"error": "invalid_token"}).to_string());
    }
    if let Some((status, body)) = shared.behaviour.registration_body.clone() {
        return answer(status, "application/json", body);
    }
    shared.clients.retain(|client| client.id != id);
    shared.behaviour.unregistered.push(id);
    answer(204, "application/json", String::new())
}
