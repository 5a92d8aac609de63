//! Request objects, by value and by reference (OpenID Connect Core §6, RFC 9101).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use guichet::base::digest::base64url;
use guichet::oauth::client_metadata::AuthMethod;
use guichet::provider::registration;
use josekit::jws::{self, JwsHeader};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use crate::support::app::{ISSUER, TestApp, assert_oauth_error, assert_page_error};
use crate::support::fixtures::{ClientBuilder, TestClient};
use crate::support::flow::{AuthRequest, Tokens, assert_redirect_error, claims, param};

/// A client with a secret and a key.
fn signing(app: &TestApp) -> ClientBuilder<'_> {
    app.client()
        .auth(AuthMethod::PrivateKeyJwt)
        .change(|metadata| metadata.token_endpoint_auth_method = AuthMethod::ClientSecretBasic)
        .first_party()
}

/// The same with an address for its objects, past the rules of registration: a server of a test has no certificate.
async fn referring(app: &TestApp, uri: &str) -> TestClient {
    let mut client = signing(app).create().await;
    client.client.metadata.request_uris = vec![uri.to_owned()];
    let (key, metadata) = (client.client.key, client.client.metadata.clone());
    let (policy, now) = (client.client.policy.clone(), app.now());
    app.store()
        .write("refer", move |tx| Box::pin(async move { tx.update_client(key, &metadata, &policy, now).await }))
        .await
        .unwrap();
    app.app.provider.clients().forget();
    client
}

/// Everything of a request, as the claims of an object.
fn whole(app: &TestApp, client: &TestClient) -> Value {
    let mut all = json!({"iss": client.id(), "aud": ISSUER, "exp": app.now().seconds() + 60});
    for (name, value) in AuthRequest::of(client).set("state", "inside").set("nonce", "inside").0 {
        all[name] = value.into();
    }
    all
}

fn typed(client: &TestClient, typ: &str, claims: &Value) -> String {
    let key = client.key.as_ref().unwrap();
    let mut header = JwsHeader::new();
    header.set_key_id(key.key_id().unwrap());
    header.set_token_type(typ);
    let signer = jws::ES256.signer_from_jwk(key).unwrap();
    jws::serialize_compact(claims.to_string().as_bytes(), &header, &signer).unwrap()
}

