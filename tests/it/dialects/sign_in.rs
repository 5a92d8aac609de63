//! Sign-in at an upstream by way of the medreport and carelink dialects.

use guichet::model::role::Role;
use guichet::simulation::Kind;
use serde_json::{Value, json};

use super::names;
use crate::federation::professionals::{NATIONAL, RPPS, professional};
use crate::support::app::{Answer, ISSUER, TestApp};
use crate::support::browser::Browser;
use crate::support::flow::claims;
use crate::support::simulated::Simulated;
use crate::support::upstream::Op;

const PSC: &str = "pro_sante_connect";
const LOGIN: &str = "/api/v1/auth/login";
const CALLBACK: &str = "/api/v1/auth/callback";

/// Where a dialect sends the browser: 302, as the documents print.
#[track_caller]
fn sent(answer: &Answer) -> String {
    assert_eq!(answer.status, 302, "{answer:?}");
    answer.location().expect("a location").to_owned()
}

async fn through(app: &TestApp, op: &Op, browser: &mut Browser, start: &str, person: &Value) -> Answer {
    let url = sent(&browser.get_once(start).await);
    browser.get_once(&op.approve(app, &url, person)).await
}

fn someone(sub: &str, email: &str) -> Value {
    json!({"sub": sub, "given_name": "John", "family_name": "Doe", "email": email, "email_verified": true})
}

#[tokio::test]
async fn medreport_answers_with_a_token_and_its_user() {
    for (kind, provider, person) in [
        (Kind::Google, "google", "gmail"),
        (Kind::Facebook, "facebook", "complete"),
        (Kind::GitHub, "github", "complete"),
    ] {
        let way_back = format!("{ISSUER}/api/auth/{provider}/callback");
        let there = Simulated::with(kind, |client| client.redirect_uris = vec![way_back.clone()]).await;
        let app = there.app().await;
        let mut ids = Vec::new();
        for slash in ["", "/"] {
            let mut browser = app.browser();
            let url = sent(&browser.get_once(&format!("/api/auth/{provider}{slash}")).await);
            let back = there.answer(&url, person, None).await;
            assert!(back.starts_with(&format!("/api/auth/{provider}/callback?")), "{back}");
            let answer = browser.get_once(&back.replace("callback?", &format!("callback{slash}?"))).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            let body = answer.json();
            // The document's example of a sign-in, name by name.
            assert_eq!(names(&body), ["message", "success", "token", "user"]);
            assert_eq!((&body["success"], &body["message"]), (&json!(true), &json!("Connexion réussie")));
            let user = &body["user"];
            assert_eq!(
                names(user),
                [
                    "created_at",
                    "email",
                    "has_used_trial",
                    "id",
                    "name",
                    "organization_id",
                    "role",
                    "updated_at",
                    "uuid"
                ]
            );
            assert!(user["id"].is_i64() && user["email"].is_string() && user["name"].is_string(), "{user}");
            assert_eq!((&user["role"], &user["has_used_trial"]), (&Value::Null, &json!(false)));
            assert_eq!(user["created_at"], json!("2027-01-15T08:00:00.000000Z"));
            let token = body["token"].as_str().unwrap();
            assert!(app.is_alive(token).await);
            let said = claims(token);
            assert_eq!((&said["sub"], said["client_id"].as_str()), (&user["uuid"], Some("medreport")));
            assert_eq!(said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap(), 1_800);
            ids.push(user["id"].clone());
        }
        assert_eq!(ids[0], ids[1], "{provider}: new, then known");
    }
}

