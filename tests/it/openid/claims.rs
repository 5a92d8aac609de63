//! The `claims` parameter (OpenID Connect Core §5.5), from the request to userinfo and ID token.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::flow::{AuthRequest, Tokens, assert_redirect_error, claims, param};

const NAMED: &str = r#"{"userinfo": {"name": {"essential": true}}, "id_token": {"email": null}}"#;

fn names(claims: &Value) -> Vec<&str> {
    claims.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn named_claims_are_released_where_they_were_asked_for_and_nothing_else() {
    for app in TestApp::on_all_engines(&[]).await {
        let (client, user) = (app.client().create().await, app.user("alice").await);
        let request = AuthRequest::of(&client).set("scope", "openid offline_access").set("claims", NAMED);
        let tokens = app.tokens_for(&mut app.browser(), &client, &user, &request).await;
        let userinfo = app.get_with_token("/userinfo", &tokens.access).await.json();
        assert_eq!(userinfo, json!({"sub": user.user.uuid.to_string(), "name": "alice Example"}));
        let id = claims(&tokens.id);
        assert_eq!(id["email"], user.email);
        for absent in ["name", "email_verified", "given_name"] {
            assert!(id.get(absent).is_none(), "{absent} in {id}");
        }
        // The grant keeps them: a refresh releases the same, a narrowed one nothing of it.
        let again = Tokens::of(app.refresh(&client, &tokens.refresh).await);
        assert_eq!(claims(&again.id)["email"], user.email);
        let fields = [("grant_type", "refresh_token"), ("refresh_token", again.refresh.as_str()), ("scope", "openid")];
        let narrow = Tokens::of(app.token(&client, &fields).await);
        assert!(claims(&narrow.id).get("email").is_none(), "{}", claims(&narrow.id));
        assert_eq!(names(&app.get_with_token("/userinfo", &narrow.access).await.json()), ["sub"]);
    }
}

#[tokio::test]
async fn the_consent_page_shows_the_scope_of_a_named_claim_and_asks_once() {
    let app = TestApp::start().await;
    let (client, user) = (app.client().create().await, app.user("alice").await);
    let mut browser = app.browser();
    app.tokens_for(&mut browser, &client, &user, &AuthRequest::of(&client)).await;
    let request = AuthRequest::of(&client).set("claims", NAMED);
    let silent = browser.get(&request.clone().set("prompt", "none").url()).await;
    assert_redirect_error(&silent.answer, &client, "consent_required");
    let page = browser.get(&request.url()).await;
    assert_eq!(page.kind(), Some("consent"), "{page:?}");
    for scope in ["profile", "email"] {
        assert!(page.answer.body.contains(&format!("data-scope=\"{scope}\"")), "{scope}: {page:?}");
    }
    let end = browser.consent(&page, "allow").await;
    assert!(param(&end.answer, "code").is_some(), "{end:?}");
    let silent = browser.get(&request.set("prompt", "none").url()).await;
    assert!(param(&silent.answer, "code").is_some(), "{silent:?}");
}

#[tokio::test]
async fn a_client_gets_no_claim_beyond_its_registration_and_no_answer_about_another_person() {
    let app = TestApp::start().await;
    let (client, user) = (app.client().scope("openid").create().await, app.user("alice").await);
    let mut browser = app.browser();
    let tokens = app.tokens_for(&mut browser, &client, &user, &AuthRequest::of(&client).set("claims", NAMED)).await;
    assert_eq!(names(&app.get_with_token("/userinfo", &tokens.access).await.json()), ["sub"]);
    assert!(claims(&tokens.id).get("email").is_none());
    let silent = AuthRequest::of(&client).set("prompt", "none");
    let about = |sub: &str| json!({"id_token": {"sub": {"value": sub}}}).to_string();
    let same = browser.get(&silent.clone().set("claims", &about(&user.user.uuid.to_string())).url()).await;
    assert!(param(&same.answer, "code").is_some(), "{same:?}");
    let other = browser.get(&silent.clone().set("claims", &about("somebody")).url()).await;
    assert_redirect_error(&other.answer, &client, "login_required");
    let context = json!({"id_token": {"acr": {"essential": true, "value": "urn:example:card"}}}).to_string();
    let unmet = browser.get(&silent.set("claims", &context).url()).await;
    assert_redirect_error(&unmet.answer, &client, "unmet_authentication_requirements");
    let malformed = browser.get(&AuthRequest::of(&client).set("claims", "{").url()).await;
    assert_redirect_error(&malformed.answer, &client, "invalid_request");
}
