//! Part B: the token endpoint and client authentication.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, header};
use guichet::account::people;
use guichet::account::tenants;
use guichet::model::client::ClientStatus;
use guichet::model::role::Role;
use guichet::model::tenant::TenantStatus;
use guichet::model::user::UserStatus;
use guichet::oauth::client_metadata::{AuthMethod, GrantType};
use guichet::provider::registration;
use serde_json::{Value, json};

use crate::support::app::{Answer, ISSUER, TestApp, assert_oauth_error, basic};
use crate::support::browser::Browser;
use crate::support::fixtures::{ASSERTION_TYPE, TestClient, TestUser};
use crate::support::flow::{self, AuthRequest, Tokens, VERIFIER, param};

/// A person who is signed in, so that a code is one request away.
struct Desk {
    app: TestApp,
    browser: Browser,
    user: TestUser,
}

impl Desk {
    async fn open() -> Self {
        let app = TestApp::start().await;
        let user = app.user("lea").await;
        let mut browser = app.browser();
        browser.sign_in_for_account(&user).await;
        Self { app, browser, user }
    }

    async fn code(&mut self, client: &TestClient) -> String {
        self.app.code(&mut self.browser, &self.user, &AuthRequest::of(client)).await
    }

    async fn code_for(&mut self, request: &AuthRequest) -> String {
        self.app.code(&mut self.browser, &self.user, request).await
    }

    async fn tokens(&mut self, client: &TestClient) -> Tokens {
        let code = self.code(client).await;
        Tokens::of(self.app.redeem(client, &code).await)
    }
}

fn redemption<'a>(client: &'a TestClient, code: &'a str) -> Vec<(&'static str, &'a str)> {
    vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", client.redirect_uri()),
        ("code_verifier", VERIFIER),
    ]
}

fn with<'a>(fields: &[(&'static str, &'a str)], name: &'static str, value: &'a str) -> Vec<(&'static str, &'a str)> {
    let mut all = without(fields, name);
    all.push((name, value));
    all
}

fn without<'a>(fields: &[(&'static str, &'a str)], name: &str) -> Vec<(&'static str, &'a str)> {
    fields.iter().filter(|(known, _)| *known != name).copied().collect()
}

#[tokio::test]
async fn b19_a_code_used_twice_ends_what_it_gave() {
    let mut desk = Desk::open().await;
    for client in [
        desk.app.client().first_party().public().create().await,
        desk.app.client().first_party().create().await,
        desk.app.client().first_party().opaque().create().await,
    ] {
        let code = desk.code(&client).await;
        let tokens = Tokens::of(desk.app.redeem(&client, &code).await);
        let later = Tokens::of(desk.app.refresh(&client, &tokens.refresh).await);
        assert!(desk.app.is_alive(&tokens.access).await && desk.app.is_alive(&later.access).await);
        assert_oauth_error(&desk.app.redeem(&client, &code).await, 400, "invalid_grant");
        let resource_server = desk.app.resource_server().await;
        for token in [&tokens.access, &later.access] {
            assert!(!desk.app.is_alive(token).await);
            assert_eq!(desk.app.introspect(&resource_server, token).await, json!({"active": false}));
        }
        assert_oauth_error(&desk.app.refresh(&client, &later.refresh).await, 400, "invalid_grant");
    }
}

#[tokio::test]
async fn b20_a_code_lives_for_sixty_seconds() {
    let mut desk = Desk::open().await;
    let client = desk.app.client().first_party().create().await;
    for (seconds, alive) in [(59, true), (60, false), (61, false), (3_600, false)] {
        let code = desk.code(&client).await;
        desk.app.advance(seconds);
        let answer = desk.app.redeem(&client, &code).await;
        assert_eq!(answer.status == 200, alive, "after {seconds} s: {answer:?}");
        if !alive {
            assert_oauth_error(&answer, 400, "invalid_grant");
        }
    }
}

