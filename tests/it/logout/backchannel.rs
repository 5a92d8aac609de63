//! Logout tokens: who gets one, when, and what it says (OpenID Connect Back-Channel Logout 1.0).

use std::collections::BTreeSet;

use guichet::account::{people, recovery, sessions};
use guichet::base::Secret;
use guichet::model::user::UserStatus;
use guichet::provider::logout::Tally;
use josekit::jwk::{Jwk, JwkSet};
use serde_json::{Value, json};

use super::{LOOPBACK, Receiver, client_at, client_with, post_on_account};
use crate::support::app::{ISSUER, TestApp, form};
use crate::support::browser::Browser;
use crate::support::fixtures::{PASSWORD, TestClient, TestUser};
use crate::support::flow::{AuthRequest, Tokens, claims, header};

const NEW: &str = "eleven quiet geese over Brest";

/// Claims of a logout token, verified by another library with our published keys.
async fn verified(app: &TestApp, token: &str) -> Value {
    let header = header(token);
    assert_eq!(header["typ"], "logout+jwt");
    let set = JwkSet::from_bytes(app.get("/jwks").await.body).expect("a JWK Set");
    let kid = header["kid"].as_str().expect("a kid");
    let key: &Jwk = set.get(kid).first().copied().expect("a published key");
    let read = match header["alg"].as_str().expect("an alg") {
        "ES256" => {
            let verifier = josekit::jws::ES256.verifier_from_jwk(key).expect("a key for ES256");
            josekit::jws::deserialize_compact(token, &verifier)
        }
        "RS256" => {
            let verifier = josekit::jws::RS256.verifier_from_jwk(key).expect("a key for RS256");
            josekit::jws::deserialize_compact(token, &verifier)
        }
        other => panic!("{other}"),
    };
    serde_json::from_slice(&read.expect("a good signature").0).expect("claims")
}

#[tokio::test]
async fn c48_a_logout_token_says_what_it_must_and_nothing_else() {
    let app = TestApp::with(&[LOOPBACK]).await;
    let user = app.user("alice").await;
    for alg in ["ES256", "RS256"] {
        let receiver = Receiver::start(&[]).await;
        let client = client_with(&app, |metadata| {
            metadata.backchannel_logout_uri = Some(receiver.uri());
            metadata.post_logout_redirect_uris.clear();
            metadata.id_token_signed_response_alg = alg.to_owned();
        })
        .await;
        let mut browser = app.browser();
        let tokens = app.tokens_for(&mut browser, &client, &user, &AuthRequest::of(&client)).await;
        let id = claims(&tokens.id);
        assert!(id["sid"].is_string(), "the ID token names the session: {id}");
        app.advance(1_000);
        browser.get(&format!("/end-session?{}", form(&[("id_token_hint", &tokens.id)]))).await;
        assert_eq!(app.app.logouts.round().await, Tally { delivered: 1, ..Tally::default() });

        let all = receiver.tokens();
        assert_eq!(all.len(), 1);
        assert_eq!(header(&all[0])["alg"], alg);
        let token = verified(&app, &all[0]).await;
        let names: BTreeSet<&str> = token.as_object().unwrap().keys().map(String::as_str).collect();
        let expected = ["aud", "events", "exp", "iat", "iss", "jti", "sid", "sub"];
        assert_eq!(names, expected.into_iter().collect(), "and never a nonce");
        assert_eq!(token["iss"], ISSUER);
        assert_eq!(token["aud"], client.id());
        assert_eq!((&token["sub"], &token["sid"]), (&id["sub"], &id["sid"]), "as in the ID token");
        assert_eq!(token["iat"], app.now().seconds(), "made at the delivery");
        assert!(token["exp"].as_i64().unwrap() - token["iat"].as_i64().unwrap() <= 120);
        assert_eq!(token["events"], json!({"http://schemas.openid.net/event/backchannel-logout": {}}));
        assert!(token["jti"].as_str().unwrap().len() >= 22);
    }
}

