//! Pushed authorization requests (RFC 9126).

use guichet::oauth::client_metadata::AuthMethod;
use serde_json::json;

use crate::support::app::{ISSUER, TestApp, assert_oauth_error, assert_page_error, form};
use crate::support::fixtures::TestClient;
use crate::support::flow::{AuthRequest, Tokens, assert_redirect_error, claims, param};

const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";

async fn push(app: &TestApp, client: &TestClient, request: &AuthRequest) -> String {
    let answer = app.post_as(client, "/par", &request.clone().without("client_id").pairs()).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.json()["expires_in"], 60);
    let uri = answer.text("request_uri");
    assert_eq!(uri.strip_prefix(PREFIX).map(str::len), Some(43), "{uri}");
    uri
}

fn open(client_id: &str, uri: &str) -> String {
    format!("/authorize?{}", form(&[("client_id", client_id), ("request_uri", uri)]))
}

#[tokio::test]
async fn a_pushed_request_is_answered_with_what_was_pushed() {
    for app in TestApp::on_all_engines(&[]).await {
        let user = app.user("alice").await;
        for method in AuthMethod::ALL {
            let client = app.client().auth(method).create().await;
            let request = AuthRequest::of(&client).set("scope", "openid email");
            let uri = push(&app, &client, &request).await;
            let mut browser = app.browser();
            let page = browser.get(&open(client.id(), &uri)).await;
            let end = browser.complete(page, &user).await;
            assert_eq!(param(&end.answer, "state").as_deref(), Some("the-state"));
            assert_eq!(param(&end.answer, "iss").as_deref(), Some(ISSUER));
            let tokens = Tokens::of(app.redeem(&client, &param(&end.answer, "code").unwrap()).await);
            assert_eq!(tokens.answer.text("scope"), "openid email");
            assert_eq!(claims(&tokens.id)["nonce"], "the-nonce");
        }
    }
}

#[tokio::test]
async fn what_stands_beside_a_reference_does_not_count() {
    let app = TestApp::start().await;
    let (client, user) = (app.client().first_party().create().await, app.user("alice").await);
    let mut browser = app.browser();
    browser.sign_in_for_account(&user).await;
    let uri = push(&app, &client, &AuthRequest::of(&client).without("state")).await;
    let beside = AuthRequest::of(&client)
        .set("request_uri", &uri)
        .set("redirect_uri", "https://evil.example/")
        .set("state", "other")
        .set("scope", "openid nonsense")
        .set("prompt", "none login");
    let answer = browser.get_once(&beside.url()).await;
    assert!(answer.location().unwrap().starts_with("https://app.example/cb?code="), "{answer:?}");
    assert_eq!(param(&answer, "state"), None);
}

#[tokio::test]
async fn a16_a_reference_opens_until_it_is_answered_once_and_for_a_minute() {
    for app in TestApp::on_all_engines(&[]).await {
        let (client, user) = (app.client().first_party().create().await, app.user("alice").await);
        let uri = push(&app, &client, &AuthRequest::of(&client)).await;
        let (mut one, mut two) = (app.browser(), app.browser());
        let first = one.get(&open(client.id(), &uri)).await;
        let second = two.get(&open(client.id(), &uri)).await;
        assert_eq!((first.kind(), second.kind()), (Some("sign-in"), Some("sign-in")), "it was not answered yet");
        let end = one.complete(first, &user).await;
        assert!(param(&end.answer, "code").is_some(), "{end:?}");
        let late = two.complete(second, &user).await;
        assert_page_error(&late.answer, 400, "invalid_request_uri");
        assert_page_error(&one.get(&open(client.id(), &uri)).await.answer, 400, "invalid_request_uri");

        let uri = push(&app, &client, &AuthRequest::of(&client)).await;
        app.advance(59);
        let page = app.browser().get(&open(client.id(), &uri)).await;
        assert_eq!(page.kind(), Some("sign-in"));
        app.advance(1);
        assert_page_error(&app.get(&open(client.id(), &uri)).await, 400, "invalid_request_uri");

        // A sign-in that takes longer than the reference lives is answered, once.
        let uri = push(&app, &client, &AuthRequest::of(&client)).await;
        let (mut one, mut two) = (app.browser(), app.browser());
        let (first, second) = (one.get(&open(client.id(), &uri)).await, two.get(&open(client.id(), &uri)).await);
        app.advance(1_000);
        assert!(param(&one.complete(first, &user).await.answer, "code").is_some());
        assert_page_error(&two.complete(second, &user).await.answer, 400, "invalid_request_uri");
    }
}

