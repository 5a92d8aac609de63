//! Malformed, oversized, duplicated and hostile input at every endpoint: a clear refusal, nothing changed, no 5xx.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use guichet::http::router::routes;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::app::{Answer, TestApp, form};
use crate::support::browser::Browser;
use crate::support::fixtures::{PASSWORD, TestClient};
use crate::support::flow::{AuthRequest, VERIFIER};
use crate::support::stores::{TABLES, dump};

/// An application in which there is something to lose.
struct World {
    app: TestApp,
    client: TestClient,
    browser: Browser,
    /// A live refresh token.
    refresh: String,
    /// The token of this browser's forms.
    csrf: String,
    /// A journey that waits for consent.
    journey: String,
}

impl World {
    async fn start() -> Self {
        let mail = [("GUICHET_MAIL__FOLDER", "mails"), ("GUICHET_MAIL__FROM", "no-reply@op.test")];
        let open = [("GUICHET_REGISTRATION__POLICY", "open"), ("GUICHET_RATE_LIMITS__REGISTER", "off")];
        let app = TestApp::with(&[mail.as_slice(), &open].concat()).await;
        let client = app.client().create().await;
        let user = app.user("alice").await;
        let mut browser = app.browser();
        let tokens = app.tokens_for(&mut browser, &client, &user, &AuthRequest::of(&client)).await;
        let page = browser.get(&AuthRequest::of(&client).set("prompt", "consent").url()).await;
        let csrf = page.form().fields.iter().find(|(name, _)| name == "csrf").unwrap().1.clone();
        let journey = page.journey().to_owned();
        Self { app, client, browser, refresh: tokens.refresh, csrf, journey }
    }

    fn path(&self, route: &str) -> String {
        route
            .replace("{journey}", &self.journey)
            .replace("{client_id}", self.client.id())
            .replace("{sid}", "00000000-0000-7000-8000-000000000000")
            .replace("{file}", "guichet.css")
            .replace("{token}", "gpr_x")
    }

    /// What each endpoint takes when all is well, but for its credentials.
    fn fields(&self, route: &str) -> Vec<(String, String)> {
        let own = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        match route {
            "/token" => own(&[
                ("grant_type", "authorization_code"),
                ("code", "x"),
                ("redirect_uri", self.client.redirect_uri()),
                ("code_verifier", VERIFIER),
            ]),
            "/revoke" | "/introspect" => own(&[("token", "x"), ("token_type_hint", "refresh_token")]),
            "/userinfo" => own(&[("access_token", "x")]),
            "/authorize" | "/par" => AuthRequest::of(&self.client).0,
            "/end-session" => own(&[("csrf", &self.csrf), ("state", "x"), ("decision", "x")]),
            "/account/password" => own(&[
                ("csrf", &self.csrf),
                ("current_password", "wrong"),
                ("new_password", "nine quiet bridges at dusk"),
                ("repeat_password", "nine quiet bridges at dusk"),
            ]),
            _ => own(&[("csrf", &self.csrf), ("email", "x"), ("password", "x"), ("tenant", "x")]),
        }
    }

    /// Sends bytes with all that this browser and this client can bring along.
    async fn send(&self, method: &str, path: &str, kind: &str, body: Vec<u8>) -> Answer {
        let cookies: Vec<String> = self.browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(path)
            .header("cookie", cookies.join("; "))
            .header("origin", "https://op.test");
        if !kind.is_empty() {
            request = request.header("content-type", kind);
        }
        if ["/token", "/par", "/revoke", "/introspect"].contains(&path) {
            let basic = crate::support::app::basic(self.client.id(), self.client.secret.as_deref().unwrap());
            request = request.header("authorization", basic);
        }
        self.app.send(request.body(Body::from(body)).unwrap()).await
    }

