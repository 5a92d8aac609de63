//! What may be registered, what is answered, and what a client that registers itself is not.

use guichet::model::client::PkcePolicy;
use serde_json::{Value, json};

use super::{least, with};
use crate::support::app::{TestApp, assert_oauth_error};
use crate::support::flow::{AuthRequest, Tokens, assert_redirect_error};
use crate::support::stores::{TABLES, dump};

#[tokio::test]
async fn the_answer_holds_what_was_registered_and_the_defaults() {
    let app = TestApp::open_to_all().await;
    let answer = app.register(&least()).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("access-control-allow-origin"), None);
    let made = answer.json();
    for (member, value) in [
        ("redirect_uris", json!(["https://app.example/cb"])),
        ("response_types", json!(["code"])),
        ("grant_types", json!(["authorization_code"])),
        ("token_endpoint_auth_method", json!("client_secret_basic")),
        ("application_type", json!("web")),
        ("subject_type", json!("public")),
        ("id_token_signed_response_alg", json!("RS256")),
        ("client_name", json!("app.example")),
        ("client_secret_expires_at", json!(0)),
        ("client_id_issued_at", json!(app.now().seconds())),
        ("registration_client_uri", json!(format!("https://op.test/register/{}", answer.text("client_id")))),
    ] {
        assert_eq!(made[member], value, "{member}");
    }
    assert!(answer.text("client_secret").starts_with("gcs_"));
    assert!(answer.text("registration_access_token").starts_with("gra_"));
    let kept = dump(&app.options, &TABLES).await;
    for secret in ["client_secret", "registration_access_token"] {
        assert!(!kept.contains(&answer.text(secret)), "{secret} is kept in clear");
    }
}

#[tokio::test]
async fn every_member_comes_back() {
    let app = TestApp::open_to_all().await;
    let document = json!({
        "client_name": "Agenda", "client_name#fr": "Carnet de rendez-vous", "client_name#en-GB": "Diary",
        "redirect_uris": ["https://app.example/cb", "https://app.example/cb2?x=1"],
        "post_logout_redirect_uris": ["https://app.example/bye"],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "token_endpoint_auth_method": "client_secret_post", "scope": "openid profile email",
        "id_token_signed_response_alg": "ES256", "application_type": "web",
        "initiate_login_uri": "https://app.example/start", "client_uri": "https://app.example/",
        "logo_uri": "https://cdn.example/logo.png", "policy_uri": "https://app.example/privacy",
        "policy_uri#fr": "https://app.example/confidentialite", "tos_uri": "https://app.example/terms",
        "require_auth_time": true, "default_max_age": 3600, "jwks_uri": "https://app.example/jwks",
        "subject_type": "pairwise", "request_uris": ["https://app.example/request#v1"],
        "request_object_signing_alg": "PS256", "default_acr_values": ["urn:guichet:acr:password"],
        "contacts": ["support@app.example"],
        "frontchannel_logout_uri": "https://app.example/out", "frontchannel_logout_session_required": true,
        "backchannel_logout_uri": "https://back.example/out", "backchannel_logout_session_required": true,
        "software_id": "4NRB1-0XZABZI9E6-5SM3R", "software_version": "1.2.3",
    });
    let answer = app.register(&document).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    for (member, value) in document.as_object().unwrap() {
        assert_eq!(&answer.json()[member], value, "{member}");
    }
    let path = format!("/register/{}", answer.text("client_id"));
    let read = app.registration("GET", &path, Some(&answer.text("registration_access_token")), None).await.json();
    for (member, value) in document.as_object().unwrap() {
        assert_eq!(&read[member], value, "{member}");
    }
    let unknown = app.register(&with(json!({"magic": true, "software_statement": "x.y.z", "tos_uri": null}))).await;
    assert_eq!(unknown.status, 201, "{unknown:?}");
    for member in ["magic", "software_statement", "tos_uri", "localized", "first_party"] {
        assert!(unknown.json().get(member).is_none(), "{member}");
    }
}

