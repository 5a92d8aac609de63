//! Pairwise subjects and their sectors (OpenID Connect Core §8.1).

use std::sync::{Arc, Mutex};

use guichet::oauth::client_metadata::SubjectType;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::with;
use crate::support::app::{TestApp, assert_oauth_error};
use crate::support::fixtures::TestClient;
use crate::support::flow::{AuthRequest, Tokens, assert_redirect_error, claims, param};

/// A server on loopback that answers every request with what it is told.
struct Host {
    url: String,
    answer: Arc<Mutex<(u16, String)>>,
}

impl Host {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/sector.json", listener.local_addr().unwrap());
        let answer = Arc::new(Mutex::new((200, "[]".to_owned())));
        let told = Arc::clone(&answer);
        drop(tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut request = [0; 4_096];
                let _ = socket.read(&mut request).await;
                let (status, body) = told.lock().unwrap().clone();
                let head =
                    format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                let _ = socket.write_all(format!("{head}{body}").as_bytes()).await;
            }
        }));
        Self { url, answer }
    }

    fn tell(&self, status: u16, body: &str) {
        *self.answer.lock().unwrap() = (status, body.to_owned());
    }
}

async fn app_that_may_call_loopback() -> TestApp {
    TestApp::with(&[
        ("GUICHET_REGISTRATION__POLICY", "open"),
        ("GUICHET_RATE_LIMITS__REGISTER", "off"),
        ("GUICHET_OUTBOUND__ALLOWED_PRIVATE_HOSTS", "127.0.0.1"),
    ])
    .await
}

const TWO: [&str; 2] = ["https://one.example/cb", "https://two.example/cb"];

#[tokio::test]
async fn the_sector_must_list_every_redirect_uri() {
    let app = app_that_may_call_loopback().await;
    let host = Host::start().await;
    let document = json!({"redirect_uris": TWO, "subject_type": "pairwise", "sector_identifier_uri": host.url});
    for (status, body) in [
        (200, "[]".to_owned()),
        (200, json!([TWO[0]]).to_string()),
        (200, json!({"redirect_uris": TWO}).to_string()),
        (200, json!([TWO[0], TWO[1], 1]).to_string()),
        (200, "<html>".to_owned()),
        (404, json!(TWO).to_string()),
        (302, json!(TWO).to_string()),
        (200, format!("[\"{}\"]", "x".repeat(300_000))),
    ] {
        host.tell(status, &body);
        let answer = app.register(&document).await;
        assert_oauth_error(&answer, 400, "invalid_client_metadata");
        assert!(answer.text("error_description").contains("sector_identifier_uri"), "{answer:?}");
    }
    host.tell(200, &json!([TWO[1], "https://three.example/cb", TWO[0]]).to_string());
    let made = app.register(&document).await;
    assert_eq!(made.status, 201, "{made:?}");
    // The list counts for public subjects as well, and again when the redirect URIs change.
    let foreign = json!({"redirect_uris": ["https://four.example/cb"], "sector_identifier_uri": host.url});
    assert_oauth_error(&app.register(&foreign).await, 400, "invalid_client_metadata");
    let (path, token) = (format!("/register/{}", made.text("client_id")), made.text("registration_access_token"));
    let answer = app.registration("PUT", &path, Some(&token), Some(&foreign)).await;
    assert_oauth_error(&answer, 400, "invalid_client_metadata");
    // What did not change is not fetched again.
    host.tell(500, "");
    assert_eq!(app.registration("PUT", &path, Some(&token), Some(&document)).await.status, 200);
}

#[tokio::test]
async fn our_own_network_is_not_called() {
    let host = Host::start().await;
    host.tell(200, &json!(["https://app.example/cb"]).to_string());
    let app = TestApp::open_to_all().await;
    for uri in [host.url.as_str(), "https://127.0.0.1/s", "https://169.254.169.254/latest", "https://localhost/s"] {
        let answer = app.register(&with(json!({"sector_identifier_uri": uri}))).await;
        assert_oauth_error(&answer, 400, "invalid_client_metadata");
        assert_eq!(
            answer.text("error_description"),
            "sector_identifier_uri: must give a JSON array that holds every redirect URI",
            "and nothing is told of it"
        );
    }
}

#[tokio::test]
async fn several_hosts_need_a_sector() {
    let app = TestApp::open_to_all().await;
    let document = json!({"redirect_uris": TWO, "subject_type": "pairwise"});
    assert_oauth_error(&app.register(&document).await, 400, "invalid_client_metadata");
    let native = json!({
        "redirect_uris": ["fr.example.app:/cb"], "application_type": "native", "subject_type": "pairwise",
    });
    assert_oauth_error(&app.register(&native).await, 400, "invalid_client_metadata");
    let one =
        json!({"redirect_uris": ["https://one.example/a", "https://one.example:8443/b"], "subject_type": "pairwise"});
    assert_eq!(app.register(&one).await.status, 201);
}