fn unsigned(claims: &Value) -> String {
    format!("{}.{}.", base64url(br#"{"alg":"none"}"#), base64url(claims.to_string().as_bytes()))
}

#[tokio::test]
async fn what_a_signed_object_says_wins() {
    let app = TestApp::start().await;
    let (client, user) = (signing(&app).create().await, app.user("alice").await);
    let mut browser = app.browser();
    browser.sign_in_for_account(&user).await;
    for typ in ["JWT", "oauth-authz-req+jwt", "application/oauth-authz-req+jwt"] {
        let object = typed(&client, typ, &json!({"state": "inside", "scope": "openid email", "max_age": 1_000}));
        let request = AuthRequest::of(&client).set("request", &object);
        let answer = browser.get_once(&request.url()).await;
        assert_eq!(param(&answer, "state").as_deref(), Some("inside"), "{answer:?}");
        let tokens = Tokens::of(app.redeem(&client, &param(&answer, "code").unwrap()).await);
        assert_eq!(tokens.answer.text("scope"), "openid email");
        assert_eq!(claims(&tokens.id)["nonce"], "the-nonce", "what the object lacks counts beside it");
    }
}

#[tokio::test]
async fn an_object_may_stand_alone_and_must_where_registered() {
    let app = TestApp::start().await;
    let user = app.user("alice").await;
    let mut browser = app.browser();
    browser.sign_in_for_account(&user).await;
    let client = signing(&app).create().await;
    let strict = signing(&app).change(|metadata| metadata.require_signed_request_object = true).create().await;
    for client in [&client, &strict] {
        let object = client.assertion(&whole(&app, client));
        let alone = AuthRequest(vec![("client_id".into(), client.id().into()), ("request".into(), object)]);
        assert_eq!(param(&browser.get_once(&alone.url()).await, "state").as_deref(), Some("inside"));
    }
    assert_redirect_error(&browser.get_once(&AuthRequest::of(&strict).url()).await, &strict, "invalid_request");
    // What is not signed does not count.
    let mut without = whole(&app, &strict);
    without.as_object_mut().unwrap().remove("state");
    let request = AuthRequest::of(&strict).set("request", &strict.assertion(&without));
    let answer = browser.get_once(&request.url()).await;
    assert!(param(&answer, "code").is_some() && param(&answer, "state").is_none(), "{answer:?}");
}

#[tokio::test]
async fn a_bad_object_is_refused() {
    let app = TestApp::start().await;
    let (client, other) = (signing(&app).create().await, signing(&app).create().await);
    let good = whole(&app, &client);
    let now = app.now().seconds();
    let with = |name: &str, value: Value| {
        let mut changed = good.clone();
        changed[name] = value;
        client.assertion(&changed)
    };
    let valid = client.assertion(&good);
    let (text, _) = valid.rsplit_once('.').unwrap();
    for object in [
        "x.y.z".to_owned(),
        "x".to_owned(),
        "a.b.c.d.e".to_owned(),
        text.to_owned(),
        format!("{text}."),
        format!("{text}.{}", base64url(&[1; 64])),
        other.assertion(&good),
        typed(&client, "at+jwt", &good),
        typed(&client, "client-authentication+jwt", &good),
        with("iss", json!(other.id())),
        with("aud", json!("https://other.example")),
        with("sub", json!(client.id())),
        with("exp", json!(now - 60)),
        with("exp", json!("soon")),
        with("nbf", json!(now + 60)),
        with("iat", json!(now + 60)),
        with("client_id", json!(other.id())),
        with("response_type", json!("code id_token")),
        with("request", json!("x.y.z")),
        with("request_uri", json!("https://app.example/r")),
        with("state", json!(["a"])),
    ] {
        let answer = app.authorize(&AuthRequest::of(&client).set("request", &object)).await.answer;
        assert_redirect_error(&answer, &client, "invalid_request_object");
    }
    for (name, value, code) in [
        ("redirect_uri", json!("https://evil.example/"), None),
        ("scope", json!("openid nonsense"), Some("invalid_scope")),
        ("registration", json!({}), Some("registration_not_supported")),
        ("prompt", json!("none login"), Some("invalid_request")),
    ] {
        let answer = app.authorize(&AuthRequest::of(&client).set("request", &with(name, value))).await.answer;
        match code {
            Some(code) => assert_redirect_error(&answer, &client, code),
            None => assert_page_error(&answer, 400, "invalid_request"),
        }
    }
    let evil = AuthRequest::of(&client).set("redirect_uri", "https://evil.example/").set("request", "x.y.z");
    assert_page_error(&app.authorize(&evil).await.answer, 400, "invalid_request_object");
    let both = AuthRequest::of(&client).set("request", &valid).set("request_uri", "https://app.example/r");
    assert_redirect_error(&app.authorize(&both).await.answer, &client, "invalid_request");
}

#[tokio::test]
async fn an_object_is_no_proof_of_identity() {
    let app = TestApp::start().await;
    let client = app.client().auth(AuthMethod::PrivateKeyJwt).create().await;
    let object = typed(&client, "oauth-authz-req+jwt", &client.assertion_claims(app.now()));
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", crate::support::fixtures::ASSERTION_TYPE),
        ("client_assertion", object.as_str()),
    ];
    assert_oauth_error(&app.post("/token", &[], &fields).await, 401, "invalid_client");
}

#[tokio::test]
async fn the_registered_algorithm_alone_is_taken() {
    let app = TestApp::start().await;
    for (alg, taken) in [("ES256", true), ("RS256", false)] {
        let registered = Some(alg.to_owned());
        let client = signing(&app).change(|metadata| metadata.request_object_signing_alg = registered).create().await;
        let request = AuthRequest::of(&client).set("request", &client.assertion(&whole(&app, &client)));
        let page = app.authorize(&request).await;
        if taken {
            assert_eq!(page.kind(), Some("sign-in"));
        } else {
            assert_redirect_error(&page.answer, &client, "invalid_request_object");
        }
    }
}

#[tokio::test]
async fn none_cannot_be_registered_for_objects() {
    let app = TestApp::start().await;
    for alg in ["none", "HS256", "RS512", ""] {
        let changed = signing(&app).change(|metadata| metadata.request_object_signing_alg = Some(alg.to_owned()));
        let problems = registration::problems(&changed.metadata, &changed.policy);
        let members: Vec<_> = problems.iter().map(|problem| problem.member).collect();
        assert_eq!(members, ["request_object_signing_alg"], "{alg}");
    }
}

#[tokio::test]
async fn an_unsigned_object_is_not_supported_and_refused_where_its_client_listens() {
    let app = TestApp::start().await;
    let client = signing(&app).create().await;
    let object = unsigned(&json!({"response_mode": "fragment", "state": "inside"}));
    let answer = app.authorize(&AuthRequest::of(&client).set("request", &object)).await.answer;
    let said = super::said_at(&answer, client.redirect_uri(), '#');
    assert_eq!((said["error"].as_str(), said["state"].as_str()), ("request_not_supported", "inside"));
    let metadata = app.get("/.well-known/openid-configuration").await.json();
    let algorithms = metadata["request_object_signing_alg_values_supported"].as_array().unwrap().clone();
    assert_eq!(algorithms.len(), 4);
    assert!(!algorithms.contains(&json!("none")));
    assert_eq!(metadata["request_parameter_supported"], true);
    assert_eq!(metadata["request_uri_parameter_supported"], true);
    assert_eq!(metadata["require_request_uri_registration"], true);
}

#[tokio::test]
async fn an_object_may_be_pushed_and_stands_alone_there() {
    let app = TestApp::start().await;
    let (client, user) = (signing(&app).create().await, app.user("alice").await);
    let mut without = whole(&app, &client);
    without.as_object_mut().unwrap().remove("state");
    let object = client.assertion(&without);
    let fields = [("request", object.as_str()), ("state", "outside"), ("response_type", "code")];
    let pushed = app.post_as(&client, "/par", &fields).await;
    assert_eq!(pushed.status, 201, "{pushed:?}");
    let mut browser = app.browser();
    browser.sign_in_for_account(&user).await;
    let uri = pushed.text("request_uri");
    let request = [("client_id".to_owned(), client.id().to_owned()), ("request_uri".to_owned(), uri)];
    let answer = browser.get_once(&AuthRequest(request.into()).url()).await;
    assert!(param(&answer, "code").is_some() && param(&answer, "state").is_none(), "{answer:?}");
}

/// A client's server that gives one text at every address and counts who asks.
struct Server {
    address: String,
    asked: Arc<AtomicUsize>,
    gives: Arc<Mutex<(u16, String)>>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (asked, gives) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new((200, String::new()))));
        let (counted, given) = (Arc::clone(&asked), Arc::clone(&gives));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let (status, body) = given.lock().await.clone();
                let mut head = [0; 4_096];
                let _ = stream.read(&mut head).await;
                let length = body.len();
                let reply = format!(
                    "HTTP/1.1 {status} X\r\nconnection: close\r\nlocation: /\r\ncontent-length: {length}\r\n\r\n{body}"
                );
                let _ = stream.write_all(reply.as_bytes()).await;
            }
        });
        Self { address, asked, gives }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    async fn give(&self, status: u16, body: String) {
        *self.gives.lock().await = (status, body);
    }
}

