//! Session management (OpenID Connect Session Management 1.0).

use guichet::base::digest::{Digest, from_base64url};

use super::client_with;
use crate::support::app::{TestApp, form};
use crate::support::browser::Browser;
use crate::support::flow::{AuthRequest, param};

/// Whether the script of the frame would say `unchanged` in this browser.
fn is_unchanged(browser: &Browser, client_id: &str, origin: &str, session_state: &str) -> bool {
    let (_, salt) = session_state.split_once('.').expect("a salt");
    let state = browser.cookie("-state").unwrap_or_default();
    let own = Digest::of(format!("{client_id} {origin} {state} {salt}").as_bytes()).to_base64url();
    session_state == format!("{own}.{salt}")
}

#[tokio::test]
async fn session_state_follows_the_person_of_the_browser() {
    let app = TestApp::start().await;
    let client = client_with(&app, |_| ()).await;
    let (user, other) = (app.user("alice").await, app.user("bob").await);
    let mut browser = app.browser();
    let origin = "https://app.example";
    let request = AuthRequest::of(&client);

    // Nobody is signed in: the refusal says so, and how to notice when somebody is.
    let silent = browser.get(&request.clone().set("prompt", "none").url()).await;
    assert_eq!(param(&silent.answer, "error").as_deref(), Some("login_required"));
    let nobody = param(&silent.answer, "session_state").expect("session_state");
    assert!(is_unchanged(&browser, client.id(), origin, &nobody));

    let page = browser.get(&request.url()).await;
    let end = browser.complete(page, &user).await;
    let alice = param(&end.answer, "session_state").expect("session_state");
    assert!(
        !alice.contains(' ') && from_base64url(alice.split('.').next().unwrap()).is_some_and(|hash| hash.len() == 32)
    );
    assert!(is_unchanged(&browser, client.id(), origin, &alice));
    assert!(!is_unchanged(&browser, client.id(), origin, &nobody), "a sign-in is noticed");
    assert!(!is_unchanged(&browser, client.id(), "https://evil.test", &alice));
    assert!(!is_unchanged(&browser, "other", origin, &alice));
    let again = browser.get(&request.clone().set("prompt", "none").url()).await;
    let again = param(&again.answer, "session_state").unwrap();
    assert!(is_unchanged(&browser, client.id(), origin, &alice) && again != alice, "another salt, the same state");

    let page = browser.get(&request.clone().set("prompt", "select_account").url()).await;
    browser.complete(page, &other).await;
    assert!(!is_unchanged(&browser, client.id(), origin, &alice), "another person is noticed");

    let page = browser.get(&request.clone().set("prompt", "login").url()).await;
    let end = browser.complete(page, &other).await;
    let bob = param(&end.answer, "session_state").unwrap();
    let page = browser.get("/end-session").await;
    browser.submit(&page, &[("decision", "sign-out")]).await;
    assert!(!is_unchanged(&browser, client.id(), origin, &bob), "signing out is noticed");
}

#[tokio::test]
async fn session_state_is_for_openid_requests_of_applications_with_an_origin() {
    let app = TestApp::start().await;
    let user = app.user("alice").await;
    let client = client_with(&app, |_| ()).await;
    let mut browser = app.browser();
    let page = browser.get(&AuthRequest::of(&client).set("scope", "email").url()).await;
    assert_eq!(param(&browser.complete(page, &user).await.answer, "session_state"), None);
    let native = client_with(&app, |metadata| metadata.redirect_uris = vec!["com.example.app:/cb".to_owned()]).await;
    let page = browser.get(&AuthRequest::of(&native).url()).await;
    let end = browser.complete(page, &user).await;
    assert!(param(&end.answer, "code").is_some() && param(&end.answer, "session_state").is_none(), "{end:?}");
}

