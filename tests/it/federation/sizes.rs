//! How long what an upstream signs may be: a professional with many places of practice, whose record is in the tokens
//! themselves, as Keycloak puts it there.

use serde_json::{Value, json};

use super::professionals::{NATIONAL, professional};
use crate::support::app::TestApp;
use crate::support::flow::{AuthRequest, Tokens, param};
use crate::support::upstream::{Op, left, sign};

const START: &str = "/sign-in/pro_sante_connect";

async fn app(op: &Op) -> TestApp {
    op.app("pro_sante_connect", &[]).await
}

fn with_text(sub: &str, bytes: usize) -> Value {
    let mut person = professional(sub, NATIONAL, &["990002008"]);
    person["text"] = "x".repeat(bytes).into();
    person
}

#[tokio::test]
async fn a_signed_record_may_be_long_and_not_endless() {
    let op = Op::start().await;
    let app = app(&op).await;
    for (signed, bytes, expected) in [
        (true, 7_000, "account"),
        // A professional with fifty places of practice.
        (true, 40_000, "account"),
        (true, 190_000, "account"),
        // Three bytes are four characters: 256 KiB and more.
        (true, 197_000, "upstream_refused"),
        (false, 500_000, "account"),
        // More than is read of any answer.
        (true, 400_000, "upstream_down"),
        (false, 530_000, "upstream_down"),
    ] {
        op.behave(|behaviour| behaviour.signed_userinfo = signed);
        let page = op.sign_in(&app, &mut app.browser(), START, &with_text("s", bytes)).await;
        match expected {
            "account" => assert_eq!(page.kind(), Some("account"), "{signed} {bytes}: {}", page.url),
            error => {
                assert!(page.answer.body.contains(&format!("data-error=\"{error}\"")), "{signed} {bytes}: {page:?}");
            }
        }
    }
}

#[tokio::test]
async fn an_id_token_may_be_long_and_is_then_no_hint_in_an_address() {
    let op = Op::start().await;
    let app = app(&op).await;
    let client = app.client().first_party().create().await;
    let request = AuthRequest::of(&client).set("idp_hint", "pro_sante_connect");
    for (bytes, arrives, is_hint) in
        [(10, true, true), (6_000, true, false), (40_000, true, false), (49_500, false, false)]
    {
        op.behave(|behaviour| drop(behaviour.id_token.insert("text".to_owned(), "x".repeat(bytes).into())));
        let mut browser = app.browser();
        let person = professional("s", NATIONAL, &[]);
        let end = op.sign_in(&app, &mut browser, &request.url(), &person).await;
        if !arrives {
            assert!(end.answer.body.contains("data-error=\"upstream_refused\""), "{bytes}: {end:?}");
            continue;
        }
        let tokens = Tokens::of(app.redeem(&client, &param(&end.answer, "code").unwrap()).await);
        let there = left(&browser.get(&format!("/end-session?id_token_hint={}", tokens.id)).await.answer);
        assert_eq!(there.contains("id_token_hint="), is_hint, "{bytes}");
        assert!(there.contains("client_id=") && there.contains("post_logout_redirect_uri="), "{there}");
    }
}

#[tokio::test]
async fn a_logout_token_names_a_person_and_is_short() {
    let op = Op::start().await;
    let app = app(&op).await;
    let announce = async |bytes: usize| {
        let now = app.now().seconds();
        let claims = json!({
            "iss": op.issuer, "aud": "guichet", "iat": now, "exp": now + 120, "jti": format!("j{bytes}"), "sub": "s",
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}}, "text": "x".repeat(bytes),
        });
        let token = sign(&claims, "logout+jwt", false);
        app.post("/federation/pro_sante_connect/backchannel-logout", &[], &[("logout_token", &token)])
            .await
            .status
            .as_u16()
    };
    assert_eq!((announce(10).await, announce(5_000).await, announce(7_000).await), (200, 200, 400));
}