#[tokio::test]
async fn b21_a_code_of_another_client_is_refused_and_burnt() {
    let mut desk = Desk::open().await;
    let confidential = desk.app.client().first_party().create().await;
    let public = desk.app.client().first_party().public().create().await;
    let other = desk.app.client().first_party().public().create().await;
    for (owner, thief) in [(&confidential, &public), (&public, &confidential), (&public, &other)] {
        let code = desk.code(owner).await;
        let stolen = desk.app.token(thief, &redemption(owner, &code)).await;
        assert_oauth_error(&stolen, 400, "invalid_grant");
        assert_oauth_error(&desk.app.redeem(owner, &code).await, 400, "invalid_grant");
    }
}

#[tokio::test]
async fn b22_a_code_without_its_verifier_is_worth_nothing() {
    let mut desk = Desk::open().await;
    let other_flow = "x".repeat(43);
    let long = format!("{VERIFIER}{}", "x".repeat(90));
    for client in [
        desk.app.client().first_party().public().create().await,
        desk.app.client().first_party().create().await,
        desk.app.client().first_party().optional_pkce().create().await,
    ] {
        for verifier in [
            None,
            Some(""),
            Some(other_flow.as_str()),
            Some(&VERIFIER[..42]),
            Some(long.as_str()),
            Some(flow::CHALLENGE),
        ] {
            let code = desk.code(&client).await;
            let fields = without(&redemption(&client, &code), "code_verifier");
            let fields = verifier.map_or(fields.clone(), |verifier| with(&fields, "code_verifier", verifier));
            assert_oauth_error(&desk.app.token(&client, &fields).await, 400, "invalid_grant");
            assert_oauth_error(&desk.app.redeem(&client, &code).await, 400, "invalid_grant");
        }
    }
    // A verifier where no challenge was: somebody took the challenge out on the way.
    let client = desk.app.client().first_party().optional_pkce().create().await;
    let plain = AuthRequest::of(&client).without("code_challenge").without("code_challenge_method");
    let code = desk.code_for(&plain).await;
    assert_oauth_error(&desk.app.redeem(&client, &code).await, 400, "invalid_grant");
    let code = desk.code_for(&plain).await;
    let honest = without(&redemption(&client, &code), "code_verifier");
    assert_eq!(desk.app.token(&client, &honest).await.status, 200);
}

#[tokio::test]
async fn b23_the_redirect_uri_of_the_request_is_needed_again() {
    let mut desk = Desk::open().await;
    let uris = ["https://app.example/cb", "https://app.example/other"];
    let client = desk.app.client().first_party().redirect_uris(&uris).create().await;
    for uri in [None, Some(""), Some(uris[1]), Some("https://app.example/cb/"), Some("https://app.example/cb?x")] {
        let code = desk.code(&client).await;
        let fields = without(&redemption(&client, &code), "redirect_uri");
        let fields = uri.map_or(fields.clone(), |uri| with(&fields, "redirect_uri", uri));
        assert_oauth_error(&desk.app.token(&client, &fields).await, 400, "invalid_grant");
    }
}