#[tokio::test]
async fn the_state_is_a_cookie_for_our_script_that_opens_nothing() {
    let app = TestApp::start().await;
    let user = app.user("alice").await;
    let mut browser = app.browser();
    let page = browser.get("/sign-in").await;
    let fields = [("email", user.email.as_str()), ("password", user.password.as_str())];
    let answer = browser.submit_once(&page, &fields).await;
    let lines: Vec<&str> = answer.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap()).collect();
    let state = lines.iter().find(|line| line.starts_with("__Host-guichet-state=")).expect("the state");
    assert!(state.ends_with("; Path=/; SameSite=None; Secure"), "{state}");
    assert!(lines.iter().any(|line| line.starts_with("__Host-guichet-session=") && line.contains("HttpOnly")));
    let value = browser.cookie("-state").unwrap().to_owned();
    assert_eq!(from_base64url(&value).unwrap().len(), 16);
    assert!(!browser.cookie("session").unwrap().contains(&value));
    let mut thief = app.browser();
    thief.cookies = vec![("__Host-guichet-state".to_owned(), value)];
    assert_eq!(thief.get("/account").await.kind(), Some("sign-in"));
}

#[tokio::test]
async fn the_frame_is_one_page_for_all_that_may_be_framed() {
    let app = TestApp::start().await;
    let answer = app.get("/session/check").await;
    assert_eq!(answer.status, 200);
    let policy = answer.header("content-security-policy").unwrap();
    assert!(
        policy.contains("frame-ancestors *") && policy.starts_with("default-src 'none'; script-src 'self';"),
        "{policy}"
    );
    assert_eq!(answer.header("cache-control"), Some("public, max-age=3600"));
    assert_eq!(answer.header("set-cookie"), None);
    assert_eq!(answer.header("x-frame-options"), None);
    assert!(answer.body.contains("data-cookie=\"__Host-guichet-state\""));
    let script = answer.body.split("<script src=\"").nth(1).unwrap().split('"').next().unwrap();
    let script = app.get(script).await;
    assert_eq!((script.status.as_u16(), script.header("content-type")), (200, Some("text/javascript; charset=utf-8")));
    let user = app.user("alice").await;
    let mut browser = app.browser();
    browser.sign_in_for_account(&user).await;
    assert_eq!(browser.get("/session/check").await.answer.body, answer.body, "the same for everybody");
}

#[tokio::test]
async fn discovery_says_what_is_there() {
    let app = TestApp::start().await;
    let metadata = app.get("/.well-known/openid-configuration").await.json();
    for member in [
        "backchannel_logout_supported",
        "backchannel_logout_session_supported",
        "frontchannel_logout_supported",
        "frontchannel_logout_session_supported",
    ] {
        assert_eq!(metadata[member], true, "{member}");
    }
    assert_eq!(metadata["check_session_iframe"], "https://op.test/session/check");
    assert_eq!(metadata["end_session_endpoint"], "https://op.test/end-session");
}

#[tokio::test]
async fn a_posted_logout_request_is_the_same_as_a_get() {
    let app = TestApp::start().await;
    let client = client_with(&app, |_| ()).await;
    let user = app.user("alice").await;
    let mut browser = app.browser();
    let tokens = app.tokens_for(&mut browser, &client, &user, &AuthRequest::of(&client)).await;
    let pairs = [
        ("id_token_hint", tokens.id.as_str()),
        ("logout_hint", "somebody@else.test"),
        ("client_id", client.id()),
        ("post_logout_redirect_uri", "https://app.example/bye"),
        ("state", "s"),
    ];
    let end = browser.post("/end-session", &pairs).await;
    assert_eq!(end.answer.location(), Some("https://app.example/bye?state=s"), "{end:?}");
    // A hint about the person is no proof.
    let tokens = app.tokens_for(&mut browser, &client, &user, &AuthRequest::of(&client)).await;
    let page = browser.get(&format!("/end-session?{}", form(&[("logout_hint", &user.email)]))).await;
    assert_eq!(page.kind(), Some("logout"));
    assert!(app.is_alive(&tokens.access).await);
}