#[tokio::test]
async fn medreport_shows_organization_and_role_of_the_tenant() {
    let op = Op::start().await;
    let app = op.app("google", &[("PRESET", "oidc")]).await;
    let mut browser = app.browser();
    let person = someone("u1", "john@example.com");
    let answer = through(&app, &op, &mut browser, "/api/auth/google", &person).await;
    let uuid = answer.json()["user"]["uuid"].as_str().unwrap().parse().unwrap();
    let user = app.store().read().await.unwrap().user_by_uuid(uuid).await.unwrap().unwrap();
    let (first, second) = (app.tenant("Clinique Alpha").await, app.tenant("Clinique Beta").await);
    for (tenant, role) in [(&first, Role::Doctor), (&first, Role::Owner)] {
        guichet::account::people::grant_role(&app.app.accounts, &user, tenant, role).await.unwrap();
    }
    let body = through(&app, &op, &mut app.browser(), "/api/auth/google", &person).await.json();
    assert_eq!((&body["user"]["role"], &body["user"]["organization_id"]), (&json!("owner"), &json!(first.id)));
    let said = claims(body["token"].as_str().unwrap());
    assert_eq!((&said["tenant_id"], &said["roles"]), (&json!(first.uuid), &json!(["owner", "doctor"])));

    // With two, the application names one; a third party's is refused and gives no token.
    guichet::account::people::grant_role(&app.app.accounts, &user, &second, Role::Nurse).await.unwrap();
    let named = format!("/api/auth/google?tenant={}", second.code.to_lowercase());
    let body = through(&app, &op, &mut app.browser(), &named, &person).await.json();
    assert_eq!((&body["user"]["role"], &body["user"]["organization_id"]), (&json!("nurse"), &json!(second.id)));
    let body = through(&app, &op, &mut app.browser(), "/api/auth/google", &person).await.json();
    assert_eq!((&body["user"]["role"], &body["user"]["organization_id"]), (&Value::Null, &Value::Null));
    let other = app.tenant("Ailleurs").await;
    let named = format!("/api/auth/google?tenant={}", other.code);
    let mut browser = app.browser();
    let refused = through(&app, &op, &mut browser, &named, &person).await;
    assert_eq!(refused.status, 403);
    assert_eq!(names(&refused.json()), ["error", "message", "success"]);
    assert_eq!(browser.get("/account").await.kind(), Some("account"), "who it is was proven all the same");
}

#[tokio::test]
async fn carelink_answers_with_its_jwt_and_the_professional() {
    let op = Op::start().await;
    let app = op.app("psc", &[("PRESET", PSC)]).await;
    let mut users = Vec::new();
    for family in ["DURAND", "LEGRAND"] {
        let mut person = professional("s1", NATIONAL, &[]);
        person["SubjectRefPro"]["exercices"][0]["nomDexercice"] = family.into();
        let mut browser = app.browser();
        let url = sent(&browser.get_once(LOGIN).await);
        let way_back = format!("redirect_uri={}", "https%3A%2F%2Fop.test%2Fapi%2Fv1%2Fauth%2Fcallback");
        for part in ["acr_values=eidas1", "code_challenge_method=S256", "nonce=", "state=", &way_back] {
            assert!(url.contains(part), "{part} in {url}");
        }
        app.advance(60);
        let answer = browser.get_once(&op.approve(&app, &url, &person)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let body = answer.json();
        assert_eq!(names(&body), ["access_token", "expires_in", "refresh_token", "token_type", "user"]);
        assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("bearer"), &json!(1_800)));
        let user = body["user"].clone();
        assert_eq!((&user["rpps"], &user["last_name"], &user["email"]), (&json!(RPPS), &json!(family), &Value::Null));
        assert_eq!((&user["profession_id"], &user["is_active"]), (&json!(10), &json!(true)));
        assert_eq!(user["last_login"], json!(app.now().to_rfc3339_seconds()));
        let said = claims(body["access_token"].as_str().unwrap());
        assert_eq!((said["acr"].as_str(), said["client_id"].as_str()), (Some("eidas1"), Some("carelink")));
        // The refresh token is one of ours: it rotates at the token endpoint.
        let refresh = body["refresh_token"].as_str().unwrap();
        let fields = [("grant_type", "refresh_token"), ("client_id", "carelink"), ("refresh_token", refresh)];
        assert_eq!(app.post("/token", &[], &fields).await.status, 200);
        // Nothing of the upstream's tokens is in the answer.
        assert!(!answer.body.contains("at-") && !answer.body.contains("rt-of"), "{}", answer.body);
        users.push((user["id"].clone(), user["uuid"].clone()));
    }
    assert_eq!(users[0], users[1], "found by the number, name and last sign-in renewed");
}

