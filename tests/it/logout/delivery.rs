//! The outbox of logout notices: what is not lost, what is tried again, what is given up, who sees it.

use std::time::{Duration, Instant};

use guichet::account::sessions;
use guichet::model::client::ClientStatus;
use guichet::model::logout::NoticeState;
use guichet::provider::logout::{PAUSES, Tally};

use super::{LOOPBACK, Receiver, Reply, client_at, client_with};
use crate::support::app::TestApp;
use crate::support::fixtures::TestClient;
use crate::support::flow::claims;

const DELIVERED: Tally = Tally { delivered: 1, refused: 0, put_off: 0, given_up: 0 };
const PUT_OFF: Tally = Tally { delivered: 0, refused: 0, put_off: 1, given_up: 0 };

/// A session of a new person with tokens of each client, ended.
async fn ended(app: &TestApp, clients: &[&TestClient]) {
    let user = app.user(&format!("person{}", app.now().micros())).await;
    app.advance(1);
    let mut browser = app.browser();
    for client in clients {
        app.tokens_for(&mut browser, client, &user, &crate::support::flow::AuthRequest::of(client)).await;
    }
    sessions::end_all(&app.app.accounts, user.user.id).await.unwrap();
}

#[tokio::test]
async fn what_a_dead_process_left_is_delivered_by_the_next() {
    for app in TestApp::on_all_engines(&[LOOPBACK]).await {
        let receiver = Receiver::start(&[]).await;
        let client = client_at(&app, &receiver).await;
        // Dead before the first attempt.
        ended(&app, &[&client]).await;
        let replica = app.replica().await;
        assert_eq!(replica.app.logouts.round().await, DELIVERED, "{}", app.engine);
        // Dead after the claim: it is found when the claim is over, not before.
        ended(&app, &[&client]).await;
        let now = app.now();
        let claimed = app.store().write("claim", move |tx| {
            Box::pin(async move { tx.claim_logout_notice(now, now.plus(Duration::from_secs(60))).await })
        });
        assert_eq!(claimed.await.unwrap().unwrap().attempt, 1, "{}", app.engine);
        assert_eq!(replica.app.logouts.round().await, Tally::default(), "{}", app.engine);
        app.advance(60);
        assert_eq!(replica.app.logouts.round().await, DELIVERED, "{}", app.engine);
        let tokens = receiver.tokens();
        assert_eq!(tokens.len(), 2, "{}", app.engine);
        assert_ne!(claims(&tokens[0])["jti"], claims(&tokens[1])["jti"], "{}", app.engine);
    }
}

#[tokio::test]
async fn an_ending_that_is_rolled_back_tells_nobody() {
    for app in TestApp::on_all_engines(&[LOOPBACK]).await {
        let receiver = Receiver::start(&[]).await;
        let client = client_at(&app, &receiver).await;
        let user = app.user("alice").await;
        let tokens = app.tokens(&client, &user).await;
        let sid: uuid::Uuid = claims(&tokens.id)["sid"].as_str().unwrap().parse().unwrap();
        let now = app.now();
        let failed: Result<(), guichet::store::StoreError> = app
            .store()
            .write("ends_and_fails", move |tx| {
                Box::pin(async move {
                    tx.end_session(sid, guichet::model::session::SessionEnd::Logout, now).await?;
                    Err(guichet::store::StoreError::SchemaTooNew)
                })
            })
            .await;
        assert!(failed.is_err());
        assert_eq!(app.app.logouts.round().await, Tally::default(), "{}", app.engine);
        assert!(app.is_alive(&tokens.access).await);
    }
}

#[tokio::test]
async fn what_fails_is_tried_again_at_growing_pauses_and_given_up_in_the_end() {
    let app = TestApp::with(&[LOOPBACK]).await;
    let receiver = Receiver::start(&[Reply::Status(503); 7]).await;
    let client = client_at(&app, &receiver).await;
    ended(&app, &[&client]).await;
    assert_eq!(app.app.logouts.round().await, PUT_OFF);
    assert!(PAUSES.is_sorted());
    for (number, pause) in PAUSES.iter().enumerate() {
        app.clock.advance(pause.saturating_sub(Duration::from_secs(1)));
        assert_eq!(app.app.logouts.round().await, Tally::default(), "not before its time");
        app.advance(1);
        let last = number + 1 == PAUSES.len();
        let expected = if last { Tally { given_up: 1, ..Tally::default() } } else { PUT_OFF };
        assert_eq!(app.app.logouts.round().await, expected, "retry {number}");
    }
    let mut jtis: Vec<String> = receiver.tokens().iter().map(|token| claims(token)["jti"].to_string()).collect();
    jtis.sort();
    jtis.dedup();
    assert_eq!(jtis.len(), PAUSES.len() + 1, "each attempt has a token of its own");
    let record = app.store().read().await.unwrap().logout_notices(true, 10).await.unwrap().remove(0);
    assert_eq!((record.state, record.last_status), (NoticeState::GivenUp, Some(503)));
    assert_eq!(record.last_error.as_deref(), Some("the client answered 503"));
    app.advance(1_000_000);
    assert_eq!(app.app.logouts.round().await, Tally::default(), "nothing is left");
}