#[tokio::test]
async fn d61_a_logout_token_is_no_other_token() {
    let app = TestApp::with(&[LOOPBACK]).await;
    let receiver = Receiver::start(&[]).await;
    let client = client_at(&app, &receiver).await;
    let user = app.user("alice").await;
    let mut browser = app.browser();
    app.tokens_for(&mut browser, &client, &user, &AuthRequest::of(&client)).await;
    sessions::end_all(&app.app.accounts, user.user.id).await.unwrap();
    app.app.logouts.round().await;
    let token = receiver.tokens().remove(0);
    assert!(!app.is_alive(&token).await);
    assert_eq!(app.introspect(&client, &token).await, json!({"active": false}));
    assert_eq!(app.refresh(&client, &token).await.text("error"), "invalid_grant");
    let mut other = app.browser();
    other.sign_in_for_account(&user).await;
    let page = other.get(&format!("/end-session?{}", form(&[("id_token_hint", &token)]))).await;
    assert_eq!(page.kind(), Some("logout"), "as a hint it proves nothing");
}

/// A way to end the session that `tokens` came from.
async fn end(app: &TestApp, way: &str, user: &TestUser, tokens: &Tokens, browser: &mut Browser) {
    let accounts = &app.app.accounts;
    let sid = claims(&tokens.id)["sid"].as_str().unwrap().to_owned();
    match way {
        "with a hint" => {
            browser.get(&format!("/end-session?{}", form(&[("id_token_hint", &tokens.id)]))).await;
        }
        "confirmed" => {
            let page = browser.get("/end-session").await;
            browser.submit(&page, &[("decision", "sign-out")]).await;
        }
        "on the account page" => {
            post_on_account(browser, &format!("/account/sessions/{sid}/end")).await;
        }
        "from another device" => {
            assert!(sessions::end_one(accounts, user.user.id, sid.parse().unwrap()).await.unwrap());
        }
        "all others" => {
            let mut other = app.browser();
            other.sign_in_for_account(user).await;
            post_on_account(&mut other, "/account/sessions/end-others").await;
        }
        "all" => drop(sessions::end_all(accounts, user.user.id).await.unwrap()),
        "another person signs in" => {
            let other = app.user("bob").await;
            let client = client_with(app, |_| ()).await;
            let page = browser.get(&AuthRequest::of(&client).set("prompt", "select_account").url()).await;
            browser.sign_in(&page, &other.email, PASSWORD).await;
        }
        "another password" => {
            let mut other = app.browser();
            other.sign_in_for_account(user).await;
            let page = other.get("/account/password").await;
            let fields = [("current_password", PASSWORD), ("new_password", NEW), ("repeat_password", NEW)];
            other.submit(&page, &fields).await;
        }
        "an operator's password" => {
            people::set_password(accounts, &user.user, Secret::new(NEW.to_owned())).await.unwrap();
        }
        "disabled" => people::set_status(accounts, &user.user, UserStatus::Disabled).await.unwrap(),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn whichever_way_a_session_ends_its_clients_learn_of_it() {
    let ways = [
        "with a hint",
        "confirmed",
        "on the account page",
        "from another device",
        "all others",
        "all",
        "another person signs in",
        "another password",
        "an operator's password",
        "disabled",
    ];
    for app in TestApp::on_all_engines(&[LOOPBACK]).await {
        for (number, way) in ways.into_iter().enumerate() {
            if app.engine != "sqlite" && !["with a hint", "all others", "disabled"].contains(&way) {
                continue;
            }
            let receiver = Receiver::start(&[]).await;
            let client = client_at(&app, &receiver).await;
            let silent = client_with(&app, |_| ()).await;
            let user = app.user(&format!("person{number}")).await;
            let mut browser = app.browser();
            let tokens = app.tokens_for(&mut browser, &client, &user, &AuthRequest::of(&client)).await;
            app.tokens_for(&mut browser, &silent, &user, &AuthRequest::of(&silent)).await;
            end(&app, way, &user, &tokens, &mut browser).await;
            let tally = app.app.logouts.round().await;
            assert_eq!(tally, Tally { delivered: 1, ..Tally::default() }, "{}: {way}", app.engine);
            let token = verified(&app, &receiver.tokens()[0]).await;
            assert_eq!(token["sid"], claims(&tokens.id)["sid"], "{}: {way}", app.engine);
            assert_eq!(app.app.logouts.round().await, Tally::default(), "{}: {way}: once", app.engine);
        }
    }
}

#[tokio::test]
async fn a_forgotten_password_ends_sessions_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let app =
        TestApp::with(&[LOOPBACK, ("GUICHET_MAIL__FOLDER", path), ("GUICHET_MAIL__FROM", "no-reply@op.test")]).await;
    let receiver = Receiver::start(&[]).await;
    let client = client_at(&app, &receiver).await;
    let user = app.user("alice").await;
    app.tokens(&client, &user).await;
    let mut browser = app.browser();
    let page = browser.get("/password-reset").await;
    browser.submit(&page, &[("email", &user.email)]).await;
    recovery::answer_all(&app.app.accounts).await.unwrap();
    app.app.mail.as_ref().unwrap().round().await;
    let mail = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let mail = std::fs::read_to_string(mail).unwrap().replace("=\r\n", "");
    let token: String = mail
        .split("/password-reset/")
        .nth(1)
        .unwrap()
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c))
        .collect();
    let page = browser.get(&format!("/password-reset/{token}")).await;
    browser.submit(&page, &[("new_password", NEW), ("repeat_password", NEW)]).await;
    assert_eq!(app.app.logouts.round().await, Tally { delivered: 1, ..Tally::default() });
}