#[tokio::test]
async fn a16_a_reference_is_for_the_client_that_pushed() {
    let app = TestApp::start().await;
    let (client, other) = (app.client().create().await, app.client().create().await);
    let uri = push(&app, &client, &AuthRequest::of(&client)).await;
    assert_page_error(&app.get(&open(other.id(), &uri)).await, 400, "invalid_request_uri");
    for wrong in [PREFIX.to_owned(), format!("{PREFIX}x"), format!("{uri}A"), format!("{PREFIX}{}", "A".repeat(43))] {
        assert_page_error(&app.get(&open(client.id(), &wrong)).await, 400, "invalid_request_uri");
    }
    assert_eq!(app.browser().get(&open(client.id(), &uri)).await.kind(), Some("sign-in"), "the owner may still");
}

#[tokio::test]
async fn a_bad_request_is_refused_when_it_is_pushed() {
    let app = TestApp::start().await;
    let (client, other) = (app.client().scope("openid").create().await, app.client().create().await);
    let good = AuthRequest::of(&client);
    for (request, code) in [
        (good.clone().without("redirect_uri"), "invalid_request"),
        (good.clone().set("redirect_uri", "https://evil.example/"), "invalid_request"),
        (good.clone().set("request_uri", &format!("{PREFIX}x")), "invalid_request"),
        (good.clone().set("request_uri", "https://app.example/r"), "invalid_request"),
        (good.clone().set("client_id", other.id()), "invalid_request"),
        (good.clone().set("response_type", "token"), "unsupported_response_type"),
        (good.clone().set("response_type", "code id_token"), "unauthorized_client"),
        (good.clone().set("scope", "openid email"), "invalid_scope"),
        (good.clone().without("code_challenge"), "invalid_request"),
        (good.clone().set("code_challenge_method", "plain"), "invalid_request"),
        (good.clone().set("state", &"x".repeat(4_097)), "invalid_request"),
        (good.clone().set("request", "x.y.z"), "invalid_request_object"),
        (good.clone().set("registration", "{}"), "registration_not_supported"),
        (good.clone().add("scope", "openid"), "invalid_request"),
    ] {
        let answer = app.post_as(&client, "/par", &request.pairs()).await;
        assert_oauth_error(&answer, 400, code);
        assert_eq!(answer.location(), None);
    }
    assert_oauth_error(&app.post("/par", &[], &good.pairs()).await, 401, "invalid_client");
    let mut wrong = client.clone();
    wrong.secret = Some("wrong".to_owned());
    assert_oauth_error(&app.post_as(&wrong, "/par", &good.pairs()).await, 401, "invalid_client");
}

#[tokio::test]
async fn a_client_that_must_push_cannot_ask_otherwise() {
    let app = TestApp::start().await;
    let client = app.client().change(|metadata| metadata.require_pushed_authorization_requests = true).create().await;
    let answer = app.authorize(&AuthRequest::of(&client)).await.answer;
    assert_redirect_error(&answer, &client, "invalid_request");
    let uri = push(&app, &client, &AuthRequest::of(&client)).await;
    assert_eq!(app.browser().get(&open(client.id(), &uri)).await.kind(), Some("sign-in"));
    let metadata = app.get("/.well-known/openid-configuration").await.json();
    assert_eq!(metadata["pushed_authorization_request_endpoint"], format!("{ISSUER}/par"));
    assert_eq!(metadata["require_pushed_authorization_requests"], false);
}

#[tokio::test]
async fn b27_an_assertion_for_the_endpoint_or_the_issuer_is_taken_and_for_no_other() {
    let app = TestApp::start().await;
    let client = app.client().auth(AuthMethod::PrivateKeyJwt).create().await;
    for (aud, status) in [
        (json!(ISSUER), 201),
        (json!(format!("{ISSUER}/par")), 201),
        (json!(format!("{ISSUER}/token")), 201),
        (json!(format!("{ISSUER}/revoke")), 401),
        (json!([ISSUER, "https://other.example"]), 401),
    ] {
        let mut own = client.assertion_claims(app.now());
        own["aud"] = aud.clone();
        let assertion = client.assertion(&own);
        let request = AuthRequest::of(&client)
            .add("client_assertion_type", crate::support::fixtures::ASSERTION_TYPE)
            .add("client_assertion", &assertion);
        assert_eq!(app.post("/par", &[], &request.pairs()).await.status, status, "{aud}");
    }
}
