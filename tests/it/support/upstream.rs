//! A small upstream provider on the loopback interface: an OpenID provider, with the faults that a test asks for.

mod registration;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use guichet::jose::encryption::{Content, ContentEncryption, KeyManagement, Recipient};
use josekit::jwk::Jwk;
use josekit::jws::{self, JwsHeader, RS256};
use serde_json::{Map, Value, json};

use super::app::{Answer, TestApp, form};
use super::browser::{Browser, Page};

/// Who we are there.
pub const CLIENT: &str = "guichet";
/// Our secret there.
pub const SECRET: &str = "upstream-secret";
/// As the value of `TIMEOUT`: what the product does by itself.
pub const OWN_TIME: &str = "default";

/// What the provider does, and what it saw.
#[derive(Debug, Clone, Default)]
pub struct Behaviour {
    /// Claims laid over those of the ID token; null removes one.
    pub id_token: Map<String, Value>,
    /// Claims laid over those of userinfo; null removes one.
    pub userinfo: Map<String, Value>,
    /// Members laid over those of the discovery document.
    pub document: Map<String, Value>,
    /// `Cache-Control` of the discovery document and the keys.
    pub cache_control: Option<&'static str>,
    /// The whole body of the token endpoint.
    pub token_body: Option<(u16, String)>,
    /// Whether userinfo is a JWT.
    pub signed_userinfo: bool,
    /// The JWK Set that ID tokens and userinfo are encrypted to, with the two algorithms.
    pub encrypt_to: Option<(Value, KeyManagement, ContentEncryption)>,
    /// Whether ID tokens have no signature.
    pub unsigned: bool,
    /// Whether tokens are signed with a key that nobody published.
    pub foreign_key: bool,
    /// How many must ask for tokens before the first gets any.
    pub gathers: Option<Arc<tokio::sync::Barrier>>,
    /// Whether the discovery document has the standard name alone.
    pub standard_name_alone: bool,
    /// Which endpoint hangs.
    pub hangs: Option<&'static str>,
    /// How many times keys were fetched.
    pub key_fetches: usize,
    /// Forms that came to the token endpoint.
    pub token_forms: Vec<Vec<(String, String)>>,
    /// Whether clients may register themselves.
    pub registers: bool,
    /// The initial access token that registering takes.
    pub initial_token: Option<&'static str>,
    /// Members laid over those of a registration's answer; null removes one.
    pub registration: Map<String, Value>,
    /// The whole answer to a registration.
    pub registration_body: Option<(u16, String)>,
    /// What clients said of themselves, in their order.
    pub registered: Vec<Value>,
    /// Clients that deleted their registration.
    pub unregistered: Vec<String>,
    /// Our keys, as we publish them: what verifies assertions and requests.
    pub our_keys: Option<Value>,
}

impl Behaviour {
    fn encrypted(&self, content: Content<'_>) -> Option<String> {
        let (jwks, alg, enc) = self.encrypt_to.as_ref()?;
        // By the algorithm's name, as Keycloak looks for a key; one that names none is for nothing.
        let mut jwks = jwks.clone();
        jwks["keys"].as_array_mut().expect("keys").retain(|key| key["alg"] == alg.as_str());
        Some(Recipient::choose(&jwks, *alg, *enc).expect("a key").encrypt(content).expect("a JWE"))
    }
}

/// A code that was given out.
#[derive(Debug, Clone)]
struct Code {
    client: String,
    redirect_uri: String,
    id_token: Value,
    userinfo: Value,
    challenge: Option<String>,
}

#[derive(Debug, Default)]
struct Shared {
    issuer: String,
    behaviour: Behaviour,
    codes: Vec<(String, Code)>,
    tokens: Vec<(String, Value, String)>,
    clients: Vec<registration::Client>,
    assertions: Vec<String>,
    count: usize,
}

