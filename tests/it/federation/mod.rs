//! Sign-in at upstream providers, from an application's request to its token.

mod encryption;
mod follow;
pub mod professionals;
mod realms;
mod registration;
mod requests;
mod simulated;
mod sizes;
mod telephone;

use guichet::model::session::ACR_PASSWORD;
use serde_json::json;

use crate::support::browser::unescape;
use crate::support::flow::{AuthRequest, Tokens, claims, param};
use crate::support::upstream::{Op, left};

#[tokio::test]
async fn from_an_application_through_the_upstream_to_its_tokens() {
    let op = Op::start().await;
    let app = op.app("op", &[("LABEL", "Maison")]).await;
    let client = app.client().first_party().create().await;
    let mut browser = app.browser();
    let person = json!({"sub": "u1", "given_name": "Camille", "family_name": "Durand", "email": "camille@op.test"});

    let page = browser.get(&AuthRequest::of(&client).url()).await;
    assert_eq!(page.kind(), Some("sign-in"));
    assert!(page.answer.body.contains("data-upstream=\"op\""), "{}", page.answer.body);
    assert!(page.answer.body.contains("Continuer avec Maison"), "{}", page.answer.body);
    let button = format!("/interaction/{}/upstream?name=op", page.journey());
    let end = op.sign_in(&app, &mut browser, &button, &person).await;
    let code = param(&end.answer, "code").unwrap_or_else(|| panic!("{end:?}"));
    let tokens = Tokens::of(app.redeem(&client, &code).await);
    let id = claims(&tokens.id);
    assert_eq!((id["acr"].as_str(), &id["amr"]), (Some("urn:guichet:acr:upstream"), &json!(["fed"])));
    let sub = id["sub"].as_str().unwrap().to_owned();

    // Back again: the same account, whatever else changed there.
    let mut other = app.browser();
    let renamed = json!({"sub": "u1", "given_name": "Dominique", "email": "somebody.else@op.test"});
    let end = op.sign_in(&app, &mut other, "/sign-in/op", &renamed).await;
    assert_eq!(end.kind(), Some("account"), "{end:?}");
    let mut third = app.browser();
    let request = AuthRequest::of(&client).set("idp_hint", "op");
    let end = op.sign_in(&app, &mut third, &request.url(), &renamed).await;
    let code = param(&end.answer, "code").unwrap_or_else(|| panic!("{end:?}"));
    assert_eq!(claims(&Tokens::of(app.redeem(&client, &code).await).id)["sub"], sub.as_str());
}

#[tokio::test]
async fn the_first_sign_in_without_an_application_ends_on_the_account_page() {
    let op = Op::start().await;
    let app = op.app("op", &[]).await;
    let mut browser = app.browser();
    let end = op.sign_in(&app, &mut browser, "/sign-in/op", &json!({"sub": "u1", "name": "X"})).await;
    assert_eq!(end.kind(), Some("account"), "{end:?}");
    assert!(end.url.contains("done=welcome"), "{}", end.url);
    assert!(!end.answer.body.contains("no-address.invalid"));
    // The second time there is nothing to welcome.
    let mut other = app.browser();
    let end = op.sign_in(&app, &mut other, "/sign-in/op", &json!({"sub": "u1"})).await;
    assert_eq!((end.kind(), end.url.contains("welcome")), (Some("account"), false));
}

#[tokio::test]
async fn an_application_can_need_an_authentication_context() {
    let op = Op::start().await;
    let app = op.app("psc", &[("PRESET", "pro_sante_connect")]).await;
    let client = app.client().first_party().create().await;
    let user = app.user("ann").await;
    let mut browser = app.browser();
    app.tokens_for(&mut browser, &client, &user, &AuthRequest::of(&client)).await;
    // A session with a password is not enough: the person goes to the upstream that reaches it.
    let needed = r#"{"id_token":{"acr":{"essential":true,"values":["eidas1"]}}}"#;
    let request = AuthRequest::of(&client).set("claims", needed);
    let person = json!({"sub": "p1", "SubjectNameID": "899700123450", "given_name": "C", "family_name": "D"});
    let end = op.sign_in(&app, &mut browser, &request.url(), &person).await;
    let code = param(&end.answer, "code").unwrap_or_else(|| panic!("{end:?}"));
    let id = claims(&Tokens::of(app.redeem(&client, &code).await).id);
    assert_eq!(id["acr"], "eidas1");
    assert_ne!(id["sub"], user.user.uuid.to_string(), "another person: the professional, not ann");
    // With prompt=none nobody is sent anywhere.
    let mut third = app.browser();
    app.tokens_for(&mut third, &client, &user, &AuthRequest::of(&client)).await;
    let silent = third.get(&request.clone().set("prompt", "none").url()).await;
    assert_eq!(param(&silent.answer, "error").as_deref(), Some("unmet_authentication_requirements"));
    assert_ne!(ACR_PASSWORD, "eidas1");
}

