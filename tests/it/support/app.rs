//! The real application in-process: storage of its own, a clock that tests move, requests without a socket.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, Response, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use form_urlencoded::Serializer;
use guichet::app::{App, World};
use guichet::base::clock::ManualClock;
use guichet::base::entropy::SystemEntropy;
use guichet::base::seal::MasterKey;
use guichet::base::{Clock, Timestamp};
use guichet::config::Config;
use guichet::http::middleware::Surrounded;
use guichet::http::server::{PeerAddress, Readiness};
use guichet::jose::{Algorithm, generate};
use guichet::model::key::{KeyRecord, KeyState};
use guichet::store::{Store, StoreOptions};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio::sync::watch;
use tower::ServiceExt as _;

use super::browser::Browser;
use super::fixtures::TestClient;
use super::stores::{all_options, sqlite_url};

/// Our issuer.
pub const ISSUER: &str = "https://op.test";
/// What the clock shows at first.
pub const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
/// The master key of every application here, so that keys made once open everywhere.
pub const MASTER: [u8; 32] = [7; 32];

/// One running application, that is, one replica.
pub struct TestApp {
    /// What the application consists of.
    pub app: App,
    /// Its time, shared by its replicas.
    pub clock: ManualClock,
    /// The engines, for messages.
    pub engine: &'static str,
    /// Where its data is.
    pub options: StoreOptions,
    router: Surrounded,
    environment: Vec<(String, String)>,
    jobs: watch::Sender<bool>,
}

impl TestApp {
    /// An application over a new SQLite file.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// The same with further configuration: `("GUICHET_TOKENS__REFRESH_GRACE", "0s")`.
    pub async fn with(environment: &[(&str, &str)]) -> Self {
        let options = StoreOptions {
            database_url: guichet::base::Secret::new(sqlite_url()),
            redis_url: None,
            max_connections: 8,
        };
        Self::over("sqlite", options, environment).await
    }

    /// One application for each combination of engines that is there.
    pub async fn on_all_engines(environment: &[(&str, &str)]) -> Vec<Self> {
        let mut all = Vec::new();
        for (engine, options) in all_options().await {
            all.push(Self::over(engine, options, environment).await);
        }
        all
    }

    /// An application over this storage.
    pub async fn over(engine: &'static str, options: StoreOptions, environment: &[(&str, &str)]) -> Self {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let environment: Vec<_> = environment.iter().map(own).collect();
        Self::open(engine, options, environment, ManualClock::at(START)).await
    }

    /// A second process over the same storage, with the same time.
    pub async fn replica(&self) -> Self {
        Self::open(self.engine, self.options.clone(), self.environment.clone(), self.clock.clone()).await
    }

    async fn open(
        engine: &'static str,
        options: StoreOptions,
        environment: Vec<(String, String)>,
        clock: ManualClock,
    ) -> Self {
        let store = Store::open(&options).await.unwrap_or_else(|error| panic!("{engine}: {error}"));
        store.migrate().await.unwrap_or_else(|error| panic!("{engine}: {error}"));
        insert_keys(&store, clock.now()).await;
        let world = World { clock: Arc::new(clock.clone()), entropy: Arc::new(SystemEntropy) };
        let app = App::over(config(&environment), world, store).await.expect("the application starts");
        let readiness = Readiness::default();
        readiness.set(true);
        let router = app.router(&readiness);
        Self { app, clock, engine, options, router, environment, jobs: watch::channel(false).0 }
    }

    /// Starts what runs beside the requests; it ends with the application.
    pub fn start_jobs(&self) {
        drop(tokio::spawn({
            let mut jobs = self.app.jobs().start(&self.jobs.subscribe());
            async move { while jobs.join_next().await.is_some() {} }
        }));
    }

    /// Storage, to look behind the curtain.
    pub fn store(&self) -> &Store {
        &self.app.store
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Moves the clock forward.
    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// A browser that was never here.
    pub fn browser(&self) -> Browser {
        Browser::new(self.router.clone())
    }

    /// Sends any request and reads the whole answer.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        send(self.router.clone(), request).await
    }

    /// `GET` without cookies.
    pub async fn get(&self, path_and_query: &str) -> Answer {
        self.send(get(path_and_query)).await
    }

    /// `GET` with a bearer token.
    pub async fn get_with_token(&self, path: &str, token: &str) -> Answer {
        let mut request = get(path);
        request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        self.send(request).await
    }

    /// `POST` of a form, with further headers.
    pub async fn post(&self, path: &str, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Answer {
        self.send(post(path, headers, fields)).await
    }

    /// `POST` of a form in which `client` proves itself as it registered.
    pub async fn post_as(&self, client: &TestClient, path: &str, fields: &[(&str, &str)]) -> Answer {
        let (headers, own) = client.credentials(path, self.now());
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut all: Vec<(&str, &str)> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
        all.extend_from_slice(fields);
        self.post(path, &headers, &all).await
    }

    /// The token endpoint.
    pub async fn token(&self, client: &TestClient, fields: &[(&str, &str)]) -> Answer {
        self.post_as(client, "/token", fields).await
    }

    /// Redeems a code of [`super::flow::AuthRequest`] as it should be.
    pub async fn redeem(&self, client: &TestClient, code: &str) -> Answer {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", client.redirect_uri()),
            ("code_verifier", super::flow::VERIFIER),
        ];
        self.token(client, &fields).await
    }

