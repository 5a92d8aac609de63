use std::net::SocketAddr;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Extension;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::{any, get, post};
use futures_util::FutureExt as _;
use tower::ServiceExt as _;

use super::*;
use crate::base::clock::SystemClock;
use crate::base::entropy::SystemEntropy;

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

fn router(metrics: Metrics) -> Surrounded {
    let seen = |Extension(id): Extension<RequestId>, Extension(address): Extension<ClientAddress>| async move {
        format!("{} {}", id.as_str(), address.0)
    };
    let own =
        || async { ([("content-security-policy", "default-src 'self'"), ("cache-control", "max-age=60")], "page") };
    let explode = || async { std::iter::empty::<String>().next().expect("secret detail") };
    let hang = std::future::pending::<()>;
    let read = |body: Bytes| async move { body.len().to_string() };
    let sloppy = |request: Request| async move {
        let _ = to_bytes(request.into_body(), usize::MAX).await;
        "all fine"
    };
    let router = Router::new()
        .route("/seen", get(seen))
        .route("/own", get(own))
        .route("/redirect", get(|| async { Redirect::to("/elsewhere") }))
        .route("/error", get(|| async { (StatusCode::INTERNAL_SERVER_ERROR, "x").into_response() }))
        .route("/explode", get(explode))
        .route("/hang", get(hang))
        .route("/token", post(read).get(|| async { "shown" }))
        .route("/upload", post(read))
        .route("/sloppy", post(sloppy))
        .route("/any", any(|| async { "any" }));
    surround(
        router,
        Surround {
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            metrics,
            proxies: TrustedProxies { networks: vec!["10.0.0.0/8".parse().unwrap()], ..TrustedProxies::default() },
            https: true,
            routes: [
                "/seen",
                "/ready",
                "/own",
                "/redirect",
                "/error",
                "/explode",
                "/hang",
                "/token",
                "/upload",
                "/sloppy",
                "/any",
            ]
            .map(str::to_owned)
            .to_vec(),
            cross_origin: vec!["/token".to_owned()],
            in_windows: vec!["/own".to_owned()],
            polled: vec!["/own".to_owned()],
            documents: vec![("/ready".to_owned(), Arc::new(|| "at once".into_response()))],
            body_limit: ByRoute::all(100).with("/upload", 1_000),
            timeout: ByRoute::all(Duration::from_secs(20)).with("/hang", Duration::from_millis(20)),
        },
    )
}

async fn ask_from(peer: &str, method: &str, path: &str, headers: &[(&str, &str)], body: Body) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(body).unwrap();
    request.extensions_mut().insert(PeerAddress(SocketAddr::new(peer.parse().unwrap(), 9)));
    let response = router(Metrics::new()).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
    Answer { status: parts.status.as_u16(), headers: parts.headers, body }
}

async fn ask(method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    ask_from("192.0.2.1", method, path, headers, Body::empty()).await
}

#[tokio::test]
async fn items_107_to_110_every_answer_has_the_headers() {
    for (method, path, status) in [
        ("GET", "/seen", 200),
        ("GET", "/redirect", 303),
        ("GET", "/ready", 200),
        ("POST", "/ready", 404),
        ("GET", "/nowhere", 404),
        ("POST", "/seen", 405),
        ("GET", "/error", 500),
        ("GET", "/explode", 500),
        ("GET", "/hang", 503),
        ("TRACE", "/any", 405),
        ("OPTIONS", "/token", 405),
    ] {
        let answer = ask(method, path, &[]).await;
        assert_eq!(answer.status, status, "{method} {path}");
        for (name, value) in [
            ("strict-transport-security", "max-age=63072000; includeSubDomains"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
            ("cache-control", "no-store"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", if path == "/token" { "cross-origin" } else { "same-origin" }),
        ] {
            assert_eq!(answer.header(name), Some(value), "{method} {path}");
        }
        assert!(answer.header("permissions-policy").is_some_and(|policy| policy.contains("camera=()")));
        assert_eq!(answer.header("x-request-id").map(str::len), Some(36), "{path}");
    }
    let own = ask("GET", "/own", &[]).await;
    assert_eq!(own.header("content-security-policy"), Some("default-src 'self'"));
    assert_eq!(own.header("cache-control"), Some("max-age=60"));
    assert_eq!(
        own.header("cross-origin-opener-policy"),
        Some("unsafe-none"),
        "it may be in a window of an application's"
    );
}

#[tokio::test]
async fn errors_without_a_body_get_one_in_json() {
    let missing = ask("GET", "/nowhere", &[]).await;
    assert_eq!(missing.header("content-type"), Some("application/json"));
    assert!(missing.body.starts_with("{\"error\":\"not_found\""), "{}", missing.body);
    let wrong = ask("DELETE", "/seen", &[]).await;
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("GET,HEAD")));
    assert!(wrong.body.contains("method_not_allowed"), "{}", wrong.body);
    assert_ne!(wrong.header("content-length"), Some("0"));
    assert_eq!(ask("GET", "/error", &[]).await.body, "x", "what a handler wrote stays");
}

