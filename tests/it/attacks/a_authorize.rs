//! Part A: the authorization endpoint and redirects.

use guichet::oauth::client_metadata::AuthMethod;
use guichet::provider::registration::{self, RegistrationError};
use tokio::net::TcpListener;
use tokio::time::{Duration, timeout};

use crate::support::app::{ISSUER, TestApp, assert_page_error, get};
use crate::support::browser::unescape;
use crate::support::flow::{AuthRequest, Tokens, assert_redirect_error, claims, param, response_of};

#[tokio::test]
async fn a01_a_redirect_uri_that_differs_by_one_character_gets_a_page() {
    let app = TestApp::start().await;
    let client = app.client().redirect_uris(&["https://app.example/cb?x=1"]).create().await;
    for uri in [
        "https://app.example/cb?x=2",
        "https://app.example/cb?x=1&y=2",
        "https://app.example/cb",
        "https://app.example/Cb?x=1",
        "https://App.example/cb?x=1",
        "https://app.example/cb/?x=1",
        "https://app.example/cb?x=1#f",
        "https://app.example/cb?x=1#",
        "https://app.example/%2e/cb?x=1",
        "https://app.example/./cb?x=1",
        "https://app.example/%63b?x=1",
        "https://app.example:443/cb?x=1",
        "https://app.example:8443/cb?x=1",
        "http://app.example/cb?x=1",
        "https://app.example/cb?x=1 ",
        "",
    ] {
        let page = app.authorize(&AuthRequest::of(&client).set("redirect_uri", uri)).await;
        assert_page_error(&page.answer, 400, "invalid_request");
    }
    let page = app.authorize(&AuthRequest::of(&client).without("redirect_uri")).await;
    assert_page_error(&page.answer, 400, "invalid_request");
    assert_eq!(app.authorize(&AuthRequest::of(&client)).await.kind(), Some("sign-in"), "the registered one is taken");
}

#[tokio::test]
async fn a02_a_redirect_uri_in_disguise_gets_a_page() {
    let app = TestApp::start().await;
    let client = app.client().redirect_uris(&["https://good.example/cb"]).create().await;
    for uri in [
        "https://user@good.example/cb",
        "https://good.example@evil.tld/cb",
        "https://good.example@good.example@evil.tld/cb",
        "https://good.example\\@evil.tld/cb",
        "https://good.example/..;/cb",
        "https://good.example//cb",
        "//good.example/cb",
        "https:good.example/cb",
        "https:///good.example/cb",
        "https://good.example/cb\t",
        "https://good.example/\r\ncb",
        "\nhttps://good.example/cb",
        "https://good.exampl\u{435}/cb",
        "https://good.example\u{3002}evil.tld/cb",
        "https://good.example.evil.tld/cb",
        "https://evil.tld/https://good.example/cb",
        "https://evil.tld?https://good.example/cb",
        "javascript:alert(1)//https://good.example/cb",
    ] {
        let page = app.authorize(&AuthRequest::of(&client).set("redirect_uri", uri)).await;
        assert_page_error(&page.answer, 400, "invalid_request");
        assert!(!page.answer.body.contains("evil.tld"), "the page shows the address: {uri}");
    }
}

#[tokio::test]
async fn a03_hostile_uris_cannot_be_registered() {
    let app = TestApp::start().await;
    for uri in [
        "https://*.example/cb",
        "https://app.example/*",
        "https://app.example/cb#fragment",
        "http://app.example/cb",
        "http://localhost.evil.tld/cb",
        "JaVaScRiPt:alert(1)",
        "javascript://app.example/%0aalert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "https://user:secret@app.example/cb",
        "/cb",
        "",
    ] {
        let good = app.client();
        let mut metadata = good.metadata.clone();
        metadata.redirect_uris = vec![uri.to_owned()];
        let redirect = registration::register(&app.app.provider, metadata, good.policy.clone()).await;
        assert!(matches!(redirect, Err(RegistrationError::Refused(_))), "redirect_uris takes {uri}");
        let mut metadata = good.metadata.clone();
        metadata.post_logout_redirect_uris = vec![uri.to_owned()];
        let after = registration::register(&app.app.provider, metadata, good.policy.clone()).await;
        assert!(matches!(after, Err(RegistrationError::Refused(_))), "post_logout_redirect_uris takes {uri}");
    }
}