#[tokio::test]
async fn what_cannot_be_registered_is_named_and_leaves_nothing() {
    let app = TestApp::open_to_all().await;
    let before = dump(&app.options, &TABLES).await;
    let uris = |uri: &str| json!({"redirect_uris": [uri]});
    let mut cases: Vec<(Value, &str, &str)> = Vec::new();
    for uri in [
        "javascript:alert(1)",
        "data:text/html,x",
        "http://app.example/cb",
        "https://app.example/cb#fragment",
        "https://*.example/cb",
        "https://user@app.example/cb",
        "https://app.example/a/../cb",
        "/cb",
        "",
        "fr.example.app:/cb",
    ] {
        cases.push((uris(uri), "invalid_redirect_uri", "redirect_uris"));
    }
    cases.push((json!({"redirect_uris": []}), "invalid_redirect_uri", "redirect_uris"));
    cases.push((json!({"redirect_uris": "https://app.example/cb"}), "invalid_redirect_uri", "redirect_uris"));
    for (member, value) in [
        ("client_name", json!("\u{202e}gpj.exe")),
        ("client_name", json!("x".repeat(101))),
        ("client_name#fr", json!("")),
        ("logo_uri", json!("javascript:alert(1)")),
        ("logo_uri#fr", json!("http://app.example/logo")),
        ("policy_uri", json!("data:text/html,x")),
        ("tos_uri", json!("ftp://app.example/")),
        ("client_uri", json!("https://user:pass@app.example/")),
        ("initiate_login_uri", json!("http://localhost/start")),
        ("jwks_uri", json!("file:///etc/passwd")),
        ("jwks", json!("no keys")),
        ("request_uris", json!(["http://app.example/r"])),
        ("post_logout_redirect_uris", json!(["javascript:alert(1)"])),
        ("backchannel_logout_uri", json!("http://app.example/out")),
        ("frontchannel_logout_uri", json!("https://other.example/out")),
        ("response_types", json!(["magic"])),
        ("grant_types", json!(["password"])),
        ("token_endpoint_auth_method", json!("magic")),
        ("token_endpoint_auth_method", json!("private_key_jwt")),
        ("id_token_signed_response_alg", json!("none")),
        ("id_token_signed_response_alg", json!("HS256")),
        ("request_object_signing_alg", json!("none")),
        ("userinfo_signed_response_alg", json!("HS512")),
        ("subject_type", json!("secret")),
        ("application_type", json!("service")),
        ("scope", json!("openid admin")),
        ("default_max_age", json!("soon")),
        ("contacts", json!(vec!["a@b.example"; 21])),
        ("software_id", json!("x".repeat(300))),
    ] {
        let named = member.split('#').next().unwrap();
        let named = if value == "private_key_jwt" { "jwks" } else { named };
        cases.push((with(json!({member: value})), "invalid_client_metadata", named));
    }
    let two_keys = json!({"jwks": {"keys": []}, "jwks_uri": "https://app.example/jwks"});
    cases.push((with(two_keys), "invalid_client_metadata", "jwks"));
    for (document, code, member) in cases {
        let answer = app.register(&document).await;
        assert_oauth_error(&answer, 400, code);
        let description = answer.text("error_description");
        assert!(description.contains(member), "{document}: {description}");
        assert!(description.bytes().all(|b| (0x20..0x7f).contains(&b) && b != b'"' && b != b'\\'), "{description}");
        assert!(description.len() <= 500, "{description}");
    }
    assert_eq!(dump(&app.options, &TABLES).await, before, "nothing changed");
}