#[tokio::test]
async fn cancelled_refused_and_down_are_pages_that_lead_back() {
    let op = Op::start().await;
    let app = op.app("op", &[]).await;
    for (change, kind, status) in [
        ("access_denied", "upstream_cancelled", 400),
        ("login_required", "upstream_refused", 403),
        ("server_error", "upstream_down", 502),
    ] {
        let mut browser = app.browser();
        let url = op.leave(&mut browser, "/sign-in/op").await;
        let (state, path, _) = op.give(&app, &url, &json!({"sub": "u"}));
        let page = browser.get(&format!("{path}?error={change}&state={state}&iss={}", op.issuer)).await;
        assert_eq!(page.answer.status.as_u16(), status, "{page:?}");
        assert!(page.answer.body.contains(&format!("data-error=\"{kind}\"")), "{page:?}");
        assert!(page.answer.body.contains("/interaction/"), "the way back");
        assert!(browser.cookie("session").is_none());
    }
}

#[tokio::test]
async fn signing_out_here_signs_out_there_and_comes_back() {
    let op = Op::start().await;
    let app = op.app("op", &[]).await;
    let client = app.client().first_party().create().await;
    let mut browser = app.browser();
    let request = AuthRequest::of(&client).set("idp_hint", "op");
    let end = op.sign_in(&app, &mut browser, &request.url(), &json!({"sub": "u1"})).await;
    let tokens = Tokens::of(app.redeem(&client, &param(&end.answer, "code").unwrap()).await);
    let logout =
        format!("/end-session?id_token_hint={}&post_logout_redirect_uri=https://app.example/bye&state=s", tokens.id);
    let there = left(&browser.get(&logout).await.answer);
    assert!(there.starts_with(&format!("{}/end-session?", op.issuer)), "{there}");
    let asked = url::Url::parse(&there).unwrap();
    let one = |name: &str| asked.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned());
    assert!(one("id_token_hint").is_some_and(|token| token.split('.').count() == 3));
    assert!(browser.cookie("session").is_none());
    assert!(!app.is_alive(&tokens.access).await);
    let back = one("post_logout_redirect_uri").unwrap();
    let page = browser.get(&format!("{back}?state={}", one("state").unwrap())).await;
    assert_eq!(page.answer.location(), Some("https://app.example/bye?state=s"));
    // The state is used up, and another browser has none.
    let page = browser.get(&format!("{back}?state={}", one("state").unwrap())).await;
    assert_eq!(page.kind(), Some("signed-out"), "{page:?}");
}

#[tokio::test]
async fn signing_out_by_a_form_goes_on_from_a_page() {
    let op = Op::start().await;
    let app = op.app("op", &[]).await;
    // The button of the account page, and the page that asks. Chromium holds the `form-action` of a page against every
    // redirect behind its form: what a form leads to may be no redirect to the upstream.
    for asks in [false, true] {
        let mut browser = app.browser();
        let account = op.sign_in(&app, &mut browser, "/sign-in/op", &json!({"sub": "u1"})).await;
        let page = if asks { browser.get("/end-session").await } else { account };
        let form = page.forms().into_iter().find(|form| form.action.ends_with("/end-session")).expect("the form");
        let fields: Vec<(&str, &str)> =
            form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let stop = browser.post("/end-session", &fields).await;
        assert_eq!(stop.kind(), Some("signed-out"), "{stop:?}");
        assert!(browser.cookie("session").is_none());
        let link = stop.answer.body.split_once("id=\"return\" href=\"").and_then(|(_, rest)| rest.split_once('"'));
        let (link, rest) = link.expect("a link");
        assert!(rest.starts_with(" data-go>Continuer avec la déconnexion de op<"), "{rest}");
        let there = url::Url::parse(&unescape(link)).unwrap();
        assert!(there.as_str().starts_with(&format!("{}/end-session?", op.issuer)), "{there}");
        let state = there.query_pairs().find(|(name, _)| name == "state").expect("a state").1;
        let page = browser.get(&format!("/federation/op/logout?state={state}")).await;
        assert_eq!(page.kind(), Some("signed-out"), "{page:?}");
        assert!(!page.answer.body.contains("data-go"), "the end: {page:?}");
    }
}
