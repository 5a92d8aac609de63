//! Part G: sessions, cookies, and who may post a form.

use axum::body::Body;
use axum::http::{Method, Request, header};

use crate::support::app::{Answer, ISSUER, TestApp, form};
use crate::support::browser::{Browser, Page};
use crate::support::fixtures::PASSWORD;
use crate::support::flow::AuthRequest;
use crate::support::stores::{TABLES, dump};

const SESSION: &str = "__Host-guichet-session";

/// A hand-made request with the browser's cookies.
async fn raw(
    app: &TestApp,
    browser: &Browser,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let cookies: Vec<String> = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path);
    if !cookies.is_empty() {
        request = request.header(header::COOKIE, cookies.join("; "));
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    app.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn csrf(page: &Page) -> String {
    page.form().fields.into_iter().find(|(name, _)| name == "csrf").expect("a form of ours has a token").1
}

#[tokio::test]
async fn g102_a_sign_in_gives_a_new_session_id() {
    let app = TestApp::start().await;
    let user = app.user("alice").await;
    let mut browser = app.browser();
    browser.sign_in_for_account(&user).await;
    let first = browser.cookie("session").unwrap().to_owned();
    let client = app.client().first_party().create().await;
    let page = browser.get(&AuthRequest::of(&client).set("prompt", "login").url()).await;
    browser.sign_in(&page, &user.email, PASSWORD).await;
    let second = browser.cookie("session").unwrap().to_owned();
    assert_ne!(first, second);
    let mut old = app.browser();
    old.cookies = vec![(SESSION.to_owned(), first)];
    assert_eq!(old.get_once("/account").await.status, 303, "the id of before is dead");
    assert_eq!(browser.get_once("/account").await.status, 200);
}

#[tokio::test]
async fn g102_another_person_ends_the_session_of_the_first() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.user("alice").await, app.user("bob").await);
    let client = app.client().create().await;
    let mut browser = app.browser();
    let tokens = app.tokens_for(&mut browser, &client, &alice, &AuthRequest::of(&client)).await;
    let first = browser.cookie("session").unwrap().to_owned();
    let page = browser.get(&AuthRequest::of(&client).set("prompt", "select_account").url()).await;
    let page = browser.sign_in(&page, &bob.email, PASSWORD).await;
    assert_eq!(page.kind(), Some("consent"), "what Alice allowed says nothing of Bob");
    let mut old = app.browser();
    old.cookies = vec![(SESSION.to_owned(), first)];
    assert_eq!(old.get_once("/account").await.status, 303);
    assert!(!app.is_alive(&tokens.access).await, "and what came of it");
}

#[tokio::test]
async fn g102_a_preset_id_is_never_adopted() {
    let app = TestApp::start().await;
    let user = app.user("alice").await;
    let mut attacker = app.browser();
    attacker.sign_in_for_account(&app.user("mallory").await).await;
    let planted = attacker.cookie("session").unwrap().to_owned();
    let mut invented = planted.clone();
    invented.replace_range(planted.len() - 4.., "AAAA");
    for preset in [planted.as_str(), invented.as_str(), "x", "", "gse_x"] {
        let mut browser = app.browser();
        browser.cookies = vec![(SESSION.to_owned(), preset.to_owned())];
        let page = browser.get("/sign-in").await;
        if page.kind() == Some("sign-in") {
            browser.sign_in(&page, &user.email, PASSWORD).await;
            assert_ne!(browser.cookie("session"), Some(preset));
        }
        let mut other = app.browser();
        other.cookies = vec![(SESSION.to_owned(), preset.to_owned())];
        let shown = other.get("/account").await;
        assert!(!shown.answer.body.contains(&user.email), "{preset} leads to the account of another");
    }
    // Without the prefix of the https names, and one name twice.
    let good = {
        let mut browser = app.browser();
        browser.sign_in_for_account(&user).await;
        browser.cookie("session").unwrap().to_owned()
    };
    for line in [format!("guichet-session={good}"), format!("{SESSION}={good}; {SESSION}={planted}")] {
        let answer = raw(&app, &app.browser(), "GET", "/account", &[("cookie", &line)], "").await;
        assert_eq!(answer.status, 303, "{line}");
    }
}

