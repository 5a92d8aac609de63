//! We register ourselves at an upstream: once, again when needed, and what began with a registration ends with it.

use guichet::federation::registration::{self, Found};
use serde_json::{Value, json};

use crate::support::app::{ISSUER, TestApp};
use crate::support::browser::Browser;
use crate::support::upstream::{Op, sign};

const START: &str = "/sign-in/op";

/// An upstream where we register ourselves, and us, on every engine.
async fn dynamic(more: &[(&str, &str)]) -> (Op, TestApp) {
    let op = Op::start().await;
    op.behave(|behaviour| behaviour.registers = true);
    let app = op.app("op", &with(more)).await;
    (op, app)
}

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [("REGISTRATION", "dynamic")].into_iter().chain(more.iter().copied()).collect()
}

fn person(sub: &str) -> Value {
    json!({"sub": sub, "given_name": "Ann"})
}

async fn signs_in(op: &Op, app: &TestApp, sub: &str) -> Browser {
    let mut browser = app.browser();
    let page = op.sign_in(app, &mut browser, START, &person(sub)).await;
    assert_eq!(page.kind(), Some("account"), "{page:?}");
    browser
}

async fn fails(op: &Op, app: &TestApp, kind: &str) {
    let mut browser = app.browser();
    let page = browser.get(START).await;
    assert!(page.answer.body.contains(&format!("data-error=\"{kind}\"")), "{kind}: {page:?}");
    assert!(op.clients().is_empty(), "nothing was registered");
}

async fn check(app: &TestApp) -> Found {
    let upstream = app.app.federation.find("op").unwrap();
    registration::check(&app.app.federation, upstream).await.unwrap()
}

async fn round(app: &TestApp) {
    registration::round(&app.app.federation).await.unwrap();
}