#[tokio::test]
async fn only_clients_of_the_session_learn_of_its_end() {
    let app = TestApp::with(&[LOOPBACK]).await;
    let (here, there) = (Receiver::start(&[]).await, Receiver::start(&[]).await);
    let (client, elsewhere) = (client_at(&app, &here).await, client_at(&app, &there).await);
    let gone = client_at(&app, &there).await;
    let user = app.user("alice").await;
    let (mut one, mut two) = (app.browser(), app.browser());
    let first = app.tokens_for(&mut one, &client, &user, &AuthRequest::of(&client)).await;
    let again = app.tokens_for(&mut one, &client, &user, &AuthRequest::of(&client)).await;
    assert_eq!(claims(&first.id)["sid"], claims(&again.id)["sid"]);
    app.tokens_for(&mut two, &elsewhere, &user, &AuthRequest::of(&elsewhere)).await;
    // A client that gave its tokens back has ended its part by itself.
    let given_back = app.tokens_for(&mut one, &gone, &user, &AuthRequest::of(&gone)).await;
    assert_eq!(app.revoke(&gone, &given_back.refresh).await.status, 200);
    one.get(&format!("/end-session?{}", form(&[("id_token_hint", &first.id)]))).await;
    assert_eq!(app.app.logouts.round().await, Tally { delivered: 1, ..Tally::default() }, "one, for two grants");
    assert_eq!((here.tokens().len(), there.tokens().len()), (1, 0));
}

#[tokio::test]
async fn tokens_that_ended_before_do_not_hide_the_session() {
    let app = TestApp::with(&[LOOPBACK]).await;
    let receiver = Receiver::start(&[]).await;
    let client = client_at(&app, &receiver).await;
    let user = app.user("alice").await;
    let mut browser = app.browser();
    let tokens = app.tokens_for(&mut browser, &client, &user, &AuthRequest::of(&client)).await;
    // The password changes in this browser: its session stays, its grants end. The client may still have its own session.
    let page = browser.get("/account/password").await;
    let fields = [("current_password", PASSWORD), ("new_password", NEW), ("repeat_password", NEW)];
    browser.submit(&page, &fields).await;
    assert_eq!(app.app.logouts.round().await, Tally::default());
    browser.get(&format!("/end-session?{}", form(&[("id_token_hint", &tokens.id)]))).await;
    assert_eq!(app.app.logouts.round().await, Tally { delivered: 1, ..Tally::default() });
}

#[tokio::test]
async fn signing_out_tells_at_once_and_does_not_wait_for_a_slow_client() {
    let app = TestApp::with(&[LOOPBACK]).await;
    app.start_jobs();
    let user = app.user("alice").await;
    for (replies, waits) in [(&[][..], false), (&[super::Reply::Hang][..], true)] {
        let receiver = Receiver::start(replies).await;
        let client: TestClient = client_at(&app, &receiver).await;
        let mut browser = app.browser();
        let tokens = app.tokens_for(&mut browser, &client, &user, &AuthRequest::of(&client)).await;
        let pairs = [("id_token_hint", tokens.id.as_str()), ("post_logout_redirect_uri", "https://app.example/bye")];
        let begun = std::time::Instant::now();
        let end = browser.get(&format!("/end-session?{}", form(&pairs))).await;
        assert_eq!(end.answer.location(), Some("https://app.example/bye"));
        assert!(begun.elapsed().as_secs() < 3, "{:?}", begun.elapsed());
        receiver.wait_for(1).await;
        let records = app.store().read().await.unwrap().logout_notices(false, 10).await.unwrap();
        let own = records.iter().find(|record| record.client_id == client.id()).unwrap();
        assert_eq!(own.due_at.is_some(), waits, "{own:?}");
    }
}