#[tokio::test]
async fn a_panic_says_nothing_and_a_hanging_handler_ends() {
    let panicked = ask("GET", "/explode", &[]).await;
    assert!(panicked.body.contains("server_error") && !panicked.body.contains("secret"), "{}", panicked.body);
    let hung = ask("GET", "/hang", &[]).await;
    assert_eq!((hung.status, hung.header("retry-after")), (503, Some("1")));
}

#[tokio::test]
async fn item_113_methods() {
    for method in ["TRACE", "CONNECT"] {
        let refused = ask(method, "/any", &[]).await;
        assert_eq!(refused.status, 405);
        assert!(refused.header("allow").is_some());
    }
    let unknown = ask("BREW", "/seen", &[]).await;
    assert_eq!((unknown.status, unknown.header("allow")), (405, Some("GET,HEAD")));
    for name in ["x-http-method-override", "x-method-override", "x-http-method"] {
        assert_eq!(ask("GET", "/upload", &[(name, "POST")]).await.status, 405, "{name}");
    }
}

#[tokio::test]
async fn body_limits_by_route_announced_and_streamed() {
    let send = async |path: &str, length: usize, streamed: bool| {
        let chunks = vec![b'x'; length]
            .chunks(10)
            .map(|chunk| Ok::<_, std::io::Error>(Bytes::copy_from_slice(chunk)))
            .collect::<Vec<_>>();
        let body = if streamed {
            Body::from_stream(futures_util::stream::iter(chunks))
        } else {
            Body::from(vec![b'x'; length])
        };
        let announced = length.to_string();
        let headers: &[(&str, &str)] = if streamed { &[] } else { &[("content-length", &announced)] };
        ask_from("192.0.2.1", "POST", path, headers, body).await
    };
    for streamed in [false, true] {
        assert_eq!(send("/token", 100, streamed).await.body, "100");
        assert_eq!(send("/token", 101, streamed).await.status, 413);
        assert_eq!(send("/upload", 1_000, streamed).await.body, "1000");
        assert_eq!(send("/upload", 1_001, streamed).await.status, 413);
        assert_eq!(send("/sloppy", 101, streamed).await.status, 413, "a handler that overlooks the error is overruled");
    }
}

#[tokio::test]
async fn item_112_cors_is_open_where_public_and_absent_elsewhere() {
    let origin = ("origin", "https://evil.example");
    let preflight = [origin, ("access-control-request-method", "POST")];
    let public = ask("GET", "/token", &[origin]).await;
    assert_eq!(public.header("access-control-allow-origin"), Some("*"));
    assert_eq!(public.header("access-control-allow-credentials"), None);
    let asked = ask("OPTIONS", "/token", &preflight).await;
    assert_eq!((asked.status, asked.header("access-control-allow-origin")), (204, Some("*")));
    assert_eq!(asked.header("access-control-allow-methods"), Some("GET, POST"));
    for (method, path, headers) in [
        ("GET", "/seen", &[origin][..]),
        ("GET", "/seen", &[("origin", "null")]),
        ("OPTIONS", "/seen", &preflight),
        ("GET", "/nowhere", &[origin]),
        ("OPTIONS", "/nowhere", &preflight),
    ] {
        let private = ask(method, path, headers).await;
        assert!(private.headers.keys().all(|name| !name.as_str().starts_with("access-control")), "{method} {path}");
    }
}

