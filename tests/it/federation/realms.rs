//! Which upstream a sign-in goes to without a choice: what the client always needs, what the request names, whose tenant or
//! whose address it is.

use guichet::account::people;
use guichet::model::role::Role;
use serde_json::{Value, json};

use super::professionals::{NATIONAL, professional};
use crate::support::app::TestApp;
use crate::support::browser::{Page, unescape};
use crate::support::flow::{AuthRequest, Tokens, claims, param};
use crate::support::upstream::{Op, left};

async fn world(first: &Op, second: &Op, more: &[(&str, &str)]) -> TestApp {
    let mut environment = first.environment("first", &[]);
    environment.extend(second.environment("second", more));
    let pairs: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    TestApp::with(&pairs).await
}

fn person(sub: &str) -> Value {
    json!({"sub": sub, "given_name": "Ann", "family_name": "Example"})
}

fn is_at(page: &Page, op: &Op) -> bool {
    page.answer.location().is_some_and(|to| to.starts_with(&op.issuer))
}

#[tokio::test]
async fn a_client_can_always_need_an_upstream() {
    let (first, second) = (Op::start().await, Op::start().await);
    let app = world(&first, &second, &[]).await;
    let user = app.user("ann").await;
    let client = app.client().first_party().policy(|policy| policy.required_upstream = Some("second".to_owned()));
    let client = client.create().await;
    // Nobody is asked, and nothing in the request changes it.
    for request in [AuthRequest::of(&client), AuthRequest::of(&client).set("idp_hint", "first")] {
        let mut browser = app.browser();
        let page = browser.get(&request.url()).await;
        assert!(is_at(&page, &second), "{page:?}");
        let end = browser.get(&second.approve(&app, &left(&page.answer), &person("u1"))).await;
        let code = param(&end.answer, "code").unwrap_or_else(|| panic!("{end:?}"));
        assert_eq!(app.redeem(&client, &code).await.status, 200);
    }
    // A session by password, or at another upstream, is not enough: the person is sent there.
    let mut browser = app.browser();
    browser.sign_in_for_account(&user).await;
    assert!(is_at(&browser.get(&AuthRequest::of(&client).url()).await, &second));
    let mut browser = app.browser();
    first.sign_in(&app, &mut browser, "/sign-in/first", &person("u2")).await;
    assert!(is_at(&browser.get(&AuthRequest::of(&client).url()).await, &second));
    let silent = browser.get(&AuthRequest::of(&client).set("prompt", "none").url()).await;
    assert_eq!(param(&silent.answer, "error").as_deref(), Some("unmet_authentication_requirements"));
    // Whoever comes back without it and uses the password page gets no code.
    let mut browser = app.browser();
    let page = browser.get(&AuthRequest::of(&client).url()).await;
    let (state, path, _) = second.give(&app, &left(&page.answer), &person("u3"));
    let page = browser.get(&format!("{path}?error=access_denied&state={state}&iss={}", second.issuer)).await;
    let (_, rest) = page.answer.body.split_once("/interaction/").unwrap();
    let handle: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
    let page = browser.get(&format!("/interaction/{handle}")).await;
    assert!(
        page.answer.body.contains("data-upstream=\"second\"") && !page.answer.body.contains("data-upstream=\"first\"")
    );
    let end = browser.sign_in(&page, &user.email, &user.password).await;
    assert_eq!(param(&end.answer, "error").as_deref(), Some("unmet_authentication_requirements"), "{end:?}");
}

#[tokio::test]
async fn a_client_can_always_need_an_authentication_context() {
    let op = Op::start().await;
    let app = op.app("psc", &[("PRESET", "pro_sante_connect")]).await;
    let user = app.user("ann").await;
    let needed = |acr: &str| {
        let acr = acr.to_owned();
        app.client().first_party().policy(move |policy| policy.required_acr = vec![acr])
    };
    let client = needed("eidas1").create().await;
    let mut browser = app.browser();
    browser.sign_in_for_account(&user).await;
    let page = browser.get(&AuthRequest::of(&client).url()).await;
    assert!(is_at(&page, &op), "a password is not enough: {page:?}");
    let end = browser.get(&op.approve(&app, &left(&page.answer), &professional("s1", NATIONAL, &[]))).await;
    let code = param(&end.answer, "code").unwrap_or_else(|| panic!("{end:?}"));
    assert_eq!(claims(&Tokens::of(app.redeem(&client, &code).await).id)["acr"], "eidas1");
    // Nobody in a session goes there as well.
    assert!(is_at(&app.browser().get(&AuthRequest::of(&client).url()).await, &op));
    // What no upstream reaches is told to the client.
    let impossible = needed("urn:nobody").create().await;
    let end = browser.get(&AuthRequest::of(&impossible).url()).await;
    assert_eq!(param(&end.answer, "error").as_deref(), Some("unmet_authentication_requirements"), "{end:?}");
}