#[tokio::test]
async fn whoever_works_in_several_places_chooses_one_before_the_callback_answers() {
    let op = Op::start().await;
    let app = op.app(PSC, &[]).await;
    let person = professional("s1", NATIONAL, &[]);
    let uuid = through(&app, &op, &mut app.browser(), LOGIN, &person).await.json()["user"]["uuid"].clone();
    let uuid = uuid.as_str().unwrap().parse().unwrap();
    let user = app.store().read().await.unwrap().user_by_uuid(uuid).await.unwrap().unwrap();
    let (first, second) = (app.tenant("Clinique Alpha").await, app.tenant("Clinique Beta").await);
    for (tenant, role) in [(&first, Role::Doctor), (&second, Role::Nurse)] {
        guichet::account::people::grant_role(&app.app.accounts, &user, tenant, role).await.unwrap();
    }
    for (start, callback) in
        [(LOGIN, CALLBACK), ("/api/auth/pro-sante-connect", "/api/auth/pro-sante-connect/callback")]
    {
        let mut browser = app.browser();
        browser.headers.push(("accept".to_owned(), "text/html,application/xhtml+xml,*/*;q=0.8".to_owned()));
        let stop = through(&app, &op, &mut browser, start, &person).await;
        assert_eq!(stop.status, 303, "{stop:?}");
        let page = browser.get(stop.location().unwrap()).await;
        assert_eq!(page.kind(), Some("tenant"), "{page:?}");
        assert!(!page.answer.body.contains("id=\"cancel\""), "there is nobody to tell of it");
        let form = page.forms().remove(0);
        let mut fields: Vec<(&str, &str)> =
            form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        fields.retain(|(name, _)| *name != "tenant");
        fields.push(("tenant", &second.code));
        let on = browser.post_once(&form.action, &fields).await;
        let back = browser.get_once(on.location().unwrap()).await;
        let back = back.location().unwrap().to_owned();
        assert!(back.starts_with(&format!("{callback}?journey=")), "{back}");
        // Another browser, and another dialect's path, get nothing, and it is still there.
        assert_eq!(app.browser().get_once(&back).await.status, 400);
        let other = if start == LOGIN { "/api/auth/pro-sante-connect/callback" } else { CALLBACK };
        assert_eq!(browser.get_once(&back.replace(callback, other)).await.status, 400);
        let answer = browser.get_once(&back).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let body = answer.json();
        let token = body["token"].as_str().or(body["access_token"].as_str()).unwrap();
        let said = claims(token);
        assert_eq!((&said["tenant_id"], &said["roles"]), (&json!(second.uuid), &json!(["nurse"])), "{start}");
        if start == LOGIN {
            assert_eq!(body["user"]["profession_id"], 10);
        }
        assert_eq!(browser.get_once(&back).await.status, 400, "once");
        // The session remembers the choice.
        let again = through(&app, &op, &mut browser, start, &person).await;
        assert_eq!(again.status, 200, "{again:?}");
        // Who comes from the application with a tenant is not asked.
        let mut named = app.browser();
        named.headers.push(("accept".to_owned(), "text/html".to_owned()));
        let answer = through(&app, &op, &mut named, &format!("{start}?tenant={}", first.code), &person).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    // Another session in the browser takes no journey that was proven for the first.
    let mut browser = app.browser();
    browser.headers.push(("accept".to_owned(), "text/html".to_owned()));
    let stop = through(&app, &op, &mut browser, LOGIN, &person).await;
    let handle = stop.location().unwrap().rsplit('/').next().unwrap().to_owned();
    let other = app.user("ann").await;
    browser.cookies.retain(|(name, _)| !name.contains("session"));
    browser.sign_in_for_account(&other).await;
    assert_eq!(browser.get_once(&format!("{CALLBACK}?journey={handle}")).await.status, 400);
}

#[tokio::test]
async fn what_goes_wrong_has_the_shape_of_each_dialect() {
    let op = Op::start().await;
    let app = op.app("pro_sante_connect", &[]).await;
    let google = op.app("google", &[("PRESET", "oidc")]).await;
    let laravel = |answer: &Answer, status: u16| {
        assert_eq!(answer.status, status, "{answer:?}");
        let body = answer.json();
        assert_eq!(body["success"], json!(false));
        assert_eq!(body["message"], body["error"]);
        assert!(body["message"].as_str().is_some_and(|text| text.len() > 10), "{body}");
    };
    let fastapi = |answer: &Answer, status: u16| {
        assert_eq!(answer.status, status, "{answer:?}");
        let body = answer.json();
        assert_eq!(names(&body), ["detail"]);
        assert!(body["detail"].as_str().is_some_and(|text| text.len() > 10), "{body}");
    };
    // Nothing of the kind.
    laravel(&app.get("/api/auth/nowhere").await, 404);
    laravel(&app.get("/api/auth/nowhere/callback?code=x&state=y").await, 404);
    laravel(&app.get("/api/auth/%ff").await, 404);
    fastapi(&google.get(LOGIN).await, 404);
    // What is missing.
    let answer = google.get("/api/auth/google/callback").await;
    assert_eq!(answer.status, 422);
    assert_eq!(names(&answer.json()), ["error", "errors", "message"]);
    assert!(answer.json()["errors"]["state"][0].is_string());
    let answer = app.get(&format!("{CALLBACK}?state=x")).await;
    assert_eq!(answer.status, 422);
    assert_eq!(answer.json()["detail"][0]["loc"], json!(["query", "code"]));
    assert_eq!(answer.json()["detail"][0]["type"], "missing");
    // In the language of the caller.
    let mut browser = app.browser();
    browser.headers = vec![("accept-language".to_owned(), "en".to_owned())];
    assert_eq!(
        browser.get_once(&format!("{CALLBACK}?state=x")).await.json()["detail"][0]["msg"],
        "The parameter code is required"
    );
    // A state of nobody.
    laravel(&google.get("/api/auth/google/callback?code=x&state=y").await, 400);
    fastapi(&app.get(&format!("{CALLBACK}?code=x&state=y")).await, 400);
    // Cancelled, refused, down.
    for (error, status) in [("access_denied", 401), ("login_required", 401), ("server_error", 502)] {
        let mut browser = app.browser();
        let url = sent(&browser.get_once(LOGIN).await);
        let (state, path, _) = op.give(&app, &url, &professional("s", NATIONAL, &[]));
        let back = format!("{path}?error={error}&state={state}&iss={}", op.issuer);
        fastapi(&browser.get_once(&back).await, status);
        let mut browser = google.browser();
        let url = sent(&browser.get_once("/api/auth/google").await);
        let (state, path, _) = op.give(&google, &url, &someone("s", "x@y.test"));
        let answer = browser.get_once(&format!("{path}?error={error}&state={state}&iss={}", op.issuer)).await;
        laravel(&answer, status);
        assert_eq!(answer.header("retry-after").is_some(), status == 502);
    }
}

#[tokio::test]
async fn nobody_is_found_by_an_address_and_no_state_crosses_paths() {
    let op = Op::start().await;
    let app = op.app("google", &[("PRESET", "oidc"), ("TRUST_EMAIL", "true")]).await;
    let ann = app.user("ann").await;
    let mut browser = app.browser();
    let answer = through(&app, &op, &mut browser, "/api/auth/google", &someone("u1", &ann.email)).await;
    assert_eq!(answer.status, 409, "{answer:?}");
    assert!(browser.cookie("session").is_none());
    assert!(app.store().read().await.unwrap().identities_of(ann.user.id).await.unwrap().is_empty());

    // What began for the dialect does not end on the page's path, nor the other way round, and is not used up there.
    let person = someone("u2", "other@example.com");
    for (start, from, to) in [
        ("/api/auth/google", "/api/auth/google/callback", "/federation/google/callback"),
        ("/sign-in/google", "/federation/google/callback", "/api/auth/google/callback"),
    ] {
        let mut browser = app.browser();
        let url = browser.get_once(start).await.location().unwrap().to_owned();
        let back = op.approve(&app, &url, &person);
        let crossed = browser.get_once(&back.replace(from, to)).await;
        assert_eq!(crossed.status, 400, "{crossed:?}");
        assert!(browser.cookie("session").is_none());
        // Nor in another browser.
        assert_eq!(app.browser().get_once(&back).await.status, 400);
        assert!(browser.get_once(&back).await.status.as_u16() < 400);
        assert!(browser.cookie("session").is_some());
        assert_eq!(browser.get_once(&back).await.status, 400, "once");
    }
}

#[tokio::test]
async fn an_operator_can_close_a_dialect_and_its_grants_end_with_the_session() {
    let op = Op::start().await;
    for app in TestApp::on_all_engines(&pairs(&op.environment("google", &[("PRESET", "oidc")]))).await {
        let person = someone("u1", "john@example.com");
        let mut browser = app.browser();
        let answer = through(&app, &op, &mut browser, "/api/auth/google", &person).await;
        let token = answer.json()["token"].as_str().unwrap().to_owned();
        assert!(app.is_alive(&token).await, "{}", app.engine);
        // Many at once make one client.
        let page = browser.get("/account").await;
        assert_eq!(page.kind(), Some("account"));
        let csrf = page.form().fields.iter().find(|(name, _)| name == "csrf").unwrap().1.clone();
        browser.post("/account/sessions/end-all", &[("csrf", &csrf)]).await;
        assert!(!app.is_alive(&token).await, "{}: the grant ends with its session", app.engine);

        let provider = &app.app.provider;
        let client = provider.clients().find("medreport").await.unwrap().unwrap();
        let status = guichet::model::client::ClientStatus::Disabled;
        guichet::provider::registration::set_status(provider, &client, status).await.unwrap();
        provider.clients().forget();
        let mut browser = app.browser();
        let answer = through(&app, &op, &mut browser, "/api/auth/google", &person).await;
        assert_eq!(answer.status, 403, "{}: {answer:?}", app.engine);
        assert!(browser.cookie("session").is_none());
    }
}

fn pairs(environment: &[(String, String)]) -> Vec<(&str, &str)> {
    environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}
