//! Every route against its negative cases. A route that is not in the table fails, and so does an error code that no case
//! here reaches.

mod codes;

use axum::body::Body;
use axum::http::{Method, Request};
use guichet::http::router::{Audience, Route, routes};

use crate::support::app::{Answer, TestApp, get, post};
use crate::support::stores::{TABLES, dump};

/// What a route answers to a stranger.
pub struct Row {
    /// Template.
    pub route: &'static str,
    /// The same with its parameters filled.
    pub path: &'static str,
    /// `GET` without cookies, credentials or parameters.
    pub get: Option<u16>,
    /// `POST` of a form that is in order but for cookies and credentials.
    pub post: Option<u16>,
    /// That form.
    pub fields: &'static [(&'static str, &'static str)],
    /// `POST` of JSON.
    pub json: Option<u16>,
    /// `POST` of that form with a foreign form token and a foreign `Origin`.
    pub foreign: Option<u16>,
    /// `POST` of that form with the credentials of a client that has nothing to do with it.
    pub other_client: Option<u16>,
}

/// A row for what only `GET` reads.
const fn read(route: &'static str, path: &'static str, get: u16) -> Row {
    Row { route, path, get: Some(get), post: None, fields: &[], json: None, foreign: None, other_client: None }
}

/// A row for a form of a page of ours: 403 for whoever is not that page.
const fn page_form(route: &'static str, path: &'static str, get: Option<u16>) -> Row {
    let fields = &[("csrf", "x")];
    Row { route, path, get, post: Some(403), fields, json: Some(400), foreign: Some(403), other_client: Some(403) }
}

/// A row for an endpoint of programs. Forms of browsers are nothing to it: it knows no cookie.
const fn program(route: &'static str, fields: &'static [(&'static str, &'static str)], post: u16, other: u16) -> Row {
    Row {
        route,
        path: route,
        get: None,
        post: Some(post),
        fields,
        json: Some(400),
        foreign: Some(post),
        other_client: Some(other),
    }
}

const SID: &str = "/account/sessions/00000000-0000-7000-8000-000000000000/end";

/// Whoever only looks (HEAD, a prefetch) begins nothing here.
const BEGINNINGS: [&str; 3] = ["/end-session", "/sign-in", "/account"];

