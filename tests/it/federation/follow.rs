//! Sessions follow those of the upstream they stand on.

use guichet::federation::follow::{self, Tally};
use guichet::simulation::{Failure, Fault, Kind, Stage};

use crate::support::app::{START, TestApp};
use crate::support::flow::{AuthRequest, Tokens, param};
use crate::support::simulated::Simulated;

fn wait(there: &Simulated, app: &TestApp, seconds: u64) {
    app.advance(seconds);
    there.clock.advance(std::time::Duration::from_secs(seconds));
}

async fn round(app: &TestApp) -> (usize, usize, usize) {
    let Tally { stand, ended, unknown } = follow::round(&app.app.federation).await.unwrap();
    (stand, ended, unknown)
}

#[tokio::test]
async fn when_the_session_there_is_over_ours_ends_with_its_grants() {
    let there = Simulated::start(Kind::ProSanteConnect).await;
    let environment = there.environment(&[("FOLLOW_SESSION", "10m")]);
    let mut pairs: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    pairs.push(("GUICHET_SESSIONS__IDLE", "12h"));
    for app in TestApp::on_all_engines(&pairs).await {
        let engine = app.engine;
        there.clock.set(START);
        let client = app.client().first_party().create().await;
        let request = AuthRequest::of(&client).set("idp_hint", there.name);
        let (mut doctor, mut nurse) = (app.browser(), app.browser());
        let end = there.sign_in(&mut doctor, &request.url(), "medecin", None).await;
        let tokens = Tokens::of(app.redeem(&client, &param(&end.answer, "code").unwrap()).await);
        there.sign_in(&mut nurse, &there.start_path(), "infirmiere", None).await;
        assert_eq!(round(&app).await, (0, 0, 0), "{engine}: nothing is due");
        // Both stand, hour after hour: each use brings the next refresh token, and keeps the session there awake.
        for _ in 0..9 {
            wait(&there, &app, 600);
            assert_eq!(round(&app).await, (2, 0, 0), "{engine}");
            assert_eq!(round(&app).await, (0, 0, 0), "{engine}: asked once, not twice");
        }
        assert_eq!(doctor.get("/account").await.kind(), Some("account"), "{engine}");
        // The doctor's session there ends.
        there.post("/simulation/back-channel-logout", &[("national_id", "899700123450")]).await;
        wait(&there, &app, 600);
        assert_eq!(round(&app).await, (1, 1, 0), "{engine}");
        assert_ne!(doctor.get("/account").await.kind(), Some("account"), "{engine}");
        assert!(!app.is_alive(&tokens.access).await, "{engine}");
        let refreshed = app.refresh(&client, &tokens.refresh).await;
        assert_eq!(refreshed.json()["error"], "invalid_grant", "{engine}: {refreshed:?}");
        assert_eq!(nurse.get("/account").await.kind(), Some("account"), "{engine}");
        // No session there outlives four hours.
        for _ in 0..15 {
            wait(&there, &app, 600);
            round(&app).await;
        }
        assert_ne!(nurse.get("/account").await.kind(), Some("account"), "{engine}");
    }
}

#[tokio::test]
async fn an_upstream_in_trouble_ends_nobodys_session() {
    let there = Simulated::start(Kind::ProSanteConnect).await;
    let app = there.app_with(&[("FOLLOW_SESSION", "1m")]).await;
    let mut browser = app.browser();
    there.sign_in(&mut browser, &there.start_path(), "medecin", None).await;
    for (stage, fault, expected) in [
        (Stage::Token, Fault::Status500, (0, 0, 1)),
        (Stage::Token, Fault::Html, (0, 0, 1)),
        (Stage::Token, Fault::InvalidClient, (0, 0, 1)),
        // The used refresh token is gone, and the new one is kept.
        (Stage::IdToken, Fault::BadSignature, (1, 0, 0)),
        (Stage::IdToken, Fault::Missing, (1, 0, 0)),
    ] {
        there.control.fail(Failure::at(stage, fault), None);
        wait(&there, &app, 61);
        assert_eq!(round(&app).await, expected, "{stage:?} {fault:?}");
        assert_eq!(browser.get("/account").await.kind(), Some("account"), "{stage:?} {fault:?}");
        there.control.recover();
    }
    wait(&there, &app, 61);
    assert_eq!(round(&app).await, (1, 0, 0));
    // Another person behind the token is nobody's session.
    there.control.fail(Failure::at(Stage::IdToken, Fault::OtherSubject), None);
    wait(&there, &app, 61);
    assert_eq!(round(&app).await, (0, 1, 0));
    assert_ne!(browser.get("/account").await.kind(), Some("account"));
}

