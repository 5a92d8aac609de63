//! Part G, continued: what pages and answers carry, probes for injected script, other origins, methods.

use axum::body::Body;
use axum::http::{Method, Request};
use guichet::account::people::{self, NewPerson};
use guichet::base::Secret;
use guichet::http::router::{Audience, routes};
use guichet::model::role::Role;

use crate::support::app::{Answer, TestApp, get};
use crate::support::fixtures::{PASSWORD, TestUser};
use crate::support::flow::{AuthRequest, param};

/// Answers of every status that the application gives by itself.
async fn answers(app: &TestApp) -> Vec<(&'static str, Answer)> {
    let user = app.user("alice").await;
    let client = app.client().create().await;
    let mut browser = app.browser();
    let tokens = app.tokens_for(&mut browser, &client, &user, &AuthRequest::of(&client)).await;
    let big = Request::builder()
        .method("POST")
        .uri("/token")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from("a=".to_owned() + &"b".repeat(3_000_000)))
        .unwrap();
    vec![
        ("200 page", browser.get_once("/account").await),
        ("200 json", app.get_with_token("/userinfo", &tokens.access).await),
        ("200 token", tokens.answer),
        ("200 discovery", app.get("/.well-known/openid-configuration").await),
        ("200 static", app.get(&format!("/static/{}", first_static(&browser.get_once("/").await))).await),
        ("303", app.get("/sign-in").await),
        ("303 code", browser.get_once(&AuthRequest::of(&client).url()).await),
        ("400 page", app.get("/authorize").await),
        ("400 json", app.post("/token", &[], &[("grant_type", "x"), ("client_id", "x"), ("client_secret", "")]).await),
        ("401", app.get("/userinfo").await),
        ("403", app.post("/account/password", &[], &[("csrf", "x")]).await),
        ("404", app.get("/nothing-here").await),
        ("405", app.send(with_method("DELETE", "/token")).await),
        ("405 trace", app.send(with_method("TRACE", "/token")).await),
        ("413", app.send(big).await),
        ("health", app.get("/healthz").await),
    ]
}

fn first_static(home: &Answer) -> String {
    let rest = home.body.split("/static/").nth(1).expect("a page uses a static file");
    rest.split(['"', '?']).next().unwrap().to_owned()
}

fn with_method(method: &str, path: &str) -> Request<Body> {
    let mut request = get(path);
    *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
    request
}

#[tokio::test]
async fn g107_g109_g110_headers_of_every_answer() {
    let app = TestApp::start().await;
    let mut all = answers(&app).await;
    let broken = TestApp::start().await;
    broken.store().close().await;
    all.push(("5xx page", broken.get("/sign-in").await));
    all.push((
        "5xx json",
        broken.post("/token", &[], &[("grant_type", "authorization_code"), ("client_id", "x")]).await,
    ));
    for (what, answer) in &all {
        assert_eq!(answer.status.is_server_error(), what.starts_with("5xx"), "{what}: {answer:?}");
        let has = |name: &str, value: &str| {
            assert!(answer.header(name).is_some_and(|found| found.contains(value)), "{what}: {name}: {answer:?}");
        };
        let hsts = answer.header("strict-transport-security").unwrap();
        let seconds: u64 = hsts.trim_start_matches("max-age=").split(';').next().unwrap().parse().unwrap();
        assert!(seconds >= 31_536_000 && hsts.contains("includeSubDomains"), "{what}: {hsts}");
        has("x-content-type-options", "nosniff");
        has("referrer-policy", "no-referrer");
        // The window of a sign-in belongs together with the application's that may have opened it.
        let is_on_the_way = matches!(*what, "303 code" | "400 page");
        has("cross-origin-opener-policy", if is_on_the_way { "unsafe-none" } else { "same-origin" });
        has("cross-origin-resource-policy", "-origin");
        has("permissions-policy", "camera=()");
        has("content-security-policy", "default-src 'none'");
        has("content-security-policy", "frame-ancestors 'none'");
        has("content-security-policy", "base-uri 'none'");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{what}: {policy}");
        if !what.contains("discovery") && !what.contains("static") {
            has("cache-control", "no-store");
        }
        assert!(answer.header("server").is_none() && answer.header("x-powered-by").is_none());
        assert!(answer.header("access-control-allow-credentials").is_none());
    }
}

