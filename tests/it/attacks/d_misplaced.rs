//! Part D, continued: every kind of token at every endpoint that takes another kind, tokens whose person or tenant is gone,
//! and the published keys.

use std::sync::Arc;

use guichet::account::people;
use guichet::base::Secret;
use guichet::jose::{Algorithm, Typ};
use guichet::model::role::Role;
use guichet::model::user::UserStatus;
use guichet::oauth::client_metadata::AuthMethod;
use serde_json::{Value, json};

use crate::support::app::{ISSUER, TestApp, assert_oauth_error};
use crate::support::flow::{AuthRequest, Tokens, claims};

/// Each kind of token that there is, as (name, text).
async fn every_kind(app: &TestApp) -> (Vec<(&'static str, String)>, Tokens, crate::support::fixtures::TestClient) {
    let client = app.client().create().await;
    let user = app.user("alice").await;
    let mut browser = app.browser();
    let request = AuthRequest::of(&client).set("scope", "openid offline_access");
    let tokens = app.tokens_for(&mut browser, &client, &user, &request).await;
    let code = app.code(&mut browser, &user, &AuthRequest::of(&client)).await;
    let page = app.browser().get(&AuthRequest::of(&client).url()).await;
    let by_key = app.client().auth(AuthMethod::PrivateKeyJwt).create().await;
    let assertion = by_key.assertion(&by_key.assertion_claims(app.now()));
    let opaque_client = app.client().opaque().create().await;
    let opaque = app.tokens_for(&mut browser, &opaque_client, &user, &AuthRequest::of(&opaque_client)).await;
    let sign = |typ, claims: &Value| app.app.provider.keys().current().sign(Algorithm::Es256, typ, claims).unwrap();
    let good = claims(&tokens.access);
    let kinds = vec![
        ("access", tokens.access.clone()),
        ("opaque access", opaque.access),
        ("refresh", tokens.refresh.clone()),
        ("id", tokens.id.clone()),
        ("code", code),
        ("assertion", assertion),
        ("session cookie", browser.cookie("session").unwrap().to_owned()),
        ("browser cookie", browser.cookie("browser").unwrap().to_owned()),
        ("journey", page.journey().to_owned()),
        ("csrf", page.form().fields.iter().find(|(name, _)| name == "csrf").unwrap().1.clone()),
        ("client secret", client.secret.clone().unwrap()),
        ("access claims as an ID token", sign(Typ::IdToken, &good)),
    ];
    (kinds, tokens, client)
}

#[tokio::test]
async fn d61_b24_every_kind_of_token_at_every_endpoint() {
    let app = TestApp::start().await;
    let (kinds, tokens, client) = every_kind(&app).await;
    let resource_server = app.resource_server().await;
    for (kind, text) in &kinds {
        let is_access = kind.ends_with("access");
        assert_eq!(app.is_alive(text).await, is_access, "{kind} at userinfo");
        let answer = app.post("/userinfo", &[], &[("access_token", text)]).await;
        assert_eq!(answer.status.as_u16(), if is_access { 200 } else { 401 }, "{kind} at userinfo, in a form");
        let said = app.introspect(&resource_server, text).await;
        assert_eq!(said["active"], is_access || *kind == "refresh", "{kind} at introspection: {said}");
        if *kind == "refresh" {
            assert_eq!(said["token_type"], "refresh_token", "a refresh token is not taken for an access token");
        }
        // Spending what is spent once comes last, in an application of its own.
        if *kind != "refresh" {
            assert_oauth_error(&app.refresh(&client, text).await, 400, "invalid_grant");
        }
        if *kind != "code" {
            assert_oauth_error(&app.redeem(&client, text).await, 400, "invalid_grant");
        }
        if *kind != "assertion" {
            let fields = [
                ("grant_type", "client_credentials"),
                ("client_assertion_type", crate::support::fixtures::ASSERTION_TYPE),
                ("client_assertion", text),
            ];
            assert_oauth_error(&app.post("/token", &[], &fields).await, 401, "invalid_client");
        }
        if *kind != "client secret" {
            let basic = crate::support::app::basic(client.id(), text);
            let answer = app.post("/introspect", &[("authorization", &basic)], &[("token", &tokens.access)]).await;
            assert_oauth_error(&answer, 401, "invalid_client");
        }
        let mut browser = app.browser();
        browser.cookies = vec![("__Host-guichet-session".to_owned(), text.replace(['\n', ';'], ""))];
        let shown = browser.get_once("/account").await;
        assert_eq!(shown.status.as_u16(), if *kind == "session cookie" { 200 } else { 303 }, "{kind} as a session");
        if *kind != "journey" {
            let page = browser.get_once(&format!("/interaction/{text}")).await;
            assert_eq!(page.status, 400, "{kind} as a journey");
        }
    }
    let ended = app.get(&format!("/end-session?id_token_hint={}", tokens.access)).await;
    assert_eq!((ended.status.as_u16(), ended.location()), (200, None), "an access token is no hint");
    assert!(app.is_alive(&tokens.access).await, "nothing above did any harm");
}

#[tokio::test]
async fn d61_only_what_is_meant_for_us_is_a_hint() {
    let app = TestApp::start().await;
    let (client, user) = (app.client().create().await, app.user("alice").await);
    let mut browser = app.browser();
    let tokens = app.tokens_for(&mut browser, &client, &user, &AuthRequest::of(&client)).await;
    let mut foreign = claims(&tokens.id);
    foreign["iss"] = json!("https://other.test");
    let keys = app.app.provider.keys().current();
    let hints = [
        tokens.access.clone(),
        tokens.refresh.clone(),
        keys.sign(Algorithm::Es256, Typ::IdToken, &foreign).unwrap(),
        keys.sign(Algorithm::Es256, Typ::AccessToken, &claims(&tokens.id)).unwrap(),
        "a.b.c".to_owned(),
    ];
    for hint in hints {
        let bye = format!("/end-session?id_token_hint={hint}&post_logout_redirect_uri=https://app.example/bye");
        let answer = browser.get_once(&bye).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (200, None), "{answer:?}");
        let silent = AuthRequest::of(&client).set("prompt", "none").set("id_token_hint", &hint);
        let answer = browser.get_once(&silent.url()).await;
        assert_eq!(crate::support::flow::param(&answer, "error").as_deref(), Some("login_required"), "{hint}");
    }
    assert_eq!(browser.get_once("/account").await.status, 200, "still signed in");
}