/// The table.
pub const TABLE: &[Row] = &[
    read("/.well-known/openid-configuration", "/.well-known/openid-configuration", 200),
    read("/.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server", 200),
    read("/jwks", "/jwks", 200),
    program("/token", &[("grant_type", "authorization_code"), ("code", "gac_x")], 401, 400),
    program("/par", &[("response_type", "code")], 401, 400),
    Row {
        route: "/userinfo",
        path: "/userinfo",
        get: Some(401),
        post: Some(401),
        fields: &[("access_token", "x")],
        json: Some(401),
        foreign: Some(401),
        // A client's credentials beside a token: the header is no bearer token, the form's is not one of ours.
        other_client: Some(401),
    },
    program("/revoke", &[("token", "x")], 401, 200),
    program("/introspect", &[("token", "x")], 401, 200),
    // Off unless configured; what it does when on has its own tests.
    Row {
        route: "/register",
        path: "/register",
        get: None,
        post: Some(404),
        fields: &[("client_name", "x")],
        json: Some(404),
        foreign: Some(404),
        other_client: Some(404),
    },
    read("/register/{client_id}", "/register/x", 404),
    Row {
        route: "/authorize",
        path: "/authorize",
        get: Some(400),
        post: Some(303),
        fields: &[("client_id", "x")],
        json: Some(400),
        foreign: Some(303),
        other_client: Some(303),
    },
    Row {
        route: "/end-session",
        path: "/end-session",
        get: Some(200),
        post: Some(303),
        fields: &[("state", "x")],
        json: Some(400),
        foreign: Some(403),
        other_client: Some(303),
    },
    read("/session/check", "/session/check", 200),
    read("/interaction/{journey}", "/interaction/gjo_x", 400),
    page_form("/interaction/{journey}/sign-in", "/interaction/gjo_x/sign-in", None),
    page_form("/interaction/{journey}/tenant", "/interaction/gjo_x/tenant", None),
    page_form("/interaction/{journey}/consent", "/interaction/gjo_x/consent", None),
    read("/interaction/{journey}/upstream", "/interaction/gjo_x/upstream", 400),
    page_form("/interaction/{journey}/ciba/{upstream}", "/interaction/gjo_x/ciba/nowhere", Some(400)),
    read("/sign-in", "/sign-in", 303),
    read("/sign-in/{upstream}", "/sign-in/nowhere", 404),
    read("/sign-in/{upstream}/ciba", "/sign-in/nowhere/ciba", 404),
    read("/federation/{upstream}/callback", "/federation/nowhere/callback", 404),
    read("/federation/{upstream}/jwks", "/federation/nowhere/jwks", 404),
    read("/federation/{upstream}/request/{handle}", "/federation/nowhere/request/x", 404),
    read("/federation/{upstream}/logout", "/federation/nowhere/logout", 404),
    Row {
        route: "/federation/{upstream}/backchannel-logout",
        path: "/federation/nowhere/backchannel-logout",
        get: None,
        post: Some(400),
        fields: &[("logout_token", "x")],
        json: Some(400),
        foreign: Some(400),
        other_client: Some(400),
    },
    // No mail leaves here, so no password is recovered.
    page_form("/password-reset", "/password-reset", Some(404)),
    page_form("/password-reset/{token}", "/password-reset/gpr_x", Some(400)),
    page_form("/invitations/{token}", "/invitations/gin_x", Some(400)),
    read("/account", "/account", 303),
    page_form("/account/password", "/account/password", Some(303)),
    page_form("/account/sessions/{sid}/end", SID, None),
    page_form("/account/sessions/end-others", "/account/sessions/end-others", None),
    page_form("/account/sessions/end-all", "/account/sessions/end-all", None),
    page_form("/account/consents/{client_id}/withdraw", "/account/consents/x/withdraw", None),
    read("/account/links/{upstream}", "/account/links/nowhere", 404),
    page_form("/account/identities/{identity}/unlink", "/account/identities/x/unlink", None),
    read("/api/auth/{provider}", "/api/auth/nowhere", 404),
    read("/api/auth/{provider}/callback", "/api/auth/nowhere/callback", 404),
    read("/api/v1/auth/login", "/api/v1/auth/login", 404),
    read("/api/v1/auth/callback", "/api/v1/auth/callback", 404),
    read("/", "/", 200),
    read("/static/{file}", "/static/nothing.css", 404),
];

fn row(route: &Route) -> &'static Row {
    let found = TABLE.iter().find(|row| row.route == route.path);
    found.unwrap_or_else(|| panic!("{} is not in the table of tests/it/coverage/mod.rs", route.path))
}

fn request(method: &str, path: &str) -> Request<Body> {
    let mut request = get(path);
    *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
    request
}

fn methods(route: &Route) -> Vec<&'static str> {
    let mut all = route.methods.to_vec();
    if all.contains(&"GET") {
        all.push("HEAD");
    }
    all.sort_unstable();
    all
}

#[test]
fn the_table_has_every_route_once() {
    let mut known: Vec<&str> = TABLE.iter().map(|row| row.route).collect();
    let mut there: Vec<&str> = routes().iter().map(|route| route.path).collect();
    known.sort_unstable();
    there.sort_unstable();
    assert_eq!(known, there, "left: the table, right: the router");
    for route in routes() {
        assert_eq!(row(&route).get.is_some(), route.methods.contains(&"GET"), "{}", route.path);
        assert_eq!(row(&route).post.is_some(), route.methods.contains(&"POST"), "{}", route.path);
    }
}