#[tokio::test]
async fn g107_pages_hold_no_inline_script_or_style_and_nothing_of_others() {
    let app = TestApp::start().await;
    let user = app.user("alice").await;
    let client = app.client().create().await;
    let mut browser = app.browser();
    let sign_in = browser.get(&AuthRequest::of(&client).url()).await;
    let consent = browser.sign_in(&sign_in, &user.email, PASSWORD).await;
    let mut pages = vec![sign_in, consent];
    for path in ["/", "/account", "/account/password", "/end-session", "/nothing", "/authorize"] {
        pages.push(browser.get(path).await);
    }
    for page in pages {
        let body = page.answer.body.to_lowercase();
        assert!(body.contains("data-page="), "{page:?}");
        for inline in ["<style", " style=", " onclick=", " onload=", "javascript:", "<script>"] {
            assert!(!body.contains(inline), "{inline} in {}", page.url);
        }
        for tag in ["src=\"", "<link rel=\"stylesheet\" href=\""] {
            for rest in body.split(tag).skip(1) {
                assert!(rest.starts_with("/static/"), "{} loads {:.60}", page.url, rest);
            }
        }
    }
}

#[tokio::test]
async fn g108_form_action_names_the_client_of_this_journey_alone() {
    let app = TestApp::start().await;
    let user = app.user("alice").await;
    let clients = [
        (
            app.client().redirect_uris(&["https://app.example/cb"]).create().await,
            "form-action 'self' https://app.example;",
        ),
        (
            app.client().redirect_uris(&["https://app.example:8443/cb?x=1"]).create().await,
            "form-action 'self' https://app.example:8443;",
        ),
    ];
    for (client, expected) in clients {
        let mut browser = app.browser();
        let sign_in = browser.get(&AuthRequest::of(&client).url()).await;
        let consent = browser.sign_in(&sign_in, &user.email, PASSWORD).await;
        for page in [&sign_in, &consent] {
            let policy = page.answer.header("content-security-policy").unwrap();
            assert!(policy.contains(expected), "{policy}");
        }
    }
    let own = app.browser().get("/").await;
    assert!(own.answer.header("content-security-policy").unwrap().contains("form-action 'self';"));
}

/// Texts that would run where they are not escaped.
const PROBES: [&str; 5] = [
    "\"><script>alert(1)</script>",
    "'><img src=x onerror=alert(1)>",
    "</title><svg onload=alert(1)>",
    "javascript:alert(1)//",
    "{{7*7}}${7*7}<%=1%>",
];

#[track_caller]
fn harmless(what: &str, answer: &Answer) {
    let body = answer.body.to_lowercase();
    for live in ["<script>alert", "<img src=x", "<svg onload", "href=\"javascript:", "action=\"javascript:", "49${"] {
        assert!(!body.contains(live), "{what}: {live}: {answer:?}");
    }
    // An attribute that a quote ended early would leave its handler outside.
    assert!(!body.contains("\"><script") && !body.contains("'><img"), "{what}: {answer:?}");
    assert!(!answer.status.is_server_error(), "{what}: {answer:?}");
}

#[tokio::test]
async fn g111_probes_in_parameters() {
    let app = TestApp::start().await;
    let client = app.client().create().await;
    for probe in PROBES {
        for name in [
            "error",
            "error_description",
            "login_hint",
            "ui_locales",
            "state",
            "nonce",
            "scope",
            "prompt",
            "display",
            "acr_values",
            "claims",
            "tenant",
            "client_id",
            "redirect_uri",
            "response_type",
            "response_mode",
            "lang",
            "id_token_hint",
            "request",
            "request_uri",
        ] {
            for request in [
                AuthRequest::of(&client).set(name, probe),
                AuthRequest::of(&client).set(name, probe).set("prompt", "none"),
            ] {
                let page = app.browser().get(&request.url()).await;
                harmless(name, &page.answer);
                if let Some(location) = page.answer.location() {
                    assert!(location.starts_with("https://app.example/cb?"), "{location}");
                }
            }
            let path = format!("/?{}", crate::support::app::form(&[(name, probe)]));
            harmless(name, &app.get(&path).await);
        }
        let posted =
            AuthRequest::of(&client).set("state", probe).set("response_mode", "form_post").set("prompt", "none");
        let page = app.browser().get(&posted.url()).await;
        harmless("form_post", &page.answer);
        assert_eq!(page.form().action, "https://app.example/cb");
        assert_eq!(page.values_of("state"), [probe], "and whole");
        let redirected =
            app.browser().get(&AuthRequest::of(&client).set("state", probe).set("prompt", "none").url()).await;
        assert_eq!(param(&redirected.answer, "state").as_deref(), Some(probe));
        for name in ["post_logout_redirect_uri", "state", "id_token_hint", "client_id", "ui_locales"] {
            let path = format!("/end-session?{}", crate::support::app::form(&[(name, probe)]));
            harmless(name, &app.get(&path).await);
        }
        let escaped: String = form_urlencoded::byte_serialize(probe.as_bytes()).collect();
        for path in [
            format!("/{escaped}"),
            format!("/interaction/{escaped}"),
            format!("/static/{escaped}"),
            format!("/account?done={escaped}"),
        ] {
            harmless(&path, &app.get(&path).await);
        }
        let mut browser = app.browser();
        let page = browser.get("/sign-in").await;
        harmless("the address typed", &browser.sign_in(&page, probe, "wrong").await.answer);
    }
}

