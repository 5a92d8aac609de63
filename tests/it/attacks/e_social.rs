//! E: providers without OpenID Connect, and Google.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::RawQuery;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use guichet::base::digest::{hex, hmac_sha256};
use serde_json::{Value, json};

use crate::support::app::{TestApp, form};
use crate::support::browser::{Browser, Page};
use crate::support::upstream::{Op, left};

/// What a provider answers now, by path.
type Answers = Arc<Mutex<Vec<(&'static str, Value)>>>;

fn set(answers: &Answers, path: &'static str, value: Value) {
    let mut all = answers.lock().unwrap();
    all.retain(|(known, _)| *known != path);
    all.push((path, value));
}

fn answer(answers: &Answers, path: &str) -> Response {
    let found = answers.lock().unwrap().iter().find(|(known, _)| *known == path).map(|(_, value)| value.clone());
    let body = found.unwrap_or_else(|| panic!("{path} was not expected")).to_string();
    ([(header::CONTENT_TYPE, "application/json")], Body::from(body)).into_response()
}

/// A provider of fixed answers; gives its address and the queries that it saw.
async fn provider(answers: &Answers, paths: &[&'static str]) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let mut router = Router::new();
    for &path in paths {
        let (answers, seen) = (Arc::clone(answers), Arc::clone(&seen));
        let handler = move |RawQuery(query): RawQuery| {
            seen.lock().unwrap().push(format!("{path}?{}", query.unwrap_or_default()));
            let response = answer(&answers, path);
            std::future::ready(response)
        };
        router = router.route(path, if path.ends_with("access_token") { post(handler) } else { get(handler) });
    }
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, seen)
}

async fn app(name: &str, address: &str) -> TestApp {
    let prefix = format!("GUICHET_UPSTREAMS__{}__", name.to_uppercase());
    let values = [
        ("WEB_URL", address),
        ("API_URL", address),
        ("CLIENT_ID", "4711"),
        ("CLIENT_SECRET", "the-secret"),
        ("ALLOW_PRIVATE_ADDRESSES", "true"),
    ];
    let own: Vec<(String, &str)> = values.iter().map(|(key, value)| (format!("{prefix}{key}"), *value)).collect();
    let pairs: Vec<(&str, &str)> = own.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    TestApp::with(&pairs).await
}

/// Begins, and comes back with a code.
async fn come_back(browser: &mut Browser, name: &str, more: &[(&str, &str)]) -> Page {
    let there = left(&browser.get(&format!("/sign-in/{name}")).await.answer);
    let url = url::Url::parse(&there).unwrap();
    let state = url.query_pairs().find(|(known, _)| known == "state").unwrap().1.into_owned();
    let mut fields = vec![("code", "the-code"), ("state", state.as_str())];
    fields.extend_from_slice(more);
    browser.get(&format!("/federation/{name}/callback?{}", form(&fields))).await
}

async fn accounts(app: &TestApp) -> u64 {
    app.store().read().await.unwrap().count_users().await.unwrap()
}

const GITHUB: [&str; 3] = ["/login/oauth/access_token", "/user", "/user/emails"];

#[tokio::test]
async fn e74_a_github_name_taken_over_by_somebody_else_is_a_new_account() {
    let answers = Answers::default();
    let (address, _) = provider(&answers, &GITHUB).await;
    let app = app("github", &address).await;
    let token = json!({"access_token": "gho_x", "token_type": "bearer", "scope": "read:user,user:email"});
    set(&answers, GITHUB[0], token.clone());
    set(
        &answers,
        GITHUB[2],
        json!([{"email": "o@hub.test", "primary": false, "verified": true},
        {"email": "octo@hub.test", "primary": true, "verified": true}]),
    );
    set(&answers, GITHUB[1], json!({"id": 1, "login": "octo", "name": "Octo Cat", "email": "public@hub.test"}));
    let page = come_back(&mut app.browser(), "github", &[]).await;
    assert_eq!(page.kind(), Some("account"), "{page:?}");
    assert!(page.answer.body.contains("Octo Cat"));
    assert!(app.store().read().await.unwrap().user_by_email("octo@hub.test").await.unwrap().is_some());
    // Renamed: the same. The name is another's now: another.
    set(&answers, GITHUB[2], json!([{"email": "x@hub.test", "primary": true, "verified": false}]));
    for (id, login, count) in [(1, "renamed", 1), (2, "octo", 2)] {
        set(&answers, GITHUB[1], json!({"id": id, "login": login, "name": null, "email": null}));
        let page = come_back(&mut app.browser(), "github", &[("iss", &format!("{address}/login/oauth"))]).await;
        assert_eq!((page.kind(), accounts(&app).await), (Some("account"), count), "{page:?}");
    }
    // Another's iss, an error with status 200, an id that is no number.
    let page = come_back(&mut app.browser(), "github", &[("iss", "https://evil.test")]).await;
    assert!(page.answer.body.contains("data-error=\"upstream_refused\""), "{page:?}");
    set(&answers, GITHUB[1], json!({"id": "1", "login": "octo"}));
    let page = come_back(&mut app.browser(), "github", &[]).await;
    assert!(page.answer.body.contains("data-error=\"upstream_refused\""), "{page:?}");
    set(
        &answers,
        GITHUB[0],
        json!({"error": "bad_verification_code", "access_token": "gho_x", "token_type": "bearer"}),
    );
    let page = come_back(&mut app.browser(), "github", &[]).await;
    assert!(page.answer.body.contains("data-error=\"upstream_refused\""), "{page:?}");
    assert_eq!(accounts(&app).await, 2);
}

const FACEBOOK: [&str; 3] = ["/v25.0/oauth/access_token", "/v25.0/debug_token", "/v25.0/me"];

#[tokio::test]
async fn e80_a_facebook_token_of_another_app_is_refused() {
    let answers = Answers::default();
    let (address, seen) = provider(&answers, &FACEBOOK).await;
    let app = app("facebook", &address).await;
    set(&answers, FACEBOOK[0], json!({"access_token": "EAAx", "token_type": "bearer", "expires_in": 5_000_000}));
    set(&answers, FACEBOOK[2], json!({"id": "77", "name": "Ann E", "first_name": "Ann", "last_name": "E"}));
    for data in [
        json!({"app_id": "999", "is_valid": true, "user_id": "77"}),
        json!({"app_id": "4711", "is_valid": false, "user_id": "77"}),
        json!({"app_id": "4711", "is_valid": true, "user_id": "78"}),
        json!({"app_id": "4711", "is_valid": true}),
        json!({}),
    ] {
        set(&answers, FACEBOOK[1], json!({ "data": data }));
        let page = come_back(&mut app.browser(), "facebook", &[]).await;
        assert!(page.answer.body.contains("data-error=\"upstream_refused\""), "{data}: {page:?}");
    }
    set(&answers, FACEBOOK[1], json!({"data": {"app_id": "4711", "is_valid": true, "user_id": "77"}}));
    let page = come_back(&mut app.browser(), "facebook", &[]).await;
    assert_eq!((page.kind(), accounts(&app).await), (Some("account"), 1), "{page:?}");
    let proof = hex(&hmac_sha256(b"the-secret", b"EAAx"));
    let asked = seen.lock().unwrap().iter().rfind(|query| query.starts_with(FACEBOOK[2])).unwrap().clone();
    assert!(asked.contains(&format!("appsecret_proof={proof}")), "{asked}");
    assert!(!asked.contains("the-secret"));
    // An address of Facebook's is never believed.
    let ann = app.user("ann").await;
    set(&answers, FACEBOOK[1], json!({"data": {"app_id": "4711", "is_valid": true, "user_id": "80"}}));
    set(&answers, FACEBOOK[2], json!({"id": "80", "email": ann.email}));
    let page = come_back(&mut app.browser(), "facebook", &[]).await;
    assert_eq!((page.kind(), accounts(&app).await), (Some("account"), 3), "{page:?}");
}

#[tokio::test]
async fn e80_a_google_account_of_another_domain_is_refused() {
    let op = Op::start().await;
    let app = op.app("google", &[("HOSTED_DOMAIN", "clinic.test")]).await;
    let start = "/sign-in/google";
    for hd in [Value::Null, json!("evil.test"), json!(""), json!(["clinic.test"]), json!("Clinic.test")] {
        op.behave(|behaviour| drop(behaviour.id_token.insert("hd".to_owned(), hd.clone())));
        let page = op.sign_in(&app, &mut app.browser(), start, &json!({"sub": "g"})).await;
        assert!(page.answer.body.contains("data-error=\"upstream_refused\""), "{hd}: {page:?}");
    }
    op.behave(|behaviour| drop(behaviour.id_token.insert("hd".to_owned(), json!("clinic.test"))));
    let url = op.leave(&mut app.browser(), start).await;
    assert!(url.contains("hd=clinic.test"), "{url}");
    let page = op.sign_in(&app, &mut app.browser(), start, &json!({"sub": "g"})).await;
    assert_eq!(page.kind(), Some("account"), "{page:?}");
}

#[tokio::test]
async fn e75_google_is_an_authority_for_few_addresses() {
    let op = Op::start().await;
    let app = op.app("google", &[]).await;
    let set = |email: &str, verified: Value, hd: Value| {
        op.behave(|behaviour| {
            behaviour.id_token.insert("email".to_owned(), email.into());
            behaviour.id_token.insert("email_verified".to_owned(), verified.clone());
            behaviour.id_token.insert("hd".to_owned(), hd.clone());
        });
    };
    for (at, (email, verified, hd, believed)) in [
        ("a@gmail.com", json!(true), Value::Null, true),
        ("b@gmail.com", json!(false), Value::Null, false),
        ("c@other.test", json!(true), Value::Null, false),
        ("d@clinic.test", json!(true), json!("clinic.test"), true),
        ("e@gmail.com", json!("true"), Value::Null, false),
        ("f@gmail.com.evil.test", json!(true), Value::Null, false),
    ]
    .into_iter()
    .enumerate()
    {
        set(email, verified, hd);
        let page = op.sign_in(&app, &mut app.browser(), "/sign-in/google", &json!({"sub": format!("g{at}")})).await;
        assert_eq!(page.kind(), Some("account"), "{page:?}");
        let found = app.store().read().await.unwrap().user_by_email(email).await.unwrap();
        assert_eq!(found.is_some_and(|user| user.email_verified), believed, "{email}");
    }
}
