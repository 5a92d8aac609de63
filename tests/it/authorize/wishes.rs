//! Parameters that wish for something and bind nobody (OpenID Connect Core §3.1.2.1, §5.2).

use serde_json::json;

use crate::support::app::TestApp;
use crate::support::flow::{AuthRequest, assert_redirect_error, param};

#[tokio::test]
async fn wishes_are_taken_and_what_nobody_knows_is_passed_over() {
    let app = TestApp::start().await;
    let client = app.client().create().await;
    for (name, value) in [
        ("display", "page"),
        ("display", "popup"),
        ("display", "touch"),
        ("display", "wap"),
        ("display", "hologram"),
        ("claims_locales", "fr-CA en"),
        ("ui_locales", "tlh en"),
        ("acr_values", "urn:unknown phr"),
        ("made_up_by_somebody", "x"),
    ] {
        let page = app.authorize(&AuthRequest::of(&client).set(name, value)).await;
        assert_eq!(page.kind(), Some("sign-in"), "{name}={value}: {page:?}");
    }
    for language in ["fr", "en"] {
        let page = app.authorize(&AuthRequest::of(&client).set("ui_locales", language)).await;
        assert!(page.answer.body.contains(&format!("lang=\"{language}\"")), "{language}: {page:?}");
    }
}

#[tokio::test]
async fn an_authentication_context_binds_when_it_is_essential_and_only_then() {
    let app = TestApp::start().await;
    let unreached = || vec!["urn:unknown".to_owned()];
    let client = app.client().first_party().change(|metadata| metadata.default_acr_values = unreached()).create().await;
    let user = app.user("alice").await;
    let mut browser = app.browser();
    browser.sign_in_for_account(&user).await;
    let claims = |acr: serde_json::Value| {
        let text = json!({"id_token": {"acr": acr}}).to_string();
        AuthRequest::of(&client).set("claims", &text)
    };
    for request in [
        AuthRequest::of(&client),
        AuthRequest::of(&client).set("acr_values", "urn:unknown"),
        claims(json!({"values": ["urn:unknown"]})),
        claims(json!(null)),
        claims(json!({"essential": true})),
    ] {
        let answer = browser.get_once(&request.url()).await;
        assert!(param(&answer, "code").is_some(), "{answer:?}");
    }
    for how in
        [json!({"essential": true, "value": "urn:unknown"}), json!({"essential": true, "values": ["urn:a", "urn:b"]})]
    {
        let answer = browser.get_once(&claims(how).url()).await;
        assert_redirect_error(&answer, &client, "unmet_authentication_requirements");
    }
}