/// The provider.
#[derive(Clone)]
pub struct Op {
    shared: Arc<Mutex<Shared>>,
    /// Its issuer.
    pub issuer: String,
}

fn key(name: &str) -> Jwk {
    static KEYS: OnceLock<[Jwk; 2]> = OnceLock::new();
    let keys = KEYS.get_or_init(|| {
        ["op", "foreign"].map(|name| {
            let mut key = Jwk::generate_rsa_key(2048).expect("a key");
            key.set_key_id(name);
            key.set_algorithm("RS256");
            key.set_key_use("sig");
            key
        })
    });
    keys[usize::from(name == "foreign")].clone()
}

/// Claims as a JWT of the provider.
pub fn sign(claims: &Value, typ: &str, foreign: bool) -> String {
    let key = key(if foreign { "foreign" } else { "op" });
    let mut header = JwsHeader::new();
    header.set_key_id("op");
    header.set_token_type(typ);
    let signer = RS256.signer_from_jwk(&key).expect("a signer");
    jws::serialize_compact(claims.to_string().as_bytes(), &header, &signer).expect("a JWS")
}

impl Op {
    /// Starts one on a free port.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a port");
        let issuer = format!("http://{}", listener.local_addr().expect("an address"));
        let shared = Arc::new(Mutex::new(Shared { issuer: issuer.clone(), ..Shared::default() }));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(document))
            .route("/.well-known/wallet-openid-configuration", get(wallet_document))
            .route("/jwks", get(jwks))
            .route("/token", post(token))
            .route("/userinfo", get(userinfo))
            .route("/register", post(registration::register))
            .route("/register/{id}", get(registration::read).delete(registration::delete))
            .with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { shared, issuer }
    }

    /// Configuration that makes it the upstream `name`, and more.
    pub fn environment(&self, name: &str, more: &[(&str, &str)]) -> Vec<(String, String)> {
        let prefix = format!("GUICHET_UPSTREAMS__{}__", name.to_uppercase());
        let own = [
            ("ISSUER", self.issuer.as_str()),
            ("CLIENT_ID", CLIENT),
            ("CLIENT_SECRET", SECRET),
            ("ALLOW_PRIVATE_ADDRESSES", "true"),
        ];
        let by_itself = more.contains(&("REGISTRATION", "dynamic"));
        let own = own.into_iter().filter(|(key, _)| !by_itself || !key.starts_with("CLIENT_")).collect::<Vec<_>>();
        // A machine under load is no upstream that hangs: only who tests the time itself takes the product's own.
        let patient = [("TIMEOUT", "60s")];
        let own =
            own.iter().chain(patient.iter().filter(|_| more.iter().all(|(key, _)| *key != "TIMEOUT"))).chain(more);
        own.filter(|(_, value)| *value != OWN_TIME)
            .map(|(key, value)| (format!("{prefix}{key}"), (*value).to_owned()))
            .collect()
    }

    /// An application with this provider as `name`.
    pub async fn app(&self, name: &str, more: &[(&str, &str)]) -> TestApp {
        let environment = self.environment(name, more);
        let pairs: Vec<(&str, &str)> = environment.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        TestApp::with(&pairs).await
    }

    /// Changes what it does.
    pub fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.shared.lock().expect("no panic").behaviour);
    }

    /// What it does and saw.
    pub fn seen(&self) -> Behaviour {
        self.shared.lock().expect("no panic").behaviour.clone()
    }

    /// The person signs in at the address that we sent them to; gives where the browser comes back, a path of ours.
    pub fn approve(&self, app: &TestApp, url: &str, person: &Value) -> String {
        let (state, redirect, code) = self.give(app, url, person);
        let iss = self.issuer.clone();
        format!("{redirect}?{}", form(&[("code", &code), ("state", &state), ("iss", &iss)]))
    }

    /// The same in parts: state, path of ours, code.
    pub fn give(&self, app: &TestApp, url: &str, person: &Value) -> (String, String, String) {
        assert!(url.starts_with(&format!("{}/authorize?", self.issuer)), "{url}");
        let asked: Vec<(String, String)> = url::Url::parse(url).unwrap().query_pairs().into_owned().collect();
        let one = |name: &str| asked.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let now = app.now().seconds();
        let client = one("client_id").expect("a client_id");
        let mut claims = json!({
            "iss": self.issuer, "aud": client, "iat": now, "exp": now + 120, "auth_time": now,
            "nonce": one("nonce").expect("a nonce"), "sub": person["sub"], "sid": format!("sid-{}", person["sub"]),
            "acr": one("acr_values").map_or(Value::Null, Value::from),
        });
        let mut shared = self.shared.lock().expect("no panic");
        assert!(client == CLIENT || shared.clients.iter().any(|known| known.id == client), "unknown client {client}");
        overlay(&mut claims, &shared.behaviour.id_token);
        let mut userinfo = person.clone();
        overlay(&mut userinfo, &shared.behaviour.userinfo);
        shared.count += 1;
        let code = format!("code-{}", shared.count);
        let challenge = one("code_challenge");
        let redirect = one("redirect_uri").expect("a redirect_uri");
        shared.check_redirect(&client, &redirect);
        let given = Code { client, redirect_uri: redirect.clone(), id_token: claims, userinfo, challenge };
        shared.codes.push((code.clone(), given));
        let path = redirect.strip_prefix(super::app::ISSUER).expect("ours").to_owned();
        (one("state").expect("a state"), path, code)
    }

    /// Begins at `start` in this browser, signs in as `person`, and comes back.
    pub async fn sign_in(&self, app: &TestApp, browser: &mut Browser, start: &str, person: &Value) -> Page {
        let url = self.leave(browser, start).await;
        let url = self.read_request(app, &url).await;
        browser.get(&self.approve(app, &url, person)).await
    }

    /// Begins at `start`; gives the address at the provider.
    pub async fn leave(&self, browser: &mut Browser, start: &str) -> String {
        let page = browser.get(start).await;
        left(&page.answer)
    }
}