async fn pairwise(app: &TestApp, uri: &str) -> TestClient {
    let built = app.client().redirect_uris(&[uri]).resource_server();
    built.change(|metadata| metadata.subject_type = SubjectType::Pairwise).create().await
}

fn sub(value: &Value) -> String {
    value["sub"].as_str().unwrap_or_else(|| panic!("no sub: {value}")).to_owned()
}

#[tokio::test]
async fn one_person_has_one_name_in_a_sector_and_another_elsewhere() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.user("alice").await, app.user("bob").await);
    let first = pairwise(&app, "https://one.example/a").await;
    let neighbour = pairwise(&app, "https://one.example/b").await;
    let stranger = pairwise(&app, "https://two.example/a").await;
    let mut names = Vec::new();
    for (client, user) in [(&first, &alice), (&neighbour, &alice), (&stranger, &alice), (&first, &bob)] {
        let tokens = app.tokens(client, user).await;
        let name = sub(&claims(&tokens.id));
        assert_eq!(sub(&claims(&tokens.access)), name);
        assert_eq!(sub(&app.get_with_token("/userinfo", &tokens.access).await.json()), name);
        let told = app.introspect(client, &tokens.access).await;
        assert_eq!((sub(&told), told.get("username")), (name.clone(), None), "no name that all sectors share");
        let again = Tokens::of(app.refresh(client, &tokens.refresh).await);
        assert_eq!(sub(&claims(&again.id)), name, "a refresh");
        assert!(!name.contains(&user.user.uuid.to_string()) && name.len() == 43, "{name}");
        names.push(name);
    }
    assert_eq!(names[0], names[1], "one sector");
    assert_ne!(names[0], names[2], "two sectors");
    assert_ne!(names[0], names[3], "two people");
    let public = app.client().create().await;
    assert_eq!(sub(&claims(&app.tokens(&public, &alice).await.id)), alice.user.uuid.to_string());
    let replica = app.replica().await;
    assert_eq!(sub(&claims(&replica.tokens(&first, &alice).await.id)), names[0], "on every replica");
}

#[tokio::test]
async fn a_sector_identifier_joins_hosts() {
    let app = app_that_may_call_loopback().await;
    let host = Host::start().await;
    host.tell(200, &json!(TWO).to_string());
    let alice = app.user("alice").await;
    let mut names = Vec::new();
    for uri in TWO {
        let document = json!({"redirect_uris": [uri], "subject_type": "pairwise", "sector_identifier_uri": host.url});
        let client = app.registered(&app.register(&document).await).await;
        names.push(sub(&claims(&app.tokens(&client, &alice).await.id)));
    }
    assert_eq!(names[0], names[1]);
}

#[tokio::test]
async fn hints_and_wishes_use_the_clients_own_name() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.user("alice").await, app.user("bob").await);
    let (client, other) =
        (pairwise(&app, "https://one.example/a").await, pairwise(&app, "https://two.example/a").await);
    let mut browser = app.browser();
    let tokens = app.tokens_for(&mut browser, &client, &alice, &AuthRequest::of(&client)).await;
    let of_bob = app.tokens(&client, &bob).await;
    let elsewhere = app.tokens_for(&mut browser, &other, &alice, &AuthRequest::of(&other)).await;
    let silent = AuthRequest::of(&client).set("prompt", "none");
    for hint in [&tokens.id, &elsewhere.id] {
        let page = browser.get(&silent.clone().set("id_token_hint", hint).url()).await;
        assert!(param(&page.answer, "code").is_some(), "{page:?}");
    }
    let page = browser.get(&silent.clone().set("id_token_hint", &of_bob.id).url()).await;
    assert_redirect_error(&page.answer, &client, "login_required");
    let wish = |sub: &str| json!({"id_token": {"sub": {"value": sub}}}).to_string();
    let own = sub(&claims(&tokens.id));
    let page = browser.get(&silent.clone().set("claims", &wish(&own)).url()).await;
    assert!(param(&page.answer, "code").is_some(), "{page:?}");
    for foreign in [alice.user.uuid.to_string(), sub(&claims(&elsewhere.id)), sub(&claims(&of_bob.id))] {
        let page = browser.get(&silent.clone().set("claims", &wish(&foreign)).url()).await;
        assert_redirect_error(&page.answer, &client, "login_required");
    }
    // A hint of one's own signs out without a question; another person's does not.
    let end =
        |hint: &str| format!("/end-session?id_token_hint={hint}&post_logout_redirect_uri=https://app.example/bye");
    assert_eq!(browser.get(&end(&of_bob.id)).await.kind(), Some("logout"));
    let left = browser.get(&end(&tokens.id)).await;
    assert_eq!(left.answer.location(), Some("https://app.example/bye"), "{left:?}");
}