#[tokio::test]
async fn b24_a_token_of_one_kind_is_never_one_of_another() {
    let mut desk = Desk::open().await;
    let client = desk.app.client().first_party().create().await;
    let opaque = desk.app.client().first_party().opaque().create().await;
    let tokens = desk.tokens(&client).await;
    let sealed = desk.tokens(&opaque).await;
    let mut fresh = desk.app.browser();
    let journey = fresh.get(&AuthRequest::of(&client).url()).await.journey().to_owned();
    let code = desk.code(&client).await;
    let all = [
        ("code", code.clone()),
        ("access token", tokens.access.clone()),
        ("opaque access token", sealed.access.clone()),
        ("refresh token", tokens.refresh.clone()),
        ("id token", tokens.id.clone()),
        ("session", desk.browser.cookie("session").unwrap().to_owned()),
        ("browser", desk.browser.cookie("browser").unwrap().to_owned()),
        ("journey", journey),
        ("client secret", client.secret.clone().unwrap()),
    ];
    // Each under its own prefix and under every other one.
    let prefixes = ["gac_", "gat_", "grt_", "gse_", "gbr_", "gjo_", "gcs_", ""];
    let app = &desk.app;
    for (kind, token) in &all {
        let bare = token.split_once('_').filter(|_| token.starts_with('g')).map_or(token.as_str(), |(_, rest)| rest);
        let mut forms = vec![token.clone()];
        forms.extend(prefixes.iter().map(|prefix| format!("{prefix}{bare}")).filter(|form| form != token));
        for (at, form) in forms.iter().enumerate() {
            let own = |name: &str| at == 0 && *kind == name;
            if !own("code") {
                assert_oauth_error(&app.redeem(&client, form).await, 400, "invalid_grant");
            }
            if !own("refresh token") {
                assert_oauth_error(&app.refresh(&client, form).await, 400, "invalid_grant");
            }
            if !own("access token") && !own("opaque access token") {
                assert!(!app.is_alive(form).await, "{kind} as access token: {form}");
                if !own("refresh token") {
                    assert_eq!(app.introspect(&client, form).await, json!({"active": false}), "{kind}: {form}");
                }
            }
            if !own("session") {
                let mut browser = app.browser();
                browser.cookies = vec![("__Host-guichet-session".to_owned(), form.clone())];
                assert_eq!(browser.get("/account").await.kind(), Some("sign-in"), "{kind} as session");
            }
            if !own("client secret") {
                let authorization = basic(client.id(), form);
                let answer = app.post("/token", &[("authorization", &authorization)], &redemption(&client, "x")).await;
                assert_oauth_error(&answer, 401, "invalid_client");
            }
        }
    }
    // None of that spent anything.
    assert_eq!(app.redeem(&client, &code).await.status, 200);
    assert_eq!(app.refresh(&client, &tokens.refresh).await.status, 200);
}

/// `token` changed in ways that a careless reader takes for the same.
fn mutations(token: &str) -> Vec<String> {
    let (head, last) = token.split_at(token.len() - 1);
    let flipped: String = token
        .chars()
        .map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
        .collect();
    let mut all = vec![
        head.to_owned(),
        token[1..].to_owned(),
        token[..token.len() / 2].to_owned(),
        format!("{token}A"),
        format!("{token}="),
        format!("{token}=="),
        format!("{token}\n"),
        format!(" {token}"),
        format!("{token}."),
        format!("{token}%00"),
        flipped,
        token.to_ascii_uppercase(),
        token.to_ascii_lowercase(),
    ];
    all.extend([token.replace('-', "+"), token.replace('_', "/")].into_iter().filter(|other| other != token));
    // Another last character: other bits, or the same ones in a form that is not canonical.
    all.extend("AEIMQUYcgkosw048BCDvwxyz19-_".chars().filter(|c| !last.contains(*c)).map(|c| format!("{head}{c}")));
    all
}

#[tokio::test]
async fn b25_a_token_that_was_changed_is_refused() {
    let mut desk = Desk::open().await;
    let client = desk.app.client().first_party().create().await;
    let opaque = desk.app.client().first_party().opaque().create().await;
    let code = desk.code(&client).await;
    let (tokens, sealed) = (desk.tokens(&client).await, desk.tokens(&opaque).await);
    let app = &desk.app;
    for other in mutations(&code) {
        assert_oauth_error(&app.redeem(&client, &other).await, 400, "invalid_grant");
    }
    for other in mutations(&tokens.refresh) {
        assert_oauth_error(&app.refresh(&client, &other).await, 400, "invalid_grant");
    }
    for token in [&tokens.access, &sealed.access] {
        for other in mutations(token) {
            assert_eq!(app.introspect(&client, &other).await, json!({"active": false}), "{other:?}");
            if !other.contains(['\n', ' ', '%']) {
                assert!(!app.is_alive(&other).await, "{other:?}");
            }
        }
        assert!(app.is_alive(token).await);
    }
    assert_eq!(app.redeem(&client, &code).await.status, 200);
    assert_eq!(app.refresh(&client, &tokens.refresh).await.status, 200);
}