#[tokio::test]
async fn a_registered_reference_is_fetched_and_kept_by_its_version() {
    let app = TestApp::with(&[("GUICHET_OUTBOUND__ALLOWED_PRIVATE_HOSTS", "127.0.0.1")]).await;
    let server = Server::start().await;
    let registered = format!("{}/request.jwt", server.address);
    let client = referring(&app, &registered).await;
    let user = app.user("alice").await;
    let mut browser = app.browser();
    browser.sign_in_for_account(&user).await;
    server.give(200, format!("{}\n", client.assertion(&whole(&app, &client)))).await;
    for (uri, asked) in [
        (registered.clone(), 1),
        (registered.clone(), 2),
        (format!("{registered}#one"), 3),
        (format!("{registered}#one"), 3),
        (format!("{registered}#two"), 4),
    ] {
        let answer = browser.get_once(&AuthRequest::of(&client).set("request_uri", &uri).url()).await;
        assert_eq!(param(&answer, "state").as_deref(), Some("inside"), "{answer:?}");
        assert_eq!(server.asked(), asked, "{uri}");
    }
    app.advance(61);
    browser.get_once(&AuthRequest::of(&client).set("request_uri", &format!("{registered}#one")).url()).await;
    assert_eq!(server.asked(), 5, "it is not kept for long");

    for (status, body, code) in [
        (404, "x".to_owned(), "invalid_request_uri"),
        (302, "x".to_owned(), "invalid_request_uri"),
        (200, "x".repeat(20_000), "invalid_request_uri"),
        (200, String::new(), "invalid_request_object"),
        (200, "<html>".to_owned(), "invalid_request_object"),
        (200, unsigned(&whole(&app, &client)), "request_uri_not_supported"),
    ] {
        server.give(status, body).await;
        let answer = browser.get_once(&AuthRequest::of(&client).set("request_uri", &registered).url()).await;
        let said = super::said_at(&answer, client.redirect_uri(), '?');
        assert_eq!(said["error"], code);
    }
    let refused = AuthRequest::of(&client).set("request_uri", &registered).set("redirect_uri", "https://evil.example/");
    assert_page_error(&browser.get_once(&refused.url()).await, 400, "request_uri_not_supported");
}

#[tokio::test]
async fn a16_what_is_not_registered_is_not_fetched() {
    let app = TestApp::with(&[("GUICHET_OUTBOUND__ALLOWED_PRIVATE_HOSTS", "127.0.0.1")]).await;
    let server = Server::start().await;
    let registered = format!("{}/request.jwt", server.address);
    let client = referring(&app, &registered).await;
    let other = signing(&app).create().await;
    for uri in [
        format!("{}/other.jwt", server.address),
        format!("{registered}?x=1"),
        format!("{registered}/"),
        server.address.replace("http://", "http://user@"),
        registered.replace("http:", "HTTP:"),
        format!("{registered}#{}", "x".repeat(600)),
        "file:///etc/passwd".to_owned(),
    ] {
        let answer = app.authorize(&AuthRequest::of(&client).set("request_uri", &uri)).await.answer;
        assert_redirect_error(&answer, &client, "invalid_request_uri");
    }
    let answer = app.authorize(&AuthRequest::of(&other).set("request_uri", &registered)).await.answer;
    assert_redirect_error(&answer, &other, "invalid_request_uri");
    assert_eq!(server.asked(), 0, "somebody made us ask");

    // Registered, but at a private address that the operator did not allow.
    let guarded = TestApp::start().await;
    let client = referring(&guarded, &registered).await;
    let answer = guarded.authorize(&AuthRequest::of(&client).set("request_uri", &registered)).await.answer;
    assert_redirect_error(&answer, &client, "invalid_request_uri");
    assert_eq!(server.asked(), 0);
}
