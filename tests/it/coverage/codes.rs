//! Every error code is reached over HTTP, or says here why it cannot be.

use guichet::oauth::ErrorCode;
use std::collections::BTreeSet;

use crate::support::app::{Answer, TestApp};
use crate::support::flow::{AuthRequest, param};

/// Codes that nothing reaches yet, with the reason.
const UNREACHED: &[(ErrorCode, &str)] = &[
    (
        ErrorCode::UnmetAuthenticationRequirements,
        "there is one authentication context class, which every sign-in reaches",
    ),
    (
        ErrorCode::UnsupportedTokenType,
        "revocation takes access and refresh tokens; RFC 7009 §2.2 answers 200 to any other text",
    ),
    (
        ErrorCode::RequestUriNotSupported,
        "a server of the client's has to give an unsigned object: authorize/request_objects has one",
    ),
    (ErrorCode::InteractionRequired, "prompt=none always knows which page is missing and names it"),
    (ErrorCode::ServerError, "only a fault of ours gives it; what a lost storage gives is temporarily_unavailable"),
];

#[tokio::test]
async fn every_code_is_reached() {
    let app = TestApp::with(&[("GUICHET_REGISTRATION__POLICY", "open")]).await;
    let user = app.user("alice").await;
    let client = app.client().create().await;
    let machine = app.resource_server().await;
    let mut browser = app.browser();
    let request = AuthRequest::of(&client);
    let mut seen: BTreeSet<String> = BTreeSet::new();

    for (name, value) in [
        ("response_type", "token"),
        ("scope", "nonsense"),
        ("request", "x.y.z"),
        ("request", "eyJhbGciOiJub25lIn0.e30."),
        ("response_type", "id_token"),
        ("request_uri", "https://app.example/request"),
        ("registration", "{}"),
        ("resource", "https://unknown.example/"),
        ("prompt", "none"),
        ("code_challenge_method", "plain"),
        ("acr_values", "urn:unknown"),
        ("claims", "{\"id_token\":{\"acr\":{\"essential\":true,\"values\":[\"urn:unknown\"]}}}"),
        ("tenant", "nowhere"),
    ] {
        let answer = browser.get_once(&request.clone().set(name, value).url()).await;
        if answer.location().is_some_and(|location| location.starts_with("https://app.example/")) {
            seen.extend(param(&answer, "error"));
        }
    }
    browser.sign_in_for_account(&user).await;
    for (name, value) in [("prompt", "none"), ("tenant", "nowhere")] {
        seen.extend(param(&browser.get(&request.clone().set(name, value).url()).await.answer, "error"));
    }
    for at in ["A", "B"] {
        let tenant = app.tenant(at).await;
        app.join(&user, &tenant, guichet::model::role::Role::Doctor).await;
    }
    seen.extend(param(&browser.get(&request.clone().set("prompt", "none").url()).await.answer, "error"));

    let mut tell = |answer: Answer| seen.extend([answer.text("error")]);
    tell(app.token(&client, &[("grant_type", "password")]).await);
    tell(app.token(&client, &[("grant_type", "client_credentials")]).await);
    tell(app.redeem(&client, "gac_unknown").await);
    tell(app.token(&client, &[]).await);
    tell(app.post("/token", &[], &[("grant_type", "x")]).await);
    tell(app.get_with_token("/userinfo", "gat_unknown").await);
    tell(app.token(&machine, &[("grant_type", "client_credentials"), ("scope", "openid")]).await);
    tell(app.token(&machine, &[("grant_type", "client_credentials"), ("resource", "nowhere")]).await);
    let tokens =
        app.tokens_for(&mut app.browser(), &client, &user, &request.clone().set("scope", "openid profile")).await;
    let narrow = [("grant_type", "refresh_token"), ("refresh_token", &tokens.refresh), ("scope", "profile")];
    let narrowed = app.token(&client, &narrow).await;
    assert_eq!(narrowed.status, 200, "{narrowed:?}");
    tell(app.get_with_token("/userinfo", &narrowed.text("access_token")).await);
    tell(app.register(&serde_json::json!({"redirect_uris": ["javascript:x"]})).await);
    tell(app.register(&serde_json::json!({"redirect_uris": ["https://app.example/cb"], "logo_uri": "x"})).await);
    let broken = TestApp::start().await;
    broken.store().close().await;
    tell(broken.post("/token", &[], &[("grant_type", "authorization_code"), ("client_id", "x")]).await);

    let missing: Vec<&str> = ErrorCode::ALL
        .iter()
        .filter(|code| !seen.contains(code.as_str()))
        .filter(|code| !UNREACHED.iter().any(|(known, _)| known == *code))
        .map(|code| code.as_str())
        .collect();
    assert!(missing.is_empty(), "no case reaches {missing:?}; seen: {seen:?}");
    for (code, why) in UNREACHED {
        assert!(!seen.contains(code.as_str()), "{} is reached after all: {why}", code.as_str());
    }
}