#[tokio::test]
async fn a04_a_native_client_has_any_port_of_loopback_and_nothing_else() {
    let app = TestApp::start().await;
    let client = app.client().public().redirect_uris(&["http://127.0.0.1/cb", "http://[::1]/cb"]).create().await;
    let user = app.user("nora").await;
    for uri in ["http://127.0.0.1:51004/cb", "http://127.0.0.1/cb", "http://[::1]:8080/cb"] {
        let request = AuthRequest::of(&client).set("redirect_uri", uri);
        let mut browser = app.browser();
        let page = browser.get(&request.url()).await;
        let end = browser.complete(page, &user).await;
        assert!(end.answer.location().unwrap_or_default().starts_with(&format!("{uri}?code=")), "{end:?}");
    }
    for uri in [
        "http://127.0.0.1:51004/other",
        "http://127.0.0.1:51004/cb?x=1",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:70000/cb",
        "http://127.0.0.1:1@evil.tld/cb",
        "http://127.0.0.1.evil.tld/cb",
        "http://127.0.0.2/cb",
        "http://localhost.evil.tld/cb",
        "http://localhost:51004/cb",
        "https://127.0.0.1:51004/cb",
    ] {
        let page = app.authorize(&AuthRequest::of(&client).set("redirect_uri", uri)).await;
        assert_page_error(&page.answer, 400, "invalid_request");
    }
}

#[tokio::test]
async fn a05_a_client_or_redirect_uri_in_doubt_never_redirects() {
    let app = TestApp::start().await;
    let client = app.client().create().await;
    let other = app.client().redirect_uris(&["https://other.example/cb"]).create().await;
    let good = AuthRequest::of(&client);
    for (request, code) in [
        (good.clone().set("client_id", "nobody"), "invalid_client"),
        (good.clone().set("client_id", ""), "invalid_request"),
        (good.clone().without("client_id"), "invalid_request"),
        (good.clone().set("client_id", &"x".repeat(5_000)), "invalid_client"),
        (good.clone().set("redirect_uri", other.redirect_uri()), "invalid_request"),
        // Whatever else is wrong with it: the doubt comes first.
        (good.clone().set("redirect_uri", "https://evil.tld/").set("response_type", "token"), "invalid_request"),
        (good.set("redirect_uri", "https://evil.tld/").set("prompt", "none"), "invalid_request"),
    ] {
        assert_page_error(&app.authorize(&request).await.answer, 400, code);
    }
}

