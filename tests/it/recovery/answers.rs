//! Item 95: the same words, status, work and time for every address; and the limits.

use axum::http::StatusCode;
use guichet::account::people::{self, NewPerson};
use guichet::account::recovery;
use guichet::audit::{Action, Outcome};
use guichet::model::user::UserStatus;
use tempfile::TempDir;

use super::links::records;
use super::{Office, ask, read};
use crate::support::app::TestApp;
use crate::support::stores::all_options;

/// An application with a mail folder for each combination of engines that is there.
pub(super) async fn offices_on_all_engines() -> Vec<(TestApp, TempDir)> {
    let mut all = Vec::new();
    for (engine, options) in all_options().await {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_str().expect("a name").to_owned();
        let own = [("GUICHET_MAIL__FOLDER", path.as_str()), ("GUICHET_MAIL__FROM", "no-reply@op.test")];
        all.push((TestApp::over(engine, options, &own).await, folder));
    }
    all
}

#[tokio::test]
async fn f95_known_unknown_disabled_and_passwordless_accounts_answer_alike() {
    let office = Office::open().await;
    let accounts = &office.app.app.accounts;
    let known = office.app.user("known").await;
    let disabled = office.app.user("disabled").await;
    people::set_status(accounts, &disabled.user, UserStatus::Disabled).await.unwrap();
    let federated = NewPerson { email: "federated@example.test".to_owned(), ..NewPerson::default() };
    let federated = people::create(accounts, federated).await.unwrap();

    let mut browser = office.app.browser();
    let page = browser.get("/password-reset").await;
    let mut answers = Vec::new();
    for email in [&known.email, "nobody@example.test", &disabled.email, &federated.email] {
        let before = office.app.store().writer_stats().jobs;
        let answer = browser.submit_once(&page, &[("email", email)]).await;
        let work = office.app.store().writer_stats().jobs - before;
        answers.push((email, answer.status, answer.headers.len(), answer.body, work));
        assert_eq!(read(office.folder.path()).len(), 0, "no mail is written while the browser waits");
    }
    for answer in &answers {
        assert_eq!(answer.1, StatusCode::OK, "{}", answer.0);
        assert_eq!((&answer.2, &answer.3, answer.4), (&answers[0].2, &answers[0].3, answers[0].4), "{}", answer.0);
    }

    let mails = office.mails().await;
    assert_eq!(mails.len(), 1, "one of them gets a link");
    assert!(mails[0].is_to(&known.email));
    let mut outcomes = records(&office.app, Action::PasswordResetRequested).await;
    outcomes.sort_by_key(|(_, subject)| subject.clone());
    assert_eq!(outcomes.iter().filter(|(outcome, _)| *outcome == Outcome::Success).count(), 1);
    assert!(outcomes.contains(&(Outcome::Success, Some(known.user.uuid.to_string()))));
    assert!(outcomes.contains(&(Outcome::Failure, None)), "the name of nobody is kept");
}

#[tokio::test]
async fn f95_a_link_goes_to_the_account_s_own_address() {
    let office = Office::open().await;
    let user = office.app.user("alice").await;
    ask(&mut office.app.browser(), " ALICE@Example.TEST ").await;
    ask(&mut office.app.browser(), "alice@example.test,eve@evil.test").await;
    ask(&mut office.app.browser(), "alice@example.test\r\nBcc: eve@evil.test").await;
    let mails = office.mails().await;
    assert_eq!(mails.len(), 1);
    assert!(mails[0].is_to(&user.email) && !mails[0].0.contains("evil"), "{mails:?}");
}

#[tokio::test]
async fn f95_what_is_no_address_is_said_so_for_all() {
    let office = Office::open().await;
    for (typed, words) in [("", "Enter your"), ("   ", "Enter your"), ("alice", "incomplete"), ("a@b@", "incomplete")] {
        let mut browser = office.app.browser();
        browser.headers.push(("accept-language".to_owned(), "en".to_owned()));
        let page = ask(&mut browser, typed).await;
        assert_eq!(page.answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{typed:?}");
        assert!(page.answer.body.contains(words), "{typed:?}: {page:?}");
    }
    let long = format!("{}@example.test", "a".repeat(2_000));
    assert_eq!(ask(&mut office.app.browser(), &long).await.answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!office.app.store().read().await.unwrap().has_reset_request().await.unwrap());
}

#[tokio::test]
async fn f95_limits_count_known_and_unknown_alike_and_leave_sign_in_alone() {
    let office = Office::with(&[("GUICHET_RATE_LIMITS__LOGIN", "3/1m")]).await;
    let user = office.app.user("alice").await;
    for email in [user.email.as_str(), "nobody@example.test"] {
        office.app.advance(60);
        for _ in 0..3 {
            assert_eq!(ask(&mut office.app.browser(), email).await.answer.status, StatusCode::OK, "{email}");
        }
        let refused = ask(&mut office.app.browser(), &email.to_uppercase()).await.answer;
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{email}: aliases share one counter");
        assert_eq!(refused.header("retry-after"), Some("60"), "{email}");
    }
    assert!(office.signs_in(&user, crate::support::fixtures::PASSWORD).await);
    // However slowly they come, a mailbox gets ten an hour.
    office.app.advance(3_600);
    let mut sent = 0;
    for _ in 0..12 {
        office.app.advance(61);
        sent += u32::from(ask(&mut office.app.browser(), &user.email).await.answer.status == StatusCode::OK);
    }
    assert_eq!(sent, 10);
}

#[tokio::test]
async fn f95_where_no_mail_leaves_nothing_is_offered() {
    let app = TestApp::start().await;
    let user = app.user("alice").await;
    assert_eq!(app.get("/password-reset").await.status, StatusCode::NOT_FOUND);
    assert!(!app.browser().get("/sign-in").await.answer.body.contains("/password-reset"));
    let mut browser = app.browser();
    let page = browser.get("/sign-in").await;
    let csrf = page.form().fields.iter().find(|(name, _)| name == "csrf").unwrap().1.clone();
    let posted = browser.post_once("/password-reset", &[("csrf", csrf.as_str()), ("email", &user.email)]).await;
    assert_eq!(posted.status, StatusCode::NOT_FOUND);
    assert!(!app.store().read().await.unwrap().has_reset_request().await.unwrap());

    let office = Office::open().await;
    let offered = office.app.browser().get("/sign-in").await;
    assert!(offered.answer.body.contains("href=\"/password-reset\""), "{offered:?}");
}

#[tokio::test]
async fn what_waits_is_sealed() {
    let office = Office::open().await;
    let user = office.app.user("alice").await;
    let data = office.app.options.database_url.expose().strip_prefix("sqlite://").unwrap().to_owned();
    ask(&mut office.app.browser(), "somebody.unknown@example.test").await;
    ask(&mut office.app.browser(), &user.email).await;
    assert!(!holds_text(&data, "somebody.unknown"), "a question");
    assert_eq!(recovery::answer_all(&office.app.app.accounts).await.unwrap(), 2);
    assert!(office.app.store().read().await.unwrap().has_due_mail(office.app.now()).await.unwrap());
    assert!(!holds_text(&data, "gpr_") && !holds_text(&data, "password-reset/"), "a link");
    assert!(holds_text(&data, &user.email), "the test looks at the right files");
}

/// Whether the database's files hold this text.
fn holds_text(path: &str, text: &str) -> bool {
    ["", "-wal"].iter().any(|end| {
        let bytes = std::fs::read(format!("{path}{end}")).unwrap_or_default();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}