#[tokio::test]
async fn nobody_is_asked_unless_it_is_configured_and_only_for_sessions_that_are_alive() {
    let there = Simulated::start(Kind::ProSanteConnect).await;
    let app = there.app().await;
    there.sign_in(&mut app.browser(), &there.start_path(), "medecin", None).await;
    wait(&there, &app, 3_600);
    let before = there.control.calls()["token"];
    assert_eq!(round(&app).await, (0, 0, 0));
    let app = there.app_with(&[("FOLLOW_SESSION", "1m")]).await;
    there.clock.set(START);
    let mut browser = app.browser();
    there.sign_in(&mut browser, &there.start_path(), "medecin", None).await;
    let user = app.store().read().await.unwrap().list_users(None, 1, None).await.unwrap().remove(0);
    guichet::account::sessions::end_all(&app.app.accounts, user.id).await.unwrap();
    wait(&there, &app, 3_600);
    assert_eq!(round(&app).await, (0, 0, 0));
    assert_eq!(there.control.calls()["token"], before + 1, "the sign-in alone");
    // Nothing is kept of the tokens of a session that is over.
    let sid = {
        let mut conn = app.store().read().await.unwrap();
        let identity = conn.identities_of(user.id).await.unwrap().remove(0);
        conn.sessions_of_upstream(there.name, &identity.key.issuer, Some(&identity.key.subject), None)
            .await
            .unwrap()
            .remove(0)
    };
    let now = app.now();
    app.store()
        .write("clean", move |tx| {
            Box::pin(async move { tx.delete_expired(now, std::time::Duration::from_secs(43_200), 100).await })
        })
        .await
        .unwrap();
    let left = app.store().read().await.unwrap().upstream_session(sid).await.unwrap().expect("the row");
    assert!(left.id_token.is_none() && left.refresh_token.is_none());
}

#[tokio::test]
async fn the_next_logout_shows_the_new_id_token() {
    let there = Simulated::start(Kind::ProSanteConnect).await;
    let app = there.app_with(&[("FOLLOW_SESSION", "1m")]).await;
    let mut browser = app.browser();
    there.sign_in(&mut browser, &there.start_path(), "medecin", None).await;
    let user = app.store().read().await.unwrap().list_users(None, 1, None).await.unwrap().remove(0);
    let token = async || {
        let mut conn = app.store().read().await.unwrap();
        let session = conn.sessions_of(user.id).await.unwrap().remove(0);
        conn.upstream_session(session.sid).await.unwrap().unwrap().id_token.expect("an ID token")
    };
    let before = token().await;
    wait(&there, &app, 600);
    assert_eq!(round(&app).await, (1, 0, 0));
    assert_ne!(token().await, before);
    let page = browser.get("/end-session").await;
    let page = browser.submit(&page, &[]).await;
    // A stop on the way: no redirect behind a form, whose page's policy would be held against it.
    assert_eq!((page.kind(), page.answer.status.as_u16()), (Some("signed-out"), 200), "{page:?}");
    let there_url = format!("href=\"{}", there.control.url());
    assert!(page.answer.body.contains(&there_url) && page.answer.body.contains("id_token_hint="), "{page:?}");
    assert!(browser.cookie("session").is_none());
}