#[tokio::test]
async fn each_answer_is_read_as_it_is_meant() {
    let app = TestApp::with(&[LOOPBACK]).await;
    let refused = Tally { refused: 1, ..Tally::default() };
    let code = r#"{"error":"invalid_request","error_description":"secret"}"#;
    for (reply, expected, error) in [
        (Reply::Status(200), DELIVERED, None),
        (Reply::Status(204), DELIVERED, None),
        (Reply::Refuse(""), refused, Some("refused")),
        (Reply::Refuse(code), refused, Some("refused: invalid_request")),
        (Reply::Status(302), PUT_OFF, Some("the client answered 302")),
        (Reply::Status(404), PUT_OFF, Some("the client answered 404")),
        (Reply::Status(500), PUT_OFF, Some("the client answered 500")),
    ] {
        let receiver = Receiver::start(&[reply]).await;
        let client = client_at(&app, &receiver).await;
        ended(&app, &[&client]).await;
        assert_eq!(app.app.logouts.round().await, expected, "{reply:?}");
        let records = app.store().read().await.unwrap().logout_notices(false, 10).await.unwrap();
        let own = records.into_iter().find(|record| record.client_id == client.id()).unwrap();
        assert_eq!(own.last_error.as_deref(), error, "{reply:?}");
        assert_eq!(own.settled_at.is_some(), expected != PUT_OFF, "{reply:?}");
    }
}

#[tokio::test]
async fn a_client_that_hangs_delays_no_other() {
    let app = TestApp::with(&[LOOPBACK]).await;
    let (slow, quick) = (Receiver::start(&[Reply::Hang; 3]).await, Receiver::start(&[]).await);
    let hanging = [client_at(&app, &slow).await, client_at(&app, &slow).await, client_at(&app, &slow).await];
    let good = client_at(&app, &quick).await;
    ended(&app, &[&hanging[0], &hanging[1], &hanging[2], &good]).await;
    let begun = Instant::now();
    assert_eq!(app.app.logouts.round().await, Tally { delivered: 1, put_off: 3, ..Tally::default() });
    assert!(begun.elapsed() < Duration::from_secs(9), "each has five seconds, at the same time: {:?}", begun.elapsed());
    let records = app.store().read().await.unwrap().logout_notices(true, 10).await.unwrap();
    assert_eq!(records.len(), 3);
    assert!(records.iter().all(|record| record.last_error.as_deref() == Some("no answer in time")), "{records:?}");
}

#[tokio::test]
async fn a_private_address_is_not_called() {
    let app = TestApp::start().await;
    let receiver = Receiver::start(&[]).await;
    for uri in [receiver.uri().replace("http:", "https:"), "https://10.0.0.1/out".to_owned()] {
        let client = client_with(&app, |metadata| metadata.backchannel_logout_uri = Some(uri)).await;
        ended(&app, &[&client]).await;
        assert_eq!(app.app.logouts.round().await, PUT_OFF);
        let records = app.store().read().await.unwrap().logout_notices(true, 10).await.unwrap();
        let own = records.into_iter().find(|record| record.client_id == client.id()).unwrap();
        assert!(own.last_error.unwrap().contains("private address"));
    }
    assert_eq!(receiver.requests().len(), 0);
}