#[tokio::test]
async fn g103_cookies() {
    let app = TestApp::start().await;
    let user = app.user("alice").await;
    let mut browser = app.browser();
    let mut lines = Vec::new();
    let mut keep = |answer: &Answer| {
        let set = answer.headers.get_all(header::SET_COOKIE).iter().map(|line| line.to_str().unwrap().to_owned());
        lines.extend(set);
    };
    keep(&browser.get_once("/?lang=en").await);
    let page = browser.get("/sign-in").await;
    keep(&browser.submit_once(&page, &[("email", &user.email), ("password", PASSWORD)]).await);
    assert_eq!(lines.len(), 4, "{lines:?}");
    let mut seen = std::collections::BTreeSet::new();
    for line in &lines {
        let mut attributes: Vec<&str> = line.split("; ").collect();
        let (name, value) = attributes.remove(0).split_once('=').unwrap();
        assert!(name.starts_with("__Host-"), "{line}");
        if name.ends_with("-state") {
            // For a script of ours in a frame on other sites' pages; `logout` holds that it opens nothing.
            assert_eq!(attributes, ["Path=/", "SameSite=None", "Secure"], "{line}");
        } else {
            assert_eq!(attributes, ["Path=/", "HttpOnly", "SameSite=Lax", "Secure"], "{line}");
        }
        assert!(line.len() <= 4_096);
        if !name.ends_with("locale") {
            assert!(value.len() >= 22, "128 random bits: {line}");
            assert!(seen.insert(value.to_owned()));
            let all = dump(&app.options, &["sessions", "ephemeral", "audit_events"]).await;
            assert!(!all.contains(value), "only a digest is stored");
        }
    }
}

#[tokio::test]
async fn g104_sessions_end() {
    let environment = [("GUICHET_SESSIONS__IDLE", "30m"), ("GUICHET_SESSIONS__ABSOLUTE", "12h")];
    let app = TestApp::with(&environment).await;
    let user = app.user("alice").await;
    let mut idle = app.browser();
    idle.sign_in_for_account(&user).await;
    app.advance(30 * 60 - 1);
    assert_eq!(idle.get_once("/account").await.status, 200);
    app.advance(30 * 60);
    assert_eq!(idle.get_once("/account").await.status, 303, "30 minutes without a request");
    let mut busy = app.browser();
    busy.sign_in_for_account(&user).await;
    let mut alive = 0;
    for _ in 0..60 {
        app.advance(20 * 60);
        if busy.get_once("/account").await.status != 200 {
            break;
        }
        alive += 1;
    }
    assert_eq!(alive, 35, "12 hours in all, however busy");
}

#[tokio::test]
async fn g105_foreign_forms_change_nothing() {
    let app = TestApp::start().await;
    let user = app.user("alice").await;
    let (mut browser, mut other) = (app.browser(), app.browser());
    browser.sign_in_for_account(&user).await;
    other.sign_in_for_account(&app.user("mallory").await).await;
    let client = app.client().create().await;
    app.tokens_for(&mut browser, &client, &user, &AuthRequest::of(&client)).await;
    let page = browser.get("/account/password").await;
    let (own, foreign) = (csrf(&page), csrf(&other.get("/account/password").await));
    let journey = browser.get(&AuthRequest::of(&client).set("prompt", "login").url()).await.journey().to_owned();
    let targets = [
        "/account/password".to_owned(),
        "/account/sessions/end-others".to_owned(),
        "/account/sessions/end-all".to_owned(),
        format!("/account/consents/{}/withdraw", client.id()),
        "/account/sessions/00000000-0000-7000-8000-000000000000/end".to_owned(),
        format!("/interaction/{journey}/sign-in"),
        format!("/interaction/{journey}/tenant"),
        format!("/interaction/{journey}/consent"),
        "/end-session".to_owned(),
        "/password-reset".to_owned(),
        "/password-reset/x".to_owned(),
    ];
    let tables = [&TABLES[..], &["audit_events", "ephemeral"]].concat();
    let before = dump(&app.options, &tables).await;
    let new = "nine quiet bridges at dusk";
    let fields = |token: &str| {
        form(&[
            ("csrf", token),
            ("current_password", PASSWORD),
            ("new_password", new),
            ("repeat_password", new),
            ("email", "alice@example.test"),
            ("password", PASSWORD),
            ("decision", "allow"),
            ("tenant", "T"),
        ])
    };
    let origin = ("origin", ISSUER);
    for path in &targets {
        let tries = [
            ("an empty token", vec![FORM, origin], fields("x")),
            ("another browser's token", vec![FORM, origin], fields(&foreign)),
            ("a longer token", vec![FORM, origin], fields(&format!("{own}A"))),
            ("a foreign origin", vec![FORM, ("origin", "https://evil.test")], fields(&own)),
            ("a null origin", vec![FORM, ("origin", "null")], fields(&own)),
            ("a near origin", vec![FORM, ("origin", "https://op.test.evil.test")], fields(&own)),
            ("plain http", vec![FORM, ("origin", "http://op.test")], fields(&own)),
            ("another site", vec![FORM, ("sec-fetch-site", "cross-site")], fields(&own)),
            ("a sibling site", vec![FORM, ("sec-fetch-site", "same-site")], fields(&own)),
            ("both", vec![FORM, origin, ("sec-fetch-site", "cross-site")], fields(&own)),
        ];
        for (what, headers, body) in tries {
            let answer = raw(&app, &browser, "POST", path, &headers, &body).await;
            assert_eq!(answer.status, 403, "{path}: {what}: {answer:?}");
        }
        for kind in ["text/plain", "application/json", "multipart/form-data; boundary=x", ""] {
            let body = format!("{{\"csrf\":\"{own}\",\"decision\":\"allow\"}}");
            let answer = raw(&app, &browser, "POST", path, &[("content-type", kind), origin], &body).await;
            assert!(matches!(answer.status.as_u16(), 400 | 403 | 415), "{path}: {kind}: {answer:?}");
            let answer = raw(&app, &browser, "POST", path, &[("content-type", kind), origin], &fields(&own)).await;
            assert!(matches!(answer.status.as_u16(), 400 | 403 | 415), "{path}: {kind}: {answer:?}");
        }
        let stranger = raw(&app, &app.browser(), "POST", path, &[FORM, origin], &fields(&own)).await;
        assert_eq!(stranger.status, 403, "{path}: without the cookie that the token belongs to");
    }
    assert_eq!(dump(&app.options, &tables).await, before, "nothing changed");
    let answer = raw(&app, &browser, "POST", "/account/password", &[FORM, origin], &fields(&own)).await;
    assert_eq!(answer.status, 303, "the same form from our own page: {answer:?}");
}