    async fn rows(&self) -> String {
        dump(&self.app.options, &TABLES).await
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

fn encoded(fields: &[(String, String)]) -> String {
    form(&fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>())
}

#[tokio::test]
async fn b11_a_parameter_twice_is_refused_everywhere() {
    let world = World::start().await;
    let before = world.rows().await;
    for route in routes().iter().filter(|route| route.methods.contains(&"POST")) {
        let fields = world.fields(route.path);
        for (name, value) in &fields {
            for again in [value.as_str(), "other", ""] {
                let mut twice = fields.clone();
                twice.push((name.clone(), again.to_owned()));
                let answer = world.send("POST", &world.path(route.path), FORM, encoded(&twice).into_bytes()).await;
                let expected = if route.path == "/userinfo" { [400, 401] } else { [400, 400] };
                assert!(expected.contains(&answer.status.as_u16()), "{} {name}={again:?}: {answer:?}", route.path);
            }
        }
    }
    let request = AuthRequest::of(&world.client);
    for (name, value) in &request.0 {
        let page = world.app.authorize(&request.clone().add(name, value)).await;
        assert_eq!(page.answer.status, 400, "{name}: {page:?}");
        assert_eq!(page.kind(), Some("error"), "{name}");
    }
    assert_eq!(world.rows().await, before);
}

#[tokio::test]
async fn hostile_bodies_are_refused_everywhere() {
    let world = World::start().await;
    let before = world.rows().await;
    let many = (0..10_000).map(|at| format!("p{at}=1")).collect::<Vec<_>>().join("&");
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        ("not UTF-8", b"a=%ff%fe".to_vec()),
        ("raw bytes", vec![0xff, 0xfe, 0x00, b'=', 0x80]),
        ("NUL", b"a=%00".to_vec()),
        ("10,000 fields", many.into_bytes()),
        ("1 MiB", [b"scope=".to_vec(), vec![b'a'; 1 << 20]].concat()),
        ("JSON in a form", b"{\"grant_type\":\"client_credentials\"}".to_vec()),
        ("XML", b"<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY y SYSTEM \"file:///etc/passwd\">]><x>&y;</x>".to_vec()),
        ("empty", Vec::new()),
        ("separators", b"&&&===&=&=".to_vec()),
        ("half an escape", b"a=%4&b=%&c=%zz".to_vec()),
    ];
    for route in routes().iter().filter(|route| route.methods.contains(&"POST")) {
        for (what, body) in &bodies {
            let answer = world.send("POST", &world.path(route.path), FORM, body.clone()).await;
            let status = answer.status;
            // An empty request is one for the GET form of these two, which then refuses or asks.
            let goes_on = ["/authorize", "/end-session"].contains(&route.path) && status == StatusCode::SEE_OTHER;
            assert!(status.is_client_error() || goes_on, "{} {what}: {answer:?}", route.path);
        }
        for kind in [
            "application/json",
            "text/plain",
            "multipart/form-data; boundary=x",
            "",
            "x",
            "application/x-www-form-urlencodedx",
        ] {
            let body = encoded(&world.fields(route.path)).into_bytes();
            let answer = world.send("POST", &world.path(route.path), kind, body).await;
            assert!(answer.status.is_client_error(), "{} {kind:?}: {answer:?}", route.path);
        }
    }
    assert_eq!(world.rows().await, before);
}

#[tokio::test]
async fn hostile_values_in_every_field() {
    let world = World::start().await;
    let before = world.rows().await;
    let long = "x".repeat(20_000);
    let values = [
        "",
        " ",
        "'; DROP TABLE users; --",
        "\" OR \"\"=\"",
        "../../../etc/passwd",
        "\r\nSet-Cookie: a=b",
        "\u{202e}\u{feff}\u{1f600}",
        "${jndi:ldap://x/}",
        "null",
        "-1",
        "99999999999999999999999999",
        "%s%n%x",
        long.as_str(),
    ];
    for route in routes().iter().filter(|route| route.methods.contains(&"POST")) {
        let fields = world.fields(route.path);
        for at in 0..fields.len() {
            for value in values {
                let mut changed = fields.clone();
                changed[at].1 = value.to_owned();
                let answer = world.send("POST", &world.path(route.path), FORM, encoded(&changed).into_bytes()).await;
                assert!(!answer.status.is_server_error(), "{} {}: {answer:?}", route.path, fields[at].0);
                assert!(answer.headers.get_all("set-cookie").iter().all(|line| line != "a=b"), "{answer:?}");
                if route.path == "/end-session" && fields[at].0 == "decision" {
                    // A known form, whatever its decision: the session is over; sign in anew below.
                    break;
                }
            }
        }
    }
    // Forms that are in order did what they are for (sign out, withdraw a consent), and nothing else changed.
    let strip = |rows: &str| {
        rows.lines()
            .filter(|row| !["sessions", "grants", "consents"].iter().any(|table| row.starts_with(table)))
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(strip(&world.rows().await), strip(&before));
}

#[tokio::test]
async fn hostile_paths() {
    let world = World::start().await;
    let before = world.rows().await;
    for path in [
        "/account/sessions/x/end",
        "/account/sessions/%00/end",
        "/account/sessions/%ff/end",
        "/account/sessions/00000000-0000-7000-8000-00000000000g/end",
        "/account/consents/%ff/withdraw",
        "/account/consents/%2e%2e%2f/withdraw",
        "/account/consents/%00/withdraw",
        "/interaction/%ff/sign-in",
        "/interaction/%00/sign-in",
        "/interaction/..%2f/consent",
    ] {
        let body = form(&[("csrf", &world.csrf), ("decision", "allow")]).into_bytes();
        let answer = world.send("POST", path, FORM, body).await;
        assert!(answer.status.is_client_error() || answer.status == 303, "{path}: {answer:?}");
        assert!(!answer.body.contains("Cannot parse") && !answer.body.contains("Invalid URL"), "{path}: {answer:?}");
    }
    for path in [
        "/static/..%2fCargo.toml",
        "/static/%2e%2e/x",
        "/static/%00",
        "/static/%ff",
        "/static/../x",
        "//token",
        "/token/",
        "/TOKEN",
        "/token;x",
        "/token%2f",
        "/./token",
    ] {
        let answer = world.send("GET", path, "", Vec::new()).await;
        assert!(matches!(answer.status.as_u16(), 400 | 404), "{path}: {answer:?}");
    }
    assert_eq!(world.rows().await, before);
}

#[tokio::test]
async fn passwords_and_names_have_their_limits() {
    let world = World::start().await;
    let before = world.rows().await;
    let long = "p".repeat(1_025);
    let name = format!("{}@example.test", "a".repeat(400));
    for (email, password) in [("alice@example.test", long.as_str()), (name.as_str(), PASSWORD)] {
        let mut browser = world.app.browser();
        let page = browser.get("/sign-in").await;
        let answer = browser.submit_once(&page, &[("email", email), ("password", password)]).await;
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    assert_eq!(world.rows().await, before);
}

/// Bytes that look like a form now and then.
fn form_bytes() -> impl Strategy<Value = Vec<u8>> {
    let name = prop_oneof![
        Just("client_id"),
        Just("redirect_uri"),
        Just("response_type"),
        Just("scope"),
        Just("state"),
        Just("prompt"),
        Just("max_age"),
        Just("claims"),
        Just("csrf"),
        Just("decision"),
        Just("token"),
        Just("grant_type"),
        Just("code"),
        Just("refresh_token"),
        Just("client_assertion"),
        Just("client_assertion_type"),
        Just("client_secret"),
        Just("id_token_hint"),
        Just("post_logout_redirect_uri"),
        Just("access_token"),
        Just("email"),
        Just("password"),
        Just("tenant"),
        Just("lang"),
        Just("resource"),
        Just("code_challenge"),
        Just("response_mode"),
    ];
    let value = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        "[ -~]{0,40}".prop_map(String::into_bytes),
        Just(b"openid%20profile".to_vec()),
        Just(b"authorization_code".to_vec()),
        Just(b"refresh_token".to_vec()),
        Just(b"code".to_vec()),
        Just(b"none".to_vec()),
        Just(b"a.b.c".to_vec()),
        Just(b"%7B%7D".to_vec()),
    ];
    let pair = (name, value).prop_map(|(name, value)| [name.as_bytes(), b"=", &value].concat());
    prop_oneof![
        3 => proptest::collection::vec(pair, 0..8).prop_map(|pairs| pairs.join(&b'&')),
        1 => proptest::collection::vec(any::<u8>(), 0..200),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_bytes_come_no_route_breaks() {
    let world = World::start().await;
    let before = world.rows().await;
    let all = routes();
    let handle = tokio::runtime::Handle::current();
    let mut runner = TestRunner::new(Config { cases: 1_500, failure_persistence: None, ..Config::default() });
    let one = (0..all.len(), any::<bool>(), form_bytes(), form_bytes());
    tokio::task::block_in_place(|| {
        runner.run(&one, |(at, posts, query, body)| {
            let path = world.path(all[at].path);
            let method = if posts { "POST" } else { "GET" };
            let query: String = form_urlencoded_bytes(&query);
            let answer = handle.block_on(world.send(method, &format!("{path}?{query}"), FORM, body));
            prop_assert!(!answer.status.is_server_error(), "{method} {path}: {answer:?}");
            prop_assert!(answer.headers.contains_key("content-security-policy"));
            Ok(())
        })
    })
    .unwrap();
    assert_eq!(world.rows().await, before, "nothing changed");
    let answer = world.app.refresh(&world.client, &world.refresh).await;
    assert_eq!(answer.status, 200, "and the tokens of before are good: {answer:?}");
}

/// Bytes as they may stand in a URI: what may not is escaped.
fn form_urlencoded_bytes(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'=' | b'&' | b'%' | b'.' | b'_' | b'-' => {
                char::from(*b).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}