#[tokio::test]
async fn other_methods_are_405_and_allow_names_the_right_ones() {
    let app = TestApp::start().await;
    for route in routes() {
        let right = methods(&route);
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
            let answer = app.send(request(method, row(&route).path)).await;
            if right.contains(&method) {
                assert_ne!(answer.status, 405, "{method} {}", route.path);
                continue;
            }
            assert_eq!(answer.status, 405, "{method} {}: {answer:?}", route.path);
            let mut allowed: Vec<&str> = answer.header("allow").expect("Allow").split(',').map(str::trim).collect();
            allowed.sort_unstable();
            assert_eq!(allowed, right, "{method} {}", route.path);
        }
    }
}

#[tokio::test]
async fn strangers_get_what_the_table_says() {
    let app = TestApp::start().await;
    let stranger = app.client().create().await;
    let before = dump(&app.options, &TABLES).await;
    let mut problems = Vec::new();
    for route in routes() {
        let row = row(&route);
        let mut check = |what: &str, answer: &Answer, expected: Option<u16>| {
            if expected.is_some_and(|expected| answer.status != expected) {
                problems.push(format!("{} {what}: {} instead of {expected:?}", route.path, answer.status));
            }
        };
        if row.get.is_some() {
            check("GET", &app.get(row.path).await, row.get);
            let expected = if BEGINNINGS.contains(&row.path) { Some(204) } else { row.get };
            check("HEAD", &app.send(request("HEAD", row.path)).await, expected);
        }
        if row.post.is_none() {
            continue;
        }
        check("POST", &app.post(row.path, &[], row.fields).await, row.post);
        let mut json = post(row.path, &[], &[]);
        json.headers_mut().insert("content-type", "application/json".parse().unwrap());
        *json.body_mut() = Body::from("{\"csrf\": \"x\"}");
        check("JSON", &app.send(json).await, row.json);
        let mut plain = post(row.path, &[], row.fields);
        plain.headers_mut().remove("content-type");
        check("no content type", &app.send(plain).await, row.json);
        let mut fields = row.fields.to_vec();
        fields.retain(|(name, _)| *name != "csrf");
        fields.push(("csrf", "foreign"));
        let headers = [("origin", "https://evil.test"), ("sec-fetch-site", "cross-site")];
        check("foreign", &app.post(row.path, &headers, &fields).await, row.foreign);
        let (credentials, _) = stranger.credentials(row.path, app.now());
        let headers: Vec<_> = credentials.iter().map(|(name, value)| (*name, value.as_str())).collect();
        check("other client", &app.post(row.path, &headers, row.fields).await, row.other_client);
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert_eq!(dump(&app.options, &TABLES).await, before, "nothing changed");
}

#[tokio::test]
async fn one_client_learns_and_ends_nothing_of_another() {
    let app = TestApp::start().await;
    let (client, other) = (app.client().create().await, app.client().create().await);
    let user = app.user("alice").await;
    let tokens = app.tokens(&client, &user).await;
    let before = dump(&app.options, &TABLES).await;
    for token in [&tokens.access, &tokens.refresh, &tokens.id] {
        assert_eq!(app.introspect(&other, token).await, serde_json::json!({"active": false}));
        assert_eq!(app.revoke(&other, token).await.status, 200, "as for a token that is unknown (RFC 7009 §2.2)");
    }
    assert_eq!(app.refresh(&other, &tokens.refresh).await.text("error"), "invalid_grant");
    assert_eq!(dump(&app.options, &TABLES).await, before, "nothing changed");
    assert!(app.is_alive(&tokens.access).await);
    assert_eq!(app.refresh(&client, &tokens.refresh).await.status, 200);
}

#[test]
fn scripts_of_any_origin_may_call_what_takes_no_cookie_alone() {
    for route in routes() {
        let row = row(&route);
        let by_cookie = row.get == Some(303) || row.foreign == Some(403) || row.path.starts_with("/interaction");
        assert!(!(by_cookie && route.audience == Audience::Program), "{}", route.path);
    }
}
