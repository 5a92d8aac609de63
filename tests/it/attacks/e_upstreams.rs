//! E: upstream providers, what they answer and what comes back through the browser.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::app::{Answer, TestApp};
use crate::support::browser::{Browser, Page};
use crate::support::upstream::{CLIENT, OWN_TIME, Op, sign};

const START: &str = "/sign-in/op";

fn person(sub: &str) -> Value {
    json!({"sub": sub, "given_name": "Ann", "family_name": "Example"})
}

#[track_caller]
fn assert_error(page: &Page, kind: &str) {
    assert!(page.answer.body.contains(&format!("data-error=\"{kind}\"")), "{kind} is not in {page:?}");
}

async fn accounts(app: &TestApp) -> u64 {
    app.store().read().await.unwrap().count_users().await.unwrap()
}

/// A sign-in that must be refused and leave nothing behind.
async fn refused(app: &TestApp, op: &Op, person: &Value, why: &str) {
    let before = accounts(app).await;
    let mut browser = app.browser();
    let page = op.sign_in(app, &mut browser, START, person).await;
    assert!(page.answer.body.contains("data-error=\"upstream_refused\""), "{why}: {page:?}");
    assert!(browser.cookie("session").is_none(), "{why}");
    assert_eq!(accounts(app).await, before, "{why}");
}

#[tokio::test]
async fn e68_a_state_that_is_missing_wrong_used_or_anothers_is_refused() {
    let op = Op::start().await;
    let app = op.app("op", &[]).await;
    let mut browser = app.browser();
    let url = op.leave(&mut browser, START).await;
    let back = op.approve(&app, &url, &person("u"));
    let (path, query) = back.split_once('?').unwrap();
    let without: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("state=")).collect();
    for wrong in [
        format!("{path}?{}", without.join("&")),
        format!("{path}?{}&state=gus_{}", without.join("&"), "A".repeat(43)),
        format!("{path}?{}&state=x", without.join("&")),
        format!("{path}?{}&state=", without.join("&")),
    ] {
        let page = browser.get(&wrong).await;
        assert_error(&page, "journey_expired");
    }
    // Another browser, with a binding of its own and without one.
    let mut other = app.browser();
    other.get("/sign-in").await;
    for mut thief in [other, app.browser()] {
        let page = thief.get(&back).await;
        assert_eq!(page.kind(), Some("error"), "{page:?}");
        assert!(thief.cookie("session").is_none());
    }
    assert_eq!(accounts(&app).await, 0);
    // The thief did not use it up; the owner does, once.
    assert_eq!(browser.get(&back).await.kind(), Some("account"));
    let again = browser.get(&back).await;
    assert_error(&again, "journey_expired");
    // And it does not live forever.
    let late = op.leave(&mut browser, START).await;
    let back = op.approve(&app, &late, &person("u"));
    app.advance(901);
    assert_error(&browser.get(&back).await, "journey_expired");
}

#[tokio::test]
async fn e69_iss_that_is_missing_or_anothers_and_another_upstreams_way_back_are_refused() {
    let (op, evil) = (Op::start().await, Op::start().await);
    let mut environment = op.environment("op", &[]);
    environment.extend(evil.environment("evil", &[]));
    let pairs: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let app = TestApp::with(&pairs).await;
    for iss in ["", "&iss=", &format!("&iss={}", evil.issuer), &format!("&iss={}/", op.issuer)] {
        let mut browser = app.browser();
        let url = op.leave(&mut browser, START).await;
        let (state, path, code) = op.give(&app, &url, &person("u"));
        assert!(path.starts_with("/federation/op/callback"));
        let page = browser.get(&format!("{path}?code={code}&state={state}{iss}")).await;
        assert_error(&page, "upstream_refused");
    }
    // A code of one provider on the path of the other.
    let mut browser = app.browser();
    let url = op.leave(&mut browser, START).await;
    let back = op.approve(&app, &url, &person("u"));
    let page = browser.get(&back.replace("/federation/op/", "/federation/evil/")).await;
    assert_error(&page, "journey_expired");
    assert!(evil.seen().token_forms.is_empty(), "the code went to the other provider");
    assert_eq!(browser.get(&back).await.kind(), Some("account"));
    assert_eq!(accounts(&app).await, 1);
}