#[tokio::test]
async fn g111_probes_in_what_is_stored() {
    let app = TestApp::start().await;
    for (at, probe) in PROBES.iter().enumerate() {
        let client = app.client().change(|metadata| (*probe).clone_into(&mut metadata.client_name)).create().await;
        let person = NewPerson {
            email: format!("person{at}@example.test"),
            first_name: (*probe).to_owned(),
            last_name: (*probe).to_owned(),
            password: Some(Secret::new(PASSWORD.to_owned())),
            ..NewPerson::default()
        };
        let made = people::create(&app.app.accounts, person).await.unwrap();
        let user = TestUser { email: made.email.clone(), user: made, password: PASSWORD.to_owned() };
        for _ in 0..2 {
            let tenant = app.tenant(probe).await;
            app.join(&user, &tenant, Role::Doctor).await;
        }
        let mut browser = app.browser();
        browser.headers.push(("user-agent".to_owned(), (*probe).to_owned()));
        let page = browser.get(&AuthRequest::of(&client).url()).await;
        harmless("sign-in", &page.answer);
        let page = browser.sign_in(&page, &user.email, PASSWORD).await;
        assert_eq!(page.kind(), Some("tenant"));
        harmless("tenant", &page.answer);
        let code = page.values_of("tenant").remove(0);
        let page = browser.choose_tenant(&page, &code).await;
        assert_eq!(page.kind(), Some("consent"));
        harmless("consent", &page.answer);
        browser.consent(&page, "allow").await;
        for path in
            ["/", "/account", "/account/password", "/end-session", &format!("/end-session?client_id={}", client.id())]
        {
            harmless(path, &browser.get(path).await.answer);
        }
    }
}

#[tokio::test]
async fn g112_other_origins() {
    let app = TestApp::start().await;
    for route in routes() {
        let path = route.path.replace("{file}", "site.css").replace("{client_id}", "x").replace("{token}", "x");
        let path = path.replace("{journey}", "x").replace("{sid}", "00000000-0000-7000-8000-000000000000");
        for origin in ["https://evil.test", "null", "https://op.test.evil.test"] {
            let mut request = with_method(route.methods[0], &path);
            request.headers_mut().insert("origin", origin.parse().unwrap());
            let answer = app.send(request).await;
            let allowed = answer.header("access-control-allow-origin");
            let expected = (route.audience == Audience::Program).then_some("*");
            assert_eq!(allowed, expected, "{path} {origin}");
            assert_eq!(answer.header("access-control-allow-credentials"), None, "{path}");
            let mut preflight = with_method("OPTIONS", &path);
            preflight.headers_mut().insert("origin", origin.parse().unwrap());
            preflight.headers_mut().insert("access-control-request-method", "POST".parse().unwrap());
            let answer = app.send(preflight).await;
            assert_eq!(answer.status.as_u16(), if expected.is_some() { 204 } else { 405 }, "{path}");
            assert_eq!(answer.header("access-control-allow-origin"), expected, "{path}");
        }
    }
}

#[tokio::test]
async fn g113_methods_that_nobody_has_and_pages_for_operators() {
    let app = TestApp::start().await;
    for method in ["TRACE", "TRACK", "DEBUG", "PROPFIND", "CONNECT", "BREW", "PUT", "PATCH", "DELETE"] {
        for path in ["/token", "/authorize", "/account", "/.well-known/openid-configuration"] {
            let answer = app.send(with_method(method, path)).await;
            assert_eq!(answer.status, 405, "{method} {path}: {answer:?}");
            assert!(answer.header("allow").is_some(), "{method} {path}");
        }
    }
    for name in ["x-http-method-override", "x-http-method", "x-method-override"] {
        let mut request = get("/token");
        request.headers_mut().insert(axum::http::HeaderName::from_static(name), "POST".parse().unwrap());
        assert_eq!(app.send(request).await.status, 405, "{name}");
        let answer = app.post("/userinfo", &[(name, "DELETE")], &[("_method", "DELETE")]).await;
        assert_eq!(answer.status, 401, "{name}");
    }
    for path in ["/metrics", "/debug", "/debug/pprof", "/actuator", "/admin", "/.env", "/.git/config", "/server-status"]
    {
        assert_eq!(app.get(path).await.status, 404, "{path}");
    }
    for path in ["/healthz", "/readyz"] {
        let answer = app.get(path).await;
        assert!(answer.body.len() < 20 && !answer.body.contains("sqlite"), "{path}: {answer:?}");
    }
}