#[tokio::test]
async fn the_hint_the_tenant_and_the_domain_lead_home() {
    let (first, second) = (Op::start().await, Op::start().await);
    let app = world(&first, &second, &[("TENANTS", "org-home,org-other"), ("EMAIL_DOMAINS", "Home.example")]).await;
    let client = app.client().first_party().create().await;
    let request = || AuthRequest::of(&client);
    for (request, home) in [
        (request(), None),
        (request().set("idp_hint", "first"), Some(&first)),
        (request().set("kc_idp_hint", "second"), Some(&second)),
        (request().set("idp_hint", "nowhere"), None),
        (request().set("tenant", "ORG-HOME"), Some(&second)),
        (request().set("tenant", "org-nowhere"), None),
        (request().set("tenant", "ORG-HOME").set("idp_hint", "first"), Some(&first)),
        (request().set("login_hint", "ann@HOME.example"), Some(&second)),
        (request().set("login_hint", "ann@nothome.example"), None),
        (request().set("login_hint", "ann@sub.home.example"), None),
        (request().set("login_hint", "home.example"), None),
        // Of another tenant's own provider there is nothing, whatever else speaks for it.
        (request().set("tenant", "org-nowhere").set("idp_hint", "second"), None),
        (request().set("tenant", "org-nowhere").set("login_hint", "ann@home.example"), None),
    ] {
        let page = app.browser().get(&request.url()).await;
        match home {
            Some(home) => assert!(is_at(&page, home), "{request:?}: {page:?}"),
            None => assert_eq!(page.kind(), Some("sign-in"), "{request:?}: {page:?}"),
        }
    }
}

#[tokio::test]
async fn whoever_types_an_address_of_a_domain_is_shown_where_its_people_sign_in() {
    let (first, second) = (Op::start().await, Op::start().await);
    let app = world(&first, &second, &[("EMAIL_DOMAINS", "home.example")]).await;
    app.user("ann").await;
    let tried = async |email: &str| {
        let mut browser = app.browser();
        let page = browser.get("/sign-in").await;
        let body = browser.sign_in(&page, email, "wrong").await.answer.body;
        let at = |name: &str| body.find(&format!("data-upstream=\"{name}\"")).expect("a button");
        (body.contains("premier bouton"), at("second") < at("first"))
    };
    // By the domain alone: nobody learns whether there is such an account.
    assert_eq!(tried("nobody@Home.example").await, (true, true));
    assert_eq!(tried("ann@example.test").await, (false, false));
}

#[tokio::test]
async fn an_address_without_a_password_leads_where_its_people_sign_in() {
    let (first, second) = (Op::start().await, Op::start().await);
    let more = [("EMAIL_DOMAINS", "home.example"), ("TENANTS", "org-home"), ("LABEL", "Maison")];
    let app = world(&first, &second, &more).await;
    let client = app.client().first_party().create().await;
    let mut browser = app.browser();
    let page = browser.get(&AuthRequest::of(&client).url()).await;
    assert!(page.answer.body.contains("id=\"home\""), "it says so: {page:?}");
    let stop = browser.sign_in(&page, " Ann@Home.example ", "").await;
    assert_eq!((stop.kind(), stop.answer.status.as_u16()), (Some("onward"), 200), "{stop:?}");
    assert!(stop.answer.body.contains("Maison"));
    // The page goes on by itself, and the provider knows whom to ask for.
    let way = stop.answer.body.split_once("content=\"0;url=").and_then(|(_, rest)| rest.split_once('"'));
    let there = left(&browser.get(&unescape(way.expect("a way").0)).await.answer);
    assert!(there.starts_with(&second.issuer) && there.contains("login_hint=Ann%40Home.example"), "{there}");
    let end = browser.get(&second.approve(&app, &there, &person("u1"))).await;
    assert!(param(&end.answer, "code").is_some(), "{end:?}");
    // Of another domain, of none, and where the provider is not offered, the page asks for the password.
    for (address, tenant) in [("ann@other.example", None), ("ann", None), ("ann@home.example", Some("org-nowhere"))] {
        let request = tenant.map_or(AuthRequest::of(&client), |code| AuthRequest::of(&client).set("tenant", code));
        let mut browser = app.browser();
        let page = browser.get(&request.url()).await;
        assert_eq!(page.answer.body.contains("id=\"home\""), tenant.is_none());
        assert_eq!(browser.sign_in(&page, address, "").await.kind(), Some("sign-in"), "{address}");
    }
    // With a password it is a sign-in here.
    let user = app.user("ann").await;
    let mut browser = app.browser();
    let page = browser.get("/sign-in").await;
    assert_eq!(browser.sign_in(&page, &user.email, &user.password).await.kind(), Some("account"));
}