#[tokio::test]
async fn e70_an_id_token_with_anything_wrong_is_refused() {
    let op = Op::start().await;
    let app = op.app("op", &[]).await;
    let now = app.now().seconds();
    for (claim, value) in [
        ("iss", json!("https://evil.test")),
        ("iss", json!(format!("{}/", op.issuer))),
        ("iss", Value::Null),
        ("aud", json!("another")),
        ("aud", json!(["another"])),
        ("aud", json!([CLIENT, "another"])),
        ("aud", Value::Null),
        ("azp", json!("another")),
        ("azp", json!(1)),
        ("nonce", json!("another")),
        ("nonce", Value::Null),
        ("nonce", json!(1)),
        ("exp", json!(now - 60)),
        ("exp", json!((now + 60).to_string())),
        ("exp", Value::Null),
        ("iat", Value::Null),
        ("iat", json!(now + 3_600)),
    ] {
        op.behave(|behaviour| {
            behaviour.id_token.clear();
            behaviour.id_token.insert(claim.to_owned(), value.clone());
        });
        refused(&app, &op, &person("u"), &format!("{claim} {value}")).await;
    }
    op.behave(|behaviour| behaviour.id_token.clear());
    op.behave(|behaviour| behaviour.unsigned = true);
    refused(&app, &op, &person("u"), "unsigned").await;
    op.behave(|behaviour| (behaviour.unsigned, behaviour.foreign_key) = (false, true));
    refused(&app, &op, &person("u"), "a foreign key").await;
    op.behave(|behaviour| behaviour.foreign_key = false);
    let page = op.sign_in(&app, &mut app.browser(), START, &person("u")).await;
    assert_eq!(page.kind(), Some("account"), "{page:?}");
    // Keys that nobody published make no storm of requests.
    op.behave(|behaviour| (behaviour.foreign_key, behaviour.key_fetches) = (true, 0));
    for _ in 0..5 {
        refused(&app, &op, &person("u"), "a foreign key").await;
    }
    assert!(op.seen().key_fetches <= 1, "{}", op.seen().key_fetches);
}

#[tokio::test]
async fn what_an_upstream_publishes_is_kept_as_long_as_it_says() {
    let op = Op::start().await;
    let app = op.app("op", &[]).await;
    let sign_in = async || op.sign_in(&app, &mut app.browser(), START, &person("u")).await;
    op.behave(|behaviour| behaviour.cache_control = Some("no-store"));
    assert_eq!(sign_in().await.kind(), Some("account"));
    // A key that is missing is looked for again at once, though not twice in a second.
    op.behave(|behaviour| behaviour.foreign_key = true);
    app.advance(1);
    for _ in 0..3 {
        refused(&app, &op, &person("u"), "a foreign key").await;
    }
    assert_eq!(op.seen().key_fetches, 2);
    op.behave(|behaviour| behaviour.foreign_key = false);
    // Neither is the document kept: whoever is another issuer now is not signed in at, not even by the old document.
    op.behave(|behaviour| drop(behaviour.document.insert("issuer".to_owned(), json!("https://other.example"))));
    for seconds in [1, 1, 5] {
        app.advance(seconds);
        let page = app.browser().get(START).await;
        assert!(page.answer.location().is_none() && page.kind() == Some("error"), "{page:?}");
    }
    op.behave(|behaviour| drop(behaviour.document.remove("issuer")));
    app.advance(5);
    assert_eq!(sign_in().await.kind(), Some("account"));
    // Where it moved, it is found.
    app.advance(1);
    op.behave(|behaviour| {
        drop(behaviour.document.insert("authorization_endpoint".to_owned(), json!("https://new.example")));
    });
    let moved = app.browser().get(START).await;
    assert!(moved.answer.location().is_some_and(|url| url.starts_with("https://new.example")), "{moved:?}");
}

#[tokio::test]
async fn e71_a_subject_that_is_no_text_is_nobody() {
    let op = Op::start().await;
    let app = op.app("op", &[]).await;
    for sub in [Value::Null, json!(""), json!(1), json!(["u"]), json!({}), json!("x".repeat(10_240)), json!("a\nb")] {
        let person = json!({ "sub": sub });
        refused(&app, &op, &person, &sub.to_string().chars().take(20).collect::<String>()).await;
    }
    assert_eq!(accounts(&app).await, 0);
}

#[tokio::test]
async fn e72_userinfo_about_another_subject_is_refused() {
    let op = Op::start().await;
    let app = op.app("op", &[]).await;
    for signed in [false, true] {
        for sub in [json!("other"), Value::Null, json!(1)] {
            op.behave(|behaviour| {
                behaviour.signed_userinfo = signed;
                behaviour.userinfo.insert("sub".to_owned(), sub.clone());
            });
            refused(&app, &op, &person("u"), "another sub").await;
        }
    }
}