#[tokio::test]
async fn b26_only_registered_grants_are_answered() {
    let app = TestApp::start().await;
    let client = app.client().create().await;
    for grant in ["password", "implicit", "Authorization_Code", "urn:ietf:params:oauth:grant-type:jwt-bearer", "x"] {
        let fields = [("grant_type", grant), ("username", "a@example.test"), ("password", "x"), ("code", "x")];
        assert_oauth_error(&app.token(&client, &fields).await, 400, "unsupported_grant_type");
    }
    assert_oauth_error(&app.token(&client, &[("code", "x")]).await, 400, "invalid_request");
    let code_only = app.client().grants(&[GrantType::AuthorizationCode]).create().await;
    let service = app.resource_server().await;
    for (client, grant) in [
        (&client, "client_credentials"),
        (&code_only, "refresh_token"),
        (&service, "authorization_code"),
        (&service, "refresh_token"),
    ] {
        let fields = [("grant_type", grant), ("code", "x"), ("refresh_token", "x")];
        assert_oauth_error(&app.token(client, &fields).await, 400, "unauthorized_client");
    }
    let metadata = app.get("/.well-known/openid-configuration").await.json();
    let all = json!(["authorization_code", "implicit", "refresh_token", "client_credentials"]);
    assert_eq!(metadata["grant_types_supported"], all);
}

async fn with_assertion(app: &TestApp, client: &TestClient, path: &str, claims: &Value) -> Answer {
    let assertion = client.assertion(claims);
    let fields = [
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", assertion.as_str()),
        ("grant_type", "client_credentials"),
        ("token", "x"),
    ];
    app.post(path, &[], &fields).await
}

async fn assertion_client(app: &TestApp) -> TestClient {
    let grants = [GrantType::AuthorizationCode, GrantType::ClientCredentials];
    app.client().auth(AuthMethod::PrivateKeyJwt).grants(&grants).create().await
}

#[tokio::test]
async fn b27_an_assertion_is_for_us_alone() {
    let app = TestApp::start().await;
    let client = assertion_client(&app).await;
    let good = client.assertion_claims(app.now());
    let answer = with_assertion(&app, &client, "/token", &good).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    for aud in [
        json!("https://op.test/"),
        json!("https://op.test/par"),
        json!("https://op.test/revoke"),
        json!("https://op.test/token/"),
        json!("https://evil.tld"),
        json!([ISSUER, "https://evil.tld"]),
        json!(["https://evil.tld", ISSUER]),
        json!([]),
        json!(""),
        json!(1),
        Value::Null,
    ] {
        let mut claims = client.assertion_claims(app.now());
        claims["aud"] = aud;
        assert_oauth_error(&with_assertion(&app, &client, "/token", &claims).await, 401, "invalid_client");
    }
    // An assertion for one endpoint is not one for another.
    let mut claims = client.assertion_claims(app.now());
    claims["aud"] = json!("https://op.test/token");
    assert_oauth_error(&with_assertion(&app, &client, "/revoke", &claims).await, 401, "invalid_client");
}