#[tokio::test]
async fn d62_a_tenants_token_names_that_tenant_alone() {
    let app = TestApp::start().await;
    let client = app.client().create().await;
    let user = app.user("alice").await;
    let (one, two) = (app.tenant("Clinique A").await, app.tenant("Clinique B").await);
    app.join(&user, &one, Role::Doctor).await;
    let request = AuthRequest::of(&client).set("scope", "openid tenant roles");
    let first = app.tokens_for(&mut app.browser(), &client, &user, &request.clone().add("tenant", &one.code)).await;
    assert_eq!(claims(&first.access)["tenant_id"], one.uuid.to_string());
    // Not a member: refused, and not asked for a password again and again.
    let mut browser = app.browser();
    let page = browser.get(&request.add("tenant", &two.code).url()).await;
    let end = browser.complete(page, &user).await;
    assert_eq!(crate::support::flow::param(&end.answer, "error").as_deref(), Some("access_denied"), "{end:?}");
    for named in [&two.code, &two.uuid.to_string()] {
        let answer = app
            .post(
                "/userinfo",
                &[("x-tenant", named), ("x-tenant-id", named)],
                &[("access_token", &first.access), ("tenant", named), ("tenant_id", named)],
            )
            .await;
        assert_eq!(answer.json()["tenant_id"], one.uuid.to_string(), "{answer:?}");
        let fields = [("grant_type", "refresh_token"), ("refresh_token", &first.refresh), ("tenant", named)];
        let answer = Tokens::of(app.token(&client, &fields).await);
        assert_eq!(claims(&answer.access)["tenant_id"], one.uuid.to_string());
    }
}