#[tokio::test]
async fn a06_an_error_of_a_known_client_goes_to_its_registered_uri_alone() {
    let app = TestApp::start().await;
    let client = app.client().scope("openid profile").create().await;
    let good = AuthRequest::of(&client);
    for (request, code) in [
        (good.clone().set("scope", "openid email"), "invalid_scope"),
        (good.clone().set("scope", "openid unknown"), "invalid_scope"),
        (good.clone().without("scope"), "invalid_scope"),
        (good.clone().without("response_type"), "invalid_request"),
        (good.clone().set("response_type", "none"), "unsupported_response_type"),
        (good.clone().set("prompt", "none login"), "invalid_request"),
        (good.clone().set("max_age", "-1"), "invalid_request"),
        (good.clone().set("max_age", "soon"), "invalid_request"),
        (good.clone().set("resource", "not a URL"), "invalid_target"),
        (good.clone().set("nonce", &"n".repeat(4_097)), "invalid_request"),
        (good.clone().set("registration", "{}"), "registration_not_supported"),
        (good.clone().set("request", "eyJhbGciOiJub25lIn0.e30."), "request_not_supported"),
        (good.clone().set("request", "x.y.z"), "invalid_request_object"),
        (good.set("request_uri", "https://evil.tld/request"), "invalid_request_uri"),
    ] {
        let answer = app.authorize(&request).await.answer;
        assert_redirect_error(&answer, &client, code);
        assert_eq!(param(&answer, "state").as_deref(), Some("the-state"), "{request:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

#[tokio::test]
async fn a07_a_client_that_registered_the_code_alone_gets_nothing_else() {
    let app = TestApp::start().await;
    let (client, user) = (app.client().first_party().create().await, app.user("bea").await);
    let mut browser = app.browser();
    browser.sign_in_for_account(&user).await;
    for (kind, code) in [
        ("token", "unsupported_response_type"),
        ("none", "unsupported_response_type"),
        ("CODE", "unsupported_response_type"),
        ("id_token", "unauthorized_client"),
        ("code id_token", "unauthorized_client"),
        ("code token", "unauthorized_client"),
        ("id_token token", "unauthorized_client"),
        ("code id_token token", "unauthorized_client"),
    ] {
        for mode in ["query", "fragment"] {
            let request = AuthRequest::of(&client).set("response_type", kind).set("response_mode", mode);
            let answer = browser.get(&request.url()).await.answer;
            let said = response_of(&answer);
            let in_query = mode == "query" && kind.contains("token");
            let code = if in_query { "invalid_request" } else { code };
            assert!(said.contains(&("error".to_owned(), code.to_owned())), "{kind}: {said:?}");
            for name in ["code", "access_token", "id_token"] {
                assert!(said.iter().all(|(known, _)| known != name), "{kind} gives {name}");
            }
        }
    }
}

#[tokio::test]
async fn a08_unknown_response_modes_are_refused_and_form_post_escapes() {
    let app = TestApp::start().await;
    let client = app.client().first_party().create().await;
    for mode in ["jwt", "query.jwt", "web_message", "QUERY", "form_post "] {
        let answer = app.authorize(&AuthRequest::of(&client).set("response_mode", mode)).await.answer;
        assert_redirect_error(&answer, &client, "invalid_request");
    }
    let user = app.user("cleo").await;
    for state in ["\"><script>alert(1)</script>", "javascript:alert(1)", "'\"&lt;</form><form action=//evil.tld>"] {
        let request = AuthRequest::of(&client).set("response_mode", "form_post").set("state", state);
        let mut browser = app.browser();
        let page = browser.get(&request.url()).await;
        let page = browser.complete(page, &user).await;
        assert_eq!(page.kind(), Some("form-post"), "{page:?}");
        let body = &page.answer.body;
        assert!(!body.contains("<script>alert") && !body.contains("<form action=//evil"), "{body}");
        assert_eq!(page.forms().len(), 1);
        let form = page.form();
        assert_eq!(form.action, client.redirect_uri());
        assert!(form.fields.contains(&("state".to_owned(), state.to_owned())), "{form:?}");
        assert!(form.fields.contains(&("iss".to_owned(), ISSUER.to_owned())), "{form:?}");
        let policy = page.answer.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("form-action 'self' https://app.example;"), "{policy}");
        assert!(!policy.contains("unsafe-inline"), "{policy}");
    }
}

#[tokio::test]
async fn a09_every_response_names_its_issuer() {
    let app = TestApp::start().await;
    let (client, user) = (app.client().create().await, app.user("dora").await);
    let mut browser = app.browser();
    let page = browser.get(&AuthRequest::of(&client).url()).await;
    let end = browser.complete(page, &user).await;
    assert!(param(&end.answer, "code").is_some());
    assert_eq!(param(&end.answer, "iss").as_deref(), Some(ISSUER));
    let page = browser.get(&AuthRequest::of(&client).set("prompt", "consent").url()).await;
    let denied = browser.consent(&page, "deny").await;
    assert_redirect_error(&denied.answer, &client, "access_denied");
    let metadata = app.get("/.well-known/openid-configuration").await.json();
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
    assert_eq!(metadata["issuer"], ISSUER);
}

#[tokio::test]
async fn a10_pkce_is_s256_or_nothing() {
    let app = TestApp::start().await;
    for client in [app.client().public().create().await, app.client().create().await] {
        let good = AuthRequest::of(&client);
        let without = good.clone().without("code_challenge").without("code_challenge_method");
        for request in [
            without.clone(),
            without.add("code_challenge_method", "S256"),
            good.clone().without("code_challenge_method"),
            good.clone().set("code_challenge_method", "plain"),
            good.clone().set("code_challenge_method", "s256"),
            good.clone().set("code_challenge", &"a".repeat(42)),
            good.clone().set("code_challenge", &"a".repeat(44)),
            good.clone().set("code_challenge", &"a".repeat(129)),
            good.clone().set("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM"),
            good.clone().set("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c="),
            good.set("code_challenge", ""),
        ] {
            assert_redirect_error(&app.authorize(&request).await.answer, &client, "invalid_request");
        }
    }
}

#[tokio::test]
async fn a11_a_parameter_given_twice_is_refused() {
    let app = TestApp::start().await;
    let client = app.client().create().await;
    let good = AuthRequest::of(&client);
    for (name, value) in [
        ("client_id", client.id()),
        ("client_id", "other"),
        ("redirect_uri", "https://evil.tld/"),
        ("redirect_uri", client.redirect_uri()),
        ("scope", "openid"),
        ("state", "other"),
        ("code_challenge_method", "plain"),
    ] {
        let answer = app.authorize(&good.clone().add(name, value)).await.answer;
        assert_page_error(&answer, 400, "invalid_request");
    }
    let both = app.post(&format!("/authorize?client_id={}", client.id()), &[], &good.pairs()).await;
    assert_page_error(&both, 400, "invalid_request");
    let mut twice = good.pairs();
    twice.push(("redirect_uri", "https://evil.tld/"));
    let answer = app.post("/authorize", &[], &twice).await;
    assert_eq!((answer.status.as_u16(), answer.location()), (400, None), "{answer:?}");
}

#[tokio::test]
async fn a12_after_a_form_the_browser_goes_on_with_get() {
    let app = TestApp::start().await;
    let (client, user) = (app.client().create().await, app.user("eva").await);
    let mut browser = app.browser();
    let page = browser.get(&AuthRequest::of(&client).url()).await;
    let after = browser.submit_once(&page, &[("email", &user.email), ("password", &user.password)]).await;
    assert_eq!(after.status, 303, "{after:?}");
    let page = browser.get(after.location().unwrap()).await;
    let after = browser.submit_once(&page, &[("decision", "allow")]).await;
    assert_eq!(after.status, 303, "{after:?}");
    let posted = app.post("/authorize", &[], &AuthRequest::of(&client).pairs()).await;
    assert_eq!(posted.status, 303, "{posted:?}");
}

#[tokio::test]
async fn a13_prompt_none_shows_no_page() {
    let app = TestApp::start().await;
    let (client, user) = (app.client().create().await, app.user("fay").await);
    let silent = AuthRequest::of(&client).set("prompt", "none");
    let mut browser = app.browser();
    assert_redirect_error(&browser.get_once(&silent.url()).await, &client, "login_required");
    browser.sign_in_for_account(&user).await;
    assert_redirect_error(&browser.get_once(&silent.url()).await, &client, "consent_required");
    app.tokens_for(&mut browser, &client, &user, &AuthRequest::of(&client)).await;
    assert!(param(&browser.get_once(&silent.url()).await, "code").is_some());
    let wider = silent.clone().set("scope", "openid email");
    assert_redirect_error(&browser.get_once(&wider.url()).await, &client, "consent_required");
    app.advance(60);
    let fresh = silent.set("max_age", "59");
    assert_redirect_error(&browser.get_once(&fresh.url()).await, &client, "login_required");
}

#[tokio::test]
async fn a14_a_fresh_sign_in_is_a_real_one() {
    let app = TestApp::start().await;
    let (client, user) = (app.client().first_party().create().await, app.user("gus").await);
    let mut browser = app.browser();
    let first = app.tokens_for(&mut browser, &client, &user, &AuthRequest::of(&client)).await;
    let began = claims(&first.id)["auth_time"].as_i64().unwrap();
    for (name, value) in [("max_age", "0"), ("prompt", "login"), ("max_age", "10")] {
        app.advance(30);
        let request = AuthRequest::of(&client).set(name, value);
        let page = browser.get(&request.url()).await;
        assert_eq!(page.kind(), Some("sign-in"), "{name}={value}");
        // Coming back to the journey without signing in changes nothing.
        let again = browser.get(&page.url).await;
        assert_eq!(again.kind(), Some("sign-in"), "{name}={value}");
        let wrong = browser.sign_in(&again, &user.email, "not the password at all").await;
        assert_eq!(wrong.kind(), Some("sign-in"), "{name}={value}");
        let end = browser.complete(wrong, &user).await;
        let code = param(&end.answer, "code").unwrap();
        let id = Tokens::of(app.redeem(&client, &code).await).id;
        let auth_time = claims(&id)["auth_time"].as_i64().unwrap();
        assert_eq!(auth_time, app.now().seconds(), "{name}={value}");
        assert!(auth_time > began);
    }
    // A context that we cannot reach is not claimed.
    let request = AuthRequest::of(&client).set("acr_values", "urn:mace:incommon:iap:gold phr");
    let id = app.tokens_for(&mut browser, &client, &user, &request).await.id;
    let acr = claims(&id)["acr"].as_str().unwrap_or_default().to_owned();
    assert!(acr != "phr" && !acr.contains("gold"), "{acr}");
    assert_eq!(acr, claims(&first.id)["acr"], "the context that was reached is named");
}

#[tokio::test]
async fn a15_no_script_reads_it_and_no_frame_holds_it() {
    let app = TestApp::start().await;
    let client = app.client().create().await;
    let mut browser = app.browser();
    browser.headers.push(("origin".to_owned(), "https://evil.tld".to_owned()));
    let once = browser.get_once(&AuthRequest::of(&client).url()).await;
    let page = browser.get(once.location().unwrap()).await.answer;
    let refused = app.authorize(&AuthRequest::of(&client).set("client_id", "nobody")).await.answer;
    for answer in [&once, &page, &refused] {
        let shared = answer.headers.keys().find(|name| name.as_str().starts_with("access-control-"));
        assert_eq!(shared, None, "{answer:?}");
    }
    for answer in [&page, &refused] {
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    }
}

#[tokio::test]
async fn a16_a_foreign_request_uri_is_refused_and_nothing_is_fetched() {
    let app = TestApp::start().await;
    let client = app.client().create().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = format!("http://{}/request.jwt", listener.local_addr().unwrap());
    for uri in
        [own.as_str(), "https://evil.tld/request.jwt", "urn:ietf:params:oauth:request_uri:x", "file:///etc/passwd"]
    {
        let answer = app.authorize(&AuthRequest::of(&client).set("request_uri", uri)).await.answer;
        if uri.starts_with("urn:") {
            // Whatever stands beside a pushed request does not count, and so neither does the redirect URI.
            assert_page_error(&answer, 400, "invalid_request_uri");
        } else {
            assert_redirect_error(&answer, &client, "invalid_request_uri");
        }
    }
    assert!(timeout(Duration::from_millis(300), listener.accept()).await.is_err(), "an outgoing connection");
    let alone = app.get(&format!("/authorize?client_id={}&request_uri={own}", client.id())).await;
    assert_page_error(&alone, 400, "invalid_request_uri");
    let metadata = app.get("/.well-known/openid-configuration").await.json();
    assert_eq!(metadata["require_request_uri_registration"], true);
}

#[tokio::test]
async fn a17_state_and_nonce_come_back_byte_for_byte_or_not_at_all() {
    let app = TestApp::start().await;
    let (client, user) = (app.client().first_party().create().await, app.user("hal").await);
    let mut browser = app.browser();
    browser.sign_in_for_account(&user).await;
    let mixed: String = "é\"'<>&%+ #?=;\\/\u{1f511}".chars().cycle().take(1_500).collect();
    for text in ["a".repeat(4_096), mixed, "%2500%0d%0aX: y".to_owned(), "\r\nSet-Cookie: a=b".to_owned()] {
        let request = AuthRequest::of(&client).set("state", &text).set("nonce", &text);
        let answer = browser.get(&request.url()).await.answer;
        assert_eq!(param(&answer, "state").as_deref(), Some(text.as_str()));
        let tokens = Tokens::of(app.redeem(&client, &param(&answer, "code").unwrap()).await);
        assert_eq!(claims(&tokens.id)["nonce"], text.as_str());
    }
    let long = AuthRequest::of(&client).set("state", &"a".repeat(4_097));
    assert_page_error(&app.authorize(&long).await.answer, 400, "invalid_request");
    // Nothing of a request is shown as markup.
    let script = "\"><script>alert(1)</script>";
    for name in ["state", "nonce", "login_hint", "ui_locales", "acr_values", "client_id", "redirect_uri", "scope"] {
        let body = app.authorize(&AuthRequest::of(&client).set(name, script)).await.answer.body;
        assert!(!body.contains("<script>alert"), "{name} is reflected");
        let reflected = unescape(&body).contains(script);
        assert!(!reflected || name == "login_hint", "{name} is reflected");
    }
}

#[tokio::test]
async fn a18_a_journey_belongs_to_one_browser() {
    let app = TestApp::start().await;
    let client = app.client().create().await;
    let (victim, attacker) = (app.user("ivy").await, app.user("mallory").await);
    let (mut his, mut hers) = (app.browser(), app.browser());
    let page = hers.get(&AuthRequest::of(&client).url()).await;
    let own = his.get(&AuthRequest::of(&client).set("state", "his").url()).await;
    let csrf = own.form().fields;
    let csrf = &csrf.iter().find(|(name, _)| name == "csrf").unwrap().1;

    // The address alone opens nothing, in another browser or in none.
    assert_eq!(his.get(&page.url).await.kind(), Some("error"));
    assert_eq!(app.send(get(&page.url)).await.status, 400);
    let sign_in = page.form().action;
    let attempt =
        [("csrf", csrf.as_str()), ("email", attacker.email.as_str()), ("password", attacker.password.as_str())];
    let refused = his.post(&sign_in, &attempt).await;
    assert_eq!((refused.kind(), refused.answer.status.as_u16()), (Some("error"), 400));
    assert_eq!(his.cookie("session"), None);

    // Client data beside a form changes nothing.
    let edited = [
        ("email", victim.email.as_str()),
        ("password", victim.password.as_str()),
        ("redirect_uri", "https://evil.tld/"),
        ("client_id", "other"),
        ("scope", "openid email"),
    ];
    let consent = hers.submit(&page, &edited).await;
    assert_eq!(consent.kind(), Some("consent"));
    let stolen = his.post(&consent.form().action, &[("csrf", csrf), ("decision", "allow")]).await;
    assert_eq!(stolen.kind(), Some("error"));
    let end = hers.consent(&consent, "allow").await;
    assert!(end.answer.location().unwrap().starts_with("https://app.example/cb?code="), "{end:?}");
    let tokens = Tokens::of(app.redeem(&client, &param(&end.answer, "code").unwrap()).await);
    assert_eq!(claims(&tokens.id)["sub"], victim.user.uuid.to_string());
    assert_eq!(tokens.answer.json()["scope"], "openid");

    // A journey ends once.
    assert_eq!(hers.get(&page.url).await.kind(), Some("error"));

    // Another one's session does not carry over: the journey that one signed in with belongs to its browser.
    let mut stranger = app.browser();
    stranger.cookies.clone_from(&his.cookies);
    assert_eq!(stranger.get(&own.url).await.kind(), Some("sign-in"), "cookies are what a browser is");
}

#[tokio::test]
async fn a18_a_form_without_this_browsers_token_or_from_elsewhere_is_refused() {
    let app = TestApp::start().await;
    let (client, user) = (app.client().auth(AuthMethod::ClientSecretPost).create().await, app.user("kim").await);
    let credentials = [("email", user.email.as_str()), ("password", user.password.as_str())];
    let mut browser = app.browser();
    let page = browser.get(&AuthRequest::of(&client).url()).await;
    let action = page.form().action;
    assert_eq!(browser.post_once(&action, &credentials).await.status, 403);
    let mut wrong = credentials.to_vec();
    wrong.push(("csrf", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
    assert_eq!(browser.post_once(&action, &wrong).await.status, 403);
    for (name, value) in [("origin", "https://evil.tld"), ("origin", "null"), ("sec-fetch-site", "cross-site")] {
        let mut foreign = browser.clone();
        foreign.headers.push((name.to_owned(), value.to_owned()));
        if value == "null" {
            foreign.headers.push(("sec-fetch-site".to_owned(), "cross-site".to_owned()));
        }
        assert_eq!(foreign.submit_once(&page, &credentials).await.status, 403, "{name}: {value}");
        assert_eq!(foreign.cookie("session"), None);
    }
    assert_eq!(browser.submit_once(&page, &credentials).await.status, 303);
}