/// Where an answer leads, out of our site.
#[track_caller]
pub fn left(answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{answer:?}");
    answer.location().expect("a location").to_owned()
}

fn overlay(claims: &mut Value, change: &Map<String, Value>) {
    let claims = claims.as_object_mut().expect("an object");
    for (name, value) in change {
        claims.insert(name.clone(), value.clone());
    }
    claims.retain(|_, value| !value.is_null());
}

type Handle = State<Arc<Mutex<Shared>>>;

async fn hang(shared: &Arc<Mutex<Shared>>, endpoint: &str) {
    let hangs = shared.lock().expect("no panic").behaviour.hangs;
    if hangs == Some(endpoint) {
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
}

/// What may be kept as long as the provider says.
fn published(shared: &Shared, body: &Value) -> Response {
    let mut response = answer(200, "application/json", body.to_string());
    if let Some(value) = shared.behaviour.cache_control {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(value));
    }
    response
}

fn answer(status: u16, media: &'static str, body: String) -> Response {
    (StatusCode::from_u16(status).unwrap(), [(header::CONTENT_TYPE, media)], Body::from(body)).into_response()
}

async fn wallet_document(handle: Handle) -> Response {
    if handle.lock().expect("no panic").behaviour.standard_name_alone {
        return answer(404, "application/json", json!({"error": "Not Found"}).to_string());
    }
    document(handle).await
}

async fn document(State(shared): Handle) -> Response {
    hang(&shared, "discovery").await;
    let shared = shared.lock().expect("no panic");
    let issuer = &shared.issuer;
    let mut document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "jwks_uri": format!("{issuer}/jwks"),
        "end_session_endpoint": format!("{issuer}/end-session"),
        "authorization_response_iss_parameter_supported": true,
    });
    if shared.behaviour.registers {
        document["registration_endpoint"] = format!("{issuer}/register").into();
    }
    overlay(&mut document, &shared.behaviour.document);
    published(&shared, &document)
}

