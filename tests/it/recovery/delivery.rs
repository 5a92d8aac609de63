//! What the person is told, and that it arrives: once, later when the way is blocked, from whichever process.

use std::time::Duration;

use axum::http::StatusCode;
use guichet::account::people;
use guichet::base::Secret;
use guichet::mail::{RETRIES, Tally};

use super::{NEW, OTHER, Office, ask, choose, is_done, read};
use crate::support::fixtures::PASSWORD;

#[tokio::test]
async fn f90_every_change_of_a_password_is_told_by_mail() {
    let office = Office::open().await;
    let user = office.app.user("alice").await;
    let mut browser = office.app.browser();
    browser.headers.push(("accept-language".to_owned(), "en".to_owned()));
    browser.headers.push(("user-agent".to_owned(), "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0".to_owned()));
    browser.sign_in_for_account(&user).await;
    let page = browser.get("/account/password").await;
    let fields = [("current_password", PASSWORD), ("new_password", NEW), ("repeat_password", NEW)];
    assert_eq!(browser.submit_once(&page, &fields).await.status, StatusCode::SEE_OTHER);
    let mails = office.mails().await;
    assert_eq!(mails.len(), 1);
    assert!(mails[0].is_to(&user.email) && mails[0].is_notice(), "{mails:?}");
    assert!(mails[0].0.contains("Device: Firefox on Windows"), "{mails:?}");

    people::set_password(&office.app.app.accounts, &user.user, Secret::new(OTHER.to_owned())).await.unwrap();
    let mails = office.mails().await;
    assert_eq!(mails.len(), 2, "an operator's change");
    assert!(mails[1].is_notice() && !mails[1].0.contains("Appareil"), "{mails:?}");

    let link = office.link(&user.email).await;
    assert!(is_done(&choose(&office.app, &link, NEW).await));
    let mails = office.mails().await;
    assert_eq!(mails.iter().filter(|mail| mail.is_notice()).count(), 3, "a reset");
    assert!(mails.iter().all(|mail| !mail.0.contains(NEW) && !mail.0.contains(OTHER)));
}

#[tokio::test]
async fn a_refused_change_tells_nobody() {
    let office = Office::open().await;
    let user = office.app.user("alice").await;
    assert!(people::set_password(&office.app.app.accounts, &user.user, Secret::new("short".to_owned())).await.is_err());
    assert_eq!(office.mails().await.len(), 0);
}

#[tokio::test]
async fn a_blocked_way_is_tried_again_and_given_up_in_the_end() {
    let place = tempfile::tempdir().unwrap();
    let blocked = place.path().join("mails");
    std::fs::write(&blocked, "a file where the folder should be").unwrap();
    let environment = [("GUICHET_MAIL__FOLDER", blocked.to_str().unwrap()), ("GUICHET_MAIL__FROM", "no-reply@op.test")];
    let app = crate::support::app::TestApp::with(&environment).await;
    let (user, other) = (app.user("alice").await, app.user("bob").await);
    let job = app.app.mail.clone().unwrap();
    let set = async |user, password: &str| {
        people::set_password(&app.app.accounts, user, Secret::new(password.to_owned())).await.unwrap();
    };
    let put_off = Tally { put_off: 1, ..Tally::default() };
    set(&user.user, NEW).await;
    assert_eq!(job.round().await, put_off);
    for (number, wait) in RETRIES.iter().enumerate() {
        app.clock.advance(wait.saturating_sub(Duration::from_secs(1)));
        assert_eq!(job.round().await, Tally::default(), "not before its time");
        app.advance(1);
        let last = number + 1 == RETRIES.len();
        let expected = if last { Tally { given_up: 1, ..Tally::default() } } else { put_off };
        assert_eq!(job.round().await, expected, "retry {number}");
    }
    app.advance(1_000_000);
    assert_eq!(job.round().await, Tally::default(), "nothing is left");

    // Once the way is free, what still waits arrives.
    set(&other.user, NEW).await;
    assert_eq!(job.round().await, put_off);
    std::fs::remove_file(&blocked).unwrap();
    app.advance(60);
    assert_eq!(job.round().await, Tally { delivered: 1, ..Tally::default() });
    assert!(read(&blocked)[0].is_to(&other.email));
}

#[tokio::test]
async fn a_link_that_is_over_is_not_mailed() {
    let office = Office::open().await;
    let user = office.app.user("alice").await;
    ask(&mut office.app.browser(), &user.email).await;
    guichet::account::recovery::answer_all(&office.app.app.accounts).await.unwrap();
    office.app.advance(15 * 60);
    let tally = office.app.app.mail.as_ref().unwrap().round().await;
    assert_eq!(tally, Tally { given_up: 1, ..Tally::default() });
    assert_eq!(read(office.folder.path()).len(), 0);
}

#[tokio::test]
async fn two_processes_deliver_each_mail_once() {
    for (app, folder) in super::answers::offices_on_all_engines().await {
        let replica = app.replica().await;
        for number in 0..12 {
            let user = app.user(&format!("person{number}")).await;
            ask(&mut app.browser(), &user.email).await;
        }
        let (one, two) = (app.app.mail.clone().unwrap(), replica.app.mail.clone().unwrap());
        let mut delivered = 0;
        while delivered < 12 {
            let (first, second) = tokio::join!(one.round(), two.round());
            delivered += first.delivered + second.delivered;
            assert_eq!(first.put_off + second.put_off + first.given_up + second.given_up, 0, "{}", app.engine);
        }
        let mails = read(folder.path());
        assert_eq!(mails.len(), 12, "{}", app.engine);
        for number in 0..12 {
            let to = format!("person{number}@example.test");
            assert_eq!(mails.iter().filter(|mail| mail.is_to(&to)).count(), 1, "{}: {to}", app.engine);
        }
    }
}

#[tokio::test]
async fn the_job_delivers_by_itself() {
    let office = Office::open().await;
    let user = office.app.user("alice").await;
    office.app.start_jobs();
    ask(&mut office.app.browser(), &user.email).await;
    for _ in 0..200 {
        if !read(office.folder.path()).is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no mail within ten seconds");
}
