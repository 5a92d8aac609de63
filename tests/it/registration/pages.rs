//! What people see of a client: its logo and links in their language, and the way to it.

use serde_json::json;

use super::with;
use crate::support::app::TestApp;
use crate::support::browser::Browser;
use crate::support::flow::AuthRequest;

fn pictures(page: &crate::support::browser::Page) -> String {
    let policy = page.answer.header("content-security-policy").unwrap();
    policy.split("; ").find(|part| part.starts_with("img-src")).unwrap().to_owned()
}

fn reading(mut browser: Browser, language: &str) -> Browser {
    browser.headers.push(("accept-language".to_owned(), language.to_owned()));
    browser
}

#[tokio::test]
async fn logo_and_links_are_shown_in_the_persons_language() {
    let app = TestApp::open_to_all().await;
    let user = app.user("alice").await;
    let document = with(json!({
        "client_name": "Diary", "client_name#fr": "Carnet",
        "logo_uri": "https://cdn.example:8443/logo.png", "logo_uri#fr": "https://images.example/logo.png",
        "policy_uri": "https://app.example/privacy", "policy_uri#fr": "https://app.example/confidentialite",
        "tos_uri": "https://app.example/terms", "client_uri": "https://app.example/home",
    }));
    let client = app.registered(&app.register(&document).await).await;
    for (language, name, origin, policy) in [
        ("en", "Diary", "https://cdn.example:8443", "https://app.example/privacy"),
        ("fr-CA", "Carnet", "https://images.example", "https://app.example/confidentialite"),
    ] {
        let mut browser = reading(app.browser(), language);
        let sign_in = browser.get(&AuthRequest::of(&client).url()).await;
        assert_eq!(sign_in.kind(), Some("sign-in"));
        let consent = browser.sign_in(&sign_in, &user.email, &user.password).await;
        assert_eq!(consent.kind(), Some("consent"), "{consent:?}");
        for page in [&sign_in, &consent] {
            let html = &page.answer.body;
            assert!(html.contains(name), "{language}: {html}");
            assert!(html.contains(&format!("src=\"{origin}/logo.png\"")), "{language}: {html}");
            assert!(html.contains("referrerpolicy=\"no-referrer\""), "{html}");
            for link in [policy, "https://app.example/terms", "https://app.example/home"] {
                assert!(html.contains(&format!("<a href=\"{link}\" rel=\"noopener noreferrer\">")), "{link}: {html}");
            }
            assert_eq!(pictures(page), format!("img-src 'self' {origin}"));
            assert_eq!(page.answer.header("referrer-policy"), Some("no-referrer"));
        }
    }
}

#[tokio::test]
async fn a_page_without_a_logo_loads_no_foreign_picture() {
    let app = TestApp::start().await;
    let client = app.client().create().await;
    assert_eq!(pictures(&app.authorize(&AuthRequest::of(&client)).await), "img-src 'self'");
    assert_eq!(pictures(&app.browser().get("/").await), "img-src 'self'");
}

#[tokio::test]
async fn the_account_page_leads_to_applications_that_can_begin() {
    for app in TestApp::on_all_engines(&[]).await {
        let user = app.user("alice").await;
        let starting = |uri: &'static str| {
            move |metadata: &mut guichet::oauth::ClientMetadata| metadata.initiate_login_uri = Some(uri.to_owned())
        };
        let consented = app.client().change(starting("https://app.example/start?from=guichet")).create().await;
        let own = app.client().first_party().change(starting("https://own.example/start")).create().await;
        let silent = app.client().first_party().create().await;
        let foreign = app.client().change(starting("https://foreign.example/start")).create().await;
        let mut browser = app.browser();
        app.tokens_for(&mut browser, &consented, &user, &AuthRequest::of(&consented)).await;
        let page = browser.get("/account").await;
        let html = &page.answer.body;
        let link = |url: &str| format!("href=\"{url}\" rel=\"noopener noreferrer\"");
        let iss = "iss=https%3A%2F%2Fop.test";
        assert!(
            html.contains(&link(&format!("https://app.example/start?from=guichet&#38;{iss}")))
                || html.contains(&link(&format!("https://app.example/start?from=guichet&amp;{iss}"))),
            "{}: {html}",
            app.engine
        );
        assert!(html.contains(&link(&format!("https://own.example/start?{iss}"))), "{}: {html}", app.engine);
        assert!(!html.contains("https://foreign.example/start"), "no consent, not the operator's own");
        for (client, shown) in [(&consented, true), (&own, true), (&silent, false), (&foreign, false)] {
            assert_eq!(html.contains(&format!("data-application=\"{}\"", client.id())), shown, "{}", app.engine);
        }
        assert!(!html.contains("login_hint"), "who the person is, is theirs to say");
        // What is disabled, or no longer the operator's own, is not offered.
        let status = guichet::model::client::ClientStatus::Disabled;
        guichet::provider::registration::set_status(&app.app.provider, &own.client, status).await.unwrap();
        guichet::provider::registration::set_status(&app.app.provider, &consented.client, status).await.unwrap();
        let html = browser.get("/account").await.answer.body;
        assert!(!html.contains("data-application="), "{}: {html}", app.engine);
    }
}