#[tokio::test]
async fn b28_an_assertion_is_fresh_signed_and_used_once() {
    let app = TestApp::start().await;
    let client = assertion_client(&app).await;
    let other = assertion_client(&app).await;
    let now = app.now().seconds();
    let good = client.assertion_claims(app.now());
    let answer = with_assertion(&app, &client, "/token", &good).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_oauth_error(&with_assertion(&app, &client, "/token", &good).await, 401, "invalid_client");
    assert_oauth_error(&with_assertion(&app, &client, "/introspect", &good).await, 401, "invalid_client");
    let replica = app.replica().await;
    assert_oauth_error(&with_assertion(&replica, &client, "/token", &good).await, 401, "invalid_client");

    for (name, value) in [
        ("exp", json!(now - 300)),
        ("exp", json!(now + 3_600)),
        ("exp", json!("soon")),
        ("exp", json!(1e300)),
        ("iat", json!(now + 120)),
        ("nbf", json!(now + 120)),
        ("sub", json!(other.id())),
        ("iss", json!(other.id())),
        ("sub", json!("")),
        ("jti", json!("")),
        ("jti", json!(7)),
        ("jti", json!("j".repeat(501))),
    ] {
        let mut claims = client.assertion_claims(app.now());
        claims[name] = value.clone();
        let answer = with_assertion(&app, &client, "/token", &claims).await;
        assert_oauth_error(&answer, 401, "invalid_client");
    }
    for name in ["exp", "sub", "iss", "jti", "aud"] {
        let mut claims = client.assertion_claims(app.now());
        claims.as_object_mut().unwrap().remove(name);
        assert_oauth_error(&with_assertion(&app, &client, "/token", &claims).await, 401, "invalid_client");
    }

    // Signed by somebody else, with the public key as a secret, or not at all.
    let forged = TestClient { key: other.key.clone(), ..client.clone() };
    let claims = client.assertion_claims(app.now());
    assert_oauth_error(&with_assertion(&app, &forged, "/token", &claims).await, 401, "invalid_client");
    let unsigned = |alg: &str| {
        let part = |value: Value| guichet::base::digest::base64url(value.to_string().as_bytes());
        format!("{}.{}.", part(json!({"alg": alg, "kid": "client-key"})), part(claims.clone()))
    };
    for assertion in [unsigned("none"), unsigned("None"), unsigned("ES256"), unsigned("HS256"), "a.b.c".to_owned()] {
        let fields = [
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", assertion.as_str()),
            ("grant_type", "client_credentials"),
        ];
        assert_oauth_error(&app.post("/token", &[], &fields).await, 401, "invalid_client");
    }
    // A clock that is a little off is borne with.
    let mut early = client.assertion_claims(app.now());
    early["iat"] = json!(now + 10);
    assert_eq!(with_assertion(&app, &client, "/token", &early).await.status, 200);
}

#[tokio::test]
async fn b29_a_wrong_secret_and_an_unknown_client_look_the_same() {
    let app = TestApp::start().await;
    let client = app.client().create().await;
    let by_post = app.client().auth(AuthMethod::ClientSecretPost).create().await;
    let public = app.client().public().create().await;
    let wrong = format!("gcs_{}", "A".repeat(43));
    let mut answers = Vec::new();
    for id in [client.id(), "nobody", by_post.id(), public.id()] {
        let authorization = basic(id, &wrong);
        answers.push(app.post("/token", &[("authorization", &authorization)], &redemption(&client, "x")).await);
    }
    for id in [client.id(), "nobody", by_post.id(), public.id()] {
        let fields = with(&with(&redemption(&client, "x"), "client_id", id), "client_secret", &wrong);
        answers.push(app.post("/token", &[], &fields).await);
    }
    // The right secret by a way that the client did not register, or none at all.
    let secret = client.secret.clone().unwrap();
    let fields = with(&with(&redemption(&client, "x"), "client_id", client.id()), "client_secret", &secret);
    answers.push(app.post("/token", &[], &fields).await);
    answers.push(app.post("/token", &[], &with(&redemption(&client, "x"), "client_id", client.id())).await);
    for answer in &answers {
        assert_oauth_error(answer, 401, "invalid_client");
        assert_eq!(answer.body, answers[0].body);
        assert_eq!(answer.header("www-authenticate"), answers[0].header("www-authenticate"));
    }
}

#[tokio::test]
async fn b30_a_client_proves_itself_in_one_way_at_a_time() {
    let app = TestApp::start().await;
    for method in [AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretPost] {
        let client = app.client().auth(method).create().await;
        let secret = client.secret.clone().unwrap();
        let authorization = basic(client.id(), &secret);
        let fields = with(&with(&redemption(&client, "x"), "client_id", client.id()), "client_secret", &secret);
        let both = app.post("/token", &[("authorization", &authorization)], &fields).await;
        assert_oauth_error(&both, 400, "invalid_request");
        let assertion = with(&redemption(&client, "x"), "client_assertion", "a.b.c");
        let both = app.post("/token", &[("authorization", &authorization)], &assertion).await;
        assert_oauth_error(&both, 400, "invalid_request");
        let other = with(&redemption(&client, "x"), "client_id", "other");
        let two = app.post("/token", &[("authorization", &authorization)], &other).await;
        assert_oauth_error(&two, 400, "invalid_request");
    }
}