async fn jwks(State(shared): Handle) -> Response {
    hang(&shared, "jwks").await;
    let mut shared = shared.lock().expect("no panic");
    shared.behaviour.key_fetches += 1;
    let mut public = key("op").to_public_key().expect("a public key"); // drops the id
    public.set_key_id("op");
    public.set_algorithm("RS256");
    public.set_key_use("sig");
    published(&shared, &json!({"keys": [public.as_ref()]}))
}

async fn token(State(shared): Handle, headers: HeaderMap, body: Bytes) -> Response {
    let fields: Vec<(String, String)> = form_urlencoded::parse(&body).into_owned().collect();
    hang(&shared, "token").await;
    let gathers = shared.lock().expect("no panic").behaviour.gathers.clone();
    if let Some(all) = gathers {
        all.wait().await;
    }
    let mut shared = shared.lock().expect("no panic");
    shared.behaviour.token_forms.push(fields.clone());
    if let Some((status, body)) = shared.behaviour.token_body.clone() {
        return answer(status, "application/json", body);
    }
    let one = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let wrong = |error: &str| answer(400, "application/json", json!({ "error": error }).to_string());
    let Some(client) = shared.authenticate(&headers, &fields) else { return wrong("invalid_client") };
    let code = one("code").unwrap_or_default().to_owned();
    let Some(at) = shared.codes.iter().position(|(known, _)| *known == code) else { return wrong("invalid_grant") };
    let (_, given) = shared.codes.remove(at);
    if given.client != client || one("redirect_uri") != Some(&given.redirect_uri) {
        return wrong("invalid_grant");
    }
    if let Some(challenge) = &given.challenge {
        let digest = guichet::base::digest::Digest::of(one("code_verifier").unwrap_or_default().as_bytes());
        if digest.to_base64url() != *challenge {
            return wrong("invalid_grant");
        }
    }
    shared.count += 1;
    let access_token = format!("at-{}", shared.count);
    shared.tokens.push((access_token.clone(), given.userinfo, client));
    let id_token = if shared.behaviour.unsigned {
        let encode = |value: &Value| guichet::base::digest::base64url(value.to_string().as_bytes());
        format!("{}.{}.", encode(&json!({"alg": "none"})), encode(&given.id_token))
    } else {
        sign(&given.id_token, "JWT", shared.behaviour.foreign_key)
    };
    let id_token = shared.behaviour.encrypted(Content::Token(&id_token)).unwrap_or(id_token);
    let body = json!({
        "access_token": access_token, "token_type": "Bearer", "expires_in": 120, "id_token": id_token,
        "refresh_token": format!("rt-of-{access_token}"),
    });
    answer(200, "application/json", body.to_string())
}

async fn userinfo(State(shared): Handle, headers: HeaderMap) -> Response {
    hang(&shared, "userinfo").await;
    let shared = shared.lock().expect("no panic");
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let found = shared.tokens.iter().find(|(token, ..)| shown == format!("Bearer {token}"));
    let Some((_, claims, client)) = found else { return answer(401, "text/html", "<h1>no</h1>".to_owned()) };
    if shared.behaviour.signed_userinfo || shared.wants_signed_userinfo(client) {
        let mut claims = claims.clone();
        claims["iss"] = shared.issuer.clone().into();
        claims["aud"] = client.clone().into();
        let signed = sign(&claims, "JWT", false);
        let sent = shared.behaviour.encrypted(Content::Token(&signed)).unwrap_or(signed);
        return answer(200, "application/jwt; charset=utf-8", sent);
    }
    match shared.behaviour.encrypted(Content::Claims(claims.to_string().as_bytes())) {
        Some(sent) => answer(200, "application/jwt", sent),
        None => answer(200, "application/json", claims.to_string()),
    }
}