    /// Uses a refresh token.
    pub async fn refresh(&self, client: &TestClient, refresh_token: &str) -> Answer {
        self.token(client, &[("grant_type", "refresh_token"), ("refresh_token", refresh_token)]).await
    }

    /// Revokes a token.
    pub async fn revoke(&self, client: &TestClient, token: &str) -> Answer {
        self.post_as(client, "/revoke", &[("token", token)]).await
    }

    /// What introspection says to `client`.
    pub async fn introspect(&self, client: &TestClient, token: &str) -> Value {
        let answer = self.post_as(client, "/introspect", &[("token", token)]).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.json()
    }

    /// Whether the userinfo endpoint takes this access token.
    pub async fn is_alive(&self, access_token: &str) -> bool {
        match self.get_with_token("/userinfo", access_token).await.status {
            StatusCode::OK => true,
            StatusCode::UNAUTHORIZED => false,
            other => panic!("userinfo answered {other}"),
        }
    }
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, as text.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A text member of the JSON body, which must be there.
    pub fn text(&self, member: &str) -> String {
        let json = self.json();
        json[member].as_str().unwrap_or_else(|| panic!("no {member} in {json}")).to_owned()
    }

    /// A header that must not be there twice.
    pub fn header(&self, name: &str) -> Option<&str> {
        assert!(self.headers.get_all(name).iter().count() < 2, "{name} twice");
        self.headers.get(name).map(|value| value.to_str().expect("headers are text"))
    }

    /// The `Location` header.
    pub fn location(&self) -> Option<&str> {
        self.header("location")
    }
}

/// A refusal of an endpoint for programs (RFC 6749 §5.2).
#[track_caller]
pub fn assert_oauth_error(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status.as_u16(), answer.json()["error"].as_str()), (status, Some(code)), "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"), "{answer:?}");
    for member in ["access_token", "refresh_token", "id_token"] {
        assert!(answer.json().get(member).is_none(), "{member} in a refusal");
    }
}

/// A refusal on a page of ours, which redirects nowhere.
#[track_caller]
pub fn assert_page_error(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    assert_eq!(answer.location(), None, "{answer:?}");
    assert!(answer.body.contains("data-page=\"error\""), "{answer:?}");
    assert!(answer.body.contains(&format!("<code data-error-code>{code}</code>")), "{code} is not in {answer:?}");
}

/// A `GET` request.
pub fn get(path_and_query: &str) -> Request<Body> {
    Request::builder().uri(path_and_query).body(Body::empty()).expect("a request")
}

/// A `POST` request of a form.
pub fn post(path: &str, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(form(fields))).expect("a request")
}

/// Pairs as a form or a query.
pub fn form(fields: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// HTTP Basic with both parts form-encoded (RFC 6749 §2.3.1).
pub fn basic(id: &str, secret: &str) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(id), encode(secret))))
}

/// Sends a request through the whole router, from a loopback peer unless the request names another.
pub async fn send(router: Surrounded, mut request: Request<Body>) -> Answer {
    if request.extensions().get::<PeerAddress>().is_none() {
        let peer: SocketAddr = "192.0.2.1:40000".parse().expect("an address");
        request.extensions_mut().insert(PeerAddress(peer));
    }
    if !request.headers().contains_key(header::HOST) {
        request.headers_mut().insert(header::HOST, "op.test".parse().unwrap());
    }
    let response: Response<Body> = router.oneshot(request).await.expect("a router always answers");
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("the body ends").to_bytes();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap_or_else(|_| String::from("(not text)")),
    }
}

fn config(environment: &[(String, String)]) -> Config {
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let mut all: Vec<(String, String)> = [
        ("GUICHET_ISSUER", ISSUER),
        ("GUICHET_MASTER_KEY", URL_SAFE_NO_PAD.encode(MASTER).as_str()),
        ("GUICHET_RATE_LIMITS__LOGIN", "off"),
        ("GUICHET_PASSWORDS__WORKERS", "1"),
        ("GUICHET_PASSWORDS__QUEUE", "1000"),
    ]
    .map(own)
    .into_iter()
    .collect();
    all.retain(|(name, _)| environment.iter().all(|(other, _)| other != name));
    all.extend_from_slice(environment);
    Config::load(None, all).unwrap_or_else(|problems| panic!("{problems:?}")).config
}

/// Signing keys made once in the process: an RSA key takes its time.
async fn insert_keys(store: &Store, now: Timestamp) {
    static MADE: OnceLock<Vec<KeyRecord>> = OnceLock::new();
    if !store.read().await.expect("storage answers").keys().await.expect("keys can be read").is_empty() {
        return;
    }
    let made = MADE.get_or_init(|| {
        let make = |alg| generate(alg, KeyState::Active, &MasterKey::new(MASTER), &SystemEntropy, now);
        Algorithm::ALL.iter().map(|alg| make(*alg).expect("a key")).collect()
    });
    for key in made {
        let key = KeyRecord { created_at: now, changed_at: now, ..key.clone() };
        store
            .write("insert_key", move |tx| Box::pin(async move { tx.insert_key(&key).await }))
            .await
            .expect("a key is kept");
    }
}