#[tokio::test]
async fn b31_nothing_is_read_from_the_query() {
    let mut desk = Desk::open().await;
    let client = desk.app.client().first_party().auth(AuthMethod::ClientSecretPost).create().await;
    let code = desk.code(&client).await;
    let secret = client.secret.clone().unwrap();
    let query = format!("/token?client_id={}&client_secret={secret}", client.id());
    assert_oauth_error(&desk.app.post(&query, &[], &redemption(&client, &code)).await, 401, "invalid_client");
    let whole = format!("/token?code={code}&grant_type=authorization_code");
    assert_oauth_error(&desk.app.token(&client, &[]).await, 400, "invalid_request");
    let answer = desk.app.post_as(&client, &whole, &[("redirect_uri", client.redirect_uri())]).await;
    assert_oauth_error(&answer, 400, "invalid_request");
    let by_get = desk.app.get(&format!("{whole}&client_id={}&client_secret={secret}", client.id())).await;
    assert_eq!(by_get.status, 405);
    assert_eq!(desk.app.redeem(&client, &code).await.status, 200);
}

#[tokio::test]
async fn b32_a_disabled_client_is_refused_at_once_in_every_process() {
    let mut desk = Desk::open().await;
    let replica = desk.app.replica().await;
    replica.start_jobs();
    let client = desk.app.client().first_party().create().await;
    let tokens = desk.tokens(&client).await;
    let code = desk.code(&client).await;
    assert!(replica.is_alive(&tokens.access).await, "the replica knows the client");
    registration::set_status(&desk.app.app.provider, &client.client, ClientStatus::Disabled).await.unwrap();
    tokio::time::sleep(Duration::from_millis(900)).await;
    for app in [&desk.app, &replica] {
        assert_oauth_error(&app.redeem(&client, &code).await, 401, "invalid_client");
        assert_oauth_error(&app.refresh(&client, &tokens.refresh).await, 401, "invalid_client");
        assert!(!app.is_alive(&tokens.access).await);
        let page = app.authorize(&AuthRequest::of(&client)).await;
        crate::support::app::assert_page_error(&page.answer, 400, "invalid_client");
    }
    registration::set_status(&desk.app.app.provider, &client.client, ClientStatus::Active).await.unwrap();
    assert_oauth_error(&desk.app.refresh(&client, &tokens.refresh).await, 400, "invalid_grant");
}

#[tokio::test]
async fn b32_a_disabled_tenant_or_person_gets_no_tokens() {
    for disable_tenant in [true, false] {
        let mut desk = Desk::open().await;
        let tenant = desk.app.tenant("Clinique").await;
        desk.app.join(&desk.user, &tenant, Role::Doctor).await;
        let client = desk.app.client().first_party().create().await;
        let tokens = desk.tokens(&client).await;
        let code = desk.code(&client).await;
        let accounts = &desk.app.app.accounts;
        if disable_tenant {
            tenants::set_status(accounts, &tenant, TenantStatus::Disabled).await.unwrap();
        } else {
            people::set_status(accounts, &desk.user.user, UserStatus::Disabled).await.unwrap();
        }
        assert_oauth_error(&desk.app.redeem(&client, &code).await, 400, "invalid_grant");
        assert_oauth_error(&desk.app.refresh(&client, &tokens.refresh).await, 400, "invalid_grant");
        assert!(!desk.app.is_alive(&tokens.access).await);
    }
}

#[tokio::test]
async fn b33_an_answer_with_tokens_is_never_kept() {
    let mut desk = Desk::open().await;
    let client = desk.app.client().first_party().create().await;
    let first = desk.tokens(&client).await;
    let second = Tokens::of(desk.app.refresh(&client, &first.refresh).await);
    let service = desk.app.resource_server().await;
    let own = Tokens::of(desk.app.token(&service, &[("grant_type", "client_credentials")]).await);
    for tokens in [&first, &second, &own] {
        let answer = &tokens.answer;
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("pragma"), Some("no-cache"));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        for (name, value) in &answer.headers {
            let value = value.to_str().unwrap();
            for secret in [&tokens.access, &tokens.refresh, &tokens.id] {
                assert!(secret.is_empty() || !value.contains(secret.as_str()), "a token in {name}");
            }
            assert_ne!(name, header::SET_COOKIE);
        }
    }
}