#[tokio::test]
async fn a_client_that_registers_itself_has_no_privilege() {
    let app = TestApp::open_to_all().await;
    let wish = json!({
        "first_party": true, "resource_server": true, "pkce": "optional", "policy": {"first_party": true},
        "client_id": "agenda", "client_secret": "mine", "registration_access_token": "mine",
    });
    let answer = app.register(&with(wish)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    for member in ["client_id", "client_secret", "registration_access_token"] {
        assert!(!["agenda", "mine"].contains(&answer.text(member).as_str()), "{member}");
    }
    let client = app.registered(&answer).await;
    let policy = &client.client.policy;
    assert!(!policy.first_party && !policy.resource_server && policy.pkce == PkcePolicy::Required);
    // Required means required.
    let request = AuthRequest::of(&client).without("code_challenge").without("code_challenge_method");
    assert_redirect_error(&app.authorize(&request).await.answer, &client, "invalid_request");
    // Whom it signs in is asked.
    let user = app.user("alice").await;
    let mut browser = app.browser();
    browser.sign_in_for_account(&user).await;
    assert_eq!(browser.get(&AuthRequest::of(&client).url()).await.kind(), Some("consent"));
    // Others' tokens are none of its business.
    let other = app.client().create().await;
    let tokens = app.tokens(&other, &user).await;
    assert_eq!(app.introspect(&client, &tokens.access).await, json!({"active": false}));
}

#[tokio::test]
async fn the_operators_default_exempts_confidential_clients_alone() {
    let environment = [
        ("GUICHET_REGISTRATION__POLICY", "open"),
        ("GUICHET_RATE_LIMITS__REGISTER", "off"),
        ("GUICHET_CLIENTS__PKCE", "confidential_optional"),
    ];
    let app = TestApp::with(&environment).await;
    let confidential = app.registered(&app.register(&least()).await).await;
    assert!(!confidential.client.requires_pkce());
    let made = app.register(&with(json!({"token_endpoint_auth_method": "none"}))).await;
    assert!(made.json().get("client_secret").is_none() && made.json().get("client_secret_expires_at").is_none());
    let public = app.registered(&made).await;
    assert_eq!(public.client.policy.pkce, PkcePolicy::Required);
    // Who gives up authentication gives up the exemption.
    let answer = app.register(&least()).await;
    let (path, token) = (format!("/register/{}", answer.text("client_id")), answer.text("registration_access_token"));
    let document = with(json!({"token_endpoint_auth_method": "none"}));
    assert_eq!(app.registration("PUT", &path, Some(&token), Some(&document)).await.status, 200);
    assert_eq!(app.registered(&answer).await.client.policy.pkce, PkcePolicy::Required);
}

#[tokio::test]
async fn a_registered_client_signs_people_in() {
    for app in
        TestApp::on_all_engines(&[("GUICHET_REGISTRATION__POLICY", "open"), ("GUICHET_RATE_LIMITS__REGISTER", "off")])
            .await
    {
        let user = app.user("alice").await;
        for method in ["client_secret_basic", "client_secret_post", "none"] {
            let document = with(json!({
                "token_endpoint_auth_method": method, "grant_types": ["authorization_code", "refresh_token"],
            }));
            let client = app.registered(&app.register(&document).await).await;
            let tokens = app.tokens(&client, &user).await;
            assert!(app.is_alive(&tokens.access).await, "{} {method}", app.engine);
            drop(Tokens::of(app.refresh(&client, &tokens.refresh).await));
        }
    }
}

#[tokio::test]
async fn a_native_client_has_its_own_scheme_and_a_loopback() {
    let app = TestApp::open_to_all().await;
    let uris = json!(["fr.example.app:/cb", "http://127.0.0.1/cb", "https://app.example/cb"]);
    let native = json!({"redirect_uris": uris, "application_type": "native", "token_endpoint_auth_method": "none"});
    assert_eq!(app.register(&native).await.status, 201);
    for uri in ["app:/cb", "javascript.x:alert(1)//", "myapp://cb"] {
        let document = json!({"redirect_uris": [uri], "application_type": "native"});
        let answer = app.register(&document).await;
        // A scheme with a dot is a reversed domain name, and no script.
        let expected = if uri.starts_with("javascript.x") { 201 } else { 400 };
        assert_eq!(answer.status, expected, "{uri}: {answer:?}");
    }
}