#[tokio::test]
async fn a_request_id_is_taken_from_a_trusted_proxy_and_only_a_harmless_one() {
    let id = async |peer: &str, given: &str| {
        let headers = [("x-request-id", given), ("x-forwarded-for", "203.0.113.9")];
        ask_from(peer, "GET", "/seen", &headers, Body::empty()).await
    };
    let trusted = id("10.0.0.1", "abc-123_x.y").await;
    assert_eq!(trusted.body, "abc-123_x.y 203.0.113.9");
    assert_eq!(trusted.header("x-request-id"), Some("abc-123_x.y"));
    let long = "a".repeat(65);
    for (peer, given) in
        [("192.0.2.1", "abc"), ("10.0.0.1", "a b"), ("10.0.0.1", "a\"}"), ("10.0.0.1", ""), ("10.0.0.1", &*long)]
    {
        let own = id(peer, given).await;
        assert_eq!(own.header("x-request-id").map(str::len), Some(36), "{given}");
    }
    assert!(id("192.0.2.1", "abc").await.body.ends_with(" 192.0.2.1"));
}

#[tokio::test]
async fn requests_are_counted_by_template_and_class_and_never_by_what_the_client_wrote() {
    let metrics = Metrics::new();
    let router = router(metrics.clone());
    for (method, path) in
        [("GET", "/seen?code=c0de"), ("GET", "/nowhere/secret"), ("BREW", "/seen"), ("GET", "/explode")]
    {
        let request =
            Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path).body(Body::empty());
        router.clone().oneshot(request.unwrap()).await.unwrap();
    }
    let left = router.clone().oneshot(Request::get("/any").body(Body::empty()).unwrap());
    drop(left);
    let request = Request::builder().uri("/hang").body(Body::empty()).unwrap();
    assert!(router.oneshot(request).now_or_never().is_none(), "hangs, and is left");
    let page = metrics.encode();
    for line in [
        "guichet_http_requests_total{method=\"GET\",route=\"/seen\",status=\"2xx\"} 1",
        "guichet_http_requests_total{method=\"GET\",route=\"(none)\",status=\"4xx\"} 1",
        "guichet_http_requests_total{method=\"OTHER\",route=\"/seen\",status=\"4xx\"} 1",
        "guichet_http_requests_total{method=\"GET\",route=\"/explode\",status=\"5xx\"} 1",
        "guichet_http_requests_total{method=\"GET\",route=\"/hang\",status=\"left\"} 1",
        "guichet_http_panics_total 1",
    ] {
        assert!(page.lines().any(|l| l == line), "{line}\n{page}");
    }
    assert!(!page.contains("secret") && !page.contains("c0de") && !page.contains("BREW"), "{page}");
}

#[derive(Clone, Default)]
struct Captured(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn item_143_one_json_line_per_request_without_anything_of_the_client() {
    let captured = Captured::default();
    let writer = captured.clone();
    let subscriber =
        tracing_subscriber::fmt().event_format(telemetry::logs::JsonLines).with_writer(move || writer.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let headers = [("authorization", "Bearer t0ken"), ("x-forwarded-for", "203.0.113.9"), ("cookie", "c00kie")];
    ask("GET", "/seen?code=c0de&login_hint=a@b.fr", &headers).await;
    ask("GET", "/nowhere/gse_secret", &headers).await;
    ask("GET", "/own", &headers).await;
    ask("POST", "/own", &headers).await;
    drop(guard);
    let text = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3, "good answers of polled routes are for the level debug: {text}");
    assert_eq!(
        (&lines[0]["method"], &lines[0]["route"], &lines[0]["status"]),
        (&"GET".into(), &"/seen".into(), &200.into())
    );
    assert_eq!((&lines[1]["route"], &lines[1]["status"]), (&"(none)".into(), &404.into()));
    assert_eq!((&lines[2]["route"], &lines[2]["status"]), (&"/own".into(), &405.into()));
    assert!(lines.iter().all(|line| line["duration_us"].is_u64() && line["request.id"].is_string()), "{text}");
    for secret in ["c0de", "a@b.fr", "t0ken", "203.0.113", "192.0.2", "c00kie", "gse_secret", "nowhere"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}