#[tokio::test]
async fn an_access_token_is_signed_as_its_client_wants_and_introspected_all_the_same() {
    let app = TestApp::start().await;
    let asking = app.resource_server().await;
    for alg in ["ES256", "EdDSA", "RS256", "PS256"] {
        let own = app.client().grants(&[GrantType::ClientCredentials]).access_token_alg(alg);
        let client = own.change(|metadata| metadata.response_types.clear()).create().await;
        let tokens = Tokens::of(app.token(&client, &[("grant_type", "client_credentials")]).await);
        assert_eq!(flow::header(&tokens.access)["alg"], alg);
        assert_eq!(app.introspect(&asking, &tokens.access).await["active"], true, "{alg}");
    }
    let mut wrong = asking.client.policy.clone();
    wrong.access_token_alg = Some("none".to_owned());
    let refused = registration::problems(&asking.client.metadata, &wrong);
    assert_eq!(refused.iter().map(|problem| problem.member).collect::<Vec<_>>(), ["access_token_alg"]);
}

#[tokio::test]
async fn b34_floods_in_a_form_are_refused_at_once() {
    let app = TestApp::start().await;
    let client = app.client().create().await;
    let service = app.resource_server().await;
    let long = "s".repeat(1024 * 1024 - 200);
    let many = (0..10_000).map(|at| format!("scope{at}")).collect::<Vec<_>>().join(" ");
    let began = std::time::Instant::now();
    for scope in [&long, &many] {
        let answer = app.token(&service, &[("grant_type", "client_credentials"), ("scope", scope)]).await;
        assert!(matches!(answer.status.as_u16(), 400 | 413), "{}", answer.status);
    }
    let names: Vec<String> = (0..10_000).map(|at| format!("field{at}")).collect();
    let fields: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
    assert_oauth_error(&app.post("/token", &[], &fields).await, 400, "invalid_request");
    let too_long = "x".repeat(2 * 1024 * 1024);
    let answer = app.post("/token", &[], &[("grant_type", &too_long)]).await;
    assert_eq!(answer.status, 413);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    // In an authorization request it is refused too, without a journey.
    let request = AuthRequest::of(&client).set("scope", many.get(..5_000).unwrap());
    let answer = app.authorize(&request).await.answer;
    assert_eq!(param(&answer, "error").as_deref(), Some("invalid_scope"));
    // What is no form is not read.
    let json = Request::builder()
        .method("POST")
        .uri("/token")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from("{\"grant_type\":\"client_credentials\"}"))
        .unwrap();
    assert_oauth_error(&app.send(json).await, 400, "invalid_request");
}

#[tokio::test]
async fn b35_a_scope_never_grows() {
    let mut desk = Desk::open().await;
    let client = desk.app.client().first_party().scope("openid profile email").create().await;
    let code = desk.code_for(&AuthRequest::of(&client).set("scope", "openid profile")).await;
    // A scope in the redemption means nothing.
    let wider = with(&redemption(&client, &code), "scope", "openid profile email offline_access");
    let tokens = Tokens::of(desk.app.token(&client, &wider).await);
    assert_eq!(tokens.answer.json()["scope"], "openid profile");
    for scope in ["openid profile email", "email", "openid offline_access"] {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh.as_str()), ("scope", scope)];
        assert_oauth_error(&desk.app.token(&client, &fields).await, 400, "invalid_scope");
    }
    let fields = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh.as_str()), ("scope", "openid")];
    let narrow = Tokens::of(desk.app.token(&client, &fields).await);
    assert_eq!(narrow.answer.json()["scope"], "openid");
    let userinfo = desk.app.get_with_token("/userinfo", &narrow.access).await.json();
    assert!(userinfo.get("email").is_none() && userinfo.get("name").is_none(), "{userinfo}");

    let service = desk.app.resource_server().await;
    for scope in ["openid", "profile", "offline_access", "tenant unknown"] {
        let fields = [("grant_type", "client_credentials"), ("scope", scope)];
        assert_oauth_error(&desk.app.token(&service, &fields).await, 400, "invalid_scope");
    }
}
