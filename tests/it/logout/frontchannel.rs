//! Frames that sign the person out at other applications (OpenID Connect Front-Channel Logout 1.0).

use super::{client_with, post_on_account};
use crate::support::app::{Answer, TestApp, form};
use crate::support::browser::unescape;
use crate::support::flow::{AuthRequest, claims};

/// The addresses of the frames of a page.
fn frames(answer: &Answer) -> Vec<String> {
    let tags = answer.body.split("<iframe ").skip(1);
    tags.map(|tag| unescape(tag.split("src=\"").nth(1).unwrap().split('"').next().unwrap())).collect()
}

fn frame_source(answer: &Answer) -> Option<String> {
    let policy = answer.header("content-security-policy").unwrap_or_default();
    policy.split("; ").find_map(|part| part.strip_prefix("frame-src ")).map(str::to_owned)
}

#[tokio::test]
async fn each_client_of_the_session_gets_a_frame_and_then_it_goes_on() {
    let app = TestApp::start().await;
    let user = app.user("alice").await;
    let with = |uri: &'static str, redirect: &'static str, session: bool| {
        client_with(&app, move |metadata| {
            metadata.redirect_uris = vec![redirect.to_owned()];
            metadata.frontchannel_logout_uri = Some(uri.to_owned());
            metadata.frontchannel_logout_session_required = session;
        })
    };
    let named = with("https://one.example/out?keep=1", "https://one.example/cb", true).await;
    let bare = with("https://two.example:8443/out", "https://two.example:8443/cb", false).await;
    let absent = with("https://three.example/out", "https://three.example/cb", true).await;
    let plain = client_with(&app, |_| ()).await;
    let mut browser = app.browser();
    let tokens = app.tokens_for(&mut browser, &plain, &user, &AuthRequest::of(&plain)).await;
    for client in [&named, &bare] {
        app.tokens_for(&mut browser, client, &user, &AuthRequest::of(client)).await;
    }
    app.tokens_for(&mut app.browser(), &absent, &user, &AuthRequest::of(&absent)).await;
    let pairs = [
        ("id_token_hint", tokens.id.as_str()),
        ("post_logout_redirect_uri", "https://app.example/bye"),
        ("state", "x y"),
        ("ui_locales", "en"),
    ];
    let end = browser.get(&format!("/end-session?{}", form(&pairs))).await;
    assert_eq!((end.answer.status.as_u16(), end.kind()), (200, Some("signed-out")), "{end:?}");
    let sid = claims(&tokens.id)["sid"].as_str().unwrap().to_owned();
    let expected = [
        format!("https://one.example/out?keep=1&iss=https%3A%2F%2Fop.test&sid={sid}"),
        "https://two.example:8443/out".to_owned(),
    ];
    assert_eq!(frames(&end.answer), expected);
    assert_eq!(frame_source(&end.answer).as_deref(), Some("https://one.example https://two.example:8443"));
    assert!(end.answer.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"));
    let link = end.answer.body.split("id=\"return\"").nth(1).unwrap().split('>').next().unwrap();
    assert!(link.contains("href=\"https://app.example/bye?state=x+y\"") && link.contains("data-go"), "{link}");
    assert!(end.answer.body.contains("lang=\"en\""), "in the language that the client asks for");
    assert_eq!(browser.cookie("session"), None);
    // Once: whoever comes back finds nothing to end.
    let again = browser.get(&format!("/end-session?{}", form(&pairs))).await;
    assert_eq!(again.answer.location(), Some("https://app.example/bye?state=x+y"));
}

#[tokio::test]
async fn without_proof_the_page_stays_and_without_frames_it_is_skipped() {
    let app = TestApp::start().await;
    let user = app.user("alice").await;
    let client = client_with(&app, |metadata| {
        metadata.frontchannel_logout_uri = Some("https://app.example/out".to_owned());
    })
    .await;
    for way in ["asked", "account", "end-all"] {
        let mut browser = app.browser();
        let tokens = app.tokens_for(&mut browser, &client, &user, &AuthRequest::of(&client)).await;
        let sid = claims(&tokens.id)["sid"].as_str().unwrap().to_owned();
        let end = match way {
            "asked" => {
                let page = browser.get("/end-session").await;
                browser.submit(&page, &[("decision", "sign-out")]).await
            }
            "account" => post_on_account(&mut browser, &format!("/account/sessions/{sid}/end")).await,
            _ => post_on_account(&mut browser, "/account/sessions/end-all").await,
        };
        assert_eq!(end.kind(), Some("signed-out"), "{way}");
        assert_eq!(frames(&end.answer), ["https://app.example/out"], "{way}");
        assert!(!end.answer.body.contains("data-go"), "{way}: nowhere to go");
        assert_eq!(browser.cookie("session"), None, "{way}");
    }
}
