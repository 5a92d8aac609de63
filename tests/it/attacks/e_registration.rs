//! E: upstreams where we register ourselves, and what they might make of it.

use guichet::federation::registration;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::upstream::{CLIENT, Op, SECRET};

const START: &str = "/sign-in/op";

async fn dynamic(more: &[(&str, &str)]) -> (Op, TestApp) {
    let op = Op::start().await;
    op.behave(|behaviour| behaviour.registers = true);
    let own: Vec<(&str, &str)> = [("REGISTRATION", "dynamic")].iter().chain(more).copied().collect();
    let app = op.app("op", &own).await;
    (op, app)
}

/// A registration whose answer has these members is nobody's.
async fn refused(change: &Value) {
    let (op, app) = dynamic(&[]).await;
    op.behave(|behaviour| behaviour.registration.clone_from(change.as_object().unwrap()));
    let page = app.browser().get(START).await;
    assert!(page.answer.body.contains("data-error=\"upstream_refused\""), "{change}: {page:?}");
    for (_, value) in change.as_object().unwrap() {
        if let Some(text) = value.as_str().filter(|text| text.len() > 6) {
            assert!(!page.answer.body.contains(text), "{text} on the page");
        }
    }
    let upstream = app.app.federation.find("op").unwrap();
    assert!(registration::state(&app.app.federation, upstream).await.unwrap().is_none(), "{change}");
}

#[tokio::test]
async fn a_registration_that_is_not_ours_or_cannot_be_used_is_refused() {
    let past = 1_000_000_000;
    for change in [
        json!({"client_id": null}),
        json!({"client_id": ""}),
        json!({"client_id": 7}),
        json!({"client_id": "línea"}),
        json!({"client_id": "x".repeat(513)}),
        json!({"client_secret": null}),
        json!({"client_secret": ""}),
        json!({"client_secret_expires_at": past}),
        json!({"client_secret_expires_at": "soon"}),
        // Another client's: its codes would go elsewhere, or its keys would speak for us.
        json!({"redirect_uris": ["https://evil.test/callback"]}),
        json!({"redirect_uris": []}),
        json!({"jwks_uri": "https://evil.test/jwks"}),
        json!({"response_types": ["id_token"]}),
        json!({"grant_types": ["implicit"]}),
        // Less proof than was asked for.
        json!({"token_endpoint_auth_method": "none"}),
        json!({"token_endpoint_auth_method": "tls_client_auth"}),
        json!({"token_endpoint_auth_method": 1}),
        json!({"registration_client_uri": "ftp://evil.test/me"}),
        json!({"registration_client_uri": "https://me@evil.test/"}),
    ] {
        refused(&change).await;
    }
}

#[tokio::test]
async fn the_other_way_to_show_a_secret_is_taken() {
    let (op, app) = dynamic(&[]).await;
    let change = json!({"token_endpoint_auth_method": "client_secret_post"});
    op.behave(|behaviour| behaviour.registration.clone_from(change.as_object().unwrap()));
    let mut browser = app.browser();
    op.leave(&mut browser, START).await;
    let upstream = app.app.federation.find("op").unwrap();
    let state = registration::state(&app.app.federation, upstream).await.unwrap().unwrap();
    assert_eq!(state.auth_method, "client_secret_post");
}

#[tokio::test]
async fn an_upstream_that_names_us_as_another_one_does_gains_nothing() {
    let honest = Op::start().await;
    let evil = Op::start().await;
    evil.behave(|behaviour| {
        behaviour.registers = true;
        behaviour.registration = json!({"client_id": CLIENT}).as_object().unwrap().clone();
    });
    let environment: Vec<(String, String)> = honest
        .environment("op", &[])
        .into_iter()
        .chain(evil.environment("evil", &[("REGISTRATION", "dynamic")]))
        .collect();
    let pairs: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let app = TestApp::with(&pairs).await;
    let mut victim = app.browser();
    let url = evil.leave(&mut victim, "/sign-in/evil").await;
    // It sends the browser on to the honest one, with our name there, and wants the code.
    let forged = url.replacen(&evil.issuer, &honest.issuer, 1);
    let back = honest.approve(&app, &forged, &json!({"sub": "u"}));
    assert!(back.starts_with("/federation/evil/callback?"), "each upstream has a way back of its own: {back}");
    let page = victim.get(&back).await;
    assert!(page.answer.body.contains("data-error=\"upstream_refused\""), "iss is another's: {page:?}");
    assert!(honest.seen().token_forms.is_empty() && evil.seen().token_forms.is_empty(), "the code went nowhere");
    // Its own code brings it the secret that it gave, and never the honest one's.
    let mut browser = app.browser();
    let url = evil.leave(&mut browser, "/sign-in/evil").await;
    browser.get(&evil.approve(&app, &url, &json!({"sub": "u"}))).await;
    assert!(!format!("{:?}", evil.seen()).contains(SECRET));
    let mut browser = app.browser();
    let page = honest.sign_in(&app, &mut browser, START, &json!({"sub": "u"})).await;
    assert_eq!(page.kind(), Some("account"), "{page:?}");
}

#[tokio::test]
async fn what_an_upstream_shows_of_another_client_changes_nothing() {
    let (op, app) = dynamic(&[]).await;
    op.leave(&mut app.browser(), START).await;
    op.behave(|behaviour| {
        let change = json!({"client_id": "another", "client_secret": "anothers", "registration_access_token": "x"});
        behaviour.registration = change.as_object().unwrap().clone();
    });
    let upstream = app.app.federation.find("op").unwrap();
    assert!(registration::check(&app.app.federation, upstream).await.is_err());
    op.behave(|behaviour| behaviour.registration.clear());
    let mut browser = app.browser();
    let page = op.sign_in(&app, &mut browser, START, &json!({"sub": "u"})).await;
    assert_eq!(page.kind(), Some("account"), "{page:?}");
}

#[tokio::test]
async fn a_row_that_was_moved_does_not_open() {
    let (op, app) = dynamic(&[]).await;
    op.leave(&mut app.browser(), START).await;
    let row = app.store().read().await.unwrap().present_upstream_client("op", &op.issuer).await.unwrap().unwrap();
    let moved = guichet::store::UpstreamClient { id: uuid::Uuid::from_u128(7), ..row.clone() };
    app.store()
        .write("move", move |tx| {
            Box::pin(async move {
                tx.delete_upstream_client(row.id).await?;
                tx.insert_upstream_client(&moved).await
            })
        })
        .await
        .unwrap();
    let url = op.leave(&mut app.browser(), START).await;
    assert!(url.contains("client_id=client-2&"), "registered anew: {url}");
}

#[tokio::test]
async fn an_upstream_that_hangs_or_floods_at_registration_gives_a_page_in_time() {
    let (op, app) = dynamic(&[("TIMEOUT", "1s")]).await;
    op.behave(|behaviour| behaviour.hangs = Some("register"));
    let began = std::time::Instant::now();
    let page = app.browser().get(START).await;
    assert!(page.answer.body.contains("data-error=\"upstream_down\""), "{page:?}");
    assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
    app.advance(6);
    op.behave(|behaviour| {
        behaviour.hangs = None;
        behaviour.registration_body = Some((201, format!("{{\"client_id\":\"{}\"}}", "x".repeat(600_000))));
    });
    let page = app.browser().get(START).await;
    assert!(page.answer.body.contains("data-error=\"upstream_down\""), "{page:?}");
}
