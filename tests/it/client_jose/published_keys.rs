use guichet::oauth::client_metadata::{AuthMethod, GrantType};
use josekit::jwk::Jwk;
use josekit::jwk::alg::ec::EcCurve;
use serde_json::{Value, json};

use super::server::{KeyServer, LOOPBACK};
use crate::support::app::{Answer, TestApp, assert_oauth_error};
use crate::support::fixtures::TestClient;

/// A private key and its public set.
fn key(kid: &str) -> (Jwk, Value) {
    let mut key = Jwk::generate_ec_key(EcCurve::P256).unwrap();
    key.set_key_id(kid);
    let mut public = key.to_public_key().unwrap();
    public.set_key_id(kid);
    (key, json!({ "keys": [public] }))
}

async fn client(app: &TestApp, url: &str) -> TestClient {
    let client = app.client().auth(AuthMethod::PrivateKeyJwt).grants(&[GrantType::ClientCredentials]);
    let client = client.change(|metadata| {
        metadata.jwks = None;
        metadata.jwks_uri = Some(url.to_owned());
        metadata.redirect_uris.clear();
        metadata.response_types.clear();
    });
    client.create().await
}

async fn token(app: &TestApp, client: &TestClient) -> Answer {
    app.token(client, &[("grant_type", "client_credentials")]).await
}

#[tokio::test]
async fn a_key_that_is_published_later_is_found_after_the_floor() {
    let app = TestApp::with(&[LOOPBACK]).await;
    let (first, set) = key("1");
    let server = KeyServer::start(&set).await;
    let mut client = client(&app, &server.url).await;
    client.key = Some(first.clone());
    for _ in 0..3 {
        assert_eq!(token(&app, &client).await.status, 200);
    }
    assert_eq!(server.requests(), 1, "the set is kept");
    // The client rotates.
    let (second, set) = key("2");
    server.publish(&set);
    client.key = Some(second);
    for _ in 0..3 {
        assert_oauth_error(&token(&app, &client).await, 401, "invalid_client");
    }
    assert_eq!(server.requests(), 1, "no call within the floor, whatever is asked");
    app.advance(10);
    assert_eq!(token(&app, &client).await.status, 200);
    assert_eq!(server.requests(), 2);
    // The former key is gone with the former set.
    client.key = Some(first);
    app.advance(10);
    assert_oauth_error(&token(&app, &client).await, 401, "invalid_client");
    assert_eq!(server.requests(), 3);
}

#[tokio::test]
async fn the_set_that_is_known_serves_while_the_server_fails() {
    let app = TestApp::with(&[LOOPBACK]).await;
    let (private, set) = key("1");
    let server = KeyServer::start(&set).await;
    let mut client = client(&app, &server.url).await;
    client.key = Some(private);
    assert_eq!(token(&app, &client).await.status, 200);
    server.fail();
    app.advance(3_600);
    assert_eq!(token(&app, &client).await.status, 200);
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_private_address_is_not_called_unless_it_is_allowed() {
    let app = TestApp::start().await;
    let (private, set) = key("1");
    let server = KeyServer::start(&set).await;
    let mut client = client(&app, &server.url).await;
    client.key = Some(private);
    assert_oauth_error(&token(&app, &client).await, 401, "invalid_client");
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn what_cannot_verify_makes_us_call_nobody() {
    let app = TestApp::with(&[LOOPBACK]).await;
    let (_, set) = key("1");
    let server = KeyServer::start(&set).await;
    let client = client(&app, &server.url).await;
    let mac = crate::support::fixtures::mac_assertion(&"s".repeat(43), &client.assertion_claims(app.now()));
    for assertion in ["a.b.c", mac.as_str()] {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", client.id()),
            ("client_assertion_type", crate::support::fixtures::ASSERTION_TYPE),
            ("client_assertion", assertion),
        ];
        assert_oauth_error(&app.post("/token", &[], &fields).await, 401, "invalid_client");
    }
    assert_eq!(server.requests(), 0);
}