#[tokio::test]
async fn g106_reading_changes_nothing() {
    let app = TestApp::start().await;
    let user = app.user("alice").await;
    let client = app.client().create().await;
    let mut browser = app.browser();
    let tokens = app.tokens_for(&mut browser, &client, &user, &AuthRequest::of(&client)).await;
    let token = csrf(&browser.get("/account/password").await);
    let page = browser.get(&AuthRequest::of(&client).set("prompt", "consent").url()).await;
    assert_eq!(page.kind(), Some("consent"));
    let journey = page.journey().to_owned();
    let tables = [&TABLES[..], &["audit_events", "ephemeral"]].concat();
    let before = dump(&app.options, &tables).await;
    let all = form(&[
        ("csrf", &token),
        ("decision", "allow"),
        ("current_password", PASSWORD),
        ("new_password", "nine quiet bridges at dusk"),
        ("repeat_password", "nine quiet bridges at dusk"),
        ("token", &tokens.refresh),
        ("grant_type", "refresh_token"),
        ("refresh_token", &tokens.refresh),
    ]);
    let paths = [
        "/account".to_owned(),
        "/account/password".to_owned(),
        "/account/sessions/end-others".to_owned(),
        "/account/sessions/end-all".to_owned(),
        format!("/account/consents/{}/withdraw", client.id()),
        format!("/interaction/{journey}"),
        format!("/interaction/{journey}/consent"),
        format!("/interaction/{journey}/sign-in"),
        "/end-session".to_owned(),
        "/revoke".to_owned(),
        "/token".to_owned(),
        "/introspect".to_owned(),
        "/userinfo".to_owned(),
        "/".to_owned(),
    ];
    let basic = crate::support::app::basic(client.id(), client.secret.as_deref().unwrap());
    for path in &paths {
        for method in ["GET", "HEAD"] {
            for headers in [&[][..], &[("sec-purpose", "prefetch")], &[("authorization", basic.as_str())]] {
                let answer = raw(&app, &browser, method, &format!("{path}?{all}"), headers, "").await;
                assert!(answer.status.as_u16() < 500, "{method} {path}: {answer:?}");
            }
        }
    }
    assert_eq!(dump(&app.options, &tables).await, before, "nothing changed");
    assert_eq!(browser.consent(&page, "allow").await.answer.status, 303, "the journey is still there");
    assert!(app.is_alive(&tokens.access).await);
}

#[tokio::test]
async fn g106_a_logout_link_asks_first() {
    let app = TestApp::start().await;
    let user = app.user("alice").await;
    let mut browser = app.browser();
    browser.sign_in_for_account(&user).await;
    let page = browser.get("/end-session?post_logout_redirect_uri=https://evil.test/&state=x").await;
    assert_eq!((page.kind(), page.answer.status.as_u16()), (Some("logout"), 200), "{page:?}");
    assert_eq!(browser.get_once("/account").await.status, 200);
    let done = browser.submit(&page, &[]).await;
    assert_eq!((done.kind(), done.answer.location()), (Some("signed-out"), None), "{done:?}");
    assert_eq!(browser.get_once("/account").await.status, 303);
}

#[tokio::test]
async fn g110_logout_clears_what_the_browser_keeps() {
    let app = TestApp::start().await;
    let user = app.user("alice").await;
    let mut browser = app.browser();
    browser.sign_in_for_account(&user).await;
    let stolen = browser.clone();
    let page = browser.get("/end-session").await;
    let answer = browser.submit_once(&page, &[]).await;
    assert!(answer.header("clear-site-data").unwrap().contains("\"cache\""), "{answer:?}");
    let cleared = answer.headers.get_all(header::SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
    assert!(cleared.into_iter().any(|line| line.starts_with(SESSION) && line.contains("Max-Age=0")), "{answer:?}");
    let replayed = raw(&app, &stolen, "GET", "/account", &[], "").await;
    assert_eq!(replayed.status, 303, "a copy of the cookie is dead");
}