#[tokio::test]
async fn we_register_when_somebody_first_signs_in_and_keep_it() {
    let op = Op::start().await;
    op.behave(|behaviour| {
        behaviour.registers = true;
        behaviour.initial_token = Some("let-me-in");
    });
    let own = with(&[
        ("REGISTRATION_TOKEN", "let-me-in"),
        ("CONTACTS", "it@example.org,dpo@example.org"),
        ("USERINFO_SIGNED_RESPONSE_ALG", "RS256"),
    ]);
    let environment = op.environment("op", &own);
    let pairs: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    for app in TestApp::on_all_engines(&pairs).await {
        let engine = app.engine;
        let before = op.seen().registered.len();
        assert_eq!(check(&app).await, Found::None, "{engine}");
        signs_in(&op, &app, "u1").await;
        signs_in(&op, &app.replica().await, "u2").await;
        let seen = op.seen();
        assert_eq!(seen.registered.len(), before + 1, "{engine}: once");
        let said = seen.registered.last().unwrap();
        let uri = |path: &str| format!("{ISSUER}{path}");
        let expected = json!({
            "client_name": "Guichet",
            "application_type": "web",
            "redirect_uris": [uri("/federation/op/callback"), uri("/api/auth/op/callback")],
            "post_logout_redirect_uris": [uri("/federation/op/logout")],
            "backchannel_logout_uri": uri("/federation/op/backchannel-logout"),
            "backchannel_logout_session_required": true,
            "response_types": ["code"],
            "grant_types": ["authorization_code"],
            "token_endpoint_auth_method": "client_secret_basic",
            "id_token_signed_response_alg": "RS256",
            "userinfo_signed_response_alg": "RS256",
            "contacts": ["it@example.org", "dpo@example.org"],
        });
        assert_eq!(*said, expected, "{engine}");
        assert_eq!(check(&app).await, Found::Stands, "{engine}");
        // What came of it is sealed at rest and shown nowhere.
        let client = op.clients().last().unwrap().clone();
        let row = app.store().read().await.unwrap().present_upstream_client("op", &op.issuer).await.unwrap().unwrap();
        assert_eq!(row.client_id, client, "{engine}");
        let upstream = app.app.federation.find("op").unwrap();
        let state = registration::state(&app.app.federation, upstream).await.unwrap();
        for shown in [format!("{:?}", app.app), format!("{row:?}"), format!("{state:?}"), lossy(&row.sealed)] {
            for secret in ["registered-secret", "registered-token", "let-me-in"] {
                assert!(!shown.contains(secret), "{engine}: {secret} in {shown}");
            }
        }
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn of_many_at_once_one_registers_also_among_processes() {
    let op = Op::start().await;
    op.behave(|behaviour| behaviour.registers = true);
    let environment = op.environment("op", &with(&[]));
    let pairs: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    for app in TestApp::on_all_engines(&pairs).await {
        let before = op.seen().registered.len();
        let replica = app.replica().await;
        let begin = async |app: &TestApp| op.leave(&mut app.browser(), START).await;
        let all = futures_util::future::join_all((0..20).map(|at| begin(if at % 2 == 0 { &app } else { &replica })));
        let urls = all.await;
        let client = op.clients().last().unwrap().clone();
        assert!(urls.iter().all(|url| url.contains(&format!("client_id={client}&"))), "{}: {urls:?}", app.engine);
        assert_eq!(op.seen().registered.len(), before + 1, "{}", app.engine);
    }
}

#[tokio::test]
async fn of_two_that_register_all_the_same_one_counts_and_the_other_goes() {
    let (op, app) = dynamic(&[]).await;
    let upstream = app.app.federation.find("op").unwrap();
    // Both are on their way before either has an answer.
    op.behave(|behaviour| behaviour.gathers = Some(std::sync::Arc::new(tokio::sync::Barrier::new(2))));
    let now = || registration::register_now(&app.app.federation, upstream);
    let (first, second) = tokio::join!(now(), now());
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.client_id, second.client_id, "the first row counts");
    assert_eq!(op.clients(), [first.client_id]);
    assert_eq!(op.seen().unregistered.len(), 1, "the other one is not left there");
}

#[tokio::test]
async fn a_round_trip_ends_as_the_client_that_began_it() {
    let (op, app) = dynamic(&[]).await;
    let mut browser = app.browser();
    let url = op.leave(&mut browser, START).await;
    let upstream = app.app.federation.find("op").unwrap();
    let newer = registration::register_now(&app.app.federation, upstream).await.unwrap();
    assert!(!url.contains(&newer.client_id));
    let other = op.leave(&mut app.browser(), START).await;
    assert!(other.contains(&format!("client_id={}&", newer.client_id)), "{other}");
    // The code of the older client, redeemed as the older client.
    let page = browser.get(&op.approve(&app, &url, &person("u"))).await;
    assert_eq!(page.kind(), Some("account"), "{page:?}");
}

#[tokio::test]
async fn each_sign_in_can_have_a_registration_of_its_own_and_end_on_another_process() {
    let (op, app) = dynamic(&[("REGISTRATION_LIFETIME", "0s")]).await;
    let replica = app.replica().await;
    for sub in ["u1", "u2"] {
        let mut browser = app.browser();
        let url = op.leave(&mut browser, START).await;
        let mut there = replica.browser();
        there.cookies.clone_from(&browser.cookies);
        let page = there.get(&op.approve(&replica, &url, &person(sub))).await;
        assert_eq!(page.kind(), Some("account"), "{page:?}");
    }
    assert_eq!(op.clients().len(), 2);
    // Nothing stands on the first one once its person left; it is deleted there as well.
    let user = app.store().read().await.unwrap().list_users(None, 2, None).await.unwrap().remove(0);
    let sid = app.store().read().await.unwrap().sessions_of(user.id).await.unwrap().remove(0).sid;
    let now = app.now();
    app.store()
        .write("end", move |tx| {
            Box::pin(async move { tx.end_session(sid, guichet::model::session::SessionEnd::Logout, now).await })
        })
        .await
        .unwrap();
    round(&app).await;
    assert_eq!(op.clients().len(), 2, "not at once: a round trip may be on its way");
    app.advance(3_601);
    op.behave(|behaviour| behaviour.registration_body = Some((503, String::new())));
    round(&app).await;
    assert_eq!(op.clients().len(), 2, "it does not answer");
    op.behave(|behaviour| behaviour.registration_body = None);
    round(&app).await;
    assert_eq!(op.clients().len(), 2, "asked a moment ago");
    app.advance(3_601);
    round(&app).await;
    assert_eq!((op.clients().len(), op.seen().unregistered.len()), (1, 1), "the other one has a session");
}

#[tokio::test]
async fn a_secret_that_ends_and_a_life_that_is_over_are_renewed_before() {
    let (op, app) = dynamic(&[("REGISTRATION_LIFETIME", "30d")]).await;
    let end = app.now().seconds() + 86_400;
    op.behave(|behaviour| drop(behaviour.registration.insert("client_secret_expires_at".to_owned(), end.into())));
    signs_in(&op, &app, "u").await;
    app.advance(86_400 - 8_640 - 1);
    signs_in(&op, &app, "u").await;
    assert_eq!(op.seen().registered.len(), 1);
    app.advance(2);
    op.behave(|behaviour| drop(behaviour.registration.insert("client_secret_expires_at".to_owned(), 0.into())));
    signs_in(&op, &app, "u").await;
    assert_eq!(op.seen().registered.len(), 2, "a tenth of its life before its end");
    app.advance(30 * 86_400);
    signs_in(&op, &app, "u").await;
    assert_eq!(op.seen().registered.len(), 3, "the configured life");
    // Another one cannot be had: the old one holds, and serves on.
    app.advance(30 * 86_400);
    op.behave(|behaviour| behaviour.registration_body = Some((503, "{}".to_owned())));
    signs_in(&op, &app, "u").await;
    assert_eq!(op.seen().registered.len(), 4);
    signs_in(&op, &app, "u").await;
    assert_eq!(op.seen().registered.len(), 4, "not tried again at once");
    app.advance(6);
    signs_in(&op, &app, "u").await;
    assert_eq!(op.seen().registered.len(), 5);
}

#[tokio::test]
async fn what_we_would_say_now_is_what_the_upstream_knows() {
    let (op, app) = dynamic(&[]).await;
    signs_in(&op, &app, "u").await;
    let environment = op.environment("op", &with(&[("CONTACTS", "it@example.org")]));
    let pairs: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let changed = TestApp::over(app.engine, app.options.clone(), &pairs).await;
    signs_in(&op, &changed, "u").await;
    assert_eq!(op.seen().registered.len(), 1, "replicas that change one by one do not take turns");
    changed.advance(61);
    signs_in(&op, &changed, "u").await;
    assert_eq!(op.seen().registered.len(), 2);
    assert_eq!(op.seen().registered[1]["contacts"], json!(["it@example.org"]));
    signs_in(&op, &changed, "u").await;
    assert_eq!(op.seen().registered.len(), 2);
}

#[tokio::test]
async fn an_upstream_that_forgot_us_is_registered_at_again() {
    let (op, app) = dynamic(&[]).await;
    signs_in(&op, &app, "u").await;
    // It forgets us while somebody is there: that sign-in is refused, and the next one works.
    app.advance(61);
    let mut browser = app.browser();
    let url = op.leave(&mut browser, START).await;
    let back = op.approve(&app, &url, &person("u"));
    op.forget_clients();
    let page = browser.get(&back).await;
    assert!(page.answer.body.contains("data-error=\"upstream_refused\""), "{page:?}");
    signs_in(&op, &app, "u").await;
    assert_eq!(op.seen().registered.len(), 2);
    // It forgets us at night: nobody comes back from its page of errors, so we ask.
    op.forget_clients();
    round(&app).await;
    assert!(op.clients().is_empty(), "asked a moment ago");
    app.advance(901);
    round(&app).await;
    assert_eq!(op.clients().len(), 1, "registered before anybody waits for it");
    signs_in(&op, &app, "u").await;
    assert_eq!(op.seen().registered.len(), 3);
    // One that knows nobody is not registered at over and over.
    for _ in 0..3 {
        let mut browser = app.browser();
        let url = op.leave(&mut browser, START).await;
        let back = op.approve(&app, &url, &person("u"));
        op.behave(|behaviour| behaviour.token_body = Some((401, r#"{"error":"invalid_client"}"#.to_owned())));
        browser.get(&back).await;
        op.behave(|behaviour| behaviour.token_body = None);
    }
    assert_eq!(op.seen().registered.len(), 3);
}

#[tokio::test]
async fn what_the_upstream_changes_is_taken_over() {
    let (op, app) = dynamic(&[]).await;
    signs_in(&op, &app, "u").await;
    op.rotate_last();
    app.advance(901);
    round(&app).await;
    signs_in(&op, &app, "u").await;
    assert_eq!(op.seen().registered.len(), 1, "the new secret of the same client");
}

#[tokio::test]
async fn logout_goes_as_and_is_heard_for_the_client_that_the_session_began_with() {
    let (op, app) = dynamic(&[]).await;
    let mut browser = signs_in(&op, &app, "u").await;
    let older = op.clients()[0].clone();
    let upstream = app.app.federation.find("op").unwrap();
    registration::register_now(&app.app.federation, upstream).await.unwrap();
    let token = |client: &str, jti: &str| {
        let now = app.now().seconds();
        let event = "http://schemas.openid.net/event/backchannel-logout";
        let claims = json!({"iss": op.issuer, "aud": client, "iat": now, "exp": now + 60, "jti": jti, "sub": "u", "events": {event: {}}});
        sign(&claims, "logout+jwt", false)
    };
    let announce = async |token: String| {
        app.post("/federation/op/backchannel-logout", &[], &[("logout_token", &token)]).await.status.as_u16()
    };
    assert_eq!(announce(token("client-99", "j0")).await, 400, "a client that we never were");
    let form = browser.get("/account").await;
    let form = form.forms().into_iter().find(|form| form.action.ends_with("/end-session")).expect("the form");
    let fields: Vec<(&str, &str)> = form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let stop = browser.post("/end-session", &fields).await;
    assert!(stop.answer.body.contains(&format!("client_id={older}")), "{stop:?}");
    let mut browser = signs_in(&op, &app, "u").await;
    assert_eq!(announce(token(&older, "j1")).await, 200, "still ours");
    assert_ne!(browser.get("/account").await.kind(), Some("account"));
}

#[tokio::test]
async fn withdrawing_deletes_there_and_here() {
    let (op, app) = dynamic(&[]).await;
    signs_in(&op, &app, "u").await;
    let upstream = app.app.federation.find("op").unwrap();
    registration::register_now(&app.app.federation, upstream).await.unwrap();
    let done = registration::withdraw(&app.app.federation, upstream).await.unwrap();
    assert_eq!((done.forgotten, done.deleted), (2, 2));
    assert!(op.clients().is_empty());
    assert_eq!(check(&app).await, Found::None);
    signs_in(&op, &app, "u").await;
}

#[tokio::test]
async fn an_upstream_that_registers_nobody_is_a_page() {
    let (op, app) = dynamic(&[]).await;
    op.behave(|behaviour| behaviour.registration_body = Some((403, r#"{"error":"access_denied"}"#.to_owned())));
    fails(&op, &app, "upstream_refused").await;
    app.advance(6);
    op.behave(|behaviour| behaviour.registration_body = Some((500, String::new())));
    fails(&op, &app, "upstream_down").await;
    let op = Op::start().await;
    let app = op.app("op", &with(&[])).await;
    fails(&op, &app, "upstream_refused").await;
}