#[tokio::test]
async fn the_picture_of_a_button_may_be_loaded() {
    let op = Op::start().await;
    let mut environment = op.environment(
        "psc",
        &[
            ("PRESET", "pro_sante_connect"),
            ("LOGO", "https://cdn.example:8443/ProSanteConnect_sidentifier_COULEURS.svg"),
        ],
    );
    environment.extend(op.environment("other", &[("LOGO", "/static/other.svg"), ("LABEL", "Maison")]));
    environment.extend(op.environment("third", &[("LOGO", "https://img.example/third.png")]));
    let pairs: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let app = TestApp::with(&pairs).await;
    let page = app.browser().get("/sign-in").await;
    let policy = page.answer.header("content-security-policy").unwrap();
    let pictures = policy.split(';').map(str::trim).find(|part| part.starts_with("img-src")).unwrap();
    assert_eq!(pictures, "img-src 'self' https://cdn.example:8443 https://img.example");
    let body = &page.answer.body;
    // The official image holds the words; whoever does not see it reads them.
    assert!(body.contains("svg\" alt=\"S’identifier avec Pro Santé Connect\""), "{body}");
    assert!(!body.contains("<span>S’identifier avec Pro Santé Connect"), "{body}");
    // Of any other it stands beside the words.
    assert!(
        body.contains("src=\"/static/other.svg\" alt=\"\"") && body.contains("<span>Continuer avec Maison"),
        "{body}"
    );
    // A page that shows none of them loads none.
    let other = app.browser().get("/").await;
    assert!(other.answer.header("content-security-policy").unwrap().contains("img-src 'self';"));
    // Without an image, the official words.
    let plain = op.app("psc", &[("PRESET", "pro_sante_connect")]).await;
    assert!(
        plain.browser().get("/sign-in").await.answer.body.contains("<span>S’identifier avec Pro Santé Connect</span>")
    );
}

#[tokio::test]
async fn e79_another_tenants_own_provider_is_never_usable() {
    let (first, second) = (Op::start().await, Op::start().await);
    // The codes are drawn, so that the configuration follows the data.
    let app = world(&first, &second, &[]).await;
    let (home, other) = (app.tenant("Home").await, app.tenant("Other").await);
    let app = {
        let mut environment = first.environment("first", &[]);
        environment.extend(second.environment("second", &[("TENANTS", home.code.as_str())]));
        let pairs: Vec<(&str, &str)> =
            environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        TestApp::over("sqlite", app.options.clone(), &pairs).await
    };
    let client = app.client().first_party().create().await;
    // Somebody who works in both, and is known at the one's own provider.
    second.sign_in(&app, &mut app.browser(), "/sign-in/second", &person("u1")).await;
    let user = app.store().read().await.unwrap().list_users(None, 10, None).await.unwrap().pop().unwrap();
    for tenant in [&home, &other] {
        people::grant_role(&app.app.accounts, &user, tenant, Role::Doctor).await.unwrap();
    }
    // For the other tenant it is not offered, and its address is not there.
    let page = app.browser().get(&AuthRequest::of(&client).set("tenant", &other.code).url()).await;
    assert_eq!(page.kind(), Some("sign-in"));
    assert!(
        !page.answer.body.contains("data-upstream=\"second\"") && page.answer.body.contains("data-upstream=\"first\"")
    );
    let mut browser = app.browser();
    let page = browser.get(&AuthRequest::of(&client).set("tenant", &other.code).url()).await;
    let gone = browser.get_once(&format!("/interaction/{}/upstream?name=second", page.journey())).await;
    assert_eq!(gone.status, 404);
    // A session that stands on it opens its tenant alone.
    let mut browser = app.browser();
    second.sign_in(&app, &mut browser, "/sign-in/second", &person("u1")).await;
    let refused = browser.get(&AuthRequest::of(&client).set("tenant", &other.code).url()).await;
    assert_eq!(param(&refused.answer, "error").as_deref(), Some("access_denied"), "{refused:?}");
    let end = browser.get(&AuthRequest::of(&client).url()).await;
    let code = param(&end.answer, "code").unwrap_or_else(|| panic!("no choice is left: {end:?}"));
    let access = claims(&Tokens::of(app.redeem(&client, &code).await).access);
    assert_eq!(access["tenant_id"], json!(home.uuid));
    // And opens no other way into the account.
    let page = browser.get("/account").await;
    let (_, rest) = page.answer.body.split_once("/account/links/first?").expect("an offer");
    let offer = format!("/account/links/first?{}", rest.split('"').next().unwrap());
    let page = browser.get(&offer).await;
    assert!(page.answer.body.contains("data-error=\"forbidden\""), "{page:?}");
}