#[tokio::test]
async fn rivals_deliver_each_notice_once() {
    for app in TestApp::on_all_engines(&[LOOPBACK]).await {
        let replica = app.replica().await;
        let receiver = Receiver::start(&[]).await;
        let mut clients = Vec::new();
        for _ in 0..8 {
            clients.push(client_at(&app, &receiver).await);
        }
        let all: Vec<&TestClient> = clients.iter().collect();
        ended(&app, &all).await;
        let (first, second) = tokio::join!(app.app.logouts.round(), replica.app.logouts.round());
        assert_eq!(first.delivered + second.delivered, 8, "{}: {first:?} {second:?}", app.engine);
        let mut told: Vec<String> = receiver.tokens().iter().map(|token| claims(token)["aud"].to_string()).collect();
        told.sort();
        told.dedup();
        assert_eq!((told.len(), receiver.requests().len()), (8, 8), "{}", app.engine);
    }
}

#[tokio::test]
async fn a_late_answer_does_not_overwrite_a_later_attempt() {
    let app = TestApp::with(&[LOOPBACK]).await;
    let receiver = Receiver::start(&[]).await;
    let client = client_at(&app, &receiver).await;
    ended(&app, &[&client]).await;
    let now = app.now();
    let late = app.store().write("claim", move |tx| {
        Box::pin(async move { tx.claim_logout_notice(now, now.plus(Duration::from_secs(60))).await })
    });
    let late = late.await.unwrap().unwrap();
    app.advance(60);
    assert_eq!(app.app.logouts.round().await, DELIVERED);
    let failed = guichet::model::logout::NoticeAttempt {
        state: NoticeState::Waiting,
        at: app.now(),
        due_at: Some(app.now()),
        status: None,
        error: Some("no answer in time".to_owned()),
    };
    let settled =
        app.store().write("settle", move |tx| Box::pin(async move { tx.settle_logout_notice(&late, &failed).await }));
    settled.await.unwrap();
    let record = app.store().read().await.unwrap().logout_notices(false, 10).await.unwrap().remove(0);
    assert_eq!(record.state, NoticeState::Delivered);
}

#[tokio::test]
async fn a_client_that_is_disabled_meanwhile_is_not_told() {
    let app = TestApp::with(&[LOOPBACK]).await;
    let receiver = Receiver::start(&[]).await;
    let (client, removed) = (client_at(&app, &receiver).await, client_at(&app, &receiver).await);
    ended(&app, &[&client, &removed]).await;
    let (key, gone, now) = (client.client.key, removed.client.key, app.now());
    app.store()
        .write("disable", move |tx| {
            Box::pin(async move {
                tx.delete_client(gone).await?;
                tx.set_client_status(key, ClientStatus::Disabled, now).await
            })
        })
        .await
        .unwrap();
    assert_eq!(app.app.logouts.round().await, Tally { given_up: 1, ..Tally::default() });
    assert_eq!(receiver.requests().len(), 0);
}

#[tokio::test]
async fn settled_notices_go_after_a_week_and_waiting_ones_stay() {
    for app in TestApp::on_all_engines(&[LOOPBACK]).await {
        let (good, bad) = (Receiver::start(&[]).await, Receiver::start(&[Reply::Status(500)]).await);
        let (told, waiting) = (client_at(&app, &good).await, client_at(&app, &bad).await);
        ended(&app, &[&told, &waiting]).await;
        app.app.logouts.round().await;
        for (seconds, left) in [(7 * 24 * 3_600 - 1, 2), (2, 1)] {
            app.advance(seconds);
            let now = app.now();
            app.store()
                .write("clean", move |tx| {
                    Box::pin(async move { tx.delete_expired(now, Duration::from_secs(43_200), 100).await })
                })
                .await
                .unwrap();
            let records = app.store().read().await.unwrap().logout_notices(false, 10).await.unwrap();
            assert_eq!(records.len(), left, "{}", app.engine);
        }
    }
}

#[tokio::test]
async fn operators_see_what_became_of_them() {
    let app = TestApp::with(&[LOOPBACK]).await;
    let (good, bad) = (Receiver::start(&[]).await, Receiver::start(&[Reply::Status(500)]).await);
    let (told, waiting) = (client_at(&app, &good).await, client_at(&app, &bad).await);
    ended(&app, &[&told, &waiting]).await;
    app.app.logouts.round().await;
    let page = app.app.metrics.encode();
    for line in
        ["guichet_logout_notices_total{outcome=\"delivered\"} 1", "guichet_logout_notices_total{outcome=\"put_off\"} 1"]
    {
        assert!(page.lines().any(|found| found == line), "{line}\n{page}");
    }
    let failed = app.store().read().await.unwrap().logout_notices(true, 10).await.unwrap();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].client_id, waiting.id());
}