#[tokio::test]
async fn e79_an_upstream_that_is_gone_takes_nothing() {
    let op = Op::start().await;
    let app = op.app("op", &[]).await;
    for path in ["/sign-in/gone", "/federation/gone/callback?state=x&code=y", "/federation/gone/logout"] {
        assert_eq!(app.get(path).await.status, 404, "{path}");
    }
    let mut browser = app.browser();
    let page = browser.get("/sign-in").await;
    let answer = browser.get_once(&format!("/interaction/{}/upstream?name=gone", page.journey())).await;
    assert_eq!(answer.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn e82_a_thousand_people_at_once_are_never_crossed() {
    const PEOPLE: usize = 1_000;
    let op = Op::start().await;
    let mut environment = op.environment("op", &[]);
    environment.push(("GUICHET_HTTP__REQUEST_TIMEOUT".to_owned(), "5m".to_owned()));
    let pairs: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let app = std::sync::Arc::new(TestApp::with(&pairs).await);
    // All of them are at the provider before the first comes back, and all of them ask for tokens before the first gets any:
    // a thousand sign-ins are in the middle of their calls at one moment.
    op.behave(|behaviour| behaviour.gathers = Some(std::sync::Arc::new(tokio::sync::Barrier::new(PEOPLE))));
    let everybody_left = std::sync::Arc::new(tokio::sync::Barrier::new(PEOPLE));
    let all = (0..PEOPLE).map(|at| {
        let (op, app) = (op.clone(), std::sync::Arc::clone(&app));
        let everybody_left = std::sync::Arc::clone(&everybody_left);
        tokio::spawn(async move {
            let name = format!("person-{at}");
            let mut browser = app.browser();
            let person = json!({"sub": name, "given_name": name, "family_name": "Example"});
            let url = op.leave(&mut browser, START).await;
            everybody_left.wait().await;
            let page = browser.get(&op.approve(&app, &url, &person)).await;
            assert_eq!(page.kind(), Some("account"), "{page:?}");
            assert!(page.answer.body.contains(&format!("{name} Example")), "{name}");
        })
    });
    for one in all.collect::<Vec<_>>() {
        one.await.unwrap();
    }
    assert_eq!(accounts(&app).await, 1_000);
    assert_eq!(op.seen().key_fetches, 1, "one flight for all");
}

#[tokio::test]
async fn e83_an_upstream_that_answers_nonsense_gives_a_page_in_time() {
    let op = Op::start().await;
    let app = op.app("op", &[("TIMEOUT", OWN_TIME)]).await;
    for (status, body, kind) in [
        (500, "{}".to_owned(), "upstream_down"),
        (200, "<html>".to_owned(), "upstream_down"),
        (200, "{\"access_token\":".to_owned(), "upstream_down"),
        (200, "[]".to_owned(), "upstream_down"),
        (200, "x".repeat(2 * 1_024 * 1_024), "upstream_down"),
        (302, String::new(), "upstream_down"),
        (429, String::new(), "upstream_down"),
        (200, json!({"error": "bad_verification_code"}).to_string(), "upstream_refused"),
        (400, json!({"error": "invalid_grant"}).to_string(), "upstream_refused"),
        (200, json!({"access_token": "x", "token_type": "Bearer"}).to_string(), "upstream_refused"),
        (200, json!({"access_token": "x", "token_type": "mac", "id_token": "y"}).to_string(), "upstream_refused"),
        (200, json!({"access_token": 1, "token_type": "Bearer", "id_token": "y"}).to_string(), "upstream_refused"),
    ] {
        op.behave(|behaviour| behaviour.token_body = Some((status, body.clone())));
        let page = op.sign_in(&app, &mut app.browser(), START, &person("u")).await;
        assert!(page.answer.body.contains(&format!("data-error=\"{kind}\"")), "{status}: {page:?}");
    }
    op.behave(|behaviour| behaviour.token_body = None);
    for endpoint in ["token", "userinfo"] {
        op.behave(|behaviour| behaviour.hangs = Some(endpoint));
        let began = Instant::now();
        let page = op.sign_in(&app, &mut app.browser(), START, &person("u")).await;
        assert_error(&page, "upstream_down");
        assert!(began.elapsed() < Duration::from_secs(6), "{endpoint}: {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn e83_a_private_address_is_not_called_unless_allowed() {
    let op = Op::start().await;
    let app = op.app("op", &[("ALLOW_PRIVATE_ADDRESSES", "false"), ("ISSUER", "https://127.0.0.1:1")]).await;
    let page = app.browser().get(START).await;
    assert_error(&page, "upstream_down");
}

#[tokio::test]
async fn e84_a_document_of_another_issuer_is_refused() {
    for (name, value) in [
        ("issuer", json!("https://evil.test")),
        ("issuer", Value::Null),
        ("token_endpoint", json!("ftp://evil.test")),
        ("authorization_endpoint", json!("javascript:alert(1)")),
        ("jwks_uri", json!(7)),
    ] {
        let op = Op::start().await;
        op.behave(|behaviour| drop(behaviour.document.insert(name.to_owned(), value.clone())));
        let app = op.app("op", &[]).await;
        let page = app.browser().get(START).await;
        assert_error(&page, "upstream_refused");
    }
}

#[tokio::test]
async fn e85_upstream_tokens_are_sealed_and_in_no_answer() {
    let op = Op::start().await;
    let app = op.app("op", &[]).await;
    let mut browser = app.browser();
    let page = op.sign_in(&app, &mut browser, START, &person("u")).await;
    assert!(!page.answer.body.contains("rt-of-"));
    let user = app.store().read().await.unwrap().list_users(None, 1, None).await.unwrap().remove(0);
    let mut conn = app.store().read().await.unwrap();
    let session = conn.sessions_of(user.id).await.unwrap().remove(0);
    let there = conn.upstream_session(session.sid).await.unwrap().expect("the upstream's side");
    let kept = there.refresh_token.expect("a refresh token");
    let master = guichet::base::seal::MasterKey::new(crate::support::app::MASTER);
    assert!(!String::from_utf8_lossy(&kept).contains("rt-of-"));
    let row = session.sid.to_string();
    let open = |row: &str| master.open("upstream-refresh-token", row, &kept).map(|clear| clear.expose().clone());
    assert!(open(&row).is_some_and(|clear| clear.starts_with(b"rt-of-at-")));
    assert_eq!(open("another row"), None);
    let sealed = there.id_token.expect("an ID token");
    assert!(!String::from_utf8_lossy(&sealed).contains("eyJ"));
}

#[tokio::test]
async fn e86_no_step_can_be_left_out() {
    let op = Op::start().await;
    let app = op.app("op", &[]).await;
    let mut browser = app.browser();
    let page = browser.get("/sign-in").await;
    // A way back that was never begun, and a journey that goes on without it.
    for path in
        ["/federation/op/callback", "/federation/op/callback?code=x", "/federation/op/callback?error=access_denied"]
    {
        assert_eq!(browser.get(path).await.kind(), Some("error"), "{path}");
    }
    assert_eq!(browser.get(&page.url).await.kind(), Some("sign-in"));
    // Another browser cannot use the button of this journey.
    let button = format!("/interaction/{}/upstream?name=op", page.journey());
    let mut other = app.browser();
    other.get("/sign-in").await;
    assert_error(&other.get(&button).await, "journey_expired");
    // After the end neither the button nor the way back begins anything again.
    let url = op.leave(&mut browser, &button).await;
    let back = op.approve(&app, &url, &person("u"));
    assert_eq!(browser.get(&back).await.kind(), Some("account"));
    assert_error(&browser.get(&button).await, "journey_expired");
}

/// A logout token of the provider.
fn logout_token(app: &TestApp, op: &Op, change: &Value) -> String {
    let now = app.now().seconds();
    let mut claims = json!({
        "iss": op.issuer, "aud": CLIENT, "iat": now, "exp": now + 120, "jti": "j1", "sub": "u",
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    });
    for (name, value) in change.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    sign(&claims, "logout+jwt", false)
}

async fn announce(app: &TestApp, token: &str) -> Answer {
    app.post("/federation/op/backchannel-logout", &[], &[("logout_token", token)]).await
}

#[tokio::test]
async fn a_logout_that_the_upstream_announces_ends_the_session_and_a_false_one_does_not() {
    let op = Op::start().await;
    let app = op.app("op", &[]).await;
    let mut browser = app.browser();
    op.sign_in(&app, &mut browser, START, &person("u")).await;
    let alive = async |browser: &mut Browser| browser.get("/account").await.kind() == Some("account");
    for change in [
        json!({"iss": "https://evil.test"}),
        json!({"aud": "another"}),
        json!({"exp": app.now().seconds() - 100}),
        json!({"iat": null}),
        json!({"jti": null}),
        json!({"sub": null, "sid": null}),
        json!({"events": {}}),
        json!({"events": null}),
        json!({"nonce": "n"}),
        json!({"sub": 1}),
    ] {
        let answer = announce(&app, &logout_token(&app, &op, &change)).await;
        assert_eq!(answer.status, 400, "{change}: {answer:?}");
    }
    assert_eq!(announce(&app, "x.y.z").await.status, 400);
    // About somebody else: accepted, and nobody here ends.
    assert_eq!(announce(&app, &logout_token(&app, &op, &json!({"sub": "v", "jti": "j2"}))).await.status, 200);
    assert!(alive(&mut browser).await);
    let token = logout_token(&app, &op, &json!({}));
    let answer = announce(&app, &token).await;
    assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, Some("no-store")));
    assert!(!alive(&mut browser).await);
    assert_eq!(announce(&app, &token).await.status, 400, "used before");
}