#[tokio::test]
async fn d63_whose_person_or_tenant_is_gone() {
    let app = TestApp::start().await;
    let client = app.client().create().await;
    let resource_server = app.resource_server().await;
    let clinic = app.tenant("Clinique A").await;
    for case in ["disabled", "membership", "password", "session"] {
        let user = app.user(case).await;
        app.join(&user, &clinic, Role::Doctor).await;
        let mut browser = app.browser();
        let tokens = app.tokens_for(&mut browser, &client, &user, &AuthRequest::of(&client)).await;
        assert!(app.is_alive(&tokens.access).await);
        match case {
            "disabled" => people::set_status(&app.app.accounts, &user.user, UserStatus::Disabled).await.unwrap(),
            "membership" => {
                drop(people::revoke_role(&app.app.accounts, &user.user, &clinic, None).await.unwrap());
            }
            "password" => {
                let new = Secret::new("another nine quiet bridges".to_owned());
                people::set_password(&app.app.accounts, &user.user, new).await.unwrap();
            }
            _ => {
                let page = browser.get("/end-session").await;
                browser.submit(&page, &[]).await;
            }
        }
        assert!(!app.is_alive(&tokens.access).await, "{case}: userinfo");
        assert_eq!(app.introspect(&resource_server, &tokens.access).await, json!({"active": false}), "{case}");
        assert_eq!(app.introspect(&resource_server, &tokens.refresh).await, json!({"active": false}), "{case}");
        assert_oauth_error(&app.refresh(&client, &tokens.refresh).await, 400, "invalid_grant");
    }
}

#[tokio::test]
async fn d64_the_published_keys_are_public() {
    let app = TestApp::start().await;
    let answer = app.get("/jwks").await;
    let keys = answer.json()["keys"].as_array().unwrap().clone();
    for algorithm in Algorithm::ALL {
        assert!(keys.iter().any(|key| key["alg"] == algorithm.as_str()), "{algorithm:?}");
    }
    for key in &keys {
        let allowed: &[&str] = match key["kty"].as_str().unwrap() {
            "RSA" => &["kty", "use", "alg", "kid", "n", "e"],
            "EC" => &["kty", "use", "alg", "kid", "crv", "x", "y"],
            _ => &["kty", "use", "alg", "kid", "crv", "x"],
        };
        for member in key.as_object().unwrap().keys() {
            assert!(allowed.contains(&member.as_str()), "{member} in {key}");
        }
        for member in ["kid", "use", "alg"] {
            assert!(key[member].is_string(), "{member} of {key}");
        }
        if let Some(modulus) = key["n"].as_str() {
            assert!(guichet::base::digest::from_base64url(modulus).unwrap().len() >= 256, "RSA of 2048 bits");
        }
    }
    let kept = answer.header("cache-control").unwrap();
    let seconds: u32 = kept.split("max-age=").nth(1).unwrap().parse().unwrap();
    assert!(seconds <= 3_600, "{kept}");
}

#[tokio::test]
async fn d65_a_new_key_is_published_before_it_signs_and_the_old_one_stays() {
    use guichet::provider::keys::{KeyMaker, Rotation, RotationPolicy, rotate};
    let app = TestApp::start().await;
    let (client, user) = (app.client().create().await, app.user("alice").await);
    let old = app.tokens(&client, &user).await;
    let kids = |answer: Value| -> Vec<String> {
        answer["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    };
    let policy =
        RotationPolicy { algorithms: vec![Algorithm::Es256], ..guichet::app::rotation_policy(&app.app.config) };
    let turn = async || {
        let maker = KeyMaker {
            master: app.app.master.clone(),
            entropy: Arc::clone(&app.app.world.entropy),
            clock: Arc::clone(&app.app.world.clock),
        };
        rotate(app.store(), maker, &policy, Rotation::Due).await.unwrap();
        app.app.provider.reload_keys().await.unwrap();
    };
    let mut before = kids(app.get("/jwks").await.json());
    let day = 86_400;
    for _ in 0..400 {
        app.advance(day / 2);
        turn().await;
        let published = kids(app.get("/jwks").await.json());
        let signs = app.app.provider.keys().current().active_kid(Algorithm::Es256).unwrap().to_owned();
        assert!(before.contains(&signs), "a key signs that nobody could have fetched before");
        before = published;
        if signs != crate::support::flow::header(&old.access)["kid"].as_str().unwrap() {
            break;
        }
    }
    let signs = app.app.provider.keys().current().active_kid(Algorithm::Es256).unwrap().to_owned();
    let first = crate::support::flow::header(&old.access)["kid"].as_str().unwrap().to_owned();
    assert_ne!(signs, first, "a key is rotated some day");
    assert!(kids(app.get("/jwks").await.json()).contains(&first), "the old key still verifies what it signed");
    assert_eq!(claims(&old.access)["iss"], ISSUER);
}
